//! From one topology to the next without looking at everything again.
//!
//! Whoever builds the next topology foretells, on a thread of its own, what it means for the alerts
//! that are held: a [`Forecast`]. The engine then takes over what was foretold, works out itself
//! only what came in meanwhile, and decides anew only on incidents that the change touches. The
//! outcome is that of `restore::reindex`: a test compares the two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::State;
use super::context::Context;
use super::correlate::{index_root, tally};
use super::state::Cause;
use crate::cmdb::{CiId, Topology};
use crate::model::alert::severity;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::{Fingerprint, Labels};
use crate::rules::{Kind, Subject};

/// What another topology means for alerts; belongs to the two contexts it was made for.
#[derive(Debug)]
pub struct Forecast {
    /// By place in the old topology.
    moves: Vec<Move>,
    /// By place in the new topology: true where the CI is new or other than before.
    fresh: Vec<bool>,
    /// Only asked, never iterated.
    alerts: HashMap<Fingerprint, Fate, FixedState>,
    services: BTreeMap<CiId, Arc<[CiId]>>,
    /// CIs of the new topology whose services, or what is known of them, are others than before.
    shifted: BTreeSet<CiId>,
}

/// Where a CI of the old topology is in the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Gone,
    /// It is there with another class, other attributes or labels.
    Changed(CiId),
    Same(CiId),
}

/// What becomes of one alert.
#[derive(Debug)]
struct Fate {
    ci: Option<CiId>,
    /// The severity for which `causes` holds.
    severity: Box<str>,
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
                    if same { Move::Same(*id) } else { Move::Changed(*id) }
                }
                _ => Move::Gone,
            });
        }
        let alerts = HashMap::with_hasher(FixedState::default());
        Self { moves, fresh, alerts, services: BTreeMap::new(), shifted: BTreeSet::new() }
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
        let subject = Subject { labels: of.labels, severity, ci: row };
        let causes = cause_rules(new, &subject);
        self.alerts.insert(alert, Fate { ci, severity: severity.into(), causes });
        let Some(ci) = ci.filter(|ci| !self.services.contains_key(ci)) else { return };
        let services = new.topology.services_hit(ci);
        let name = &new.topology.ci(ci).name;
        let before = old.topology.find(name).map(|ci| old.topology.services_hit(ci));
        let before: Option<Vec<Move>> =
            before.map(|cis| cis.iter().map(|ci| self.moved(*ci)).collect());
        let same = before.is_some_and(|before| {
            before.iter().copied().eq(services.iter().map(|ci| Move::Same(*ci)))
        });
        if !same {
            self.shifted.insert(ci);
        }
        self.services.insert(ci, services.into());
    }

    fn moved(&self, ci: CiId) -> Move {
        self.moves.get(ci.0 as usize).copied().unwrap_or(Move::Gone)
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
    let rules = rules.filter(|rule| matches!(rule.kind, Kind::Topology(_)));
    rules.map(|rule| Arc::clone(&rule.name)).collect()
}

/// Goes over to the topology of `ctx`, for which `forecast` was made.
pub(super) fn rebind(state: &mut State, ctx: &Context, forecast: &Forecast) {
    state.could_wait.clear();
    state.services.clear();
    let mut touched = bind_alerts(state, ctx, forecast);
    note_causes(state, ctx, forecast);
    state.root_at.clear();
    let ids: Vec<IncidentId> = state.incidents.keys().copied().collect();
    for id in ids {
        if state.is_open(id) {
            index_root(state, &ctx.topology, id);
        }
        if root_is_fresh(state, ctx, forecast, id) {
            touched.insert(id);
        }
    }
    count_anew(state, ctx, forecast, touched);
}

/// Binds every alert and returns the incidents, with all they are part of, whose members are bound
/// otherwise or hurt other services than before.
fn bind_alerts(state: &mut State, ctx: &Context, forecast: &Forecast) -> BTreeSet<IncidentId> {
    let mut touched = BTreeSet::new();
    #[expect(clippy::iter_over_hash_type, reason = "each is bound for itself, sets are filled")]
    for (alert, held) in &mut state.alerts {
        let fate = forecast.alerts.get(alert);
        let ci = match fate {
            Some(fate) => fate.ci,
            None => ctx.binder.bind(&ctx.topology, &held.labels).map(|bound| bound.ci),
        };
        let stays = match (held.ci, ci) {
            (None, None) => true,
            (Some(old), Some(new)) => {
                forecast.moved(old) == Move::Same(new) && !forecast.shifted.contains(&new)
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
        held.ci = ci;
        let counts = held.state.fires() && (!stays || fate.is_none());
        touched.extend(held.state.incident.filter(|_| counts));
        // Only these are counted anew; the others will be asked for when they are needed.
        if let Some((ci, services)) =
            ci.filter(|_| counts).and_then(|ci| forecast.services.get_key_value(&ci))
        {
            state.services.insert(*ci, Arc::clone(services));
        }
    }
    touched.iter().flat_map(|id| state.chain(Some(*id))).collect()
}

/// Notes anew which firing alerts rules take for causes, in the order in which the alerts came.
fn note_causes(state: &mut State, ctx: &Context, forecast: &Forecast) {
    state.causes.clear();
    let mut causes: Vec<(Option<RecordId>, Fingerprint, CiId, Box<[Arc<str>]>)> = Vec::new();
    #[expect(clippy::iter_over_hash_type, reason = "sorted before anybody sees the order")]
    for (alert, held) in &state.alerts {
        let Some(ci) = held.ci.filter(|_| held.state.fires()) else { continue };
        let subject = held.subject(ctx);
        let known = forecast.alerts.get(alert).filter(|fate| *fate.severity == *subject.severity);
        let rules = known.map_or_else(|| cause_rules(ctx, &subject), |fate| fate.causes.clone());
        if !rules.is_empty() {
            causes.push((held.state.record, *alert, ci, rules));
        }
    }
    causes.sort_unstable_by_key(|(record, alert, _, _)| (*record, *alert));
    for (_, alert, ci, rules) in causes {
        let at = state.causes.entry(ci).or_default();
        at.extend(rules.into_iter().map(|rule| Cause { rule, alert }));
    }
}

/// True when the CI of an open incident's root is other than before: its title may speak of it.
fn root_is_fresh(state: &State, ctx: &Context, forecast: &Forecast, id: IncidentId) -> bool {
    let root = state.incidents.get(&id).and_then(|case| case.record.root.ci.as_deref());
    root.is_some_and(|name| ctx.topology.find(name).is_none_or(|ci| forecast.is_fresh(ci)))
}

/// Counts the members of touched incidents and has those that are open decided on again; of the
/// others only the places of their services are others.
fn count_anew(
    state: &mut State,
    ctx: &Context,
    forecast: &Forecast,
    touched: BTreeSet<IncidentId>,
) {
    for (id, case) in &mut state.incidents {
        if !touched.contains(id) {
            case.tally.move_services(|ci| match forecast.moved(ci) {
                Move::Same(ci) | Move::Changed(ci) => Some(ci),
                Move::Gone => None,
            });
        }
    }
    for id in touched {
        let tally = tally(state, ctx, id);
        if let Some(case) = state.incidents.get_mut(&id) {
            case.tally = tally;
        }
        if state.is_open(id) {
            state.pending.unsettled.insert(id);
        }
    }
}

#[cfg(test)]
mod tests;
