//! Who is suspected of being the cause of an incident: when that is asked again, how planned changes
//! count, and what follows.
//!
//! How much a CI is to blame is up to whoever gathers: see `gather::storm` and `related::rank`. What
//! is done with it is the same for both, and decided here.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use super::context::Context;
use super::correlate::name_of;
use super::gather;
use super::pending::Told;
use super::planning;
use crate::cmdb::{CiId, Topology, Toward};
use crate::model::incident::{Incident, IncidentId, Suspect, SuspectChange};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// How much more a CI is suspected on which a change has just begun, against the blame it has
/// anyway: twice as much. Half of that when the change is on what it depends on outright.
const CHANGED: f64 = 1.0;

/// The age at which a change counts half: most of what a change breaks shows within half an hour.
const CHANGE_HALVED: Duration = Duration::from_mins(30);

/// CIs looked at for the changes on what one depends on outright: a bound at hubs.
const ABOVE_MAX: usize = 64;

/// A CI that may be to blame, as whoever gathers weighs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) ci: CiId,
    /// How much it is to blame; of two the higher is the likelier.
    pub(super) blame: f64,
    /// How far it is from those it explains; of equal ones the nearer is the likelier.
    pub(super) hops: u32,
    /// How many of the incident's CIs suffer from it.
    pub(super) explains: u32,
}

/// What is asked of candidates.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// The incident.
    pub(super) id: IncidentId,
    /// How many CIs were looked at.
    pub(super) of: u32,
    /// How many suspects are named at most.
    pub(super) most: usize,
}

/// Returns the likeliest candidates, raised by the changes on them, the likeliest first and of equal
/// ones by name. One that is changed is named in any case, but never in place of the only one.
pub(super) fn likeliest(
    state: &State,
    topology: &Topology,
    candidates: impl Iterator<Item = Candidate>,
    asked: Asked,
) -> Vec<(CiId, Suspect)> {
    let opened_at = state.incidents.get(&asked.id).map(|case| case.record.opened_at);
    let changes = opened_at.map(|at| begun(state, topology, at)).unwrap_or_default();
    let mut ranked: Vec<(f64, Candidate, Option<SuspectChange>)> = candidates
        .map(|it| {
            let (raise, change) = raised(topology, &changes, it.ci);
            (rounded(it.blame * raise), it, change)
        })
        .collect();
    ranked.sort_by(|(a, one, _), (b, other, _)| {
        b.total_cmp(a).then_with(|| (one.hops, one.ci).cmp(&(other.hops, other.ci)))
    });
    let on_it = |(_, it, _): &(f64, Candidate, Option<SuspectChange>)| changes.contains_key(&it.ci);
    let left_out = ranked.iter().position(on_it).filter(|at| *at >= asked.most && asked.most > 1);
    if let Some(left_out) = left_out {
        ranked.swap(asked.most - 1, left_out);
    }
    ranked.truncate(asked.most);
    let suspect = |(_, it, change): (f64, Candidate, Option<SuspectChange>)| {
        let ci = Arc::from(&*topology.ci(it.ci).name);
        (it.ci, Suspect { ci, explains: it.explains, of: asked.of, change })
    };
    ranked.into_iter().map(suspect).collect()
}

/// Sums of the same votes in another order must not differ.
fn rounded(blame: f64) -> f64 {
    (blame * 1e9).round()
}

/// Returns the CIs on which changes began before a time that may have led to what began then, each
/// with the newest of them.
fn begun(state: &State, topology: &Topology, at: Timestamp) -> BTreeMap<CiId, SuspectChange> {
    let mut begun: BTreeMap<CiId, SuspectChange> = BTreeMap::new();
    for change in planning::suspected(state, at) {
        let before_ms = at.since(change.starts_at).as_millis().try_into().unwrap_or(u64::MAX);
        for ci in change.cis.iter().filter_map(|name| topology.find(name)) {
            let newest = begun.get(&ci).map(|known| Reverse(known.before_ms));
            if newest.is_none_or(|newest| Reverse(before_ms) > newest) {
                let name = Arc::from(&*topology.ci(ci).name);
                let change = SuspectChange { number: change.number.clone(), ci: name, before_ms };
                begun.insert(ci, change);
            }
        }
    }
    begun
}

/// Returns how many times more a CI is suspected for the changes on it or right above it, and the
/// change that says so.
fn raised(
    topology: &Topology,
    changes: &BTreeMap<CiId, SuspectChange>,
    ci: CiId,
) -> (f64, Option<SuspectChange>) {
    if changes.is_empty() {
        return (1.0, None);
    }
    if let Some(change) = changes.get(&ci) {
        return (1.0 + CHANGED * fresh(change), Some(change.clone()));
    }
    let follow = topology.all_relations();
    let walk = topology.walk(ci, Toward::Causes, follow, 1, ABOVE_MAX);
    let above = walk.steps().iter().filter_map(|step| changes.get(&step.ci));
    match above.min_by_key(|change| change.before_ms) {
        Some(change) => (1.0 + CHANGED / 2.0 * fresh(change), Some(change.clone())),
        None => (1.0, None),
    }
}

/// Returns how much of its weight a change still has, from 1 for one that has just begun towards 0.
#[expect(clippy::cast_precision_loss, reason = "spans of months, not of ages")]
fn fresh(change: &SuspectChange) -> f64 {
    let halved = CHANGE_HALVED.as_millis() as f64;
    halved / (halved + change.before_ms as f64)
}

/// What came of a ranking.
pub(super) struct Ranking<'a> {
    /// The rule by which it was made.
    pub(super) rule: &'a str,
    /// The likeliest first.
    pub(super) suspects: Vec<Suspect>,
    /// The member that speaks for the first of them, if one does and may become the root.
    pub(super) root: Option<Fingerprint>,
}

/// Has the suspects ranked again of the open incidents that were opened at certain times: planned
/// changes of then are others than they were. It is done in the turns of [`super::rebind::review`].
pub(super) fn doubt(state: &mut State, opened: impl Fn(Timestamp) -> bool) {
    let doubted = state.incidents.values().map(|case| &case.record);
    let doubted = doubted.filter(|it| !it.suspects.is_empty() && opened(it.opened_at));
    for id in doubted.map(|it| it.id).filter(|id| state.is_open(*id)).collect::<Vec<_>>() {
        if let Some(case) = state.change(id) {
            case.record.ranked_at = 0;
        }
        state.reviews.insert(id);
    }
}

/// True when [`doubt`] wants the suspects of an incident ranked again and that was not done yet; it is
/// stored, so that a start goes on with it.
pub(super) fn are_doubted(record: &Incident) -> bool {
    record.ranked_at == 0 && !record.suspects.is_empty()
}

/// Lets the suspects of an incident stand that nobody ranks any more, as when another kind of rule has
/// it: a doubt that stays would be raised again by every start.
pub(super) fn let_stand(state: &mut State, id: IncidentId) {
    if !state.incidents.get(&id).is_some_and(|case| are_doubted(&case.record)) {
        return;
    }
    if let Some(case) = state.change(id) {
        case.record.ranked_at = case.record.members.max(1);
    }
}

/// True when an incident has grown by an eighth since its suspects were ranked.
pub(super) fn has_grown(record: &Incident) -> bool {
    record.members >= record.ranked_at + (record.ranked_at / 8).max(1)
}

/// Keeps a ranking, and makes the alert of the likeliest suspect the root.
pub(super) fn accuse(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    ranking: Ranking<'_>,
    now: Timestamp,
) {
    let Ranking { rule, suspects, root } = ranking;
    let Some(case) = state.change(id) else { return };
    let doubted = are_doubted(&case.record);
    case.record.ranked_at = case.record.members;
    let before = core::mem::replace(&mut case.record.suspects, suspects);
    let former = before.first().map(|suspect| Arc::clone(&suspect.ci));
    let others = doubted && case.record.suspects.first().map(|it| &it.ci) != former.as_ref();
    let changed = root.filter(|root| case.record.root.alert != *root);
    let first = case.record.suspects.first().map(ToString::to_string);
    if let (Some(root), Some(why)) = (changed, first.as_ref()) {
        let name = name_of(state, ctx, root);
        let text = format!("{name} is the most likely cause: {why}, rule {rule}");
        state.pending.tell(id, now, Told { what: Happening::RootChanged, text, path: None });
        gather::set_root(state, ctx, id, root);
    }
    if let Some((former, first)) = former.zip(first).filter(|_| others) {
        let text = format!(
            "planned changes are others than they were: most suspected is now {first}, and was {former}"
        );
        state.pending.tell(id, now, Told { what: Happening::Change, text, path: None });
    }
}
