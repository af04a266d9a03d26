//! What fails when a set of CIs fails, and what only loses redundancy.
//!
//! A CI falls when one of its needs is not met any more: of most relations it needs every cause, of
//! those it names under `needs:` only so many. So what a set takes down is more than what its parts
//! take down each for itself, and a CI that lost one of two is weakened, not hit.

use std::collections::{BTreeMap, HashSet};

use super::rows::CiId;
use super::topology::Topology;
use super::walk::{EDGES_PER_NODE_MAX, Step, Toward, Walk, place};

/// A CI that still stands, with fewer causes of a relation type than it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weakened {
    /// Which.
    pub ci: CiId,
    /// The relation type, by the name that reads from the CI to its causes.
    pub relation: Box<str>,
    /// How many of them stand.
    pub left: u32,
    /// How many there are.
    pub of: u32,
}

/// What becomes of it all.
#[derive(Clone, Debug)]
pub struct Outage {
    walk: Walk,
    weakened: Vec<Weakened>,
}

impl Outage {
    /// Returns the CIs that fail: first those it began with, then what falls with them round by
    /// round, each with the cause that was one too many.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Returns the CIs that only lose redundancy, by name.
    pub fn weakened(&self) -> &[Weakened] {
        &self.weakened
    }

    /// True when a CI fails.
    pub fn takes(&self, ci: CiId) -> bool {
        self.walk.steps().iter().any(|step| step.ci == ci)
    }

    /// Returns the services that fail, by name.
    pub fn services(&self, topology: &Topology) -> Vec<CiId> {
        let cis = self.walk.steps().iter().map(|step| step.ci);
        let mut services: Vec<CiId> = cis.filter(|ci| topology.ci(*ci).is_service()).collect();
        services.sort_unstable();
        services
    }
}

/// Works out what fails with `failed`; the bounds are rounds and CIs, those of the beginning
/// included. See [`Topology::outage`].
pub(super) fn outage(
    topology: &Topology,
    failed: &[CiId],
    (max_hops, max_nodes): (u8, usize),
) -> Outage {
    // Only asked, never iterated: its order does not matter.
    let mut down = HashSet::with_hasher(foldhash::fast::FixedState::default());
    let mut steps: Vec<Step> = Vec::new();
    for ci in failed.iter().take(max_nodes) {
        if down.insert(*ci) {
            steps.push(Step { ci: *ci, hops: 0, parent: None, kind: 0 });
        }
    }
    let mut lost = BTreeMap::<(CiId, u8), u32>::new();
    let mut edges_left = max_nodes.saturating_mul(EDGES_PER_NODE_MAX);
    let mut truncated = failed.len() > max_nodes;
    let mut next = 0;
    'walk: while let Some(&Step { ci, hops, .. }) = steps.get(next) {
        if hops >= max_hops {
            break;
        }
        for (end, kind) in topology.edges(ci, Toward::Sufferers) {
            if edges_left == 0 || steps.len() >= max_nodes {
                truncated = edges_left == 0 || !down.contains(&end);
                if truncated {
                    break 'walk;
                }
            }
            edges_left -= 1;
            if down.contains(&end) {
                continue;
            }
            if let Some(least) = topology.least(end, kind) {
                let lost = lost.entry((end, kind)).or_default();
                *lost += 1;
                let of = topology.legs(end, kind);
                if of.saturating_sub(*lost) >= least.min(of) {
                    continue;
                }
            }
            down.insert(end);
            steps.push(Step { ci: end, hops: hops + 1, parent: place(next), kind });
        }
        next += 1;
    }
    let weak = lost.into_iter().filter(|((ci, _), _)| !down.contains(ci));
    let weakened = weak.map(|((ci, kind), lost)| {
        let of = topology.legs(ci, kind);
        Weakened { ci, relation: topology.suffered(kind).into(), left: of.saturating_sub(lost), of }
    });
    let weakened = weakened.collect();
    Outage { walk: Walk { toward: Toward::Sufferers, steps, truncated }, weakened }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::cmdb::rows::{CiRow, RelationRow, Rows};

    const RACK: &str = "
cis:
  strip-a: {class: pdu}
  strip-b: {class: pdu}
  srv-1: {class: server, needs: {powered_by: any}}
  srv-2: {class: server}
  node-1: {class: node}
  node-2: {class: node}
  node-3: {class: node}
  pool: {class: pool, needs: {runs_on: 2}}
  shop: {class: service}
  mail: {class: service}
relations:
- srv-1 -powered_by-> strip-a
- srv-1 -powered_by-> strip-b
- srv-2 -powered_by-> strip-b
- shop -runs_on-> srv-1
- mail -runs_on-> pool
- pool -runs_on-> node-1
- pool -runs_on-> node-2
- pool -runs_on-> node-3
- node-1 -hosted_on-> srv-1
- node-2 -hosted_on-> srv-2
";

    #[test]
    fn a_set_takes_down_what_its_parts_only_weaken() {
        let topology = Topology::of(RACK);
        for (failed, hit, weakened) in [
            (&["strip-a"][..], &[][..], "srv-1 1/2 powered_by"),
            (&["strip-b"], &["srv-2", "node-2"], "pool 2/3 runs_on, srv-1 1/2 powered_by"),
            (
                &["strip-a", "strip-b"],
                &["srv-1", "srv-2", "node-1", "shop", "node-2", "pool", "mail"],
                "",
            ),
            (&["node-1", "node-3"], &["pool", "mail"], ""),
            (&["node-1"], &[], "pool 2/3 runs_on"),
            (&["srv-1", "strip-a"], &["node-1", "shop"], "pool 2/3 runs_on"),
            (&[], &[], ""),
        ] {
            let ids: Vec<CiId> = failed.iter().map(|name| topology.find(name).unwrap()).collect();
            let outage = topology.outage(&ids);
            let fell =
                outage.walk().steps().iter().filter(|step| step.hops > 0).map(|step| step.ci);
            assert_eq!(topology.names(fell), hit, "{failed:?}");
            let words: Vec<String> = outage
                .weakened()
                .iter()
                .map(|it| {
                    format!("{} {}/{} {}", topology.ci(it.ci).name, it.left, it.of, it.relation)
                })
                .collect();
            assert_eq!(words.join(", "), weakened, "{failed:?}");
        }
        let strips = ["strip-a", "strip-b"].map(|name| topology.find(name).unwrap());
        let outage = topology.outage(&strips);
        assert_eq!(topology.names(outage.services(&topology)), ["mail", "shop"]);
        let steps = outage.walk().steps();
        let mail =
            steps.iter().position(|step| topology.ci(step.ci).name.as_ref() == "mail").unwrap();
        assert_eq!(
            outage.walk().path(&topology, mail).to_string(),
            "strip-b -powers-> srv-2 -hosts-> node-2 -runs-> pool -runs-> mail",
            "the last straw"
        );
    }

    #[test]
    fn a_need_for_more_than_there_are_is_a_need_for_all() {
        let topology = Topology::of(
            "cis: {a: {class: vm}, b: {class: vm}, c: {class: vm, needs: 'runs_on: 5'}}\n\
             relations: [c -runs_on-> a, c -runs_on-> b]",
        );
        let outage = topology.outage(&[topology.find("a").unwrap()]);
        assert!(outage.takes(topology.find("c").unwrap()));
    }

    /// What is down after so many rounds, by the definition: every CI is asked in every round.
    fn naive(topology: &Topology, failed: &BTreeSet<CiId>, rounds: u8) -> BTreeSet<CiId> {
        let mut down = failed.clone();
        for _ in 0..rounds {
            let falls = |id: CiId| {
                let causes: Vec<(CiId, u8)> = topology.edges(id, Toward::Causes).collect();
                (0..topology.type_count()).any(|kind| {
                    let legs: Vec<CiId> = causes
                        .iter()
                        .filter(|(_, of)| *of == kind)
                        .map(|(cause, _)| *cause)
                        .collect();
                    let standing = legs.iter().filter(|leg| !down.contains(*leg)).count();
                    let needed = topology
                        .least(id, kind)
                        .map_or(legs.len(), |least| legs.len().min(least as usize));
                    standing < needed
                })
            };
            let new: Vec<CiId> = topology.cis().map(|(id, _)| id).filter(|id| falls(*id)).collect();
            down.extend(new);
        }
        down
    }

    const KINDS: [(&str, &str); 3] =
        [("powers", "powered_by"), ("runs", "runs_on"), ("supports", "depends_on")];

    proptest! {
        #[test]
        fn an_outage_is_the_fixpoint_of_the_needs(
            edges in proptest::collection::vec((0..12usize, 0..3usize, 0..12usize), 0..50),
            needs in proptest::collection::vec((0..12usize, 0..3usize, 0..4u32), 0..10),
            failed in proptest::collection::btree_set(0..12u32, 0..4),
            rounds in 0..9u8,
        ) {
            let name = |i: usize| -> Arc<str> { format!("{i:02}").into() };
            let cis = (0..12).map(|i| {
                let mut words: BTreeMap<usize, u32> = BTreeMap::new();
                words.extend(needs.iter().filter(|(ci, ..)| *ci == i).map(|(_, kind, n)| (*kind, *n)));
                let words: Vec<String> = words.iter().map(|(kind, least)| match least {
                    0 => format!("{}: all", KINDS[*kind].1),
                    least => format!("{}: {least}", KINDS[*kind].1),
                }).collect();
                let needs = Some(("needs", words.join(", "))).filter(|(_, words)| !words.is_empty());
                let attributes = needs.into_iter().collect();
                Arc::new(CiRow::of(&name(i), "vm", attributes, &BTreeMap::new()).unwrap())
            });
            let relations = edges.iter().filter(|(a, _, b)| a != b)
                .map(|(a, kind, b)| RelationRow::new(&name(*a), KINDS[*kind].0, &name(*b)));
            let rows = Rows { types: vec![], relations: relations.collect(), cis: cis.collect() };
            let topology = Topology::new(1, rows).unwrap();
            let failed: BTreeSet<CiId> = failed.into_iter().map(CiId).collect();
            let seeds: Vec<CiId> = failed.iter().copied().collect();
            let outage = topology.outage_within(&seeds, rounds, 1_000);
            let down: BTreeSet<CiId> = outage.walk().steps().iter().map(|step| step.ci).collect();
            prop_assert_eq!(&down, &naive(&topology, &failed, rounds));
            if naive(&topology, &failed, rounds.saturating_sub(1)) == down && rounds > 0 {
                // Nothing fell in the last round: all that lost a cause is known.
                let weak: BTreeSet<CiId> = outage.weakened().iter().map(|it| it.ci).collect();
                let lost = |id: CiId| topology.edges(id, Toward::Causes).any(|(cause, kind)| {
                    down.contains(&cause) && topology.least(id, kind).is_some()
                });
                let expected: BTreeSet<CiId> = topology.cis().map(|(id, _)| id)
                    .filter(|id| !down.contains(id) && lost(*id)).collect();
                prop_assert_eq!(weak, expected);
            }
        }
    }
}
