//! Kind `related`: gathers what is likely to have one cause, by time, place and experience.

use core::time::Duration;

use crate::rules::codes;
use crate::rules::condition::Conditions;
use crate::rules::reader::{DAY, Reader};
use crate::rules::rule::conditions;
use crate::rules::subject::Subject;
use crate::rules::text::shortened;
use crate::rules::yaml::Node;

/// The label that says which alerts are of one system when nothing is said.
const SCOPE: &str = "namespace";
/// How many times likelier than chance, when nothing is said.
const ODDS: f64 = 7.0;
/// Ticks by which something has to outlive its root when nothing is said: an hour of samples of a
/// minute. Symptoms that need minutes to calm down must not page again.
const PART_AFTER: u32 = 60;
/// The most that can be said: a week of samples of a minute.
const PART_AFTER_MAX: u32 = 10_080;
/// The range of the odds.
const ODDS_RANGE: core::ops::RangeInclusive<f64> = 1.0..=1_000.0;

/// Gathers what is likely to have one cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    /// How many times likelier a new alert belongs to a fresh incident at its own place than to none:
    /// the higher, the more is joined.
    pub odds: f64,
    /// Labels whose values say which alerts are of one system; systems are apart from one another.
    pub scope: Vec<Box<str>>,
    /// How old an incident may be that alerts still join; half-open.
    pub max_age: Duration,
    /// After how many ticks without the root, and without anything that runs with it, what still
    /// fires goes on as an incident of its own; never when nothing is said.
    pub part_after: Option<u32>,
    pub(in crate::rules) never_absorb: Conditions,
}

impl Related {
    /// True for an alert that always has an incident of its own.
    pub fn never_absorbs(&self, subject: &Subject<'_>) -> bool {
        self.never_absorb.any_holds(subject)
    }
}

/// Reads the value of `related:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Related> {
    let mut fields = reader.map(node, "`related`")?;
    let odds = fields.read(reader, "odds", odds);
    let scope = fields.read(reader, "scope", Reader::names);
    let second = Duration::from_secs(1);
    let max_age = fields.read(reader, "max_age", |r, n| r.duration(n, second..=30 * DAY));
    let part_after = fields.read(reader, "part_after", |r, n| r.number(n, 0..=PART_AFTER_MAX));
    let never_absorb = fields.read(reader, "never_absorb", conditions);
    fields.finish(reader);
    let scope = scope.map(|names| names.into_iter().map(|(name, _)| name).collect());
    Some(Related {
        odds: odds.unwrap_or(ODDS),
        scope: scope.unwrap_or_else(|| vec![SCOPE.into()]),
        max_age: max_age.unwrap_or(DAY),
        part_after: Some(part_after.unwrap_or(PART_AFTER)).filter(|ticks| *ticks > 0),
        never_absorb: never_absorb.unwrap_or_default(),
    })
}

fn odds(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    let text = reader.text(node)?;
    let odds = text.parse().ok().filter(|odds| ODDS_RANGE.contains(odds));
    if odds.is_none() {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is out of range", shortened(text)))
            .label(format!(
                "expected a number from {} to {}",
                ODDS_RANGE.start(),
                ODDS_RANGE.end()
            ));
    }
    odds
}
