//! The document describes the doors as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::http::Method;
use serde_json::Value;

use super::super::error::NARROW_CODES;
use super::super::openapi::document;
use super::super::paths;
use super::world::World;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/openapi.json");

/// Returns each path of the document with its operations by method.
fn documented() -> BTreeMap<String, BTreeMap<String, Value>> {
    serde_json::from_value(document()["paths"].clone()).unwrap()
}

/// Returns the paths that are routed, without Alertmanager's, which its own document describes.
fn routed() -> BTreeSet<String> {
    // The only way to learn them: axum shows each path of a router as a string.
    let shown = format!("{:?}", paths());
    let strings = shown.split('"').skip(1).step_by(2);
    let ours = strings.filter(|it| it.starts_with('/') && !it.starts_with("/api/v2/"));
    // Pages for people are no part of the API.
    let ours = ours.filter(|it| !["/-/healthy", "/-/ready", "/l/{token}"].contains(it));
    // Two more are axum's own: they lead to the answer 404.
    let ours = ours.filter(|it| *it != "/" && !it.contains("axum_fallback"));
    ours.map(ToOwned::to_owned).collect()
}

/// Makes an address of a path: every place in it is filled in.
fn address(path: &str) -> String {
    let filled = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    filled.collect::<Vec<_>>().join("/")
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let text = format!("{:#}\n", document());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == text,
        "config/openapi.json is not what the code says; look at the difference after\n    \
         UPDATE_OPENAPI=1 cargo test --lib openapi"
    );
}

#[tokio::test]
async fn every_path_and_method_is_documented_and_every_documented_one_is_there() {
    let documented = documented();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), routed());
    let world = World::new();
    let odd = Method::from_bytes(b"BREW").unwrap();
    for (path, operations) in &documented {
        let answer = world.call(odd.clone(), &address(path), &[], "").await;
        assert_eq!(answer.status, 405, "{path}: {}", answer.text);
        let allowed = answer.headers["allow"].to_str().unwrap().to_ascii_lowercase();
        // Axum answers HEAD wherever it answers GET.
        let allowed: BTreeSet<&str> = allowed.split(',').filter(|it| *it != "head").collect();
        assert_eq!(allowed, operations.keys().map(|it| &**it).collect(), "{path}");
    }
}

#[tokio::test]
async fn every_parameter_of_a_query_is_documented() {
    let world = World::new();
    for (path, operations) in &documented() {
        for (method, operation) in operations {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let json = ("content-type", "application/json");
            let address = format!("{}?no_such_thing=1", address(path));
            if path == "/api/v1/cmdb/relations" || path.starts_with("/api/v1/cmdb/cis/{") {
                continue; // their bodies are looked at first
            }
            let answer = world.call(method, &address, &[json], "{}").await;
            let told = answer.text.split_once("expected one of ").map_or("", |(_, rest)| rest);
            let told = told.split('"').next().unwrap_or_default();
            let told: BTreeSet<&str> = told.split(", ").filter(|it| !it.is_empty()).collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let documented = parameters.filter(|it| it["in"] == "query");
            let documented = documented.map(|it| it["name"].as_str().unwrap()).collect();
            assert_eq!(told, documented, "{path}: {}", answer.text);
        }
    }
}

#[test]
fn everything_has_a_name_and_words() {
    let mut names = BTreeSet::new();
    for (path, operations) in documented() {
        for operation in operations.values() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{path}: {name} is taken");
            assert!(operation["summary"].is_string(), "{path}: no summary");
            assert!(operation.get("parameters").is_none_or(Value::is_array), "{path}: {operation}");
            for answer in operation["responses"].as_object().unwrap().values() {
                let told = answer["description"].is_string() || answer["$ref"].is_string();
                assert!(told, "{path}: {answer}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{path}: {parameter}");
            }
        }
    }
}

/// Returns the words that the sources of the doors give to refusals as their code.
fn given(dir: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            given(&path, into);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap();
        let words = program.split(".coded(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        into.extend(words.map(ToOwned::to_owned));
        // What the engine refuses: pairs of a status and a code.
        let pairs = program.split("(StatusCode::CONFLICT, \"").skip(1);
        let pairs = pairs.chain(program.split("(outdated, \"").skip(1));
        let pairs = pairs.chain(program.split("(NEVER, \"").skip(1));
        into.extend(pairs.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
}

#[test]
fn every_code_of_a_refusal_is_in_the_list() {
    let mut codes = BTreeSet::new();
    given(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/api"), &mut codes);
    let listed = NARROW_CODES.iter().map(|code| (*code).to_owned());
    assert!(codes.remove("too_many"), "it is a status's word, too");
    assert_eq!(codes, listed.collect());
}
