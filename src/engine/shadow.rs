//! Rules with `shadow: true`: asked like the others, without effect, and credited with what they
//! would have done.
//!
//! They stand apart in the rule set, so no stage ever meets one. Here is what they are asked: whether
//! an alert that began would have had company. Company is told from the alerts that fire now, because
//! there is no incident to look at; a shadow counts rather too little than too much.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use super::context::Context;
use super::correlate::{Grouping, place_of};
use super::credit::{begins, credit};
use super::suppress;
use super::topology::{self, WALK_NODES_MAX};
use crate::cmdb::{CiId, Step, Toward};
use crate::model::credit::Credit;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{Inhibit, Kind, Rule};

/// Where firing alerts would stand under shadow rules. Made anew from the alerts.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    /// A rule's group, or a CI that a rule takes for a cause; since when; by which alert.
    places: BTreeSet<(u64, Timestamp, Fingerprint)>,
    of: BTreeMap<Fingerprint, Vec<(u64, Timestamp)>>,
}

impl Shadows {
    fn put(&mut self, alert: Fingerprint, place: u64, since: Timestamp) {
        self.places.insert((place, since, alert));
        self.of.entry(alert).or_default().push((place, since));
    }

    /// Forgets an alert; it no longer fires.
    pub(super) fn remove(&mut self, alert: Fingerprint) {
        for (place, since) in self.of.remove(&alert).unwrap_or_default() {
            self.places.remove(&(place, since, alert));
        }
    }

    /// True when another alert stands at a place since later than `after`.
    fn has_other(&self, alert: Fingerprint, place: u64, after: Timestamp) -> bool {
        let first = Timestamp::from_millis(after.millis().saturating_add(1));
        let end = Timestamp::from_millis(i64::MAX);
        let mut there =
            self.places.range((place, first, Fingerprint(0))..=(place, end, Fingerprint(u64::MAX)));
        there.any(|(_, _, other)| *other != alert)
    }
}

/// Credits every shadow rule with what it would have done with an alert whose episode began.
pub(super) fn began(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    if ctx.rules.shadows().is_empty() {
        return;
    }
    if begins(state, alert, now) {
        for (rule, what) in would(state, ctx, alert, now) {
            credit(state, &rule.name, what, now);
        }
    }
    note(state, ctx, alert);
}

/// Notes where a firing alert would stand.
pub(super) fn note(state: &mut State, ctx: &Context, alert: Fingerprint) {
    if ctx.rules.shadows().is_empty() {
        return;
    }
    state.shadows.remove(alert);
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.fires()) else { return };
    let around = state.around(ctx, held);
    let (subject, since) = (around.subject(), held.state.first_seen);
    let mut places = Vec::new();
    for rule in ctx.rules.shadows_matching(&subject) {
        let place = match &rule.kind {
            Kind::Group(kind) => Some(Grouping::new(rule, kind, &subject).index),
            Kind::Topology(_) => held.ci.map(|ci| at_ci(ctx, rule, ci)),
            Kind::Drop(_)
            | Kind::Enrich(_)
            | Kind::KnownError(_)
            | Kind::Quiet(_)
            | Kind::Inhibit(_)
            | Kind::Absence(_)
            | Kind::Storm(_)
            | Kind::Sequence(_)
            | Kind::Related(_) => None,
        };
        places.extend(place);
    }
    for (rule, kind) in inhibiting(ctx) {
        let slots = kind.sources.iter().enumerate().filter(|(_, source)| source.takes(&subject));
        for (slot, source) in slots {
            let ci = kind.reach.as_ref().and(held.ci);
            places.push(at_source(ctx, rule, (slot, &source.values(&subject)), ci));
        }
    }
    for place in places {
        state.shadows.put(alert, place, since);
    }
}

fn inhibiting(ctx: &Context) -> impl Iterator<Item = (&Rule, &Inhibit)> {
    ctx.rules.shadows().iter().filter_map(|rule| Some((rule, rule.kind.inhibit()?)))
}

/// Notes anew where all firing alerts would stand.
pub(super) fn reindex(state: &mut State, ctx: &Context) {
    state.shadows = Shadows::default();
    if ctx.rules.shadows().is_empty() {
        return;
    }
    let alerts: Vec<Fingerprint> = state.alerts.keys().copied().collect();
    for alert in alerts {
        note(state, ctx, alert);
    }
}

fn would<'a>(
    state: &State,
    ctx: &'a Context,
    alert: Fingerprint,
    now: Timestamp,
) -> Vec<(&'a Rule, Credit)> {
    let Some(held) = state.alerts.get(&alert) else { return Vec::new() };
    let around = state.around(ctx, held);
    let subject = around.subject();
    let mut found = Vec::new();
    for rule in ctx.rules.shadows_matching(&subject) {
        found.push((rule, Credit::Matched));
        match &rule.kind {
            Kind::Group(kind) => {
                let place = Grouping::new(rule, kind, &subject).index;
                if state.shadows.has_other(alert, place, now.minus(kind.window)) {
                    found.push((rule, Credit::WouldAbsorb));
                }
            }
            Kind::Topology(_) => {
                let sufferers = topology::sufferers(state, ctx, alert, &rule.name, now);
                found.extend(sufferers.iter().map(|_| (rule, Credit::WouldAbsorb)));
            }
            Kind::Quiet(kind) => {
                let would = suppress::windows::would_hold_back(state, ctx, held, (rule, kind));
                found.extend(would.then_some((rule, Credit::WouldHoldBack)));
            }
            Kind::Inhibit(kind) => {
                let fires = |slot| has_source(state, ctx, alert, (rule, kind), slot);
                let would = (0..kind.sources.len()).all(fires);
                found.extend(would.then_some((rule, Credit::WouldHoldBack)));
            }
            Kind::Drop(_) => found.push((rule, Credit::WouldHoldBack)),
            Kind::Enrich(_)
            | Kind::KnownError(_)
            | Kind::Absence(_)
            | Kind::Storm(_)
            | Kind::Sequence(_)
            | Kind::Related(_) => {}
        }
    }
    let Some(ci) = held.ci.filter(|_| !state.shadows.places.is_empty()) else { return found };
    for rule in ctx.rules.shadows() {
        let Some(kind) = rule.kind.topology().filter(|kind| !kind.never_absorbs(&subject)) else {
            continue;
        };
        let follow = ctx.follow(&rule.name);
        let walk = ctx.topology.walk(ci, Toward::Causes, follow, kind.max_hops, WALK_NODES_MAX);
        let stands = |(index, step): (usize, &Step)| {
            let late = kind.delay_on(&ctx.topology, &walk, index).unwrap_or_default();
            let after = now.minus(kind.window + late);
            state.shadows.has_other(alert, at_ci(ctx, rule, step.ci), after)
        };
        if walk.steps().iter().enumerate().any(stands) {
            found.push((rule, Credit::WouldAbsorb));
        }
    }
    found
}

/// True when some other alert fires that is the source of an alert in one of a rule's places.
fn has_source(
    state: &State,
    ctx: &Context,
    alert: Fingerprint,
    (rule, kind): (&Rule, &Inhibit),
    slot: usize,
) -> bool {
    let Some(held) = state.alerts.get(&alert) else { return false };
    let values = kind
        .sources
        .get(slot)
        .map(|it| it.values(&state.around(ctx, held).subject()))
        .unwrap_or_default();
    let fires = |ci| {
        let place = at_source(ctx, rule, (slot, &values), ci);
        state.shadows.has_other(alert, place, Timestamp::from_millis(i64::MIN))
    };
    let Some(reach) = &kind.reach else { return fires(None) };
    let Some(ci) = held.ci else { return false };
    let follow = ctx.follow(&rule.name);
    let walk = ctx.topology.walk(ci, Toward::Causes, follow, reach.max_hops, WALK_NODES_MAX);
    let steps = walk.steps().iter().enumerate();
    let failing: Vec<usize> =
        steps.filter(|(_, step)| fires(Some(step.ci))).map(|(index, _)| index).collect();
    suppress::reach::suffices(ctx, &walk, &failing)
}

/// Returns the place of a source: which of the rule's, what must be equal, and at which CI.
fn at_source(
    ctx: &Context,
    rule: &Rule,
    (slot, values): (usize, &[Box<str>]),
    ci: Option<CiId>,
) -> u64 {
    let ci = ci.map(|ci| &*ctx.topology.ci(ci).name);
    place_of(&rule.name, &format!("{slot} {values:?} {ci:?}"))
}

/// Returns the place of a cause at a CI; by the CI's name, which another topology keeps.
fn at_ci(ctx: &Context, rule: &Rule, ci: CiId) -> u64 {
    place_of(&rule.name, &ctx.topology.ci(ci).name)
}
