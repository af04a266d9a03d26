//! All shortest ways by which one CI's failure reaches another.

use std::collections::HashMap;

use super::rows::CiId;
use super::topology::Topology;
use super::walk::Toward;
use crate::model::alert::Path;

/// CIs looked at; beyond it the answer says that it is not whole.
const NODES_MAX: usize = 100_000;

/// The shortest ways from one CI to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// The first of them, in the order of the names on the way.
    pub paths: Vec<Path>,
    /// How many there are.
    pub count: u64,
    /// Relations on each.
    pub hops: u8,
    /// True when a bound on the CIs looked at ended the search: there may be a way all the same.
    pub truncated: bool,
}

/// Finds the ways on which harm spreads from `from` to `to`, at most `hops_max` relations long; the
/// first `listed_max` are written out. A CI has the way of no relation to itself.
pub fn ways(topology: &Topology, from: CiId, to: CiId, hops_max: u8, listed_max: usize) -> Ways {
    let mut search = Search { topology, counts: HashMap::default(), to };
    let mut ways = Ways::default();
    // Backwards from the sufferer, so that every count says how many ways lead on to it.
    search.counts.insert(to, (0, 1));
    let mut level = vec![to];
    while !search.counts.contains_key(&from) && !level.is_empty() && ways.hops < hops_max {
        ways.hops += 1;
        level = search.step(&level, ways.hops);
        if search.counts.len() > NODES_MAX {
            ways.truncated = !search.counts.contains_key(&from);
            break;
        }
    }
    match search.counts.get(&from) {
        Some((hops, count)) => {
            (ways.hops, ways.count) = (*hops, *count);
            let mut steps = Vec::new();
            search.list(from, &mut steps, &mut |steps| {
                ways.paths.push(search.path(from, steps));
                ways.paths.len() < listed_max
            });
        }
        None => ways.hops = 0,
    }
    ways
}

/// A CI and the type of the relation by which it is reached.
type Reached = (CiId, u8);

struct Search<'a> {
    topology: &'a Topology,
    /// Of each CI reached: relations to the end, and how many ways of that length there are.
    counts: HashMap<CiId, (u8, u64), foldhash::fast::FixedState>,
    to: CiId,
}

impl Search<'_> {
    /// Goes one relation further back and returns the CIs that are new, by name.
    fn step(&mut self, level: &[CiId], hops: u8) -> Vec<CiId> {
        let mut next = Vec::new();
        for sufferer in level {
            let onward = self.counts.get(sufferer).map_or(0, |(_, count)| *count);
            for (cause, _) in self.topology.edges(*sufferer, Toward::Causes) {
                let (known, count) = self.counts.entry(cause).or_insert_with(|| {
                    next.push(cause);
                    (hops, 0)
                });
                if *known == hops {
                    *count = count.saturating_add(onward);
                }
            }
        }
        next.sort_unstable();
        next
    }

    /// Shows every way from `at` on until `more` says no.
    fn list(
        &self,
        at: CiId,
        steps: &mut Vec<Reached>,
        more: &mut dyn FnMut(&[Reached]) -> bool,
    ) -> bool {
        if at == self.to {
            return more(steps);
        }
        let Some((left, _)) = self.counts.get(&at) else { return true };
        for (sufferer, kind) in self.topology.edges(at, Toward::Sufferers) {
            let nearer = self.counts.get(&sufferer).is_some_and(|(hops, _)| hops + 1 == *left);
            if nearer {
                steps.push((sufferer, kind));
                let go_on = self.list(sufferer, steps, more);
                steps.pop();
                if !go_on {
                    return false;
                }
            }
        }
        true
    }

    fn path(&self, from: CiId, steps: &[Reached]) -> Path {
        let name = |ci: CiId| -> Box<str> { (&*self.topology.ci(ci).name).into() };
        let step = |(ci, kind): &Reached| (self.topology.spreads(*kind).into(), name(*ci));
        Path { from: name(from), steps: steps.iter().map(step).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shortest_ways_are_counted_and_the_first_are_written_out() {
        let topology = Topology::of(
            "cis: {pdu: {class: pdu}, a: {class: server}, b: {class: server}, vm: {class: vm}, \
                   web: {class: service}, shop: {class: service}, alone: {class: vm}}\n\
             relations: [pdu -powers-> a, pdu -powers-> b, a -hosts-> vm, b -hosts-> vm, \
                         a -runs-> vm, vm -runs-> web, shop -depends_on-> web, web -depends_on-> shop]",
        );
        let find = |name| topology.find(name).unwrap();
        for (from, to, hops_max, expected) in [
            ("pdu", "web", 8, (3, 3, "pdu -powers-> a -runs-> vm -runs-> web")),
            ("pdu", "shop", 8, (4, 3, "pdu -powers-> a -runs-> vm -runs-> web -supports-> shop")),
            ("shop", "web", 8, (1, 1, "shop -supports-> web")),
            ("vm", "vm", 8, (0, 1, "vm")),
            ("pdu", "web", 2, (0, 0, "")),
            ("web", "pdu", 8, (0, 0, "")),
            ("pdu", "alone", 8, (0, 0, "")),
        ] {
            let found = ways(&topology, find(from), find(to), hops_max, 2);
            let first = found.paths.first().map(ToString::to_string).unwrap_or_default();
            assert_eq!((found.hops, found.count, &*first), expected, "{from} {to} {hops_max}");
            assert!(found.paths.len() <= 2 && !found.truncated);
        }
    }
}
