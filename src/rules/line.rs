//! One line of a condition: matchers, lines put together, a count, or a time.
//!
//! Read `compound` for how it is written and `condition` for lists of them.

use core::fmt;

use super::calendar::Times;
use super::condition::{Condition, Conditions, Outlook, Verdict};
use super::counter::Count;
use super::subject::Subject;
use crate::cmdb::CiRow;
use crate::model::labels::Labels;

/// One line of a rule's condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// All of these matchers hold.
    Matchers(Condition),
    /// One of these lines holds.
    Any(Conditions),
    /// All of these lines hold.
    All(Conditions),
    /// None of these lines holds.
    Not(Conditions),
    /// So many fire.
    Count(Count),
    /// It is such a time.
    Time(Times),
}

impl Line {
    /// True when it holds for an alert, amid what is around it.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Matchers(condition) => condition.holds(subject),
            Self::Any(lines) => lines.any_holds(subject),
            Self::All(lines) => lines.all_hold(subject),
            Self::Not(lines) => !lines.any_holds(subject),
            Self::Count(count) => count.holds(subject),
            Self::Time(times) => covers(times, subject).unwrap_or(false),
        }
    }

    /// Returns its matchers when it is nothing else.
    pub(super) fn plain(&self) -> Option<&Condition> {
        if let Self::Matchers(condition) = self { Some(condition) } else { None }
    }

    /// Returns the verdict of each matcher, count and time in it.
    pub fn verdicts(&self, subject: &Subject<'_>) -> Vec<Verdict> {
        let mut all = Vec::new();
        self.tell(subject, "", &mut all);
        all
    }

    /// Returns each matcher, count and time in it, as verdicts name it.
    pub fn leaves(&self) -> Vec<String> {
        let nothing = Labels::empty();
        let verdicts = self.verdicts(&Subject::new(&nothing, "", None)).into_iter();
        verdicts.map(|verdict| verdict.matcher).collect()
    }

    /// Says what can become of it for an alert on `ci` of which nothing else is known.
    pub(super) fn outlook(&self, ci: &CiRow) -> Outlook {
        match self {
            Self::Matchers(condition) => condition.outlook(ci),
            Self::Any(lines) => lines.one(ci),
            Self::All(lines) => lines.every(ci),
            Self::Not(lines) => lines.one(ci).turned(),
            Self::Count(_) | Self::Time(_) => Outlook::OPEN,
        }
    }

    /// Adds the verdict of each of its leaves; `path` leads to it.
    pub(super) fn tell(&self, subject: &Subject<'_>, path: &str, into: &mut Vec<Verdict>) {
        let leaf = |value: String| Verdict {
            matcher: format!("{path}{self}"),
            value,
            holds: self.holds(subject),
        };
        match self {
            Self::Matchers(condition) => {
                into.extend(condition.verdicts(subject).map(|verdict| Verdict {
                    matcher: format!("{path}{}", verdict.matcher),
                    ..verdict
                }));
            }
            Self::Any(lines) => lines.tell(subject, &format!("{path}any: "), into),
            Self::All(lines) => lines.tell(subject, &format!("{path}all: "), into),
            Self::Not(lines) => lines.tell(subject, &format!("{path}not: "), into),
            Self::Count(count) => into.push(leaf(count.number(subject).to_string())),
            Self::Time(times) => into.push(leaf(
                match covers(times, subject) {
                    Some(true) => "within",
                    Some(false) => "outside",
                    None => "",
                }
                .into(),
            )),
        }
    }

    /// True when it asks what else fires, what time it is, or what services suffer.
    pub(super) fn asks_around(&self) -> bool {
        match self {
            Self::Matchers(condition) => condition.asks_around(),
            Self::Any(lines) | Self::All(lines) | Self::Not(lines) => lines.asks_around(),
            Self::Count(_) | Self::Time(_) => true,
        }
    }
}

fn covers(times: &Times, subject: &Subject<'_>) -> Option<bool> {
    subject.around.and_then(|around| around.covers(times))
}

impl From<Condition> for Line {
    fn from(condition: Condition) -> Self {
        Self::Matchers(condition)
    }
}

/// Writes it as it reads in a rule file; times of its own are told in short.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matchers(condition) => condition.fmt(f),
            Self::Any(lines) => write!(f, "any: {lines}"),
            Self::All(lines) => write!(f, "all: {lines}"),
            Self::Not(lines) => write!(f, "not: {lines}"),
            Self::Count(count) => count.fmt(f),
            Self::Time(Times::Named(name)) => write!(f, "time: {name}"),
            Self::Time(Times::Own(calendar)) => write!(f, "time: {{{calendar}}}"),
        }
    }
}
