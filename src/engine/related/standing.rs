//! Where incidents stand: each place remembers the few incidents that were active there last, and how
//! many alerts of each fire there.
//!
//! Which places an incident is at is stored with it; so all of this follows from the incidents and
//! the alerts that fire.

use smallvec::SmallVec;

use super::Likelihood;
use crate::engine::State;
use crate::engine::cases::Cases;
use crate::model::incident::{Incident, IncidentId, Likely, RecordId};
use crate::model::time::Timestamp;

/// Incidents that one place remembers; the one that was active there first gives way.
const SPOTS_MAX: usize = 8;

/// An incident at a place.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) incident: IncidentId,
    /// When an alert of it began there last.
    pub(super) last: Timestamp,
    /// How many alerts of it fire there.
    pub(super) firing: u32,
}

impl Likelihood {
    /// Counts an alert of an incident that fires at a place.
    pub(super) fn fires(&mut self, key: u64, incident: IncidentId) {
        *self.firing(key, incident) += 1;
    }

    /// Counts an alert of an incident out that fired at a place.
    fn ceases(&mut self, key: u64, incident: IncidentId) {
        let firing = self.firing(key, incident);
        *firing = firing.saturating_sub(1);
        if *firing == 0 {
            self.elsewhere.remove(&(key, incident));
        }
    }

    fn firing(&mut self, key: u64, incident: IncidentId) -> &mut u32 {
        let spots = self.spots.get_mut(key).into_iter().flatten();
        match spots.into_iter().find(|spot| spot.incident == incident) {
            Some(spot) => &mut spot.firing,
            None => self.elsewhere.entry((key, incident)).or_default(),
        }
    }

    /// Lets a place remember an incident that was active there.
    fn remember(&mut self, key: u64, incident: IncidentId, last: Timestamp) {
        let firing = self.elsewhere.remove(&(key, incident)).unwrap_or(0);
        self.spots.or_default(key).push(Spot { incident, last, firing });
    }

    /// Lets a place forget incidents.
    fn forget(&mut self, key: u64, is_forgotten: impl Fn(&Spot) -> bool) {
        let Some(spots) = self.spots.get_mut(key) else { return };
        spots.retain(|spot| {
            let goes = is_forgotten(spot);
            if goes && spot.firing > 0 {
                self.elsewhere.insert((key, spot.incident), spot.firing);
            }
            !goes
        });
        if spots.is_empty() {
            self.spots.remove(key);
        }
    }
}

/// Where an alert was counted: the number of the incident, then what the places are found by. One list,
/// because there is one of these in every alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Standing(Box<[u64]>);

impl Standing {
    pub(super) fn new(incident: IncidentId, keys: &[u64]) -> Self {
        Self(core::iter::once(incident.0).chain(keys.iter().copied()).collect())
    }

    pub(super) fn incident(&self) -> IncidentId {
        // There always is a first.
        RecordId(self.0.first().copied().unwrap_or(0))
    }

    pub(super) fn keys(&self) -> &[u64] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// Puts an incident at places; returns those where it was not before.
pub(super) fn stand(
    state: &mut State,
    incident: IncidentId,
    keys: &[u64],
    now: Timestamp,
) -> Vec<u64> {
    let mut fresh = Vec::new();
    for key in keys {
        let stood = stand_at(&mut state.likelihood, &state.incidents, incident, (*key, now));
        if stood.is_new {
            fresh.push(*key);
        }
        if let Some(case) = stood.gone.and_then(|gone| state.change(gone)) {
            case.record.likely.left(*key);
        }
        let likely = state.change(incident).map(|case| &mut case.record.likely);
        if let Some(dropped) = likely.and_then(|likely| likely.stood(*key, now)) {
            state.likelihood.forget(dropped, |spot| spot.incident == incident);
        }
    }
    fresh
}

/// What came of putting an incident at a place.
struct Stood {
    /// Neither it nor what it is part of, nor a part of that, was there before.
    is_new: bool,
    /// The incident that had to go for it: it is to forget the place, so that both are the same after
    /// a restart.
    gone: Option<IncidentId>,
}

fn stand_at(
    likelihood: &mut Likelihood,
    incidents: &Cases,
    incident: IncidentId,
    (key, now): (u64, Timestamp),
) -> Stood {
    let top_of = |id| top(incidents, id).map(|(id, _)| id);
    likelihood.forget(key, |spot| top_of(spot.incident).is_none());
    let spots = likelihood.spots.get_mut(key).map(SmallVec::as_mut_slice).unwrap_or_default();
    if let Some(spot) = spots.iter_mut().find(|spot| spot.incident == incident) {
        spot.last = spot.last.max(now);
        spot.firing += 1;
        return Stood { is_new: false, gone: None };
    }
    let top = top_of(incident);
    let is_new = !spots.iter().any(|spot| top_of(spot.incident) == top);
    let gone = if spots.len() >= SPOTS_MAX { first_to_go(incidents, spots) } else { None };
    if let Some(gone) = gone {
        likelihood.forget(key, |spot| spot.incident == gone);
    }
    likelihood.remember(key, incident, now);
    likelihood.fires(key, incident);
    Stood { is_new, gone }
}

/// Returns the incident that a place forgets first, one that is over before one that is open, and one
/// before another that was active there later.
fn first_to_go(incidents: &Cases, spots: &[Spot]) -> Option<IncidentId> {
    let open =
        |spot: &Spot| top(incidents, spot.incident).is_some_and(|(_, it)| it.progress.is_open());
    let ages = spots.iter().map(|spot| (open(spot), spot.last, spot.incident));
    ages.min().map(|(_, _, incident)| incident)
}

/// Follows an incident up to the one it is part of in the end; `None` when that is closed.
pub(super) fn top(incidents: &Cases, id: IncidentId) -> Option<(IncidentId, &Incident)> {
    let mut record = &incidents.get(&id)?.record;
    while let Some(parent) = record.parent {
        record = &incidents.get(&parent)?.record;
    }
    Some((record.id, record))
}

/// Counts an alert out of where it was counted.
pub(super) fn leave(state: &mut State, standing: &Standing) {
    let incident = standing.incident();
    for key in standing.keys() {
        state.likelihood.ceases(*key, incident);
    }
}

/// Forgets at its places an incident that is closed.
pub(in crate::engine) fn closed(state: &mut State, id: IncidentId, likely: &Likely) {
    for (key, _) in &likely.places {
        state.likelihood.forget(*key, |spot| spot.incident == id);
    }
}

/// Finds out from the incidents where they are, the later an incident was active at a place the
/// later in its list.
pub(in crate::engine) fn index_places(state: &mut State) {
    let mut all: Vec<(Timestamp, IncidentId, u64)> = Vec::new();
    for case in state.incidents.values() {
        let id = case.record.id;
        all.extend(case.record.likely.places.iter().map(|(key, last)| (*last, id, *key)));
    }
    all.sort_unstable();
    for (last, incident, key) in all {
        state.likelihood.remember(key, incident, last);
    }
}
