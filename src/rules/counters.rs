//! All counters of a rule set: what an alert that begins to fire counts as.
//!
//! An alert is only looked at by the counters that could count it, found by an index of their own.

use std::sync::Arc;

use super::counter::{Counter, CounterId, Tallied};
use super::index::Index;
use super::subject::Subject;
use crate::model::labels::Fingerprint;

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

    /// Yields what an alert counts as. Its fingerprint is that of the labels that were sent.
    pub fn tally(
        &self,
        subject: &Subject<'_>,
        alert: Fingerprint,
    ) -> impl Iterator<Item = Tallied> {
        self.index.candidates(subject).into_iter().filter_map(move |at| {
            let counter = self.all.get(at)?;
            let value = counter.value(subject, alert)?;
            Some(Tallied { counter: CounterId(at), key: counter.key(subject), value })
        })
    }
}
