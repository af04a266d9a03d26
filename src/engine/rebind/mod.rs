//! From one topology to the next without looking at everything again.
//!
//! Whoever builds the next topology foretells, on a thread of its own, what it means for the alerts
//! that are held: a [`Forecast`]. The engine then takes over what was foretold, works out itself
//! only what came in meanwhile, and decides anew only on incidents that the change touches, some
//! with each event. The outcome is that of `restore::reindex`: a test compares the two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::State;
use super::census;
use super::cis::ci_hash;
use super::context::Context;
use super::correlate::{index_root, share};
use super::gather;
use super::state::Cause;
use super::tally::{self, Harm, Share};
use crate::cmdb::{CiId, Topology};
use crate::model::alert::severity;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::priority::Urgency;
use crate::rules::{Added, Subject};

/// What another topology means for alerts; belongs to the two contexts it was made for.
#[derive(Debug)]
pub struct Forecast {
    /// By place in the old topology: the place in the new one, if it has one.
    moves: Vec<Option<CiId>>,
    /// By place in the new topology: true where the CI is new or other than before.
    fresh: Vec<bool>,
    /// Only asked, never iterated.
    alerts: HashMap<Fingerprint, Fate, FixedState>,
    /// The services that suffer from the CIs of these alerts.
    services: Arc<BTreeMap<CiId, Arc<Harm>>>,
    /// By place in the new topology: true where other services than before suffer from the CI.
    shifted: Vec<bool>,
}

/// What becomes of one alert.
#[derive(Debug)]
struct Fate {
    ci: Option<CiId>,
    /// The severity that its source gave it when this was foretold.
    severity: Option<Box<str>>,
    /// What rules add to it.
    added: Option<Box<Added>>,
    /// Topology rules that take it for a cause while it fires.
    causes: Box<[Arc<str>]>,
}

impl Forecast {
    /// Compares two topologies; no alert is foretold yet.
    pub fn new(old: &Topology, new: &Topology) -> Self {
        let mut fresh = vec![true; new.ci_count()];
        let mut news = new.cis().peekable();
        let mut moves = Vec::with_capacity(old.ci_count());
        for (_, ci) in old.cis() {
            while news.next_if(|(_, new)| new.name < ci.name).is_some() {}
            moves.push(match news.peek() {
                Some((id, new)) if new.name == ci.name => {
                    let same = core::ptr::eq(*new, ci) || *new == ci;
                    if let Some(fresh) = fresh.get_mut(id.0 as usize) {
                        *fresh = !same;
                    }
                    Some(*id)
                }
                _ => None,
            });
        }
        let alerts = HashMap::with_hasher(FixedState::default());
        let shifted = vec![false; new.ci_count()];
        Self { moves, fresh, alerts, services: Arc::default(), shifted }
    }

    /// True when this alert is foretold already.
    pub fn knows(&self, alert: Fingerprint) -> bool {
        self.alerts.contains_key(&alert)
    }

    /// Foretells one alert; `old` and `new` are what the engine decides by before and after.
    pub fn foretell(&mut self, [old, new]: [&Context; 2], alert: Fingerprint, of: Told<'_>) {
        let ci = new.binder.bind(&new.topology, of.labels).map(|bound| bound.ci);
        let severity = severity(of.severity, of.labels);
        let row = ci.map(|ci| new.topology.ci(ci));
        let sent = Subject::new(of.labels, severity, row);
        let added = new.rules.enrich(&sent);
        let causes = cause_rules(new, &added.as_deref().map_or(sent, |added| added.over(sent)));
        let fate = Fate { ci, severity: of.severity.map(Into::into), added, causes };
        self.alerts.insert(alert, fate);
        let Some(ci) = ci.filter(|ci| !self.services.contains_key(ci)) else { return };
        let harm = Harm::of(&new.topology, ci);
        let name = &new.topology.ci(ci).name;
        let before = old.topology.find(name).map(|ci| Harm::of(&old.topology, ci));
        let same = before.is_some_and(|before| {
            let moved = before.services.iter().map(|ci| self.moved(*ci));
            // Of what is only weakened it is not known here whether it is as before.
            let weakens = before.weakens || harm.weakens;
            !weakens && moved.eq(harm.services.iter().map(|ci| Some(*ci)))
        });
        if let Some(shifted) = self.shifted.get_mut(ci.0 as usize) {
            *shifted = !same;
        }
        Arc::make_mut(&mut self.services).insert(ci, Arc::new(harm));
    }

    /// Returns the place of a CI of the old topology in the new one.
    fn moved(&self, ci: CiId) -> Option<CiId> {
        self.moves.get(ci.0 as usize).copied().flatten()
    }

    fn shifts(&self, ci: CiId) -> bool {
        self.shifted.get(ci.0 as usize).copied().unwrap_or(true)
    }

    fn is_fresh(&self, ci: CiId) -> bool {
        self.fresh.get(ci.0 as usize).copied().unwrap_or(true)
    }
}

/// What is known of an alert that is foretold.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its labels.
    pub labels: &'a Labels,
    /// The severity that its source gives it, if any.
    pub severity: Option<&'a str>,
}

fn cause_rules(ctx: &Context, subject: &Subject<'_>) -> Box<[Arc<str>]> {
    if subject.ci.is_none() {
        return Box::default();
    }
    let rules = ctx.rules.matching(subject).into_iter();
    let rules = rules.filter(|rule| rule.kind.topology().is_some());
    rules.map(|rule| Arc::clone(&rule.name)).collect()
}

/// Goes over to the topology of `ctx`, for which `forecast` was made; returns the alerts whose CI is
/// another, or other, than before, sorted.
pub(super) fn rebind(state: &mut State, ctx: &Context, forecast: &Forecast) -> Vec<Fingerprint> {
    state.could_wait.clear();
    // Invariant: whatever is counted has its services here, so a count can be taken back.
    let old = core::mem::replace(&mut state.services, Arc::clone(&forecast.services));
    let (moved, mut causes, changed) = bind_alerts(state, ctx, forecast);
    census::recount(state, ctx);
    if ctx.rules.asks_around() {
        ask_around(state, ctx, &mut causes);
    }
    note_causes(state, causes);
    let mut touched = count_anew(state, ctx, forecast, &Recount { old: &old, moved: &moved });
    state.root_at.clear();
    let ids: Vec<IncidentId> = state.incidents.keys().copied().collect();
    for id in ids.into_iter().filter(|id| state.is_open(*id)).collect::<Vec<_>>() {
        index_root(state, &ctx.topology, id);
        if root_is_fresh(state, ctx, forecast, id) {
            touched.insert(id);
        }
    }
    state.reviews.append(&mut touched);
    if changed.iter().any(|changed| changed.renamed) {
        state.recount_cis();
    }
    for changed in &changed {
        gather::refresh(state, ctx, changed.alert, state.counters.now);
    }
    changed.into_iter().map(|changed| changed.alert).collect()
}

/// Incidents decided on with one event because another topology touches them; thousands at once would
/// stop ingestion.
const REVIEWS_MAX: usize = 50;

/// Services looked at for them, each about a microsecond; one incident may have more.
const REVIEWED_SERVICES_MAX: usize = 4_000;

/// Has some of the incidents that another topology touches decided on anew.
pub(super) fn review(state: &mut State) {
    let mut services = 0;
    for _ in 0..REVIEWS_MAX {
        if services >= REVIEWED_SERVICES_MAX {
            return;
        }
        let Some(id) = state.reviews.pop_first() else { return };
        if state.is_open(id) {
            services += state.incidents.get(&id).map_or(0, |case| case.tally.services().count());
            state.pending.unsettled.insert(id);
        }
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

/// An alert whose CI is another, or other, than before.
struct Changed {
    alert: Fingerprint,
    /// True when the CI has another name.
    renamed: bool,
}

type Bound = (Vec<Moved>, Vec<Causes>, Vec<Changed>);

/// Binds every alert; returns the members of incidents that have to be counted anew, the causes, and
/// the alerts whose CI is not what it was.
fn bind_alerts(state: &mut State, ctx: &Context, forecast: &Forecast) -> Bound {
    let (mut moved, mut causes, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    #[expect(clippy::iter_over_hash_type, reason = "each is bound for itself, lists are sorted")]
    for (alert, held) in &mut state.alerts {
        let fate = forecast.alerts.get(alert);
        let ci = match fate {
            Some(fate) => fate.ci,
            None => ctx.binder.bind(&ctx.topology, &held.labels).map(|bound| bound.ci),
        };
        let urgency = held.urgency(ctx);
        let from = core::mem::replace(&mut held.ci, ci);
        let is_as_before = match (from, ci) {
            (Some(old), Some(new)) => forecast.moved(old) == Some(new) && !forecast.is_fresh(new),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let fate = fate.filter(|fate| fate.severity == held.state.severity);
        let before = held.added.take();
        match fate {
            Some(fate) => held.added.clone_from(&fate.added),
            None => held.enrich(ctx),
        }
        let relabelled = held.added != before;
        if relabelled {
            state.relabelled.insert(*alert);
        }
        if !is_as_before || relabelled {
            let hash = ci_hash(&held.labels, ci.map(|ci| ctx.topology.ci(ci)));
            let renamed = core::mem::replace(&mut held.ci_hash, hash) != hash;
            changed.push(Changed { alert: *alert, renamed });
        }
        if !held.state.fires() {
            continue;
        }
        let stays = held.urgency(ctx) == urgency
            && match (from, ci) {
                (None, None) => true,
                (Some(old), Some(new)) => {
                    fate.is_some() && forecast.moved(old) == Some(new) && !forecast.shifts(new)
                }
                (Some(_), None) | (None, Some(_)) => false,
            };
        if let Some(incident) = held.state.incident.filter(|_| !stays) {
            moved.push(Moved { alert: *alert, incident, from, urgency });
        }
        let Some(ci) = ci else { continue };
        let rules = match fate {
            Some(fate) if fate.causes.is_empty() && !ctx.rules.asks_around() => continue,
            Some(fate) => fate.causes.clone(),
            None => cause_rules(ctx, &held.subject(ctx)),
        };
        causes.push((held.state.record, *alert, ci, rules));
    }
    moved.sort_unstable_by_key(|moved| (moved.incident, moved.alert));
    causes.sort_unstable_by_key(|(record, alert, _, _)| (*record, *alert));
    changed.sort_unstable_by_key(|changed| changed.alert);
    (moved, causes, changed)
}

/// Asks anew which rules take the alerts for causes: what is around them, such as what else fires,
/// could not be foretold.
fn ask_around(state: &State, ctx: &Context, causes: &mut [Causes]) {
    for (_, alert, _, rules) in causes {
        if let Some(held) = state.alerts.get(alert) {
            *rules = cause_rules(ctx, &state.around_then(ctx, held).subject());
        }
    }
}

/// Notes anew which firing alerts rules take for causes, in the order in which the alerts came.
fn note_causes(state: &mut State, causes: Vec<Causes>) {
    state.causes.clear();
    for (_, alert, ci, rules) in causes.into_iter().filter(|(_, _, _, rules)| !rules.is_empty()) {
        let at = state.causes.entry(ci).or_default();
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
    for (id, case) in &mut state.incidents {
        case.tally.move_cis(|ci| forecast.moved(ci));
        if case.tally.services().any(|ci| forecast.is_fresh(ci)) {
            touched.insert(*id);
        }
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
