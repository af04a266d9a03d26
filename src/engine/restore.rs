//! Makes the state from stored rows, and every index from the records.

use core::time::Duration;
use std::sync::Arc;

use super::State;
use super::bulletins::Bulletins;
use super::changes::{Counters, Saved};
use super::cis::ci_hash;
use super::context::Context;
use super::correlate::{count, index_group, index_root};
use super::deliveries::Deliveries;
use super::quarantine::Quarantine;
use super::related::{self, Learned};
use super::state::{Case, Held};
use super::{
    budget, census, deduplicate, followed, gather, rebind, schedule, shadow, suppress, topology,
};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// A gap shorter than this is a restart in which no sender's repeat was missed.
pub(super) const DEAF_AFTER: Duration = Duration::from_secs(30);

/// Goes on from stored rows at `now`.
///
/// Leases are longer by the time we could not listen: a source that could not reach us has not
/// fallen silent, and an alert must not end because the daemon was down.
pub(super) fn restore(saved: Saved, ctx: &Context, now: Timestamp) -> State {
    let is_first = saved.counters == Counters::default();
    let mut state = State { counters: saved.counters, ..State::default() };
    let deaf = now.since(state.counters.now);
    if deaf >= DEAF_AFTER {
        state.counters.listening_since = now;
    }
    if is_first {
        // Before the first start nothing fell due.
        state.counters.now = now;
    }
    state.policies = saved.policies.into_iter().collect();
    state.recurrences = saved.recurrences.into_iter().collect();
    state.changes = saved.planned.into_iter().map(|it| (it.number.clone(), it)).collect();
    state.overrides = saved.overrides.into_iter().map(|it| (it.number, it)).collect();
    state.credits = saved.credits.into_iter().map(|of| (Arc::clone(&of.rule), of)).collect();
    for record in saved.silences {
        suppress::restore(&mut state, record);
    }
    state.notices = saved.notices.into_iter().map(|notice| (notice.id, notice)).collect();
    state.deliveries = Deliveries::restore(saved.deliveries);
    state.positions = saved.positions.into_iter().map(|it| (it.partition.clone(), it)).collect();
    state.quarantine = Quarantine::restore(saved.quarantine);
    state.likelihood.learned = Learned::restore(saved.learned);
    let told = ctx.limits.bulletins.map_or(&[][..], |_| &saved.incidents);
    state.bulletins = Bulletins::restore(&saved.bulletins, told);
    for record in saved.incidents {
        if record.progress.name().is_over() {
            followed::keep(&mut state, &record, None);
            continue;
        }
        state.incidents.insert(Case::of(record));
    }
    for (labels, mut of) in saved.alerts {
        let fingerprint = labels.fingerprint();
        if deaf >= DEAF_AFTER && of.fires() {
            for lease in &mut of.leases {
                lease.until = lease.until.plus(deaf);
            }
            of.revision += 1;
            state.pending.touch(fingerprint);
        }
        let held = Held {
            labels,
            state: of,
            ci: None,
            added: None,
            text: None,
            timer: None,
            standing: None,
            ci_hash: None,
            slots: None,
        };
        state.alerts.insert(fingerprint, held);
    }
    reindex(&mut state, ctx);
    // What is stored of silences was decided on what is added still.
    state.relabelled.clear();
    // The daemon may have stopped before all were decided on that the topology or changes touched.
    let records = state.incidents.values().map(|case| &case.record);
    let touched = records.filter(|record| rebind::is_due(record, ctx));
    state.reviews = touched.map(|record| record.id).collect();
    state
}

/// Derives all indexes and timers anew: after a start, and when rules or topology are others.
pub(super) fn reindex(state: &mut State, ctx: &Context) {
    state.root_at.clear();
    state.causes.clear();
    state.groups.clear();
    state.could_wait.clear();
    state.services = Arc::default();
    state.held_by.clear();
    state.hushed.clear();
    state.timers.clear();
    suppress::reindex(state, ctx);
    related::clear(state);
    related::index_places(state);
    let mut alerts: Vec<Fingerprint> = state.alerts.keys().copied().collect();
    // By record, so that causes at one CI are in the order in which they came.
    alerts.sort_unstable_by_key(|alert| {
        (state.alerts.get(alert).and_then(|held| held.state.record), *alert)
    });
    for alert in &alerts {
        index_alert(state, ctx, *alert);
    }
    // Rules can ask how many fire: all are bound and counted before the first is asked about.
    census::recount(state, ctx);
    for alert in alerts.iter().filter(|_| !planted!("index not restored")) {
        index_cause(state, ctx, *alert);
    }
    state.recount_cis();
    index_incidents(state, ctx);
    budget::reindex(state);
    suppress::inhibit::reindex(state, ctx);
    gather::reindex(state, ctx, &alerts);
    // What an alert is held for may be longer by what counts it.
    for alert in alerts {
        deduplicate::schedule(state, alert);
    }
    shadow::reindex(state, ctx);
}

fn index_alert(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.ci = ctx.binder.bind(&ctx.topology, &held.labels).map(|bound| bound.ci);
    held.ci_hash = ci_hash(&held.labels, held.ci.map(|ci| ctx.topology.ci(ci)));
    held.timer = None;
    held.standing = None;
    let before = held.added.take();
    held.enrich(ctx);
    if held.added != before {
        state.relabelled.insert(alert);
    }
    if held.state.fires() && !held.state.silenced_by.is_empty() {
        state.hushed.insert(alert);
    }
    for lease in &held.state.leases {
        *state.held_by.entry(lease.source).or_default() += 1;
    }
    let case = held.state.incident.and_then(|id| state.incidents.get_mut(&id));
    if let Some((case, record)) = case.zip(held.state.record) {
        case.live.insert(record, alert);
    }
    deduplicate::schedule(state, alert);
}

fn index_cause(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let takes_part = held.state.fires() && held.ci.is_some();
    let matching = ctx.rules.matching(&state.around_then(ctx, held).subject());
    for rule in matching.iter().filter(|rule| rule.kind.topology().is_some()) {
        if takes_part {
            topology::note_cause(state, alert, &rule.name);
        }
    }
    if let Some((_, kind)) = related::rule_of(&matching) {
        related::index(state, ctx, alert, kind);
    }
}

fn index_incidents(state: &mut State, ctx: &Context) {
    let parents: Vec<_> =
        state.incidents.values().filter_map(|c| Some((c.record.parent?, c.record.id))).collect();
    for (parent, child) in parents {
        if let Some(case) = state.incidents.get_mut(&parent) {
            case.children.insert(child);
        }
    }
    let ids: Vec<_> = state.incidents.keys().copied().collect();
    for id in ids {
        let tally = count(state, ctx, id);
        let Some(case) = state.incidents.get_mut(&id) else { continue };
        case.tally = tally;
        case.timer = None;
        if state.is_open(id) {
            index_root(state, &ctx.topology, id);
        }
        index_group(state, id);
        schedule(state, ctx, id);
    }
    followed::reindex(state, ctx);
}
