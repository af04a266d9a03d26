//! Kind `topology`: gathers what suffers from the CI of an alert that matches.

use core::time::Duration;

use crate::cmdb::{Topology, Walk};
use crate::model::alert::Path;
use crate::rules::codes;
use crate::rules::condition::Conditions;
use crate::rules::diagnostics::Span;
use crate::rules::reader::{DAY, MINUTE, Reader};
use crate::rules::rule::conditions;
use crate::rules::sections::WAIT_MAX;
use crate::rules::subject::Subject;
use crate::rules::yaml::{Node, Value};

/// Hops that may be followed; the cost of a walk grows with their power.
const HOPS_MAX: u8 = 8;

/// How long harm may take over one relation: the battery of a rack lasts for hours.
const DELAY_MAX: Duration = Duration::from_hours(24);

/// Gathers alerts that suffer from the CI of one that matches.
#[derive(Clone, Debug)]
pub struct TopologyKind {
    /// Names of the relations that are followed, either of a pair.
    pub follow: Vec<Box<str>>,
    /// How many of them in a row, 1 to 8.
    pub max_hops: u8,
    /// How long a first page waits where a possible cause can be reached.
    pub wait: Duration,
    /// How long before the cause a dependant may have come; half-open.
    pub lookback: Duration,
    /// How long after the incident's last activity a dependant still joins; half-open.
    pub window: Duration,
    /// How old an incident may be that alerts still join; half-open.
    pub max_age: Duration,
    /// How long harm takes over a relation; nothing when the rule does not say.
    pub delay: Option<Delay>,
    pub(in crate::rules) never_absorb: Conditions,
}

/// How long harm takes from one CI to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Over each relation alike.
    Each(Duration),
    /// By the name of the relation, either of a pair; over one that is not named it takes no time.
    By(Vec<(Box<str>, Duration)>),
}

impl TopologyKind {
    /// Returns how long harm is expected to take on a way through a topology; `None` when the rule
    /// does not say.
    pub fn delay(&self, topology: &Topology, way: &Path) -> Option<Duration> {
        let over = |relation: &str| match self.delay.as_ref()? {
            Delay::Each(span) => Some(*span),
            Delay::By(by) => {
                let mut of =
                    by.iter().filter(|(name, _)| topology.spreading(name) == Some(relation));
                Some(of.next().map_or(Duration::ZERO, |(_, span)| *span))
            }
        };
        self.delay.as_ref()?;
        Some(way.steps.iter().filter_map(|(relation, _)| over(relation)).sum())
    }

    /// Returns the same for the way from the beginning of a walk to one of its steps, which is put in
    /// words only where it matters.
    pub fn delay_on(&self, topology: &Topology, walk: &Walk, index: usize) -> Option<Duration> {
        self.delay.as_ref()?;
        self.delay(topology, &walk.path(topology, index))
    }

    /// True for an alert that always has an incident of its own.
    pub fn never_absorbs(&self, subject: &Subject<'_>) -> bool {
        self.never_absorb.any_holds(subject)
    }
}

/// Reads the value of `topology:`; `follow` takes the relations with their places.
pub(in crate::rules) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    follow: &mut Vec<(Box<str>, Span)>,
) -> Option<TopologyKind> {
    let mut fields = reader.map(node, "`topology`")?;
    let names = fields.need(reader, "follow").and_then(|n| {
        let names = reader.names(n)?;
        if names.is_empty() {
            reader.expected(n, "at least one relation, as in `[powers, hosts]`");
        }
        Some(names)
    });
    let second = Duration::from_secs(1);
    let mut span = |name, range| fields.read(reader, name, |r, n| r.duration(n, range));
    let wait = span("wait", Duration::ZERO..=WAIT_MAX);
    let lookback = span("lookback", Duration::ZERO..=DAY);
    let window = span("window", second..=7 * DAY);
    let max_age = span("max_age", second..=30 * DAY);
    let max_hops = fields.read(reader, "max_hops", |r, n| r.number(n, 1..=HOPS_MAX));
    let never_absorb = fields.read(reader, "never_absorb", conditions);
    let followed: Vec<&str> = names.iter().flatten().map(|(name, _)| &**name).collect();
    let delay = fields.read(reader, "delay", |r, n| delay(r, n, &followed));
    fields.finish(reader);
    *follow = names?;
    Some(TopologyKind {
        follow: follow.iter().map(|(name, _)| name.clone()).collect(),
        max_hops: max_hops.unwrap_or(4),
        wait: wait.unwrap_or_default(),
        lookback: lookback.unwrap_or(5 * MINUTE),
        window: window.unwrap_or(5 * MINUTE),
        max_age: max_age.unwrap_or(DAY),
        delay,
        never_absorb: never_absorb.unwrap_or_default(),
    })
}

fn delay(reader: &mut Reader<'_>, node: &Node, followed: &[&str]) -> Option<Delay> {
    let range = Duration::ZERO..=DELAY_MAX;
    if let Value::Text(_) = node.value {
        return reader.duration(node, range).map(Delay::Each);
    }
    let fields = reader.map(node, "`delay`")?;
    let mut by = Vec::new();
    for (key, value) in fields.all() {
        if !followed.contains(&&*key.name) {
            let message = format!("`delay` of `{}`, which the rule does not follow", key.name);
            let known = followed.join(", ");
            reader.error(codes::NO_EFFECT, key.span, message).help(format!("followed: {known}"));
        }
        let span = reader.duration(value, range.clone());
        by.extend(span.map(|span| (key.name.clone(), span)));
    }
    Some(Delay::By(by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn read(kind: &str) -> Result<Option<Delay>, Vec<String>> {
        let text = format!(
            "version: 1\nnamespace: t\nrules:\n  - name: a\n    owner: o\n    \
             when: ['a=\"b\"']\n    {kind}\n"
        );
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let of = |rule: &crate::rules::Rule| rule.kind.topology().and_then(|it| it.delay.clone());
        match loaded.set {
            Some(set) => Ok(set.rules.first().and_then(of)),
            None => Err(loaded
                .diagnostics
                .iter()
                .filter(|it| it.code.id < "R0300")
                .map(|it| format!("{} {}", it.code.id, it.message))
                .collect()),
        }
    }

    #[test]
    fn a_delay_is_one_span_or_one_by_relation_that_is_followed() {
        let topology = |delay: &str| {
            read(&format!("topology: {{follow: [powers, hosted_on], delay: {delay}}}"))
        };
        let minute = Duration::from_mins(1);
        assert_eq!(read("topology: {follow: [powers]}"), Ok(None));
        assert_eq!(topology("1m"), Ok(Some(Delay::Each(minute))));
        let by = Delay::By(vec![("powers".into(), minute)]);
        assert_eq!(topology("{powers: 1m}"), Ok(Some(by)));
        for (delay, told) in [
            ("{runs: 1m}", "R0222 `delay` of `runs`, which the rule does not follow"),
            ("25h", "R0107 `25h` is out of range"),
            ("{powers: soon}", "R0107 `soon` is not a span of time"),
            ("[1m]", "R0107 found a list"),
        ] {
            assert_eq!(topology(delay), Err(vec![told.to_owned()]), "{delay}");
        }
    }

    #[test]
    fn ticks_until_what_is_left_parts_are_read_and_bounded() {
        for (part_after, fine) in [("0", true), ("10080", true), ("10081", false), ("1h", false)] {
            let read = read(&format!("related: {{part_after: {part_after}}}"));
            assert_eq!(read.is_ok(), fine, "{part_after}");
        }
    }
}
