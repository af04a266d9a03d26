//! The part of Alertmanager's API v2 that its senders need: `POST /api/v2/alerts` and the status.
//!
//! Statuses and bodies are Alertmanager's, whose clients tell errors apart by them: its framework
//! answers `{"code","message"}`, its handler a JSON string, and good alerts of a half-bad batch are
//! stored although the answer is 400.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::error::Problem;
use super::super::guard;
use super::super::ingest::{decode_for, deliver};
use super::super::{App, Source, body};

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
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Response {
    let Some((name, source)) = app.doors.sources.get_key_value(SOURCE) else {
        return Problem::not_found(format!("no source `{SOURCE}` is configured")).into_response();
    };
    let response = match take(&app, name, source, (headers, read)).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    app.doors.metrics.ingest.answered(name, response.status().as_u16());
    response
}

async fn take(
    app: &App,
    name: &Arc<str>,
    source: &Source,
    (headers, read): (HeaderMap, Result<Bytes, BytesRejection>),
) -> Result<Response, Problem> {
    let body = body(read, app.doors.limits.body_bytes)?;
    if !body.is_empty() {
        require_json(&headers)?;
    }
    let decoded = match decode_for(app, source, &body) {
        Ok(decoded) => decoded,
        Err(reject) => {
            let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let json = [(header::CONTENT_TYPE, "application/json")];
            return Ok((status, json, reject.framework_body()).into_response());
        }
    };
    let answer = deliver(app, name, decoded).await?;
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
