//! Redundancy: what an incident's failing CIs take down together, and what still stands.
//!
//! One strip of two kills no server. So a strip that is dead explains no alert behind a server that
//! stands; the strip's incident says what is weakened; and the second strip belongs to the incident
//! of the first, because together they are one fault.

use std::sync::Arc;

use super::State;
use super::context::Context;
use super::correlate::firing_members;
use super::tally::{self, Tally};
use super::topology::{Asked, cause_at};
use crate::cmdb::{CiId, Outage, Toward, Walk};
use crate::model::alert::Join;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// Members looked at for the CIs that fail. A larger incident is asked only about the CIs that weaken
/// others, which it counts: the services it hits are the same, and one may be called weakened that
/// fails by itself.
const MEMBERS_MAX: u32 = 1_024;

/// Weakened CIs for which the other causes are looked for.
const WEAKENED_MAX: usize = 64;

/// CIs looked at in one such search.
const WALK_NODES_MAX: usize = 512;

/// Weakened CIs named in a sum; more are counted.
const NAMED_MAX: usize = 3;

/// Works out what the failing CIs of an incident take down together; nothing where none of them
/// weakens another CI, because then that is what each of them takes down.
pub(super) fn outage(state: &State, ctx: &Context, id: IncidentId) -> Option<Outage> {
    let tally = &state.incidents.get(&id)?.tally;
    tally.weakening().next()?;
    Some(ctx.topology.outage(&failing(state, ctx, id, tally)))
}

fn failing(state: &State, ctx: &Context, id: IncidentId, tally: &Tally) -> Vec<CiId> {
    let mut cis = Vec::new();
    if tally.firing() > MEMBERS_MAX {
        let fresh = tally.unweighed().filter(|ci| tally::weakens(state, ctx, *ci));
        cis.extend(tally.weakening().chain(fresh));
    } else {
        collect(state, id, &mut cis);
    }
    cis.sort_unstable();
    cis.dedup();
    cis
}

fn collect(state: &State, id: IncidentId, cis: &mut Vec<CiId>) {
    for alert in firing_members(state, id) {
        let held = state.alerts.get(&alert).filter(|held| held.state.is_audible());
        cis.extend(held.and_then(|held| held.ci));
    }
    let children = state.incidents.get(&id).map(|case| &case.children);
    for child in children.into_iter().flatten() {
        collect(state, *child, cis);
    }
}

/// Says which CIs lost redundancy: `srv-1 has 1 of 2 powered_by left`.
pub(super) fn words(ctx: &Context, outage: &Outage) -> Option<String> {
    let weakened = outage.weakened();
    let named: Vec<String> = weakened
        .iter()
        .take(NAMED_MAX)
        .map(|it| {
            let name = &ctx.topology.ci(it.ci).name;
            format!("{name} has {} of {} {} left", it.left, it.of, it.relation)
        })
        .collect();
    let more = weakened.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("redundancy lost: {}{more}", named.join("; ")))
}

/// True when a way that harm would take leads through a CI that still stands, though the CIs of an
/// incident and one more fail. `index` is the end of the way in the walk.
pub(super) fn holds(
    state: &State,
    ctx: &Context,
    with: (Option<IncidentId>, CiId),
    way: (&Walk, usize),
) -> bool {
    let (walk, index) = way;
    if !ctx.topology.has_needs() || !walk.asks_needs(&ctx.topology, index) {
        return false;
    }
    let outage = together(state, ctx, with);
    !walk.cis_to(index).all(|ci| outage.takes(ci))
}

/// Works out what an incident's failing CIs take down together with one more.
fn together(state: &State, ctx: &Context, (id, ci): (Option<IncidentId>, CiId)) -> Outage {
    let tally = id.and_then(|id| Some((id, &state.incidents.get(&id)?.tally)));
    let mut cis = tally.map(|(id, tally)| failing(state, ctx, id, tally)).unwrap_or_default();
    cis.push(ci);
    ctx.topology.outage(&cis)
}

/// Finds the oldest open incident whose failing CIs, with that of an alert, leave a CI without what it
/// needs that stands without this alert's.
pub(super) fn completed(
    state: &State,
    ctx: &Context,
    alert: Fingerprint,
    rules: &[Arc<str>],
    now: Timestamp,
) -> Option<(IncidentId, Join)> {
    if rules.is_empty() || state.causes.is_empty() || !ctx.topology.has_needs() {
        return None;
    }
    let ci = state.alerts.get(&alert)?.ci?;
    let alone = ctx.topology.outage(&[ci]);
    let mut found: Option<(IncidentId, Join)> = None;
    for weak in alone.weakened().iter().take(WEAKENED_MAX) {
        for name in rules {
            let Some(rule) = ctx.rules.any(name) else { continue };
            let Some(kind) = rule.kind.topology() else { continue };
            let follow = ctx.follow(name);
            let hops = kind.max_hops;
            let walk = ctx.topology.walk(weak.ci, Toward::Causes, follow, hops, WALK_NODES_MAX);
            for (index, step) in walk.steps().iter().enumerate().skip(1) {
                if !state.causes.has(step.ci.into()) {
                    continue;
                }
                let delay = kind.delay_on(&ctx.topology, &walk, index);
                let asked = Asked { rule, kind, alert, delay };
                let Some((id, _)) = cause_at(state, step.ci, &asked, now) else { continue };
                let older = found.as_ref().is_none_or(|(other, _)| id < *other);
                if older && together(state, ctx, (Some(id), ci)).takes(weak.ci) {
                    let last = (&*ctx.topology.ci(weak.ci).name).into();
                    found = Some((id, Join::LastLeg { rule: Arc::clone(name), ci: last }));
                }
            }
        }
    }
    found
}
