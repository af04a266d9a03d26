//! What the policy learns from the alerts it sees: how fast a source samples, which alerts open
//! incidents and which follow, which places every incident touches.
//!
//! Decisions depend on it, so it is stored with them, a row for each thing learned. It is bounded:
//! when enough has been seen everything counts half, and what comes to nothing is forgotten.

use core::hint::black_box;
use std::collections::HashMap;

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

/// What was learned so far. Only asked, never iterated where the order of its maps could be seen.
#[derive(Debug, Default)]
pub(in crate::engine) struct Learned {
    all: Kept,
    unbound: Kept,
    names: HashMap<Box<str>, Kept, FixedState>,
    /// Looked at for every place near an alert.
    places: HashMap<u64, Kept, FixedState>,
    sources: HashMap<Box<str>, Source, FixedState>,
    /// The keys of what changed, some of them more than once after everything was halved.
    changed: Vec<LearnedKey>,
}

/// A row that is stored.
#[derive(Debug, Default)]
struct Kept {
    row: LearnedRow,
    /// Whether its key is among those that changed.
    changed: bool,
}

impl Kept {
    /// Returns the row to change it, noting that it changes.
    fn change(
        &mut self,
        changed: &mut Vec<LearnedKey>,
        key: impl FnOnce() -> LearnedKey,
    ) -> &mut LearnedRow {
        if !self.changed {
            self.changed = true;
            changed.push(key());
        }
        &mut self.row
    }

    /// Lets it count half; false when that comes to nothing.
    fn halve(&mut self) -> bool {
        self.changed = true;
        self.row.joined /= 2;
        self.row.opened /= 2;
        !self.is_empty()
    }

    /// True when it says nothing: such a row is not stored.
    fn is_empty(&self) -> bool {
        self.row == LearnedRow::default()
    }
}

/// What was learned of a source.
#[derive(Debug, Default)]
struct Source {
    kept: Kept,
    /// The intervals of its row, the shortest first: its tick is asked for with every alert.
    sorted_ms: Vec<u32>,
}

impl Source {
    fn restore(row: LearnedRow) -> Self {
        let mut sorted_ms = row.intervals_ms.clone();
        sorted_ms.sort_unstable();
        Self { kept: Kept { row, changed: false }, sorted_ms }
    }

    /// Adds an interval, in the place of the oldest when there are enough.
    fn push(&mut self, interval_ms: u32) {
        let intervals = &mut self.kept.row.intervals_ms;
        if intervals.len() >= INTERVALS_MAX {
            let oldest = intervals.remove(0);
            if let Ok(at) = self.sorted_ms.binary_search(&oldest) {
                self.sorted_ms.remove(at);
            }
        }
        intervals.push(interval_ms);
        let at = self.sorted_ms.partition_point(|shorter| *shorter < interval_ms);
        self.sorted_ms.insert(at, interval_ms);
    }

    /// Its tick in milliseconds; `None` while it has said too little.
    fn tick_ms(&self) -> Option<u32> {
        let tick = self.sorted_ms.get(self.sorted_ms.len() / QUANTILE)?;
        (self.sorted_ms.len() >= INTERVALS_MIN).then(|| (*tick).clamp(TICK_MIN_MS, TICK_MAX_MS))
    }
}

impl Learned {
    /// Goes on from stored rows.
    pub(in crate::engine) fn restore(rows: Vec<(LearnedKey, LearnedRow)>) -> Self {
        let mut learned = Self::default();
        for (key, row) in rows {
            let kept = |row| Kept { row, changed: false };
            match key {
                LearnedKey::All => learned.all = kept(row),
                LearnedKey::Unbound => learned.unbound = kept(row),
                LearnedKey::Name(name) => drop(learned.names.insert(name, kept(row))),
                LearnedKey::Place(place) => drop(learned.places.insert(place, kept(row))),
                LearnedKey::Source(source) => {
                    drop(learned.sources.insert(source, Source::restore(row)));
                }
            }
        }
        learned
    }

    /// Takes what changed since the last time, by key; nothing for a row that is gone.
    pub(in crate::engine) fn take_changes(&mut self) -> Vec<(LearnedKey, Option<LearnedRow>)> {
        let mut changed = core::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let taken = |key: LearnedKey| {
            let kept = match &key {
                LearnedKey::All => Some(&mut self.all),
                LearnedKey::Unbound => Some(&mut self.unbound),
                LearnedKey::Name(name) => self.names.get_mut(name),
                LearnedKey::Place(place) => self.places.get_mut(place),
                LearnedKey::Source(source) => self.sources.get_mut(source).map(|it| &mut it.kept),
            };
            let row = kept.and_then(|kept| {
                kept.changed = false;
                (!kept.is_empty()).then(|| kept.row.clone())
            });
            (key, row)
        };
        changed.into_iter().map(taken).collect()
    }

    /// Notes how long an alert of a source fired or was quiet.
    pub(super) fn interval(&mut self, source: &str, lasted_ms: i64) {
        if lasted_ms <= INTERVAL_MIN_MS {
            return;
        }
        let lasted_ms = u32::try_from(lasted_ms).unwrap_or(u32::MAX);
        self.change_source(source, |source| source.push(lasted_ms));
        if source != ANY {
            self.change_source(ANY, |source| source.push(lasted_ms));
        }
    }

    /// Notes that alerts of a source end by themselves.
    pub(super) fn resolves(&mut self, source: &str) {
        if !self.is_resolving(source) {
            self.change_source(source, |source| source.kept.row.resolves = true);
        }
    }

    fn change_source(&mut self, name: &str, change: impl FnOnce(&mut Source)) {
        // Not: an entry. That would be an allocation for a source that is known, as nearly all are.
        if !self.sources.contains_key(name) {
            self.sources.insert(name.into(), Source::default());
        }
        if let Some(source) = self.sources.get_mut(name) {
            source.kept.change(&mut self.changed, || LearnedKey::Source(name.into()));
            change(source);
        }
    }

    /// True when alerts of a source were seen to end.
    pub(super) fn is_resolving(&self, source: &str) -> bool {
        self.sources.get(source).is_some_and(|source| source.kept.row.resolves)
    }

    /// Returns the time in which a source notices something, in milliseconds.
    pub(super) fn tick_ms(&self, source: &str) -> u32 {
        let mut known = [source, ANY].into_iter().filter_map(|source| self.sources.get(source));
        known.find_map(Source::tick_ms).unwrap_or(TICK_MS)
    }

    /// Notes whether an alert of a name joined what was open or opened something new.
    pub(super) fn role_played(&mut self, name: &str, joined: Joined) {
        let count = |row: &mut LearnedRow| match joined {
            Joined::Open => row.joined += 1,
            Joined::Nothing => row.opened += 1,
        };
        // Not: an entry, as above.
        if !self.names.contains_key(name) {
            self.names.insert(name.into(), Kept::default());
        }
        if let Some(kept) = self.names.get_mut(name) {
            count(kept.change(&mut self.changed, || LearnedKey::Name(name.into())));
        }
        count(self.all.change(&mut self.changed, || LearnedKey::All));
        if self.all.row.opened >= HALVED_AFTER {
            self.halve();
        }
    }

    /// Returns by how much an alert of this name is likelier to follow than to open, as a logarithm
    /// between minus and plus one.
    pub(super) fn role(&self, name: &str) -> f64 {
        let (joined, opened) = counts(self.names.get(name));
        let (all_joined, all_opened) = counts(Some(&self.all));
        let share = |of: f64, all: f64| ((of + 1.0) / (all + ROLE_PRIOR)).ln();
        (share(joined, all_joined) - share(opened, all_opened)).clamp(-ROLE_MAX, ROLE_MAX)
    }

    /// Notes that one more incident touched a place.
    pub(super) fn touched(&mut self, place: u64) {
        self.change_place(place).opened += 1;
    }

    fn change_place(&mut self, place: u64) -> &mut LearnedRow {
        let kept = self.places.entry(place).or_default();
        kept.change(&mut self.changed, || LearnedKey::Place(place))
    }

    /// Returns the logarithm of the share of incidents that touched a place.
    pub(super) fn familiarity(&self, place: u64) -> f64 {
        let (_, touched) = counts(self.places.get(&place));
        ((touched + 1.0) / (f64::from(self.all.row.opened) + 2.0)).ln()
    }

    /// Reads how many incidents touched a place, before that is asked for.
    pub(super) fn read_ahead(&self, place: u64) {
        black_box(self.places.get(&place).map(|kept| kept.row.opened));
    }

    /// Notes an alert without a CI that carries these label pairs.
    pub(super) fn carried(&mut self, pairs: &[u64]) {
        self.unbound.change(&mut self.changed, || LearnedKey::Unbound).joined += 1;
        for pair in pairs {
            self.change_place(*pair).joined += 1;
        }
    }

    /// Returns the share of the alerts without a CI that carry a label pair.
    pub(super) fn share(&self, pair: u64) -> f64 {
        let (carried, _) = counts(self.places.get(&pair));
        let (all, _) = counts(Some(&self.unbound));
        (carried + 1.0) / (all + 1.0)
    }

    fn halve(&mut self) {
        let changed = &mut self.changed;
        changed.extend(self.names.keys().cloned().map(LearnedKey::Name));
        changed.extend(self.places.keys().copied().map(LearnedKey::Place));
        changed.extend(self.sources.keys().cloned().map(LearnedKey::Source));
        let all = [(&mut self.all, LearnedKey::All), (&mut self.unbound, LearnedKey::Unbound)];
        for (kept, key) in all.into_iter().filter(|(kept, _)| !kept.is_empty()) {
            kept.halve();
            changed.push(key);
        }
        self.names.retain(|_, kept| kept.halve());
        self.places.retain(|_, kept| kept.halve());
        self.sources.retain(|_, source| source.kept.halve());
    }
}

/// How many joined and opened.
fn counts(kept: Option<&Kept>) -> (f64, f64) {
    kept.map_or((0.0, 0.0), |kept| (kept.row.joined.into(), kept.row.opened.into()))
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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
        assert_eq!(learned.all.row.opened, HALVED_AFTER / 2);
        let changes = learned.take_changes();
        assert!(changes.contains(&(LearnedKey::Place(7), None)), "forgotten");
        assert_eq!(learned.take_changes(), []);
    }

    /// One thing that is learned.
    #[derive(Clone, Debug)]
    enum Lesson {
        Interval(u8, i64),
        Resolves(u8),
        Role(u8, Joined),
        Touched(u64),
        Carried(Vec<u64>),
        Halve,
        Take,
    }

    fn lesson() -> impl Strategy<Value = Lesson> {
        let joined = prop_oneof![Just(Joined::Open), Just(Joined::Nothing)];
        prop_oneof![
            8 => (0..3u8, 0..2_000_000i64).prop_map(|(name, ms)| Lesson::Interval(name, ms)),
            1 => (0..3u8).prop_map(Lesson::Resolves),
            4 => (0..3u8, joined).prop_map(|(name, joined)| Lesson::Role(name, joined)),
            2 => (0..4u64).prop_map(Lesson::Touched),
            2 => prop::collection::vec(0..4u64, 0..3).prop_map(Lesson::Carried),
            1 => Just(Lesson::Halve),
            2 => Just(Lesson::Take),
        ]
    }

    /// The tick by its definition.
    fn tick_of(mut intervals_ms: Vec<u32>) -> Option<u32> {
        intervals_ms.sort_unstable();
        let tick = intervals_ms.get(intervals_ms.len() / 10).copied();
        tick.filter(|_| intervals_ms.len() >= 4).map(|tick| tick.clamp(15_000, 900_000))
    }

    proptest! {
        #[test]
        fn what_was_taken_is_all_that_is_known(
            lessons in prop::collection::vec(lesson(), 0..400),
        ) {
            let names = ["", "a", "b"];
            let (mut learned, mut stored) = (Learned::default(), BTreeMap::new());
            for lesson in lessons.into_iter().chain([Lesson::Take]) {
                match lesson {
                    Lesson::Interval(name, ms) => {
                        learned.interval(names[usize::from(name)], ms);
                    }
                    Lesson::Resolves(name) => learned.resolves(names[usize::from(name)]),
                    Lesson::Role(name, joined) => {
                        learned.role_played(names[usize::from(name)], joined);
                    }
                    Lesson::Touched(place) => learned.touched(place),
                    Lesson::Carried(pairs) => learned.carried(&pairs),
                    Lesson::Halve => learned.halve(),
                    Lesson::Take => {
                        for (key, row) in learned.take_changes() {
                            match row {
                                Some(row) => stored.insert(key, row),
                                None => stored.remove(&key),
                            };
                        }
                    }
                }
            }
            let again = Learned::restore(stored.clone().into_iter().collect());
            let row = |name: &str| stored.get(&LearnedKey::Source(name.into()));
            for name in names {
                let own = row(name).and_then(|row| tick_of(row.intervals_ms.clone()));
                let any = row("").and_then(|row| tick_of(row.intervals_ms.clone()));
                prop_assert_eq!(learned.tick_ms(name), own.or(any).unwrap_or(60_000));
                prop_assert_eq!(learned.tick_ms(name), again.tick_ms(name));
                prop_assert_eq!(learned.is_resolving(name), again.is_resolving(name));
                prop_assert!((learned.role(name) - again.role(name)).abs() < 1e-12);
            }
            for place in 0..5 {
                prop_assert!((learned.share(place) - again.share(place)).abs() < 1e-12);
                prop_assert!((learned.familiarity(place) - again.familiarity(place)).abs() < 1e-12);
            }
        }
    }
}
