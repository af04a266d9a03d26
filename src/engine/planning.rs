//! Planned changes: taken in, forgotten long after their end, and named on incidents that may come
//! of them. The windows that rules open for them are in [`super::suppress`].

use core::time::Duration;
use std::collections::BTreeMap;

use super::context::Context;
use super::event::Rest;
use super::pending::Told;
use super::refusal::Refusal;
use super::reply::{Planned, Reply};
use super::{State, audit, suppress, suspects};
use crate::cmdb::{CiId, Toward};
use crate::model::change::{Change, ChangeState};
use crate::model::incident::IncidentId;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

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
    // What stands in a topic stands there still, and would not come again.
    let stays = |held: &&Change| rest == Rest::Stays || !held.source.is_empty();
    let others = || state.changes.values().filter(|held| !given.contains_key(&*held.number));
    if others().filter(stays).count() + given.len() > CHANGES_MAX {
        return Reply::Refused(Refusal::TooManyChanges(CHANGES_MAX));
    }
    let gone = others().filter(|held| !stays(held)).map(|held| held.number.clone());
    let gone: Vec<Box<str>> = gone.collect();
    let mut altered = Altered::default();
    for number in gone {
        altered.remove(state, number);
    }
    for change in given.into_values() {
        altered.put(state, change);
    }
    Reply::Planned(altered.settle(state, ctx, by, now))
}

/// What becomes of a change that a topic speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// It is as the topic says.
    Done,
    /// There are as many as there may be.
    Full,
}

/// Takes in what a topic says of one change: how it is planned, or that it is not any more, which counts
/// only for what is the topic's own. Whoever speaks of a change last has it.
pub(super) fn follow(
    state: &mut State,
    altered: &mut Altered,
    (source, number, change): (&str, &str, Option<&Change>),
    now: Timestamp,
) -> Followed {
    let held = state.changes.get(number);
    match change {
        None if held.is_some_and(|held| *held.source == *source) => {
            altered.remove(state, number.into());
        }
        None => {}
        // It would be forgotten within the hour.
        Some(change) if held.is_none() && now >= change.ends_at.plus(KEPT) => {}
        Some(_) if held.is_none() && state.changes.len() >= CHANGES_MAX => return Followed::Full,
        Some(change) => altered.put(state, change),
    }
    Followed::Done
}

/// Why a topic is not read on that plans more than there may be.
pub(super) fn too_many() -> String {
    let why = Refusal::TooManyChanges(CHANGES_MAX);
    format!("{why}; then `incidentd kafka resume`")
}

/// Changes that became others, as they were and as they are.
#[derive(Default)]
pub(super) struct Altered {
    changes: Vec<Change>,
    done: Planned,
}

impl Altered {
    fn put(&mut self, state: &mut State, change: &Change) {
        match state.changes.get(&change.number) {
            Some(held) if held == change => return,
            Some(_) => self.done.changed += 1,
            None => self.done.added += 1,
        }
        self.changes.extend(state.changes.insert(change.number.clone(), change.clone()));
        self.changes.push(change.clone());
        state.pending.changes.insert(change.number.clone());
    }

    fn remove(&mut self, state: &mut State, number: Box<str>) {
        self.changes.extend(remove(state, number));
        self.done.removed += 1;
    }

    /// Lets what follows from them follow.
    pub(super) fn settle(
        self,
        state: &mut State,
        ctx: &Context,
        by: &str,
        now: Timestamp,
    ) -> Planned {
        let Self { changes, done } = self;
        if done != Planned::default() {
            let Planned { added, changed, removed } = done;
            let detail = format!("{added} added, {changed} changed, {removed} removed");
            audit::note(state, now, audit::Deed { by, action: "plan changes", object: "", detail });
            suppress::planned::review(state, ctx, now);
            suspects::doubt(state, opened_under(ctx, changes, now));
        }
        done
    }
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
