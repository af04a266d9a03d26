//! Gives the threads that read from Kafka what they work with.

use std::sync::Arc;

use tokio::sync::watch;

use super::Base;
use super::next::ready;
use crate::engine::context::Context;
use crate::http::operate::{Operations, Room};
use crate::kafka::client::ClientError;
use crate::kafka::{self, Parts, Plan, Readers};
use crate::mailbox::Mailbox;

/// Makes sure that clients can be made of the settings; none is, yet.
pub(super) fn plan(base: &Base<'_>) -> Result<Vec<Plan>, ClientError> {
    let settings = base.settings;
    kafka::plan(&settings.sources, &settings.clusters, &settings.ingest_limits())
}

/// What the threads hear from.
pub(super) struct Wires {
    pub(super) mailbox: Mailbox,
    pub(super) context: watch::Receiver<Arc<Context>>,
    pub(super) room: watch::Receiver<Room>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Puts together what the threads hear from.
pub(super) fn wires(
    mailbox: &Mailbox,
    context: &watch::Receiver<Arc<Context>>,
    operations: &Operations,
    stopped: &watch::Receiver<bool>,
) -> Wires {
    Wires {
        mailbox: mailbox.clone(),
        context: context.clone(),
        room: operations.room.clone(),
        stopped: stopped.clone(),
    }
}

/// Starts the threads.
pub(super) fn start(base: &Base<'_>, plans: Vec<Plan>, wires: Wires) -> Readers {
    let Wires { mailbox, context, room, stopped } = wires;
    let (store, other) = (Arc::clone(base.store), Arc::clone(base.store));
    let parts = Parts {
        mailbox,
        positions: Arc::new(move |source| {
            let all = store.view().positions().map_err(|error| error.to_string())?;
            Ok(all.into_iter().filter(|it| *it.partition.source == *source).collect())
        }),
        ready: Arc::new(move |base, made| ready(&other, base, made)),
        context,
        refuses: Arc::new(move || room.borrow().refuses),
        clock: Arc::clone(base.clock),
        metrics: Arc::clone(base.metrics),
        stopped,
    };
    kafka::start(plans, &parts)
}
