//! Bounded walks through the topology, and the paths they find.

use std::collections::HashSet;

use super::relation::RelationSet;
use super::rows::CiId;
use super::topology::Topology;
use crate::model::alert::Path;

/// Edges looked at for each CI a walk may reach: a hub with a million edges that lead nowhere new
/// must not hold the engine.
pub(super) const EDGES_PER_NODE_MAX: usize = 64;

/// The way a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// From a cause to what suffers with it.
    Sufferers,
    /// From a sufferer to what can have hurt it.
    Causes,
}

/// One CI that a walk reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub ci: CiId,
    /// How many relations it is away; 0 for the beginning.
    pub hops: u8,
    /// The step it was reached from, by its place in the walk; none for the beginning.
    pub(super) parent: Option<u32>,
    /// Type of the relation it was reached by; without meaning for the beginning.
    pub(super) kind: u8,
}

impl Step {
    fn parent(&self) -> Option<usize> {
        Some(self.parent? as usize)
    }
}

/// Returns a place in a walk as a step holds it; there are far fewer CIs.
pub(super) fn place(step: usize) -> Option<u32> {
    u32::try_from(step).ok()
}

/// The CIs reached from one, breadth first: each once, on a shortest path.
#[derive(Clone, Debug)]
pub struct Walk {
    pub(super) toward: Toward,
    pub(super) steps: Vec<Step>,
    pub(super) truncated: bool,
}

impl Walk {
    /// Returns the CIs reached; the first is where the walk began.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns it without room for further steps, to be kept.
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.steps.shrink_to_fit();
        self
    }

    /// Returns the way it went.
    pub(super) fn toward(&self) -> Toward {
        self.toward
    }

    /// Returns the place of the step behind the beginning by which another was reached; 0 for the
    /// beginning itself.
    pub(super) fn first_after_beginning(&self, index: usize) -> usize {
        let mut at = index;
        while let Some(parent) = self.steps.get(at).and_then(Step::parent) {
            if parent == 0 {
                return at;
            }
            at = parent;
        }
        0
    }

    /// True when a bound on CIs or edges ended it; the bound on hops does not count.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Yields the CIs on the way between the beginning and a step, from that step on.
    pub fn cis_to(&self, index: usize) -> impl Iterator<Item = CiId> {
        self.chain(index).map(|step| step.ci)
    }

    /// True when a CI on the way to a step needs less than all of the relations that the way takes.
    pub fn asks_needs(&self, topology: &Topology, index: usize) -> bool {
        self.chain(index).any(|step| {
            let before = step.parent().and_then(|parent| self.steps.get(parent));
            before.is_some_and(|before| {
                let sufferer = match self.toward {
                    Toward::Sufferers => step.ci,
                    Toward::Causes => before.ci,
                };
                topology.least(sufferer, step.kind).is_some()
            })
        })
    }

    /// Reads the names on the way to a step, which is to be put in words.
    pub fn read_names_ahead(&self, topology: &Topology, index: usize) {
        for ci in self.cis_to(index) {
            topology.read_name_ahead(ci);
        }
    }

    /// Yields the steps from one back to the beginning.
    fn chain(&self, index: usize) -> impl Iterator<Item = &Step> {
        core::iter::successors(self.steps.get(index), |step| {
            step.parent().and_then(|parent| self.steps.get(parent))
        })
    }

    /// Writes the way between the beginning and a step, always from the cause to the sufferer.
    ///
    /// `topology` must be the one that was walked; a step that is not there has an empty path.
    pub fn path(&self, topology: &Topology, index: usize) -> Path {
        let name = |step: &Step| -> Box<str> { (&*topology.ci(step.ci).name).into() };
        let relation = |step: &Step| -> Box<str> { topology.spreads(step.kind).into() };
        let chain: Vec<&Step> = self.chain(index).collect();
        match self.toward {
            Toward::Causes => Path {
                from: chain.first().map(|step| name(step)).unwrap_or_default(),
                steps: chain
                    .windows(2)
                    .filter_map(|pair| {
                        let [cause, sufferer] = pair else { return None };
                        Some((relation(cause), name(sufferer)))
                    })
                    .collect(),
            },
            Toward::Sufferers => Path {
                from: chain.last().map(|step| name(step)).unwrap_or_default(),
                steps: chain
                    .iter()
                    .rev()
                    .skip(1)
                    .map(|step| (relation(step), name(step)))
                    .collect(),
            },
        }
    }
}

/// CIs whose edges are read ahead at once: what is read further ahead may be gone again.
const READ_AHEAD: usize = 64;

/// Steps that are looked through for a CI one by one; most walks have no more.
const FEW: usize = 16;

/// The CIs that a walk of more than a few steps has reached. Only asked, never iterated: its order
/// does not matter.
#[derive(Default)]
struct Seen(HashSet<CiId, foldhash::fast::FixedState>);

impl Seen {
    /// True when none of the steps is at a CI, which is about to become the next of them.
    fn is_new(&mut self, steps: &[Step], ci: CiId) -> bool {
        if steps.len() < FEW {
            return steps.iter().all(|step| step.ci != ci);
        }
        if self.0.is_empty() {
            self.0.extend(steps.iter().map(|step| step.ci));
        }
        self.0.insert(ci)
    }
}

/// Walks; see [`Topology::walk`]. The bounds are hops and CIs, the beginning included.
pub(super) fn walk(
    topology: &Topology,
    from: CiId,
    toward: Toward,
    follow: RelationSet,
    (max_hops, max_nodes): (u8, usize),
) -> Walk {
    let mut steps = Vec::with_capacity(FEW);
    steps.push(Step { ci: from, hops: 0, parent: None, kind: 0 });
    let mut walk = Walk { toward, steps, truncated: false };
    let mut seen = Seen::default();
    let mut edges_left = max_nodes.saturating_mul(EDGES_PER_NODE_MAX);
    let (mut next, mut read) = (0, 0);
    while let Some(&Step { ci, hops, .. }) = walk.steps.get(next) {
        if hops >= max_hops {
            break;
        }
        if next == read {
            let ahead = walk.steps.iter().skip(next).take(READ_AHEAD);
            topology.read_edges_ahead(ahead.map(|step| step.ci), toward);
            read = walk.steps.len().min(next + READ_AHEAD);
        }
        for (end, kind) in topology.edges(ci, toward) {
            if edges_left == 0 {
                walk.truncated = true;
                return walk;
            }
            edges_left -= 1;
            if !follow.has(kind) || !seen.is_new(&walk.steps, end) {
                continue;
            }
            if walk.steps.len() >= max_nodes {
                walk.truncated = true;
                return walk;
            }
            walk.steps.push(Step { ci: end, hops: hops + 1, parent: place(next), kind });
        }
        next += 1;
    }
    walk
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::cmdb::attributes::Attributes;
    use crate::cmdb::rows::{CiRow, RelationRow, Rows};
    use crate::model::labels::Labels;

    fn ci(number: usize) -> Arc<CiRow> {
        Arc::new(CiRow {
            name: format!("{number:05}").into(),
            class: Arc::from("server"),
            attributes: Attributes::default(),
            labels: Labels::empty(),
        })
    }

    fn graph(cis: usize, relations: &[(usize, &str, usize)]) -> Topology {
        let cis: Vec<Arc<CiRow>> = (0..cis).map(ci).collect();
        let relations = relations.iter().filter(|(from, _, to)| from != to);
        let relations = relations.map(|(from, relation, to)| RelationRow {
            from: Arc::from(&*cis[*from].name),
            relation: (*relation).into(),
            to: Arc::from(&*cis[*to].name),
            facts: None,
        });
        Topology::build(1, &Rows { relations: relations.collect(), cis, types: vec![] }).unwrap()
    }

    #[test]
    fn a_path_reads_from_cause_to_sufferer_whichever_way_it_was_walked() {
        let topology = Topology::of(
            "cis: {pdu: {class: pdu}, srv: {class: server}, vm: {class: vm}, web: {class: service}, \
                   shop: {class: service}}\n\
             relations: [srv -powered_by-> pdu, vm -hosted_on-> srv, vm -runs-> web, \
                         shop -depends_on-> web]",
        );
        let all = topology.all_relations();
        for (from, toward, to, path) in [
            ("pdu", Toward::Sufferers, "vm", "pdu -powers-> srv -hosts-> vm"),
            ("vm", Toward::Causes, "pdu", "pdu -powers-> srv -hosts-> vm"),
            ("web", Toward::Sufferers, "shop", "web -supports-> shop"),
            ("shop", Toward::Causes, "vm", "vm -runs-> web -supports-> shop"),
            ("vm", Toward::Causes, "vm", "vm"),
        ] {
            let walk = topology.walk(topology.find(from).unwrap(), toward, all, 8, 100);
            let to = topology.find(to).unwrap();
            let index = walk.steps().iter().position(|step| step.ci == to).unwrap();
            assert_eq!(walk.path(&topology, index).to_string(), path);
        }
        let walk = topology.walk(topology.find("pdu").unwrap(), Toward::Causes, all, 8, 100);
        assert_eq!(walk.path(&topology, 1).to_string(), "", "a step that is not there");
    }

    #[test]
    fn a_hub_is_left_at_the_bound_on_cis() {
        let spokes: Vec<_> = (1..5000).map(|i| (0, "powers", i)).collect();
        let topology = graph(5000, &spokes);
        let all = topology.all_relations();
        for (max_nodes, reached, truncated) in
            [(4096, 4096, true), (4999, 4999, true), (5000, 5000, false), (1, 1, true)]
        {
            let walk = topology.walk(CiId(0), Toward::Sufferers, all, 8, max_nodes);
            assert_eq!((walk.steps().len(), walk.truncated()), (reached, truncated));
            assert!(walk.steps().windows(2).all(|pair| pair[0].ci < pair[1].ci), "by name");
        }
    }

    #[test]
    fn a_hub_of_other_relations_is_left_at_the_bound_on_edges() {
        let mut spokes: Vec<_> = (1..1000).map(|i| (0, "powers", i)).collect();
        spokes.push((0, "hosts", 999));
        let topology = graph(1000, &spokes);
        let hosts = topology.relations(["hosts"].into_iter());
        for (max_nodes, reached, truncated) in [(10, 1, true), (20, 2, false)] {
            let walk = topology.walk(CiId(0), Toward::Sufferers, hosts, 8, max_nodes);
            assert_eq!((walk.steps().len(), walk.truncated()), (reached, truncated));
        }
    }

    #[test]
    fn a_walk_ends_at_its_bound_on_hops_without_being_truncated() {
        let chain: Vec<_> = (1..10).map(|i| (i - 1, "hosts", i)).collect();
        let topology = graph(10, &chain);
        for hops in [0, 1, 4, 8] {
            let all = topology.all_relations();
            let walk = topology.walk(CiId(0), Toward::Sufferers, all, hops, 100);
            let last = walk.steps().last().unwrap();
            assert_eq!((last.hops, last.ci.0, walk.truncated()), (hops, hops.into(), false));
        }
    }

    const NAMES: [&str; 4] = ["powers", "hosted_on", "runs", "depends_on"];

    /// Distances by the textbook: every edge is looked at for every CI.
    fn naive(
        relations: &[(usize, &str, usize)],
        from: usize,
        toward: Toward,
        follow: &[&str],
        max_hops: u8,
    ) -> BTreeMap<usize, u8> {
        let mut distances = BTreeMap::from([(from, 0)]);
        let mut queue = VecDeque::from([from]);
        while let Some(ci) = queue.pop_front() {
            let hops = distances[&ci] + 1;
            for (a, name, b) in relations.iter().filter(|(_, name, _)| follow.contains(name)) {
                let spreads = matches!(*name, "powers" | "runs");
                let (cause, sufferer) = if spreads { (*a, *b) } else { (*b, *a) };
                let (here, there) = match toward {
                    Toward::Sufferers => (cause, sufferer),
                    Toward::Causes => (sufferer, cause),
                };
                if here == ci && hops <= max_hops && !distances.contains_key(&there) {
                    distances.insert(there, hops);
                    queue.push_back(there);
                }
            }
        }
        distances
    }

    proptest! {
        #[test]
        fn a_walk_finds_what_the_textbook_finds(
            edges in proptest::collection::vec((0..12usize, 0..4usize, 0..12usize), 0..40),
            from in 0..12usize,
            sufferers in any::<bool>(),
            follow in proptest::sample::subsequence(NAMES.to_vec(), 0..=4),
            max_hops in 0..5u8,
        ) {
            let relations: Vec<_> = edges.iter().map(|(a, n, b)| (*a, NAMES[*n], *b)).collect();
            let topology = graph(12, &relations);
            let toward = if sufferers { Toward::Sufferers } else { Toward::Causes };
            let set = topology.relations(follow.iter().copied());
            let id = CiId(u32::try_from(from).unwrap());
            let walk = topology.walk(id, toward, set, max_hops, 100);
            let found: BTreeMap<usize, u8> =
                walk.steps().iter().map(|step| (step.ci.0 as usize, step.hops)).collect();
            prop_assert_eq!(found.len(), walk.steps().len(), "each CI once");
            prop_assert_eq!(&found, &naive(&relations, from, toward, &follow, max_hops));
            for (index, step) in walk.steps().iter().enumerate() {
                let path = walk.path(&topology, index);
                prop_assert_eq!(path.steps.len(), usize::from(step.hops));
                let last = path.steps.last().map_or(&path.from, |(_, name)| name);
                let (cause, sufferer) = match toward {
                    Toward::Sufferers => (id, step.ci),
                    Toward::Causes => (step.ci, id),
                };
                prop_assert_eq!(&*path.from, &*topology.ci(cause).name);
                prop_assert_eq!(&**last, &*topology.ci(sufferer).name);
            }
        }
    }
}
