//! What operates the daemon: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::App;
use super::error::Problem;

/// What is missing for service; ready when nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Each thing in words, as in `the store is being read`.
    pub missing: Vec<String>,
}

impl Readiness {
    /// Nothing is missing.
    pub fn ready() -> Self {
        Self { missing: Vec::new() }
    }

    /// `what` is missing.
    pub fn missing(what: impl Into<String>) -> Self {
        Self { missing: vec![what.into()] }
    }
}

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let missing = app.doors.readiness.borrow().missing.join("; ");
    if missing.is_empty() { Ok("ready\n") } else { Err(Problem::unavailable(missing)) }
}

async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = app.doors.metrics.encode().map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}
