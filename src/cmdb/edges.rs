//! The edges of the graph.
//!
//! Compressed sparse rows in both directions: the edges of CI `i` are the stretch
//! `offsets[i]..offsets[i + 1]` of `ends`, sorted by the other end and then by type, both in one
//! number: a walk reads one place in memory for each CI. Every edge is kept from the cause to the
//! sufferer, whichever way its relation was written. They are laid out as they come, cause by cause:
//! what has to be put aside meanwhile is one cause's.

use core::hint::black_box;
use std::sync::Arc;

use super::facts::Facts;
use super::known::Known;
use super::rows::{CIS_MAX, CiId};

/// The other end of an edge, and in the low eight bits its type. Their order is that of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge(u32);

const KIND_BITS: u32 = u8::BITS;
const _: () = assert!(CIS_MAX < 1 << (u32::BITS - KIND_BITS), "every CI fits");

impl Edge {
    fn new(ci: CiId, kind: u8) -> Self {
        Self(ci.0 << KIND_BITS | u32::from(kind))
    }

    fn ci(self) -> CiId {
        CiId(self.0 >> KIND_BITS)
    }

    fn kind(self) -> u8 {
        self.0.to_le_bytes()[0]
    }
}

/// The edges in one direction. Invariant: `offsets` has one entry more than there are CIs, never
/// decreases and ends with the length of `ends`.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    offsets: Vec<u32>,
    ends: Vec<Edge>,
}

impl Edges {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Returns the place of an edge among all.
    pub(super) fn place(&self, ci: CiId, end: CiId, kind: u8) -> Option<usize> {
        let stretch = self.stretch(ci);
        let ends = self.ends.get(stretch.clone())?;
        Some(stretch.start + ends.binary_search(&Edge::new(end, kind)).ok()?)
    }

    fn stretch(&self, ci: CiId) -> core::ops::Range<usize> {
        let at = |i: usize| self.offsets.get(i).map_or(0, |offset| *offset as usize);
        at(ci.0 as usize)..at(ci.0 as usize + 1)
    }

    pub(super) fn of(&self, ci: CiId) -> impl Iterator<Item = (CiId, u8)> {
        let ends = self.ends.get(self.stretch(ci)).unwrap_or_default();
        ends.iter().map(|end| (end.ci(), end.kind()))
    }

    /// Reads the first edge of each of several CIs: all that is waited for comes together then, and
    /// is near when their edges are asked for one after the other.
    pub(super) fn read_ahead(&self, cis: impl Iterator<Item = CiId>) {
        for ci in cis {
            black_box(self.ends.get(self.stretch(ci).start).copied());
        }
    }

    /// Returns the same edges by their other ends, of which there are so many.
    pub(super) fn turned(&self, cis: usize) -> Self {
        // How many edges each CI gets, two places behind its own; then where they begin, one place
        // behind; and once they are put there, which moves each beginning to its end, at its own.
        let mut offsets = vec![0_u32; cis + 2];
        for end in &self.ends {
            if let Some(count) = offsets.get_mut(end.ci().0 as usize + 2) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        let mut ends = vec![Edge(0); self.count()];
        // In the order of their causes, and of one pair in that of the types: so are the stretches.
        for ci in (0..).map(CiId).take(self.offsets.len().saturating_sub(1)) {
            for (end, kind) in self.of(ci) {
                let Some(free) = offsets.get_mut(end.0 as usize + 1) else { continue };
                if let Some(place) = ends.get_mut(*free as usize) {
                    *place = Edge::new(ci, kind);
                }
                *free += 1;
            }
        }
        offsets.pop();
        Self { offsets, ends }
    }
}

/// Lays edges out by their causes, with what is known of them.
#[derive(Debug)]
pub(super) struct Laying {
    /// Where the stretches begin of all causes up to the last one.
    edges: Edges,
    known: Known,
    /// The edges of the last cause.
    last: Vec<(Edge, Option<Arc<Facts>>)>,
}

impl Laying {
    pub(super) fn begin() -> Self {
        Self { edges: Edges::default(), known: Known::new(), last: Vec::new() }
    }

    /// Makes room for so many edges.
    pub(super) fn reserve(&mut self, edges: usize) {
        self.edges.ends.reserve_exact(edges);
    }

    /// Adds an edge; `cause` is not before the one of the last edge.
    pub(super) fn push(
        &mut self,
        cause: CiId,
        (end, kind): (CiId, u8),
        facts: Option<&Arc<Facts>>,
    ) {
        self.begin_stretches(cause.0 as usize + 1);
        self.last.push((Edge::new(end, kind), facts.map(Arc::clone)));
    }

    /// Begins the stretches of all causes up to so many; the one before them is complete then.
    fn begin_stretches(&mut self, causes: usize) {
        if self.edges.offsets.len() >= causes {
            return;
        }
        self.last.sort_unstable_by_key(|(end, _)| *end);
        for (end, facts) in self.last.drain(..) {
            self.edges.ends.push(end);
            self.known.push(facts.as_deref());
        }
        // Cannot be more: relations have a bound far below.
        let begin = u32::try_from(self.edges.ends.len()).unwrap_or(u32::MAX);
        self.edges.offsets.resize(causes, begin);
    }

    /// Returns the edges of so many CIs, and what is known of each by its place.
    pub(super) fn end(mut self, cis: usize) -> (Edges, Known) {
        self.begin_stretches(cis + 1);
        self.known.finish();
        let Self { mut edges, known, .. } = self;
        edges.offsets.shrink_to_fit();
        edges.ends.shrink_to_fit();
        (edges, known)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(of: u16) -> Option<Arc<Facts>> {
        let source = if of.is_multiple_of(3) { "" } else { "netbox" };
        let facts = Facts { source: source.into(), ..Facts::default() };
        (!facts.is_empty()).then(|| facts.into())
    }

    proptest! {
        #[test]
        fn edges_are_found_from_both_ends_with_what_is_known_of_them(
            rows in prop::collection::btree_set((0..9_u32, 0..3_u8, 0..9_u32), 0..60),
        ) {
            let mut laying = Laying::begin();
            let of = |cause: u32, kind: u8, end: u32| {
                u16::try_from(cause * 100 + u32::from(kind) * 10 + end).unwrap()
            };
            for (cause, kind, end) in &rows {
                let facts = facts(of(*cause, *kind, *end));
                laying.push(CiId(*cause), (CiId(*end), *kind), facts.as_ref());
            }
            let (edges, known) = laying.end(9);
            let turned = edges.turned(9);
            prop_assert_eq!((edges.count(), turned.count()), (rows.len(), rows.len()));
            for ci in 0..10 {
                let mut there: Vec<(CiId, u8)> = Vec::new();
                let mut back = Vec::new();
                for (cause, kind, end) in &rows {
                    if *cause == ci {
                        there.push((CiId(*end), *kind));
                    }
                    if *end == ci {
                        back.push((CiId(*cause), *kind));
                    }
                }
                there.sort_unstable();
                back.sort_unstable();
                prop_assert_eq!(edges.of(CiId(ci)).collect::<Vec<_>>(), there);
                prop_assert_eq!(turned.of(CiId(ci)).collect::<Vec<_>>(), back);
            }
            for (cause, kind, end) in (0..9).flat_map(|cause| (0..3).flat_map(move |kind| (0..9).map(move |end| (cause, kind, end)))) {
                let place = edges.place(CiId(cause), CiId(end), kind);
                prop_assert_eq!(place.is_some(), rows.contains(&(cause, kind, end)));
                let expected = place.and_then(|_| facts(of(cause, kind, end)));
                prop_assert_eq!(place.and_then(|at| known.get(at)), expected.as_deref().cloned());
            }
        }
    }
}
