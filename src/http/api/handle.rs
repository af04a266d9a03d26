//! `POST /api/v1/incidents/{id}/{command}` and `…/bulk`: what people do with incidents.
//!
//! A wish is checked here as far as that needs no state, becomes an [`Order`], and is carried out or
//! refused by the engine; a refusal has a `code` of its own and names the present state and version.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::engine::afterwards;
use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::assignment::Handover;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::progress::{StateName, WaitsFor};
use crate::model::time::Timestamp;
use crate::rules::duration;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::guard::text;
use super::super::ingest::{identity, once};
use super::super::wire::Time;
use super::super::wire::change::Answered;
use super::super::wire::handle::{Hold, Merge, Said, Split, Wish};
use super::super::{App, Reading, json_body};
use super::incidents::{find, number, shown};
use super::{bulk, desk, major};

/// The longest name and note of a person, in bytes: both go to the timeline.
pub(super) const NAME_BYTES_MAX: usize = 128;
pub(super) const NOTE_BYTES_MAX: usize = 4_096;

/// The longest acknowledgement; beyond it nobody would notice that nothing happens.
const ACKNOWLEDGEMENT_MAX: Duration = Duration::from_hours(7 * 24);

/// The longest hold: a supplier or a change may take a quarter of a year.
const HOLD_MAX: Duration = Duration::from_hours(90 * 24);

/// Records that one split names at most.
const RECORDS_MAX: usize = 1_000;

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

/// Makes an order of what a person wishes.
pub(super) fn order(
    incident: IncidentId,
    caller: &Caller,
    wish: Wish,
    now: Timestamp,
) -> Result<Order, Problem> {
    let (by, note, expected, command) = parts(wish, now)?;
    let by = person(caller, &by, &note)?;
    Ok(Order { incident, by, expected, note, command })
}

/// Who says something, what, the version they saw, and what it is.
pub(super) type Parts = (String, String, Option<u32>, Command);

fn parts(wish: Wish, now: Timestamp) -> Result<Parts, Problem> {
    Ok(match wish {
        Wish::Acknowledge(it) => {
            let hold = it.hold.as_deref().map(|it| span(it, ACKNOWLEDGEMENT_MAX)).transpose()?;
            let update_in = update_in(it.update_in.as_deref())?;
            (it.by, it.note, it.expected_version, Command::Acknowledge { hold, update_in })
        }
        Wish::Unacknowledge(it) => (it.by, it.note, it.expected_version, Command::Unacknowledge),
        Wish::Note(it) => (it.by, it.note, it.expected_version, Command::Note),
        Wish::Claim(it) => (it.by, it.note, it.expected_version, Command::Claim),
        Wish::Assign(it) => {
            let command = Command::Assign { to: target(&it.to)?, handover: handover(it.handover)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Escalate(it) => {
            let to = it.to.as_deref().map(target).transpose()?;
            let command = Command::Escalate { to, handover: handover(it.handover)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Return(it) => {
            let handover = handover(it.handover)?;
            (it.by, it.note, it.expected_version, Command::Return { handover })
        }
        Wish::Convene(it) => {
            let command = convene(it.teams, it.link, it.handover)?;
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Priority(it) => {
            let read = |text: &str| {
                let bad = |error| Problem::bad_request(format!("priority: {error}"));
                text.parse().map_err(bad)
            };
            let priority = it.priority.as_deref().map(read).transpose()?;
            (it.by, it.note, it.expected_version, Command::Prioritise { priority })
        }
        Wish::Update(it) => {
            let next = update_in(it.update_in.as_deref())?;
            (it.by, it.note, it.expected_version, Command::Update { next })
        }
        Wish::Subscribe(it) => {
            let command = Command::Subscribe { who: target(&it.who)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Unsubscribe(it) => {
            let command = Command::Unsubscribe { who: target(&it.who)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Hold(it) => {
            let command = hold(&it, now)?;
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Resolve(it) => desk::resolve(it)?,
        Wish::Reopen(it) => (it.by, it.note, it.expected_version, Command::Reopen),
        Wish::Close(it) => (it.by, it.note, it.expected_version, Command::Close),
        Wish::Merge(it) => merge(it)?,
        Wish::Split(it) => split(it)?,
        Wish::Set(it) => desk::set(it)?,
        Wish::Classify(it) => desk::classify(it)?,
        Wish::Time(it) => desk::spend(it)?,
        Wish::Confirm(it) => desk::confirm(it)?,
        Wish::Reject(it) => (it.by, it.note, it.expected_version, Command::Reject),
        Wish::Cancel(it) => (it.by, it.note, it.expected_version, Command::Cancel),
        Wish::DeclareMajor(it) => (it.by, it.note, it.expected_version, Command::DeclareMajor),
        Wish::StandDown(it) => (it.by, it.note, it.expected_version, Command::StandDown),
        Wish::Check(it) => major::check(it),
        Wish::Role(it) => major::appoint(it)?,
        Wish::Action(it) => major::add(it, now)?,
        Wish::ActionDone(it) => major::finish(it),
    })
}

/// Returns the name to put on the timeline. A proven name cannot be left out: whoever speaks for
/// somebody else, as a chat's bot does, is named beside them.
pub(super) fn person(caller: &Caller, by: &str, note: &str) -> Result<Box<str>, Problem> {
    let by = caller.acting(by);
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

fn span(text: &str, max: Duration) -> Result<Duration, Problem> {
    let span = duration(text).filter(|span| !span.is_zero() && *span <= max);
    span.ok_or_else(|| {
        let days = days(max);
        let message = format!("for is `{text}`, must be a time such as 30m, at most {days}d");
        Problem::bad_request(message)
    })
}

/// The longest time to a promised update: beyond it nobody waits for one.
const UPDATE_MAX: Duration = Duration::from_hours(7 * 24);

/// The longest part of a hand-over, and the longest link, in bytes: a page is read on a phone.
const SAID_BYTES_MAX: usize = 1_000;

/// Teams that are called together at most.
const TEAMS_MAX: usize = 8;

fn update_in(text: Option<&str>) -> Result<Option<Duration>, Problem> {
    text.map(|text| span(text, UPDATE_MAX)).transpose()
}

fn handover(said: Said) -> Result<Handover, Problem> {
    let Said { tried, known, next } = said;
    for (name, text) in [("tried", &tried), ("known", &known), ("next", &next)] {
        short(name, text)?;
    }
    let because = Box::default();
    Ok(Handover { because, tried: tried.into(), known: known.into(), next: next.into() })
}

fn short(name: &str, text: &str) -> Result<(), Problem> {
    if text.len() <= SAID_BYTES_MAX {
        return Ok(());
    }
    let len = text.len();
    let message = format!("{name} is {len} bytes long, must be at most {SAID_BYTES_MAX}");
    Err(Problem::bad_request(message))
}

fn convene(teams: Vec<String>, link: Option<String>, said: Said) -> Result<Command, Problem> {
    if !(1..=TEAMS_MAX).contains(&teams.len()) {
        let message = format!("teams names {}, must name 1 to {TEAMS_MAX}", teams.len());
        return Err(Problem::bad_request(message));
    }
    let link = link.filter(|link| !link.is_empty());
    short("link", link.as_deref().unwrap_or_default())?;
    let mut names: Vec<Box<str>> = teams.into_iter().map(Into::into).collect();
    names.sort_unstable();
    names.dedup();
    let handover = handover(said)?;
    Ok(Command::Convene { teams: names, link: link.map(Into::into), handover })
}

pub(super) fn target(text: &str) -> Result<Target, Problem> {
    match text.split_once(':') {
        Some(("team", name)) if !name.is_empty() => Ok(Target::Team(name.into())),
        Some(("contact", name)) if !name.is_empty() => Ok(Target::Contact(name.into())),
        _ => Err(Problem::bad_request(format!(
            "to is `{text}`, must be team:NAME or contact:NAME with a name of the rule files"
        ))),
    }
}

fn hold(it: &Hold, now: Timestamp) -> Result<Command, Problem> {
    let waits_for: WaitsFor = it
        .waits_for
        .parse()
        .map_err(|error| Problem::bad_request(format!("waits_for: {error}")))?;
    let until = match (&it.span, it.until) {
        (Some(text), None) => now.plus(span(text, HOLD_MAX)?),
        (None, Some(Time(until))) if until <= now.plus(HOLD_MAX) => until,
        (None, Some(until)) => {
            let message = format!("until is {until}, more than {} days away", days(HOLD_MAX));
            return Err(Problem::bad_request(message));
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::bad_request("say either for or until: a hold has an end"));
        }
    };
    Ok(Command::Hold { waits_for, until })
}

fn merge(it: Merge) -> Result<Parts, Problem> {
    let command = Command::Merge { into: number(&it.into)? };
    Ok((it.by, it.note, it.expected_version, command))
}

fn split(it: Split) -> Result<Parts, Problem> {
    let command = Command::Split { records: records(&it.records)? };
    Ok((it.by, it.note, it.expected_version, command))
}

fn days(span: Duration) -> u64 {
    span.as_secs() / 86_400
}

fn records(texts: &[String]) -> Result<Vec<RecordId>, Problem> {
    if texts.len() > RECORDS_MAX {
        let message = format!("records names {}, at most {RECORDS_MAX}", texts.len());
        return Err(Problem::bad_request(message));
    }
    texts.iter().map(|text| number(text)).collect()
}

/// Returns the incident that an order left behind, or why it was not carried out; `outdated` is the
/// status for a version that is no longer the present one.
pub(super) fn done(
    reading: &Reading<'_>,
    asked: IncidentId,
    reply: Reply,
    outdated: StatusCode,
) -> Result<Incident, Problem> {
    match reply {
        Reply::Handled(handled) => find(reading, handled.incident),
        Reply::Duplicate => find(reading, asked),
        Reply::Refused(refusal) => {
            let (status, code) = kind(&refusal, outdated);
            let about = if let Refusal::NotOpen(id) = &refusal { *id } else { asked };
            let incident = find(reading, about)?;
            Err(Problem::new(status, words(&incident, &refusal))
                .coded(code)
                .with(vec![facts(&incident, &refusal)]))
        }
        Reply::Received(_)
        | Reply::Reported(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
        | Reply::Overridden(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Consumed(_)
        | Reply::Quarantined(_)
        | Reply::Done
        | Reply::Outdated => Err(Problem::internal(&"the engine took an order for something else")),
    }
}

/// Returns status and code of a refusal: 409 where the state forbids it, 422 where it can never be.
fn kind(refusal: &Refusal, outdated: StatusCode) -> (StatusCode, &'static str) {
    const NEVER: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match refusal {
        Refusal::NotOpen(_) => (StatusCode::CONFLICT, "closed"),
        Refusal::Subordinate { .. } => (StatusCode::CONFLICT, "subordinate"),
        Refusal::Watched { .. } => (StatusCode::CONFLICT, "watched"),
        Refusal::NotMajor(_) => (StatusCode::CONFLICT, "not_major"),
        Refusal::NoSuch { .. } => (NEVER, "no_such_number"),
        Refusal::TooMany { .. } => (NEVER, "too_many"),
        Refusal::ActionOver { .. } => (NEVER, "action_over"),
        Refusal::Conflict { .. } => (outdated, "version_conflict"),
        Refusal::StillFiring { .. } => (StatusCode::CONFLICT, "still_firing"),
        Refusal::NotAllowed { .. } => (StatusCode::CONFLICT, "not_allowed"),
        Refusal::Disagreed { .. } => (StatusCode::CONFLICT, "disagreed"),
        Refusal::Over { .. } => (StatusCode::CONFLICT, "over"),
        Refusal::Already { .. } | Refusal::IsDone { .. } => (StatusCode::CONFLICT, "already"),
        Refusal::Incomplete { .. } => (StatusCode::CONFLICT, "incomplete"),
        Refusal::NotDesk { .. } => (StatusCode::CONFLICT, "not_desk"),
        Refusal::NotAsked { .. } => (StatusCode::CONFLICT, "not_asked"),
        Refusal::NothingSet(_) => (NEVER, "nothing_set"),
        Refusal::UnknownCode { .. } => (NEVER, "unknown_code"),
        Refusal::EmptyNote => (NEVER, "empty_note"),
        Refusal::HoldOver { .. } => (NEVER, "hold_over"),
        Refusal::NoReason { .. } => (NEVER, "no_reason"),
        Refusal::NoNextLine { .. } => (NEVER, "no_next_line"),
        Refusal::NowhereToReturn(_) => (NEVER, "nowhere_to_return"),
        Refusal::TooManySubscribers(_) => (NEVER, "too_many_subscribers"),
        Refusal::UnknownTarget { .. } => (NEVER, "unknown_target"),
        Refusal::SameIncident(_) => (NEVER, "same_incident"),
        Refusal::NotSplit { .. } => (NEVER, "not_split"),
        Refusal::UnknownSilence(_)
        | Refusal::TooManySilences(_)
        | Refusal::TooManyChanges(_)
        | Refusal::TooManyOverrides(_)
        | Refusal::OverrideOver { .. }
        | Refusal::UnknownOverride(_)
        | Refusal::NotDead(_)
        | Refusal::NotReported(_)
        | Refusal::UnknownPartition(_)
        | Refusal::NotQuarantined(_) => (NEVER, "not_an_order"),
    }
}

/// Words a refusal; one that is merely not open is told with its state.
fn words(incident: &Incident, refusal: &Refusal) -> String {
    if let Refusal::NotOpen(id) = refusal {
        let state = incident.progress.name();
        let open = afterwards::fields();
        let action = if state == StateName::Closed {
            ", or to give its review an `action`, with a reason"
        } else {
            ""
        };
        let still = format!("; nothing can be done with it but to `set` {open}{action}");
        return format!("{id} is {state}{}", if state.is_over() { &*still } else { "" });
    }
    refusal.to_string()
}

/// Tells a program what it needs to go on: the present state and version, and what is allowed.
fn facts(incident: &Incident, refusal: &Refusal) -> Value {
    let mut facts = Map::new();
    facts.insert("incident".into(), incident.id.to_string().into());
    facts.insert("state".into(), incident.progress.name().to_string().into());
    facts.insert("version".into(), incident.version.into());
    if let Refusal::NotAllowed { allowed, .. } = refusal {
        let allowed = allowed.split(", ").filter(|it| !it.is_empty());
        facts.insert("allowed".into(), allowed.collect());
    }
    if let Refusal::Incomplete { missing, .. } = refusal {
        facts.insert("missing".into(), missing.split(", ").collect());
    }
    if let Refusal::Subordinate { parent, .. } = refusal {
        facts.insert("parent".into(), parent.to_string().into());
    }
    Value::Object(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::handle::Plain;
    use crate::settings::users::Role;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn an_acknowledgement_and_a_hold_last_for_a_bounded_time() {
        assert_eq!(span("30m", ACKNOWLEDGEMENT_MAX), Ok(Duration::from_mins(30)));
        for bad in ["0s", "8d", "soon", "", "-5m"] {
            assert!(span(bad, ACKNOWLEDGEMENT_MAX).is_err(), "{bad}");
        }
        let wish = |span: Option<&str>, until: Option<i64>| Hold {
            by: "ann".into(),
            waits_for: "supplier".into(),
            span: span.map(Into::into),
            until: until.map(|ms| Time(Timestamp::from_millis(ms))),
            note: String::new(),
            expected_version: None,
        };
        let until = |ms| {
            let until = Timestamp::from_millis(ms);
            Ok(Command::Hold { waits_for: WaitsFor::Supplier, until })
        };
        assert_eq!(hold(&wish(Some("2s"), None), NOW), until(3_000));
        assert_eq!(hold(&wish(None, Some(5_000)), NOW), until(5_000));
        for bad in [
            wish(None, None),
            wish(Some("1h"), Some(5_000)),
            wish(Some("91d"), None),
            wish(None, Some(i64::MAX)),
            Hold { waits_for: "godot".into(), ..wish(Some("1h"), None) },
        ] {
            assert!(hold(&bad, NOW).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nobody_can_answer_without_a_name() {
        let anonymous = &Caller::Anonymous;
        assert_eq!(person(anonymous, " m.ito ", ""), Ok("m.ito".into()));
        let bot = &Caller::Person { name: "bot".into(), role: Role::Operator };
        for (by, name) in [("", "bot"), ("bot", "bot"), ("m.ito", "m.ito by bot")] {
            assert_eq!(person(bot, by, ""), Ok(name.into()));
        }
        for (by, note) in [("", 0), ("  ", 0), (&*"x".repeat(129), 0), ("m.ito", 4_097)] {
            assert!(person(anonymous, by, &"x".repeat(note)).is_err(), "{by} {note}");
        }
    }

    #[test]
    fn a_target_names_its_kind() {
        assert_eq!(target("team:linux"), Ok(Target::Team("linux".into())));
        assert_eq!(target("contact:eva"), Ok(Target::Contact("eva".into())));
        for bad in ["linux", "team:", "manager", "group:x"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

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

    #[test]
    fn a_wish_becomes_the_order_of_its_name() {
        let plain = || Plain { by: "ann".into(), note: "x".into(), expected_version: Some(2) };
        let order = order(RecordId(1), &Caller::Anonymous, Wish::Reopen(plain()), NOW).unwrap();
        assert_eq!((&*order.by, &*order.note, order.expected), ("ann", "x", Some(2)));
        assert_eq!(order.command, Command::Reopen);
    }
}
