//! Which recordings are measured: those given, variants by which constants may be chosen, and the
//! same variants from other seeds, which nobody looked at while choosing.

use crate::set::Set;
use crate::variants::{self, Draw, Told};

/// Variants of one recipe, measured by the mean of their figures.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) sets: Vec<Set>,
    /// From other seeds.
    pub(crate) kept_back: Vec<Set>,
    /// What its F1 has to reach.
    pub(crate) target: Target,
    /// What the first suspect has to reach.
    pub(crate) top_1: Option<f64>,
}

/// What a mean F1 has to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Nothing,
    AtLeast(f64),
    /// At most so much less than the group at that place.
    Near(usize, f64),
}

/// Seeds of the variants that are chosen by, and of those kept back.
const SEEDS: [core::ops::Range<u64>; 2] = [1..9, 101..109];

/// How many of them, and how many of what differs less.
const MANY: usize = 8;
const FEW: usize = 4;

/// How far alerts are shifted.
const JITTER_MS: i64 = 15_000;

/// Makes all groups; those of the recordings as given are the first.
pub(crate) fn all(sets: &[Set]) -> Vec<Group> {
    let [single, systems, concurrent] = sets else { return Vec::new() };
    let three = [single, systems, concurrent];
    let mut groups = given(three);
    groups.extend(jittered(three));
    groups.extend(unmapped(three));
    groups.extend(paced(three));
    groups.push(Group {
        kept_back: [1, 4, 7, 8].map(|minutes| variants::laid_over(single, minutes)).into(),
        ..Group::of(
            "campaigns 2, 3, 5, 6 min apart",
            [2, 3, 5, 6].map(|minutes| variants::laid_over(single, minutes)).into(),
        )
    });
    groups.extend(four_systems(single));
    for set in [single, concurrent] {
        let name = format!("{} without namespace", short(set));
        groups.push(Group::one(&name, variants::without_namespace(set)));
    }
    groups
}

/// The targets of issue 5 for the recordings as given, their jitter and poor topology.
fn given(three: [&Set; 3]) -> Vec<Group> {
    let targets = [(0.98, 0.80), (0.98, 0.80), (0.88, 0.58)];
    let group = |(set, (f1, top_1)): (&Set, (f64, f64))| Group {
        target: Target::AtLeast(f1),
        top_1: Some(top_1),
        ..Group::one(&set.name, set.clone())
    };
    three.into_iter().zip(targets).map(group).collect()
}

fn jittered(three: [&Set; 3]) -> Vec<Group> {
    let targets = [Target::Nothing, Target::Nothing, Target::AtLeast(0.85)];
    let group = |(set, target): (&Set, Target)| {
        let name = format!("{} ±15 s", short(set));
        let make = |draw: &mut Draw| variants::jitter(set, JITTER_MS, draw);
        Group { target, ..Group::drawn(&name, MANY, make) }
    };
    three.into_iter().zip(targets).map(group).collect()
}

/// Less and less of the dependencies, and no topology at all.
fn unmapped(three: [&Set; 3]) -> Vec<Group> {
    let mut groups = Vec::new();
    let needed = [0.97, 0.97, 0.83].map(Target::AtLeast);
    for (percent, count, targets) in [(30, FEW, None), (60, FEW, Some(needed)), (100, 1, None)] {
        for (at, set) in three.into_iter().enumerate() {
            let name = format!("{} -{percent} % dependencies", short(set));
            let make = |draw: &mut Draw| variants::without_dependencies(set, percent, draw);
            let target = targets.map_or(Target::Nothing, |targets| targets[at]);
            groups.push(Group { target, ..Group::drawn(&name, count, make) });
        }
    }
    for set in three {
        let name = format!("{} without topology", short(set));
        groups.push(Group::one(&name, variants::without_topology(set)));
    }
    groups
}

/// Slower, faster, and seen at whole samples only.
fn paced(three: [&Set; 3]) -> Vec<Group> {
    let mut groups = Vec::new();
    for (at, set) in three.into_iter().enumerate() {
        let one = |what: &str, made: Set| Group::one(&format!("{} {what}", short(set)), made);
        let slow = variants::stretched(set, 50);
        let target = Target::Near(at, 0.02);
        groups.push(Group { target, ..one("time ×5", slow.clone()) });
        groups.push(one("time ×0.5", variants::stretched(set, 5)));
        groups.push(one("1 min samples", variants::sampled(set, 1)));
        groups.push(one("5 min samples", variants::sampled(set, 5)));
        groups.push(one("time ×5, 5 min samples", variants::sampled(&slow, 5)));
    }
    groups
}

fn four_systems(single: &Set) -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, told) in [("namespace", Told::ByNamespace), ("name", Told::ByName)] {
        let make = |draw: &mut Draw| variants::four_systems(single, told, draw);
        groups.push(Group::drawn(&format!("four systems by {name}"), FEW, make));
        let make = |draw: &mut Draw| {
            let slow = variants::stretched(&variants::four_systems(single, told, draw), 50);
            variants::sampled(&slow, 5)
        };
        groups.push(Group::drawn(&format!("four by {name}, ×5, 5 min samples"), FEW, make));
    }
    groups
}

impl Group {
    fn of(name: &str, sets: Vec<Set>) -> Self {
        let target = Target::Nothing;
        Self { name: name.into(), sets, kept_back: Vec::new(), target, top_1: None }
    }

    fn one(name: &str, set: Set) -> Self {
        Self::of(name, vec![set])
    }

    fn drawn(name: &str, count: usize, make: impl Fn(&mut Draw) -> Set) -> Self {
        let [sets, kept_back] = SEEDS.map(|seeds| {
            seeds.take(count).map(|seed| make(&mut Draw::new(seed))).collect::<Vec<Set>>()
        });
        let kept_back = if count > 1 { kept_back } else { Vec::new() };
        Self { kept_back, ..Self::of(name, sets) }
    }
}

fn short(set: &Set) -> &str {
    set.name.strip_prefix("nezha-").unwrap_or(&set.name)
}
