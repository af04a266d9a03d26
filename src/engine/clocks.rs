//! How each deadline of an incident came about: from when, by which limit, when its clock ran, when
//! it stood and what was out of hours. For whoever shows it; decides nothing.

use core::fmt;
use core::time::Duration;

use super::deadlines::{Clock, stood};
use crate::model::assignment::{Assignment, Part};
use crate::model::incident::Incident;
use crate::model::priority::words;
use crate::model::time::Timestamp;
use crate::rules::{Calendar, Limit, RuleSet, Times};

/// Parts of one clock that are shown; a longer one is cut.
const PARTS_MAX: usize = 200;

/// How one deadline came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// `response`, `resolution`, `acceptance of TEAM`, `state STATE`, `supplier` or `next update`.
    pub clock: String,
    /// When it began.
    pub from: Timestamp,
    /// How much of the time that counts it may take.
    pub limit: Duration,
    /// Where the limit came from.
    pub source: String,
    /// When it counts; always, without.
    pub calendar: Option<String>,
    /// What passed, or will until the deadline, without a gap.
    pub parts: Vec<Stretch>,
    /// The deadline; nothing while the clock stands.
    pub due_at: Option<Timestamp>,
    /// How it stands.
    pub standing: Standing,
}

/// An unbroken time in which a clock did one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, exclusive.
    pub until: Timestamp,
    /// What the clock did.
    pub what: What,
}

/// What a clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It counts.
    Runs,
    /// Work waits.
    OnHold,
    /// The time does not count.
    OutOfHours,
}

words!(What, Runs = "runs", OnHold = "on_hold", OutOfHours = "out_of_hours");

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs, and the limit is not reached.
    Runs,
    /// The limit is reached.
    Over,
    /// Work waits.
    Stands,
    /// What it measures was done in time.
    Kept,
    /// What it measures was done too late.
    Missed,
}

words!(Standing, Runs = "runs", Over = "over", Stands = "stands", Kept = "kept", Missed = "missed");

/// A clock of an incident, before it is derived.
struct Asked<'a> {
    clock: String,
    from: Timestamp,
    limit: Duration,
    source: String,
    times: Option<&'a Times>,
    stood: &'a [(Timestamp, Timestamp)],
    stands_since: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
}

/// Derives every deadline of an incident.
pub fn derive(rules: &RuleSet, record: &Incident, now: Timestamp) -> Vec<Derivation> {
    let priority = record.assessment.priority;
    let agreement = record.terms.agreement.as_deref();
    let known = agreement.filter(|name| rules.agreement(name).is_some());
    let limit = rules.limit(agreement, priority);
    let source = match known {
        Some(name) => format!("{priority} by agreement {name}"),
        None => format!("{priority} by the general limits"),
    };
    let mut asked = vec![response(record, limit, &source)];
    let open = record.assignments.list.iter().filter(|it| it.until.is_none());
    asked.extend(open.map(|it| acceptance(record, it, limit, &source)));
    asked.push(resolution(record, limit, &source));
    let mut derived: Vec<_> = asked.into_iter().map(|it| one(rules, it, now)).collect();
    derived.extend(in_state(rules, record, limit, &source, now));
    derived.extend(supplier(rules, record, limit, &source, now));
    derived.extend(promise(rules, record, now));
    derived
}

fn response<'a>(record: &'a Incident, limit: &'a Limit, source: &str) -> Asked<'a> {
    Asked {
        clock: "response".into(),
        from: record.response.started_at,
        limit: limit.response,
        source: source.into(),
        times: limit.calendar.as_ref(),
        stood: &[],
        stands_since: None,
        stopped_at: record.response.stopped_at,
    }
}

fn acceptance<'a>(
    record: &'a Incident,
    it: &Assignment,
    limit: &'a Limit,
    source: &str,
) -> Asked<'a> {
    let restarted_at = record.response.started_at;
    let from = if it.part == Part::Convened { it.from } else { it.from.max(restarted_at) };
    Asked {
        clock: format!("acceptance of {}", it.team.as_deref().unwrap_or("the default contact")),
        from: if it.accepted.is_some() { it.from } else { from },
        limit: limit.acceptance(it.line),
        source: format!("{source}, line {}", it.line),
        times: limit.calendar.as_ref(),
        stood: &[],
        stands_since: None,
        stopped_at: it.accepted.as_ref().map(|it| it.at),
    }
}

fn resolution<'a>(record: &'a Incident, limit: &'a Limit, source: &str) -> Asked<'a> {
    let done = !record.progress.is_open();
    Asked {
        clock: "resolution".into(),
        from: record.opened_at,
        limit: limit.resolution,
        source: source.into(),
        times: limit.resolution_calendar(),
        stood: &record.resolution.stood,
        stands_since: record.resolution.stands_since.filter(|_| !done),
        stopped_at: record.resolution.stands_since.filter(|_| done),
    }
}

fn in_state(
    rules: &RuleSet,
    record: &Incident,
    limit: &Limit,
    source: &str,
    now: Timestamp,
) -> Option<Derivation> {
    let it = record.terms.in_state.filter(|it| it.state == record.progress.name())?;
    let asked = Asked {
        clock: format!("state {}", it.state),
        from: it.since,
        limit: *limit.states.get(&it.state)?,
        source: source.into(),
        times: limit.calendar.as_ref(),
        stood: &[],
        stands_since: None,
        stopped_at: None,
    };
    Some(one(rules, asked, now))
}

fn supplier(
    rules: &RuleSet,
    record: &Incident,
    limit: &Limit,
    source: &str,
    now: Timestamp,
) -> Option<Derivation> {
    let asked = Asked {
        clock: "supplier".into(),
        from: record.terms.supplier.as_ref()?.since,
        limit: limit.supplier?,
        source: source.into(),
        times: limit.calendar.as_ref(),
        stood: &[],
        stands_since: None,
        stopped_at: None,
    };
    Some(one(rules, asked, now))
}

fn promise(rules: &RuleSet, record: &Incident, now: Timestamp) -> Option<Derivation> {
    let promise = record.terms.promise.as_ref()?;
    let from = promise.due_at.minus(promise.every);
    let asked = Asked {
        clock: "next update".into(),
        from,
        limit: promise.every,
        source: format!("promised by {}", promise.by),
        times: None,
        stood: &[],
        stands_since: None,
        stopped_at: None,
    };
    Some(one(rules, asked, now))
}

fn one(rules: &RuleSet, it: Asked<'_>, now: Timestamp) -> Derivation {
    let calendar = it.times.and_then(|times| rules.calendar(times));
    let clock = Clock {
        started_at: it.from,
        stood: stood(it.stood, calendar),
        limit: it.limit,
        not_before: None,
        calendar,
    };
    let due_at = clock.at(it.limit);
    let standing = match (it.stopped_at, it.stands_since) {
        (Some(at), _) if at <= due_at => Standing::Kept,
        (Some(_), _) => Standing::Missed,
        (None, Some(_)) => Standing::Stands,
        (None, None) if now >= due_at => Standing::Over,
        (None, None) => Standing::Runs,
    };
    let end = it.stopped_at.or(it.stands_since.map(|_| now)).unwrap_or(due_at);
    let mut stood: Vec<_> = it.stood.to_vec();
    stood.extend(it.stands_since.map(|since| (since, now)));
    Derivation {
        clock: it.clock,
        from: it.from,
        limit: it.limit,
        source: it.source,
        calendar: it.times.map(ToString::to_string),
        parts: parts((it.from, end), &stood, calendar),
        due_at: it.stands_since.is_none().then_some(due_at),
        standing,
    }
}

/// Cuts a time into what a clock did in it.
fn parts(
    (from, end): (Timestamp, Timestamp),
    stood: &[(Timestamp, Timestamp)],
    calendar: Option<&Calendar>,
) -> Vec<Stretch> {
    let mut parts: Vec<Stretch> = Vec::new();
    let mut at = from;
    while at < end && parts.len() < PARTS_MAX {
        let held = stood.iter().find(|(from, until)| *from <= at && at < *until);
        let (what, until) = if let Some((_, until)) = held {
            (What::OnHold, *until)
        } else {
            let covers = calendar.is_none_or(|calendar| calendar.covers(at));
            let changes = calendar.and_then(|calendar| calendar.next_change(at));
            let waits = stood.iter().map(|(from, _)| *from).filter(|from| *from > at).min();
            let until = changes.into_iter().chain(waits).min().unwrap_or(end);
            (if covers { What::Runs } else { What::OutOfHours }, until)
        };
        let until = until.min(end);
        match parts.last_mut().filter(|last| last.what == what) {
            Some(last) => last.until = until,
            None => parts.push(Stretch { from: at, until, what }),
        }
        at = until;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{SourceFile, load};

    /// Zones with both changes of the clock, half hours, and days that are left out.
    const ZONES: [&str; 7] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Pacific/Apia",
        "America/St_Johns",
    ];

    /// Times around which clocks leap: spring and autumn of 2026, and the day that Apia left out.
    const AROUND: [&str; 6] = [
        "2026-03-29T00:00:00Z",
        "2026-10-25T00:00:00Z",
        "2026-03-08T06:00:00Z",
        "2026-04-04T14:00:00Z",
        "2026-10-03T15:00:00Z",
        "2011-12-30T09:00:00Z",
    ];

    fn rules(zone: &str, hours: &str) -> RuleSet {
        let text = format!(
            "version: 1\ncalendars: {{c: {{zone: {zone}, hours: [{hours}], \
             holidays: [2026-10-26, 01-01]}}}}"
        );
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    proptest! {
        /// What runs adds up to the limit, whatever was on hold or out of hours, and the parts are
        /// without a gap up to the deadline.
        #[test]
        fn the_parts_of_a_clock_add_up_to_its_limit(
            zone in 0..ZONES.len(),
            around in 0..AROUND.len(),
            offset_min in -4_000_i64..4_000,
            limit_min in 1_u64..4_000,
            holds in proptest::collection::vec((0_u64..3_000, 1_u64..3_000), 0..4),
            hours in 0..3_usize,
        ) {
            let hours = [
                "{days: [mon-fri], from: '09:00', to: '17:00'}",
                "{from: '22:30', to: '02:30'}",
                "{from: '00:00', to: '24:00'}",
            ][hours];
            let rules = rules(ZONES[zone], hours);
            let calendar = &*rules.calendars["c"];
            let start: jiff::Timestamp = AROUND[around].parse().unwrap();
            let from = Timestamp::from_millis(start.as_millisecond() + offset_min * 60_000);
            let mut at = from;
            let mut stood_at = Vec::new();
            for (gap, length) in holds {
                let begins = at.plus(Duration::from_mins(gap));
                at = begins.plus(Duration::from_mins(length));
                stood_at.push((begins, at));
            }
            for calendar in [None, Some(calendar)] {
                let limit = Duration::from_mins(limit_min);
                // Only what was on hold before the deadline can put it off.
                let mut counted: Vec<(Timestamp, Timestamp)> = Vec::new();
                let due = |counted: &[(Timestamp, Timestamp)]| {
                    let stood = stood(counted, calendar);
                    let clock = Clock { started_at: from, stood, limit, not_before: None, calendar };
                    clock.at(limit)
                };
                for hold in &stood_at {
                    if hold.0 < due(&counted) {
                        counted.push(*hold);
                    }
                }
                let due_at = due(&counted);
                let parts = parts((from, due_at), &counted, calendar);
                prop_assume!(parts.len() < PARTS_MAX);
                prop_assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from));
                prop_assert_eq!(parts.last().map(|it| it.until), Some(due_at));
                let runs = parts.iter().filter(|it| it.what == What::Runs);
                let sum: Duration = runs.map(|it| it.until.since(it.from)).sum();
                prop_assert_eq!(sum, limit, "{:?}", parts);
            }
        }
    }

    #[test]
    fn the_working_days_of_the_defaults_leave_out_the_weekend() {
        let rules = RuleSet::builtin();
        let limit = rules.limit(None, crate::model::priority::Priority::P3);
        let calendar = limit.resolution_calendar().and_then(|times| rules.calendar(times)).unwrap();
        let at = |text: &str| {
            Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
        };
        for (from, due) in [
            ("2026-11-19T10:00:00Z", "2026-11-24T10:00:00Z"),
            ("2026-11-21T10:00:00Z", "2026-11-26T00:00:00Z"),
            ("2026-11-16T10:00:00Z", "2026-11-19T10:00:00Z"),
        ] {
            assert_eq!(calendar.after(at(from), limit.resolution), at(due), "{from}");
        }
    }
}
