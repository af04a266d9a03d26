//! Kind `inhibit`: an alert that fires mutes others.
//!
//! Alertmanager's meaning, with two additions: what is muted can be what depends on the source's CI,
//! and a rule can ask for several sources, all of which must fire.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::group::fields;
use crate::rules::codes;
use crate::rules::condition::Conditions;
use crate::rules::diagnostics::Span;
use crate::rules::index::Index;
use crate::rules::reader::{Fields, Reader};
use crate::rules::rule::conditions;
use crate::rules::set::Rule;
use crate::rules::subject::{Field, Subject};
use crate::rules::yaml::Node;

/// Hops that may be followed; the cost of a walk grows with their power.
const HOPS_MAX: u8 = 8;

/// Sources that one rule may ask for.
const SOURCES_MAX: usize = 8;

/// Mutes the alerts that its rule matches while each of its sources fires.
#[derive(Clone, Debug)]
pub struct Inhibit {
    /// What must fire, one alert of each; at least one.
    pub sources: Vec<InhibitSource>,
    /// Muted is only what depends on a source's CI, or is about that CI itself.
    pub reach: Option<Reach>,
}

/// One of the alerts that must fire.
#[derive(Clone, Debug)]
pub struct InhibitSource {
    when: Conditions,
    /// What must be equal with the alert that is muted; missing on both sides is equal.
    pub equal: Vec<Field>,
}

/// How far down from a source's CI its rule mutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Names of the relations that are followed, either of a pair; all when there is none.
    pub follow: Vec<Box<str>>,
    /// How many of them in a row, 1 to 8.
    pub max_hops: u8,
}

impl InhibitSource {
    /// True for an alert that is such a source.
    pub fn takes(&self, subject: &Subject<'_>) -> bool {
        self.when.all_hold(subject)
    }

    /// Returns what must be equal, as this alert has it.
    pub fn values(&self, subject: &Subject<'_>) -> Box<[Box<str>]> {
        self.equal.iter().map(|field| field.value(subject).into()).collect()
    }
}

impl Inhibit {
    /// Yields what each source must match.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        self.sources.iter().map(|source| &source.when)
    }

    /// True for an alert that is a source, whichever.
    pub fn is_source(&self, subject: &Subject<'_>) -> bool {
        self.sources.iter().any(|source| source.takes(subject))
    }
}

/// Finds the rules of which an alert could be a source without asking them all.
#[derive(Clone, Debug, Default)]
pub(in crate::rules) struct Sources {
    index: Index,
    /// For each condition of the index the place of its rule.
    rules: Vec<usize>,
}

impl Sources {
    /// Files the sources of all rules.
    pub(in crate::rules) fn build(rules: &[Rule]) -> Self {
        let inhibiting = rules.iter().enumerate();
        let inhibiting = inhibiting.filter_map(|(at, rule)| Some((at, rule.kind.inhibit()?)));
        let sources = inhibiting.flat_map(|(at, it)| it.sources.iter().map(move |one| (at, one)));
        let (rules, sources): (Vec<usize>, Vec<&InhibitSource>) = sources.unzip();
        Self { index: Index::build(sources.into_iter().map(|source| &source.when)), rules }
    }

    /// True when no rule inhibits.
    pub(in crate::rules) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the places of the rules of which an alert could be a source, each once.
    pub(in crate::rules) fn candidates(&self, subject: &Subject<'_>) -> BTreeSet<usize> {
        let found = self.index.candidates(subject).into_iter();
        found.filter_map(|at| self.rules.get(at).copied()).collect()
    }
}

/// Reads the value of `inhibit:`; `follow` takes the relations with their places.
pub(in crate::rules) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    follow: &mut Vec<(Box<str>, Span)>,
) -> Option<Inhibit> {
    let mut entries = reader.map(node, "`inhibit`")?;
    let equal = entries.read(reader, "equal", fields).unwrap_or_default();
    let sources = sources(reader, &mut entries, &equal);
    let reach = match entries.get("topology") {
        Some(node) => Some(reach(reader, node, follow)?),
        None => None,
    };
    entries.finish(reader);
    Some(Inhibit { sources: sources?, reach })
}

fn sources(
    reader: &mut Reader<'_>,
    entries: &mut Fields<'_>,
    equal: &[Field],
) -> Option<Vec<InhibitSource>> {
    let span = entries.span;
    match (entries.get("source"), entries.get("sources")) {
        (Some(node), None) => {
            let when = conditions(reader, node)?;
            Some(vec![InhibitSource { when, equal: equal.to_vec() }])
        }
        (None, Some(node)) => several(reader, node, equal),
        (given, _) => {
            let has = if given.is_some() { "both `source` and" } else { "neither `source` nor" };
            reader
                .error(codes::INHIBIT_SOURCE, span, format!("`inhibit` has {has} `sources`"))
                .label("expected one of the two")
                .help("write `source: ['alertname=\"HostDown\"']`, or `sources:` with one `when:` for each alert that must fire");
            None
        }
    }
}

fn several(reader: &mut Reader<'_>, node: &Node, equal: &[Field]) -> Option<Vec<InhibitSource>> {
    let items = reader.list(node)?;
    if items.is_empty() || items.len() > SOURCES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} sources", items.len()))
            .label(format!("expected 1 to {SOURCES_MAX}"));
        return None;
    }
    let all: Vec<_> = items.iter().map(|item| one(reader, item, equal)).collect();
    all.into_iter().collect()
}

fn one(reader: &mut Reader<'_>, node: &Node, equal: &[Field]) -> Option<InhibitSource> {
    let mut entries = reader.map(node, "a source")?;
    let when = entries.need(reader, "when").and_then(|n| conditions(reader, n));
    let own = entries.read(reader, "equal", fields);
    entries.finish(reader);
    Some(InhibitSource { when: when?, equal: own.unwrap_or_else(|| equal.to_vec()) })
}

fn reach(
    reader: &mut Reader<'_>,
    node: &Node,
    follow: &mut Vec<(Box<str>, Span)>,
) -> Option<Reach> {
    let mut entries = reader.map(node, "`topology`")?;
    let names = entries.read(reader, "follow", |r, n| {
        let names = r.names(n)?;
        if names.is_empty() {
            r.expected(n, "at least one relation, as in `[powers, hosts]`");
        }
        Some(names)
    });
    let max_hops = entries.read(reader, "max_hops", |r, n| r.number(n, 1..=HOPS_MAX)).unwrap_or(4);
    entries.finish(reader);
    *follow = names.unwrap_or_default();
    Some(Reach { follow: follow.iter().map(|(name, _)| name.clone()).collect(), max_hops })
}

/// Says which rules an alert is a source of.
pub(in crate::rules) fn sources_of<'a>(
    rules: &'a [Rule],
    sources: &Sources,
    subject: &Subject<'_>,
) -> Vec<(&'a Arc<str>, &'a Inhibit)> {
    let candidates = sources.candidates(subject).into_iter().filter_map(|at| rules.get(at));
    let inhibiting = candidates.filter_map(|rule| Some((&rule.name, rule.kind.inhibit()?)));
    inhibiting.filter(|(_, kind)| kind.is_source(subject)).collect()
}
