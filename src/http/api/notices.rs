//! `/api/v1/notices`: what is not delivered yet, and what never will be.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};

use crate::model::notice::NoticeState;

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::{self, Time};
use super::show;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/notices", get(list))
}

async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<wire::Page<wire::Notice>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "limit"])?;
    let limit = pairs.limit()?;
    let state = match pairs.one("state")? {
        None => None,
        Some(text) => {
            let state = text.parse::<NoticeState>();
            Some(state.map_err(|error| Problem::bad_request(format!("state: {error}")))?)
        }
    };
    let page = app.read(move |reading| {
        let notices = reading.view.notices(state, limit)?;
        Ok(wire::Page {
            items: notices.iter().map(show::notice).collect(),
            next: None,
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}
