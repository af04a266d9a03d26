//! From an alert's labels to the CI it speaks of.
//!
//! Each look-up is one search in a sorted list (`index`); no alert ever scans the CIs. What finds
//! several CIs binds to none and says so: nothing is guessed. `normalise` says what values may
//! differ in.

mod index;
mod normalise;

use std::collections::{BTreeMap, BTreeSet};

use super::rows::CiId;
use super::topology::Topology;
use crate::model::labels::Labels;
use index::{Hits, Index, Looked};
pub use normalise::Normalise;
pub(super) use normalise::{of_label, values};

/// The label that names the CI outright.
const CI_LABEL: &str = "ci";

/// CIs that are named where several were found.
const AMONG_MAX: usize = 5;

/// Combinations of labels that one key tries: each is a look-up for every new alert.
pub const WAYS_MAX: usize = 16;

/// A way to recognise CIs: the alert's label values, in order, equal the CI's attribute values.
///
/// A CI that lacks one of the attributes, or has it empty, is never recognised by the key; nor is
/// any by a key with no labels or with another number of attributes than labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingKey {
    /// For each value the alert's labels that may hold it, in the order in which they are tried.
    pub labels: Vec<Vec<Box<str>>>,
    /// The class the CI must have, if any.
    pub class: Option<Box<str>>,
    /// For each value the CI's attributes that may hold it; `name` and `class` are attributes too.
    pub attributes: Vec<Vec<Box<str>>>,
    /// What the values may differ in.
    pub normalise: BTreeSet<Normalise>,
}

/// The CI of an alert, and how it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Which.
    pub ci: CiId,
    /// In words: `label ci`, `labels namespace, service` (the CI's own) or `key instance`.
    pub by: Box<str>,
}

/// What the CMDB says of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It speaks of this CI.
    Bound(Bound),
    /// It could speak of several and is bound to none of them.
    Ambiguous {
        /// How they were recognised.
        by: Box<str>,
        /// The first of them.
        among: Vec<CiId>,
        /// How many there are.
        count: usize,
    },
    /// Nothing on it leads to a CI.
    Unbound,
}

/// Whether an alert has a CI, without the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It speaks of this one.
    Bound(CiId),
    /// It could speak of several.
    Ambiguous,
    /// Nothing on it leads to one.
    Unbound,
}

impl Binding {
    /// The CI, if there is one.
    pub fn ci(self) -> Option<CiId> {
        match self {
            Self::Bound(ci) => Some(ci),
            Self::Ambiguous | Self::Unbound => None,
        }
    }
}

/// One look-up for an alert, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The labels that were looked up, as in [`Bound::by`].
    pub by: Box<str>,
    /// What of the CIs they were compared with.
    pub compared: Box<str>,
    /// The values as they were compared; none where a label is missing.
    pub values: Vec<Box<str>>,
    /// What was found.
    pub found: Found,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The alert has no such label.
    Lacks(Box<str>),
    /// These CIs, of which only the first are named; none where there are none.
    Cis(Vec<CiId>, usize),
}

/// The indexes by which alerts find their CIs; belongs to the topology it was made from.
#[derive(Clone, Debug)]
pub struct Binder {
    /// One for each set of label names that CIs have; most labels first, then by name.
    own: Vec<Index>,
    /// One for each key, in their order.
    keys: Vec<Index>,
}

/// What decides: the way in words, and the CIs found by it.
struct Decided<'a> {
    by: [&'a str; 2],
    hits: Hits,
}

impl Binder {
    /// Builds the indexes over all CIs.
    pub fn new(topology: &Topology, keys: &[BindingKey]) -> Self {
        let mut own = BTreeMap::<Vec<&str>, Vec<(u64, CiId)>>::new();
        for (id, ci) in topology.cis().filter(|(_, ci)| !ci.labels.is_empty()) {
            let names = ci.labels.iter().map(|(name, _)| name).collect();
            let hash = index::hash(ci.labels.iter().map(|(_, value)| value));
            own.entry(names).or_default().push((hash, id));
        }
        let mut own: Vec<Index> =
            own.into_iter().map(|(names, entries)| Index::of_own_labels(&names, entries)).collect();
        own.sort_by_key(|index| core::cmp::Reverse(index.ways.first().map(|it| it.labels.len())));
        let keys = keys.iter().map(|key| Index::of_key(topology, key)).collect();
        Self { own, keys }
    }

    /// Finds the CI of an alert: by the label `ci`, else by the label sets of the CIs (the largest
    /// that is wholly on the alert), else by the keys in their order and the labels of each in
    /// theirs.
    ///
    /// The first of these that finds any CI decides, and when it finds several the alert is bound
    /// to none: a weaker sign must not decide what a stronger one left open. `topology` must be the
    /// one this binder was made from.
    pub fn bind(&self, topology: &Topology, labels: &Labels) -> Option<Bound> {
        match self.answer(topology, labels) {
            Answer::Bound(bound) => Some(bound),
            Answer::Ambiguous { .. } | Answer::Unbound => None,
        }
    }

    /// Finds the CI of an alert as [`bind`](Self::bind) does; for those that come.
    pub fn binding(&self, topology: &Topology, labels: &Labels) -> Binding {
        match self.search(topology, labels, &mut |_, _, _| {}) {
            None => Binding::Unbound,
            Some(Decided { hits, .. }) => match hits.cis().next() {
                Some(ci) if hits.count == 1 => Binding::Bound(ci),
                _ => Binding::Ambiguous,
            },
        }
    }

    /// Finds the CI of an alert as [`bind`](Self::bind) does and says why there is none.
    pub fn answer(&self, topology: &Topology, labels: &Labels) -> Answer {
        answered(self.search(topology, labels, &mut |_, _, _| {}).as_ref())
    }

    /// Finds the CI of an alert as [`bind`](Self::bind) does, with every look-up on the way.
    pub fn explain(&self, topology: &Topology, labels: &Labels) -> (Answer, Vec<Tried>) {
        let mut tried = Vec::new();
        let answer = self.search(topology, labels, &mut |by, compared, looked| {
            let (values, found) = match looked {
                Looked::Lacks(name) => (Vec::new(), Found::Lacks((*name).into())),
                Looked::Up(values, hits) => {
                    let values = values.iter().map(|value| (**value).into()).collect();
                    (values, Found::Cis(hits.cis().collect(), hits.count))
                }
            };
            let compared = compared.map_or_else(|| "the CI's name".into(), Index::compared);
            tried.push(Tried { by: by.into(), compared: compared.into(), values, found });
        });
        (answered(answer.as_ref()), tried)
    }

    /// Looks up until something decides; `note` sees every look-up.
    fn search<'a>(
        &'a self,
        topology: &Topology,
        labels: &Labels,
        note: &mut impl FnMut(&str, Option<&Index>, &Looked<'_>),
    ) -> Option<Decided<'a>> {
        if let Some(hits) = outright(topology, labels, note) {
            return Some(Decided { by: ["label ci", ""], hits });
        }
        let mut best: Option<(usize, Decided<'a>)> = None;
        for index in &self.own {
            let Some(way) = index.ways.first() else { continue };
            if best.as_ref().is_some_and(|(size, _)| *size > way.labels.len()) {
                break;
            }
            let looked = index.look(way, topology, labels);
            note(&way.by, Some(index), &looked);
            let Looked::Up(_, hits) = looked else { continue };
            match &mut best {
                _ if hits.count == 0 => {}
                None => best = Some((way.labels.len(), Decided { by: [&way.by, ""], hits })),
                Some((_, decided)) => {
                    decided.by[1] = &way.by;
                    decided.hits.absorb(hits);
                }
            }
        }
        if let Some((_, decided)) = best {
            return Some(decided);
        }
        let ways =
            self.keys.iter().flat_map(|index| index.ways.iter().map(move |way| (index, way)));
        for (index, way) in ways {
            let looked = index.look(way, topology, labels);
            note(&way.by, Some(index), &looked);
            if let Looked::Up(_, hits) = looked
                && hits.count > 0
            {
                return Some(Decided { by: [&way.by, ""], hits });
            }
        }
        None
    }

    /// Returns the CIs that no alert can be bound to because others are recognised by the same
    /// values, with the way in which they are; the CIs of each set by name.
    pub(super) fn ambiguous<'a>(&'a self, topology: &'a Topology) -> Vec<(&'a str, Vec<CiId>)> {
        self.own.iter().chain(&self.keys).flat_map(|index| index.doubles(topology)).collect()
    }
}

/// Looks for the CI that the alert names.
fn outright(
    topology: &Topology,
    labels: &Labels,
    note: &mut impl FnMut(&str, Option<&Index>, &Looked<'_>),
) -> Option<Hits> {
    let Some(name) = labels.get(CI_LABEL) else {
        note("label ci", None, &Looked::Lacks(CI_LABEL));
        return None;
    };
    let mut hits = Hits::default();
    if let Some(ci) = topology.find(name) {
        hits.add(ci);
    }
    note("label ci", None, &Looked::Up(vec![name.into()], hits));
    (hits.count > 0).then_some(hits)
}

fn answered(decided: Option<&Decided<'_>>) -> Answer {
    let Some(Decided { by: [by, and], hits }) = decided else { return Answer::Unbound };
    let among: Vec<CiId> = hits.cis().collect();
    match among.first() {
        Some(ci) if hits.count == 1 => Answer::Bound(Bound { ci: *ci, by: (*by).into() }),
        _ => {
            let by = if and.is_empty() { (*by).into() } else { format!("{by} and {and}").into() };
            Answer::Ambiguous { by, among, count: hits.count }
        }
    }
}

#[cfg(test)]
mod tests;
