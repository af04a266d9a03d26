//! Civil time the naive way: three zones by their written rules, minute by minute, without a library
//! and without a line of what is under test.

/// A minute of UTC, counted from 1970.
pub type Minute = i64;

const DAY: i64 = 1_440;

/// The minutes that tables reach over: from a little before the year to long after it.
pub const FROM: Minute = day(2025, 12, 20) * DAY;
pub const UNTIL: Minute = day(2027, 4, 1) * DAY;

/// Counts the days from 1970 to a date of the Gregorian calendar.
pub const fn day(year: i64, month: i64, of_month: i64) -> i64 {
    let mut days = 0;
    let mut y = 1970;
    while y < year {
        days += if is_leap(y) { 366 } else { 365 };
        y += 1;
    }
    let mut m = 1;
    while m < month {
        days += length(year, m);
        m += 1;
    }
    days + of_month - 1
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + is_leap(year) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns year, month and day of the month, from 2025 on.
pub fn date(days: i64) -> (i64, i64, i64) {
    let (mut year, mut rest) = (2025, days - day(2025, 1, 1));
    loop {
        let of_year = if is_leap(year) { 366 } else { 365 };
        if rest < of_year {
            break;
        }
        rest -= of_year;
        year += 1;
    }
    let mut month = 1;
    while rest >= length(year, month) {
        rest -= length(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

/// 0 is Monday.
pub fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// The n-th Sunday of a month; the last one for 5.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = day(year, month, 1);
    let sundays = (first..first + length(year, month)).filter(|it| weekday(*it) == 6);
    let all: Vec<i64> = sundays.collect();
    all[usize::try_from(nth - 1).unwrap().min(all.len() - 1)]
}

/// A zone with summer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// One hour, from the last Sunday of March to that of October at 01:00 UTC.
    Berlin,
    /// One hour, from the second Sunday of March to the first of November at 02:00 on the wall.
    NewYork,
    /// Half an hour, from the first Sunday of October to that of April at 02:00 on the wall.
    LordHowe,
}

impl Zone {
    /// What its clocks show more than UTC, in minutes.
    pub fn offset(self, at: Minute) -> i64 {
        let (year, _, _) = date(at.div_euclid(DAY));
        let at_minute = |days: i64, minute: i64| days * DAY + minute;
        match self {
            Self::Berlin => {
                let begins = at_minute(sunday(year, 3, 5), 60);
                let ends = at_minute(sunday(year, 10, 5), 60);
                if begins <= at && at < ends { 120 } else { 60 }
            }
            Self::NewYork => {
                let begins = at_minute(sunday(year, 3, 2), 120 + 300);
                let ends = at_minute(sunday(year, 11, 1), 120 + 240);
                if begins <= at && at < ends { -240 } else { -300 }
            }
            Self::LordHowe => {
                let ends = at_minute(sunday(year, 4, 1), 120 - 660);
                let begins = at_minute(sunday(year, 10, 1), 120 - 630);
                if ends <= at && at < begins { 630 } else { 660 }
            }
        }
    }

    /// The day and the minute of it that its clocks show.
    pub fn wall(self, at: Minute) -> (i64, i64) {
        let shown = at + self.offset(at);
        (shown.div_euclid(DAY), shown.rem_euclid(DAY))
    }

    /// The first minute at which its clocks show this time of this day, or a later one.
    pub fn first(self, days: i64, minute: i64) -> Minute {
        let wanted = days * DAY + minute;
        let mut at = wanted - self.offset(wanted) - 180;
        while at + self.offset(at) < wanted {
            at += 1;
        }
        at
    }
}

/// Finds the minute of a hand-over: zone, day, minute of the day.
pub type Finds = fn(Zone, i64, i64) -> Minute;

/// Goes by the offset of the first day for ever: a fault that the year has to tell apart.
pub fn by_the_first_offset(zone: Zone, days: i64, minute: i64) -> Minute {
    days * DAY + minute - zone.offset(day(2026, 1, 1) * DAY)
}

/// Takes a time that the clocks leave out as if they went on as before: another such fault.
pub fn as_if_it_were_shown(zone: Zone, days: i64, minute: i64) -> Minute {
    let (wanted, first) = (days * DAY + minute, zone.first(days, minute));
    let is_shown = first + zone.offset(first) == wanted;
    if is_shown { first } else { wanted - zone.offset(first - 1) }
}

/// What a calendar covers, minute by minute.
pub struct Hours {
    /// How many minutes before each one are covered.
    sum: Vec<i64>,
}

impl Hours {
    /// Asks about every minute: zone, whether a day counts, and the minutes of it from and until;
    /// an end that is not later than the beginning is on the next day.
    pub fn new(zone: Zone, counts: fn(i64) -> bool, (from, until): (i64, i64)) -> Self {
        let mut sum = vec![0];
        for at in FROM..UNTIL {
            let (today, minute) = zone.wall(at);
            let covered = if from < until {
                counts(today) && from <= minute && minute < until
            } else {
                minute >= from && counts(today) || minute < until && counts(today - 1)
            };
            sum.push(sum[sum.len() - 1] + i64::from(covered));
        }
        Self { sum }
    }

    /// How many milliseconds of the calendar lie before a point in time.
    pub fn before(&self, at_ms: i64) -> i64 {
        let index = usize::try_from(at_ms.div_euclid(60_000) - FROM).unwrap();
        let covered = self.sum[index + 1] - self.sum[index];
        self.sum[index] * 60_000 + covered * at_ms.rem_euclid(60_000)
    }

    /// True at a point in time that counts.
    pub fn covers(&self, at_ms: i64) -> bool {
        let index = usize::try_from(at_ms.div_euclid(60_000) - FROM).unwrap();
        self.sum[index + 1] > self.sum[index]
    }
}

/// People who take turns: the minutes of all hand-overs, and who is next.
pub struct Turns {
    handovers: Vec<Minute>,
    members: &'static [&'static str],
}

impl Turns {
    /// The first hand-over is on `start` at `minute`, the next ones every so many days.
    pub fn new(
        finds: Finds,
        zone: Zone,
        (start, every, minute): (i64, i64, i64),
        members: &'static [&'static str],
    ) -> Self {
        let days = (0..).map(|n| start + n * every).take_while(|days| days * DAY < UNTIL - 2 * DAY);
        Self { handovers: days.map(|days| finds(zone, days, minute)).collect(), members }
    }

    /// Who has the shift; nobody before the first hand-over.
    pub fn who(&self, at_ms: i64) -> Option<&'static str> {
        let at = at_ms.div_euclid(60_000);
        let count = self.handovers.iter().filter(|it| **it <= at).count();
        Some(self.members[count.checked_sub(1)? % self.members.len()])
    }
}

#[test]
fn the_naive_clocks_leap_where_the_law_says() {
    for (zone, utc, shown) in [
        (Zone::Berlin, (day(2026, 3, 29), 59), (day(2026, 3, 29), 119)),
        (Zone::Berlin, (day(2026, 3, 29), 60), (day(2026, 3, 29), 180)),
        (Zone::Berlin, (day(2026, 10, 25), 60), (day(2026, 10, 25), 120)),
        (Zone::NewYork, (day(2026, 3, 8), 420), (day(2026, 3, 8), 180)),
        (Zone::NewYork, (day(2026, 11, 1), 360), (day(2026, 11, 1), 60)),
        (Zone::LordHowe, (day(2026, 4, 4), 900), (day(2026, 4, 5), 90)),
        (Zone::LordHowe, (day(2026, 10, 3), 929), (day(2026, 10, 4), 119)),
        (Zone::LordHowe, (day(2026, 10, 3), 930), (day(2026, 10, 4), 150)),
    ] {
        assert_eq!(zone.wall(utc.0 * DAY + utc.1), shown, "{zone:?} {utc:?}");
    }
    assert_eq!(date(day(2026, 2, 28) + 1), (2026, 3, 1));
    assert_eq!(weekday(day(2026, 1, 5)), 0);
}
