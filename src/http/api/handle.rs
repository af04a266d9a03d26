//! `POST /api/v1/incidents/{id}/{command}` and `…/bulk`: what people do with incidents.
//!
//! A wish is checked as far as that needs no state, becomes an order (`order.rs`), and is
//! carried out or refused by the engine (`outcome.rs`).

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::incident::Incident;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::guard::text;
use super::super::ingest::{identity, once};
use super::super::wire::Time;
use super::super::wire::change::Answered;
use super::super::wire::handle::Wish;
use super::super::{App, json_body};
use super::bulk;
use super::incidents::{find, number, shown};
use super::order::order;
use super::outcome::done;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/incidents/bulk", post(bulk::sweep))
        // The path of the first version.
        .route("/api/v1/incidents/{id}/ack", command("acknowledge"))
        .route("/api/v1/incidents/{id}/acknowledge", command("acknowledge"))
        .route("/api/v1/incidents/{id}/unacknowledge", command("unacknowledge"))
        .route("/api/v1/incidents/{id}/note", command("note"))
        .route("/api/v1/incidents/{id}/claim", command("claim"))
        .route("/api/v1/incidents/{id}/assign", command("assign"))
        .route("/api/v1/incidents/{id}/escalate", command("escalate"))
        .route("/api/v1/incidents/{id}/return", command("return"))
        .route("/api/v1/incidents/{id}/convene", command("convene"))
        .route("/api/v1/incidents/{id}/priority", command("priority"))
        .route("/api/v1/incidents/{id}/update", command("update"))
        .route("/api/v1/incidents/{id}/subscribe", command("subscribe"))
        .route("/api/v1/incidents/{id}/unsubscribe", command("unsubscribe"))
        .route("/api/v1/incidents/{id}/hold", command("hold"))
        .route("/api/v1/incidents/{id}/resolve", command("resolve"))
        .route("/api/v1/incidents/{id}/reopen", command("reopen"))
        .route("/api/v1/incidents/{id}/close", command("close"))
        .route("/api/v1/incidents/{id}/merge", command("merge"))
        .route("/api/v1/incidents/{id}/split", command("split"))
        .route("/api/v1/incidents/{id}/set", command("set"))
        .route("/api/v1/incidents/{id}/classify", command("classify"))
        .route("/api/v1/incidents/{id}/time", command("time"))
        .route("/api/v1/incidents/{id}/confirm", command("confirm"))
        .route("/api/v1/incidents/{id}/reject", command("reject"))
        .route("/api/v1/incidents/{id}/cancel", command("cancel"))
        .route("/api/v1/incidents/{id}/declare-major", command("declare-major"))
        .route("/api/v1/incidents/{id}/stand-down", command("stand-down"))
        .route("/api/v1/incidents/{id}/check", command("check"))
        .route("/api/v1/incidents/{id}/role", command("role"))
        .route("/api/v1/incidents/{id}/action", command("action"))
        .route("/api/v1/incidents/{id}/action-done", command("action-done"))
}

/// Returns the handler of a command by the name of its shape.
fn command(name: &'static str) -> MethodRouter<Arc<App>> {
    post(
        async move |State(app): State<Arc<App>>,
                    Path(id): Path<String>,
                    caller: Caller,
                    headers: HeaderMap,
                    read: Result<Bytes, BytesRejection>| {
            let wish = wish(&app, name, &headers, read)?;
            handle(&app, &id, &caller, &headers, wish).await
        },
    )
}

/// Reads a wish whose kind the path says.
fn wish(
    app: &App,
    command: &'static str,
    headers: &HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Wish, Problem> {
    let mut fields: Map<String, Value> = json_body(app, headers, read)?;
    if fields.insert("command".into(), command.into()).is_some() {
        return Err(Problem::bad_request("body: `command` is said by the path, leave it out"));
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Problem::bad_request(format!("body: {error}")))
}

async fn handle(
    app: &Arc<App>,
    id: &str,
    caller: &Caller,
    headers: &HeaderMap,
    wish: Wish,
) -> Result<Response, Problem> {
    let id = number(id)?;
    let seen = if_match(headers)?;
    let mut order = order(id, caller, wish, app.doors.clock.now())?;
    order.expected = agreed(seen, order.expected)?;
    let failed = StatusCode::PRECONDITION_FAILED;
    let outdated = seen.map_or(StatusCode::CONFLICT, |_| failed);
    let mut reply = app.submit(Work::Event(event(headers, order.clone())?)).await?;
    let is_over = matches!(reply, Reply::Refused(Refusal::NotOpen(_)));
    if is_over && matches!(order.command, Command::Set(_) | Command::AddAction { .. }) {
        reply = afterwards(app, headers, order).await?;
    }
    if reply == Reply::Duplicate {
        app.doors.metrics.doors.duplicate();
    }
    let answered = app.read(move |reading| {
        let duplicate = reply == Reply::Duplicate;
        let incident = done(reading, id, reply, outdated)?;
        let (shown, now) = (shown(reading, &incident)?, Time(reading.now));
        let answered = Answered { incident: shown, duplicate, now };
        Ok(([etag(&incident)], Json(answered)).into_response())
    });
    answered.await
}

/// How often a record that is over is read again because somebody else wrote on it meanwhile.
const READ_AGAIN_MAX: u32 = 5;

/// Orders something of an incident that is over, which the engine does not hold.
async fn afterwards(app: &Arc<App>, headers: &HeaderMap, order: Order) -> Result<Reply, Problem> {
    let scope = format!("{} {} {}", order.command.wish(), order.incident, order.by);
    for _ in 0..READ_AGAIN_MAX {
        let id = order.incident;
        let record = app.read(move |reading| find(reading, id)).await?;
        let event = Event::Afterwards { record: Box::new(record), order: order.clone() };
        let reply = app.submit(Work::Event(once(identity(headers, &scope)?, event))).await?;
        if reply != Reply::Outdated {
            return Ok(reply);
        }
    }
    Err(Problem::unavailable("others write on the record all the time; try again"))
}

/// Makes an event of an order: one that happens once where the sender gave an id
/// (`Idempotency-Key`), which counts for the person, the incident and the kind of command.
pub(super) fn event(headers: &HeaderMap, order: Order) -> Result<Event, Problem> {
    let Order { incident, by, command, .. } = &order;
    let scope = format!("{} {incident} {by}", command.wish());
    Ok(once(identity(headers, &scope)?, Event::Handle(order)))
}

/// Returns the header that names an incident's version.
pub(super) fn etag(incident: &Incident) -> (header::HeaderName, HeaderValue) {
    let text = format!("\"{}\"", incident.version);
    // Digits in quotes are a header's value.
    (header::ETAG, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"\"")))
}

/// Reads the version that a client saw (RFC 9110, `If-Match`); `*` is any.
fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(given) = text(headers, &header::IF_MATCH).filter(|given| *given != "*") else {
        return Ok(None);
    };
    let version = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = version.and_then(|digits| digits.parse().ok());
    version.map(Some).ok_or_else(|| {
        let message = format!("If-Match is `{given}`, must be one version such as \"3\"");
        Problem::bad_request(message)
    })
}

/// Returns the version that header and body expect together.
fn agreed(header: Option<u32>, body: Option<u32>) -> Result<Option<u32>, Problem> {
    match (header, body) {
        (Some(one), Some(other)) if one != other => Err(Problem::bad_request(format!(
            "If-Match says version {one}, expected_version says {other}; give one of them"
        ))),
        (header, body) => Ok(header.or(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_was_seen_is_said_in_one_place() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))])
        };
        assert_eq!(if_match(&headers("\"7\"")), Ok(Some(7)));
        assert_eq!(if_match(&headers("*")), Ok(None));
        assert_eq!(if_match(&HeaderMap::new()), Ok(None));
        for bad in ["7", "W/\"7\"", "\"x\"", "\"1\", \"2\""] {
            assert!(if_match(&headers(bad)).is_err(), "{bad}");
        }
        assert_eq!(agreed(Some(7), Some(7)), Ok(Some(7)));
        assert_eq!(agreed(None, Some(7)), Ok(Some(7)));
        assert!(agreed(Some(7), Some(8)).is_err());
    }
}
