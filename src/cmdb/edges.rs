//! The edges of the graph.
//!
//! Compressed sparse rows in both directions: the edges of CI `i` are the stretch
//! `offsets[i]..offsets[i + 1]` of `ends` and `kinds`, sorted by the other end and then by type. Every
//! edge is kept from the cause to the sufferer, whichever way its relation was written.

use std::collections::HashMap;

use super::problem::Place;
use super::relation::Types;
use super::rows::{CiId, Rows};

/// A CI, the other end of one of its relations, and the relation's type.
pub(super) type Edge = (CiId, CiId, u8);

/// The edges in one direction. Invariant: `offsets` has one entry more than there are CIs, never
/// decreases and ends with the length of `ends` and of `kinds`.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    offsets: Vec<u32>,
    ends: Vec<CiId>,
    kinds: Vec<u8>,
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
        for (ci, _, _) in &*list {
            if let Some(count) = offsets.get_mut(ci.0 as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        let ends = list.iter().map(|(_, end, _)| *end).collect();
        let kinds = list.iter().map(|(_, _, kind)| *kind).collect();
        Self { offsets, ends, kinds }
    }

    pub(super) fn of(&self, ci: CiId) -> impl Iterator<Item = (CiId, u8)> {
        let at = |i: usize| self.offsets.get(i).map_or(0, |offset| *offset as usize);
        let stretch = at(ci.0 as usize)..at(ci.0 as usize + 1);
        let ends = self.ends.get(stretch.clone()).unwrap_or_default();
        let kinds = self.kinds.get(stretch).unwrap_or_default();
        ends.iter().copied().zip(kinds.iter().copied())
    }
}

/// Lists the edges of rows that are as a check leaves them: sorted, without duplicates, each end
/// known, each relation in the direction in which harm spreads. `None` when they are not.
pub(super) fn edges(rows: &Rows) -> Option<(Types, Vec<Edge>)> {
    let mut types = Types::built_in();
    for own in &rows.types {
        types.add(Place::default(), own.clone()).ok().filter(|new| *new)?;
    }
    let sorted = rows.cis.is_sorted_by(|a, b| a.name < b.name)
        && rows.relations.is_sorted_by(|a, b| a < b)
        && rows.cis.first().is_none_or(|ci| !ci.name.is_empty());
    if !sorted {
        return None;
    }
    // Only asked, never iterated. Causes need no look-up: they are in the order of the CIs.
    let ids = (0..).map(CiId);
    let mut places =
        HashMap::with_capacity_and_hasher(rows.cis.len(), foldhash::fast::FixedState::default());
    places.extend(rows.cis.iter().map(|ci| &*ci.name).zip(ids));
    let mut causes = (0..).map(CiId).zip(&rows.cis).peekable();
    let mut list = Vec::with_capacity(rows.relations.len());
    for row in &rows.relations {
        while causes.next_if(|(_, ci)| ci.name < row.from).is_some() {}
        let cause = causes.peek().filter(|(_, ci)| ci.name == row.from)?.0;
        let sufferer = *places.get(&*row.to)?;
        let kind = types.kind(&row.relation)?;
        let spreads = types.get(kind).is_some_and(|known| *known.spreads() == *row.relation);
        list.push((cause, sufferer, kind));
        if cause == sufferer || !spreads {
            return None;
        }
    }
    Some((types, list))
}
