//! From one topology to the next without looking at everything again.
//!
//! Whoever builds the next topology foretells, on a thread of its own, what it means for the alerts
//! that are held: a [`Forecast`]. The engine then takes over what was foretold, works out itself
//! only what came in meanwhile, and decides anew only on incidents that the change touches, some
//! with each event. The outcome is that of `restore::reindex`: a test compares the two. Other rules go
//! the same way, see `rerule`.

mod forecast;
mod rerule;

use core::num::NonZeroU64;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::State;
use super::alike::Alike;
use super::census;
use super::cis::ci_hash;
use super::context::Context;
use super::correlate::share;
use super::gather;
use super::known_error;
use super::related::{self, Stand};
use super::roots::index_root;
use super::state::{Cause, Held};
use super::suspects;
use super::tally::{self, Harm, Share};
use super::walks::Walks;
use crate::cmdb::CiId;
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::labels::Fingerprint;
use crate::model::priority::Urgency;
use crate::model::time::Timestamp;
use crate::rules::Rule;
use forecast::Fate;
pub use forecast::{Forecast, Told};
pub(super) use rerule::rerule;

fn causes_among(matching: &[&Rule]) -> Box<[Arc<str>]> {
    let rules = matching.iter().filter(|rule| rule.kind.topology().is_some());
    rules.map(|rule| Arc::clone(&rule.name)).collect()
}

/// Goes over to the topology, or to the rules, of `ctx`, for which `forecast` was made; returns the
/// alerts whose CI is another, or other, than before, or about which rules say something else, sorted.
pub(super) fn rebind(state: &mut State, ctx: &Context, forecast: &Forecast) -> Vec<Fingerprint> {
    state.walks = Walks::default();
    // Invariant: whatever is counted has its services here, so a count can be taken back.
    let old = core::mem::replace(&mut state.services, Arc::clone(&forecast.services));
    let mut bound = bind_alerts(state, ctx, forecast);
    census::recount(state, ctx);
    ask(state, ctx, &mut bound);
    let Bound { moved, causes, changed, relabelled, stands, .. } = bound;
    state.relabelled.extend(relabelled);
    note_causes(state, causes);
    for (alert, keys) in stands {
        related::restand(state, alert, keys);
    }
    let mut touched = count_anew(state, ctx, forecast, &Recount { old: &old, moved: &moved });
    if forecast.is_of_topology() {
        find_roots(state, ctx, forecast, &mut touched);
    }
    state.reviews.append(&mut touched);
    for Changed { alert, renamed } in &changed {
        if let Some(hashes) = renamed {
            state.rename_ci(*alert, *hashes);
        }
    }
    state.spent = Arc::try_unwrap(old).unwrap_or_default();
    let changed: Vec<Fingerprint> = changed.into_iter().map(|changed| changed.alert).collect();
    gather::refresh_all(state, ctx, &changed, state.counters.now);
    changed
}

/// Finds the root of every open incident in another topology.
fn find_roots(
    state: &mut State,
    ctx: &Context,
    forecast: &Forecast,
    touched: &mut BTreeSet<IncidentId>,
) {
    state.root_at.clear();
    let ids: Vec<IncidentId> = state.incidents.keys().copied().collect();
    for id in ids.into_iter().filter(|id| state.is_open(*id)).collect::<Vec<_>>() {
        index_root(state, &ctx.topology, id);
        if root_is_fresh(state, ctx, forecast, id) {
            touched.insert(id);
        }
    }
}

/// CIs of which is let go with each event what the topology before said of them: to give back the
/// memory of a hundred thousand at once would stop ingestion.
const LET_GO_MAX: usize = 500;

/// Lets some of what was known of the topology before go.
pub(super) fn let_go(state: &mut State) {
    for _ in 0..LET_GO_MAX {
        if state.spent.pop_first().is_none() {
            return;
        }
    }
}

/// Incidents decided on with one event because another topology, other rules or planned changes touch them;
/// thousands at once would stop ingestion.
const REVIEWS_MAX: usize = 50;

/// Services, and members that suspects are ranked by, looked at for them, each about a microsecond; one
/// incident may have more.
const REVIEWED_MAX: usize = 4_000;

/// True while an incident is to be decided on anew because of another topology, or of other rules or
/// planned changes; it is stored, so that a start goes on with it.
pub(super) fn is_due(record: &Incident, ctx: &Context) -> bool {
    record.topology_version < ctx.topology.version()
        || record.rules_version != ctx.rules.version
        || suspects::are_doubted(record)
}

/// Has some of the incidents that another topology, or other rules or planned changes, touch decided on
/// anew. One that was decided on meanwhile is done.
pub(super) fn review(state: &mut State, ctx: &Context, now: Timestamp) {
    let mut looked_at = 0;
    for _ in 0..REVIEWS_MAX {
        if looked_at >= REVIEWED_MAX {
            return;
        }
        let Some(id) = state.reviews.pop_first() else { return };
        if !state.is_open(id) {
            continue;
        }
        known_error::review(state, ctx, id, now);
        let Some(case) = state.incidents.get(&id).filter(|case| is_due(&case.record, ctx)) else {
            continue;
        };
        let is_ranked = suspects::are_doubted(&case.record);
        looked_at += case.tally.services().count();
        looked_at += if is_ranked { case.live.len() } else { 0 };
        state.pending.rescheduled.insert(id);
        state.pending.unsettled.insert(id);
    }
}

/// A firing alert that is bound otherwise, or hurts other services, than before.
struct Moved {
    alert: Fingerprint,
    incident: IncidentId,
    /// Its CI in the old topology.
    from: Option<CiId>,
    /// Its urgency in the old topology.
    urgency: Urgency,
}

/// A firing alert with the topology rules that take it for a cause at its CI.
type Causes = (Option<RecordId>, Fingerprint, CiId, Box<[Arc<str>]>);

/// An alert whose CI, or what rules say of it, is other than before.
struct Changed {
    alert: Fingerprint,
    /// Where the CI has another name: the hashes of the one before and of this.
    renamed: Option<[Option<NonZeroU64>; 2]>,
}

/// What comes of binding every alert.
#[derive(Default)]
struct Bound {
    /// Members of incidents that have to be counted anew.
    moved: Vec<Moved>,
    causes: Vec<Causes>,
    /// Alerts whose CI, or what rules say of them, is not what it was.
    changed: Vec<Changed>,
    /// Alerts to which rules add something else than before.
    relabelled: Vec<Fingerprint>,
    /// Alerts that stand elsewhere than before.
    stands: Vec<(Fingerprint, Option<Box<[u64]>>)>,
    /// Alerts of which it is not foretold what rules say of them.
    unforetold: Vec<Fingerprint>,
}

fn bind_alerts(state: &mut State, ctx: &Context, forecast: &Forecast) -> Bound {
    let mut bound = Bound::default();
    // In no order: each is bound for itself, and the lists are sorted.
    let (alerts, alike) = (&mut state.alerts, &mut state.alike);
    for (alert, held) in alerts.iter_mut() {
        let fate = forecast.alerts.get(alert);
        let told = fate.filter(|fate| fate.is_told(held.state.severity.as_deref()));
        // To one that never fired nothing was added yet.
        match told.filter(|fate| fate.same && held.added.as_deref() == fate.added.as_deref()) {
            Some(fate) => held.ci = fate.ci,
            None => bind(ctx, (forecast, fate), (*alert, held), (&mut bound, alike)),
        }
        if !held.state.fires() {
            continue;
        }
        let Some(fate) = told.filter(|_| !ctx.rules.asks_around()) else {
            bound.unforetold.push(*alert);
            continue;
        };
        if let Some(ci) = fate.ci.filter(|_| !fate.causes.is_empty()) {
            bound.causes.push((held.state.record, *alert, ci, fate.causes.clone()));
        }
        if let Stand::At(keys) = &fate.stand {
            bound.stands.push((*alert, keys.clone()));
        }
    }
    bound.moved.sort_unstable_by_key(|moved| (moved.incident, moved.alert));
    bound.changed.sort_unstable_by_key(|changed| changed.alert);
    bound
}

/// Binds an alert of which something is other than before, or not foretold.
fn bind(
    ctx: &Context,
    (forecast, fate): (&Forecast, Option<&Fate>),
    (alert, held): (Fingerprint, &mut Held),
    (bound, alike): (&mut Bound, &mut Alike),
) {
    let ci = match fate {
        Some(fate) => fate.ci,
        None => ctx.binder.bind(&ctx.topology, &held.labels).map(|bound| bound.ci),
    };
    let urgency = held.urgency(ctx);
    let from = core::mem::replace(&mut held.ci, ci);
    let fate = fate.filter(|fate| fate.is_told(held.state.severity.as_deref()));
    let before = held.added.take();
    match fate {
        Some(fate) => held.added = fate.added.as_deref().map(|added| alike.one(added.clone())),
        None => held.enrich(ctx, alike),
    }
    let relabelled = held.added != before;
    if relabelled {
        bound.relabelled.push(alert);
    }
    let same_rules = fate.map_or(forecast.is_of_topology(), |fate| fate.same_rules);
    if relabelled || !same_rules || !forecast.keeps(from, ci) {
        let hash = ci_hash(&held.labels, ci.map(|ci| ctx.topology.ci(ci)));
        let before = core::mem::replace(&mut held.ci_hash, hash);
        let renamed = (before != hash).then_some([before, hash]);
        bound.changed.push(Changed { alert, renamed });
    }
    let stays = held.urgency(ctx) == urgency
        && match (from, ci) {
            (None, None) => true,
            (Some(old), Some(new)) => {
                fate.is_some() && forecast.moved(old) == Some(new) && !forecast.shifts(new)
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
    if let Some(incident) = held.state.incident.filter(|_| held.state.fires() && !stays) {
        bound.moved.push(Moved { alert, incident, from, urgency });
    }
}

/// Asks of the alerts of which it is not foretold, because they came in since or because of what is
/// around them, which rules take them for causes, and where they stand.
fn ask(state: &State, ctx: &Context, bound: &mut Bound) {
    for alert in core::mem::take(&mut bound.unforetold) {
        let Some(held) = state.alerts.get(&alert) else { continue };
        let matching = ctx.rules.matching(&state.around_then(ctx, held).subject());
        if let Some(ci) = held.ci {
            bound.causes.push((held.state.record, alert, ci, causes_among(&matching)));
        }
        let keys = related::keys_of(ctx, (&held.labels, held.ci), &matching);
        bound.stands.push((alert, keys));
    }
    bound.causes.sort_unstable_by_key(|(record, alert, _, _)| (*record, *alert));
}

/// Notes anew which firing alerts rules take for causes, in the order in which the alerts came.
fn note_causes(state: &mut State, causes: Vec<Causes>) {
    state.causes.clear();
    for (_, alert, ci, rules) in causes.into_iter().filter(|(_, _, _, rules)| !rules.is_empty()) {
        let at = state.causes.or_default(ci.into());
        at.extend(rules.into_iter().map(|rule| Cause { rule, alert }));
    }
}

/// What is counted otherwise than before.
struct Recount<'a> {
    /// The services of the CIs by which was counted, in the old topology.
    old: &'a BTreeMap<CiId, Arc<Harm>>,
    moved: &'a [Moved],
}

/// Takes the moved alerts out of all counts, names the services by their new places, and counts the
/// alerts again; returns the incidents whose counts, or the services in them, are others.
fn count_anew(
    state: &mut State,
    ctx: &Context,
    forecast: &Forecast,
    recount: &Recount<'_>,
) -> BTreeSet<IncidentId> {
    let mut touched = BTreeSet::new();
    for moved in recount.moved {
        let harm = moved.from.and_then(|ci| recount.old.get(&ci));
        let harm = harm.map(Arc::clone).unwrap_or_default();
        let held = state.alerts.get(&moved.alert);
        let share =
            held.map(|held| Share(held.state.is_audible().then_some((moved.urgency, moved.from))));
        for id in state.chain(Some(moved.incident)) {
            touched.insert(id);
            if let Some((case, share)) = state.incidents.get_mut(&id).zip(share) {
                case.tally.remove(share, &harm);
            }
        }
    }
    if forecast.is_of_topology() {
        state.incidents.for_each_mut(|case| {
            case.tally.move_cis(|ci| forecast.moved(ci));
            if case.tally.services().any(|ci| forecast.is_fresh(ci)) {
                touched.insert(case.record.id);
            }
        });
    }
    for moved in recount.moved {
        let Some(share) = share(state, ctx, moved.alert) else { continue };
        let harm = tally::harm_of(state, ctx, share);
        for id in state.chain(Some(moved.incident)) {
            if let Some(case) = state.incidents.get_mut(&id) {
                case.tally.add_weighed(share, &harm);
            }
        }
    }
    touched
}

/// True when the CI of an open incident's root is other than before: its title may speak of it.
fn root_is_fresh(state: &State, ctx: &Context, forecast: &Forecast, id: IncidentId) -> bool {
    let root = state.incidents.get(&id).and_then(|case| case.record.root.ci.as_deref());
    root.is_some_and(|name| ctx.topology.find(name).is_none_or(|ci| forecast.is_fresh(ci)))
}

#[cfg(test)]
mod tests;
