//! Ends episodes, lets leases lapse, and forgets alerts that ended long ago: what time does to what
//! [`super::deduplicate`] took in, and what a source's word that it is over does.

use core::time::Duration;
use std::sync::Arc;

use super::changes::{AlertRow, Archived};
use super::context::Context;
use super::state::{Held, NEVER};
use super::timers::{Timer, Timers};
use super::{State, census, gather, journal, resolve, suppress, watch};
use crate::model::alert::{AlertState, Lease, Slot, SourceId};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// How long an ended alert is held: Prometheus repeats a resolve for 15 minutes, twice that is safe.
const HELD_AFTER_END: Duration = Duration::from_mins(30);

/// Counts a lease that a source no longer holds.
pub(super) fn lease_gone(state: &mut State, source: SourceId) {
    if let Some(count) = state.held_by.get_mut(&source) {
        *count = count.saturating_sub(1);
    }
}

/// How an episode ends.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    /// The last source that held it.
    pub(super) source: SourceId,
    pub(super) at: Timestamp,
}

/// Ends an episode that no source holds any more.
pub(super) fn end(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    ending: Ending,
    now: Timestamp,
) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.state.revision += 1;
    held.state.ended_at = Some(ending.at.max(held.state.starts_at).min(now));
    held.state.end_heard_at = now;
    state.pending.touch(alert);
    schedule(state, alert);
    state.hushed.remove(&alert);
    census::leave(state, alert);
    state.shadows.remove(alert);
    journal::note(state, alert, ending.source, now);
    gather::ended(state, ctx, alert, now);
    resolve::cleared(state, ctx, alert, now);
    suppress::inhibit::end(state, alert);
}

/// Ends an alert that this source alone holds, because we know that it is over.
pub(super) fn finish(
    state: &mut State,
    ctx: &Context,
    (source, alert): (SourceId, Fingerprint),
    now: Timestamp,
) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.state.leases.clear();
    lease_gone(state, source);
    end(state, ctx, alert, Ending { source, at: now }, now);
}

/// Sees to an alert whose timer was set for `at`: leases that ended, or nothing left to hold it for.
/// A heartbeat may have moved the deadline since; then it waits for that one, so that after a gap
/// everything happens in the order in which it fell due.
pub(super) fn due(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    at: Timestamp,
    now: Timestamp,
) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.timer = NEVER;
    if !held.state.fires() {
        let held_until = state.alerts.get(&alert).map(|held| kept_until(state, held));
        if held_until.is_some_and(|until| at < until) {
            schedule(state, alert);
        } else {
            forget(state, ctx, alert);
        }
        return;
    }
    let lapsed = held.state.leases.iter().filter(|lease| lease.until <= at);
    let lapsed: Vec<Lease> = lapsed.copied().collect();
    held.state.leases.retain(|lease| lease.until > at);
    let over = held.state.leases.is_empty();
    if !lapsed.is_empty() {
        held.state.revision += 1;
        state.pending.touch(alert);
    }
    for lease in &lapsed {
        lease_gone(state, lease.source);
    }
    match lapsed.last().filter(|_| over) {
        Some(Lease { source, .. }) => end(state, ctx, alert, Ending { source: *source, at }, now),
        None => schedule(state, alert),
    }
}

/// Returns until when an ended alert is held: longer where a rule expects it to come back.
fn held_until(held: &Held, listening_since: Timestamp) -> Timestamp {
    let until = held.state.end_heard_at.plus(HELD_AFTER_END);
    let keep = held.slots.as_ref().map(|slots| slots.keep()).filter(|keep| !keep.is_zero());
    keep.map_or(until, |keep| until.max(held.state.last_seen.max(listening_since).plus(keep)))
}

/// Returns the same, and no sooner than its incident is watched: what comes back has to be known.
fn kept_until(state: &State, held: &Held) -> Timestamp {
    let until = held_until(held, state.counters.listening_since);
    let watched = held.state.incident.and_then(|id| watch::over(state, id));
    watched.map_or(until, |watched| until.max(watched))
}

/// Drops an alert that ended long ago from memory; its episode goes to the history.
fn forget(state: &mut State, ctx: &Context, alert: Fingerprint) {
    archive(state, ctx, alert);
    gather::remove(state, alert);
    let Some(held) = state.alerts.get(&alert) else { return };
    let slot = held.state.slot;
    if let Some((incident, record)) = held.state.incident.zip(held.state.record) {
        state.delist(incident, record);
    }
    state.alerts.remove(&alert);
    state.pending.alerts.remove(&alert);
    state.pending.forgotten.insert((alert, slot));
}

/// Moves the ended episode of a held alert to the history.
pub(super) fn archive(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.episode > 0) else { return };
    // What this batch has not written yet cannot be read back from the disk.
    let text = state.pending.alerts.get(&alert).and_then(|touched| touched.details.as_ref());
    let row = text.map(|details| AlertRow {
        fingerprint: alert,
        labels: held.labels.clone(),
        details: Arc::clone(details),
        ci: held.ci.map(|ci| Arc::from(&*ctx.topology.ci(ci).name)),
        state: held.state.clone(),
    });
    let slot = held.state.slot;
    let at_end = AlertState { slot: Slot::default(), ..held.state.clone() };
    state.pending.archived.push(Archived { fingerprint: alert, slot, state: at_end, row });
}

/// Sets the alert's timer unless an earlier one is set already; a heartbeat that moves a lease
/// further away leaves the queue alone.
pub(super) fn schedule(state: &mut State, alert: Fingerprint) {
    let due = state.alerts.get(&alert).and_then(|held| due_at(state, held));
    if let Some((held, due)) = state.alerts.get_mut(&alert).zip(due) {
        set_timer(&mut state.timers, (alert, held), due);
    }
}

/// Sets the timer of an alert that is in hand, as [`schedule`] does.
pub(super) fn set_timer(
    timers: &mut Timers,
    (alert, held): (Fingerprint, &mut Held),
    due: Timestamp,
) {
    if due < held.timer {
        held.timer = due;
        timers.set(due, Timer::Alert(alert));
    }
}

/// Sets the timers of all alerts at once, when none has one.
pub(super) fn schedule_all(state: &mut State, alerts: &[Fingerprint]) {
    let due = |alert: &Fingerprint| Some((due_at(state, state.alerts.get(alert)?)?, *alert));
    let all: Vec<(Timestamp, Fingerprint)> = alerts.iter().filter_map(due).collect();
    for (due, alert) in &all {
        if let Some(held) = state.alerts.get_mut(alert) {
            held.timer = *due;
        }
    }
    state.timers.set_all(all);
}

/// Returns when something is to be seen to of an alert: a lease ends, or nothing is left to hold it
/// for.
fn due_at(state: &State, held: &Held) -> Option<Timestamp> {
    if held.state.fires() { first_end(held) } else { Some(kept_until(state, held)) }
}

/// Returns when the first of an alert's leases ends.
pub(super) fn first_end(held: &Held) -> Option<Timestamp> {
    held.state.leases.iter().map(|lease| lease.until).min()
}
