//! What the policy learns from the alerts it sees: how fast a source samples, which alerts open
//! incidents and which follow, which places every incident touches.
//!
//! Decisions depend on it, so it is stored with them, a row for each thing learned. It is bounded:
//! when enough has been seen everything counts half, and what comes to nothing is forgotten.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use crate::model::learned::{LearnedKey, LearnedRow};

/// Intervals kept of one source.
const INTERVALS_MAX: usize = 64;

/// Below that many intervals a source says nothing of its own yet.
const INTERVALS_MIN: usize = 4;

/// Which of the intervals, from the shortest, is taken for the tick: one in ten is shorter.
const QUANTILE: usize = 10;

/// Bounds of a tick and what it is without any sign, in milliseconds. Scrape intervals are 15 s and
/// up; recordings and cloud metrics come every 5 to 15 minutes.
const TICK_MIN_MS: u32 = 15_000;
const TICK_MAX_MS: u32 = 900_000;
const TICK_MS: u32 = 60_000;

/// An interval below half a second is a correction, not a sample.
const INTERVAL_MIN_MS: i64 = 500;

/// Incidents after which everything learned counts half.
const HALVED_AFTER: u32 = 10_000;

/// Alerts of a name that are taken for granted before it has a role; the bound of what a role says.
const ROLE_PRIOR: f64 = 8.0;
const ROLE_MAX: f64 = 1.0;

/// The source that stands for all.
const ANY: &str = "";

/// What was learned so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::engine) struct Learned {
    /// Looked at for every place near an alert. Its order is never seen.
    rows: HashMap<LearnedKey, LearnedRow, FixedState>,
    changed: BTreeSet<LearnedKey>,
}

impl Learned {
    /// Goes on from stored rows.
    pub(in crate::engine) fn restore(rows: Vec<(LearnedKey, LearnedRow)>) -> Self {
        Self { rows: rows.into_iter().collect(), changed: BTreeSet::new() }
    }

    /// Takes what changed since the last time; nothing for a row that is gone.
    pub(in crate::engine) fn take_changes(&mut self) -> Vec<(LearnedKey, Option<LearnedRow>)> {
        let changed = core::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|key| {
                let row = self.rows.get(&key).cloned();
                (key, row)
            })
            .collect()
    }

    fn change(&mut self, key: LearnedKey) -> &mut LearnedRow {
        self.changed.insert(key.clone());
        self.rows.entry(key).or_default()
    }

    /// Notes how long an alert of a source fired or was quiet.
    pub(super) fn interval(&mut self, source: &str, lasted_ms: i64) {
        if lasted_ms <= INTERVAL_MIN_MS {
            return;
        }
        let lasted = u32::try_from(lasted_ms).unwrap_or(u32::MAX);
        for source in [source, ANY] {
            let row = self.change(LearnedKey::Source(source.into()));
            if row.intervals_ms.len() >= INTERVALS_MAX {
                row.intervals_ms.remove(0);
            }
            row.intervals_ms.push(lasted);
            if source == ANY {
                break;
            }
        }
    }

    /// Notes that alerts of a source end by themselves.
    pub(super) fn resolves(&mut self, source: &str) {
        if !self.is_resolving(source) {
            self.change(LearnedKey::Source(source.into())).resolves = true;
        }
    }

    /// True when alerts of a source were seen to end.
    pub(super) fn is_resolving(&self, source: &str) -> bool {
        self.rows.get(&LearnedKey::Source(source.into())).is_some_and(|row| row.resolves)
    }

    /// Returns the time in which a source notices something, in milliseconds.
    pub(super) fn tick_ms(&self, source: &str) -> u32 {
        let known = [source, ANY].into_iter().find_map(|source| {
            let row = self.rows.get(&LearnedKey::Source(source.into()))?;
            (row.intervals_ms.len() >= INTERVALS_MIN).then_some(&row.intervals_ms)
        });
        let Some(intervals) = known else { return TICK_MS };
        let mut intervals = intervals.clone();
        let at = intervals.len() / QUANTILE;
        let tick = *intervals.select_nth_unstable(at).1;
        tick.clamp(TICK_MIN_MS, TICK_MAX_MS)
    }

    /// Notes whether an alert of a name joined what was open or opened something new.
    pub(super) fn role_played(&mut self, name: &str, joined: Joined) {
        for key in [LearnedKey::Name(name.into()), LearnedKey::All] {
            let row = self.change(key);
            match joined {
                Joined::Open => row.joined += 1,
                Joined::Nothing => row.opened += 1,
            }
        }
        if self.opened() >= HALVED_AFTER {
            self.halve();
        }
    }

    /// Returns by how much an alert of this name is likelier to follow than to open, as a logarithm
    /// between minus and plus one.
    pub(super) fn role(&self, name: &str) -> f64 {
        let (joined, opened) = self.counts(&LearnedKey::Name(name.into()));
        let (all_joined, all_opened) = self.counts(&LearnedKey::All);
        let share = |of: f64, all: f64| ((of + 1.0) / (all + ROLE_PRIOR)).ln();
        (share(joined, all_joined) - share(opened, all_opened)).clamp(-ROLE_MAX, ROLE_MAX)
    }

    fn counts(&self, key: &LearnedKey) -> (f64, f64) {
        self.rows.get(key).map_or((0.0, 0.0), |row| (row.joined.into(), row.opened.into()))
    }

    fn opened(&self) -> u32 {
        self.rows.get(&LearnedKey::All).map_or(0, |row| row.opened)
    }

    /// Notes that one more incident touched a place.
    pub(super) fn touched(&mut self, place: u64) {
        self.change(LearnedKey::Place(place)).opened += 1;
    }

    /// Returns the logarithm of the share of incidents that touched a place.
    pub(super) fn familiarity(&self, place: u64) -> f64 {
        let (_, touched) = self.counts(&LearnedKey::Place(place));
        ((touched + 1.0) / (f64::from(self.opened()) + 2.0)).ln()
    }

    /// Notes an alert without a CI that carries these label pairs.
    pub(super) fn carried(&mut self, pairs: &[u64]) {
        self.change(LearnedKey::Unbound).joined += 1;
        for pair in pairs {
            self.change(LearnedKey::Place(*pair)).joined += 1;
        }
    }

    /// Returns the share of the alerts without a CI that carry a label pair.
    pub(super) fn share(&self, pair: u64) -> f64 {
        let (carried, _) = self.counts(&LearnedKey::Place(pair));
        let (all, _) = self.counts(&LearnedKey::Unbound);
        (carried + 1.0) / (all + 1.0)
    }

    fn halve(&mut self) {
        self.changed.extend(self.rows.keys().cloned());
        self.rows.retain(|_, row| {
            row.joined /= 2;
            row.opened /= 2;
            row.joined > 0 || row.opened > 0 || row.resolves || !row.intervals_ms.is_empty()
        });
    }
}

/// What an alert did when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Joined {
    /// It joined an open incident.
    Open,
    /// It opened one.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_the_shortest_life_but_for_one_in_ten_within_bounds() {
        let tick = |intervals: &[i64]| {
            let mut learned = Learned::default();
            for interval in intervals {
                learned.interval("job", *interval);
            }
            learned.tick_ms("job")
        };
        assert_eq!(tick(&[120_000; 3]), 60_000, "too few to tell");
        assert_eq!(tick(&[120_000; 4]), 120_000);
        assert_eq!(tick(&[1_000, 120_000, 120_000, 240_000]), 15_000, "clamped");
        assert_eq!(tick(&[400; 8]), 60_000, "corrections");
        assert_eq!(tick(&[3_600_000; 8]), 900_000, "clamped");
        let mut many = vec![60_000; 100];
        many.extend([300_000; 64]);
        assert_eq!(tick(&many), 300_000, "the last 64 count");
    }

    #[test]
    fn a_source_that_has_said_too_little_has_the_tick_of_all() {
        let mut learned = Learned::default();
        for _ in 0..4 {
            learned.interval("a", 300_000);
        }
        assert_eq!((learned.tick_ms("a"), learned.tick_ms("b")), (300_000, 300_000));
    }

    #[test]
    fn names_learn_to_open_or_to_follow() {
        let mut learned = Learned::default();
        assert!(learned.role("x").abs() < 1e-9);
        for _ in 0..20 {
            learned.role_played("cause", Joined::Nothing);
            learned.role_played("symptom", Joined::Open);
        }
        assert!(learned.role("cause") < -0.9, "{}", learned.role("cause"));
        assert!(learned.role("symptom") > 0.9, "{}", learned.role("symptom"));
    }

    #[test]
    fn everything_counts_half_when_enough_was_seen() {
        let mut learned = Learned::default();
        learned.touched(7);
        for _ in 0..HALVED_AFTER {
            learned.role_played("x", Joined::Nothing);
        }
        assert_eq!(learned.opened(), HALVED_AFTER / 2);
        let changes = learned.take_changes();
        assert!(changes.contains(&(LearnedKey::Place(7), None)), "forgotten");
        assert_eq!(learned.take_changes(), []);
        let rows = changes.into_iter().filter_map(|(key, row)| Some((key, row?))).collect();
        assert_eq!(Learned::restore(rows), learned);
    }
}
