//! `/api/v1/incidents`: list, show, explain, acknowledge, resolve.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use utoipa::OpenApi;

use crate::engine::event::{Command, Event, Order, Refusal, Reply};
use crate::mailbox::Work;
use crate::model::incident::{Incident, IncidentId, StateName};
use crate::model::priority::NotAWord;
use crate::rules::duration;
use crate::store::view::IncidentQuery;

use super::super::error::Problem;
use super::super::guard::require_type;
use super::super::query::Pairs;
use super::super::wire::{self, Time};
use super::super::{App, Reading, body};
use super::filter::Filter;
use super::{explain, show};

/// Records and timeline entries that one answer shows at most.
const SHOWN_MAX: usize = 1_000;

/// The longest name and note of a person, in bytes: both go to the timeline.
const NAME_BYTES_MAX: usize = 128;
const NOTE_BYTES_MAX: usize = 4_096;

/// The longest acknowledgement; beyond it nobody would notice that nothing happens.
const HOLD_MAX: Duration = Duration::from_hours(7 * 24);

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one, explanation, acknowledge, resolve))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/incidents", get(list))
        .route("/api/v1/incidents/{id}", get(one))
        .route("/api/v1/incidents/{id}/explain", get(explanation))
        .route("/api/v1/incidents/{id}/ack", post(acknowledge))
        .route("/api/v1/incidents/{id}/resolve", post(resolve))
}

/// Lists incidents, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    params(
        ("state" = Option<String>, Query, example = "all",
         description = "Names of states with commas between them, or `open` (usual), or `all`"),
        ("filter" = Option<Vec<String>>, Query),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = wire::Page<wire::Incident>))
)]
async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<wire::Page<wire::Incident>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "filter", "limit", "cursor"])?;
    let states = states(pairs.one("state")?.unwrap_or("open"))?;
    let (limit, after, filter) = (pairs.limit()?, super::cursor(&pairs)?, Filter::read(&pairs)?);
    let page = app.read(move |reading| {
        let takes = |incident: &Incident| {
            if filter.is_empty() {
                return Ok(true);
            }
            let root = reading.view.alert(incident.root.alert)?;
            Ok(filter.takes_incident(incident, root.as_ref(), &reading.context))
        };
        let query = IncidentQuery { states: &states, after, limit, filter: &takes };
        let page = reading.view.incidents(&query)?;
        let items: Result<_, Problem> = page.items.iter().map(|one| shown(reading, one)).collect();
        Ok(wire::Page {
            items: items?,
            next: page.next.map(|next| next.to_string()),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Reads the states that are asked for; none means any.
fn states(text: &str) -> Result<Vec<StateName>, Problem> {
    match text {
        "all" => return Ok(Vec::new()),
        "open" => {
            use StateName::{Acknowledged, InProgress, New, OnHold};
            return Ok(vec![New, Acknowledged, InProgress, OnHold]);
        }
        _ => {}
    }
    let read = |name: &str| {
        let refuse = |error: NotAWord| format!("state: {error}, or `open`, or `all`");
        name.parse().map_err(|error| Problem::bad_request(refuse(error)))
    };
    text.split(',').map(read).collect()
}

/// Shows an incident with what comes next for it.
pub(super) fn shown(reading: &Reading<'_>, incident: &Incident) -> Result<wire::Incident, Problem> {
    let policy = reading.view.policy(incident.policy)?;
    Ok(show::incident(incident, policy.as_deref(), &reading.context.rules))
}

/// Reads the number of an incident out of a path.
fn number(text: &str) -> Result<IncidentId, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("{error}")))
}

/// Returns the incident with this number.
fn find(reading: &Reading<'_>, id: IncidentId) -> Result<Incident, Problem> {
    reading.view.incident(id)?.ok_or_else(|| {
        let next = reading.view.counters().map_or(0, |counters| counters.next_record);
        Problem::not_found(if (1..next).contains(&id.0) {
            format!("{id} is not an incident but a record of one; its alert says of which")
        } else {
            format!("{id} does not exist")
        })
    })
}

/// Shows an incident with its members and its timeline.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    responses((status = 200, body = wire::IncidentRecord))
)]
async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<wire::IncidentRecord>, Problem> {
    let id = number(&id)?;
    let record = app.read(move |reading| {
        let incident = find(reading, id)?;
        let sources = reading.view.counters()?.sources;
        let members = reading.view.members(id, SHOWN_MAX)?;
        let timeline = reading.view.timeline(id, SHOWN_MAX)?;
        Ok(wire::IncidentRecord {
            incident: shown(reading, &incident)?,
            why: explain::why(reading, &incident, &members)?,
            subordinates: members.iter().map(|one| show::member(one, &sources)).collect(),
            timeline: timeline.iter().map(show::entry).collect(),
            now: Time(reading.now),
        })
    });
    Ok(Json(record.await?))
}

/// Says why an incident is what it is.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/explain",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    responses((status = 200, body = wire::explain::IncidentExplanation))
)]
async fn explanation(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<wire::explain::IncidentExplanation>, Problem> {
    let id = number(&id)?;
    let explained = app.read(move |reading| {
        let incident = find(reading, id)?;
        let members = reading.view.members(id, SHOWN_MAX)?;
        let rules = &reading.context.rules;
        Ok(wire::explain::IncidentExplanation {
            why: explain::why(reading, &incident, &members)?,
            incident: shown(reading, &incident)?,
            policy: reading.view.policy(incident.policy)?.map(|policy| policy.name.to_string()),
            rules_changed: incident.rules_version != rules.version,
            topology_changed: incident.topology_version != reading.context.topology.version(),
            now: Time(reading.now),
        })
    });
    Ok(Json(explained.await?))
}

/// Acknowledges an incident: the response clock stops.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/ack",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    request_body = wire::change::Acknowledge,
    responses((status = 200, body = wire::change::Answered))
)]
async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<wire::change::Answered>, Problem> {
    let wish: wire::change::Acknowledge = wish(&app, &headers, read)?;
    let hold = wish.hold.as_deref().map(hold).transpose()?;
    let (incident, by) = (number(&id)?, person(&wish.by, &wish.note)?);
    let command = Command::Acknowledge { hold };
    answer(&app, Order { incident, by, expected: None, note: wish.note, command }).await
}

/// Says that service is restored.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/resolve",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    request_body = wire::change::Resolve,
    responses((status = 200, body = wire::change::Answered))
)]
async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<wire::change::Answered>, Problem> {
    let wish: wire::change::Resolve = wish(&app, &headers, read)?;
    let (incident, by) = (number(&id)?, person(&wish.by, &wish.note)?);
    let command = Command::Resolve;
    answer(&app, Order { incident, by, expected: None, note: wish.note, command }).await
}

/// Reads what a person wishes.
pub(super) fn wish<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    require_type(headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("body: {error}")))
}

fn hold(text: &str) -> Result<Duration, Problem> {
    let hold = duration(text).filter(|hold| !hold.is_zero() && *hold <= HOLD_MAX);
    hold.ok_or_else(|| {
        Problem::bad_request(format!("for is `{text}`, must be a time such as 30m, at most 7d"))
    })
}

/// Reads who says so, and bounds what they say.
pub(super) fn person(by: &str, note: &str) -> Result<Box<str>, Problem> {
    let by = by.trim();
    if by.is_empty() || by.len() > NAME_BYTES_MAX {
        let message = format!("by must name who says so, in at most {NAME_BYTES_MAX} bytes");
        return Err(Problem::bad_request(message));
    }
    if note.len() > NOTE_BYTES_MAX {
        let (len, max) = (note.len(), NOTE_BYTES_MAX);
        let message = format!("note is {len} bytes long, must be at most {max}");
        return Err(Problem::bad_request(message));
    }
    Ok(by.into())
}

/// Has a person's wish done and returns the incident as it is then.
async fn answer(app: &Arc<App>, order: Order) -> Result<Json<wire::change::Answered>, Problem> {
    let id = order.incident;
    let reply = app.submit(Work::Event(Event::Handle(order))).await?;
    let answered = app.read(move |reading| {
        let incident = find(reading, id)?;
        match reply {
            Reply::Handled(_) => Ok(wire::change::Answered {
                incident: shown(reading, &incident)?,
                now: Time(reading.now),
            }),
            Reply::Refused(refusal) => Err(refused(&incident, &refusal)),
            Reply::Received(_)
            | Reply::Silenced(_)
            | Reply::Retried(_)
            | Reply::Forgotten(_)
            | Reply::Done
            | Reply::Outdated => {
                Err(Problem::internal(&"the engine took an order for something else"))
            }
        }
    });
    Ok(Json(answered.await?))
}

/// Words a refusal; one that is merely not open is told with its state.
fn refused(incident: &Incident, refusal: &Refusal) -> Problem {
    let message = if let Refusal::NotOpen(id) = refusal {
        format!("{id} is {}", incident.progress.name())
    } else {
        refusal.to_string()
    };
    Problem::new(StatusCode::CONFLICT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_by_name_or_as_open_or_all() {
        assert_eq!(states("all"), Ok(vec![]));
        assert_eq!(states("open").unwrap().len(), 4);
        let some = states("resolved,closed").unwrap();
        assert_eq!(some, [StateName::Resolved, StateName::Closed]);
        assert_eq!(
            states("ack").unwrap_err().message,
            "state: `ack` is none of new, acknowledged, in_progress, on_hold, resolved, closed, or `open`, or `all`"
        );
    }

    #[test]
    fn an_acknowledgement_holds_for_a_bounded_time() {
        assert_eq!(hold("30m"), Ok(Duration::from_mins(30)));
        for bad in ["0s", "8d", "soon", "", "-5m"] {
            assert!(hold(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_can_answer_without_a_name() {
        assert_eq!(person(" m.ito ", ""), Ok("m.ito".into()));
        for (by, note) in [("", 0), ("  ", 0), (&*"x".repeat(129), 0), ("m.ito", 4_097)] {
            assert!(person(by, &"x".repeat(note)).is_err(), "{by} {note}");
        }
    }
}
