//! `/api/v1/audit`: who did what, page by page, each entry with its seal.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::audit::AuditPage;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/audit", get(list))
}

/// Lists who did what, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(
        ("after" = Option<String>, Query, pattern = "^[0-9]{1,19}$", description = "The `seq` of the last entry seen; 0 when left out"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000)
    ),
    responses((status = 200, body = AuditPage))
)]
async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<AuditPage>, Problem> {
    let pairs = Pairs::read(&uri, &["after", "limit"])?;
    let limit = pairs.limit()?;
    let after = pairs.one("after")?.map_or(Ok(0), |text| {
        let refused = |_| format!("after is `{text}`, must be the `seq` of an entry, or 0");
        text.parse().map_err(|error| Problem::bad_request(refused(error)))
    })?;
    let page = app.read(move |reading| {
        let entries = reading.view.audit(after, limit)?;
        let counters = reading.view.counters()?;
        // Not: from where nothing was found. A trail whose end is missing would have pages for ever.
        let last = entries.last().map(|entry| entry.seq);
        Ok(AuditPage {
            items: entries.into_iter().map(Into::into).collect(),
            next: last.filter(|last| *last < counters.audited),
            count: counters.audited,
            head: counters.seal,
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}
