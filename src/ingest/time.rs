//! Reads points in time and spans as senders write them.
//!
//! Not jiff: it ends at 9999-12-30, which leaves out the 9999-12-31 that some send for "never",
//! and this is read twice for every alert.

use core::time::Duration;

use super::check::{Problem, Short};
use crate::model::time::Timestamp;

/// How much a format allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 3339 with any number of fractional digits.
    Rfc3339,
    /// What go-openapi's strfmt takes for a date-time (`strfmt/time.go`, `DateTimeFormats`): also
    /// without seconds, without an offset (UTC is meant), and the bare date.
    Strfmt,
}

/// Go's zero time, 0001-01-01T00:00:00Z, by which Go programs say "not set".
pub(super) const UNSET: Timestamp = Timestamp::from_millis(-62_135_596_800_000);

/// Reads a field that may be missing, empty, or Go's zero time.
pub(super) fn optional(
    field: &str,
    text: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Timestamp> {
    let text = text.filter(|text| !text.is_empty())?;
    let time = parse(text, Form::Rfc3339);
    if time.is_none() {
        let given = Short(text);
        let what = format_args!("{given} is no time, expected one like 2026-11-21T10:00:00Z");
        problems.push(Problem::at(field, what));
    }
    time.filter(|time| *time != UNSET)
}

/// Reads a point in time; what is finer than a millisecond is cut off.
pub(super) fn parse(text: &str, form: Form) -> Option<Timestamp> {
    let mut rest = Rest(text.as_bytes());
    let days = date(&mut rest)?;
    let bare_date = form == Form::Strfmt && rest.0.is_empty();
    let ms = if bare_date { 0 } else { time_of_day(&mut rest, form)? };
    rest.0.is_empty().then(|| Timestamp::from_millis(days * 86_400_000 + ms))
}

/// Reads `T15:04:05.000+07:00` and returns the milliseconds since midnight UTC of the date before.
fn time_of_day(rest: &mut Rest<'_>, form: Form) -> Option<i64> {
    let spaced = form == Form::Strfmt && rest.eat(b' ');
    let lower = form == Form::Rfc3339 && rest.eat(b't');
    if !spaced && !lower {
        rest.after(b'T')?;
    }
    let minutes = rest.up_to(2, 23)? * 60 + rest.after(b':')?.up_to(2, 59)?;
    let with_seconds = rest.eat(b':');
    let (mut ms, mut digits) = (0, 0);
    if with_seconds {
        let whole = rest.up_to(2, 59)?;
        (ms, digits) = rest.fraction()?;
        ms += whole * 1000;
    }
    let offset_minutes = match form {
        Form::Rfc3339 if !with_seconds => return None,
        Form::Strfmt if rest.0.is_empty() => 0,
        Form::Strfmt if spaced => return None,
        Form::Strfmt if !with_seconds => rest.after(b'Z').map(|_| 0)?,
        Form::Rfc3339 | Form::Strfmt => rest.offset(digits, form)?,
    };
    Some((minutes - offset_minutes) * 60_000 + ms)
}

/// Reads `2006-01-02` and returns the days since 1970-01-01 in the Gregorian calendar.
fn date(rest: &mut Rest<'_>) -> Option<i64> {
    let year = rest.up_to(4, 9999)?;
    let month = rest.after(b'-')?.up_to(2, 12)?;
    let day = rest.after(b'-')?.up_to(2, 31)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of a year; after
    // http://howardhinnant.github.io/date_algorithms.html#days_from_civil.
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + day_of_year - 719_468)
}

/// Reads `90s`, `10m`, `1h30m`: units w, d, h, m, s, ms, as rule files write them.
pub(super) fn span(text: &str) -> Option<Duration> {
    let mut rest = Rest(text.as_bytes());
    let mut total_ms: u64 = 0;
    while !rest.0.is_empty() {
        let count = rest.number()?;
        let unit_ms = match (rest.take()?, rest.0.first()) {
            (b'm', Some(b's')) => {
                rest.take();
                1
            }
            (b's', _) => 1000,
            (b'm', _) => 60_000,
            (b'h', _) => 3_600_000,
            (b'd', _) => 86_400_000,
            (b'w', _) => 604_800_000,
            _ => return None,
        };
        total_ms = total_ms.checked_add(count.checked_mul(unit_ms)?)?;
    }
    Some(Duration::from_millis(total_ms)).filter(|_| !text.is_empty())
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        if self.eat(byte) { Some(self) } else { None }
    }

    fn digit(&mut self) -> Option<u8> {
        let digit = self.0.first().filter(|byte| byte.is_ascii_digit())? - b'0';
        self.take();
        Some(digit)
    }

    /// Reads exactly so many digits, of a number up to `max`.
    fn up_to(&mut self, digits: usize, max: i64) -> Option<i64> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + i64::from(self.digit()?);
        }
        Some(number).filter(|number| *number <= max)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = u64::from(self.digit()?);
        while let Some(digit) = self.digit() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
        }
        Some(number)
    }

    /// Reads a fraction of a second, if one follows: its milliseconds and how many digits it had.
    fn fraction(&mut self) -> Option<(i64, usize)> {
        // Go takes the comma of ISO 8601 too.
        if !self.eat(b'.') && !self.eat(b',') {
            return Some((0, 0));
        }
        let (mut ms, mut unit, mut digits) = (0, 100, 0);
        while let Some(digit) = self.digit() {
            ms += i64::from(digit) * unit;
            unit /= 10;
            digits += 1;
        }
        Some((ms, digits)).filter(|_| digits > 0)
    }

    /// Reads an offset from UTC in minutes. Strfmt has the colon left out behind three or six
    /// fractional digits.
    fn offset(&mut self, digits: usize, form: Form) -> Option<i64> {
        let sign = match self.take()? {
            b'Z' => return Some(0),
            b'z' if form == Form::Rfc3339 => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.up_to(2, 23)?;
        if !self.eat(b':') && !(form == Form::Strfmt && (digits == 3 || digits == 6)) {
            return None;
        }
        Some(sign * (hours * 60 + self.up_to(2, 59)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(text: &str, form: Form) -> Option<i64> {
        parse(text, form).map(Timestamp::millis)
    }

    #[test]
    fn rfc_3339_is_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01t00:00:00z", Some(0)),
            ("2022-08-22T03:59:19.12Z", Some(1_661_140_759_120)),
            ("2022-08-22T05:59:19.120999999+02:00", Some(1_661_140_759_120)),
            ("2022-08-21T23:29:19.120-04:30", Some(1_661_140_759_120)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2000-02-29T00:00:00Z", Some(951_782_400_000)),
            ("0001-01-01T00:00:00Z", Some(UNSET.millis())),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("2023-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("2022-13-01T00:00:00Z", None),
            ("2022-00-01T00:00:00Z", None),
            ("2022-04-31T00:00:00Z", None),
            ("2022-04-00T00:00:00Z", None),
            ("2022-08-22T24:00:00Z", None),
            ("2022-08-22T23:60:00Z", None),
            ("2022-08-22T23:59:60Z", None),
            ("2022-08-22T03:59:19.Z", None),
            ("2022-08-22T03:59:19", None),
            ("2022-08-22T03:59Z", None),
            ("2022-08-22 03:59:19Z", None),
            ("2022-08-22", None),
            ("2022-08-22T03:59:19Z ", None),
            ("2022-08-22T03:59:19.000+0200", None),
            ("+022-08-22T03:59:19Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(ms(text, Form::Rfc3339), expected, "{text}");
        }
    }

    #[test]
    fn strfmt_takes_its_eleven_layouts_and_no_more() {
        for (text, expected) in [
            ("2022-08-22", Some(1_661_126_400_000)),
            ("2022-08-22 03:59:19", Some(1_661_140_759_000)),
            ("2022-08-22T03:59:19", Some(1_661_140_759_000)),
            ("2022-08-22T03:59:19.120", Some(1_661_140_759_120)),
            ("2022-08-22T03:59:19,120Z", Some(1_661_140_759_120)),
            ("2022-08-22T03:59", Some(1_661_140_740_000)),
            ("2022-08-22T03:59Z", Some(1_661_140_740_000)),
            ("2022-08-22T05:59:19.120+0200", Some(1_661_140_759_120)),
            ("2022-08-22T05:59:19.120000+0200", Some(1_661_140_759_120)),
            ("2022-08-22T05:59:19+02:00", Some(1_661_140_759_000)),
            ("2022-08-22T05:59:19+0200", None),
            ("2022-08-22T05:59+02:00", None),
            ("2022-08-22 03:59:19Z", None),
            ("2022-08-22t03:59:19Z", None),
            ("2022-08-22T03:59:19z", None),
            ("2022-08-22T", None),
            ("2022-8-22", None),
        ] {
            assert_eq!(ms(text, Form::Strfmt), expected, "{text}");
        }
    }

    #[test]
    fn a_span_is_a_sum_of_counted_units() {
        for (text, expected_ms) in [
            ("10m", Some(600_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1m1s1ms", Some(61_001)),
            ("1w2d", Some(777_600_000)),
            ("0s", Some(0)),
            ("", None),
            ("10", None),
            ("m", None),
            ("10 m", None),
            ("-10m", None),
            ("1.5h", None),
            ("10y", None),
            ("99999999999999999999s", None),
            ("9999999999999999999w", None),
        ] {
            assert_eq!(span(text), expected_ms.map(Duration::from_millis), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_time_is_read_back(given in -62_135_596_800_000_i64..253_402_207_200_000) {
            let text = Timestamp::from_millis(given).to_string();
            prop_assert_eq!(ms(&text, Form::Rfc3339), Some(given));
            prop_assert_eq!(ms(&text, Form::Strfmt), Some(given));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:.+ -]{0,30}|.{0,30}") {
            let _ = (parse(&text, Form::Rfc3339), parse(&text, Form::Strfmt), span(&text));
        }
    }
}
