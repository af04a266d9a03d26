//! Writes batches to the store, one after the other, and only then lets anybody know of them.
//!
//! While a batch is being written the engine applies the next one; nothing of a batch is answered,
//! sent or shown before its write is on stable storage. A failed write ends the daemon.

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};

use tokio::sync::{oneshot, watch};

use crate::clock;
use crate::cmdb::Revision;
use crate::engine::changes::Changes;
use crate::engine::context::Context;
use crate::engine::reply::Reply;
use crate::http::stream::Teller;
use crate::model::escalation::Ladder;
use crate::model::timeline::Happening;
use crate::notify::Outbox;
use crate::store::witness::Witness;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// How old the word of the witness may be while there are commits; half of what is promised, a second.
const WITNESS_EVERY: Duration = Duration::from_millis(500);

/// How long to wait for an order when nothing else is due.
const IDLE: Duration = Duration::from_hours(1);

/// What the engine's thread hands over.
pub(super) enum Order {
    /// A batch to write.
    Write(Box<Batch>),
    /// Everything handed over before is written once this is answered.
    Barrier(SyncSender<()>),
}

/// The changes of one batch with all that waits for them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Changes,
    /// Changes of the CMDB, to be stored with the batch.
    pub(super) revisions: Vec<Arc<Revision>>,
    /// What is decided by from this batch on, to be shown with it.
    pub(super) context: Option<Arc<Context>>,
    pub(super) replies: Vec<(oneshot::Sender<Reply>, Reply)>,
    pub(super) events: u32,
}

/// What the committer works with.
pub(super) struct Desk {
    pub(super) store: Arc<Store>,
    pub(super) outbox: Outbox,
    pub(super) metrics: Arc<Metrics>,
    pub(super) context: watch::Sender<Arc<Context>>,
    /// Tells those who follow the stream.
    pub(super) teller: Teller,
    /// Told the number of each commit.
    pub(super) durable: watch::Sender<u64>,
}

/// Writes batches until the engine's thread is gone.
///
/// # Errors
/// When a write fails: what is on disk is then not known, and only a restart can tell.
pub(super) fn run(
    desk: &Desk,
    orders: &Receiver<Order>,
    witness: Witness,
) -> Result<(), StoreError> {
    let mut scribe = Scribe { witness, noted_at: clock::monotonic(), unnoted: None };
    loop {
        match orders.recv_timeout(scribe.wait()) {
            Ok(Order::Write(batch)) => scribe.unnoted = Some(write(desk, *batch)?),
            Ok(Order::Barrier(done)) => {
                // The engine's thread waits for it, unless it is gone.
                if done.send(()).is_err() {
                    return scribe.note();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return scribe.note(),
        }
        if scribe.wait().is_zero() {
            scribe.note()?;
        }
    }
}

/// Keeps the witness up to date, which costs an fsync of its own: once in half a second while there
/// are commits.
struct Scribe {
    witness: Witness,
    /// When the last word was written.
    noted_at: Duration,
    /// The last commit, when the witness does not know of it.
    unnoted: Option<u64>,
}

impl Scribe {
    /// How long until the next word is due.
    fn wait(&self) -> Duration {
        match self.unnoted {
            Some(_) => {
                WITNESS_EVERY.saturating_sub(clock::monotonic().saturating_sub(self.noted_at))
            }
            None => IDLE,
        }
    }

    fn note(&mut self) -> Result<(), StoreError> {
        if let Some(batch) = self.unnoted.take().filter(|_| !planted!("witness not written")) {
            self.witness.note(batch).map_err(|source| StoreError::Witness {
                path: self.witness.path().into(),
                what: "written",
                source,
            })?;
            self.noted_at = clock::monotonic();
        }
        Ok(())
    }
}

/// Writes a batch, lets everybody know of it, and returns its number.
fn write(desk: &Desk, batch: Batch) -> Result<u64, StoreError> {
    let Batch { changes, revisions, context, replies, events } = batch;
    let began = clock::monotonic();
    let mut replies = replies;
    if planted!("reply before commit") {
        answer(&mut replies);
    }
    let revisions: Vec<&Revision> = revisions.iter().map(|revision| &**revision).collect();
    let committed = desk.store.commit(&changes, &revisions);
    if !planted!("failed commit ignored") {
        committed?;
    }
    desk.metrics.engine.committed(events, clock::monotonic().saturating_sub(began));
    desk.metrics.engine.audit_entries.inc_by(changes.audit.len() as u64);
    desk.metrics.doors.committed(&changes);
    desk.metrics.events.dropped.inc_by(changes.bulletins_dropped.into());
    desk.metrics.rules.credited(&changes.credited);
    for (_, _, entry) in &changes.timeline {
        count_step(&desk.metrics, entry.what);
    }
    if let Some(context) = context {
        desk.context.send_replace(context);
    }
    desk.teller.committed(&changes);
    answer(&mut replies);
    if !changes.notices.is_empty() {
        desk.outbox.push(changes.notices);
    }
    desk.durable.send_replace(changes.counters.batch);
    Ok(changes.counters.batch)
}

fn answer(replies: &mut Vec<(oneshot::Sender<Reply>, Reply)>) {
    for (reply, answer) in replies.drain(..) {
        // Whoever asked may have gone away; what was done stays done.
        drop(reply.send(answer));
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these are counted here")]
fn count_step(metrics: &Metrics, what: Happening) {
    match what {
        Happening::EscalatedFunctional => metrics.engine.escalated(Ladder::Functional),
        Happening::EscalatedHierarchical => metrics.engine.escalated(Ladder::Hierarchical),
        Happening::Returned => metrics.engine.returned.inc(),
        _ => {}
    }
}
