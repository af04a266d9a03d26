//! What a rule is credited with: how often it matched, and what came of it.

use core::fmt;
use std::sync::Arc;

use super::priority::words;
use super::time::Timestamp;

/// Something that came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credit {
    /// An episode of an alert that it is about began.
    Matched,
    /// It opened an incident.
    Opened,
    /// It made an alert, or an incident, part of another incident.
    Absorbed,
    /// What it absorbed would have paged somebody by itself.
    Spared,
    /// It kept an alert from opening an incident or paging.
    HeldBack,
    /// A person took apart what it had put together: a wrong grouping.
    Split,
    /// A shadow: it would have absorbed the alert.
    WouldAbsorb,
    /// A shadow: it would have held the alert back.
    WouldHoldBack,
}

words!(
    Credit,
    Matched = "matched",
    Opened = "opened",
    Absorbed = "absorbed",
    Spared = "spared",
    HeldBack = "held_back",
    Split = "split",
    WouldAbsorb = "would_absorb",
    WouldHoldBack = "would_hold_back"
);

/// Everything that can come of a rule, in the order in which it is told.
pub const CREDITS: [Credit; 8] = [
    Credit::Matched,
    Credit::Opened,
    Credit::Absorbed,
    Credit::Spared,
    Credit::HeldBack,
    Credit::Split,
    Credit::WouldAbsorb,
    Credit::WouldHoldBack,
];

/// How often each came of something; in the order of [`CREDITS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [u64; CREDITS.len()]);

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, what: Credit) {
        for (count, one) in self.0.iter_mut().zip(CREDITS) {
            *count += u64::from(one == what);
        }
    }

    /// Returns how often it came.
    pub fn of(&self, what: Credit) -> u64 {
        self.each().filter(|(one, _)| *one == what).map(|(_, count)| count).sum()
    }

    /// Yields each with its count.
    pub fn each(&self) -> impl Iterator<Item = (Credit, u64)> {
        CREDITS.into_iter().zip(self.0)
    }
}

/// What one rule is credited with since it was first seen under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credits {
    /// The rule, `namespace/name`.
    pub rule: Arc<str>,
    /// When something came of it last.
    pub last: Timestamp,
    /// What came of it.
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credit_has_a_place_of_its_own() {
        let mut counts = Counts::default();
        for (times, what) in (1..).zip(CREDITS) {
            (0..times).for_each(|_| counts.add(what));
        }
        assert_eq!(counts.0, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((counts.of(Credit::Matched), counts.of(Credit::WouldHoldBack)), (1, 8));
    }
}
