//! The only file that writes to the terminal: data to standard output, talk to standard error.
//!
//! Lists are plain aligned columns without borders, so that `awk` and `grep` work on them. Text from
//! outside loses its control characters first: an alert must not be able to drive a terminal. A
//! reader that goes away (`| head`) is no error.

use core::fmt;
use core::time::Duration;
use std::io::{BufRead, IsTerminal, Write};

use crate::http::wire::Time;
use crate::model::time::Timestamp;

/// Stands where there is nothing to show.
pub const NOTHING: &str = "–";

/// Stands behind the state of what a silence holds back.
pub const QUIET: &str = "·q";

/// Writes a line of data.
pub fn data(text: impl fmt::Display) {
    put(&mut std::io::stdout().lock(), &text);
}

/// Writes a line of talk.
pub fn talk(text: impl fmt::Display) {
    put(&mut std::io::stderr().lock(), &text);
}

fn put(out: &mut impl Write, text: &dyn fmt::Display) {
    // Not: an error. Nobody is left to tell when the terminal or the pipe is gone.
    drop(writeln!(out, "{text}"));
}

/// Asks a question that `y` or `yes` agrees to; `None` when nobody is there to ask.
pub fn ask(question: &str) -> Option<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return None;
    }
    let mut err = std::io::stderr().lock();
    drop(write!(err, "{question} [y/N] ").and_then(|()| err.flush()));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    Some(read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Aligned columns, a line each; the last column is as long as it is.
#[derive(Debug)]
pub struct Table {
    heads: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Begins a table with these heads.
    pub fn new(heads: &[&str]) -> Self {
        Self { heads: Some(heads.iter().map(|&head| head.into()).collect()), rows: Vec::new() }
    }

    /// Begins a table without heads.
    pub fn bare() -> Self {
        Self { heads: None, rows: Vec::new() }
    }

    /// Leaves the heads out.
    #[must_use]
    pub fn headless(self) -> Self {
        Self { heads: None, ..self }
    }

    /// Adds a line.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// True when it has no line.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines, each behind `indent`.
    pub fn lines(&self, indent: &str) -> Vec<String> {
        let rows = || self.heads.iter().chain(&self.rows);
        let mut widths = Vec::new();
        for row in rows() {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        };
        rows().map(line).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines("").join("\n"))
    }
}

/// Returns `text` on one line and without control characters.
pub fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect::<String>().trim_end().to_owned()
}

/// Returns `text` or, where there is none, a dash.
pub fn or_nothing(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or(NOTHING).into()
}

/// Returns the time from `earlier` to `later` in its largest unit, as in `52m`.
pub fn span(earlier: Time, later: Time) -> String {
    let seconds = later.0.since(earlier.0).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns when `at` is, seen from `now`: `in 6m`, or `due` once it is past. Rounds up to whole
/// minutes, beyond the first: what was just set to half an hour is not 29 minutes away.
pub fn until(at: Time, now: Time) -> String {
    if at <= now {
        return "due".into();
    }
    let left = at.0.since(now.0);
    let unit =
        if left > Duration::from_mins(1) { Duration::from_mins(1) } else { Duration::from_secs(1) };
    let units = u32::try_from(left.as_millis().div_ceil(unit.as_millis())).unwrap_or(u32::MAX);
    format!("in {}", span(now, Time(now.0.plus(unit.saturating_mul(units)))))
}

/// Returns the time of day in UTC, with the date where it is another than that of `now`.
pub fn clock(at: Time, now: Time) -> String {
    let text = at.to_string();
    let same_day = day(at.0) == day(now.0);
    match text.split_once('T') {
        Some((_, time)) if same_day => time.chars().take(8).collect(),
        Some((date, time)) => format!("{date} {}", time.chars().take(8).collect::<String>()),
        None => text,
    }
}

fn day(at: Timestamp) -> i64 {
    at.millis().div_euclid(86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> Time {
        Time(Timestamp::from_millis(seconds * 1_000))
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["ID", "OWNER", "TITLE"]);
        table.row(["INC-1042".into(), "–".into(), "Power lost".into()]);
        table.row(["INC-7".into(), "m.ito".into(), String::new()]);
        assert_eq!(
            table.to_string(),
            "ID        OWNER  TITLE\nINC-1042  –      Power lost\nINC-7     m.ito"
        );
        assert_eq!(table.headless().lines("  ")[0], "  INC-1042  –      Power lost");
    }

    #[test]
    fn an_alert_cannot_drive_the_terminal() {
        let mut table = Table::bare();
        table.row(["\u{1b}[2Jgone\r\nnext".into()]);
        assert_eq!(table.to_string(), " [2Jgone  next");
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (86_399, "23h"),
            (172_800, "2d"),
        ] {
            assert_eq!(span(time(0), time(seconds)), text);
        }
    }

    #[test]
    fn a_deadline_is_rounded_up_to_minutes() {
        for (ms, text) in [
            (0, "due"),
            (-1, "due"),
            (1, "in 1s"),
            (60_000, "in 1m"),
            (60_001, "in 2m"),
            (1_799_999, "in 30m"),
            (14_399_999, "in 4h"),
        ] {
            assert_eq!(until(Time(Timestamp::from_millis(ms)), time(0)), text, "{ms} ms");
        }
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        assert_eq!(clock(time(60), time(0)), "00:01:00");
        assert_eq!(clock(time(86_400), time(0)), "1970-01-02 00:00:00");
    }
}
