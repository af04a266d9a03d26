//! `/api/v1/cmdb`: what it holds, what follows from it, and its changes.
//!
//! Reads look at the topology in force, in memory. `change` makes the next one.

mod change;
mod plan;
mod read;
mod show;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use utoipa::OpenApi;

use super::super::App;
use super::binding;

/// A CMDB comes as a whole; 64 MiB hold some 300,000 CIs.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(
    read::counts,
    binding::bind,
    read::list,
    read::one,
    read::path,
    read::impact,
    read::lint,
    read::export,
    read::history,
    change::replace,
    change::merge,
    change::compare,
    change::put,
    change::patch,
    change::remove,
    change::relate,
    change::unrelate
))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    let whole = get(read::counts).put(change::replace).post(change::merge);
    let one = get(read::one).put(change::put).patch(change::patch).delete(change::remove);
    Router::new()
        .route("/api/v1/cmdb", whole.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route(
            "/api/v1/cmdb/diff",
            post(change::compare).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .route("/api/v1/cmdb/bind", get(binding::bind))
        .route("/api/v1/cmdb/cis", get(read::list))
        .route("/api/v1/cmdb/cis/{name}", one)
        .route("/api/v1/cmdb/relations", post(change::relate).delete(change::unrelate))
        .route("/api/v1/cmdb/path", get(read::path))
        .route("/api/v1/cmdb/impact/{name}", get(read::impact))
        .route("/api/v1/cmdb/lint", get(read::lint))
        .route("/api/v1/cmdb/export", get(read::export))
        .route("/api/v1/cmdb/history", get(read::history))
}
