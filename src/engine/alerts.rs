//! The alerts that are held, found by their fingerprints.
//!
//! Each has a slot, which is where the store keeps it: which one it gets depends on those that are held
//! and on nothing else, so it is the same after a restart. In memory they lie by their slots as well, in
//! pages that are made and given back as needed: no alert is moved when there are more of them. A
//! heartbeat is about an alert that lies anywhere among a million, and waiting for memory is most of what
//! it costs: so all it needs lies in one place, which [`Lookup`] finds in one other.

use core::cmp::Reverse;
use core::hash::BuildHasher;
use core::hint::black_box;
use core::num::NonZeroU64;
use std::collections::BinaryHeap;

use foldhash::quality::RandomState;

use super::lookup::Lookup;
use super::state::Held;
use crate::model::alert::{AlertState, Slot};
use crate::model::labels::{Fingerprint, Labels};

/// Slots of a page: a few of them are little memory, and a million alerts have few enough pages that the
/// list of them stays near the processor. One less than a power of two: to align a page the allocator adds
/// a line to it, and the next size that it has is a quarter larger.
const PAGE: usize = 255;

/// Alerts by fingerprint, and in the order of their slots.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    lookup: Lookup,
    /// By slot. Invariant: one that holds none has no memory.
    pages: Vec<Page>,
    /// Slots below `end` that no alert has, the smallest first.
    free: BinaryHeap<Reverse<Slot>>,
    /// The slot behind all others that were ever given.
    end: Slot,
    /// Of the hashes of labels. Random, so that no sender can choose two sets with one.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Page {
    places: Vec<Option<Place>>,
    held: usize,
}

/// An alert where it lies, aligned so that it takes as few lines of the processor's cache as it can.
#[derive(Debug)]
#[repr(align(64))]
struct Place {
    alert: Fingerprint,
    labelled: Option<Labelled>,
    held: Held,
}

/// Hash of the labels of an alert: they lie elsewhere, and need not be read to know them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Labelled(NonZeroU64);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "asked as maps are")]
impl Alerts {
    pub(super) fn get(&self, alert: &Fingerprint) -> Option<&Held> {
        self.place(self.slot(*alert)?).map(|place| &place.held)
    }

    pub(super) fn get_mut(&mut self, alert: &Fingerprint) -> Option<&mut Held> {
        self.place_mut(self.slot(*alert)?).map(|place| &mut place.held)
    }

    pub(super) fn contains_key(&self, alert: &Fingerprint) -> bool {
        self.slot(*alert).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.lookup.len()
    }

    /// Makes ready for occurrences of these. Each question waits for memory and none for another, so
    /// that the processor asks many at a time, and finds near by what it is to change then. Returns of
    /// how many an episode may begin.
    pub(super) fn expect(&mut self, alerts: impl Iterator<Item = Fingerprint>) -> usize {
        // One that ended is held already: room for a few too many is no harm.
        let begins = |alert: &Fingerprint| {
            self.get(alert).is_none_or(|held| {
                // What a heartbeat changes lies in more lines than what is asked here.
                black_box((held.state.starts_at, held.state.revision));
                !held.state.fires()
            })
        };
        let beginning = alerts.filter(begins).count();
        self.lookup.reserve(beginning);
        beginning
    }

    /// Returns by what these labels are known again.
    pub(super) fn labelled(&self, labels: &Labels) -> Option<Labelled> {
        NonZeroU64::new(self.hasher.hash_one(labels)).map(Labelled)
    }

    /// Returns whether the alert has these labels; nothing where it is not held. `labelled` is that of
    /// the labels.
    pub(super) fn has(
        &mut self,
        alert: &Fingerprint,
        (labels, labelled): (&Labels, Option<Labelled>),
    ) -> Option<bool> {
        let place = self.place_mut(self.slot(*alert)?)?;
        // Not known of those that were held before a restart.
        if labelled.is_none() || place.labelled != labelled {
            if place.held.labels != *labels {
                return Some(false);
            }
            place.labelled = labelled;
        }
        Some(true)
    }

    /// Holds one that is not held, in a slot of its own.
    pub(super) fn insert(
        &mut self,
        alert: Fingerprint,
        labelled: Option<Labelled>,
        mut held: Held,
    ) {
        let free = self.free.pop().map(|Reverse(slot)| slot);
        let slot = free.unwrap_or_else(|| {
            let end = self.end;
            self.end = Slot(end.0.saturating_add(1));
            end
        });
        held.state.slot = slot;
        self.put(slot, Place { alert, labelled, held });
    }

    /// Goes on holding stored ones, where they were.
    pub(super) fn hold(&mut self, saved: Vec<SavedAlert>) {
        let mut slots: Vec<Slot> = saved.iter().map(|alert| alert.held.state.slot).collect();
        slots.sort_unstable();
        for slot in slots {
            self.free.extend((self.end.0..slot.0).map(|free| Reverse(Slot(free))));
            self.end = Slot(slot.0.saturating_add(1));
        }
        self.lookup.reserve(saved.len());
        for SavedAlert { fingerprint: alert, held } in saved {
            self.put(held.state.slot, Place { alert, labelled: None, held: *held });
        }
    }

    pub(super) fn remove(&mut self, alert: &Fingerprint) {
        let Some(slot) = self.slot(*alert) else { return };
        self.lookup.remove(*alert, slot);
        self.free.push(Reverse(slot));
        let (page, at) = split(slot);
        let Some(page) = self.pages.get_mut(page) else { return };
        if let Some(place) = page.places.get_mut(at) {
            *place = None;
            page.held -= 1;
        }
        if page.held == 0 {
            page.places = Vec::new();
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Fingerprint> {
        self.iter().map(|(alert, _)| alert)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Fingerprint, &Held)> {
        let places = self.pages.iter().flat_map(|page| page.places.iter().flatten());
        places.map(|place| (&place.alert, &place.held))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Fingerprint, &mut Held)> {
        let places = self.pages.iter_mut().flat_map(|page| page.places.iter_mut().flatten());
        places.map(|place| (&place.alert, &mut place.held))
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &Held> {
        self.iter().map(|(_, held)| held)
    }

    fn slot(&self, alert: Fingerprint) -> Option<Slot> {
        let is_in = |slot| self.place(slot).is_some_and(|place| place.alert == alert);
        self.lookup.find(alert, is_in)
    }

    fn place(&self, slot: Slot) -> Option<&Place> {
        let (page, at) = split(slot);
        self.pages.get(page)?.places.get(at)?.as_ref()
    }

    fn place_mut(&mut self, slot: Slot) -> Option<&mut Place> {
        let (page, at) = split(slot);
        self.pages.get_mut(page)?.places.get_mut(at)?.as_mut()
    }

    /// Puts an alert that is not held into a slot that is free.
    fn put(&mut self, slot: Slot, place: Place) {
        self.lookup.insert(place.alert, slot);
        let (page, at) = split(slot);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, Page::default);
        }
        let Some(page) = self.pages.get_mut(page) else { return };
        if page.places.is_empty() {
            page.places.reserve_exact(PAGE);
            page.places.resize_with(PAGE, || None);
        }
        if let Some(free) = page.places.get_mut(at) {
            *free = Some(place);
            page.held += 1;
        }
    }
}

/// Returns the page of a slot, and its place there.
fn split(slot: Slot) -> (usize, usize) {
    (slot.0 as usize / PAGE, slot.0 as usize % PAGE)
}

/// An alert as it is stored, before the engine holds it. Boxed, so that lists of a million can grow and be
/// joined without moving what is in them.
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
            alerts.insert(Fingerprint(alert), None, held(0));
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
                alerts.insert(Fingerprint(alert), None, held(0));
                assert_eq!(slot(&alerts, alert), expected);
            }
        }
    }

    #[test]
    fn an_alert_is_known_by_its_labels_before_and_after_a_restart() {
        let [own, other] = ["a", "b"].map(|value| Labels::build(&mut [("x", value)]).unwrap());
        let mut alerts = Alerts::default();
        let alert = Fingerprint(7);
        let labelled = alerts.labelled(&own);
        let known = Held { labels: own.clone(), ..held(0) };
        alerts.insert(alert, labelled, known.clone());
        let mut again = Alerts::default();
        again.hold(vec![SavedAlert::new(alert, own.clone(), known.state)]);
        for mut alerts in [alerts, again] {
            for _ in 0..2 {
                for (labels, expected) in [(&own, true), (&other, false)] {
                    let labelled = alerts.labelled(labels);
                    assert_eq!(alerts.has(&alert, (labels, labelled)), Some(expected));
                }
            }
            assert_eq!(alerts.has(&Fingerprint(8), (&own, None)), None);
        }
    }

    #[test]
    fn alerts_that_are_held_no_more_give_their_memory_back() {
        let mut alerts = Alerts::default();
        let all: Vec<Fingerprint> = (0..3 * PAGE as u64).map(Fingerprint).collect();
        for alert in &all {
            alerts.insert(*alert, None, held(0));
        }
        assert!(alerts.keys().eq(&all), "they lie in the order of their slots");
        let room = |alerts: &Alerts| alerts.pages.iter().map(|page| page.places.capacity()).sum();
        for (gone, left) in all.iter().zip(1..) {
            alerts.remove(gone);
            let pages: usize = room(&alerts);
            assert_eq!(pages, (all.len() - left).div_ceil(PAGE) * PAGE, "after {left}");
        }
    }

    /// There may be a million alerts, and a hundred thousand incidents.
    #[test]
    fn what_there_is_many_of_does_not_grow_unseen() {
        assert_eq!(size_of::<Option<Place>>(), 256, "an alert, in lines of 64");
        assert_eq!(size_of::<crate::engine::suppress::inhibit::Filed>(), 24);
        assert!(size_of::<Case>() <= 2_048, "an incident has {} bytes", size_of::<Case>());
    }
}
