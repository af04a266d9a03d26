//! `/api/v1/quarantine`: what could not be read or handled; looked at, tried again, dropped.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use utoipa::OpenApi;

use crate::engine::event::Event;

use crate::engine::reply::Reply;
use crate::ingest::{Format, SourceFormat};
use crate::mailbox::Work;
use crate::model::quarantine::{Cause, QuarantineId, Quarantined};

use super::super::error::Problem;
use super::super::ingest::{decode_for, sum_up};
use super::super::query::Pairs;
use super::super::wire::change::{Accepted, Rejected};
use super::super::wire::quarantine::{Dropped, Origin, Record, Whole};
use super::super::wire::{Page, Time};
use super::super::{App, Source};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one, discard, replay))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/quarantine", get(list))
        .route("/api/v1/quarantine/{id}", get(one).delete(discard))
        .route("/api/v1/quarantine/{id}/replay", post(replay))
}

/// Lists what could not be read or handled, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, pattern = "^[0-9]{1,19}$")
    ),
    responses((status = 200, body = Page<Record>))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Page<Record>>, Problem> {
    let pairs = Pairs::read(&uri, &["limit", "cursor"])?;
    let limit = pairs.limit()?;
    let after = pairs.one("cursor")?.map(number).transpose()?;
    let page = app.read(move |reading| {
        let records = reading.view.quarantine(after, limit)?;
        let next = records.last().filter(|_| records.len() == limit);
        Ok(Page {
            items: records.iter().map(shown).collect(),
            next: next.map(|last| last.id.to_string()),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Shows a record with what was sent.
#[utoipa::path(
    get,
    path = "/api/v1/quarantine/{id}",
    params(("id" = String, Path, pattern = "^[0-9]{1,19}$", description = "The record's number")),
    responses((status = 200, body = Whole))
)]
async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Whole>, Problem> {
    let record = find(&app, number(&id)?).await?;
    let text = core::str::from_utf8(&record.what.body).ok();
    Ok(Json(Whole {
        record: shown(&record),
        body: text.map(Into::into),
        body_base64: text.is_none().then(|| STANDARD.encode(&record.what.body)),
    }))
}

/// Drops a record.
#[utoipa::path(
    delete,
    path = "/api/v1/quarantine/{id}",
    params(("id" = String, Path, pattern = "^[0-9]{1,19}$", description = "The record's number")),
    responses((status = 200, body = Dropped))
)]
async fn discard(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Dropped>, Problem> {
    let id = number(&id)?;
    let reply = app.submit(Work::Event(Event::DropQuarantined(id))).await?;
    if let Reply::Refused(refusal) = reply {
        return Err(Problem::not_found(refusal.to_string()));
    }
    Ok(Json(Dropped { id: id.0 }))
}

/// Reads a record again under the present settings; with its alerts in, it leaves.
#[utoipa::path(
    post,
    path = "/api/v1/quarantine/{id}/replay",
    params(("id" = String, Path, pattern = "^[0-9]{1,19}$", description = "The record's number")),
    responses((status = 200, body = Accepted))
)]
async fn replay(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Accepted>, Problem> {
    let id = number(&id)?;
    let record = find(&app, id).await?;
    let Some((name, source)) = app.doors.sources.get_key_value(&*record.what.source) else {
        let message = format!(
            "record {id} is of `{}`, which is no source of alerts; a row of a topic that is a table \
             is corrected by writing it there again",
            record.what.source
        );
        return Err(Problem::conflict(message));
    };
    let source = match record.what.cause {
        Cause::Unreadable => source.clone(),
        // What was read already is written in our own format.
        Cause::Panicked | Cause::Overflowed => {
            Source { format: SourceFormat::Known(Format::Native), lease: source.lease }
        }
    };
    let decoded = decode_for(&app, &source, &record.what.body)
        .map_err(|reject| Problem::conflict(format!("still not readable: {reject}")))?;
    if let Some(reject) = decoded.rejects.first().filter(|_| decoded.occurrences.is_empty()) {
        return Err(Problem::conflict(format!("still not readable: {}", reject.reason)));
    }
    let sent = u32::try_from(decoded.occurrences.len()).unwrap_or(u32::MAX);
    let rejects = decoded.rejects.into_iter();
    let mut answer = Accepted {
        truncated: decoded.truncated,
        rejected: rejects.map(|one| Rejected { index: one.index, reason: one.reason }).collect(),
        ..Accepted::default()
    };
    let (source, occurrences) = (Arc::clone(name), decoded.occurrences);
    let reply = app.submit(Work::Event(Event::Replay { id, source, occurrences })).await?;
    if let Reply::Received(received) = reply {
        app.doors.metrics.ingest.received(name, &received);
        sum_up(&mut answer, sent, &decoded.indexes, &received);
        Ok(Json(answer))
    } else if let Reply::Refused(refusal) = reply {
        Err(Problem::not_found(refusal.to_string()))
    } else if let Reply::Quarantined(again) = reply {
        Err(Problem::conflict(format!(
            "it cannot be handled, a fault of incidentd; what was read of it is record {again} too"
        )))
    } else {
        Err(Problem::internal(&format!("the engine answered a replay with {reply:?}")))
    }
}

async fn find(app: &Arc<App>, id: QuarantineId) -> Result<Quarantined, Problem> {
    let missing = move || Problem::not_found(format!("the quarantine holds no record {id}"));
    app.read(move |reading| reading.view.quarantined(id)?.ok_or_else(missing)).await
}

fn number(text: &str) -> Result<QuarantineId, Problem> {
    let id = text.parse().map(QuarantineId);
    id.map_err(|_| Problem::bad_request(format!("`{text}` is no number of a record, such as 7")))
}

fn shown(record: &Quarantined) -> Record {
    let what = &record.what;
    Record {
        id: record.id.0,
        at: Time(record.at),
        source: String::from(&*what.source),
        format: String::from(&*what.format),
        cause: what.cause.to_string(),
        reason: what.reason.clone(),
        content_type: String::from(&*what.content_type),
        bytes: what.body.len(),
        kafka: what.origin.as_ref().map(|it| Origin {
            topic: it.topic.to_string(),
            partition: it.partition,
            offset: it.offset,
        }),
    }
}
