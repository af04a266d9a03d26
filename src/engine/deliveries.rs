//! Lets what a sender numbers happen once: a delivery or command that comes again changes nothing.
//!
//! Remembered in the batch that they caused, so a crash cannot part the two; for a time and up to a
//! number, the oldest go first.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use super::context::Context;
use super::event::Event;
use super::reply::{Received, Reply};
use crate::model::delivery::DeliveryId;
use crate::model::time::Timestamp;

/// What was done not long ago.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    done: BTreeMap<DeliveryId, Timestamp>,
    /// The same by age. Invariant: holds what `done` holds.
    by_age: BTreeSet<(Timestamp, DeliveryId)>,
}

impl Deliveries {
    pub(super) fn restore(saved: Vec<(DeliveryId, Timestamp)>) -> Self {
        let by_age = saved.iter().map(|(delivery, at)| (*at, *delivery)).collect();
        Self { done: saved.into_iter().collect(), by_age }
    }
}

/// Lets `event` happen unless it did under the same id.
pub(super) fn once(
    state: &mut State,
    ctx: &Context,
    delivery: DeliveryId,
    event: &Event,
    now: Timestamp,
) -> Reply {
    guard(state, ctx, delivery, now, |state| state.handle(ctx, event, now, &mut ()))
}

/// Does something unless it was done under the same id.
pub(super) fn guard(
    state: &mut State,
    ctx: &Context,
    delivery: DeliveryId,
    now: Timestamp,
    act: impl FnOnce(&mut State) -> Reply,
) -> Reply {
    prune(state, ctx, now);
    if state.deliveries.done.contains_key(&delivery) && !planted!("delivery taken twice") {
        return Reply::Duplicate;
    }
    let reply = act(state);
    if is_done(&reply) {
        // Before it is remembered: of those done in the same moment it might be the first to go.
        make_room(state, ctx);
        state.deliveries.done.insert(delivery, now);
        state.deliveries.by_age.insert((now, delivery));
        state.pending.deliveries.insert(delivery, Some(now));
    }
    reply
}

/// Forgets the oldest until one more may be remembered.
fn make_room(state: &mut State, ctx: &Context) {
    let most = usize::try_from(ctx.limits.deliveries).unwrap_or(usize::MAX);
    while state.deliveries.done.len() >= most {
        let Some((_, oldest)) = state.deliveries.by_age.pop_first() else { return };
        state.deliveries.done.remove(&oldest);
        state.pending.deliveries.insert(oldest, None);
    }
}

/// False when nothing changed: then the sender may try again under the same id.
fn is_done(reply: &Reply) -> bool {
    match reply {
        Reply::Received(Received {
            began, ended, updated, repeated, overflowed, dropped, ..
        }) => began + ended + updated + repeated + overflowed > 0 || !dropped.is_empty(),
        Reply::Handled(_)
        | Reply::Reported(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
        | Reply::Overridden(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Consumed(_)
        | Reply::Done
        | Reply::Quarantined(_) => true,
        Reply::Duplicate | Reply::Outdated | Reply::Refused(_) => false,
    }
}

/// Forgets what is too old or too much.
pub(super) fn prune(state: &mut State, ctx: &Context, now: Timestamp) {
    let most = usize::try_from(ctx.limits.deliveries).unwrap_or(usize::MAX);
    let of = &mut state.deliveries;
    while let Some((at, delivery)) = of.by_age.first().copied() {
        if now < at.plus(ctx.limits.deliveries_for) && of.done.len() <= most {
            return;
        }
        of.by_age.pop_first();
        of.done.remove(&delivery);
        state.pending.deliveries.insert(delivery, None);
    }
}
