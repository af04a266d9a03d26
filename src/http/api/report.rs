//! `POST /api/v1/incidents`: what people report.
//!
//! A report is matched with what is open like an alert. The answer says what it was to that, the
//! incident's state, and who has it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use crate::engine::event::Event;
use crate::engine::order;

use crate::engine::reply::{Match, Reply};
use crate::ingest::Limits;
use crate::mailbox::Work;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::report::{NotAReport, Reporter, labels};

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::ingest::{identity, once};
use super::super::wire::Time;
use super::super::wire::desk::{Filed, Filing};
use super::super::{App, Reading, json_body};
use super::desk::{edits, name};
use super::incidents::{find, shown};
use super::order::{NOTE_BYTES_MAX, person};

/// The channel of reports that do not say how they came in.
const CHANNEL: &str = "api";

/// Takes a person's report of an incident.
#[utoipa::path(
    post,
    path = "/api/v1/incidents",
    operation_id = "report",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body(
        content = Filing,
        example = json!({"title": "The shop is slow", "by": "mia", "place": "Berlin, 3rd floor"})
    ),
    responses((status = 200, body = Filed))
)]
pub(super) async fn file(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Filed>, Problem> {
    let wish: Filing = json_body(&app, &headers, read)?;
    let filing = filing(wish, &caller, &app.doors.limits)?;
    let alert = filing.labels.fingerprint();
    let scope = format!("report {} {}", filing.by, filing.reporter.name);
    let event = once(identity(&headers, &scope)?, Event::Report(Box::new(filing)));
    let reply = app.submit(Work::Event(event)).await?;
    if reply == Reply::Duplicate {
        app.doors.metrics.doors.duplicate();
    }
    let answer = app.read(move |reading| answer(reading, alert, reply));
    Ok(Json(answer.await?))
}

/// Makes a report of what was sent.
fn filing(it: Filing, caller: &Caller, limits: &Limits) -> Result<order::Filing, Problem> {
    let by = person(caller, &it.by, "")?;
    if it.description.len() > NOTE_BYTES_MAX {
        let (len, max) = (it.description.len(), NOTE_BYTES_MAX);
        let message = format!("description is {len} bytes long, must be at most {max}");
        return Err(Problem::bad_request(message));
    }
    let option = |what: &str, given: Option<String>| {
        let given = given.filter(|text| !text.trim().is_empty());
        given.map(|text| name(what, &text)).transpose()
    };
    let labels = read_labels(&it, limits)?;
    let reporter = Reporter {
        name: option("reporter", it.reporter)?.unwrap_or_else(|| by.clone()),
        place: option("place", it.place)?,
        contact: option("contact", it.contact)?,
    };
    let channel = option("channel", it.channel)?.unwrap_or_else(|| CHANNEL.into());
    Ok(order::Filing {
        labels,
        severity: option("severity", it.severity)?,
        title: it.title.split_whitespace().collect::<Vec<_>>().join(" ").into(),
        description: it.description.into(),
        category: option("category", it.category)?,
        edits: edits(&it.fields)?,
        reporter,
        by,
        channel,
    })
}

fn read_labels(it: &Filing, limits: &Limits) -> Result<Labels, Problem> {
    let own = [("ci", &it.ci), ("service", &it.service)];
    let own = own.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let given = it.labels.iter().map(|(name, value)| (&**name, &**value));
    let pairs: Vec<(&str, &str)> = own.chain(given).map(|(n, v)| (n, v.trim())).collect();
    for (name, value) in &pairs {
        if name.len() > limits.name_bytes || value.len() > limits.value_bytes {
            let (name_max, value_max) = (limits.name_bytes, limits.value_bytes);
            return Err(Problem::bad_request(format!(
                "label `{}` is too long, at most {name_max} bytes and {value_max} of its value",
                name.chars().take(60).collect::<String>()
            )));
        }
    }
    labels(&it.title, &pairs).map_err(|error: NotAReport| Problem::bad_request(error.to_string()))
}

/// Says what became of a report; one that came before is found by its alert.
fn answer(reading: &Reading<'_>, alert: Fingerprint, reply: Reply) -> Result<Filed, Problem> {
    let now = Time(reading.now);
    let duplicate = reply == Reply::Duplicate;
    let (how, id, held_back) = match reply {
        Reply::Reported(it) => (Some(it.how), it.incident, it.held_back),
        Reply::Duplicate => {
            let row = reading.view.alert(alert)?;
            (None, row.and_then(|row| row.state.incident), String::new())
        }
        Reply::Refused(refusal) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, refusal.to_string()).coded("not_reported"));
        }
        Reply::Received(_)
        | Reply::Handled(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
        | Reply::Overridden(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Consumed(_)
        | Reply::Quarantined(_)
        | Reply::Done
        | Reply::Outdated => {
            return Err(Problem::internal(&"the engine took a report for something else"));
        }
    };
    let incident = id.map(|id| shown(reading, &find(reading, id)?)).transpose()?;
    Ok(Filed {
        how: how.map(|how: Match| how.to_string()),
        incident,
        held_back: Some(held_back).filter(|text| !text.is_empty()),
        duplicate,
        now,
    })
}
