//! Planned changes: taken in, forgotten long after their end, and named on incidents that may come
//! of them. The windows that rules open for them are in [`super::suppress`].

use core::time::Duration;
use std::collections::BTreeMap;

use super::context::Context;
use super::event::{Planned, Refusal, Reply, Rest};
use super::pending::Told;
use super::{State, audit, suppress, suspects};
use crate::cmdb::{CiId, Toward};
use crate::model::change::{Change, ChangeState};
use crate::model::incident::{Happening, IncidentId};
use crate::model::time::{Brief, Timestamp};

/// How long a change is kept after its end.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Changes held at once: each is asked about every new incident.
const CHANGES_MAX: usize = 10_000;

/// How long after its beginning a change is suspected, though it may be over.
const SUSPECTED: Duration = Duration::from_hours(2);

/// Relations between the root and a change that is suspected, and CIs looked at for them.
const HOPS_MAX: u8 = 3;
const WALK_NODES_MAX: usize = 4_096;

/// Changes that one incident names.
const NAMED_MAX: usize = 5;

/// Takes changes in.
pub(super) fn plan(
    state: &mut State,
    ctx: &Context,
    (changes, rest, by): (&[Change], Rest, &str),
    now: Timestamp,
) -> Reply {
    let given: BTreeMap<&str, &Change> = changes.iter().map(|it| (&*it.number, it)).collect();
    let stays = |number: &str| rest == Rest::Stays && !given.contains_key(number);
    let staying = state.changes.keys().filter(|number| stays(number)).count();
    if staying + given.len() > CHANGES_MAX {
        return Reply::Refused(Refusal::TooManyChanges(CHANGES_MAX));
    }
    let mut done = Planned::default();
    // As they were and as they are.
    let mut altered: Vec<Change> = Vec::new();
    if rest == Rest::Goes {
        let gone = state.changes.keys().filter(|number| !given.contains_key(&***number));
        for number in gone.cloned().collect::<Vec<_>>() {
            altered.extend(remove(state, number));
            done.removed += 1;
        }
    }
    for (number, change) in given {
        match state.changes.get(number) {
            Some(held) if held == change => continue,
            Some(_) => done.changed += 1,
            None => done.added += 1,
        }
        altered.extend(state.changes.insert(number.into(), change.clone()));
        altered.push(change.clone());
        state.pending.changes.insert(number.into());
    }
    if done != Planned::default() {
        let Planned { added, changed, removed } = done;
        let detail = format!("{added} added, {changed} changed, {removed} removed");
        audit::note(state, now, audit::Deed { by, action: "plan changes", object: "", detail });
        suppress::planned::review(state, ctx, now);
        suspects::doubt(state, opened_under(ctx, altered, now));
    }
    Reply::Planned(done)
}

fn remove(state: &mut State, number: Box<str>) -> Option<Change> {
    let gone = state.changes.remove(&number);
    state.pending.changes.insert(number);
    gone
}

/// Says of changes which times are those in which something began that may come of one of them.
fn opened_under(
    ctx: &Context,
    mut altered: Vec<Change>,
    now: Timestamp,
) -> impl Fn(Timestamp) -> bool {
    // Most of what is planned is still to come, and nothing comes of it yet.
    altered.retain(|change| {
        change.starts_at <= now && change.cis.iter().any(|ci| ctx.topology.find(ci).is_some())
    });
    move |at| altered.iter().any(|change| is_suspected(change, at))
}

/// Forgets changes that ended long ago.
pub(super) fn prune(state: &mut State, now: Timestamp) {
    let old = |change: &&Change| now >= change.ends_at.plus(KEPT);
    let gone: Vec<Box<str>> =
        state.changes.values().filter(old).map(|change| change.number.clone()).collect();
    for number in gone {
        remove(state, number);
    }
}

/// True for a change that something that begins now may come of.
fn is_suspected(change: &Change, now: Timestamp) -> bool {
    let begun = change.state != ChangeState::Cancelled && change.starts_at <= now;
    change.is_active(now) || begun && now < change.starts_at.plus(SUSPECTED)
}

/// Yields the changes that something that began at a time may come of, by number.
pub(super) fn suspected(state: &State, at: Timestamp) -> impl Iterator<Item = &Change> {
    state.changes.values().filter(move |change| is_suspected(change, at))
}

/// Names the changes on an incident that its root may suffer from: on the root's CI, or on one that
/// this depends on.
pub(super) fn mention(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let mut suspects: Vec<&Change> = suspected(state, now).collect();
    if suspects.is_empty() {
        return;
    }
    let root = state.incidents.get(&id).and_then(|case| case.record.root.ci.clone());
    let Some(ci) = root.and_then(|root| ctx.topology.find(&root)) else { return };
    let named = state.incidents.get(&id).map(|case| case.record.changes.clone());
    let named = named.unwrap_or_default();
    suspects.retain(|change| !named.contains(&change.number));
    let above = above(ctx, ci);
    let nearest = |change: &Change| {
        let known = change.cis.iter().filter_map(|ci| Some((*above.get(&**ci)?, ci)));
        known.min().map(|(hops, ci)| (hops, change.number.clone(), ci.clone(), change.starts_at))
    };
    let mut found: Vec<_> = suspects.into_iter().filter_map(nearest).collect();
    found.sort_unstable();
    found.truncate(NAMED_MAX.saturating_sub(named.len()));
    for (hops, number, ci, starts_at) in found {
        let place = match hops {
            0 => ci.to_string(),
            1 => format!("its parent {ci}"),
            hops => format!("{ci}, {hops} relations above"),
        };
        let before = Brief(now.since(starts_at));
        let text = format!("{number} on {place} started {before} before");
        state.pending.tell(id, now, Told { what: Happening::Change, text, path: None });
        if let Some(case) = state.change(id) {
            case.record.changes.push(number);
        }
    }
}

/// Returns how many relations each CI is away that another suffers from, by name.
fn above(ctx: &Context, ci: CiId) -> BTreeMap<&str, u8> {
    let follow = ctx.topology.all_relations();
    let walk = ctx.topology.walk(ci, Toward::Causes, follow, HOPS_MAX, WALK_NODES_MAX);
    walk.steps().iter().map(|step| (&*ctx.topology.ci(step.ci).name, step.hops)).collect()
}
