//! The edges of the graph.
//!
//! Compressed sparse rows in both directions: the edges of CI `i` are the stretch
//! `offsets[i]..offsets[i + 1]` of `ends` and `kinds`, sorted by the other end and then by type. Every
//! edge is kept from the cause to the sufferer, whichever way its relation was written. Where any
//! relation has facts the edges toward the sufferers have the place of theirs in a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::Facts;
use super::rows::CiId;

/// A CI, the other end of one of its relations, the relation's type, and the place of its facts.
pub(super) type Edge = (CiId, CiId, u8, u32);

/// The place of facts that there are none of.
const NO_FACTS: u32 = u32::MAX;

/// The same where two bytes suffice.
const NO_FACTS_NARROW: u16 = u16::MAX;

/// Where the facts of each edge are in a table. Relations of one import share theirs, so the table is
/// mostly short, and there are millions of edges.
#[derive(Clone, Debug)]
enum Places {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Places {
    /// Keeps places; none where no edge has facts.
    fn of(list: impl Iterator<Item = u32> + Clone) -> Self {
        let Some(most) = list.clone().filter(|place| *place != NO_FACTS).max() else {
            return Self::default();
        };
        if most >= NO_FACTS_NARROW.into() {
            return Self::Wide(list.collect());
        }
        // Only the place of none does not fit.
        Self::Narrow(list.map(|place| u16::try_from(place).unwrap_or(NO_FACTS_NARROW)).collect())
    }

    /// Returns the place of the facts of the edge at `at`, if it has any.
    fn get(&self, at: usize) -> Option<usize> {
        match self {
            Self::Narrow(places) => {
                places.get(at).filter(|it| **it != NO_FACTS_NARROW).map(|it| usize::from(*it))
            }
            Self::Wide(places) => {
                let place = places.get(at).filter(|it| **it != NO_FACTS)?;
                usize::try_from(*place).ok()
            }
        }
    }
}

/// The edges in one direction. Invariant: `offsets` has one entry more than there are CIs, never
/// decreases and ends with the length of `ends` and of `kinds`; `facts` is as long or empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    offsets: Vec<u32>,
    ends: Vec<CiId>,
    kinds: Vec<u8>,
    facts: Places,
}

impl Edges {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Lays out `list` of (CI, other end, type), which it sorts.
    pub(super) fn build(cis: usize, list: &mut [Edge]) -> Self {
        list.sort_unstable();
        let mut offsets = vec![0u32; cis + 1];
        for (ci, ..) in &*list {
            if let Some(count) = offsets.get_mut(ci.0 as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        let ends = list.iter().map(|(_, end, ..)| *end).collect();
        let kinds = list.iter().map(|(_, _, kind, _)| *kind).collect();
        Self { offsets, ends, kinds, facts: Places::default() }
    }

    /// Keeps the places of the facts of `list`, which is the one it was built from, if there are any.
    pub(super) fn with_facts(mut self, list: &[Edge]) -> Self {
        self.facts = Places::of(list.iter().map(|(_, _, _, facts)| *facts));
        self
    }

    /// Returns the place of the facts of an edge.
    pub(super) fn facts_of(&self, ci: CiId, end: CiId, kind: u8) -> Option<usize> {
        let stretch = self.stretch(ci);
        let ends = self.ends.get(stretch.clone())?;
        let kinds = self.kinds.get(stretch.clone())?;
        let first = ends.partition_point(|other| *other < end);
        let same = ends.iter().zip(kinds).enumerate().skip(first);
        let mut same = same.take_while(|(_, (other, _))| **other == end);
        let (at, _) = same.find(|(_, (_, other))| **other == kind)?;
        self.facts.get(stretch.start + at)
    }

    fn stretch(&self, ci: CiId) -> core::ops::Range<usize> {
        let at = |i: usize| self.offsets.get(i).map_or(0, |offset| *offset as usize);
        at(ci.0 as usize)..at(ci.0 as usize + 1)
    }

    pub(super) fn of(&self, ci: CiId) -> impl Iterator<Item = (CiId, u8)> {
        let stretch = self.stretch(ci);
        let ends = self.ends.get(stretch.clone()).unwrap_or_default();
        let kinds = self.kinds.get(stretch).unwrap_or_default();
        ends.iter().copied().zip(kinds.iter().copied())
    }
}

/// Gives distinct facts their places.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) list: Vec<Arc<Facts>>,
    places: BTreeMap<Arc<Facts>, u32>,
    /// The last one asked for: relations of one import follow each other.
    last: Option<(Arc<Facts>, u32)>,
}

impl Table {
    /// Returns the place of these facts.
    pub(super) fn place(&mut self, facts: Option<&Arc<Facts>>) -> u32 {
        let Some(facts) = facts.filter(|facts| !facts.is_empty()) else { return NO_FACTS };
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| Arc::ptr_eq(last, facts)) {
            return *place;
        }
        let place = self.places.get(facts).copied().unwrap_or_else(|| {
            // Invariant: no more facts than relations, whose bound is far below that of the number.
            let place = u32::try_from(self.list.len()).unwrap_or(NO_FACTS);
            self.list.push(Arc::clone(facts));
            self.places.insert(Arc::clone(facts), place);
            place
        });
        self.last = Some((Arc::clone(facts), place));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_narrow_while_they_fit_and_say_the_same() {
        let narrow = u32::from(NO_FACTS_NARROW);
        for (list, is_narrow) in [
            (vec![], true),
            (vec![NO_FACTS, NO_FACTS], true),
            (vec![NO_FACTS, 0, narrow - 1, 7], true),
            (vec![NO_FACTS, 0, narrow, 7], false),
            (vec![narrow + 1, NO_FACTS], false),
        ] {
            let places = Places::of(list.iter().copied());
            assert_eq!(matches!(places, Places::Narrow(_)), is_narrow, "{list:?}");
            for (at, place) in list.iter().enumerate() {
                let expected = (*place != NO_FACTS).then_some(*place as usize);
                assert_eq!(places.get(at), expected, "{list:?} at {at}");
            }
            assert_eq!(places.get(list.len()), None);
        }
    }
}
