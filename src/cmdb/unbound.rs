//! Which alerts lead to no CI, in groups of one make, and what would bind them.
//!
//! Nothing is guessed: a hint names a label whose value one CI alone has, and the key that would
//! make it count. All CIs are looked through once for all groups, never for an alert.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bind::{Answer, Binder, Normalise, of_label, values};
use super::problem::nearest;
use super::rows::{CiId, CiRow};
use super::topology::Topology;
use crate::model::labels::Labels;

/// Groups that are told apart; alerts of further ones are only counted.
const GROUPS_MAX: usize = 500;

/// Hints given for one group.
const HINTS_MAX: usize = 3;

/// Names of CIs looked at for the one most like a label's value, in all: some 0.2 µs each.
const GUESSES_MAX: usize = 2_000_000;

/// Labels that say what is wrong and not where; never a hint.
const NO_PLACES: [&str; 3] = ["alertname", "severity", "priority"];

/// Labels that most likely say where, the surest first.
const PLACES: [&str; 10] =
    ["ci", "host", "hostname", "node", "instance", "pod", "service", "device", "target", "server"];

/// Shorter values are numbers and flags, which fit a CI by chance.
const VALUE_LEN_MIN: usize = 3;

/// Alerts that are bound to none, in groups.
#[derive(Debug)]
pub struct Unbound<'t> {
    topology: &'t Topology,
    binder: &'t Binder,
    groups: BTreeMap<Make, (u64, Labels)>,
    counts: Counts,
}

/// How many alerts there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bound to a CI.
    pub bound: u64,
    /// They could speak of several.
    pub ambiguous: u64,
    /// Nothing leads to a CI.
    pub unbound: u64,
    /// Of those bound to none: in groups that are not listed.
    pub others: u64,
}

/// What the alerts of one group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Make {
    is_ambiguous: bool,
    sources: Vec<Arc<str>>,
    labels: Vec<Box<str>>,
}

/// Alerts that one sender makes with labels of the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// True when several CIs fit, false when none does.
    pub is_ambiguous: bool,
    /// Who sends them.
    pub sources: Vec<Arc<str>>,
    /// The names of their labels.
    pub labels: Vec<Box<str>>,
    /// How many there are.
    pub count: u64,
    /// One of them.
    pub example: Labels,
    /// What would bind that one; the surest first.
    pub hints: Vec<Hint>,
    /// A label of that one with the name of a CI that is like its value, where there is no hint.
    pub near: Option<(Box<str>, Box<str>)>,
}

/// One CI alone has a label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The label.
    pub label: Box<str>,
    /// The attribute of the CI that has the value.
    pub attribute: Box<str>,
    /// What the values must be allowed to differ in.
    pub normalise: BTreeSet<Normalise>,
    /// The CI.
    pub ci: Box<str>,
}

impl Hint {
    /// Returns the binding key that would bind by it, as rule files have it.
    pub fn key(&self) -> String {
        let options: Vec<String> =
            self.normalise.iter().map(|how| format!(", {}: true", how.word())).collect();
        let Self { label, attribute, .. } = self;
        format!("- {{labels: [{label}], attributes: [{attribute}]{}}}", options.concat())
    }
}

impl<'t> Unbound<'t> {
    /// Begins with no alert; `binder` must be that of `topology`.
    pub fn new(topology: &'t Topology, binder: &'t Binder) -> Self {
        Self { topology, binder, groups: BTreeMap::new(), counts: Counts::default() }
    }

    /// Takes an alert in; `sources` are those that hold it firing.
    pub fn add(&mut self, labels: &Labels, sources: Vec<Arc<str>>) {
        let is_ambiguous = match self.binder.answer(self.topology, labels) {
            Answer::Bound(_) => {
                self.counts.bound += 1;
                return;
            }
            Answer::Ambiguous { .. } => true,
            Answer::Unbound => false,
        };
        let count =
            if is_ambiguous { &mut self.counts.ambiguous } else { &mut self.counts.unbound };
        *count += 1;
        let names = labels.iter().map(|(name, _)| name.into()).collect();
        let make = Make { is_ambiguous, sources, labels: names };
        let full = self.groups.len() >= GROUPS_MAX;
        match self.groups.get_mut(&make) {
            Some((count, _)) => *count += 1,
            None if full => self.counts.others += 1,
            None => _ = self.groups.insert(make, (1, labels.clone())),
        }
    }

    /// Returns the groups with what would bind them, the largest first, and all counts.
    pub fn finish(self) -> (Vec<Group>, Counts) {
        let mut groups: Vec<Group> = self.groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| core::cmp::Reverse(group.count));
        hint(self.topology, &mut groups);
        let mut left = GUESSES_MAX;
        for group in &mut groups {
            let cis = self.topology.ci_count();
            if group.is_ambiguous || !group.hints.is_empty() || cis > left {
                continue;
            }
            left -= cis;
            group.near = near(self.topology, &group.example);
        }
        (groups, self.counts)
    }
}

fn group((make, (count, example)): (Make, (u64, Labels))) -> Group {
    let Make { is_ambiguous, sources, labels } = make;
    Group { is_ambiguous, sources, labels, count, example, hints: Vec::new(), near: None }
}

/// What is alike whatever a key may let values differ in.
fn loose() -> BTreeSet<Normalise> {
    Normalise::ALL.into_iter().map(|(_, how)| how).collect()
}

/// A group's place and one of its labels.
type Asked = (usize, Box<str>);

/// Looks through all CIs for those that have a label's value.
fn hint(topology: &Topology, groups: &mut [Group]) {
    let loose = loose();
    let mut asked = BTreeMap::<Box<str>, Vec<Asked>>::new();
    for (place, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_ambiguous) {
        let places = group.example.iter().filter(|(name, _)| !NO_PLACES.contains(name));
        for (name, value) in places.filter(|(_, value)| value.len() >= VALUE_LEN_MIN) {
            let value = of_label(&loose, value).into();
            asked.entry(value).or_default().push((place, name.into()));
        }
    }
    // By label and attribute: the first CI that fits, and whether it is alone.
    let mut found = BTreeMap::<(Asked, Box<str>), Option<CiId>>::new();
    for (id, ci) in topology.cis() {
        for (attribute, value) in attributes(ci) {
            for value in values(&loose, value) {
                for asked in asked.get(&*value).into_iter().flatten() {
                    let fits = found.entry((asked.clone(), attribute.into()));
                    fits.and_modify(|ci| *ci = ci.filter(|ci| *ci == id)).or_insert(Some(id));
                }
            }
        }
    }
    for (((place, label), attribute), ci) in found {
        let Some((group, ci)) = groups.get_mut(place).zip(ci) else { continue };
        let ci = topology.ci(ci);
        let value = group.example.get(&label).unwrap_or("");
        let Some(normalise) = least(value, ci.attribute(&attribute).unwrap_or("")) else {
            continue;
        };
        group.hints.push(Hint { label, attribute, normalise, ci: ci.name.clone() });
    }
    for group in groups {
        let rank = |hint: &Hint| {
            let place = PLACES.iter().position(|name| *name == &*hint.label);
            (hint.normalise.len(), place.unwrap_or(PLACES.len()), &*hint.attribute != "name")
        };
        group.hints.sort_by_key(rank);
        group.hints.truncate(HINTS_MAX);
    }
}

/// Yields what a key can compare, the class aside: too many have the same.
fn attributes(ci: &CiRow) -> impl Iterator<Item = (&str, &str)> {
    core::iter::once(("name", &*ci.name)).chain(&ci.attributes)
}

/// Returns the fewest options by which a label's value is that of an attribute.
fn least(label: &str, attribute: &str) -> Option<BTreeSet<Normalise>> {
    let count = Normalise::ALL.len();
    let of = |bits: usize| -> BTreeSet<Normalise> {
        let all = Normalise::ALL.into_iter().enumerate();
        all.filter(|(at, _)| bits & (1 << at) != 0).map(|(_, (_, how))| how).collect()
    };
    let mut sets: Vec<BTreeSet<Normalise>> = (0..1 << count).map(of).collect();
    sets.sort_by_key(BTreeSet::len);
    sets.into_iter().find(|how| {
        let wanted = of_label(how, label);
        values(how, attribute).any(|value| value == wanted)
    })
}

/// Finds the CI whose name is most like what the alert most likely names.
fn near(topology: &Topology, labels: &Labels) -> Option<(Box<str>, Box<str>)> {
    let loose = loose();
    let (label, value) = PLACES.iter().find_map(|name| Some((*name, labels.get(name)?)))?;
    let value = of_label(&loose, value);
    let near = nearest(&value, topology.cis().map(|(_, ci)| &*ci.name))?;
    let ci = topology.ci(topology.find(near)?);
    Some((label.into(), ci.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CMDB: &str = "
cis:
  web-1: {class: server, fqdn: Web-1.example.com, rack: R12, tier: 1}
  web-2: {class: server, rack: R12, aliases: 'www, shop'}
  db: {class: server, rack: R12, address: 10.0.0.7}
";

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::build(&mut pairs.to_vec()).unwrap()
    }

    /// The groups of these alerts, each as a line.
    fn groups(alerts: &[&[(&str, &str)]]) -> Vec<String> {
        let topology = Topology::of(CMDB);
        let rack = super::super::BindingKey {
            labels: vec![vec!["rack".into()]],
            class: None,
            attributes: vec![vec!["rack".into()]],
            normalise: BTreeSet::new(),
        };
        let binder = Binder::new(&topology, &[rack]);
        let mut unbound = Unbound::new(&topology, &binder);
        for alert in alerts {
            unbound.add(&labels(alert), vec!["am".into()]);
        }
        let (groups, counts) = unbound.finish();
        assert_eq!(counts.bound + counts.ambiguous + counts.unbound, alerts.len() as u64);
        let line = |group: &Group| {
            let hints: Vec<String> =
                group.hints.iter().map(|hint| format!("{} {}", hint.ci, hint.key())).collect();
            let near = group.near.as_ref().map(|(label, ci)| format!(" near {label} {ci}"));
            let what = if group.is_ambiguous { "ambiguous" } else { "unbound" };
            let (count, names) = (group.count, group.labels.join(" "));
            format!("{count} {what} {names}: {}{}", hints.join("; "), near.unwrap_or_default())
        };
        groups.iter().map(line).collect()
    }

    #[test]
    fn alerts_of_one_make_are_one_group_and_the_largest_comes_first() {
        assert_eq!(
            groups(&[
                &[("alertname", "A"), ("job", "x")],
                &[("rack", "R12")],
                &[("alertname", "B"), ("host", "qqqqqqqqqq")],
                &[("alertname", "C"), ("host", "rrrrrrrrrr")],
                &[("ci", "db")],
            ]),
            ["2 unbound alertname host: ", "1 unbound alertname job: ", "1 ambiguous rack: "]
        );
    }

    #[test]
    fn a_hint_names_the_key_that_would_bind_by_the_fewest_options() {
        for (alert, expected) in [
            (("host", "web-1"), "web-1 - {labels: [host], attributes: [name]}"),
            (
                ("host", "web-2:9100"),
                "web-2 - {labels: [host], attributes: [name], strip_port: true}",
            ),
            (
                ("node", "web-2.example.com"),
                "web-2 - {labels: [node], attributes: [name], strip_domain: true}",
            ),
            (
                ("x", "SHOP"),
                "web-2 - {labels: [x], attributes: [aliases], ignore_case: true, split_lists: true}",
            ),
            (("address", "10.0.0.7"), "db - {labels: [address], attributes: [address]}"),
            // What several have leads nowhere, nor does what fits by chance.
            (("where", "R12"), ""),
            (("x", "1"), ""),
            (("alertname", "web-1"), ""),
        ] {
            let found = groups(&[&[alert]]);
            let first = found[0].split(": ").skip(1).collect::<Vec<_>>().join(": ");
            assert!(first.starts_with(expected), "{alert:?}: {found:?}");
            assert_eq!(first.is_empty(), expected.is_empty(), "{alert:?}: {found:?}");
        }
    }

    #[test]
    fn without_a_hint_the_nearest_name_is_told() {
        assert_eq!(groups(&[&[("host", "web2")]]), ["1 unbound host:  near host web-2"]);
        assert_eq!(groups(&[&[("host", "mainframe")]]), ["1 unbound host: "]);
    }

    #[test]
    fn what_is_listed_is_bounded_and_the_others_are_counted() {
        let topology = Topology::of(CMDB);
        let binder = Binder::new(&topology, &[]);
        let mut unbound = Unbound::new(&topology, &binder);
        for n in 0..GROUPS_MAX + 7 {
            unbound.add(&labels(&[(&format!("l{n}"), "x")]), Vec::new());
        }
        let (groups, counts) = unbound.finish();
        assert_eq!((groups.len(), counts.others), (GROUPS_MAX, 7));
    }
}
