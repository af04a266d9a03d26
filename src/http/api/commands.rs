//! The document's part on what people do with incidents.
//!
//! One handler serves all commands, so there is nothing to annotate: here each path is put together
//! with the shape of its body. `handle` has the handler, `wire::handle` the shapes.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::super::wire::change::Answered;
use super::super::wire::desk::{Classify, Confirm, Resolve, Set, Spend};
use super::super::wire::handle::{
    Acknowledge, Assign, Convene, Escalate, Hold, Merge, Plain, Prioritise, Return, Split,
    Subscription, Update,
};
use super::super::wire::major::{AddAction, Appoint, Check, FinishAction};
use super::bulk;

/// Documents what commands have in common, and the one for many incidents.
#[derive(OpenApi)]
#[openapi(
    paths(bulk::sweep),
    components(schemas(
        Answered,
        Acknowledge,
        AddAction,
        Appoint,
        Assign,
        Check,
        Classify,
        Confirm,
        Convene,
        Escalate,
        FinishAction,
        Hold,
        Merge,
        Plain,
        Prioritise,
        Resolve,
        Return,
        Set,
        Spend,
        Split,
        Subscription,
        Update
    ))
)]
pub(in crate::http) struct Document;

/// Each command by the last part of its path, the name of its shape, and what it says.
const COMMANDS: [(&str, &str, &str); 31] = [
    ("ack", "Acknowledge", "Acknowledges an incident, under the path of the first version."),
    ("acknowledge", "Acknowledge", "Acknowledges an incident: the response clock stops."),
    ("unacknowledge", "Plain", "Takes an acknowledgement back: the first step falls due anew."),
    ("note", "Plain", "Writes a note on the timeline."),
    ("claim", "Plain", "Says that somebody works on an incident."),
    ("assign", "Assign", "Gives an incident to a team or a person."),
    ("escalate", "Escalate", "Hands an incident to the next line, or to the one that is named."),
    ("return", "Return", "Gives an incident back to whoever sent it: it is not theirs."),
    ("convene", "Convene", "Calls several teams to help, in one call."),
    ("priority", "Prioritise", "Gives an incident a priority until that is lifted, or lifts it."),
    ("update", "Update", "Says how an incident stands to everybody who was told."),
    ("subscribe", "Subscription", "Lets somebody hear of an incident without being called."),
    ("unsubscribe", "Subscription", "Lets somebody hear of an incident no more."),
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
    ("check", "Check", "Says that an item of the response plan is done."),
    ("role", "Appoint", "Gives somebody a role in a major incident."),
    ("action", "AddAction", "Says what the review wants to be done, also once it is closed."),
    ("action-done", "FinishAction", "Says that what the review wanted is done."),
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
