//! The document's part on what people do with incidents.
//!
//! One handler serves all commands, so there is nothing to annotate: here each path is put together
//! with the shape of its body. `handle` has the handler, `wire::handle` the shapes.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::super::wire::change::Answered;
use super::super::wire::desk::{Classify, Confirm, Resolve, Set, Spend};
use super::super::wire::handle::{Acknowledge, Assign, Hold, Merge, Plain, Split};
use super::bulk;

/// Documents what commands have in common, and the one for many incidents.
#[derive(OpenApi)]
#[openapi(
    paths(bulk::sweep),
    components(schemas(
        Answered,
        Acknowledge,
        Assign,
        Classify,
        Confirm,
        Hold,
        Merge,
        Plain,
        Resolve,
        Set,
        Spend,
        Split
    ))
)]
pub(in crate::http) struct Document;

/// Each command by the last part of its path, the name of its shape, and what it says.
const COMMANDS: [(&str, &str, &str); 20] = [
    ("ack", "Acknowledge", "Acknowledges an incident, under the path of the first version."),
    ("acknowledge", "Acknowledge", "Acknowledges an incident: the response clock stops."),
    ("unacknowledge", "Plain", "Takes an acknowledgement back: the first step falls due anew."),
    ("note", "Plain", "Writes a note on the timeline."),
    ("claim", "Plain", "Says that somebody works on an incident."),
    ("assign", "Assign", "Gives an incident to a team or a person."),
    ("hold", "Hold", "Puts an incident on hold for a bounded time."),
    ("resolve", "Resolve", "Says that service is restored, and how."),
    ("reopen", "Plain", "Says that service is not restored after all."),
    ("close", "Plain", "Closes an incident for good."),
    ("merge", "Merge", "Makes one incident of two; the older number survives."),
    ("split", "Split", "Makes some of an incident's records an incident of their own."),
    ("set", "Set", "Writes on the record of an incident."),
    ("classify", "Classify", "Says that an incident is of another category, and why."),
    ("time", "Spend", "Says how long somebody worked on an incident."),
    ("confirm", "Confirm", "Says that it is over for somebody who suffered from it."),
    ("reject", "Plain", "Says that it is not over: opens it again with the reason in `note`."),
    ("cancel", "Plain", "Says that it was a false alarm, with the reason in `note`."),
    ("declare-major", "Plain", "Says that it is a major incident, with the reason in `note`."),
    ("stand-down", "Plain", "Says that it is no major incident any more, and why."),
];

/// Yields each command's path and what is at it.
pub(in crate::http) fn paths() -> impl Iterator<Item = (String, Value)> {
    COMMANDS.iter().map(|(name, shape, says)| {
        let path = format!("/api/v1/incidents/{{id}}/{name}");
        (path, json!({ "post": operation(name, shape, says) }))
    })
}

fn operation(name: &str, shape: &str, says: &str) -> Value {
    json!({
        "operationId": name,
        "summary": says,
        "parameters": [
            {"name": "id", "in": "path", "required": true,
             "schema": {"type": "string", "pattern": "^([Ii][Nn][Cc]-)?[0-9]{1,18}$"}},
            {"name": "If-Match", "in": "header", "required": false,
             "schema": {"type": "string", "pattern": "^(\"[0-9]{1,9}\"|[*])$"}},
            {"name": "Idempotency-Key", "in": "header", "required": false,
             "schema": {"type": "string", "maxLength": 200, "pattern": "^[!-~]+$"}},
        ],
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": format!("#/components/schemas/{shape}")},
        }}},
        "responses": {"200": {
            "description": "The incident as it is then; the header `etag` has its version.",
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Answered"},
            }},
        }},
    })
}
