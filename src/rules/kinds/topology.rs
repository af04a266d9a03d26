//! Kind `topology`: gathers what suffers from the CI of an alert that matches.

use core::time::Duration;

use crate::rules::condition::Conditions;
use crate::rules::diagnostics::Span;
use crate::rules::reader::{DAY, MINUTE, Reader};
use crate::rules::rule::conditions;
use crate::rules::sections::WAIT_MAX;
use crate::rules::subject::Subject;
use crate::rules::yaml::Node;

/// Hops that may be followed; the cost of a walk grows with their power.
const HOPS_MAX: u8 = 8;

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
    pub(in crate::rules) never_absorb: Conditions,
}

impl TopologyKind {
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
    fields.finish(reader);
    *follow = names?;
    Some(TopologyKind {
        follow: follow.iter().map(|(name, _)| name.clone()).collect(),
        max_hops: max_hops.unwrap_or(4),
        wait: wait.unwrap_or_default(),
        lookback: lookback.unwrap_or(5 * MINUTE),
        window: window.unwrap_or(5 * MINUTE),
        max_age: max_age.unwrap_or(DAY),
        never_absorb: never_absorb.unwrap_or_default(),
    })
}
