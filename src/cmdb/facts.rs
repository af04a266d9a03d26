//! What is known of a relation beside that there is one: who says so, since when, until when, and
//! when that was last confirmed.
//!
//! Few relations have facts of their own: those of one import share them. So they are kept once, and
//! relations point at them.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::time::{Brief, Timestamp};

/// Bytes in the name of a source.
pub const SOURCE_LEN_MAX: usize = 128;

/// How much older a confirmation may get before the next import writes a new one. An export that is
/// read every hour would else write every relation of the CMDB every hour.
const CONFIRMED_EVERY: Duration = Duration::from_hours(24);

/// What the source of all that comes by topics of Kafka begins with; the name of the source in the
/// settings follows.
const TOPIC: &str = "kafka/";

/// Names the source of all that a source of the settings reads from its topics.
pub fn topic_source(name: &str) -> String {
    format!("{TOPIC}{name}")
}

/// True for the name of such a source: what it says holds until its topic takes it back, and waits for
/// what it speaks of.
pub(super) fn is_topic(source: &str) -> bool {
    source.starts_with(TOPIC)
}

/// The facts of one relation; all of them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facts {
    /// Who says that there is such a relation; empty when nobody is named.
    pub source: Arc<str>,
    /// From when on it holds, this instant included; always when missing.
    pub valid_from: Option<Timestamp>,
    /// Until when it holds, this instant excluded; for ever when missing.
    pub valid_until: Option<Timestamp>,
    /// When the source last said so.
    pub seen_at: Option<Timestamp>,
}

impl Facts {
    /// True when nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True when the relation holds at this time.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= at)
            && self.valid_until.is_none_or(|until| at < until)
    }

    /// Returns the next time after `now` at which it begins or ceases to hold.
    pub fn next_bound(&self, now: Timestamp) -> Option<Timestamp> {
        [self.valid_from, self.valid_until].into_iter().flatten().filter(|bound| *bound > now).min()
    }

    /// True when both say the same but for when it was confirmed.
    pub fn same_but_seen(&self, other: &Self) -> bool {
        (&self.source, self.valid_from, self.valid_until)
            == (&other.source, other.valid_from, other.valid_until)
    }

    /// Returns these facts with those put over them that `new` gives.
    pub(super) fn under(&self, new: &Self) -> Self {
        let source = if new.source.is_empty() { &self.source } else { &new.source };
        Self {
            source: Arc::clone(source),
            valid_from: new.valid_from.or(self.valid_from),
            valid_until: new.valid_until.or(self.valid_until),
            seen_at: new.seen_at.or(self.seen_at),
        }
    }

    /// Says of facts that do not tell when they were confirmed that they are now; what was confirmed
    /// less than a day ago keeps that time.
    pub(super) fn seen(&self, known: Option<Timestamp>, now: Timestamp) -> Self {
        let recent = known.filter(|known| *known <= now && now < known.plus(CONFIRMED_EVERY));
        Self { seen_at: self.seen_at.or(recent).or(Some(now)), ..self.clone() }
    }

    /// Says it as people read it: `netbox, confirmed 3d ago, until 2026-01-01T00:00:00.000Z`.
    pub fn words(&self, now: Timestamp) -> String {
        let mut words = Vec::new();
        if !self.source.is_empty() {
            words.push(self.source.to_string());
        }
        let age = |seen| Brief(Duration::from_secs(now.since(seen).as_secs()));
        words.extend(self.seen_at.map(|seen| format!("confirmed {} ago", age(seen))));
        words.extend(self.valid_from.map(|from| format!("from {from}")));
        words.extend(self.valid_until.map(|until| format!("until {until}")));
        words.join(", ")
    }
}

/// Writes what does not change with every import: `netbox, from …, until …`.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if !self.source.is_empty() {
            f.write_str(&self.source)?;
            gap = ", ";
        }
        for (word, bound) in [("from", self.valid_from), ("until", self.valid_until)] {
            if let Some(bound) = bound {
                write!(f, "{gap}{word} {bound}")?;
                gap = ", ";
            }
        }
        if gap.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// Keeps equal facts once.
#[derive(Debug, Default)]
pub struct FactsShared {
    known: BTreeSet<Arc<Facts>>,
    /// The last one asked for: relations of one import follow each other.
    last: Option<Arc<Facts>>,
}

impl FactsShared {
    /// Returns the one copy of these facts; none of empty ones.
    pub fn share(&mut self, facts: Option<Arc<Facts>>) -> Option<Arc<Facts>> {
        let facts = facts.filter(|facts| !facts.is_empty())?;
        if let Some(last) = self.last.as_ref().filter(|last| **last == facts) {
            return Some(Arc::clone(last));
        }
        let shared = self.known.get(&facts).map_or_else(|| Arc::clone(&facts), Arc::clone);
        self.known.insert(Arc::clone(&shared));
        self.last = Some(Arc::clone(&shared));
        Some(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_relation_holds_from_its_first_instant_until_just_before_its_last() {
        let between = |from, until| Facts {
            valid_from: Option::map(from, at),
            valid_until: Option::map(until, at),
            ..Facts::default()
        };
        for (facts, now, holds, next) in [
            (between(None, None), 5, true, None),
            (between(Some(10), None), 9, false, Some(10)),
            (between(Some(10), None), 10, true, None),
            (between(None, Some(20)), 19, true, Some(20)),
            (between(None, Some(20)), 20, false, None),
            (between(Some(10), Some(20)), 5, false, Some(10)),
            (between(Some(10), Some(20)), 10, true, Some(20)),
        ] {
            let found = (facts.holds(at(now)), facts.next_bound(at(now)));
            assert_eq!(found, (holds, next.map(at)), "{facts} at {now}");
        }
    }

    #[test]
    fn a_confirmation_of_less_than_a_day_ago_is_kept() {
        const DAY: i64 = 86_400_000;
        let none = Facts::default();
        for (given, known, seen) in [
            (None, None, 5 * DAY),
            (None, Some(4 * DAY + 1), 4 * DAY + 1),
            (None, Some(4 * DAY), 5 * DAY),
            (None, Some(6 * DAY), 5 * DAY),
            (Some(7), Some(4 * DAY + 1), 7),
        ] {
            let facts = Facts { seen_at: given.map(at), ..none.clone() };
            assert_eq!(facts.seen(known.map(at), at(5 * DAY)).seen_at, Some(at(seen)), "{known:?}");
        }
    }

    #[test]
    fn equal_facts_are_kept_once_and_empty_ones_not_at_all() {
        let mut shared = FactsShared::default();
        let facts =
            |source: &str| Some(Arc::new(Facts { source: source.into(), ..Facts::default() }));
        let first = shared.share(facts("netbox")).unwrap();
        shared.share(facts("hand")).unwrap();
        let again = shared.share(facts("netbox")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(shared.share(facts("")), None);
    }

    #[test]
    fn facts_are_said_in_the_order_in_which_people_ask() {
        let facts = Facts {
            source: "netbox".into(),
            valid_until: Some(at(1_767_225_600_000)),
            seen_at: Some(at(0)),
            ..Facts::default()
        };
        let words = facts.words(at(3 * 86_400_000));
        assert_eq!(words, "netbox, confirmed 3d ago, until 2026-01-01T00:00:00.000Z");
        assert_eq!(facts.to_string(), "netbox, until 2026-01-01T00:00:00.000Z");
        assert_eq!(Facts::default().to_string(), "nothing");
    }
}
