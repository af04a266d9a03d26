//! `/api/v1/notices`: what is not delivered yet, what never will be, and whether channels work.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::engine::event::Event;

use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::incident::IncidentId;
use crate::model::notice::{NoticeId, NoticeState};
use crate::notify::{Rehearsal, Tested};
use crate::store::view::NoticeQuery;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::notices::{self, Retried, Retry, Tests};
use super::super::wire::{self, Time};
use super::super::{App, Reading, json_body};
use super::order::person;
use super::show;

/// Notices that one wish sends again.
const RETRIED_MAX: usize = 1_000;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, test, retry))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/notices", get(list))
        .route("/api/v1/notices/test", post(test))
        .route("/api/v1/notices/retry", post(retry))
}

/// Lists notices that are not delivered yet, or never will be.
#[utoipa::path(
    get,
    path = "/api/v1/notices",
    params(
        ("state" = Option<String>, Query, description = "Both when left out",
         pattern = "^(pending|dead)$"),
        ("incident" = Option<String>, Query, description = "Only those about this incident"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = wire::Page<wire::Notice>))
)]
async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<wire::Page<wire::Notice>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "incident", "limit", "cursor"])?;
    let query = NoticeQuery {
        state: read(&pairs, "state")?,
        incident: read::<IncidentId>(&pairs, "incident")?,
        after: super::cursor(&pairs)?,
        limit: pairs.limit()?,
    };
    let page = app.read(move |reading| {
        let page = reading.view.notices(&query)?;
        Ok(wire::Page {
            items: page.items.iter().map(show::notice).collect(),
            next: page.next.map(|next| next.to_string()),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Reads a parameter that may be left out.
fn read<T: core::str::FromStr<Err: core::fmt::Display>>(
    pairs: &Pairs,
    name: &str,
) -> Result<Option<T>, Problem> {
    let refuse = |error: T::Err| Problem::bad_request(format!("{name}: {error}"));
    pairs.one(name)?.map(|text| text.parse().map_err(refuse)).transpose()
}

/// Sends a test message.
#[utoipa::path(
    post,
    path = "/api/v1/notices/test",
    request_body = notices::Test,
    responses((status = 200, body = Tests))
)]
async fn test(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Tests>, Problem> {
    let wish: notices::Test = json_body(&app, &headers, body)?;
    let how = if wish.dry_run { Rehearsal::Show } else { Rehearsal::Send };
    let tested = app.doors.tester.test(&wish.to, how).await;
    let tested = tested.map_err(|unknown| Problem::not_found(unknown.to_string()))?;
    Ok(Json(Tests { items: tested.into_iter().map(shown).collect() }))
}

fn shown(tested: Tested) -> notices::Tested {
    let Tested { channel, subject, text, outcome } = tested;
    let (outcome, answer) = match outcome {
        None => ("dry_run", String::new()),
        Some(Ok(answer)) => ("delivered", answer),
        Some(Err(error)) => ("failed", error),
    };
    notices::Tested { channel, subject, text, outcome: outcome.into(), answer }
}

/// Sends notices once more that were given up.
#[utoipa::path(
    post,
    path = "/api/v1/notices/retry",
    request_body = Retry,
    responses((status = 200, body = Retried))
)]
async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Retried>, Problem> {
    let wish: Retry = json_body(&app, &headers, body)?;
    let by = person(&caller, &wish.by, "")?;
    let ids = match (wish.id, wish.dead) {
        (Some(id), false) => {
            let id = id.parse::<NoticeId>();
            vec![id.map_err(|error| Problem::bad_request(format!("id: {error}")))?]
        }
        (None, true) => app.read(dead).await?,
        (Some(_), true) | (None, false) => {
            return Err(Problem::bad_request("give either `id` or `dead: true`"));
        }
    };
    if ids.is_empty() {
        return Ok(Json(Retried { pending: Vec::new(), withheld: Vec::new() }));
    }
    let words = |ids: Vec<NoticeId>| ids.iter().map(ToString::to_string).collect();
    let reply = app.submit(Work::Event(Event::Retry { notices: ids, by })).await?;
    if let Reply::Retried(retried) = reply {
        Ok(Json(Retried { pending: words(retried.pending), withheld: words(retried.withheld) }))
    } else if let Reply::Refused(refusal) = reply {
        Err(Problem::conflict(refusal.to_string()))
    } else {
        Err(Problem::internal(&format!("the engine answered a retry with {reply:?}")))
    }
}

/// Returns the notices that were given up.
fn dead(reading: &Reading<'_>) -> Result<Vec<NoticeId>, Problem> {
    let query = NoticeQuery {
        state: Some(NoticeState::Dead),
        incident: None,
        after: None,
        limit: RETRIED_MAX,
    };
    Ok(reading.view.notices(&query)?.items.into_iter().map(|notice| notice.id).collect())
}
