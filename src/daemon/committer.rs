//! Writes batches to the store, one after the other, and only then lets anybody know of them.
//!
//! While a batch is being written the engine applies the next one; nothing of a batch is answered,
//! sent or shown before its write is on stable storage. A failed write ends the daemon.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use tokio::sync::{oneshot, watch};

use crate::clock;
use crate::cmdb::Revision;
use crate::engine::changes::Changes;
use crate::engine::context::Context;
use crate::engine::event::Reply;
use crate::model::escalation::Ladder;
use crate::model::incident::Happening;
use crate::notify::Outbox;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// What the engine's thread hands over.
pub(super) enum Order {
    /// A batch to write.
    Write(Box<Batch>),
    /// Everything handed over before is written once this is answered.
    Barrier(SyncSender<()>),
}

/// The changes of one batch with all that waits for them.
pub(super) struct Batch {
    pub(super) changes: Changes,
    /// Other topologies, to be stored with the batch, and the last to be shown.
    pub(super) topologies: Vec<(Arc<Revision>, Arc<Context>)>,
    pub(super) replies: Vec<(oneshot::Sender<Reply>, Reply)>,
    pub(super) events: u32,
}

/// What the committer works with.
pub(super) struct Desk {
    pub(super) store: Arc<Store>,
    pub(super) outbox: Outbox,
    pub(super) metrics: Arc<Metrics>,
    pub(super) context: watch::Sender<Arc<Context>>,
}

/// Writes batches until the engine's thread is gone.
///
/// # Errors
/// When a write fails: what is on disk is then not known, and only a restart can tell.
pub(super) fn run(desk: &Desk, orders: &Receiver<Order>) -> Result<(), StoreError> {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Write(batch) => write(desk, *batch)?,
            Order::Barrier(done) => {
                // The engine's thread waits for it, unless it is gone.
                if done.send(()).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn write(desk: &Desk, batch: Batch) -> Result<(), StoreError> {
    let Batch { changes, topologies, replies, events } = batch;
    let began = clock::monotonic();
    let revisions: Vec<&Revision> = topologies.iter().map(|(revision, _)| &**revision).collect();
    desk.store.commit(&changes, &revisions)?;
    desk.metrics.engine.committed(events, clock::monotonic().saturating_sub(began));
    desk.metrics.engine.audit_entries.inc_by(changes.audit.len() as u64);
    for (_, _, entry) in &changes.timeline {
        count_step(&desk.metrics, entry.what);
    }
    if let Some((_, context)) = topologies.into_iter().next_back() {
        desk.context.send_replace(context);
    }
    for (reply, answer) in replies {
        // Whoever asked may have gone away; what was done stays done.
        drop(reply.send(answer));
    }
    if !changes.notices.is_empty() {
        desk.outbox.push(changes.notices);
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only the steps of ladders are counted here")]
fn count_step(metrics: &Metrics, what: Happening) {
    match what {
        Happening::EscalatedFunctional => metrics.engine.escalated(Ladder::Functional),
        Happening::EscalatedHierarchical => metrics.engine.escalated(Ladder::Hierarchical),
        _ => {}
    }
}
