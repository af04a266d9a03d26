//! Correlation by topology: what explains an alert, what an alert explains, and what to wait for.
//!
//! Only bounded walks, and only where a cause fires or an alert is itself taken for one. A way through
//! a CI that still stands explains nothing: see [`super::redundancy`].

use core::time::Duration;
use std::sync::Arc;

use smallvec::SmallVec;

use super::State;
use super::context::Context;
use super::correlate::incident_of;
use super::redundancy;
use super::roots::root_place;
use super::state::Cause;
use super::sure::{Timing, Way};
use super::unite::{self, Union};
use crate::cmdb::{CiId, Toward};
use crate::model::alert::{Join, Path};
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{Rule, TopologyKind};

/// CIs looked at in one walk; what hangs off a core switch beyond that is left to other rules.
pub(super) const WALK_NODES_MAX: usize = 4_096;

/// Finds the open incident whose cause explains an alert: the nearest cause, then the oldest.
pub(super) fn explained(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    now: Timestamp,
) -> Option<(IncidentId, Join)> {
    if state.causes.is_empty() {
        return None;
    }
    let ci = state.alerts.get(&alert)?.ci?;
    let walks = state.walks.toward_causes(ctx, ci);
    let state: &State = state;
    let mut reached = walks.iter().flat_map(|above| above.walk.steps());
    if !reached.any(|step| state.causes.has(step.ci.into())) {
        return None;
    }
    let held = state.alerts.get(&alert)?;
    let around = state.around(ctx, held);
    let subject = around.subject();
    let mut best: Option<(u8, IncidentId, Join)> = None;
    for ((rule, kind, follow), above) in ctx.topology_rules().zip(&walks) {
        if kind.never_absorbs(&subject) {
            continue;
        }
        let walk = &above.walk;
        for (index, step) in walk.steps().iter().enumerate() {
            if !state.causes.has(step.ci.into()) {
                continue;
            }
            walk.read_names_ahead(&ctx.topology, index);
            let delay = kind.delay_on(&ctx.topology, walk, index);
            let asked = Asked { rule, kind, alert, delay };
            let Some((id, cause)) = cause_at(state, step.ci, &asked, now) else { continue };
            if redundancy::holds(state, ctx, (Some(id), step.ci), (walk, index)) {
                continue;
            }
            if best.as_ref().is_none_or(|(hops, other, _)| (step.hops, id) < (*hops, *other)) {
                let path = walk.path(&ctx.topology, index);
                let way = Way::of(&ctx.topology, (walk, index), follow, &path);
                let after_ms = now.millis() - first_seen(state, cause).millis();
                let reason = Dependency { rule: &rule.name, path, way, delay, after_ms };
                best = Some((step.hops, id, reason.join()));
            }
            break;
        }
    }
    best.map(|(_, id, join)| (id, join))
}

/// Under which rule a cause is looked for, and for which alert.
pub(super) struct Asked<'a> {
    pub(super) rule: &'a Rule,
    pub(super) kind: &'a TopologyKind,
    pub(super) alert: Fingerprint,
    /// How much later than within the window it may come, because harm takes time on the way.
    pub(super) delay: Option<Duration>,
}

/// Why an alert suffers from a cause.
pub(super) struct Dependency<'a> {
    pub(super) rule: &'a Arc<str>,
    /// From the cause to the alert's CI.
    pub(super) path: Path,
    pub(super) way: Way,
    /// How long harm is expected to take on it.
    pub(super) delay: Option<Duration>,
    /// Milliseconds from the cause to the alert.
    pub(super) after_ms: i64,
}

impl Dependency<'_> {
    /// Makes the reason that is stored.
    pub(super) fn join(self) -> Join {
        let Self { rule, path, way, delay, after_ms } = self;
        let expected_ms = delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let late = expected_ms.is_some_and(|ms| after_ms > i64::try_from(ms).unwrap_or(i64::MAX));
        let confidence = way.confidence(if late { Timing::Late } else { Timing::Fits });
        Join::Dependant { rule: Arc::clone(rule), path, after_ms, expected_ms, confidence }
    }
}

/// Returns the oldest open incident, with its cause, that a rule has at a CI and that still takes
/// members.
pub(super) fn cause_at(
    state: &State,
    ci: CiId,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Option<(IncidentId, Fingerprint)> {
    let of_rule = |cause: &&Cause| cause.rule == asked.rule.name && cause.alert != asked.alert;
    let causes = state.causes.get(ci.into())?.iter().filter(of_rule);
    let open = causes.filter_map(|cause| {
        let id = incident_of(state, cause.alert)?;
        let record = &state.incidents.get(&id)?.record;
        let takes = record.progress.is_open()
            && now < record.active_at.plus(asked.kind.window + asked.delay.unwrap_or_default())
            && now < record.opened_at.plus(asked.kind.max_age);
        takes.then_some((id, cause.alert))
    });
    open.min()
}

fn first_seen(state: &State, alert: Fingerprint) -> Timestamp {
    state.alerts.get(&alert).map_or(Timestamp::EPOCH, |held| held.state.first_seen)
}

/// Finds the oldest open incident that an alert explains as a cause, for it to join.
pub(super) fn eldest_sufferer(
    state: &State,
    ctx: &Context,
    alert: Fingerprint,
    rules: &[Arc<str>],
    now: Timestamp,
) -> Option<(IncidentId, Join)> {
    let found = rules.iter().flat_map(|rule| {
        let found = sufferers(state, ctx, alert, rule, now);
        found.into_iter().map(move |found| (found.id, rule, found.way))
    });
    let (id, rule, way) = found.min_by_key(|(id, rule, _)| (*id, *rule))?;
    let confidence = way.confidence(Timing::Fits);
    Some((id, Join::Cause { rule: Arc::clone(rule), confidence }))
}

/// An open incident that suffers from a cause.
pub(super) struct Sufferer {
    pub(super) id: IncidentId,
    /// From the cause to the incident's root.
    pub(super) path: Path,
    pub(super) way: Way,
}

/// Returns the open incidents whose root suffers from an alert's CI under a rule and began within
/// its lookback, by number.
pub(super) fn sufferers(
    state: &State,
    ctx: &Context,
    alert: Fingerprint,
    rule: &str,
    now: Timestamp,
) -> Vec<Sufferer> {
    let Some((ci, kind)) = cause_and_kind(state, ctx, alert, rule) else { return Vec::new() };
    let follow = ctx.follow(rule);
    let walk = ctx.topology.walk(ci, Toward::Sufferers, follow, kind.max_hops, WALK_NODES_MAX);
    let own = incident_of(state, alert);
    let mut found = Vec::new();
    for (index, step) in walk.steps().iter().enumerate() {
        for id in state.root_at.get(&step.ci).into_iter().flatten().copied() {
            let takes =
                Some(id) != own && !apart(state, own, id) && absorbs(state, ctx, kind, id, now);
            if takes && !redundancy::holds(state, ctx, (own, ci), (&walk, index)) {
                let path = walk.path(&ctx.topology, index);
                let way = Way::of(&ctx.topology, (&walk, index), follow, &path);
                found.push(Sufferer { id, path, way });
            }
        }
    }
    found.sort_unstable_by_key(|it| it.id);
    found
}

/// True when a person split one from the other.
fn apart(state: &State, one: Option<IncidentId>, other: IncidentId) -> bool {
    let case = one.and_then(|one| state.incidents.get(&one));
    case.is_some_and(|case| case.record.apart_from.contains(&other))
}

fn cause_and_kind<'a>(
    state: &State,
    ctx: &'a Context,
    alert: Fingerprint,
    rule: &str,
) -> Option<(CiId, &'a TopologyKind)> {
    let ci = state.alerts.get(&alert)?.ci?;
    Some((ci, ctx.rules.any(rule)?.kind.topology()?))
}

/// True when a rule lets a cause that shows itself now take over an open incident.
fn absorbs(
    state: &State,
    ctx: &Context,
    kind: &TopologyKind,
    id: IncidentId,
    now: Timestamp,
) -> bool {
    let Some(case) = state.incidents.get(&id) else { return false };
    let Some(root) = state.alerts.get(&case.record.root.alert) else { return false };
    state.is_open(id)
        && now < case.record.opened_at.plus(kind.lookback)
        && !kind.never_absorbs(&state.around(ctx, root).subject())
}

/// Lets an alert that rules take for a cause be one: what suffers from it later is found by it, what
/// suffered before is united with its incident, and it becomes the root where it explains the root.
pub(super) fn act_as_cause(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    rules: &[Arc<str>],
    now: Timestamp,
) {
    for rule in rules {
        note_cause(state, alert, rule);
        take_root(state, ctx, alert, rule, now);
        for Sufferer { id: other, path, way } in sufferers(state, ctx, alert, rule, now) {
            // Uniting one may have made another part of the same incident.
            let Some(own) = incident_of(state, alert).filter(|own| *own != other) else { continue };
            if state.is_open(other) && state.is_open(own) {
                let union = Union { cause: alert, own, other, rule: Arc::clone(rule), path, way };
                unite::unite(state, ctx, union, now);
            }
        }
    }
}

/// Notes that a rule takes a firing alert for a cause.
pub(super) fn note_cause(state: &mut State, alert: Fingerprint, rule: &Arc<str>) {
    let Some(ci) = state.alerts.get(&alert).and_then(|held| held.ci) else { return };
    let causes = state.causes.or_default(ci.into());
    let cause = Cause { rule: Arc::clone(rule), alert };
    if !causes.contains(&cause) {
        causes.push(cause);
    }
}

/// Forgets an alert as a cause; it no longer fires.
pub(super) fn drop_cause(state: &mut State, alert: Fingerprint) {
    let Some(ci) = state.alerts.get(&alert).and_then(|held| held.ci) else { return };
    if let Some(causes) = state.causes.get_mut(ci.into()) {
        causes.retain(|cause| cause.alert != alert);
        if causes.is_empty() {
            state.causes.remove(ci.into());
        }
    }
}

/// Makes an alert the root of its own incident when that one's root suffers from the alert's CI.
fn take_root(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    rule: &Arc<str>,
    now: Timestamp,
) {
    let Some(id) = incident_of(state, alert) else { return };
    let Some((ci, kind)) = cause_and_kind(state, ctx, alert, rule) else { return };
    let Some(old) = state.incidents.get(&id).map(|case| case.record.root.alert) else { return };
    let Some(place) = root_place(state, &ctx.topology, id).filter(|_| old != alert) else { return };
    let follow = ctx.follow(rule);
    let walk = ctx.topology.walk(ci, Toward::Sufferers, follow, kind.max_hops, WALK_NODES_MAX);
    let Some(index) = walk.steps().iter().position(|step| step.ci == place) else { return };
    if redundancy::holds(state, ctx, (Some(id), ci), (&walk, index)) {
        return;
    }
    // An alert on the root's own CI explains the root only if no rule takes that for a cause.
    let is_cause = |causes: &SmallVec<[Cause; 1]>| causes.iter().any(|cause| cause.alert == old);
    if index > 0 || !state.causes.get(place.into()).is_some_and(is_cause) {
        let path = walk.path(&ctx.topology, index);
        let way = Way::of(&ctx.topology, (&walk, index), follow, &path);
        unite::explain_root(state, ctx, unite::NewRoot { id, alert, rule, path, way }, now);
    }
}

fn never_absorbs(state: &State, ctx: &Context, kind: &TopologyKind, alert: Fingerprint) -> bool {
    let held = state.alerts.get(&alert);
    held.is_some_and(|held| kind.never_absorbs(&state.around(ctx, held).subject()))
}

/// Returns until when an alert's first notice waits for a cause: the longest wait of the rules whose
/// root could show itself at a CI that the alert's CI suffers from.
pub(super) fn wait(state: &mut State, ctx: &Context, alert: Fingerprint) -> Duration {
    let none = Duration::ZERO;
    let Some(held) = state.alerts.get(&alert) else { return none };
    let Some(ci) = held.ci else { return none };
    let mut longest = none;
    for (place, (rule, kind, follow)) in ctx.topology_rules().enumerate() {
        if kind.wait <= longest || never_absorbs(state, ctx, kind, alert) {
            continue;
        }
        if state.walks.above(ctx, ci, (place, kind, follow)).has_root(ctx, rule) {
            longest = kind.wait;
        }
    }
    longest
}
