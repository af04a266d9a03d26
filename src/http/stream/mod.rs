//! `GET /api/v1/stream`: what changes, told as it is committed (server-sent events, WHATWG HTML 9.2).
//!
//! The committer puts each commit into one bounded ring; a client reads from it at its own pace, at
//! most four times a second, and learns with `resync` when it was too slow or away for too long. So
//! no client costs memory of its own, and none can hold up a commit. Read `ring` next.

mod ring;

use core::convert::Infallible;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Uri};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use futures_util::stream::{Stream, unfold};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::OpenApi;

use crate::engine::changes::Changes;
use crate::telemetry::metrics::Metrics;

use super::App;
use super::error::Problem;
use super::guard::text;
use super::query::Pairs;
use super::wire::stream::{IncidentChange, Resync};
use ring::{News, Ring, news};

/// Clients at a time; each page of a browser shares one, so these are people and programs.
pub(super) const CLIENTS_MAX: usize = 256;

/// The shortest time between two flushes to a client: people see no more, and a storm is merged.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// How often a comment is sent when there is nothing to tell, so that proxies keep the connection
/// (their usual limit is a minute) and either side notices when the other is gone.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// What a client sends that comes back: the last id it saw.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where the committer tells what it committed.
#[derive(Debug)]
pub struct Teller(watch::Sender<Ring>);

/// Where clients are told from.
#[derive(Clone, Debug)]
pub struct Feed {
    ring: watch::Receiver<Ring>,
    /// True once the daemon stops: an open stream must not hold that up.
    stopped: watch::Receiver<bool>,
}

/// Makes both ends; `batch` is the last commit so far.
pub fn feed(batch: u64, stopped: watch::Receiver<bool>) -> (Teller, Feed) {
    let (teller, ring) = watch::channel(Ring::after(batch));
    (Teller(teller), Feed { ring, stopped })
}

impl Teller {
    /// Tells all clients what is committed now.
    pub fn committed(&self, changes: &Changes) {
        self.0.send_if_modified(|ring| ring.push(changes));
    }
}

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(stream), components(schemas(IncidentChange, Resync)))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/stream", get(stream))
}

/// Tells what changes as it is committed, for as long as the client listens.
///
/// Server-sent events: `incident` with an `IncidentChange` for each incident that changed, `resync`
/// with a `Resync` when changes were missed: look at everything anew.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    params(
        ("since" = Option<u64>, Query, description = "The commit up to which everything is known"),
        ("last-event-id" = Option<u64>, Header,
         description = "The same, as a client sends it that comes back; it wins")
    ),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
async fn stream(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seq = since(&uri, &headers)?;
    let place = Place::take(&app)?;
    let feed = app.doors.feed.clone();
    let client = Client { feed, seq, ready: VecDeque::new(), flushed: false, place };
    let events = unfold(client, Client::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT_EVERY)))
}

/// Reads what the client knows already. The header wins: a browser that comes back on its own sends
/// it along with the address it began with.
fn since(uri: &Uri, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let pairs = Pairs::read(uri, &["since"])?;
    let number = |name: &str, given: &str| {
        given.parse().map_err(|_| {
            let message = format!("{name} is `{given}`, must be the number of a commit");
            Problem::bad_request(message)
        })
    };
    match (text(headers, &LAST_EVENT_ID), pairs.one("since")?) {
        (Some(given), _) => number("Last-Event-ID", given).map(Some),
        (None, Some(given)) => number("since", given).map(Some),
        (None, None) => Ok(None),
    }
}

/// One who follows the stream.
struct Client {
    feed: Feed,
    /// The commit up to which it knows everything; nothing until it has looked.
    seq: Option<u64>,
    /// Events of one flush that are not sent yet.
    ready: VecDeque<Event>,
    /// True when something was sent.
    flushed: bool,
    place: Place,
}

/// A place in the stream, given back when the client is gone.
struct Place {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(app: &App) -> Result<Self, Problem> {
        let metrics = Arc::clone(&app.doors.metrics);
        let Ok(permit) = Arc::clone(&app.streams).try_acquire_owned() else {
            metrics.stream.refused.inc();
            let message = format!("{CLIENTS_MAX} clients follow the stream, the limit");
            return Err(Problem::unavailable(message));
        };
        metrics.stream.clients.inc();
        Ok(Self { metrics, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.stream.clients.dec();
    }
}

impl Client {
    /// Returns the next event and itself; nothing when the daemon stops.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.ready.is_empty() {
            let mut stopped = self.feed.stopped.clone();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return None,
                flush = self.flush() => self.ready = flush?,
            }
        }
        let event = self.ready.pop_front()?;
        Some((Ok(event), self))
    }

    /// Waits until there is something to tell and puts it into events.
    async fn flush(&mut self) -> Option<VecDeque<Event>> {
        if self.flushed {
            tokio::time::sleep(FLUSH_EVERY).await;
        }
        self.flushed = true;
        if let Some(seq) = self.seq {
            self.feed.ring.wait_for(|ring| ring.is_ahead_of(seq)).await.ok()?;
        }
        let news = news(&self.feed.ring, self.seq);
        if matches!(news, News::Gap { .. }) {
            self.place.metrics.stream.resyncs.inc();
        }
        let (seq, events) = events(news);
        self.seq = Some(seq);
        Some(events)
    }
}

/// Words news as events. Only the last of a flush carries the commit's number as its id: whoever is
/// cut off in the middle comes back with the id before and is told the rest, too.
fn events(news: News) -> (u64, VecDeque<Event>) {
    let (seq, mut events) = match news {
        News::Gap { seq } => (seq, vec![event("resync", &Resync { seq })]),
        News::Changes { seq, changes } => {
            (seq, changes.iter().map(|change| event("incident", change)).collect())
        }
    };
    if let Some(last) = events.pop() {
        events.push(last.id(seq.to_string()));
    }
    (seq, events.into())
}

fn event(name: &str, data: &impl serde::Serialize) -> Event {
    let text = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(text)
}
