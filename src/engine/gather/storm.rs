//! Storms: when they begin, what joins them, when they are over, and who is suspected.
//!
//! Costs the same for the first alert as for the hundred-thousandth: members are never looked at
//! all together, except when suspects are ranked, which happens as the storm has grown by an eighth.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{KeyHash, key_hash, take_over};
use crate::cmdb::{CiId, Toward};
use crate::engine::State;
use crate::engine::context::Context;
use crate::engine::pending::Told;
use crate::engine::suspects::{self, Candidate, Ranking};
use crate::engine::unite::{self, Adoption};
use crate::model::alert::Join;
use crate::model::incident::{Incident, IncidentId, Storm};
use crate::model::labels::Fingerprint;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::StormKind;

/// Alerts of a window that are looked at for an incident to begin with, when the alert that makes
/// it a storm opened none itself.
const LOOKED_AT_MAX: usize = 1_000;
/// CIs of a storm that suspects are found by, the first ones.
const CIS_MAX: usize = 500;
/// Relations followed from each of them.
const HOPS_MAX: u8 = 4;
/// CIs looked at from each of them.
const NODES_MAX: usize = 256;

/// What is kept for one key.
#[derive(Debug, Default)]
pub(in crate::engine) struct Track {
    rule: Arc<str>,
    key: Box<str>,
    /// Alerts that began within the window, with the value that each counts for.
    recent: BTreeMap<(Timestamp, Fingerprint), u64>,
    /// Alerts by value. Only asked, never iterated.
    values: HashMap<u64, Count, RandomState>,
    /// Values with an alert in `recent`.
    recent_values: u32,
    /// Values with an alert that fires.
    firing_values: u32,
    /// The incident that is the storm, while it lasts.
    incident: Option<IncidentId>,
}

#[derive(Debug, Default)]
struct Count {
    recent: u32,
    firing: u32,
}

impl Track {
    pub(super) fn name(&mut self, rule: &Arc<str>, key: String) {
        if self.key.is_empty() {
            (self.rule, self.key) = (Arc::clone(rule), key.into());
        }
    }

    pub(super) fn rule(&self) -> &str {
        &self.rule
    }

    /// Counts an alert that began within the window.
    pub(super) fn began(&mut self, at: Timestamp, alert: Fingerprint, value: u64) {
        if self.recent.insert((at, alert), value).is_none() {
            let count = self.values.entry(value).or_default();
            count.recent += 1;
            self.recent_values += u32::from(count.recent == 1);
        }
    }

    /// Forgets when an alert began.
    pub(super) fn remove(&mut self, at: Timestamp, alert: Fingerprint) {
        if let Some(value) = self.recent.remove(&(at, alert)) {
            self.not_recent(value);
        }
    }

    /// Forgets what began before the window, which is half-open.
    pub(super) fn evict(&mut self, within: core::time::Duration, now: Timestamp) {
        while let Some(entry) = self.recent.first_entry() {
            if now < entry.key().0.plus(within) {
                return;
            }
            let value = entry.remove();
            self.not_recent(value);
        }
    }

    fn not_recent(&mut self, value: u64) {
        if let Some(count) = self.values.get_mut(&value) {
            count.recent = count.recent.saturating_sub(1);
            self.recent_values -= u32::from(count.recent == 0);
        }
        self.drop_unused(value);
    }

    /// Counts an alert that fires.
    pub(super) fn fires(&mut self, value: Option<u64>) {
        let Some(value) = value else { return };
        let count = self.values.entry(value).or_default();
        count.firing += 1;
        self.firing_values += u32::from(count.firing == 1);
    }

    /// Counts an alert out that fires no more.
    pub(super) fn stopped(&mut self, value: Option<u64>) {
        let Some(value) = value else { return };
        if let Some(count) = self.values.get_mut(&value).filter(|count| count.firing > 0) {
            count.firing -= 1;
            self.firing_values -= u32::from(count.firing == 0);
        }
        self.drop_unused(value);
    }

    fn drop_unused(&mut self, value: u64) {
        if self.values.get(&value).is_some_and(|count| count.recent == 0 && count.firing == 0) {
            self.values.remove(&value);
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> String {
        let Self { rule, key, recent, recent_values, firing_values, incident, .. } = self;
        format!("{rule} {key} {recent:?} {recent_values} {firing_values} {incident:?}")
    }

    /// True when nothing is kept that matters.
    pub(super) fn is_idle(&self) -> bool {
        self.values.is_empty() && self.incident.is_none()
    }
}

/// Finds the storm that an alert is part of, while it lasts.
pub(in crate::engine) fn raging(state: &State, alert: Fingerprint) -> Option<(IncidentId, Join)> {
    let slots = state.alerts.get(&alert)?.slots.as_deref()?;
    slots.storms.iter().find_map(|slot| {
        let track = state.gathering.storms.get(&slot.key)?;
        let id = state.top(track.incident?).filter(|id| state.is_open(*id))?;
        let join = Join::Storm { rule: Arc::clone(&track.rule), key: track.key.clone() };
        Some((id, join))
    })
}

/// Lets storms begin that an alert makes full.
pub(super) fn enter(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let Some(slots) = state.alerts.get(&alert).and_then(|held| held.slots.as_deref()) else {
        return;
    };
    if !slots.audible || slots.storms.is_empty() {
        return;
    }
    let keys: Vec<KeyHash> = slots.storms.iter().map(|slot| slot.key).collect();
    for key in keys {
        let Some(opened) = full(state, ctx, key, alert, now) else { continue };
        begin(state, ctx, key, &opened, now);
    }
}

/// Returns the open incidents that the alerts of a window opened, when these are enough for a storm
/// and there is none yet.
fn full(
    state: &mut State,
    ctx: &Context,
    key: KeyHash,
    alert: Fingerprint,
    now: Timestamp,
) -> Option<BTreeSet<IncidentId>> {
    let track = state.gathering.storms.get_mut(&key)?;
    let kind = ctx.rules.find(&track.rule)?.kind.storm()?;
    if track.incident.is_some() {
        return None;
    }
    track.evict(kind.within, now);
    if track.recent_values < kind.count {
        return None;
    }
    let track = state.gathering.storms.get(&key)?;
    if opened_by(state, alert).is_none() && track.recent.len() > LOOKED_AT_MAX {
        return None;
    }
    let mut opened: BTreeSet<IncidentId> =
        track.recent.keys().filter_map(|(_, alert)| opened_by(state, *alert)).collect();
    let eldest = opened.first().copied()?;
    let apart = state.incidents.get(&eldest).map(|case| case.record.apart_from.clone())?;
    opened.retain(|id| !apart.contains(id) && !is_withheld(state, ctx, kind, *id));
    (!opened.is_empty()).then_some(opened)
}

/// Returns the incident that an alert opened, while it is open by itself and no storm.
fn opened_by(state: &State, alert: Fingerprint) -> Option<IncidentId> {
    let held = &state.alerts.get(&alert)?.state;
    let id = held.incident.filter(|id| held.record == Some(*id) && state.is_open(*id))?;
    let storm = state.incidents.get(&id)?.record.storm.as_ref();
    (!storm.is_some_and(Storm::is_active)).then_some(id)
}

/// True when an incident's root is by now an alert that the rule never absorbs.
fn is_withheld(state: &State, ctx: &Context, kind: &StormKind, id: IncidentId) -> bool {
    let root = state.incidents.get(&id).map(|case| case.record.root.alert);
    let held = root.and_then(|root| state.alerts.get(&root));
    held.is_some_and(|held| kind.never_absorbs(&state.around(ctx, held).subject()))
}

/// Makes the oldest of these incidents a storm and the others part of it.
fn begin(
    state: &mut State,
    ctx: &Context,
    key: KeyHash,
    opened: &BTreeSet<IncidentId>,
    now: Timestamp,
) {
    let Some(track) = state.gathering.storms.get_mut(&key) else { return };
    let Some(rule) = ctx.rules.find(&track.rule) else { return };
    let (Some(kind), Some(eldest)) = (rule.kind.storm(), opened.first().copied()) else { return };
    track.incident = Some(eldest);
    let (name, count) = (track.key.clone(), track.recent_values);
    let within = Brief(kind.within);
    let text = format!("{count} values of {} within {within}: storm {name}", kind.distinct);
    state.pending.tell(eldest, now, Told { what: Happening::StormBegan, text, path: None });
    take_over(state, ctx, eldest, rule);
    if let Some(case) = state.change(eldest) {
        case.record.storm = Some(Storm {
            rule: Arc::clone(&rule.name),
            key: name.clone(),
            began_at: now,
            calm_since: None,
            ended_at: None,
        });
        (case.record.suspects, case.record.ranked_at) = (Vec::new(), 0);
    }
    for child in opened.iter().copied().filter(|id| *id != eldest) {
        let join = Join::Storm { rule: Arc::clone(&rule.name), key: name.clone() };
        unite::subordinate(state, ctx, Adoption { parent: eldest, child, join }, now);
    }
    weigh(state, ctx, key, now);
}

/// Notes since when too few fire for a storm to last.
pub(super) fn weigh(state: &mut State, ctx: &Context, key: KeyHash, now: Timestamp) {
    let Some(track) = state.gathering.storms.get(&key) else { return };
    let kind = ctx.rules.find(&track.rule).and_then(|rule| rule.kind.storm());
    let (Some(id), Some(kind)) = (track.incident, kind) else { return };
    let calm = track.firing_values < kind.below;
    let before = state.incidents.get(&id).and_then(|case| case.record.storm.as_ref());
    if before.is_none_or(|storm| storm.calm_since.is_some() == calm) {
        return;
    }
    if let Some(storm) = state.change(id).and_then(|case| case.record.storm.as_mut()) {
        storm.calm_since = calm.then_some(now);
    }
}

/// Returns when an incident stops being a storm, as far as can be said now; one whose rule is no
/// longer there stops at once.
pub(in crate::engine) fn ends_at(ctx: &Context, record: &Incident) -> Option<Timestamp> {
    let storm = record.storm.as_ref().filter(|storm| storm.is_active())?;
    match ctx.rules.find(&storm.rule).and_then(|rule| rule.kind.storm()) {
        Some(kind) => Some(storm.calm_since?.plus(kind.calm)),
        None => Some(storm.began_at),
    }
}

/// Ends a storm that has been calm for long enough.
pub(in crate::engine) fn end_if_due(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    if ends_at(ctx, record).is_none_or(|at| at > now) {
        return;
    }
    let rule = record.storm.as_ref().and_then(|storm| ctx.rules.find(&storm.rule));
    let why = match rule.and_then(|rule| rule.kind.storm()) {
        Some(StormKind { below, distinct, calm, .. }) => {
            format!("fewer than {below} values of {distinct} fire for {}", Brief(*calm))
        }
        None => "its rule is no longer there".into(),
    };
    end(state, id, &why, now);
    state.pending.unsettled.insert(id);
}

/// Ends a storm: nothing joins it any more.
pub(in crate::engine) fn end(state: &mut State, id: IncidentId, why: &str, now: Timestamp) {
    let storm = state.incidents.get(&id).and_then(|case| case.record.storm.as_ref());
    let Some(key) = storm.filter(|storm| storm.is_active()).map(|storm| key_hash(&storm.key))
    else {
        return;
    };
    if let Some(storm) = state.change(id).and_then(|case| case.record.storm.as_mut()) {
        storm.ended_at = Some(now);
        let text = format!("storm {} is over: {why}", storm.key);
        state.pending.tell(id, now, Told { what: Happening::StormEnded, text, path: None });
    }
    if let Some(track) = state.gathering.storms.get_mut(&key) {
        track.incident = None;
        if track.is_idle() {
            state.gathering.storms.remove(&key);
        }
    }
}

/// Lets an incident that becomes part of another hand its storm over to that one.
pub(in crate::engine) fn hand_over(
    state: &mut State,
    child: IncidentId,
    parent: IncidentId,
    now: Timestamp,
) {
    let storm = state.incidents.get(&child).and_then(|case| case.record.storm.clone());
    let Some(storm) = storm.filter(Storm::is_active) else { return };
    end(state, child, &format!("now part of {parent}"), now);
    let free = |case: &&mut crate::engine::state::Case| {
        !case.record.storm.as_ref().is_some_and(Storm::is_active)
    };
    let Some(case) = state.change(parent).filter(free) else { return };
    let (rule, key) = (Arc::clone(&storm.rule), storm.key.clone());
    case.record.storm = Some(storm);
    let track = state.gathering.storms.entry(key_hash(&key)).or_default();
    track.name(&rule, key.into());
    track.incident = Some(parent);
}

/// Finds the incidents that are storms, after a start.
pub(super) fn find_active(state: &mut State) {
    for case in state.incidents.values() {
        let storm = case.record.storm.as_ref().filter(|storm| storm.is_active());
        let Some(storm) = storm.filter(|_| case.record.parent.is_none()) else { continue };
        let track = state.gathering.storms.entry(key_hash(&storm.key)).or_default();
        track.name(&storm.rule, storm.key.clone().into());
        track.incident = Some(case.record.id);
    }
}

/// Ranks the suspects of an incident under a storm's rule, and makes the likeliest one's alert its
/// root: when it has grown by an eighth since the last time, and when the topology is another.
pub(in crate::engine) fn rank(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let record = &case.record;
    let storm = record.storm.as_ref().filter(|storm| storm.is_active());
    let rule = storm.and_then(|storm| ctx.rules.find(&storm.rule));
    let kind = rule.and_then(|rule| rule.kind.storm());
    let Some((rule, how)) = rule.zip(kind.and_then(|kind| kind.suspects.as_ref())) else { return };
    let looked_at = record.suspects.first().map_or(0, |suspect| suspect.of as usize);
    let grown = suspects::has_grown(record);
    let same_topology = record.topology_version == ctx.topology.version();
    if record.ranked_at > 0 && same_topology && (!grown || looked_at >= CIS_MAX) {
        return;
    }
    let cis = cis_of(state, id);
    let follow = ctx.follow(&rule.name);
    let of = u32::try_from(cis.len()).unwrap_or(u32::MAX);
    let asked = suspects::Asked { id, of, most: how.top.into() };
    let ranked = suspects::likeliest(state, &ctx.topology, candidates(ctx, &cis, follow), asked);
    let root = ranked.first().and_then(|(ci, _)| cis.get(ci).copied());
    let suspects = ranked.into_iter().map(|(_, suspect)| suspect).collect();
    let ranking = Ranking { rule: &rule.name, suspects, root };
    suspects::accuse(state, ctx, id, ranking, now);
}

/// Returns the first CIs of an incident's members, each with its first alert.
fn cis_of(state: &State, id: IncidentId) -> BTreeMap<CiId, Fingerprint> {
    let mut cis = BTreeMap::new();
    for alert in state.members(id) {
        if cis.len() == CIS_MAX {
            break;
        }
        if let Some(ci) = state.alerts.get(&alert).and_then(|held| held.ci) {
            cis.entry(ci).or_insert(alert);
        }
    }
    cis
}

/// Returns the CIs that most of these suffer from: by how many, then by fewer hops, then by name.
fn candidates(
    ctx: &Context,
    cis: &BTreeMap<CiId, Fingerprint>,
    follow: crate::cmdb::RelationSet,
) -> impl Iterator<Item = Candidate> {
    let mut blame: BTreeMap<CiId, (u32, u32)> = BTreeMap::new();
    for ci in cis.keys() {
        let walk = ctx.topology.walk(*ci, Toward::Causes, follow, HOPS_MAX, NODES_MAX);
        for step in walk.steps() {
            let (explains, hops) = blame.entry(step.ci).or_default();
            *explains += 1;
            *hops += u32::from(step.hops);
        }
    }
    // A CI that explains only itself is no suspect.
    let some = blame.into_iter().filter(|(_, (explains, _))| *explains > 1);
    some.map(|(ci, (explains, hops))| Candidate { ci, blame: explains.into(), hops, explains })
}
