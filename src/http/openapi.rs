//! `GET /api/v1/openapi.json`: the API described for programs (OpenAPI 3.1).
//!
//! Each handler names its path, parameters, body and success; here is added what they have in common:
//! the refusals with their one shape, the meaning of parameters that many take, tags and names.
//! Alertmanager's API under `/api/v2`, with its `/-/healthy` and `/-/ready`, is not in
//! it: its own document describes it.
//! `config/openapi.json` is the same document; a test compares the two.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::kafka::cloudevent;
use crate::settings::users::Role;

use super::auth::policy::{Access, access};
use super::{App, api, error, ingest, operate, stream};

/// The whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "incidentd",
        description = "Stands between monitoring tools and the people on call: alerts in, numbered \
            incidents out. Times are RFC 3339 in UTC. Every refusal has one shape, with a code \
            from a closed list and the id under which the log speaks of it.",
        license(name = "none")
    ),
    paths(openapi, incident_event),
    components(schemas(error::Body))
)]
struct Document;

/// What a refusal's status means on any path.
const REFUSALS: [(u16, &str); 9] = [
    (400, "The request cannot be understood; the message names the place and the remedy."),
    (401, "Nobody is named, or the credential is not the right one."),
    (403, "Whoever asks may not do that, or a page of another site asks."),
    (404, "There is no such thing, or no such path."),
    (405, "The path knows other methods; the header `allow` names them."),
    (421, "The daemon does not answer to this host name."),
    (429, "Too many requests; come again after `retry-after` seconds."),
    (500, "Something broke inside; the log says what, under the request's id."),
    (503, "No room or not ready; come again after `retry-after` seconds."),
];

/// What it means where something is changed.
const REFUSED_CHANGES: [(u16, &str); 6] = [
    (408, "The body came too slowly."),
    (409, "The thing is in a state that forbids it."),
    (412, "The thing has a newer version than the header `if-match` names."),
    (413, "The body is larger than allowed; the message says what is."),
    (415, "The body has a type that is not taken; the message names those that are."),
    (422, "The body was understood and cannot be done; `problems` has the single faults."),
];

/// What parameters mean that several paths take, and an example.
const PARAMETERS: [(&str, &str, &str); 16] = [
    ("Idempotency-Key", "Of requests with the same key only the first is carried out", ""),
    ("If-Match", "The version that was seen, in quotes; 412 when there is a newer one", ""),
    ("by", "Who says so; `api` when left out", "mia"),
    ("cursor", "Where the page begins: `next` of the page before", ""),
    ("dry_run", "Only say what would be changed", ""),
    ("expect_removed", "How many CIs and relations go, where a person has to agree", ""),
    ("expect_version", "The version this is meant for; 409 when there is a newer one", ""),
    ("file", "What the file is called in messages", "cmdb.yaml"),
    ("filter", "Matchers as in rule files, all of which must hold", "severity=\"critical\""),
    ("fingerprint", "Identifies the alert: 16 hexadecimal digits", ""),
    ("id", "The incident's number", "INC-1"),
    ("limit", "Entries of the page; 100 when left out", ""),
    ("max_hops", "Relations that are followed at most", ""),
    ("mode", "Whether the file is all there is, or changes", "merge"),
    ("name", "The CI", "pdu-r12a"),
    ("source", "The source's name in the settings", "native"),
];

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/schemas/incident-event.v1.json", get(incident_event))
}

/// Describes this API.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Value)))]
async fn openapi() -> Json<Value> {
    Json(document())
}

/// Describes the data of events about incidents (JSON Schema).
#[utoipa::path(
    get,
    path = "/api/v1/schemas/incident-event.v1.json",
    responses((status = 200, content_type = "application/schema+json", body = Value))
)]
async fn incident_event() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/schema+json")], cloudevent::SCHEMA)
}

/// Builds the document; its keys are sorted.
pub(super) fn document() -> Value {
    let whole = Document::openapi()
        .merge_from(api::incidents::Document::openapi())
        .merge_from(api::clocks::Document::openapi())
        .merge_from(api::commands::Document::openapi())
        .merge_from(api::alerts::Document::openapi())
        .merge_from(api::silences::Document::openapi())
        .merge_from(api::quarantine::Document::openapi())
        .merge_from(api::audit::Document::openapi())
        .merge_from(api::journal::Document::openapi())
        .merge_from(api::kafka::Document::openapi())
        .merge_from(api::major::Document::openapi())
        .merge_from(api::notices::Document::openapi())
        .merge_from(api::on_call::Document::openapi())
        .merge_from(api::overrides::Document::openapi())
        .merge_from(api::planned::Document::openapi())
        .merge_from(api::rules::Document::openapi())
        .merge_from(api::what_if::Document::openapi())
        .merge_from(api::cmdb::Document::openapi())
        .merge_from(api::transfers::Document::openapi())
        .merge_from(api::satisfaction::Document::openapi())
        .merge_from(ingest::Document::openapi())
        .merge_from(operate::Document::openapi())
        .merge_from(stream::Document::openapi());
    // Not: an error. Everything in it is text of this program.
    let mut whole = serde_json::to_value(whole).unwrap_or_default();
    for (path, methods) in api::commands::paths() {
        if let Some(Value::Object(paths)) = whole.get_mut("paths") {
            paths.insert(path, methods);
        }
    }
    for (path, methods) in fields(whole.get_mut("paths")) {
        for (method, operation) in fields(Some(methods)) {
            if let Value::Object(operation) = operation {
                complete(path, method, operation);
            }
        }
    }
    if let Some(Value::Object(components)) = whole.get_mut("components") {
        components.insert("responses".into(), refusals());
        components.insert("securitySchemes".into(), schemes());
    }
    if let Some(code) = whole.pointer_mut("/components/schemas/Refusal/properties/code")
        && let Value::Object(code) = code
    {
        code.insert("enum".into(), codes());
    }
    whole
}

fn fields(value: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    value.and_then(Value::as_object_mut).into_iter().flatten()
}

/// Adds to an operation what its annotation leaves out.
fn complete(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let tag = tag(path);
    if let Some(name) = operation.get("operationId").and_then(Value::as_str) {
        let name = format!("{tag}_{name}");
        operation.insert("operationId".into(), name.into());
    }
    operation.insert("tags".into(), json!([tag]));
    operation.insert("security".into(), security(method, path));
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    parameters.into_iter().flatten().filter_map(Value::as_object_mut).for_each(explain);
    let Some(Value::Object(answers)) = operation.get_mut("responses") else { return };
    for (status, answer) in answers.iter_mut() {
        if let Value::Object(answer) = answer {
            let said = if status == "204" { "Done." } else { "As asked for." };
            answer.entry("description").or_insert_with(|| said.into());
        }
    }
    let changes = if method == "get" { &[][..] } else { &REFUSED_CHANGES };
    for (status, _) in REFUSALS.iter().chain(changes) {
        let shared = format!("#/components/responses/{}", word(*status));
        answers.insert(status.to_string(), json!({ "$ref": shared }));
    }
}

/// Says which credentials an operation takes. None at all is among them, because there are no roles
/// where the settings name no users.
fn security(method: &str, path: &str) -> Value {
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap_or_default();
    let role = match access(&method, path) {
        Access::Open => return json!([]),
        Access::Role(role) => role,
        // A source's own credential will do as well.
        Access::Source | Access::Of(_) => Role::Operator,
    };
    // In OpenAPI 3.1 the list holds the roles that are needed.
    json!([{}, {"bearer": [role.to_string()]}, {"basic": [role.to_string()]}])
}

/// Describes the credentials.
fn schemes() -> Value {
    json!({
        "basic": {"type": "http", "scheme": "basic",
            "description": "The token as the password, with any name"},
        "bearer": {"type": "http", "scheme": "bearer",
            "description": "The token of a person or a tool in the settings"},
    })
}

/// Returns the part of the API that a path belongs to.
fn tag(path: &str) -> &str {
    let mut parts = path.trim_start_matches('/').split('/');
    match parts.next() {
        Some("api") => match parts.nth(1) {
            Some("backup" | "outbox" | "openapi.json" | "schemas") | None => "operation",
            Some(part) => part,
        },
        Some("ingest") => "ingest",
        _ => "operation",
    }
}

/// Says what a parameter means, where its annotation does not.
fn explain(parameter: &mut Map<String, Value>) {
    let name = parameter.get("name").and_then(Value::as_str);
    let known = PARAMETERS.iter().find(|(known, ..)| name == Some(*known));
    let Some((_, meaning, example)) = known else { return };
    parameter.entry("description").or_insert_with(|| (*meaning).into());
    if !example.is_empty() {
        let listed = parameter.get("schema").is_some_and(|schema| schema.get("items").is_some());
        let example = if listed { json!([example]) } else { (*example).into() };
        parameter.insert("example".into(), example);
    }
}

fn word(status: u16) -> &'static str {
    StatusCode::from_u16(status).map_or("refused", error::word)
}

/// Describes each refusal once.
fn refusals() -> Value {
    let content = json!({ "application/json": {
        "schema": { "$ref": "#/components/schemas/Refusal" }
    } });
    let refusals = REFUSALS.iter().chain(&REFUSED_CHANGES).map(|(status, meaning)| {
        let refusal = json!({ "description": meaning, "content": content });
        (word(*status).to_owned(), refusal)
    });
    refusals.collect::<Map<_, _>>().into()
}

/// Lists every code that a refusal can have.
fn codes() -> Value {
    error::CODES.iter().chain(&error::NARROW_CODES).map(|code| Value::from(*code)).collect()
}
