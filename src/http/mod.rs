//! The HTTP doors: deliveries in, people's wishes in, committed data out.
//!
//! Handlers decode, hand [`Work`] to the engine's mailbox and wait for its reply, which comes after
//! the commit; or they read a snapshot of the store. They decide nothing and never see what is not
//! committed. Read `ingest` first, then `api`; `auth` lets in, `error` gives
//! every refusal its body, `guard` keeps foreign web pages out, `wire` names the JSON, `openapi`
//! describes it all for programs; `accept` and `tls` see to the connections.

pub mod accept;
pub mod api;
pub mod audit;
pub mod auth;
pub mod error;
pub mod guard;
pub mod ingest;
mod links;
pub mod openapi;
pub mod operate;
pub mod query;
pub mod stream;
pub mod tls;
mod vitals;
pub mod wire;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::clock::Clock;
use crate::engine::context::Context;
use crate::engine::reply::Reply;
use crate::ingest::{Limits, SourceFormat};
use crate::mailbox::{Mailbox, Work};
use crate::model::link::Links;
use crate::model::time::Timestamp;
use crate::notify::Tester;
use crate::store::{Store, View};
use crate::telemetry::metrics::Metrics;

use auth::Gate;
use auth::rate::Rate;
use error::{Problem, Requests};
use guard::Hosts;
use operate::{Operations, Readiness};
use stream::Feed;

/// Reads that run at a time; more wait. Each takes a thread and a snapshot, and RocksDB keeps what
/// a snapshot sees.
const READS_MAX: usize = 16;

/// What the doors lead to, and the settings that bear on them.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Takes what changes the state.
    pub mailbox: Mailbox,
    /// Sends test messages.
    pub tester: Tester,
    /// Where committed data is read.
    pub store: Arc<Store>,
    /// Tells the receipt time.
    pub clock: Arc<Clock>,
    /// The rules and the topology in force.
    pub context: watch::Receiver<Arc<Context>>,
    /// The configured sources by name.
    pub sources: Arc<BTreeMap<Arc<str>, Source>>,
    /// Knows every credential.
    pub gate: Arc<Gate>,
    /// Limits on deliveries.
    pub limits: Limits,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The names under which the daemon is spoken to.
    pub hosts: Hosts,
    /// Counts what happens here.
    pub metrics: Arc<Metrics>,
    /// What is missing for service.
    pub readiness: watch::Receiver<Readiness>,
    /// What the daemon does on request.
    pub operations: Operations,
    /// What changes, as it is committed.
    pub feed: Feed,
    /// Knows the links of messages again, where there are any.
    pub links: Option<Arc<Links>>,
}

/// A configured sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it sends.
    pub format: SourceFormat,
    /// How long its word holds an alert where it names no end.
    pub lease: Duration,
}

/// What every handler shares.
#[derive(Debug)]
struct App {
    doors: Doors,
    reads: Semaphore,
    /// One permit: changes of the CMDB happen one after the other.
    imports: Semaphore,
    /// One permit: each question about what would be takes a copy of all that is open.
    copies: Semaphore,
    /// A permit for each client that may follow the stream.
    streams: Arc<Semaphore>,
    /// Bounds requests for links.
    link_rate: Rate,
    started: Timestamp,
}

/// A consistent view of what is committed, for one request.
struct Reading<'a> {
    view: View<'a>,
    context: Arc<Context>,
    now: Timestamp,
}

impl App {
    /// Hands work to the engine and waits until it is committed.
    async fn submit(&self, work: Work) -> Result<Reply, Problem> {
        let reply = self.doors.mailbox.submit(work).await;
        reply.map_err(|busy| Problem::unavailable(busy.to_string()))
    }

    /// Runs `job` on a snapshot, away from the threads that serve connections.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Reading<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = Arc::clone(self);
        let _turn = self.reads.acquire().await.map_err(|error| Problem::internal(&error))?;
        let read = tokio::task::spawn_blocking(move || {
            let context = Arc::clone(&app.doors.context.borrow());
            let reading =
                Reading { view: app.doors.store.view(), context, now: app.doors.clock.now() };
            job(&reading)
        });
        read.await.map_err(|error| Problem::internal(&error))?
    }
}

/// Builds the whole tree of paths with its layers.
pub fn router(doors: Doors) -> Router {
    let started = doors.clock.now();
    let (hosts, timeout) = (doors.hosts, doors.request_timeout);
    let body_bytes = doors.limits.body_bytes;
    let app = Arc::new(App {
        doors,
        reads: Semaphore::new(READS_MAX),
        imports: Semaphore::new(1),
        copies: Semaphore::new(1),
        streams: Arc::new(Semaphore::new(stream::CLIENTS_MAX)),
        link_rate: Rate::new(links::RATE_MAX),
        started,
    });
    let paths = paths()
        .route_layer(from_fn_with_state(Arc::clone(&app), auth::layer))
        .layer(DefaultBodyLimit::max(body_bytes))
        .with_state(app);
    layered(paths, hosts, timeout, Requests::new(started))
}

/// Puts together the paths of all doors.
fn paths() -> Router<Arc<App>> {
    Router::new()
        .merge(ingest::routes())
        .merge(links::routes())
        .merge(operate::routes())
        .merge(api::routes())
        .merge(stream::routes())
        .merge(openapi::routes())
}

/// Puts around `paths` what holds for all of them.
fn layered(paths: Router, hosts: Hosts, timeout: Duration, requests: Requests) -> Router {
    // The last layer is the outermost. A time-out is 503 and not 408, which Alertmanager would take
    // as final. The paths are one service below the layers, because axum names the allowed methods
    // outside of layers that are put on the paths themselves.
    Router::new()
        .fallback_service(paths)
        .layer(from_fn_with_state(hosts, guard::guard))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::new(requests), error::finish))
}

fn panicked(_: Box<dyn core::any::Any + Send>) -> Response {
    Problem::internal(&"a handler panicked").into_response()
}

/// Returns the body, or says why there is none; `limit` is what the route allows, in bytes.
fn body(read: Result<Bytes, BytesRejection>, limit: usize) -> Result<Bytes, Problem> {
    read.map_err(|refused| {
        if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
            too_large(limit)
        } else {
            unread(&refused)
        }
    })
}

/// Reads a body of JSON.
fn json_body<T: serde::de::DeserializeOwned>(
    app: &App,
    headers: &axum::http::HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    guard::require_type(headers, &["application/json"])?;
    let body = body(read, app.doors.limits.body_bytes)?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("body: {error}")))
}

fn too_large(limit: usize) -> Problem {
    let message = format!("body is larger than {limit} bytes, the limit");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Says why a body broke off.
fn unread(refused: &(dyn core::error::Error + 'static)) -> Problem {
    let mut causes = core::iter::successors(Some(refused), |error| error.source());
    match causes.find(|error| error.is::<accept::TooSlow>()) {
        Some(slow) => Problem::new(StatusCode::REQUEST_TIMEOUT, slow.to_string()),
        None => Problem::bad_request("the body broke off"),
    }
}

#[cfg(test)]
mod tests;
