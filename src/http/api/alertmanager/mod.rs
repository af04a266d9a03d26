//! Alertmanager's API v2, so that amtool, karma, Grafana and Prometheus work with this daemon
//! unchanged (`api/v2/openapi.yaml`, `api/v2/api.go`).
//!
//! Statuses and bodies are Alertmanager's, whose clients tell errors apart by them: its framework
//! answers `{"code","message"}`, its handlers a JSON string. What it cannot say is left out or said
//! in its words:
//! - A silence with a window on a CI shows the window as one more matcher, `ci="…"`. It is kept when
//!   the silence is sent back with it and gone when it is sent back without; windows are made
//!   with our own API.
//! - The receivers of an alert are those who were told of its incident; before that, its team or the
//!   default contact. Nothing is inhibited or muted here: what depends on something is part of
//!   its incident.
//! - A group is an incident, see `groups`.
//! - Filters see what matchers of rules see: `severity` is the one in force, `ci` the CI that the
//!   alert is bound to, `ci.…` an attribute of it.
//!
//! Not: its permissive CORS. Foreign web pages may look but not touch, as everywhere here.

mod alerts;
mod groups;
mod query;
mod select;
mod silence_body;
mod silences;
mod status;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::super::App;
use super::super::error::Problem;
use super::super::guard;
use super::super::operate::ready;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/-/healthy", get(async || "OK"))
        .route("/-/ready", get(async |state: State<Arc<App>>| ready(state).await.map(|_| "OK")))
        .route("/api/v2/status", get(status::status))
        .route("/api/v2/receivers", get(status::receivers))
        .route("/api/v2/alerts", get(alerts::list).post(alerts::post))
        .route("/api/v2/alerts/groups", get(groups::list))
        .route("/api/v2/silences", get(silences::list).post(silences::post))
        .route("/api/v2/silence/{id}", get(silences::one).delete(silences::end))
}

/// Why something was not done, in the two shapes of Alertmanager.
#[derive(Debug)]
enum Refused {
    /// Its framework refuses: `{"code","message"}`; codes above 599 come with status 422.
    Framework(u16, String),
    /// A handler refuses: a JSON string.
    Handler(StatusCode, String),
    /// This daemon refuses; becomes the framework's shape.
    Problem(Problem),
}

impl Refused {
    /// A handler does not understand the request.
    fn bad_request(message: impl Into<String>) -> Self {
        Self::Handler(StatusCode::BAD_REQUEST, message.into())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Framework(code, message) => {
                let status = StatusCode::from_u16(if code < 600 { code } else { 422 });
                let body = Json(serde_json::json!({ "code": code, "message": message }));
                (status.unwrap_or(StatusCode::BAD_REQUEST), body).into_response()
            }
            Self::Handler(status, message) => (status, Json(message)).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
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
