//! Calendars: the times of the week that count, in the civil time of a zone, without holidays.
//!
//! A calendar reads no clock: it is asked about a point in time. Where clocks are put forward, a
//! time that they leave out is the moment of the leap; where they are put back, hours begin when
//! their time is first shown and end when their end is last shown. See `read.rs` for how calendars
//! are written, `zone.rs` for the arithmetic of clocks.

pub(in crate::rules) mod read;
#[cfg(test)]
mod tests;
mod week;
pub(in crate::rules) mod zone;

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::model::time::Timestamp;
use zone::{DAY_MINUTES, Zone};

/// Days that are searched for a change. Hours come again every week and a calendar leaves out at
/// most [`read::HOLIDAYS_MAX`] days, so that even one weekday of 200 Mondays off is found.
const SEARCH_DAYS: i64 = 1_500;

/// Times that count: working hours, hours of service, a quiet night.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// What any of them covers is covered.
    parts: Vec<Part>,
}

/// The hours of the plain working week.
const WEEKDAYS: Hours = Hours { days: Days(0b1_1111), from: 0, until: DAY_MINUTES };

/// Times of one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    zone: Zone,
    hours: Vec<Hours>,
    holidays: BTreeSet<Holiday>,
}

/// Hours of some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    days: Days,
    /// Minutes after 00:00 of the day, less than a day.
    from: u16,
    /// Minutes after 00:00 of the same day, exclusive; from 24:00 on they are of the next day. At
    /// most a day later than `from`.
    until: u16,
}

/// Days of the week, a bit each, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Days(u8);

/// A day on which no hours begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holiday {
    /// Of every year: month and day.
    Yearly(i8, i8),
    /// Once.
    Once(Date),
}

/// A stretch of time; its end is exclusive.
type Stretch = (Timestamp, Timestamp);

const ALL_DAY: Hours = Hours { days: Days(0b111_1111), from: 0, until: DAY_MINUTES };

impl Calendar {
    /// Returns the days from Monday to Friday in UTC, each from midnight to midnight: what a working
    /// day is as long as nobody says otherwise.
    pub fn working_days() -> Self {
        let (zone, hours) = (Zone::utc(), vec![WEEKDAYS]);
        Self { parts: vec![Part { zone, hours, holidays: BTreeSet::new() }] }
    }

    /// True for that week and nothing else.
    fn is_plain_week(&self) -> bool {
        let [part] = &*self.parts else { return false };
        part.hours == [WEEKDAYS] && part.holidays.is_empty() && part.zone.name() == "UTC"
    }

    /// True at a time that counts.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.around(now, -1..=1).any(|(from, until)| from <= now && now < until)
    }

    /// Returns when it next begins or ceases to cover; `None` when it does not within four years.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_change_by(now, horizon(now))
    }

    /// Returns when it next begins or ceases to cover, unless that is later than `latest`.
    pub(super) fn next_change_by(&self, now: Timestamp, latest: Timestamp) -> Option<Timestamp> {
        let change = match self.end_from(now) {
            Some(end) => self.last_end(end, latest),
            None => self.next_start(now, latest),
        };
        change.filter(|change| *change <= latest)
    }

    /// Returns when so much covered time has passed since `start`, at most four years later.
    pub fn after(&self, start: Timestamp, working: Duration) -> Timestamp {
        if self.is_plain_week() {
            return week::after(start, working).min(horizon(start));
        }
        self.search_after(start, working)
    }

    fn search_after(&self, start: Timestamp, working: Duration) -> Timestamp {
        let horizon = horizon(start);
        let (mut at, mut left) = (start, working);
        while at < horizon && !left.is_zero() {
            if let Some(end) = self.end_from(at) {
                let here = end.since(at).min(left);
                left -= here;
                at = at.plus(here);
            } else {
                at = self.next_start(at, horizon).unwrap_or(horizon);
            }
        }
        at
    }

    /// Returns how much covered time lies between two points in time.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> Duration {
        if self.is_plain_week() {
            return week::between(from, until);
        }
        self.search_between(from, until)
    }

    fn search_between(&self, from: Timestamp, until: Timestamp) -> Duration {
        let (mut at, mut sum) = (from, Duration::ZERO);
        while at < until {
            if let Some(end) = self.end_from(at) {
                sum += end.min(until).since(at);
                at = end;
            } else {
                at = self.next_start(at, until).unwrap_or(until);
            }
        }
        sum
    }

    /// Returns the latest end of the hours that cover a time; `None` when none do.
    fn end_from(&self, at: Timestamp) -> Option<Timestamp> {
        let covering = self.around(at, -1..=1).filter(|(from, until)| *from <= at && at < *until);
        covering.map(|(_, until)| until).max()
    }

    /// Follows hours that go over into each other to where none go on, but not beyond `latest`.
    fn last_end(&self, end: Timestamp, latest: Timestamp) -> Option<Timestamp> {
        let mut end = end;
        while let Some(further) = self.end_from(end) {
            if end > latest {
                return None;
            }
            end = further;
        }
        Some(end)
    }

    /// Returns when hours next begin; may look no further than `latest`.
    fn next_start(&self, now: Timestamp, latest: Timestamp) -> Option<Timestamp> {
        // Zones are up to a day apart, and so are the days on which their hours begin.
        let days = latest.since(now).as_secs() / (24 * 3_600) + 3;
        let starts = |days| self.around(now, days).map(|(from, _)| from).filter(|from| *from > now);
        let first = (0..i64::try_from(days).unwrap_or(SEARCH_DAYS).min(SEARCH_DAYS))
            .find(|day| starts(*day..=*day).next().is_some())?;
        // What begins earlier in another zone may be of a later day there.
        starts(first..=first + 2).min()
    }

    /// Yields the hours that begin so many days from the day on which `now` is in their zone.
    fn around(&self, now: Timestamp, days: RangeInclusive<i64>) -> impl Iterator<Item = Stretch> {
        self.parts.iter().flat_map(move |part| {
            let today = part.zone.local(now).date();
            days.clone().flat_map(move |day| part.of_day(today.saturating_add(day.days())))
        })
    }

    /// Adds what another covers, except on the days off of this one.
    fn include(&mut self, other: &Self, holidays: &BTreeSet<Holiday>) {
        for part in &other.parts {
            let mut part = part.clone();
            part.holidays.extend(holidays);
            if !self.parts.contains(&part) {
                self.parts.push(part);
            }
        }
    }
}

/// Returns the end of what is searched from a time on.
fn horizon(from: Timestamp) -> Timestamp {
    from.plus(Duration::from_hours(24 * SEARCH_DAYS.unsigned_abs()))
}

impl Part {
    /// Yields the hours that begin on a day.
    fn of_day(&self, date: Date) -> impl Iterator<Item = Stretch> {
        let off = self.holidays.contains(&Holiday::Once(date))
            || self.holidays.contains(&Holiday::Yearly(date.month(), date.day()));
        let hours = self.hours.iter().filter(move |hours| !off && hours.days.has(date.weekday()));
        hours.map(move |hours| hours.on(&self.zone, date)).filter(|(from, until)| from < until)
    }
}

impl Hours {
    fn on(self, zone: &Zone, date: Date) -> Stretch {
        let until = match self.until {
            // A day ends where the next one begins.
            DAY_MINUTES => zone.first(date, DAY_MINUTES),
            until => zone.last(date, until),
        };
        (zone.first(date, self.from), until)
    }
}

impl Days {
    pub(in crate::rules) fn has(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// Returns how many days the next of them is away at the least.
    pub(in crate::rules) fn apart(self) -> u32 {
        let week = u32::from(self.0) | u32::from(self.0) << read::DAYS.len();
        let days = (0..read::DAYS.len()).filter(|day| week & (1 << day) != 0);
        days.map(|day| (week >> (day + 1)).trailing_zeros() + 1).min().unwrap_or(1)
    }

    #[cfg(test)]
    pub(in crate::rules) fn of(bits: u8) -> Self {
        Self(bits)
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

/// When something holds: by a calendar of the rule files, or by times of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Times {
    /// By the calendar of this name, which is there.
    Named(Box<str>),
    /// By its own.
    Own(Arc<Calendar>),
}

/// Writes `calendar office`, or the times themselves.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "calendar {name}"),
            Self::Own(calendar) => write!(f, "{calendar}"),
        }
    }
}

/// Writes `mon-fri 09:00-17:00 Europe/Berlin`.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            for hours in &part.hours {
                write!(f, "{hours} ")?;
            }
            f.write_str(part.zone.name())?;
            if !part.holidays.is_empty() {
                write!(f, " without {} days", part.holidays.len())?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.until > DAY_MINUTES { self.until - DAY_MINUTES } else { self.until };
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{} {}-{}", self.days, clock(self.from), clock(until))
    }
}

/// Writes `mon-fri,sun`.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |day: usize| self.0 & (1 << day) != 0;
        let mut first = true;
        let mut day = 0;
        while day < read::DAYS.len() {
            let length = (day..read::DAYS.len()).take_while(|day| has(*day)).count();
            let names = |day: usize| read::DAYS.get(day).copied().unwrap_or_default();
            if length > 0 {
                f.write_str(if first { "" } else { "," })?;
                f.write_str(names(day))?;
                first = false;
            }
            if length > 1 {
                write!(f, "-{}", names(day + length - 1))?;
            }
            day += length.max(1);
        }
        Ok(())
    }
}
