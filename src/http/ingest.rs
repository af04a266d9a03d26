//! `POST /ingest/{source}`: deliveries of every configured source.
//!
//! One bad alert does not cost the good ones. The content type is not looked at: senders state all
//! kinds, and the source's format is configured. A 2xx means that what is counted as accepted is on
//! disk. There is no 429: Alertmanager's webhook takes it as final, a 503 it tries again.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::engine::event::{Event, Received, Reply};
use crate::ingest::{Decoded, Reject, Terms, decode};
use crate::mailbox::Work;
use crate::telemetry::metrics::Outcome;

use super::error::Problem;
use super::wire::change::{Accepted, Rejected};
use super::{App, Source};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(ingest))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/ingest/{source}", post(ingest))
}

/// Takes a delivery of a configured source.
#[utoipa::path(
    post,
    path = "/ingest/{source}",
    params(("source" = String, Path)),
    request_body(
        content = serde_json::Value,
        description = "What the source's format says",
        example = json!({"labels": {"alertname": "DiskFull", "severity": "minor"}})
    ),
    responses((status = 200, body = Accepted))
)]
async fn ingest(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    read: Result<Bytes, BytesRejection>,
) -> Response {
    let sources = &app.doors.sources;
    let Some((name, source)) = sources.get_key_value(&*name) else {
        let known: Vec<&str> = sources.keys().map(|name| &**name).collect();
        let message = format!("no source `{name}` is configured, only {}", known.join(", "));
        return Problem::not_found(message).into_response();
    };
    let response = take(&app, name, source, read).await.into_response();
    app.doors.metrics.ingest.answered(name, response.status().as_u16());
    response
}

async fn take(
    app: &App,
    name: &Arc<str>,
    source: &Source,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<Accepted>, Problem> {
    let body = super::body(read, app.doors.limits.body_bytes)?;
    let decoded = decode_for(app, source, &body).map_err(|reject| {
        let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(status, reject.to_string())
    })?;
    let answer = deliver(app, name, decoded).await?;
    if answer.accepted == 0 && !answer.rejected.is_empty() {
        return Err(Problem {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: "none of the alerts can be taken".into(),
            problems: answer.rejected.iter().map(|one| serde_json::json!(one)).collect(),
        });
    }
    Ok(Json(answer))
}

/// Decodes a delivery under the terms of its source.
pub(super) fn decode_for(app: &App, source: &Source, body: &[u8]) -> Result<Decoded, Reject> {
    let doors = &app.doors;
    let terms = Terms { received: doors.clock.now(), lease: source.lease, limits: &doors.limits };
    decode(source.format, body, &terms)
}

/// Hands what was decoded to the engine and sums up what became of it.
pub(super) async fn deliver(
    app: &App,
    name: &Arc<str>,
    decoded: Decoded,
) -> Result<Accepted, Problem> {
    let Decoded { occurrences, indexes, rejects, truncated } = decoded;
    let mut answer = Accepted { truncated, ..Accepted::default() };
    let rejects = rejects.into_iter().map(|one| Rejected { index: one.index, reason: one.reason });
    answer.rejected = rejects.collect();
    let unreadable = u64::try_from(answer.rejected.len()).unwrap_or(u64::MAX);
    app.doors.metrics.ingest.count(name, Outcome::Refused, unreadable);
    if occurrences.is_empty() {
        return Ok(answer);
    }
    app.doors.operations.require_room()?;
    let sent = u32::try_from(occurrences.len()).unwrap_or(u32::MAX);
    let event = Event::Received { source: Arc::clone(name), occurrences };
    match app.submit(Work::Event(event)).await? {
        Reply::Received(received) => {
            app.doors.metrics.ingest.received(name, &received);
            sum_up(&mut answer, sent, &indexes, &received);
            Ok(answer)
        }
        other @ (Reply::Handled(_)
        | Reply::Silenced(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Done
        | Reply::Outdated
        | Reply::Refused(_)) => {
            Err(Problem::internal(&format!("the engine answered a delivery with {other:?}")))
        }
    }
}

/// Adds what the engine did with `sent` alerts, whose places in the body are `indexes`.
fn sum_up(answer: &mut Accepted, sent: u32, indexes: &[u32], received: &Received) {
    for (place, why) in &received.refused {
        let index = indexes.get(*place as usize).copied().unwrap_or(*place);
        answer.rejected.push(Rejected { index, reason: why.to_string() });
    }
    answer.rejected.sort_by_key(|one| one.index);
    let refused = u32::try_from(received.refused.len()).unwrap_or(u32::MAX);
    answer.accepted = sent.saturating_sub(refused);
    answer.began = received.began;
    answer.ended = received.ended;
    answer.updated = received.updated;
    answer.repeated = received.repeated;
}
