//! Counts of what fires: which alerts a counter counts, as what, and how a condition asks it.
//!
//! Holds no number: the engine counts as alerts begin and end, and answers through
//! [`Around`](super::around::Around). Read `compound` for how a counter is written.

use core::fmt::{self, Write as _};
use std::sync::Arc;

use super::condition::Conditions;
use super::subject::{Field, Subject};

/// Identifies a counter within one rule set: its place among [`RuleSet::counters`].
///
/// [`RuleSet::counters`]: super::set::RuleSet::counters
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId(pub usize);

/// Counts different things among the alerts that fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    /// What is counted.
    pub(super) of: Of,
    /// Which alerts are looked at: those for which every line holds.
    pub(super) among: Conditions,
    /// What must be equal to count together.
    pub(super) same: Box<[Field]>,
}

/// What is counted; each once, however many alerts there are of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The alerts themselves.
    Alerts,
    /// The values of a field, the empty one left out.
    Values(Field),
}

/// What a counter counts an alert as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallied {
    /// By which counter.
    pub counter: CounterId,
    /// What it counts together with.
    pub key: Box<str>,
    /// As what it counts.
    pub value: Box<str>,
}

impl Counter {
    /// Returns what an alert counts together with.
    pub(super) fn key(&self, subject: &Subject<'_>) -> Box<str> {
        let mut key = String::new();
        for field in &self.same {
            let value = field.value(subject);
            // With its length, so that two values never read as two others.
            let written = write!(key, "{}:{value}", value.len());
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        key.into()
    }

    /// Returns as what an alert counts; nothing when it does not.
    pub(super) fn value(&self, subject: &Subject<'_>) -> Option<Box<str>> {
        if !self.among.all_hold(subject) {
            return None;
        }
        match &self.of {
            Of::Alerts => Some(subject.labels.fingerprint().to_string().into()),
            Of::Values(field) => {
                let value = field.value(subject);
                (!value.is_empty()).then(|| value.into())
            }
        }
    }
}

/// Asks a counter: `count: {of: ci, where: …, at_least: 3}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub(super) id: CounterId,
    pub(super) counter: Arc<Counter>,
    pub(super) bound: Bound,
}

/// How many there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// So many or more.
    AtLeast(usize),
    /// Fewer.
    Below(usize),
}

impl Count {
    /// True when there are as many as asked.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let number = self.number(subject);
        match self.bound {
            Bound::AtLeast(least) => number >= least,
            Bound::Below(limit) => number < limit,
        }
    }

    /// Returns how many there are; where nobody knows, only the alert itself.
    pub(super) fn number(&self, subject: &Subject<'_>) -> usize {
        let known = subject.around.and_then(|it| it.count(self.id, &self.counter.key(subject)));
        known.unwrap_or_else(|| usize::from(self.counter.value(subject).is_some()))
    }
}

/// Writes it as it reads in a rule file.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counter { of, among, same } = &*self.counter;
        match of {
            Of::Alerts => f.write_str("count: {of: alerts")?,
            Of::Values(Field::Ci(name)) if &**name == "name" => f.write_str("count: {of: ci")?,
            Of::Values(field) => write!(f, "count: {{of: {field}")?,
        }
        if !among.is_empty() {
            write!(f, ", where: {among}")?;
        }
        for (at, field) in same.iter().enumerate() {
            write!(f, "{}{field}", if at == 0 { ", same: [" } else { ", " })?;
        }
        if !same.is_empty() {
            f.write_str("]")?;
        }
        match self.bound {
            Bound::AtLeast(least) => write!(f, ", at_least: {least}}}"),
            Bound::Below(limit) => write!(f, ", below: {limit}}}"),
        }
    }
}
