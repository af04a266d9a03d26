//! What operates the daemon: `/healthz`, `/readyz`, `/metrics`, `/-/reload`, `/api/v1/backup`,
//! `/api/v1/outbox/release`.
//!
//! What takes longer than a look is done by tasks of the daemon, which are asked through a
//! [`Call`] and answer when it is done.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::{OpenApi, ToSchema};

use super::App;
use super::error::Problem;
use crate::kafka::publisher::Publishing;
use crate::model::time::Timestamp;
use crate::rules::Diagnostic;
use crate::rules::render;

/// Requests of one kind that may wait; one is enough for people, a few for scripts.
const CALLS_MAX: usize = 8;

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

/// What the daemon does on request.
#[derive(Clone, Debug)]
pub struct Operations {
    /// Loads the rule files again.
    pub reload: Call<Result<Reloaded, RulesRefused>>,
    /// Copies the store; says why it cannot.
    pub backup: Call<Result<BackupMade, String>>,
    /// Lets go of notices that are held after a restore; says why it cannot.
    pub release: Call<Result<(), String>>,
    /// How much room the disk has.
    pub room: watch::Receiver<Room>,
    /// When the canary that came through last was received; when the daemon started, before one.
    pub canary: watch::Receiver<Timestamp>,
    /// How publishing events about incidents goes.
    pub publishing: watch::Receiver<Publishing>,
    /// How long the canary may be silent; zero when there is none.
    pub canary_silence: Duration,
}

/// How much room the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The zone by name.
    pub zone: &'static str,
    /// Bytes free.
    pub free: u64,
    /// True while deliveries are refused.
    pub refuses: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self { zone: "normal", free: u64::MAX, refuses: false }
    }
}

impl Operations {
    /// Refuses a delivery while the disk is almost full.
    pub(super) fn require_room(&self) -> Result<(), Problem> {
        let room = *self.room.borrow();
        if !room.refuses || planted!("full disk not refused") {
            return Ok(());
        }
        let free = room.free;
        Err(Problem::unavailable(format!(
            "the disk is almost full, {free} bytes are free; try again"
        )))
    }
}

#[cfg(test)]
impl Operations {
    /// Nobody is there to do any of it.
    pub(super) fn unmanned() -> Self {
        Self {
            reload: call().0,
            backup: call().0,
            release: call().0,
            room: watch::channel(Room::default()).1,
            canary: watch::channel(Timestamp::EPOCH).1,
            publishing: watch::channel(Publishing::Off).1,
            canary_silence: Duration::ZERO,
        }
    }
}

/// A way to ask a task of the daemon for what only it does.
#[derive(Debug)]
pub struct Call<T>(mpsc::Sender<oneshot::Sender<T>>);

/// The other end of a [`Call`]: each sender is a request, and where its answer goes.
pub type Calls<T> = mpsc::Receiver<oneshot::Sender<T>>;

/// Makes both ends.
pub fn call<T>() -> (Call<T>, Calls<T>) {
    let (sender, receiver) = mpsc::channel(CALLS_MAX);
    (Call(sender), receiver)
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Call<T> {
    async fn ask(&self) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(reply).map_err(|refused| {
            Problem::unavailable(match refused {
                mpsc::error::TrySendError::Full(_) => "others are waiting for the same; try again",
                mpsc::error::TrySendError::Closed(_) => "the daemon is stopping",
            })
        })?;
        answer.await.map_err(|_| Problem::unavailable("the daemon is stopping"))
    }
}

/// Rules that were loaded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Identifies their content.
    pub version: String,
    /// How many they are.
    pub rules: usize,
    /// What they came from.
    pub files: usize,
    /// The same were in force before, and nothing was done.
    pub same: bool,
}

/// A copy of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupMade {
    /// Its folder.
    pub path: String,
    /// The last commit in it.
    pub batch: u64,
    /// Bytes of its files, those included that it shares with the store.
    pub bytes: u64,
}

/// Rules that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesRefused {
    /// How many errors they have, or why they cannot be read.
    pub message: String,
    /// The single errors.
    pub diagnostics: Vec<Diagnostic>,
}

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(alive, ready, metrics, reload, backup, release))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/-/reload", post(reload))
        .route("/api/v1/backup", post(backup))
        .route("/api/v1/outbox/release", post(release))
}

/// Says that the process serves requests.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
async fn alive() -> &'static str {
    "ok\n"
}

/// Says `ready`, and below it how it is with what may soon be missing.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = String)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<String, Problem> {
    let missing = app.doors.readiness.borrow().missing.join("; ");
    if !missing.is_empty() {
        return Err(Problem::unavailable(missing));
    }
    let operations = &app.doors.operations;
    let came = *operations.canary.borrow();
    let canary = canary(came, operations.canary_silence, app.doors.clock.now());
    let canary = canary.map_err(Problem::unavailable)?;
    let Room { zone, free, .. } = *operations.room.borrow();
    let events = events(&operations.publishing.borrow(), app.doors.metrics.events.waiting.get());
    let kafka = app.doors.metrics.kafka.lines();
    Ok(format!(
        "ready\ndisk: {zone}, {free} bytes free\ncanary: {canary}\nevents: {events}\n{kafka}"
    ))
}

/// Says how publishing goes. It is never a reason not to be ready: alerts and people come first, and
/// what waits is safe.
fn events(publishing: &Publishing, waiting: i64) -> String {
    match publishing {
        Publishing::Off => publishing.to_string(),
        Publishing::Held | Publishing::Connecting | Publishing::Flowing | Publishing::Stuck(_) => {
            format!("{waiting} waiting, {publishing}")
        }
    }
}

/// Says how old the canary is; an error when it is too old.
fn canary(came: Timestamp, silence: Duration, now: Timestamp) -> Result<String, String> {
    let age = now.since(came);
    match (silence.is_zero(), age > silence) {
        (true, _) => Ok("off".into()),
        (false, false) => Ok(format!("{} s ago", age.as_secs())),
        (false, true) => Err(format!(
            "no canary has come through for {} s: alerts may not reach people; see the log",
            age.as_secs()
        )),
    }
}

/// Shows the metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = app.doors.metrics.encode().map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

/// Loads the rule files again.
#[utoipa::path(post, path = "/-/reload", responses((status = 200, body = Reloaded)))]
async fn reload(State(app): State<Arc<App>>) -> Result<Json<Reloaded>, Problem> {
    let reloaded = app.doors.operations.reload.ask().await?;
    reloaded.map(Json).map_err(|refused| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{}; the rules in force stay", refused.message),
        )
        .with(refused.diagnostics.iter().map(fault).collect())
    })
}

/// Copies the store.
#[utoipa::path(
    post,
    path = "/api/v1/backup",
    responses((status = 200, body = BackupMade))
)]
async fn backup(State(app): State<Arc<App>>) -> Result<Json<BackupMade>, Problem> {
    let made = app.doors.operations.backup.ask().await?;
    let failed = |why| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why);
    made.map(Json).map_err(failed)
}

/// Lets go of notices that are held after a restore.
#[utoipa::path(
    post,
    path = "/api/v1/outbox/release",
    responses((status = 204))
)]
async fn release(State(app): State<Arc<App>>) -> Result<StatusCode, Problem> {
    let released = app.doors.operations.release.ask().await?;
    let failed = |why| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why);
    released.map(|()| StatusCode::NO_CONTENT).map_err(failed)
}

fn fault(found: &Diagnostic) -> Value {
    let mut fault = render::json(found);
    if let Some(fields) = fault.as_object_mut() {
        fields.insert("text".into(), render::short(found).trim_end().into());
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_with_why_where_somebody_is_to_get_it() {
        for (publishing, said) in [
            (Publishing::Off, "off"),
            (Publishing::Flowing, "7 waiting, connected"),
            (Publishing::Stuck("no broker answers".into()), "7 waiting, no broker answers"),
            (Publishing::Held, "7 waiting, held since a restore"),
        ] {
            assert_eq!(events(&publishing, 7), said);
        }
    }

    #[test]
    fn a_canary_that_is_silent_for_too_long_is_told() {
        let at = |s| Timestamp::EPOCH.plus(Duration::from_secs(s));
        for (silence_s, now_s, said) in
            [(0, 9_999, Ok("off")), (180, 280, Ok("180 s ago")), (180, 281, Err(()))]
        {
            let found = canary(at(100), Duration::from_secs(silence_s), at(now_s));
            assert_eq!(found.as_deref().map_err(|_| ()), said, "{now_s}");
        }
    }
}
