//! Makes the state from stored rows, and every index from the records.

use core::time::Duration;
use std::sync::Arc;

use super::State;
use super::alerts::SavedAlert;
use super::alike::Alike;
use super::bulletins::Bulletins;
use super::changes::{Counters, Saved};
use super::cis::ci_hash;
use super::context::Context;
use super::correlate::{count, index_group};
use super::deliveries::Deliveries;
use super::quarantine::Quarantine;
use super::rebind::Forecast;
use super::related::{self, Learned};
use super::roots::index_root;
use super::state::{Case, Held, NEVER};
use super::walks::Walks;
use super::{
    budget, census, ending, followed, gather, rebind, schedule, shadow, suppress, topology,
};
use crate::model::incident::RecordId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// A gap shorter than this is a restart in which no sender's repeat was missed.
pub const DEAF_AFTER: Duration = Duration::from_secs(30);

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
    let mut alerts = saved.alerts;
    for alert in &mut alerts {
        let of = &mut alert.held.state;
        if deaf >= DEAF_AFTER && of.fires() {
            for lease in of.leases.iter_mut() {
                lease.until = lease.until.plus(deaf);
            }
            of.revision += 1;
            state.pending.touch(alert.fingerprint);
        }
    }
    state.alerts.hold(alerts);
    index(&mut state, ctx);
    // The daemon may have stopped before all were decided on that the topology or changes touched.
    let records = state.incidents.values().map(|case| &case.record);
    let touched = records.filter(|record| rebind::is_due(record, ctx));
    state.reviews = touched.map(|record| record.id).collect();
    state
}

/// Finds out for each stored alert by itself what the topology and the rules say of it. For whoever
/// has threads to spare; [`State::go_on`] does the rest.
pub fn derive(alerts: &mut [SavedAlert], ctx: &Context) {
    let mut alike = Alike::default();
    for alert in alerts {
        bind(&mut alert.held, ctx, &mut alike);
    }
}

fn bind(held: &mut Held, ctx: &Context, alike: &mut Alike) {
    held.ci = ctx.binder.bind(&ctx.topology, &held.labels).map(|bound| bound.ci);
    held.ci_hash = ci_hash(&held.labels, held.ci.map(|ci| ctx.topology.ci(ci)));
    held.enrich(ctx, alike);
}

/// Derives everything anew. What is foretold of an alert is taken over.
pub(super) fn reindex(state: &mut State, ctx: &Context, forecast: &Forecast) {
    let State { alerts, alike, relabelled, .. } = state;
    for (alert, held) in alerts.iter_mut() {
        let before = held.added.take();
        let severity = held.state.severity.as_deref();
        match forecast.fate(*alert, severity) {
            Some(fate) => {
                held.ci = fate.ci;
                held.ci_hash = ci_hash(&held.labels, held.ci.map(|ci| ctx.topology.ci(ci)));
                held.added = fate.added.as_deref().map(|added| alike.one(added.clone()));
            }
            None => bind(held, ctx, alike),
        }
        if held.added != before {
            relabelled.insert(*alert);
        }
    }
    index(state, ctx);
}

/// Derives all indexes and timers anew, of alerts that are bound.
fn index(state: &mut State, ctx: &Context) {
    state.root_at.clear();
    state.causes.clear();
    state.groups.clear();
    state.walks = Walks::default();
    state.services = Arc::default();
    state.held_by.clear();
    state.hushed.clear();
    state.timers.clear();
    suppress::reindex(state, ctx);
    suppress::inhibit::clear(state);
    related::clear(state);
    related::index_places(state);
    gather::begin(state, ctx);
    // By record, so that causes at one CI are in the order in which they came.
    let mut alerts: Vec<(Option<RecordId>, Fingerprint)> =
        state.alerts.iter().map(|(alert, held)| (held.state.record, *alert)).collect();
    alerts.sort_unstable();
    let alerts: Vec<Fingerprint> = alerts.into_iter().map(|(_, alert)| alert).collect();
    // Rules can ask how many fire: then all are counted before the first is asked about.
    if ctx.rules.asks_around() {
        for alert in &alerts {
            index_alert(state, *alert);
        }
        census::recount(state, ctx);
        for alert in &alerts {
            index_by_rules(state, ctx, *alert);
        }
    } else {
        for alert in &alerts {
            index_alert(state, *alert);
            index_by_rules(state, ctx, *alert);
        }
        census::recount(state, ctx);
    }
    state.recount_cis();
    index_incidents(state, ctx);
    budget::reindex(state);
    suppress::inhibit::doubt_all(state, ctx, &alerts);
    gather::finish(state, ctx);
    ending::schedule_all(state, &alerts);
    shadow::reindex(state, ctx);
}

/// Files an alert by what is stored of it.
fn index_alert(state: &mut State, alert: Fingerprint) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    held.timer = NEVER;
    held.standing = None;
    held.slots = None;
    held.filed = None;
    if held.state.fires() && !held.state.silenced_by.is_empty() {
        state.hushed.insert(alert);
    }
    for lease in held.state.leases.iter() {
        *state.held_by.entry(lease.source).or_default() += 1;
    }
    let case = held.state.incident.and_then(|id| state.incidents.get_mut(&id));
    if let Some((case, record)) = case.zip(held.state.record) {
        case.live.insert(record, alert);
    }
}

/// Files an alert by what the rules that match it ask of it.
fn index_by_rules(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let matching = ctx.rules.matching(&state.around_then(ctx, held).subject());
    let fires = held.state.fires();
    let is_cause = fires && held.ci.is_some() && !planted!("index not restored");
    for rule in matching.iter().filter(|rule| is_cause && rule.kind.topology().is_some()) {
        topology::note_cause(state, alert, &rule.name);
    }
    if let Some((_, kind)) = related::rule_of(&matching).filter(|_| !planted!("index not restored"))
    {
        related::index(state, ctx, alert, kind);
    }
    if fires && ctx.rules.can_inhibit() {
        suppress::inhibit::file(state, ctx, alert, &matching);
    }
    if ctx.gathers() {
        let now = state.counters.now;
        gather::add(state, ctx, (alert, &matching), now);
    }
    gather::absence::recognise(state, ctx, alert);
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
