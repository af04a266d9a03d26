//! Turns what changed since the last drain into rows, each changed record once.

use std::sync::Arc;

use super::State;
use super::budget;
use super::bulletins;
use super::changes::{AlertRow, Changes};
use super::context::Context;
use super::describe;
use super::followed;
use super::pending::Rewritten;
use crate::model::alert::Details;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::timeline::Entry;

/// Entries a timeline keeps; an incident that outlives them goes on, but its story is cut.
const TIMELINE_MAX: u32 = 10_000;

/// Room for changed alerts that is kept from batch to batch, so that it need not be made for each of
/// those that are usual; to go through more of it would cost the small batches more than it saves.
const PENDING_KEPT: usize = 4_096;

/// Takes all that changed since the last time, to be stored as a whole.
pub(super) fn drain(state: &mut State, ctx: &Context) -> Changes {
    let mut changes = Changes::default();
    let entries = state.pending.take_entries();
    let heard = bulletins::hear(ctx, &entries);
    number_entries(state, entries, &mut changes);
    take_incidents(state, ctx, &mut changes);
    changes.bulletins = bulletins::write(state, ctx, heard, &changes.incidents);
    changes.bulletins_gone = core::mem::take(&mut state.pending.bulletins_gone);
    changes.bulletins_dropped = core::mem::take(&mut state.pending.bulletins_dropped);
    if !state.pending.afterwards.is_empty() {
        take_afterwards(state, &mut changes);
    }
    take_alerts(state, ctx, &mut changes);
    let pending = &mut state.pending;
    changes.archived = core::mem::take(&mut pending.archived);
    changes.forgotten = core::mem::take(&mut pending.forgotten).into_iter().collect();
    changes.members = pending.take_members();
    changes.policies = core::mem::take(&mut pending.policies);
    let notices = core::mem::take(&mut pending.notices);
    changes.notices = notices.iter().filter_map(|id| state.notices.get(id)).cloned().collect();
    changes.incidents_gone = core::mem::take(&mut pending.incidents_gone).into_iter().collect();
    changes.episodes_gone = core::mem::take(&mut pending.episodes_gone).into_iter().collect();
    changes.notices_gone = core::mem::take(&mut pending.notices_gone).into_iter().collect();
    for (signature, recurrence) in core::mem::take(&mut pending.recurrences) {
        match recurrence {
            Some(recurrence) => changes.recurrences.push((signature, recurrence)),
            None => changes.recurrences_gone.push(signature),
        }
    }
    for (delivery, done_at) in core::mem::take(&mut pending.deliveries) {
        match done_at {
            Some(at) => changes.deliveries.push((delivery, at)),
            None => changes.deliveries_gone.push(delivery),
        }
    }
    let moved = core::mem::take(&mut pending.positions);
    changes.positions = moved.iter().filter_map(|it| state.positions.get(it)).cloned().collect();
    changes.quarantine_pushed_out = core::mem::take(&mut pending.quarantine_pushed_out);
    for (id, record) in core::mem::take(&mut pending.quarantine) {
        match record {
            Some(record) => changes.quarantined.push(record),
            None => changes.quarantine_gone.push(id),
        }
    }
    for (key, row) in state.likelihood.learned.take_changes() {
        match row {
            Some(row) => changes.learned.push((key, row)),
            None => changes.learned_gone.push(key),
        }
    }
    take_plans(state, &mut changes);
    changes.credited = core::mem::take(&mut state.pending.credited);
    for rule in core::mem::take(&mut state.pending.credits) {
        match state.credits.get(&rule) {
            Some(of) => changes.credits.push(of.clone()),
            None => changes.credits_gone.push(rule),
        }
    }
    changes.audit = core::mem::take(&mut state.pending.audit);
    changes.journal = core::mem::take(&mut state.pending.journal);
    changes.journal_before = state.pending.journal_before.take();
    state.counters.batch += 1;
    changes.counters = state.counters.clone();
    changes
}

/// Takes what people say of times: silences, planned changes, overrides.
fn take_plans(state: &mut State, changes: &mut Changes) {
    for id in core::mem::take(&mut state.pending.silences) {
        match state.silences.get(&id) {
            Some(held) => changes.silences.push(held.record.clone()),
            None => changes.silences_gone.push(id),
        }
    }
    for number in core::mem::take(&mut state.pending.changes) {
        match state.changes.get(&number) {
            Some(change) => changes.planned.push(change.clone()),
            None => changes.planned_gone.push(number),
        }
    }
    for number in core::mem::take(&mut state.pending.overrides) {
        match state.overrides.get(&number) {
            Some(held) => changes.overrides.push(held.clone()),
            None => changes.overrides_gone.push(number),
        }
    }
}

/// Gives every entry its place in its incident's timeline.
fn number_entries(state: &mut State, entries: Vec<(IncidentId, Entry)>, changes: &mut Changes) {
    changes.timeline.reserve_exact(entries.len());
    for (id, entry) in entries {
        let record = if state.record(id).is_some() {
            state.change_record(id)
        } else {
            state.pending.afterwards.get_mut(&id)
        };
        let Some(record) = record else { continue };
        if record.timeline_len < TIMELINE_MAX {
            record.timeline_len += 1;
            changes.timeline.push((id, record.timeline_len, entry));
        }
    }
    changes.timeline.sort_unstable_by_key(|(id, seq, _)| (*id, *seq));
}

fn take_incidents(state: &mut State, ctx: &Context, changes: &mut Changes) {
    // A record is large: a list that grows would move each of them some times.
    changes.incidents.reserve_exact(state.pending.incidents.len());
    for id in core::mem::take(&mut state.pending.incidents) {
        let title = describe::title(state, ctx, id);
        let closed = state.pending.closed.remove(&id);
        let Some(case) = state.incidents.get_mut(&id) else {
            followed::drain(state, id, changes);
            continue;
        };
        if let Some(title) = title {
            case.record.title = title;
        }
        let rule = case.record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
        let root = state.alerts.get(&case.record.root.alert);
        let added = root.and_then(|root| root.added.as_deref()?.category.clone());
        // What a person said of it stands.
        let by_rule = case.record.sheet.reclassified.is_empty();
        if by_rule
            && let Some(category) = rule.and_then(|rule| rule.incident.category.clone()).or(added)
        {
            case.record.category = Some(category);
        }
        case.record.revision += 1;
        let (record, timer) = (case.record.clone(), case.timer);
        if closed {
            let paged = core::mem::take(&mut case.record.paged);
            state.incidents.remove(&id);
            followed::keep(state, &record, timer);
            budget::drop_incident(&mut state.pages, id, &paged);
        }
        changes.incidents.push(record);
    }
}

/// Takes records that are over and were written on; they are not held.
fn take_afterwards(state: &mut State, changes: &mut Changes) {
    changes.incidents.extend(core::mem::take(&mut state.pending.afterwards).into_values());
    changes.incidents.sort_by_key(|record| record.id);
}

fn take_alerts(state: &mut State, ctx: &Context, changes: &mut Changes) {
    let mut rewritten = core::mem::take(&mut state.pending.alerts);
    let mut touched = core::mem::take(&mut state.pending.touched);
    // Sorted is what names them: what is written of them is some twenty times as large.
    touched.sort_unstable();
    touched.dedup();
    touched.retain(|alert| !rewritten.contains_key(alert));
    changes.touches.reserve_exact(touched.len());
    for alert in touched.drain(..) {
        let held = state.alerts.get(&alert);
        changes.touches.extend(held.map(|held| (alert, held.state.clone())));
    }
    let mut whole: Vec<(Fingerprint, Rewritten)> = rewritten.drain().collect();
    whole.sort_unstable_by_key(|(alert, _)| *alert);
    changes.alerts.reserve_exact(whole.len());
    for (alert, Rewritten { details, is_new }) in whole {
        let row = details.and_then(|details| row(state, ctx, alert, details));
        let new = row.as_ref().filter(|_| is_new);
        changes.held.extend(new.map(|row| (alert, row.state.slot)));
        changes.alerts.extend(row);
    }
    if touched.capacity() <= PENDING_KEPT {
        state.pending.touched = touched;
    }
    if rewritten.capacity() <= PENDING_KEPT {
        state.pending.alerts = rewritten;
    }
}

fn row(
    state: &State,
    ctx: &Context,
    fingerprint: Fingerprint,
    details: Arc<Details>,
) -> Option<AlertRow> {
    let held = state.alerts.get(&fingerprint)?;
    Some(AlertRow {
        fingerprint,
        labels: held.labels.clone(),
        details,
        ci: held.ci.map(|ci| Arc::from(&*ctx.topology.ci(ci).name)),
        state: held.state.clone(),
    })
}
