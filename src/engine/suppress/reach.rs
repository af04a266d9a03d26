//! What rules of kind `inhibit` that follow the topology reach: which firing sources an alert suffers
//! from, and whether they suffice.
//!
//! One of two strips takes no server down. So a source mutes what is behind a CI that needs only some
//! of its causes when the sources that fire take that CI down together, and not before; that is what
//! [`Topology::outage`] says.

use std::collections::BTreeSet;

use super::super::State;
use super::super::context::Context;
use super::inhibit::{Entry, Group, LISTED_MAX, Side};
use crate::cmdb::{CiId, Toward, Walk};
use crate::model::labels::Fingerprint;
use crate::rules::Reach;

/// CIs looked at in one walk between an alert and its sources.
const WALK_NODES_MAX: usize = 4_096;

/// The firing sources at one CI above an alert.
pub(super) struct Above<'a> {
    pub(super) group: &'a Group,
    /// The sources' CI; nothing where the rule does not follow the topology.
    ci: Option<CiId>,
    /// Whether they suffice.
    reach: Sure,
}

/// Whether a source takes down what is at the end of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    /// Alone: whatever is on the way needs all of its causes.
    Alone,
    /// Only with others: something on the way needs some of several.
    Together,
}

fn reach_of<'a>(ctx: &'a Context, rule: &str) -> Option<&'a Reach> {
    ctx.rules.find(rule)?.kind.inhibit()?.reach.as_ref()
}

fn sure(ctx: &Context, walk: &Walk, index: usize) -> Sure {
    let asks = ctx.topology.has_needs() && walk.asks_needs(&ctx.topology, index);
    if asks { Sure::Together } else { Sure::Alone }
}

/// Returns the sources at a target's place, or at those that its CI suffers from.
pub(super) fn above<'a>(state: &'a State, ctx: &Context, target: &Entry) -> Vec<Above<'a>> {
    let (sources, place) = (state.inhibition.sources(), target.place);
    let rule = state.inhibition.rule(target);
    let Some(ci) = place.ci else {
        let group = sources.get(&place).into_iter();
        return group.map(|group| Above { group, ci: None, reach: Sure::Alone }).collect();
    };
    let reach = sources.range(place.any_ci()).next().and_then(|_| reach_of(ctx, rule));
    let Some(reach) = reach else { return Vec::new() };
    let follow = ctx.follow(rule);
    let walk = ctx.topology.walk(ci, Toward::Causes, follow, reach.max_hops, WALK_NODES_MAX);
    let steps = walk.steps().iter().enumerate();
    let found = steps.filter_map(|(index, step)| {
        let group = sources.get(&place.at(step.ci))?;
        Some(Above { group, ci: Some(step.ci), reach: sure(ctx, &walk, index) })
    });
    found.collect()
}

/// Returns the alerts that a source at a place could mute, by fingerprint; some of them it may not.
pub(super) fn below(state: &State, ctx: &Context, source: &Entry) -> BTreeSet<Fingerprint> {
    let (inhibition, place) = (&state.inhibition, source.place);
    let rule = inhibition.rule(source);
    let Some(ci) = place.ci else { return inhibition.targets().at(place).collect() };
    let mut all = inhibition.targets().at_any_ci(place).peekable();
    let Some(reach) = all.peek().and_then(|_| reach_of(ctx, rule)) else {
        return BTreeSet::new();
    };
    let follow = ctx.follow(rule);
    let walk = ctx.topology.walk(ci, Toward::Sufferers, follow, reach.max_hops, WALK_NODES_MAX);
    if walk.truncated() {
        return all.collect();
    }
    let places = walk.steps().iter().map(|step| place.at(step.ci));
    places.flat_map(|place| inhibition.targets().at(place)).collect()
}

/// Returns the sources that mute an alert at a CI: the first of those that do so alone, else as many
/// as it takes; none where all of them leave it standing. Those listed already come before others.
pub(super) fn muting(
    ctx: &Context,
    (target, side): (Option<CiId>, Side),
    above: &[Above<'_>],
    listed: &[Fingerprint],
) -> Vec<Fingerprint> {
    let alone = above.iter().filter(|it| it.reach == Sure::Alone).map(|it| it.group);
    let alone = first(&alone.collect::<Vec<_>>(), side, listed);
    match target {
        Some(target) if alone.is_empty() => together(ctx, (target, side), above, listed),
        _ => alone,
    }
}

/// Returns the first sources at a place.
fn first(groups: &[&Group], side: Side, listed: &[Fingerprint]) -> Vec<Fingerprint> {
    let holds = |source: &Fingerprint| groups.iter().any(|it| it.can_mute(side, *source));
    let mut found: Vec<Fingerprint> =
        listed.iter().copied().filter(holds).take(LISTED_MAX).collect();
    for source in groups.iter().flat_map(|group| group.for_target(side)) {
        if found.len() >= LISTED_MAX {
            break;
        }
        if !found.contains(&source) {
            found.push(source);
        }
    }
    found
}

/// Returns sources of different CIs that take a CI down together and none of which could be missing:
/// so nothing changes for their target before one of them ends.
fn together(
    ctx: &Context,
    (target, side): (CiId, Side),
    above: &[Above<'_>],
    listed: &[Fingerprint],
) -> Vec<Fingerprint> {
    let at_each = above.iter().filter_map(|it| {
        let known = listed.iter().copied().find(|source| it.group.can_mute(side, *source));
        let source = known.or_else(|| it.group.for_target(side).next())?;
        Some((known.is_none(), it.ci?, source))
    });
    let mut all: Vec<(bool, CiId, Fingerprint)> = at_each.collect();
    // Stable: of those that are listed, or are not, the nearest first.
    all.sort_by_key(|(is_new, ..)| *is_new);
    let falls = |some: &[(bool, CiId, Fingerprint)]| {
        let cis: Vec<CiId> = some.iter().map(|(_, ci, _)| *ci).collect();
        !cis.is_empty() && ctx.topology.outage(&cis).takes(target)
    };
    if !falls(&all) {
        return Vec::new();
    }
    // The more fail the more falls: the shortest beginning that suffices can be searched for.
    let (mut less, mut enough) = (0, all.len());
    while less + 1 < enough {
        let half = less.midpoint(enough);
        let is_enough = all.get(..half).is_some_and(falls);
        *(if is_enough { &mut enough } else { &mut less }) = half;
    }
    all.truncate(enough);
    let mut at = if all.len() <= LISTED_MAX { all.len() } else { 0 };
    while at > 0 {
        at -= 1;
        let one = all.remove(at);
        if !falls(&all) {
            all.insert(at, one);
        }
    }
    all.into_iter().map(|(_, _, source)| source).collect()
}

/// True when what fails at these steps of a walk takes the CI down where the walk began.
pub(in crate::engine) fn suffices(ctx: &Context, walk: &Walk, failing: &[usize]) -> bool {
    if failing.iter().any(|index| sure(ctx, walk, *index) == Sure::Alone) {
        return true;
    }
    let steps = walk.steps();
    let cis = failing.iter().filter_map(|index| Some(steps.get(*index)?.ci));
    let (cis, target) = (cis.collect::<Vec<_>>(), steps.first().map(|step| step.ci));
    !cis.is_empty() && target.is_some_and(|target| ctx.topology.outage(&cis).takes(target))
}
