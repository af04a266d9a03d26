//! All counters of a rule set: what an alert that begins to fire counts as.
//!
//! An alert is only looked at by the counters that could count it, found by an index of their own.

use std::sync::Arc;

use super::counter::{Counter, CounterId, Tallied};
use super::index::Index;
use super::subject::Subject;

/// What the conditions of a rule set count.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    all: Vec<Arc<Counter>>,
    index: Index,
}

impl Counters {
    pub(super) fn new(all: Vec<Arc<Counter>>) -> Self {
        let index = Index::build(all.iter().map(|counter| &counter.among));
        Self { all, index }
    }

    /// True when nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Yields what an alert counts as.
    pub fn tally(&self, subject: &Subject<'_>) -> impl Iterator<Item = Tallied> {
        self.index.candidates(subject).into_iter().filter_map(|at| {
            let counter = self.all.get(at)?;
            let value = counter.value(subject)?;
            Some(Tallied { counter: CounterId(at), key: counter.key(subject), value })
        })
    }
}
