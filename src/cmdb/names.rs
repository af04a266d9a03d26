//! Finds CIs by their names: eight bytes for each, and no name is read that is not the one sought but
//! for one in a thousand. A search through the sorted names would read twenty, each from a place of
//! its own in memory, and an alert names several things that may be CIs.

use core::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::rows::{CIS_MAX, CiId, CiRow};

/// Bits of a slot that are a CI; the others are of the hash of its name.
const CI_BITS: u32 = 22;
const _: () = assert!(CIS_MAX < 1 << CI_BITS, "every CI fits, and none looks like an empty slot");

/// A slot without a CI.
const EMPTY: u32 = u32::MAX;

/// A table of CIs by the hash of their names; belongs to the list of CIs it was made from.
///
/// Invariant: at least half of the slots are empty, and between the slot that a name's hash gives and
/// the one that holds its CI none is.
#[derive(Clone, Debug)]
pub(super) struct Names(Box<[u32]>);

impl Names {
    /// Builds the table of CIs whose names are all different.
    pub(super) fn of(cis: &[Arc<CiRow>]) -> Self {
        let mut slots = vec![EMPTY; (2 * cis.len()).next_power_of_two()].into_boxed_slice();
        // More CIs than a check lets through are not found.
        for (id, ci) in (0..1 << CI_BITS).zip(cis) {
            let (first, mark) = place(&ci.name, slots.len());
            let (before, after) = slots.split_at_mut(first);
            let mut round = after.iter_mut().chain(before);
            if let Some(free) = round.find(|slot| **slot == EMPTY) {
                *free = mark | id;
            }
        }
        Self(slots)
    }

    /// Finds the CI with this name; `is` says whether a CI has it.
    pub(super) fn find(&self, name: &str, is: impl Fn(CiId) -> bool) -> Option<CiId> {
        let (mut at, mark) = place(name, self.0.len());
        // Ends: there is an empty slot. There are as many as a power of two.
        loop {
            let slot = *self.0.get(at)?;
            let ci = CiId(slot & ((1 << CI_BITS) - 1));
            if slot == EMPTY {
                return None;
            }
            if slot & mark_bits() == mark && is(ci) {
                return Some(ci);
            }
            at = (at + 1) & (self.0.len() - 1);
        }
    }
}

/// The bits of a slot that are of a hash.
const fn mark_bits() -> u32 {
    u32::MAX << CI_BITS
}

/// Returns the first slot to look at for a name, of so many, and its mark.
#[expect(clippy::cast_possible_truncation, reason = "some bits of the hash will do")]
fn place(name: &str, slots: usize) -> (usize, u32) {
    let hash = FixedState::default().hash_one(name);
    (hash as usize & slots.saturating_sub(1), (hash >> 32) as u32 & mark_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::Attributes;
    use crate::model::labels::Labels;

    fn cis(count: usize) -> Vec<Arc<CiRow>> {
        let ci = |n: usize| CiRow {
            name: format!("ci-{n}").into(),
            class: "vm".into(),
            attributes: Attributes::default(),
            labels: Labels::empty(),
        };
        (0..count).map(|n| Arc::new(ci(n))).collect()
    }

    #[test]
    fn every_ci_is_found_by_its_name_and_by_no_other() {
        for count in [0, 1, 2, 3, 64, 65, 5_000] {
            let cis = cis(count);
            let names = Names::of(&cis);
            let find = |name: &str| names.find(name, |ci| *cis[ci.0 as usize].name == *name);
            for (n, ci) in (0..).zip(&cis) {
                assert_eq!(find(&ci.name), Some(CiId(n)), "of {count}");
            }
            for n in count..2 * count + 9 {
                assert_eq!(find(&format!("ci-{n}")), None, "of {count}");
            }
        }
    }

    #[test]
    fn few_names_are_read_that_are_not_the_one_sought() {
        let cis = cis(5_000);
        let names = Names::of(&cis);
        let read = core::cell::Cell::new(0);
        for n in 0..100_000 {
            let other = |_| {
                read.set(read.get() + 1);
                false
            };
            assert_eq!(names.find(&format!("no-{n}"), other), None);
        }
        assert!(read.get() < 1_000, "{}", read.get());
    }
}
