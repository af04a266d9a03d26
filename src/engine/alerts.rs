//! The alerts that are held, found by their fingerprints.
//!
//! Each has a place in memory of its own, so that the table beside them is small: a table is at times
//! hardly more than half full, and doubles all at once. Each has a slot as well, which is where the
//! store keeps it: which one it gets depends on those that are held and on nothing else, so it is the
//! same after a restart.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::RandomState;

use super::state::Held;
use crate::model::alert::{AlertState, Slot};
use crate::model::labels::{Fingerprint, Labels};

/// Alerts by fingerprint. Their order is not determined: who depends on one sorts.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    by_fingerprint: HashMap<Fingerprint, Box<Held>, RandomState>,
    /// Slots below `end` that no alert has, the smallest first.
    free: BinaryHeap<Reverse<Slot>>,
    /// The slot behind all others that were ever given.
    end: Slot,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "asked as maps are")]
impl Alerts {
    pub(super) fn get(&self, alert: &Fingerprint) -> Option<&Held> {
        self.by_fingerprint.get(alert).map(|held| &**held)
    }

    pub(super) fn get_mut(&mut self, alert: &Fingerprint) -> Option<&mut Held> {
        self.by_fingerprint.get_mut(alert).map(|held| &mut **held)
    }

    pub(super) fn contains_key(&self, alert: &Fingerprint) -> bool {
        self.by_fingerprint.contains_key(alert)
    }

    pub(super) fn len(&self) -> usize {
        self.by_fingerprint.len()
    }

    /// Holds one that is not held, in a slot of its own.
    pub(super) fn insert(&mut self, alert: Fingerprint, mut held: Held) {
        let free = self.free.pop().map(|Reverse(slot)| slot);
        held.state.slot = free.unwrap_or_else(|| {
            let end = self.end;
            self.end = Slot(end.0.saturating_add(1));
            end
        });
        self.by_fingerprint.insert(alert, Box::new(held));
    }

    /// Goes on holding stored ones, where they were.
    pub(super) fn hold(&mut self, saved: Vec<SavedAlert>) {
        let mut slots: Vec<Slot> = saved.iter().map(|alert| alert.held.state.slot).collect();
        slots.sort_unstable();
        for slot in slots {
            self.free.extend((self.end.0..slot.0).map(|free| Reverse(Slot(free))));
            self.end = Slot(slot.0.saturating_add(1));
        }
        let held = saved.into_iter().map(|SavedAlert { fingerprint, held }| (fingerprint, held));
        self.by_fingerprint.extend(held);
    }

    pub(super) fn remove(&mut self, alert: &Fingerprint) {
        let gone = self.by_fingerprint.remove(alert);
        self.free.extend(gone.map(|held| Reverse(held.state.slot)));
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Fingerprint> {
        self.by_fingerprint.keys()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Fingerprint, &Held)> {
        self.by_fingerprint.iter().map(|(alert, held)| (alert, &**held))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Fingerprint, &mut Held)> {
        self.by_fingerprint.iter_mut().map(|(alert, held)| (alert, &mut **held))
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &Held> {
        self.by_fingerprint.values().map(|held| &**held)
    }
}

/// An alert as it is stored, where the engine will hold it: a million of them are not moved about.
#[derive(Clone, Debug)]
pub struct SavedAlert {
    pub(super) fingerprint: Fingerprint,
    pub(super) held: Box<Held>,
}

impl SavedAlert {
    /// Takes it from its stored parts; `fingerprint` is that of `labels`.
    pub fn new(fingerprint: Fingerprint, labels: Labels, state: AlertState) -> Self {
        Self { fingerprint, held: Box::new(Held::of(labels, state)) }
    }

    /// Returns its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns its labels as they were sent.
    pub fn labels(&self) -> &Labels {
        &self.held.labels
    }

    /// Returns what changes of it.
    pub fn state(&self) -> &AlertState {
        &self.held.state
    }
}

/// Two are equal when what is stored of them is.
impl PartialEq for SavedAlert {
    fn eq(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.fingerprint, it.held.labels.clone());
        of(self) == of(other) && self.held.state == other.held.state
    }
}

impl Eq for SavedAlert {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Case;
    use crate::model::leases::Leases;
    use crate::model::rare::Rare;
    use crate::model::time::Timestamp;

    fn held(slot: u32) -> Held {
        let at = Timestamp::EPOCH;
        let state = AlertState {
            slot: Slot(slot),
            revision: 0,
            episode: 0,
            record: None,
            incident: None,
            starts_at: at,
            ended_at: None,
            end_heard_at: at,
            first_seen: at,
            last_seen: at,
            occurrences: 0,
            severity: None,
            leases: Leases::default(),
            silenced_by: Rare::default(),
            inhibited_by: Rare::default(),
        };
        Held::of(Labels::empty(), state)
    }

    #[test]
    fn the_smallest_slot_that_is_free_is_given_before_and_after_a_restart() {
        let mut alerts = Alerts::default();
        let slot = |alerts: &Alerts, alert| alerts.get(&Fingerprint(alert)).unwrap().state.slot.0;
        for alert in 0..6 {
            alerts.insert(Fingerprint(alert), held(0));
            assert_eq!(u64::from(slot(&alerts, alert)), alert);
        }
        for alert in [4, 1, 5] {
            alerts.remove(&Fingerprint(alert));
        }
        let saved = |(alert, held): (&Fingerprint, &Held)| {
            SavedAlert::new(*alert, Labels::empty(), held.state.clone())
        };
        let mut again = Alerts::default();
        again.hold(alerts.iter().map(saved).collect());
        for mut alerts in [alerts, again] {
            for (alert, expected) in [(10, 1), (11, 4), (12, 5), (13, 6)] {
                alerts.insert(Fingerprint(alert), held(0));
                assert_eq!(slot(&alerts, alert), expected);
            }
        }
    }

    /// There may be a million alerts, and a hundred thousand incidents.
    #[test]
    fn what_there_is_many_of_does_not_grow_unseen() {
        assert_eq!(size_of::<Held>(), 240, "an alert");
        assert_eq!(size_of::<crate::engine::suppress::inhibit::Filed>(), 24);
        assert!(size_of::<Case>() <= 2_048, "an incident has {} bytes", size_of::<Case>());
    }
}
