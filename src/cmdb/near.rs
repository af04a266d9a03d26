//! What lies around a CI, for questions of likelihood: how far apart two CIs are, and how much of
//! what one suffers the others are to blame for. Read `walk` for paths.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};

use super::relation::RelationSet;
use super::rows::CiId;
use super::topology::Topology;
use super::walk::Toward;

/// One relation, in the units of [`Topology::near`].
pub const RELATION: u32 = 100;

/// A service and what runs it are almost one thing, in the units of [`Topology::near`].
const RUNS: u32 = 25;

/// All of the blame, in the units of [`Topology::blamed`].
pub const WHOLE: u32 = 1_000_000;

/// Blame below that is not looked at, of [`WHOLE`].
const BLAME_MIN: u32 = 20_000;

/// CIs blamed for what one suffers, and edges looked at for each CI that is reached: bounds at hubs.
const BLAMED_MAX: usize = 128;
const EDGES_PER_NODE_MAX: usize = 64;

/// Edges looked at for what lies around one CI: a neighbourhood of hubs must not hold the engine.
const EDGES_MAX: usize = 4_096;

/// The relations that are told apart; belongs to the topology it was made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ties {
    runs: RelationSet,
    depends: RelationSet,
}

impl Topology {
    /// Collects the relations that [`near`](Self::near) and [`blamed`](Self::blamed) tell apart.
    pub fn ties(&self) -> Ties {
        Ties {
            runs: self.relations(["runs_on"].into_iter()),
            depends: self.relations(["depends_on"].into_iter()),
        }
    }

    /// Returns the CIs within `reach` of one, in either direction, nearest first and then by name,
    /// with their distances; the CI itself comes first. At most `most` of them, and in a
    /// neighbourhood of hubs those alone that the first `EDGES_MAX` edges lead to.
    ///
    /// A relation is [`RELATION`] long, between a service and what runs it a quarter of that; one that
    /// nobody has confirmed for long is half as long again.
    pub fn near(&self, from: CiId, ties: Ties, reach: u32, most: usize) -> Vec<(CiId, u32)> {
        // CIs by their distance, some of them more than once. Distances are few and every relation
        // has a length, so that a level is whole when it is looked at.
        let mut levels = BTreeMap::from([(0, vec![from])]);
        // Only asked, never iterated: its order does not matter.
        let mut settled = HashSet::with_hasher(foldhash::fast::FixedState::default());
        let mut near = Vec::new();
        let mut edges_left = EDGES_MAX;
        while let Some((distance, mut level)) = levels.pop_first() {
            level.sort_unstable();
            for ci in level {
                if near.len() == most {
                    return near;
                }
                if !settled.insert(ci) {
                    continue;
                }
                near.push((ci, distance));
                let both = [Toward::Causes, Toward::Sufferers].into_iter();
                let edges = both.flat_map(|toward| self.edges(ci, toward).take(EDGES_PER_NODE_MAX));
                for (end, kind) in edges.take(edges_left) {
                    edges_left -= 1;
                    let length = if ties.runs.has(kind) { RUNS } else { RELATION };
                    let length =
                        if self.is_stale(ci, end, kind) { length + length / 2 } else { length };
                    let further = distance + length;
                    if further <= reach && !settled.contains(&end) {
                        levels.entry(further).or_default().push(end);
                    }
                }
            }
        }
        near
    }

    /// Returns the CIs that can be to blame for what one suffers, most blamed first, with their
    /// blame, 1 to [`WHOLE`]; the CI itself has the whole. What a service runs on is itself; any
    /// other cause is one explanation among others and gets `share` of the blame, of [`WHOLE`].
    pub fn blamed(&self, from: CiId, ties: Ties, share: u32) -> Vec<(CiId, u32)> {
        let mut left = BinaryHeap::from([(WHOLE, Reverse(from))]);
        let mut reached = BTreeMap::from([(from, WHOLE)]);
        let mut blamed = Vec::new();
        while let Some((blame, Reverse(ci))) = left.pop() {
            if blamed.len() == BLAMED_MAX {
                break;
            }
            if reached.get(&ci) != Some(&blame) {
                continue;
            }
            blamed.push((ci, blame));
            for (cause, kind) in self.edges(ci, Toward::Causes).take(EDGES_PER_NODE_MAX) {
                let share = if ties.runs.has(kind) { WHOLE } else { share };
                let passed = u64::from(blame) * u64::from(share) / u64::from(WHOLE);
                let passed = u32::try_from(passed).unwrap_or(WHOLE);
                let more = reached.get(&cause).is_none_or(|known| passed > *known);
                if passed >= BLAME_MIN && more {
                    reached.insert(cause, passed);
                    left.push((passed, Reverse(cause)));
                }
            }
        }
        blamed
    }

    /// Returns the service that a CI runs, if it runs exactly one, else the CI itself.
    pub fn service_of(&self, ci: CiId, ties: Ties) -> CiId {
        let mut run = self
            .edges(ci, Toward::Sufferers)
            .take(EDGES_PER_NODE_MAX)
            .filter(|(end, kind)| ties.runs.has(*kind) && self.ci(*end).is_service());
        match (run.next(), run.next()) {
            (Some((service, _)), None) => service,
            _ => ci,
        }
    }

    /// True when one CI depends on the other outright.
    pub fn depends(&self, ci: CiId, on: CiId, ties: Ties) -> bool {
        let causes = self.edges(ci, Toward::Causes).take(EDGES_PER_NODE_MAX);
        causes.into_iter().any(|(cause, kind)| cause == on && ties.depends.has(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Topology {
        Topology::of(
            "cis: {web: {class: service}, cart: {class: service}, db: {class: service}, \
                   pod-web: {class: pod}, pod-cart: {class: pod}, node: {class: host}}\n\
             relations: [web -depends_on-> cart, cart -depends_on-> db, web -runs_on-> pod-web, \
                         cart -runs_on-> pod-cart, pod-web -hosted_on-> node, \
                         pod-cart -hosted_on-> node]",
        )
    }

    fn named(topology: &Topology, found: Vec<(CiId, u32)>) -> Vec<(&str, u32)> {
        found.into_iter().map(|(ci, value)| (&*topology.ci(ci).name, value)).collect()
    }

    #[test]
    fn what_is_near_is_found_in_both_directions_nearest_first() {
        let topology = shop();
        let from = topology.find("pod-cart").unwrap();
        let near =
            |reach, most| named(&topology, topology.near(from, topology.ties(), reach, most));
        let all = [
            ("pod-cart", 0),
            ("cart", 25),
            ("node", 100),
            ("db", 125),
            ("web", 125),
            ("pod-web", 150),
        ];
        assert_eq!(near(250, 256), all);
        assert_eq!(near(100, 256), all[..3]);
        assert_eq!(near(250, 2), all[..2]);
    }

    #[test]
    fn blame_flows_down_to_the_causes_only() {
        let topology = shop();
        let blamed = |name| {
            let from = topology.find(name).unwrap();
            named(&topology, topology.blamed(from, topology.ties(), 400_000))
        };
        assert_eq!(
            blamed("web"),
            [
                ("web", WHOLE),
                ("pod-web", WHOLE),
                ("cart", 400_000),
                ("node", 400_000),
                ("pod-cart", 400_000),
                ("db", 160_000),
            ]
        );
        assert_eq!(blamed("db"), [("db", WHOLE)]);
    }

    #[test]
    fn a_pod_counts_as_the_one_service_it_runs() {
        let topology = shop();
        for (ci, service) in [("pod-web", "web"), ("web", "web"), ("node", "node")] {
            let found = topology.service_of(topology.find(ci).unwrap(), topology.ties());
            assert_eq!(&*topology.ci(found).name, service);
        }
        let [web, cart, db] = ["web", "cart", "db"].map(|name| topology.find(name).unwrap());
        assert!(topology.depends(web, cart, topology.ties()));
        assert!(!topology.depends(cart, web, topology.ties()));
        assert!(!topology.depends(web, db, topology.ties()));
    }
}
