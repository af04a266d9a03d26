//! One index by which alerts find CIs: sorted pairs of (hash of the values, CI).
//!
//! 16 bytes for each CI, and values are compared again on a hit, so a collision costs time and
//! never a wrong binding.

use core::hash::{BuildHasher, Hash, Hasher};
use std::borrow::Cow;
use std::collections::BTreeMap;

use foldhash::fast::FixedState;

use super::normalise::{of_label, values};
use super::{AMONG_MAX, BindingKey};
use crate::cmdb::rows::{CiId, CiRow};
use crate::cmdb::topology::Topology;
use crate::model::labels::Labels;

/// Sets of values by which one CI can be recognised under one key; further ones are left out, so
/// that a CI with long lists in several attributes cannot fill the index.
pub(super) const SETS_MAX: usize = 64;

/// The label by which equal names in several clusters are told apart: a key recognises no CI whose own
/// label says another cluster than the alert's.
const CLUSTER: &str = "cluster";

/// The index of one key, or of the CIs that have labels of the same names.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The labels that are looked up, in the order in which they are tried.
    pub(super) ways: Vec<Way>,
    of: Of,
    /// Hash of a CI's values, sorted.
    entries: Vec<(u64, CiId)>,
}

/// The labels of one look-up.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) labels: Vec<Box<str>>,
    /// In words.
    pub(super) by: Box<str>,
}

/// Which values of a CI are compared.
#[derive(Clone, Debug)]
enum Of {
    /// Those of its labels.
    Labels,
    /// Those of its attributes.
    Key(BindingKey),
}

/// The CIs that were found: the first few, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hits {
    first: [Option<CiId>; AMONG_MAX],
    pub(super) count: usize,
}

impl Hits {
    pub(super) fn add(&mut self, ci: CiId) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = Some(ci);
        }
        self.count += 1;
    }

    /// Adds what was found otherwise.
    pub(super) fn absorb(&mut self, other: Self) {
        let count = self.count + other.count;
        other.cis().for_each(|ci| self.add(ci));
        self.count = count;
    }

    pub(super) fn cis(&self) -> impl Iterator<Item = CiId> {
        self.first.iter().flatten().copied()
    }
}

/// What a look-up says.
pub(super) enum Looked<'a> {
    /// The alert has no such label.
    Lacks(&'a str),
    /// The values that were looked up, and who has them.
    Up(Vec<Cow<'a, str>>, Hits),
}

impl Index {
    /// Indexes CIs that have labels of these names.
    pub(super) fn of_own_labels(names: &[&str], mut entries: Vec<(u64, CiId)>) -> Self {
        entries.sort_unstable();
        let by = if names.len() == 1 { "label " } else { "labels " };
        let way = Way {
            labels: names.iter().map(|name| (*name).into()).collect(),
            by: format!("{by}{}", names.join(", ")).into(),
        };
        Self { ways: vec![way], of: Of::Labels, entries }
    }

    /// Indexes the CIs that a key recognises.
    pub(super) fn of_key(topology: &Topology, key: &BindingKey) -> Self {
        let usable = !key.labels.is_empty() && key.labels.len() == key.attributes.len();
        let ways = if usable { ways(key) } else { Vec::new() };
        let mut index = Self { ways, of: Of::Key(key.clone()), entries: Vec::new() };
        if usable {
            let hashes = |(id, ci)| {
                let sets = index.sets(ci).into_iter();
                sets.map(move |set| (hash(set.iter().map(|value| &**value)), id))
            };
            let mut entries: Vec<(u64, CiId)> = topology.cis().flat_map(hashes).collect();
            entries.sort_unstable();
            entries.dedup();
            index.entries = entries;
        }
        index
    }

    /// Looks the alert's values up.
    pub(super) fn look<'a>(
        &'a self,
        way: &'a Way,
        topology: &Topology,
        labels: &'a Labels,
    ) -> Looked<'a> {
        let mut wanted = Vec::with_capacity(way.labels.len());
        for name in &way.labels {
            match (labels.get(name), &self.of) {
                (Some(value), Of::Labels) => wanted.push(Cow::Borrowed(value)),
                (Some(value), Of::Key(key)) => wanted.push(of_label(&key.normalise, value)),
                (None, _) => return Looked::Lacks(name),
            }
        }
        let hash = hash(wanted.iter().map(|value| &**value));
        let first = self.entries.partition_point(|(entry, _)| *entry < hash);
        let same = self.entries.iter().skip(first).take_while(|(entry, _)| *entry == hash);
        let mut hits = Hits::default();
        for (_, ci) in same.filter(|(_, ci)| self.fits(topology.ci(*ci), &wanted, labels)) {
            hits.add(*ci);
        }
        Looked::Up(wanted, hits)
    }

    /// Says in words what of the CIs is compared.
    pub(super) fn compared(&self) -> String {
        let Of::Key(key) = &self.of else { return "the CI's own labels".into() };
        let attributes = key.attributes.iter().map(|names| names.join(" or "));
        let mut text = attributes.collect::<Vec<_>>().join(", ");
        text.extend(key.class.iter().map(|class| format!(" of class {class}")));
        let words: Vec<&str> = key.normalise.iter().map(|how| how.word()).collect();
        if !words.is_empty() {
            text = format!("{text} ({})", words.join(", "));
        }
        text
    }

    /// Returns the sets of CIs with the same values.
    pub(super) fn doubles<'a>(&'a self, topology: &'a Topology) -> Vec<(&'a str, Vec<CiId>)> {
        let mut found = Vec::new();
        for same_hash in self.entries.chunk_by(|a, b| a.0 == b.0).filter(|all| all.len() > 1) {
            // An alert says in which cluster it is, so equal names in two of them can be told apart.
            let mut sets = BTreeMap::<(Vec<Cow<'_, str>>, Option<&str>), Vec<CiId>>::new();
            for (wanted, ci) in same_hash {
                let of_hash = |set: &Vec<Cow<'_, str>>| hash(set.iter().map(|v| &**v)) == *wanted;
                let ci_row = topology.ci(*ci);
                for set in self.sets(ci_row).into_iter().filter(of_hash) {
                    let cis = sets.entry((set, ci_row.labels.get(CLUSTER))).or_default();
                    cis.extend((cis.last() != Some(ci)).then_some(*ci));
                }
            }
            found.extend(sets.into_values().filter(|cis| cis.len() > 1));
        }
        // Not by hash: its order says nothing to people.
        found.sort();
        found.dedup();
        let by = self.ways.first().map_or("", |way| &*way.by);
        found.into_iter().map(|cis| (by, cis)).collect()
    }

    fn fits(&self, ci: &CiRow, wanted: &[Cow<'_, str>], labels: &Labels) -> bool {
        match &self.of {
            Of::Labels => ci.labels.iter().map(|(_, value)| value).eq(wanted.iter().map(|v| &**v)),
            Of::Key(_) if is_elsewhere(ci, labels) => false,
            Of::Key(key) => key.attributes.iter().zip(wanted).all(|(names, wanted)| {
                let of = names.iter().filter_map(|name| ci.attribute(name));
                of.flat_map(|value| values(&key.normalise, value)).any(|value| value == *wanted)
            }),
        }
    }

    /// Returns the sets of values by which a CI is recognised; none where it lacks one.
    fn sets<'a>(&self, ci: &'a CiRow) -> Vec<Vec<Cow<'a, str>>> {
        let key = match &self.of {
            Of::Labels => return vec![ci.labels.iter().map(|(_, v)| Cow::Borrowed(v)).collect()],
            Of::Key(key) => key,
        };
        if key.class.as_ref().is_some_and(|class| *ci.class != **class) {
            return Vec::new();
        }
        let mut sets = vec![Vec::with_capacity(key.attributes.len())];
        for names in &key.attributes {
            let of = names.iter().filter_map(|name| ci.attribute(name));
            let values: Vec<Cow<'a, str>> =
                of.flat_map(|value| values(&key.normalise, value)).take(SETS_MAX).collect();
            // Almost always.
            if let [value] = &*values {
                for set in &mut sets {
                    set.push(value.clone());
                }
                continue;
            }
            let longer = sets.iter().flat_map(|set| {
                values.iter().map(move |value| {
                    let mut set: Vec<_> = set.clone();
                    set.push(value.clone());
                    set
                })
            });
            sets = longer.take(SETS_MAX).collect();
        }
        sets
    }
}

/// True when an alert says that it is in another cluster than a CI is.
fn is_elsewhere(ci: &CiRow, labels: &Labels) -> bool {
    let both = ci.labels.get(CLUSTER).zip(labels.get(CLUSTER));
    both.is_some_and(|(ci, alert)| ci != alert)
}

/// Returns the combinations of a key's labels, the first alternatives first.
fn ways(key: &BindingKey) -> Vec<Way> {
    let mut sets: Vec<Vec<Box<str>>> = vec![Vec::new()];
    for names in &key.labels {
        let longer = sets.iter().flat_map(|set| {
            names.iter().map(move |name| {
                let mut set = set.clone();
                set.push(name.clone());
                set
            })
        });
        sets = longer.take(super::WAYS_MAX).collect();
    }
    let way =
        |labels: Vec<Box<str>>| Way { by: format!("key {}", labels.join(", ")).into(), labels };
    sets.into_iter().map(way).collect()
}

/// Hashes values in order. The numbers never leave this process.
pub(super) fn hash<'a>(values: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    values.for_each(|value| value.hash(&mut hasher));
    hasher.finish()
}
