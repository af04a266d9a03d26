//! The part of Alertmanager's API v2 that its senders need: `POST /api/v2/alerts` and the status.
//!
//! Statuses and bodies are Alertmanager's, whose clients tell errors apart by them: its framework
//! answers `{"code","message"}`, its handler a JSON string, and good alerts of a half-bad batch are
//! stored although the answer is 400.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::App;
use super::super::auth::{Caller, Peer};
use super::super::error::Problem;
use super::super::guard;
use super::super::ingest::{Delivery, Sender, admit, decode_for, deliver, keep};

/// The source behind this door.
const SOURCE: &str = "alertmanager-api";

/// The Alertmanager whose answers these are; its clients switch features by it.
const VERSION: &str = "0.34.0";

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v2/alerts", post(alerts)).route("/api/v2/status", get(status))
}

async fn alerts(
    State(app): State<Arc<App>>,
    (caller, peer): (Caller, Option<Extension<Peer>>),
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Response {
    let Some((name, source)) = app.doors.sources.get_key_value(SOURCE) else {
        return Problem::not_found(format!("no source `{SOURCE}` is configured")).into_response();
    };
    let response = match admit(&app, (name, source), &headers, read) {
        Ok(body) => {
            let from = Sender::new(caller, peer);
            take(&app, &Delivery { name, source, headers: &headers, from, body }).await
        }
        Err(problem) => Err(problem),
    };
    let response = match response {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    app.doors.metrics.ingest.answered(name, response.status().as_u16());
    response
}

async fn take(app: &App, delivery: &Delivery<'_>) -> Result<Response, Problem> {
    if !delivery.body.is_empty() {
        require_json(delivery.headers)?;
    }
    let decoded = match decode_for(app, delivery.source, &delivery.body) {
        Ok(decoded) => decoded,
        Err(reject) => {
            keep(app, delivery, &reject).await?;
            let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let json = [(header::CONTENT_TYPE, "application/json")];
            return Ok((status, json, reject.framework_body()).into_response());
        }
    };
    let answer = deliver(app, delivery, decoded).await.map_err(|(problem, _)| problem)?;
    if answer.rejected.is_empty() {
        return Ok(StatusCode::OK.into_response());
    }
    let reasons: Vec<&str> = answer.rejected.iter().map(|one| &*one.reason).collect();
    Ok((StatusCode::BAD_REQUEST, Json(reasons.join("\n"))).into_response())
}

/// Refuses other types in the words of Alertmanager's framework, which takes a missing one as bytes.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = guard::text(headers, &header::CONTENT_TYPE).unwrap_or("application/octet-stream");
    let kind = guard::media_type(given);
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("unsupported media type {kind:?}, only [application/json] are allowed");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {
            "version": VERSION,
            "revision": concat!("incidentd-", env!("CARGO_PKG_VERSION")),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
        "config": {"original": ""},
        "uptime": app.started.to_string(),
    }))
}
