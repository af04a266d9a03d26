//! By what a rule can be filed: what an alert must have for it to match, and which of that is best.

use core::cmp::Reverse;
use std::collections::BTreeMap;

use super::condition::Conditions;
use super::line::Line;
use super::matcher::{Matcher, Test};
use super::needles::needles;
use super::subject::Field;

/// What an alert must have for a rule to match; of a rule's needs one is enough to file it by.
pub(super) enum Need<'a> {
    /// This.
    One(Handle<'a>),
    /// For one of these lines, what that needs: the rule is filed by all of them.
    EachOf(Vec<Vec<Need<'a>>>),
}

/// A matcher by which a rule can be filed: it refuses the empty value, so its field must be there.
pub(super) struct Handle<'a> {
    pub(super) field: &'a Field,
    pub(super) by: By<'a>,
}

/// What the value of its field must be.
pub(super) enum By<'a> {
    /// One of these.
    Values(Vec<&'a str>),
    /// A text that holds one of these.
    Parts(Vec<Vec<u8>>),
    /// Anything.
    Presence,
}

/// Returns what all lines of a rule need.
pub(super) fn needs(conditions: &Conditions) -> Vec<Need<'_>> {
    conditions.lines().iter().flat_map(needs_of_line).collect()
}

fn needs_of_line(line: &Line) -> Vec<Need<'_>> {
    match line {
        Line::Matchers(condition) => {
            condition.matchers().iter().filter_map(handle).map(Need::One).collect()
        }
        Line::All(lines) => needs(lines),
        Line::Any(lines) => {
            vec![Need::EachOf(lines.lines().iter().map(needs_of_line).collect())]
        }
        Line::Not(_) | Line::Count(_) | Line::Time(_) => Vec::new(),
    }
}

fn handle(matcher: &Matcher) -> Option<Handle<'_>> {
    // Services are found by a walk, which is what the index is to spare.
    if matcher.test().passes("") || matches!(matcher.field(), Field::Service(_)) {
        return None;
    }
    let by = match (matcher.test().values(), matcher.test()) {
        (Some(values), _) => By::Values(values),
        (None, Test::Matches(pattern)) => needles(pattern.as_str()).map_or(By::Presence, By::Parts),
        (None, _) => By::Presence,
    };
    Some(Handle { field: matcher.field(), by })
}

/// How many rules could be filed under each value, and each text, of each field.
#[derive(Default)]
pub(super) struct Popularity<'a>(BTreeMap<&'a Field, Counts<'a>>);

#[derive(Default)]
struct Counts<'a> {
    values: BTreeMap<&'a str, usize>,
    parts: BTreeMap<&'a [u8], usize>,
}

/// Orders handles from the best, see [`Popularity::rank`].
pub(super) type Rank = (usize, Reverse<usize>);

/// To look for texts in a value costs as much as to try some rules.
const PARTS_COST: usize = 4;

impl<'a> Popularity<'a> {
    pub(super) fn count(rules: &'a [Vec<Need<'a>>]) -> Self {
        let mut counts = Self::default();
        for needs in rules {
            counts.add(needs);
        }
        counts
    }

    fn add(&mut self, needs: &'a [Need<'a>]) {
        for need in needs {
            match need {
                Need::One(handle) => {
                    let counts = self.0.entry(handle.field).or_default();
                    match &handle.by {
                        By::Values(values) => {
                            for value in values {
                                *counts.values.entry(value).or_default() += 1;
                            }
                        }
                        By::Parts(parts) => {
                            for part in parts {
                                *counts.parts.entry(part).or_default() += 1;
                            }
                        }
                        By::Presence => {}
                    }
                }
                Need::EachOf(lines) => {
                    for needs in lines {
                        self.add(needs);
                    }
                }
            }
        }
    }

    /// Returns the handles by which to file a rule with these needs; nothing when it has no need.
    pub(super) fn best<'n>(&self, needs: &'n [Need<'a>]) -> Option<(Rank, Vec<&'n Handle<'a>>)> {
        let ways = needs.iter().filter_map(|need| match need {
            Need::One(handle) => Some((self.rank(handle), vec![handle])),
            Need::EachOf(lines) => {
                let all: Option<Vec<_>> = lines.iter().map(|needs| self.best(needs)).collect();
                let all = all?;
                // A line that never holds has no need that counts.
                let worst = all.iter().map(|(rank, _)| *rank).max().unwrap_or((0, Reverse(0)));
                Some((worst, all.into_iter().flat_map(|(_, handles)| handles).collect()))
            }
        });
        ways.min_by_key(|(rank, _)| *rank)
    }

    /// Orders handles from the best: a value that few rules share, of a field of which rules know
    /// many values (an alert's name tells more than its severity). Mere presence comes last.
    fn rank(&self, handle: &Handle<'_>) -> Rank {
        let last = (usize::MAX, Reverse(0));
        let Some(counts) = self.0.get(handle.field) else { return last };
        match &handle.by {
            By::Values(values) => {
                let shared = values.iter().filter_map(|value| counts.values.get(value)).max();
                (shared.copied().unwrap_or(0), Reverse(counts.values.len()))
            }
            By::Parts(parts) => {
                let shared = parts.iter().filter_map(|part| counts.parts.get(&**part)).max();
                (shared.map_or(0, |shared| shared + PARTS_COST), Reverse(counts.parts.len()))
            }
            By::Presence => last,
        }
    }
}
