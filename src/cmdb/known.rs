//! What is known of the relations in force, by their places among the edges: four columns, because of
//! a relation that an import confirmed hardly anything is its own.

use std::sync::Arc;

use super::column::Column;
use super::facts::Facts;
use crate::model::time::Timestamp;

/// Stands for a time that is not known: nobody writes one 292 million years ago.
const NO_TIME: i64 = i64::MIN;

/// The facts of relations.
#[derive(Clone, Debug)]
pub(super) struct Known {
    sources: Column<Arc<str>>,
    valid_from: Column<i64>,
    valid_until: Column<i64>,
    seen_at: Column<i64>,
    /// No source, for relations of which nothing is known.
    nobody: Arc<str>,
}

impl Known {
    /// Nothing of no relation.
    pub(super) fn new() -> Self {
        let (nobody, times) = (Arc::from(""), || Column::new(NO_TIME));
        Self {
            sources: Column::new(Arc::clone(&nobody)),
            valid_from: times(),
            valid_until: times(),
            seen_at: times(),
            nobody,
        }
    }

    /// Adds the facts of the next relation.
    pub(super) fn push(&mut self, facts: Option<&Facts>) {
        let time = |time: Option<Timestamp>| time.map_or(NO_TIME, Timestamp::millis);
        self.sources.push(facts.map_or(&self.nobody, |facts| &facts.source));
        self.valid_from.push(&time(facts.and_then(|facts| facts.valid_from)));
        self.valid_until.push(&time(facts.and_then(|facts| facts.valid_until)));
        self.seen_at.push(&time(facts.and_then(|facts| facts.seen_at)));
    }

    /// Gives back the room for further relations.
    pub(super) fn finish(&mut self) {
        self.sources.finish();
        for times in [&mut self.valid_from, &mut self.valid_until, &mut self.seen_at] {
            times.finish();
        }
    }

    /// Returns what is known of the relation at a place; nothing where that is nothing.
    pub(super) fn get(&self, at: usize) -> Option<Facts> {
        let facts = Facts {
            source: Arc::clone(self.sources.get(at)?),
            valid_from: time(self.valid_from.get(at)),
            valid_until: time(self.valid_until.get(at)),
            seen_at: self.seen_at(at),
        };
        (!facts.is_empty()).then_some(facts)
    }

    /// Returns when the relation at a place was last confirmed.
    pub(super) fn seen_at(&self, at: usize) -> Option<Timestamp> {
        time(self.seen_at.get(at))
    }

    /// Yields when relations were last confirmed, each time at least once.
    pub(super) fn times_seen(&self) -> impl Iterator<Item = Timestamp> {
        self.seen_at.values().filter_map(|it| time(Some(it)))
    }

    /// Yields when relations begin and cease to hold, each time at least once.
    pub(super) fn bounds(&self) -> impl Iterator<Item = Timestamp> {
        self.valid_from.values().chain(self.valid_until.values()).filter_map(|it| time(Some(it)))
    }
}

fn time(millis: Option<&i64>) -> Option<Timestamp> {
    millis.filter(|millis| **millis != NO_TIME).map(|millis| Timestamp::from_millis(*millis))
}
