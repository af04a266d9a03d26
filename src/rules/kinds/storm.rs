//! Kind `storm`: many alerts of one place at once are one incident.

use core::time::Duration;

use super::group::fields;
use crate::rules::codes;
use crate::rules::condition::Conditions;
use crate::rules::diagnostics::Span;
use crate::rules::reader::{DAY, HOUR, MINUTE, Reader};
use crate::rules::rule::conditions;
use crate::rules::subject::{Field, Subject};
use crate::rules::yaml::Node;

/// Values that a storm may ask for: more than that fire nowhere at once.
const COUNT_MAX: u32 = 100_000;
/// Suspects that an incident names.
const TOP_MAX: u8 = 10;

/// Makes many alerts of one place one incident.
#[derive(Clone, Debug)]
pub struct StormKind {
    /// What makes one place: a storm for each combination of values.
    pub per: Vec<Field>,
    /// What is counted.
    pub distinct: Field,
    /// It begins when so many distinct values began to fire.
    pub count: u32,
    /// Within this time; half-open. At most 30 minutes: so long ended alerts are held.
    pub within: Duration,
    /// It ends when fewer distinct values than this fire.
    pub below: u32,
    /// For so long.
    pub calm: Duration,
    /// How suspects are found; nothing when they are not.
    pub suspects: Option<Suspects>,
    pub(in crate::rules) never_absorb: Conditions,
}

/// How the CIs are found that explain most of a storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspects {
    /// Names of the relations that are followed, either of a pair.
    pub follow: Vec<Box<str>>,
    /// How many are named, 1 to 10.
    pub top: u8,
}

impl StormKind {
    /// True for an alert that always has an incident of its own, and that no storm counts.
    pub fn never_absorbs(&self, subject: &Subject<'_>) -> bool {
        self.never_absorb.any_holds(subject)
    }

    /// Returns the key of the storm that an alert would be part of: `ops/site-storm/fra1`.
    pub fn key(&self, rule: &str, subject: &Subject<'_>) -> String {
        joined(rule, self.per.iter().map(|field| field.value(subject)))
    }
}

/// Joins a rule's name and values with `/`; a `/` of a value is written `%2F`.
pub(in crate::rules) fn joined<'a>(rule: &str, values: impl Iterator<Item = &'a str>) -> String {
    let mut key = rule.to_owned();
    for value in values {
        key.push('/');
        key.push_str(&value.replace('/', "%2F"));
    }
    key
}

/// Reads the value of `storm:`; `follow` takes the relations with their places.
pub(in crate::rules) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    follow: &mut Vec<(Box<str>, Span)>,
) -> Option<StormKind> {
    let mut entries = reader.map(node, "`storm`")?;
    let per = entries.need(reader, "per").and_then(|n| fields(reader, n));
    let enter = entries.need(reader, "enter").and_then(|n| enter(reader, n));
    let leave_node = entries.need(reader, "leave");
    let leave = leave_node.and_then(|n| leave(reader, n));
    let never_absorb = entries.read(reader, "never_absorb", conditions);
    let suspects = entries.read(reader, "rank_suspects", |r, n| suspects(r, n, follow));
    entries.finish(reader);
    let (distinct, count, within) = enter?;
    let (below, calm) = leave?;
    if let Some(node) = leave_node.filter(|_| below > count) {
        reader
            .error(codes::STORM, node.span, format!("it ends below {below} and begins at {count}"))
            .label("expected `below` to be at most `count`")
            .help("a storm that begins must not end at once: lower `below`");
        return None;
    }
    let never_absorb = never_absorb.unwrap_or_default();
    Some(StormKind { per: per?, distinct, count, within, below, calm, suspects, never_absorb })
}

fn enter(reader: &mut Reader<'_>, node: &Node) -> Option<(Field, u32, Duration)> {
    let mut entries = reader.map(node, "`enter`")?;
    let distinct = entries.need(reader, "distinct").and_then(|n| field(reader, n));
    let count = entries.need(reader, "count").and_then(|n| reader.number(n, 2..=COUNT_MAX));
    let within = entries
        .need(reader, "within")
        .and_then(|n| reader.duration(n, Duration::from_secs(1)..=30 * MINUTE));
    entries.finish(reader);
    Some((distinct?, count?, within?))
}

/// Reads one field. Unlike in `by`, `ci` stays the label, which an alert without a CI has, too.
fn field(reader: &mut Reader<'_>, node: &Node) -> Option<Field> {
    let text = reader.text(node)?;
    reader.name(text, node.span)?;
    match Field::parse(text) {
        Ok(field) => Some(field),
        Err(error) => {
            reader.error(codes::VALUE, node.span, error.message).help(error.help);
            None
        }
    }
}

fn leave(reader: &mut Reader<'_>, node: &Node) -> Option<(u32, Duration)> {
    let mut entries = reader.map(node, "`leave`")?;
    let below = entries.need(reader, "below").and_then(|n| reader.number(n, 1..=COUNT_MAX));
    let calm = entries.read(reader, "for", |r, n| r.duration(n, Duration::ZERO..=DAY));
    entries.finish(reader);
    Some((below?, calm.unwrap_or(HOUR / 6)))
}

fn suspects(
    reader: &mut Reader<'_>,
    node: &Node,
    follow: &mut Vec<(Box<str>, Span)>,
) -> Option<Suspects> {
    let mut entries = reader.map(node, "`rank_suspects`")?;
    let names = entries.need(reader, "follow").and_then(|n| {
        let names = reader.names(n)?;
        if names.is_empty() {
            reader.expected(n, "at least one relation, as in `[connects, powers]`");
        }
        Some(names)
    });
    let top = entries.read(reader, "top", |r, n| r.number(n, 1..=TOP_MAX));
    entries.finish(reader);
    *follow = names?;
    let follow = follow.iter().map(|(name, _)| name.clone()).collect();
    Some(Suspects { follow, top: top.unwrap_or(3) })
}
