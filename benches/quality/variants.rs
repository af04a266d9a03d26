//! Other recordings made from those that are given: what a policy must bear that has not learned the
//! files. Everything drawn is drawn from a seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::score::Truth;
use crate::set::{Line, Set};

const MINUTE_MS: i64 = 60_000;

/// Draws numbers: `SplitMix64` (Steele and others 2014).
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Begins with a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`.
    #[expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "bounds are small")]
    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound.max(1) as u64) as i64
    }
}

/// Shifts every alert by up to `most_ms` either way, its end by as much as its beginning.
pub(crate) fn jitter(set: &Set, most_ms: i64, draw: &mut Draw) -> Set {
    let mut set = set.clone();
    let mut shifts = BTreeMap::new();
    for line in &mut set.lines {
        if line.fires {
            shifts.insert(line.labels.clone(), draw.below(2 * most_ms + 1) - most_ms);
        }
        line.at_ms += shifts.get(&line.labels).copied().unwrap_or(0);
    }
    sorted(set)
}

/// Takes away so many of a hundred dependencies; what runs on what stays.
pub(crate) fn without_dependencies(set: &Set, percent: i64, draw: &mut Draw) -> Set {
    let mut set = set.clone();
    set.relations.retain(|it| it.kind != "depends_on" || draw.below(100) >= percent);
    set
}

/// Takes away all CIs.
pub(crate) fn without_topology(set: &Set) -> Set {
    Set { cis: Vec::new(), relations: Vec::new(), ..set.clone() }
}

/// Lets everything take `times` tenths of its time.
pub(crate) fn stretched(set: &Set, tenths: i64) -> Set {
    let mut set = set.clone();
    let start = set.lines.first().map_or(0, |line| line.at_ms);
    for line in &mut set.lines {
        line.at_ms = start + (line.at_ms - start) * tenths / 10;
    }
    set
}

/// Lets everything be seen at the next full sample only. What was over by then lasts one sample.
pub(crate) fn sampled(set: &Set, minutes: i64) -> Set {
    let mut set = set.clone();
    let sample = minutes * MINUTE_MS;
    let mut began = BTreeMap::new();
    for line in &mut set.lines {
        line.at_ms = (line.at_ms + sample - 1).div_euclid(sample) * sample;
        if line.fires {
            began.insert(line.labels.clone(), line.at_ms);
        } else if began.get(&line.labels) == Some(&line.at_ms) {
            line.at_ms += sample;
        }
    }
    // As in the recordings what begins at one sample comes before what ends there.
    set.lines.sort_by_key(|line| (line.at_ms, !line.fires));
    once(set)
}

/// Splits a recording at its longest silence, by days for instance; each begins at time 0 and the
/// sampling phase 0 of its first alert.
pub(crate) fn campaigns(set: &Set) -> [Set; 2] {
    let pairs = set.lines.windows(2).enumerate();
    let silences = pairs.map(|(at, pair)| (pair[1].at_ms - pair[0].at_ms, at + 1));
    let (_, middle) = silences.max().unwrap_or_default();
    [&set.lines[..middle], &set.lines[middle..]].map(|lines| {
        let start = lines.first().map_or(0, |line| line.at_ms);
        let shifted = lines.iter().cloned().map(|mut line| {
            line.at_ms -= start;
            line
        });
        Set { lines: shifted.collect(), ..set.clone() }
    })
}

/// Lays the second campaign over the first, so much later. An alert that fires does not begin again.
pub(crate) fn laid_over(set: &Set, minutes: i64) -> Set {
    let [first, second] = campaigns(set);
    let later = second.lines.into_iter().map(|mut line| {
        line.at_ms += minutes * MINUTE_MS;
        line
    });
    let lines = first.lines.into_iter().chain(later).collect();
    once(sorted(Set { lines, ..set.clone() }))
}

/// How systems that are recorded together are told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// By the label `namespace`; everything else has the same names.
    ByNamespace,
    /// By the names of their CIs; nothing has a namespace.
    ByName,
}

/// Lays four systems over one another, each a campaign that begins within ten minutes of the first.
pub(crate) fn four_systems(set: &Set, told: Told, draw: &mut Draw) -> Set {
    let campaigns = campaigns(set);
    let mut all =
        Set { lines: vec![], cis: vec![], relations: vec![], roots: vec![], ..set.clone() };
    for (at, system) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let mut part = renamed(&campaigns[at % 2], system, told);
        let (shift, faults) = (draw.below(10 * MINUTE_MS), all.roots.len());
        for line in &mut part.lines {
            line.at_ms += shift;
            if let Truth::Fault(fault) = &mut line.truth {
                *fault += faults;
            }
        }
        all.lines.append(&mut part.lines);
        all.cis.append(&mut part.cis);
        all.relations.append(&mut part.relations);
        all.roots.append(&mut part.roots);
    }
    sorted(all)
}

/// Takes the namespaces away.
pub(crate) fn without_namespace(set: &Set) -> Set {
    renamed(set, "", Told::ByName)
}

/// The labels that name CIs.
const NAMES: [&str; 4] = ["service", "pod", "source_workload", "destination_workload"];

/// Makes another system of it.
fn renamed(set: &Set, system: &str, told: Told) -> Set {
    let mut set = set.clone();
    let prefix = if system.is_empty() { String::new() } else { format!("{system}-") };
    let id = |id: &mut String| {
        let name = id.split_once('/').map_or(&**id, |(_, name)| name);
        *id = match told {
            Told::ByNamespace => format!("{system}/{name}"),
            Told::ByName => format!("{prefix}{name}"),
        };
    };
    let labels = |labels: &mut BTreeMap<String, String>| match told {
        Told::ByNamespace => {
            labels.insert("namespace".into(), system.into());
        }
        Told::ByName => {
            labels.remove("namespace");
            for (_, value) in labels.iter_mut().filter(|(name, _)| NAMES.contains(&&***name)) {
                value.insert_str(0, &prefix);
            }
        }
    };
    set.lines.iter_mut().for_each(|line| labels(&mut line.labels));
    for ci in &mut set.cis {
        id(&mut ci.id);
        labels(&mut ci.labels);
    }
    set.relations.iter_mut().for_each(|it| [&mut it.from, &mut it.to].into_iter().for_each(id));
    set.roots.iter_mut().flatten().for_each(id);
    set
}

fn sorted(mut set: Set) -> Set {
    set.lines.sort_by_key(|line| line.at_ms);
    set
}

/// Leaves out what says that an alert fires that fires, or ends that is over.
fn once(mut set: Set) -> Set {
    let mut firing = BTreeSet::new();
    set.lines.retain(
        |Line { labels, fires, .. }| {
            if *fires { firing.insert(labels.clone()) } else { firing.remove(labels) }
        },
    );
    set
}
