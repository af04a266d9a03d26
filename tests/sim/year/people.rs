//! Who is to be called by the rules of the simulated year, worked out the naive way; and when its
//! clocks run.

use std::collections::BTreeMap;

use super::civil::{Finds, Hours, Turns, Zone, date, day, weekday};

/// The calendars of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Office,
    Island,
    Weekend,
    Nights,
}

/// Somebody who stands in, by milliseconds.
struct StandIn(i64, i64, &'static str);

/// Turns of one rotation, the last that has somebody decides, and who stands in.
struct Rotation {
    layers: Vec<(Turns, Option<Times>)>,
    stand_ins: Vec<StandIn>,
}

/// Everything that depends on the wall clock.
pub struct People {
    hours: [Hours; 4],
    rotations: BTreeMap<&'static str, Rotation>,
}

fn office(days: i64) -> bool {
    let off = [(4, 3), (4, 6), (5, 1), (12, 25), (12, 26), (1, 1)];
    let (year, month, of_month) = date(days);
    let easter = (4, 3) == (month, of_month) || (4, 6) == (month, of_month);
    weekday(days) < 5 && (!off.contains(&(month, of_month)) || easter && year != 2026)
}

fn island(days: i64) -> bool {
    let (_, month, of_month) = date(days);
    weekday(days) < 5 && (month, of_month) != (1, 26) && (month, of_month) != (4, 25)
}

/// Not on the day of the leap forward, which would hide that the other layer hands over in it.
fn weekend(days: i64) -> bool {
    weekday(days) >= 5 && date(days) != (2026, 10, 4)
}

fn nights(days: i64) -> bool {
    let (_, month, of_month) = date(days);
    (month, of_month) != (7, 4)
}

/// A time of day in Berlin, none of which is in a leap.
fn berlin(month: i64, of_month: i64, hour: i64, minute: i64) -> i64 {
    Zone::Berlin.first(day(2026, month, of_month), hour * 60 + minute) * 60_000
}

impl People {
    pub fn new() -> Self {
        Self::with(Zone::first)
    }

    /// The same with hand-overs as `f` finds them.
    pub fn with(f: Finds) -> Self {
        let hours = [
            Hours::new(Zone::Berlin, office, (9 * 60, 17 * 60)),
            Hours::new(Zone::LordHowe, island, (8 * 60 + 30, 16 * 60 + 45)),
            Hours::new(Zone::LordHowe, weekend, (0, 12 * 60)),
            Hours::new(Zone::NewYork, nights, (22 * 60, 6 * 60)),
        ];
        let (b, n, h) = (Zone::Berlin, Zone::NewYork, Zone::LordHowe);
        let (first, second, monday) = (day(2026, 1, 1), day(2026, 1, 2), day(2026, 1, 5));
        let berlin_ = Rotation {
            layers: vec![
                (Turns::new(f, b, (first, 1, 150), &["b1", "b2", "b3"]), None),
                (Turns::new(f, b, (monday, 7, 540), &["b4", "b1"]), Some(Times::Office)),
            ],
            stand_ins: vec![
                StandIn(berlin(3, 28, 12, 0), berlin(3, 29, 3, 10), "b5"),
                StandIn(berlin(7, 1, 0, 0), berlin(7, 8, 18, 0), "b5"),
                StandIn(berlin(7, 5, 0, 0), berlin(7, 6, 0, 0), "b2"),
            ],
        };
        let newyork = Rotation {
            layers: vec![
                (Turns::new(f, n, (second, 7, 17 * 60), &["n1", "n2"]), None),
                (Turns::new(f, n, (second, 2, 6 * 60), &["n2", "n1"]), Some(Times::Nights)),
            ],
            stand_ins: Vec::new(),
        };
        let howe = Rotation {
            layers: vec![
                (Turns::new(f, h, (first, 1, 135), &["h1", "h2", "h3", "h4"]), None),
                (Turns::new(f, h, (first, 1, 105), &["h5", "h6"]), Some(Times::Weekend)),
            ],
            stand_ins: Vec::new(),
        };
        let sun = Rotation {
            layers: vec![
                (Turns::new(f, b, (monday, 1, 0), &["n1"]), Some(Times::Nights)),
                (Turns::new(f, b, (monday, 7, 0), &["h1", "h2"]), Some(Times::Island)),
                (Turns::new(f, b, (monday, 1, 0), &["b1"]), Some(Times::Office)),
            ],
            stand_ins: Vec::new(),
        };
        let rotations = [("emea", berlin_), ("amer", newyork), ("apac", howe), ("sun", sun)];
        Self { hours, rotations: rotations.into() }
    }

    pub fn hours(&self, times: Times) -> &Hours {
        &self.hours[times as usize]
    }

    /// Who is called for a team about an incident.
    pub fn on_call(&self, team: &str, incident: u64, at_ms: i64) -> &'static str {
        if team == "ring" {
            return ["r1", "r2", "r3"][usize::try_from(incident % 3).unwrap()];
        }
        let rotation = &self.rotations[team];
        let stands_in = |it: &&StandIn| it.0 <= at_ms && at_ms < it.1;
        if let Some(StandIn(_, _, who)) = rotation.stand_ins.iter().rev().find(stands_in) {
            return who;
        }
        let has = |(turns, times): &(Turns, Option<Times>)| {
            let counts = times.is_none_or(|times| self.hours(times).covers(at_ms));
            turns.who(at_ms).filter(|_| counts)
        };
        let first = match team {
            "emea" => "b3",
            "amer" => "n1",
            "apac" => "h1",
            _ => "b2",
        };
        rotation.layers.iter().rev().find_map(has).unwrap_or(first)
    }

    pub fn lead(team: &str) -> &'static str {
        match team {
            "emea" | "sun" => "lena",
            "apac" => "lars",
            _ => Self::manager(team),
        }
    }

    pub fn manager(team: &str) -> &'static str {
        if ["emea", "amer", "ring"].contains(&team) { "max" } else { "chief" }
    }

    pub fn next(team: &str) -> Option<&'static str> {
        match team {
            "emea" => Some("amer"),
            "amer" => Some("apac"),
            "ring" => Some("emea"),
            "sun" => Some("ring"),
            _ => None,
        }
    }

    pub fn line(team: &str) -> usize {
        match team {
            "amer" => 2,
            "apac" => 3,
            _ => 1,
        }
    }
}
