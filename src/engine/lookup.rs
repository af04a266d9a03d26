//! Finds the slots of alerts: a table in which one question is one place in memory.
//!
//! A heartbeat of one of a million alerts costs what the processor waits for memory. Here it waits once:
//! an entry is half of a hash and the slot, eight of them lie in one line of its cache, and the next to
//! look at lies behind. Which alert lies in a slot only its holder can say.

use core::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::model::alert::Slot;
use crate::model::labels::Fingerprint;

/// Entries of the smallest table.
const ENTRIES_MIN: usize = 16;

/// Slots by the hash of what lies in them.
///
/// Invariant: the number of entries is a power of two, at most three of four are taken, and between
/// where an entry belongs and where it is none is free.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    entries: Vec<Entry>,
    taken: usize,
    /// Random, so that no sender can choose alerts that all belong to one place.
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    hash: u32,
    slot: Slot,
}

/// The last slot is never given: four billion alerts are not held.
const FREE: Entry = Entry { hash: 0, slot: Slot(u32::MAX) };

impl Lookup {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Returns the slot in which the alert lies, as `is_in` says.
    pub(super) fn find(&self, alert: Fingerprint, is_in: impl Fn(Slot) -> bool) -> Option<Slot> {
        let hash = self.hash(alert);
        let mut at = self.home(hash);
        loop {
            let entry = *self.entries.get(at)?;
            if entry == FREE {
                return None;
            }
            if entry.hash == hash && is_in(entry.slot) {
                return Some(entry.slot);
            }
            at = self.behind(at);
        }
    }

    /// Makes room for so many more at once.
    pub(super) fn reserve(&mut self, more: usize) {
        let needed = (self.taken + more).saturating_mul(4).div_ceil(3).max(ENTRIES_MIN);
        if needed <= self.entries.len() {
            return;
        }
        let larger = vec![FREE; needed.next_power_of_two()];
        for entry in core::mem::replace(&mut self.entries, larger) {
            if entry != FREE {
                self.put(entry);
            }
        }
    }

    /// Adds one that is not there.
    pub(super) fn insert(&mut self, alert: Fingerprint, slot: Slot) {
        self.reserve(1);
        self.put(Entry { hash: self.hash(alert), slot });
        self.taken += 1;
    }

    /// Takes one away that is there.
    pub(super) fn remove(&mut self, alert: Fingerprint, slot: Slot) {
        let gone = Entry { hash: self.hash(alert), slot };
        let mut at = self.home(gone.hash);
        while self.entries.get(at).is_some_and(|entry| *entry != gone && *entry != FREE) {
            at = self.behind(at);
        }
        if self.entries.get(at) != Some(&gone) {
            return;
        }
        self.taken -= 1;
        // Whoever went past this place because it was taken moves up to it.
        let mut gap = at;
        loop {
            at = self.behind(at);
            let Some(entry) = self.entries.get(at).copied().filter(|it| *it != FREE) else { break };
            if self.steps(self.home(entry.hash), at) >= self.steps(gap, at) {
                self.set(gap, entry);
                gap = at;
            }
        }
        self.set(gap, FREE);
    }

    fn hash(&self, alert: Fingerprint) -> u32 {
        u32::try_from(self.hasher.hash_one(alert) >> 32).unwrap_or_default()
    }

    /// Where an entry belongs.
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    fn behind(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    /// How many steps lead from one entry on to another.
    fn steps(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    fn mask(&self) -> usize {
        self.entries.len().saturating_sub(1)
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.entries.get(at).is_some_and(|it| *it != FREE) {
            at = self.behind(at);
        }
        self.set(at, entry);
    }

    fn set(&mut self, at: usize, entry: Entry) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    use proptest::prelude::*;

    use super::{Fingerprint, Lookup, Slot};

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..40_u64, 0..5_u8), 0..400)) {
            let (mut lookup, mut map) = (Lookup::default(), BTreeMap::new());
            for (n, (alert, step)) in (0..).zip(steps) {
                let alert = Fingerprint(alert);
                if step < 2 {
                    if let Some(slot) = map.remove(&alert) {
                        lookup.remove(alert, slot);
                    }
                } else if let Entry::Vacant(free) = map.entry(alert) {
                    free.insert(Slot(n));
                    lookup.insert(alert, Slot(n));
                }
                prop_assert_eq!(lookup.len(), map.len());
                for alert in (0..40).map(Fingerprint) {
                    let slot = map.get(&alert).copied();
                    prop_assert_eq!(lookup.find(alert, |it| slot == Some(it)), slot);
                }
            }
        }
    }

    #[test]
    fn three_of_four_entries_are_taken_at_most() {
        let mut lookup = Lookup::default();
        for (n, entries) in [(12, 16), (13, 32), (24, 32), (25, 64)] {
            let from = u32::try_from(lookup.len()).unwrap();
            (from..n).for_each(|n| lookup.insert(Fingerprint(n.into()), Slot(n)));
            assert_eq!(lookup.entries.len(), entries, "for {n}");
        }
    }
}
