//! How many ways lead from one CI to another that share neither their beginning nor their end: what
//! several independent ways say is surer than what hangs on one relation.

use std::collections::BTreeSet;

use super::relation::RelationSet;
use super::rows::CiId;
use super::topology::Topology;
use super::walk::{Toward, Walk};

/// Steps of a walk, and edges of a CI, that are looked at: more ways than a few say nothing more.
const LOOKED_AT_MAX: usize = 64;

impl Topology {
    /// Counts the independent ways between the beginning of a walk and one of its steps: by how many
    /// first relations steps are reached that are one relation from the end. At least one.
    pub fn independent_ways(&self, walk: &Walk, follow: RelationSet, index: usize) -> usize {
        let Some(end) = walk.steps().get(index).map(|step| step.ci) else { return 1 };
        let leads = |ci: CiId| {
            let mut edges = self.edges(ci, walk.toward()).take(LOOKED_AT_MAX);
            edges.any(|(reached, kind)| reached == end && follow.has(kind))
        };
        let before = walk.steps().iter().enumerate().take(LOOKED_AT_MAX);
        let last = before.filter(|(at, step)| *at != index && leads(step.ci));
        let first: BTreeSet<usize> = last.map(|(at, _)| walk.first_after_beginning(at)).collect();
        first.len().max(1)
    }

    /// Counts the ways between two CIs of at most two relations, in whichever direction: the
    /// relation itself, and the CIs that both are next to.
    pub fn short_ways(&self, one: CiId, other: CiId) -> usize {
        let around = |ci: CiId| {
            let both = [Toward::Causes, Toward::Sufferers].into_iter();
            let edges = both.flat_map(|toward| self.edges(ci, toward).take(LOOKED_AT_MAX));
            let mut ends: Vec<CiId> = edges.map(|(end, _)| end).collect();
            ends.sort_unstable();
            ends.dedup();
            ends
        };
        let (here, there) = (around(one), around(other));
        let has = |ends: &[CiId], ci: &CiId| ends.binary_search(ci).is_ok();
        here.iter().filter(|ci| has(&there, ci)).count() + usize::from(has(&here, &other))
    }

    /// True when a CI has any relation.
    pub fn has_relations(&self, ci: CiId) -> bool {
        let both = [Toward::Causes, Toward::Sufferers].into_iter();
        both.flat_map(|toward| self.edges(ci, toward).take(1)).next().is_some()
    }

    /// Returns the name of a relation that reads from the cause to the sufferer, as paths have it,
    /// by either of its names.
    pub fn spreading(&self, name: &str) -> Option<&str> {
        let set = self.relations([name].into_iter());
        (0..self.type_count()).find(|kind| set.has(*kind)).map(|kind| self.spreads(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Topology {
        Topology::of(
            "cis: {web: {class: service}, a: {class: vm}, b: {class: vm}, srv: {class: server}, \
                   pdu: {class: pdu}, db: {class: database}, lone: {class: service}}\n\
             relations: [a -runs-> web, b -runs-> web, srv -hosts-> a, srv -hosts-> b, \
                         pdu -powers-> srv, pdu -powers-> db, web -depends_on-> db]",
        )
    }

    #[test]
    fn ways_that_share_a_relation_at_either_end_are_one() {
        let topology = shop();
        let all = topology.all_relations();
        for (from, to, ways) in
            [("web", "srv", 2), ("web", "pdu", 2), ("a", "pdu", 1), ("web", "a", 1), ("a", "a", 1)]
        {
            let from = topology.find(from).unwrap();
            let to = topology.find(to).unwrap();
            let walk = topology.walk(from, Toward::Causes, all, 4, 100);
            let index = walk.steps().iter().position(|step| step.ci == to).unwrap();
            assert_eq!(topology.independent_ways(&walk, all, index), ways, "{from:?} {to:?}");
        }
    }

    #[test]
    fn short_ways_are_counted_in_either_direction() {
        let topology = shop();
        for (one, other, ways) in
            [("web", "a", 1), ("web", "srv", 2), ("a", "b", 2), ("web", "lone", 0)]
        {
            let (a, b) = (topology.find(one).unwrap(), topology.find(other).unwrap());
            assert_eq!(topology.short_ways(a, b), ways, "{one} {other}");
            assert_eq!(topology.short_ways(b, a), ways, "{other} {one}");
        }
    }

    #[test]
    fn a_relation_has_one_name_that_spreads() {
        let topology = shop();
        for (name, spreads) in
            [("depends_on", Some("supports")), ("supports", Some("supports")), ("likes", None)]
        {
            assert_eq!(topology.spreading(name), spreads);
        }
    }
}
