//! The CMDB by steps: what each change does, and what it is refused for.

use axum::http::Method;
use serde_json::json;

use super::world::{Answer, World};

const YAML: (&str, &str) = ("content-type", "application/yaml");
const JSON: (&str, &str) = ("content-type", "application/json");

const RACK: &str = "
cis:
  pdu: {class: pdu, rack: R1}
  srv-1: {class: server, rack: R1, owner: linux}
  srv-2: {class: server, rack: R1}
  web: {class: service, tier: 1, users: 900, owner: shop, labels: {service: web}}
relations: [pdu -powers-> srv-1, pdu -powers-> srv-2, srv-1 -runs-> web, srv-2 -runs-> web]";

async fn file(world: &World, method: Method, query: &str, text: &str) -> Answer {
    world.call(method, &format!("/api/v1/cmdb{query}"), &[YAML], text).await
}

async fn rack() -> World {
    let world = World::new();
    let answer = file(&world, Method::PUT, "?by=mia&file=rack.yaml", RACK).await;
    assert_eq!((answer.status, answer.at("/version")), (200, "1".into()), "{}", answer.text);
    world
}

/// The whole CMDB as YAML.
async fn held(world: &World) -> String {
    unseen(&world.get("/api/v1/cmdb/export").await.text)
}

/// Leaves out when relations were confirmed, which is whenever the test runs.
fn unseen(text: &str) -> String {
    text.lines()
        .map(|line| {
            let cut = line
                .split_once(", seen_at: ")
                .and_then(|(head, tail)| Some((head, tail.split_once('}')?.1)));
            cut.map_or_else(|| format!("{line}\n"), |(head, tail)| format!("{head}}}{tail}\n"))
        })
        .collect()
}

#[tokio::test]
async fn a_merge_adds_and_a_replacement_removes() {
    let world = rack().await;
    let changes =
        "{cis: {srv-1: {owner: dc}, vm: {class: vm}}, relations: [vm -hosted_on-> srv-1]}";
    for (method, query) in [(Method::POST, ""), (Method::PUT, "?mode=merge")] {
        let merged = file(&world, method, query, changes).await;
        assert_eq!((merged.status, merged.at("/cis")), (200, "5".into()), "{}", merged.text);
    }
    let ci = world.get("/api/v1/cmdb/cis/srv-1").await;
    assert_eq!((ci.at("/attributes/owner"), ci.at("/attributes/rack")), ("dc".into(), "R1".into()));
    let removed = file(&world, Method::POST, "", "remove: {cis: [vm]}").await;
    assert_eq!((removed.at("/cis"), removed.at("/removed")), ("4".into(), "2".into()));
    let whole = file(&world, Method::PUT, "", RACK).await;
    assert_eq!(whole.at("/difference").lines().next().unwrap_or_default().matches('1').count(), 1);
    let bad = file(&world, Method::POST, "?mode=append", changes).await;
    assert_eq!(
        (bad.status, bad.at("/message")),
        (400, "mode is `append`, must be replace or merge".into())
    );
}

#[tokio::test]
async fn much_goes_only_when_its_number_is_said() {
    let world = World::new();
    let cis: Vec<String> = (0..20).map(|i| format!("c{i:02}: {{class: vm}}")).collect();
    let text = |count: usize| format!("cis: {{{}}}", cis[..count].join(", "));
    file(&world, Method::PUT, "", &text(20)).await;
    for (count, query, status, left) in [
        (9, "", 409, "20"),
        (9, "?expect_removed=10", 409, "20"),
        (9, "?expect_removed=11&dry_run=true", 200, "20"),
        (9, "?expect_removed=11", 200, "9"),
        // Ten may go without a word, but not when another number was meant.
        (1, "?expect_removed=7", 409, "9"),
        (1, "", 200, "1"),
    ] {
        let answer = file(&world, Method::PUT, query, &text(count)).await;
        assert_eq!(answer.status, status, "{count} {query}: {}", answer.text);
        assert_eq!(world.get("/api/v1/cmdb").await.at("/cis"), left, "{count} {query}");
    }
    let text = "cis: {x: {class: vm}}";
    file(&world, Method::PUT, "", RACK).await;
    let refused = file(&world, Method::PUT, "?expect_removed=1", text).await;
    assert_eq!(
        refused.at("/message"),
        "this removes 8 of 8 CIs and relations; \
         if that is meant, say so with expect_removed=8 (--expect-removed 8)"
    );
    assert!(refused.at("/problems/0/text").starts_with("+ 1 CIs    - 4 CIs"), "{}", refused.text);
}

#[tokio::test]
async fn a_difference_says_what_would_break_and_changes_nothing() {
    let world = rack().await;
    let before = held(&world).await;
    let text = "{cis: {srv-1: {class: server}, srv-2: {class: server}, web: {class: service}}, \
                 relations: [srv-1 -runs-> web, srv-1 -depends_on-> srv-2, srv-2 -depends_on-> srv-1]}";
    let answer = world.call(Method::POST, "/api/v1/cmdb/diff?file=x.yaml", &[YAML], text).await;
    assert_eq!((answer.status, answer.at("/dry_run")), (200, "true".into()), "{}", answer.text);
    let warnings: Vec<String> = answer.json()["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        warnings,
        [
            "pdu loses 2 `powers` relations: 2 servers would have no power source",
            "circle through `depends_on`: srv-1 -> srv-2 -> srv-1"
        ]
    );
    assert_eq!(held(&world).await, before);
}

#[tokio::test]
async fn single_cis_and_relations_are_put_changed_and_removed() {
    let world = rack().await;
    let cis = "/api/v1/cmdb/cis";
    let relations = "/api/v1/cmdb/relations";
    let relation = |from, kind, to| json!({"from": from, "type": kind, "to": to}).to_string();
    for (method, path, body, status) in [
        (
            Method::PUT,
            format!("{cis}/vm%2F1"),
            json!({"class": "vm", "attributes": {"os": "x"}}).to_string(),
            200,
        ),
        (
            Method::PATCH,
            format!("{cis}/vm%2F1"),
            json!({"attributes": {"os": null, "cpus": "4"}}).to_string(),
            200,
        ),
        (Method::PATCH, format!("{cis}/nobody"), "{}".into(), 404),
        (Method::PUT, format!("{cis}/x"), json!({"class": ""}).to_string(), 422),
        (Method::PUT, format!("{cis}/x"), json!({"classes": "vm"}).to_string(), 400),
        (Method::POST, relations.into(), relation("vm/1", "hosted_on", "srv-1"), 200),
        (Method::POST, relations.into(), relation("vm/1", "hosted_on", "srv-9"), 422),
        (Method::DELETE, relations.into(), relation("srv-2", "runs", "web"), 200),
        (Method::DELETE, relations.into(), relation("srv-9", "runs", "web"), 404),
        (Method::DELETE, format!("{cis}/pdu"), String::new(), 200),
        (Method::DELETE, format!("{cis}/pdu"), String::new(), 404),
    ] {
        let answer = world.call(method.clone(), &path, &[JSON], &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
    }
    assert_eq!(
        held(&world).await,
        "cis:
  srv-1: {class: server, owner: linux, rack: R1}
  srv-2: {class: server, rack: R1}
  \"vm/1\": {class: vm, cpus: 4}
  web: {class: service, owner: shop, tier: 1, users: 900, labels: {service: web}}
relations:
- {from: srv-1, type: hosts, to: \"vm/1\"}
- {from: srv-1, type: runs, to: web}
"
        .replace("\"vm/1\"", "vm/1")
    );
    let log = world.get("/api/v1/cmdb/history").await;
    let done: Vec<_> = log.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one["version"],
                one["by"].as_str().unwrap(),
                one["what"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        done,
        [
            "6 api remove pdu",
            "5 api unrelate srv-2 -runs-> web",
            "4 api relate vm/1 -hosted_on-> srv-1",
            "3 api change vm/1",
            "2 api put vm/1",
            "1 mia replace rack.yaml",
        ]
    );
}

#[tokio::test]
async fn a_change_on_a_version_that_is_over_is_refused() {
    let world = rack().await;
    for (version, status) in [(1, 200), (1, 409), (2, 200)] {
        let query = format!("?expect_version={version}");
        let text = format!("cis: {{v{version}-{status}: {{class: vm}}}}");
        let answer = file(&world, Method::POST, &query, &text).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn imports_at_once_happen_one_after_the_other_and_none_is_lost() {
    let world = rack().await;
    let texts: Vec<String> = (0..8).map(|i| format!("cis: {{new-{i}: {{class: vm}}}}")).collect();
    let imports = texts.iter().map(|text| file(&world, Method::POST, "", text));
    for answer in futures_util::future::join_all(imports).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let counts = world.get("/api/v1/cmdb").await;
    assert_eq!((counts.at("/cis"), counts.at("/version")), ("12".into(), "9".into()));
}

#[tokio::test]
async fn alerts_are_bound_anew_when_their_ci_comes_and_goes() {
    let world = rack().await;
    let (_, id) =
        world.fire(&[("alertname", "Slow"), ("ci", "vm-1"), ("severity", "critical")]).await;
    assert_eq!(world.get("/api/v1/cmdb/cis/vm-1").await.status, 404);
    let text = "{cis: {vm-1: {class: vm}}, relations: [vm-1 -supports-> web]}";
    assert_eq!(file(&world, Method::POST, "", text).await.status, 200);
    let ci = world.get("/api/v1/cmdb/cis/vm-1").await;
    assert_eq!(
        (ci.at("/alerts/0/labels/alertname"), ci.at("/incidents/0")),
        ("Slow".into(), id.clone())
    );
    assert_eq!(ci.at("/sufferers/0/to"), "web");
    let incident = world.get(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(
        (incident.at("/priority"), incident.at("/topology_version")),
        ("P1".into(), "2".into())
    );
    world.call(Method::DELETE, "/api/v1/cmdb/cis/vm-1", &[], "").await;
    let incident = world.get(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(incident.at("/topology_version"), "3", "{}", incident.text);
    assert!(incident.at("/sum").contains("no service reached"), "{}", incident.text);
}

#[tokio::test]
async fn cis_are_found_by_attribute_class_and_text_page_by_page() {
    let world = rack().await;
    for (query, names) in [
        ("", &["pdu", "srv-1", "srv-2", "web"][..]),
        ("?class=server", &["srv-1", "srv-2"]),
        ("?filter=rack%3D%22R1%22&filter=owner%3D%22%22", &["pdu", "srv-2"]),
        ("?filter=ci.class%3D~%22pdu|service%22", &["pdu", "web"]),
        ("?text=SRV", &["srv-1", "srv-2"]),
        ("?text=shop&class=server", &[]),
    ] {
        let query = query.replace('|', "%7C");
        let page = world.get(&format!("/api/v1/cmdb/cis{query}")).await.json();
        let found: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ci| ci["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/cmdb/cis?limit=3".to_owned();
    loop {
        let page = world.get(&path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|ci| ci["name"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/cmdb/cis?limit=3&cursor={next}");
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn ways_and_impact_are_told_from_the_cause() {
    let world = rack().await;
    let path = world.get("/api/v1/cmdb/path?from=pdu&to=web").await;
    assert_eq!((path.at("/hops"), path.at("/count")), ("2".into(), "2".into()));
    assert_eq!(path.at("/paths/0"), "pdu -powers-> srv-1 -runs-> web");
    assert_eq!(world.get("/api/v1/cmdb/path?from=web&to=pdu").await.at("/count"), "0");
    for (query, status) in
        [("from=pdu", 400), ("from=pdu&to=x", 404), ("from=pdu&to=web&max_hops=99", 400)]
    {
        assert_eq!(
            world.get(&format!("/api/v1/cmdb/path?{query}")).await.status,
            status,
            "{query}"
        );
    }
    let impact = world.get("/api/v1/cmdb/impact/pdu").await;
    assert_eq!((impact.at("/cis"), impact.at("/users")), ("3".into(), "900".into()));
    assert_eq!(
        (impact.at("/hops/0/count"), impact.at("/hops/1/cis/0")),
        ("2".into(), "web".into())
    );
    assert_eq!(impact.at("/services/0/path"), "pdu -powers-> srv-1 -runs-> web");
    assert_eq!(world.get("/api/v1/cmdb/impact/x").await.status, 404);
    assert_eq!(world.get("/api/v1/cmdb/impact/pdu?also=x").await.status, 404);
    let known = "{source: netbox, cis: {srv-1: {needs: {powered_by: any}}, ups: {class: ups}}, \
                 relations: [ups -powers-> srv-1]}";
    assert_eq!(file(&world, Method::POST, "", known).await.status, 200);
    let alone = world.get("/api/v1/cmdb/impact/pdu").await;
    let found = (alone.at("/weakened/0/name"), alone.at("/weakened/0/left"), alone.at("/cis"));
    assert_eq!(found, ("srv-1".into(), "1".into(), "2".into()), "srv-2 and web");
    let both = world.get("/api/v1/cmdb/impact/pdu?also=ups&also=pdu").await;
    let found = (both.at("/services/0/name"), both.at("/also/0"), both.at("/weakened"));
    assert_eq!(found, ("web".into(), "ups".into(), "[]".into()));
    let path = world.get("/api/v1/cmdb/path?from=ups&to=web").await;
    assert_eq!(path.at("/relations/1/source"), "netbox", "{}", path.text);
    let shown = world.get("/api/v1/cmdb/cis/ups").await;
    assert_eq!(shown.at("/sufferers/0/source"), "netbox");
    assert!(shown.at("/sufferers/0/seen_at").starts_with("20"), "{}", shown.text);
}

#[tokio::test]
async fn the_lint_and_the_export_are_of_what_is_in_force() {
    let world = rack().await;
    assert_eq!(world.get("/api/v1/cmdb/lint").await.at("/findings"), "[]");
    file(&world, Method::POST, "", "cis: {mail: {class: service}}").await;
    let lint = world.get("/api/v1/cmdb/lint").await;
    assert_eq!((lint.at("/counts/C012"), lint.at("/counts/C013")), ("1".into(), "1".into()));
    assert_eq!(lint.at("/findings/1/message"), "service `mail` has no owner and no tier");
    for format in ["yaml", "json"] {
        let text = world.get(&format!("/api/v1/cmdb/export?format={format}")).await.text;
        assert_eq!(file(&world, Method::PUT, "", &text).await.at("/same"), "true", "{format}");
    }
    assert_eq!(world.get("/api/v1/cmdb/export?format=xml").await.status, 400);
}
