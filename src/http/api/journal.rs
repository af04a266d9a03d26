//! `/api/v1/journal`: what changed the states of alerts, a JSON object a line, to be played again.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use utoipa::OpenApi;

use crate::ingest;
use crate::ingest::recorded;
use crate::model::time::Timestamp;

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;

/// Entries read at a time, by a view of its own: an answer may take long, and while a view is held
/// nothing of the store is cleaned up.
const PAGE: usize = 1_000;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(journal))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/journal", get(journal))
}

/// Tells what changed the states of alerts, the oldest first, a JSON object a line.
#[utoipa::path(
    get,
    path = "/api/v1/journal",
    params(
        ("from" = Option<String>, Query, format = "date-time", description = "What was heard then or later; all that is kept when left out"),
        ("to" = Option<String>, Query, format = "date-time", description = "What was heard before then; until now when left out")
    ),
    responses((status = 200, content_type = "application/jsonl", body = String))
)]
async fn journal(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let pairs = Pairs::read(&uri, &["from", "to"])?;
    let from = time(&pairs, "from")?.unwrap_or(Timestamp::from_millis(i64::MIN));
    let now = app.doors.clock.now();
    let until = time(&pairs, "to")?.unwrap_or(now.plus(Duration::from_millis(1)));
    let mut reader = Reader { app, after: (from, 0), until, done: false };
    // Read before anything is answered, so that a refusal can still be one.
    let first = reader.page().await?;
    let pages = unfold((Some(first), reader), |(ready, mut reader)| async move {
        let page = match ready {
            Some(page) => Ok(page),
            None if reader.done => return None,
            None => reader.page().await.map_err(|problem| io::Error::other(problem.message)),
        };
        // A broken connection tells the client that there was more.
        reader.done |= page.is_err();
        Some((page, (None, reader)))
    });
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(pages)).into_response())
}

/// One who reads the journal.
struct Reader {
    app: Arc<App>,
    after: (Timestamp, u64),
    until: Timestamp,
    done: bool,
}

impl Reader {
    async fn page(&mut self) -> Result<Bytes, Problem> {
        let (after, until) = (self.after, self.until);
        let page = self.app.read(move |reading| {
            let entries = reading.view.journal(after, until, PAGE)?;
            let last = entries.last().map(|entry| (entry.at, entry.seq));
            let mut text = String::new();
            for entry in &entries {
                text.push_str(&recorded::write(entry));
                text.push('\n');
            }
            Ok((text, last, entries.len()))
        });
        let (text, last, count) = page.await?;
        self.done = count < PAGE;
        self.after = last.unwrap_or(self.after);
        Ok(text.into())
    }
}

fn time(pairs: &Pairs, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = pairs.one(name)? else { return Ok(None) };
    let refused = || {
        let message = format!("{name} is `{text}`, must be a time like 2026-11-21T10:00:00Z");
        Problem::bad_request(message)
    };
    // Not: the beginning of time, as which senders of alerts mean nothing.
    let time = Some(text).filter(|text| !text.is_empty()).and_then(ingest::date_time);
    time.map(Some).ok_or_else(refused)
}
