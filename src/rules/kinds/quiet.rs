//! Kind `quiet`: windows in which what its rule matches opens nothing and pages nobody.
//!
//! A window is a stretch of time: once, again and again in civil time, or as long as a planned
//! change. Where clocks are put forward, a window that would begin in the hour they leave out begins
//! at the change; where they are put back, it begins when its time is first shown, and only then.

use core::time::Duration;

use jiff::ToSpan;

use crate::model::change::ChangeState;
use crate::model::time::Timestamp;
use crate::rules::calendar::Days;
use crate::rules::calendar::read::{days, minute};
use crate::rules::calendar::zone::{self, DAY_MINUTES, Zone};
use crate::rules::codes;
use crate::rules::reader::{DAY, Fields, MINUTE, Reader};
use crate::rules::testcase;
use crate::rules::yaml::Node;

/// CIs that one rule names.
const CIS_MAX: usize = 1_000;

/// Days behind and ahead that are searched for a window: a week, its length, and a day that a zone
/// leaves out.
const DAYS_BACK: i64 = 9;
const DAYS_AHEAD: i64 = 9;

/// States in which a change opens a window when its rule names none.
const STATES: [ChangeState; 2] = [ChangeState::Approved, ChangeState::InProgress];

/// Opens windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// When.
    pub window: Window,
    /// Covered is what is about these CIs or depends on them, sorted; everything when there is none.
    pub cis: Vec<Box<str>>,
}

/// When a rule's windows are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Once.
    Once(Stretch),
    /// Again and again.
    Every(Every),
    /// As long as planned changes in these states, on their CIs.
    Changes(Vec<ChangeState>),
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning, inclusive.
    pub from: Timestamp,
    /// Its end, exclusive.
    pub until: Timestamp,
}

/// Windows that begin at a time of day on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Every {
    days: Days,
    /// Minutes after 00:00.
    at: u16,
    lasts: Duration,
    zone: Zone,
}

impl Stretch {
    fn holds(self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Window {
    /// Returns the window that is open at a time, of several the one that began last. Those of
    /// changes are not known here.
    pub fn at(&self, now: Timestamp) -> Option<Stretch> {
        match self {
            Self::Once(stretch) => Some(*stretch).filter(|stretch| stretch.holds(now)),
            Self::Every(every) => every.around(now).rfind(|stretch| stretch.holds(now)),
            Self::Changes(_) => None,
        }
    }

    /// Returns when the next window begins after a time. Those of changes are not known here.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once(stretch) => Some(stretch.from).filter(|from| *from > after),
            Self::Every(every) => {
                every.around(after).map(|stretch| stretch.from).find(|from| *from > after)
            }
            Self::Changes(_) => None,
        }
    }
}

impl Every {
    /// Yields the windows that begin within days of a time, in their order.
    fn around(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = Stretch> {
        let today = self.zone.local(now).date();
        let dates =
            (-DAYS_BACK..=DAYS_AHEAD).filter_map(move |day| today.checked_add(day.days()).ok());
        dates.filter(|date| self.days.has(date.weekday())).map(|date| {
            let from = self.zone.first(date, self.at);
            Stretch { from, until: from.plus(self.lasts) }
        })
    }
}

/// Reads the value of `quiet:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Quiet> {
    let mut fields = reader.map(node, "`quiet`")?;
    let span = fields.span;
    let given = ["from", "every", "changes"].map(|name| fields.has(name));
    let window = match given {
        [true, false, false] => once(reader, &mut fields),
        [false, true, false] => fields.get("every").and_then(|n| every(reader, n)),
        [false, false, true] => fields.get("changes").and_then(|n| changes(reader, n)),
        _ => {
            for name in ["from", "to", "every", "changes"] {
                fields.get(name);
            }
            let times = given.into_iter().filter(|given| *given).count();
            reader
                .error(codes::WINDOW, span, format!("`quiet` says {times} times when it is"))
                .label("expected exactly one of `from` with `to`, `every`, `changes`")
                .help("write for example   quiet: {every: {days: [sat], at: '02:00', for: 4h, zone: Europe/Berlin}}");
            None
        }
    };
    let cis = fields.read(reader, "ci", cis);
    if cis.is_some() && given == [false, false, true] {
        reader
            .error(codes::WINDOW, span, "`quiet` has `ci` beside `changes`")
            .label("a change's windows are on the CIs of the change")
            .help("take `ci` away; `when` can ask for ci.name");
    }
    fields.finish(reader);
    Some(Quiet { window: window?, cis: cis.unwrap_or_default() })
}

fn cis(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let items = reader.one_or_many(node)?;
    if items.is_empty() || items.len() > CIS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} CIs", items.len()))
            .label(format!("expected 1 to {CIS_MAX}"));
        return None;
    }
    let mut names: Vec<Box<str>> =
        items.iter().filter_map(|item| reader.text(item).map(Into::into)).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

fn once(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Window> {
    let from = fields.read(reader, "from", testcase::moment);
    let node = fields.need(reader, "to")?;
    let (from, until) = (from?, testcase::moment(reader, node)?);
    if until <= from {
        reader
            .error(codes::VALUE, node.span, "the window ends before it begins")
            .label("expected a time after `from`");
        return None;
    }
    Some(Window::Once(Stretch { from, until }))
}

fn every(reader: &mut Reader<'_>, node: &Node) -> Option<Window> {
    let mut fields = reader.map(node, "`every`")?;
    let days = fields.need(reader, "days").and_then(|n| days(reader, n));
    let at_node = fields.need(reader, "at");
    let at = at_node.and_then(|n| {
        let at = minute(reader, n)?;
        if at >= DAY_MINUTES {
            reader.expected(n, "a time before '24:00'");
            return None;
        }
        Some(at)
    });
    let lasts_node = fields.need(reader, "for");
    let lasts = lasts_node.and_then(|n| reader.duration(n, MINUTE..=7 * DAY));
    let zone = fields.need(reader, "zone").and_then(|n| zone::read(reader, n));
    fields.finish(reader);
    let every = Every { days: days?, at: at?, lasts: lasts?, zone: zone? };
    let apart = DAY * every.days.apart();
    if every.lasts > apart {
        reader
            .error(codes::VALUE, lasts_node?.span, "a window is still open when the next begins")
            .label(format!("expected at most {}", crate::model::time::Brief(apart)));
        return None;
    }
    Some(Window::Every(every))
}

fn changes(reader: &mut Reader<'_>, node: &Node) -> Option<Window> {
    let mut fields = reader.map(node, "`changes`")?;
    let states = fields.read(reader, "states", |r, n| {
        let items = r.one_or_many(n)?;
        if items.is_empty() {
            r.expected(n, "at least one state, as in `[approved, in_progress]`");
        }
        Some(items.iter().filter_map(|item| r.word(item)).collect())
    });
    fields.finish(reader);
    Some(Window::Changes(states.unwrap_or_else(|| STATES.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn every(days: u8, at: u16, hours: u64, zone: &str) -> Window {
        let zone = Zone::find(zone).unwrap();
        Window::Every(Every { days: Days::of(days), at, lasts: Duration::from_hours(hours), zone })
    }

    const SATURDAY: u8 = 0b010_0000;
    const SUNDAY: u8 = 0b100_0000;

    #[test]
    fn a_window_is_open_from_its_beginning_until_before_its_end() {
        let window = every(SATURDAY, 120, 4, "Europe/Berlin");
        for (now, open) in [
            ("2026-11-21T00:59:59Z", None),
            ("2026-11-21T01:00:00Z", Some("2026-11-21T01:00:00.000Z")),
            ("2026-11-21T04:59:59Z", Some("2026-11-21T01:00:00.000Z")),
            ("2026-11-21T05:00:00Z", None),
            ("2026-07-04T00:00:00Z", Some("2026-07-04T00:00:00.000Z")),
        ] {
            assert_eq!(window.at(at(now)).map(|it| it.from.to_string()).as_deref(), open, "{now}");
        }
        for (after, next) in [
            ("2026-11-20T12:00:00Z", "2026-11-21T01:00:00.000Z"),
            ("2026-11-21T01:00:00Z", "2026-11-28T01:00:00.000Z"),
        ] {
            assert_eq!(window.next(at(after)).unwrap().to_string(), next, "{after}");
        }
    }

    #[test]
    fn a_window_in_the_hour_that_is_left_out_begins_at_the_change() {
        // Berlin: 2026-03-29, 02:00 becomes 03:00 at 01:00 UTC.
        let window = every(SUNDAY, 150, 2, "Europe/Berlin");
        let next = window.next(at("2026-03-28T12:00:00Z")).unwrap();
        assert_eq!(next.to_string(), "2026-03-29T01:00:00.000Z");
        assert_eq!(window.at(next).unwrap().until.to_string(), "2026-03-29T03:00:00.000Z");
    }

    #[test]
    fn a_window_in_the_hour_that_comes_twice_begins_once() {
        // Berlin: 2026-10-25, 03:00 becomes 02:00 at 01:00 UTC.
        let window = every(SUNDAY, 150, 1, "Europe/Berlin");
        let first = window.next(at("2026-10-24T12:00:00Z")).unwrap();
        assert_eq!(first.to_string(), "2026-10-25T00:30:00.000Z");
        let second = window.next(first).unwrap();
        assert_eq!(second.to_string(), "2026-11-01T01:30:00.000Z");
        assert_eq!(window.at(at("2026-10-25T01:30:00Z")), None);
    }

    #[test]
    fn of_a_window_that_lasts_into_the_next_the_newer_counts() {
        // Daily for a day: 23 hours later where clocks are put forward.
        let window = every(0b111_1111, 60, 24, "Europe/Berlin");
        let open = window.at(at("2026-03-29T23:30:00Z")).unwrap();
        assert_eq!(open.from.to_string(), "2026-03-29T23:00:00.000Z");
    }

    #[test]
    fn a_window_that_is_once_is_over_for_good() {
        let window = Window::Once(Stretch {
            from: at("2026-01-01T00:00:00Z"),
            until: at("2026-01-01T01:00:00Z"),
        });
        assert!(window.at(at("2026-01-01T00:59:59Z")).is_some());
        assert!(window.at(at("2026-01-01T01:00:00Z")).is_none());
        assert!(window.next(at("2025-12-31T00:00:00Z")).is_some());
        assert_eq!(window.next(at("2026-01-01T00:00:00Z")), None);
    }
}
