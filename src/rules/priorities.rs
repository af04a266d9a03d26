//! Impact × urgency → priority, and what follows from the priority: all of it data.
//!
//! It knows the tables and how they are read; the engine does the sums.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::read as civil;
use super::calendar::{Calendar, Times};
use super::codes;
use super::reader::{DAY, Fields, HOUR, MINUTE, Reader};
use super::yaml::{Node, Value};
use crate::model::priority::{Impact, PRIORITIES, Priority, Urgency};
use crate::model::progress::StateName;

/// How impact, urgency and priority are found, and what follows from the priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priorities {
    /// What makes the impact high; any one of them.
    pub high: Threshold,
    /// What makes it medium.
    pub medium: Threshold,
    /// Severities in lower case with their urgency; all others are low.
    pub urgency: BTreeMap<Box<str>, Urgency>,
    /// The highest urgency of what costs redundancy and no service.
    pub redundancy_lost: Urgency,
    /// The highest urgency of what hits only services outside of their hours.
    pub outside_hours: Urgency,
    /// By impact (high, medium, low), then by urgency (high, medium, low).
    pub matrix: [[Priority; 3]; 3],
    /// By priority, P1 to P4.
    pub limits: [Limit; 4],
    /// Which incidents page.
    pub page: PageWhen,
}

/// What an incident must reach for an impact; any one suffices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threshold {
    /// A service of this tier or a more important one (1 is the most important).
    pub tier: Option<u32>,
    /// So many users.
    pub users: Option<u64>,
    /// So many services.
    pub services: Option<u32>,
}

/// The time limits of a priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Until somebody has acknowledged.
    pub response: Duration,
    /// Until service is restored, without the time on hold.
    pub resolution: Duration,
    /// After which an acknowledgement lapses, whatever the calendar: it is a person's word.
    pub acknowledgement: Duration,
    /// When the clocks of response, acceptance and resolution run; always, without a calendar.
    pub calendar: Option<Times>,
    /// When the clock of the resolution runs, where that is another.
    pub resolution_calendar: Option<Times>,
    /// Until each that is handed it has confirmed that, by line, 1 to 4; the response limit where
    /// none is given.
    pub acceptance: [Option<Duration>; 4],
    /// From one update that is promised to the next; nobody promises any without it.
    pub update: Option<Duration>,
    /// Until the supplier has to be done, while it waits for one.
    pub supplier: Option<Duration>,
    /// How long one may be in a state.
    pub states: BTreeMap<StateName, Duration>,
}

impl Limit {
    /// Returns the time within which a line has to confirm that it was handed an incident.
    pub fn acceptance(&self, line: u8) -> Duration {
        let at = usize::from(line.max(1)) - 1;
        self.acceptance.get(at).copied().flatten().unwrap_or(self.response)
    }

    /// Returns when the resolution clock runs.
    pub fn resolution_calendar(&self) -> Option<&Times> {
        self.resolution_calendar.as_ref().or(self.calendar.as_ref())
    }
}

/// Which incidents interrupt a person; all others are tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageWhen {
    /// Those of these priorities.
    pub priorities: Vec<Priority>,
    /// Those of at least this urgency, whatever their priority: without a CMDB every impact is low,
    /// and a critical alert must not stay a ticket for that.
    pub urgency: Option<Urgency>,
}

impl Default for Priorities {
    fn default() -> Self {
        use Priority::{P1, P2, P3, P4};
        let limit = |response, resolution, acknowledgement| Limit {
            response,
            resolution,
            acknowledgement,
            calendar: None,
            resolution_calendar: None,
            acceptance: [None; 4],
            update: None,
            supplier: None,
            states: BTreeMap::new(),
        };
        // Of urgent ones people hear how they stand; those that can wait do so for working days.
        let urgent = |limit, update| Limit { update: Some(update), ..limit };
        let working = Arc::new(Calendar::working_days());
        let in_days =
            |limit| Limit { resolution_calendar: Some(Times::Own(Arc::clone(&working))), ..limit };
        let urgency = [
            ("critical", Urgency::High),
            ("major", Urgency::High),
            ("error", Urgency::High),
            ("high", Urgency::High),
            ("warning", Urgency::Medium),
            ("minor", Urgency::Medium),
        ];
        Self {
            high: Threshold { tier: Some(1), users: Some(1_000), services: Some(3) },
            medium: Threshold { tier: Some(2), users: Some(50), services: None },
            urgency: urgency.map(|(severity, urgency)| (severity.into(), urgency)).into(),
            redundancy_lost: Urgency::Low,
            outside_hours: Urgency::Low,
            matrix: [[P1, P2, P3], [P2, P3, P4], [P3, P4, P4]],
            limits: [
                urgent(limit(15 * MINUTE, 4 * HOUR, 30 * MINUTE), HOUR),
                urgent(limit(30 * MINUTE, 8 * HOUR, HOUR), 2 * HOUR),
                in_days(limit(4 * HOUR, 3 * DAY, 8 * HOUR)),
                in_days(limit(DAY, 10 * DAY, DAY)),
            ],
            page: PageWhen { priorities: vec![P1, P2], urgency: Some(Urgency::High) },
        }
    }
}

impl Priorities {
    /// Returns the urgency of a severity, whatever its case.
    pub fn urgency(&self, severity: &str) -> Urgency {
        self.urgency.get(&*severity.to_lowercase()).copied().unwrap_or(Urgency::Low)
    }

    /// Returns the priority that follows from impact and urgency.
    pub fn priority(&self, impact: Impact, urgency: Urgency) -> Priority {
        let [high, medium, low] = &self.matrix;
        let row = match impact {
            Impact::High => high,
            Impact::Medium => medium,
            Impact::Low => low,
        };
        let [high, medium, low] = *row;
        match urgency {
            Urgency::High => high,
            Urgency::Medium => medium,
            Urgency::Low => low,
        }
    }

    /// Returns the time limits of a priority.
    pub fn limit(&self, priority: Priority) -> &Limit {
        let [p1, p2, p3, p4] = &self.limits;
        match priority {
            Priority::P1 => p1,
            Priority::P2 => p2,
            Priority::P3 => p3,
            Priority::P4 => p4,
        }
    }

    /// True when an incident of these interrupts a person.
    pub fn pages(&self, priority: Priority, urgency: Urgency) -> bool {
        self.page.priorities.contains(&priority)
            || self.page.urgency.is_some_and(|least| urgency >= least)
    }
}

/// Reads the section `priorities`; what is not given keeps its default.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Priorities> {
    let mut fields = reader.map(node, "`priorities`")?;
    let mut priorities = Priorities::default();
    if let Some(mut levels) = fields.read(reader, "impact", |r, n| r.map(n, "`impact`")) {
        for (name, level) in [("high", &mut priorities.high), ("medium", &mut priorities.medium)] {
            if let Some(threshold) = levels.read(reader, name, threshold) {
                *level = threshold;
            }
        }
        levels.finish(reader);
    }
    if let Some(urgency) = fields.read(reader, "urgency", severities) {
        priorities.urgency = urgency;
    }
    for (name, most) in [
        ("redundancy_lost", &mut priorities.redundancy_lost),
        ("outside_hours", &mut priorities.outside_hours),
    ] {
        if let Some(urgency) = fields.read(reader, name, Reader::word) {
            *most = urgency;
        }
    }
    if let Some(rows) = fields.read(reader, "matrix", |r, n| r.map(n, "`matrix`")) {
        matrix(reader, rows, &mut priorities.matrix);
    }
    if let Some(limits) = fields.read(reader, "limits", |r, n| r.map(n, "`limits`")) {
        self::limits(reader, limits, &mut priorities.limits);
    }
    if let Some(page) = fields.read(reader, "page", page) {
        priorities.page = page;
    }
    fields.finish(reader);
    Some(priorities)
}

fn threshold(reader: &mut Reader<'_>, node: &Node) -> Option<Threshold> {
    let mut fields = reader.map(node, "an impact")?;
    let threshold = Threshold {
        tier: fields.read(reader, "tier", |r, n| r.number(n, 1..=100)),
        users: fields.read(reader, "users", |r, n| r.number(n, 1..=1_000_000_000_000)),
        services: fields.read(reader, "services", |r, n| r.number(n, 1..=100_000)),
    };
    let span = fields.span;
    fields.finish(reader);
    if threshold == Threshold::default() {
        reader.error(codes::MISSING, span, "an impact needs `tier`, `users` or `services`");
        return None;
    }
    Some(threshold)
}

fn severities(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<Box<str>, Urgency>> {
    let fields = reader.map(node, "`urgency`")?;
    let mut urgency = BTreeMap::new();
    for (key, node) in fields.all() {
        if let Some(level) = reader.word(node) {
            urgency.insert(key.name.to_lowercase().into(), level);
        }
    }
    Some(urgency)
}

const LEVELS: [&str; 3] = ["high", "medium", "low"];

fn matrix(reader: &mut Reader<'_>, mut rows: Fields<'_>, matrix: &mut [[Priority; 3]; 3]) {
    for (impact, row) in LEVELS.into_iter().zip(matrix) {
        let columns = rows.read(reader, impact, |r, n| r.map(n, "a row of `matrix`"));
        let Some(mut columns) = columns else { continue };
        for (urgency, cell) in LEVELS.into_iter().zip(row) {
            if let Some(priority) = columns.read(reader, urgency, Reader::word) {
                *cell = priority;
            }
        }
        columns.finish(reader);
    }
    rows.finish(reader);
}

fn limits(reader: &mut Reader<'_>, mut fields: Fields<'_>, limits: &mut [Limit; 4]) {
    for (name, limit) in NAMES.into_iter().zip(limits) {
        let given = fields.read(reader, name, given);
        if let Some(given) = given {
            given.put_on(limit);
        }
    }
    fields.finish(reader);
}

/// The priorities as they are written, the most pressing first.
pub(super) const NAMES: [&str; PRIORITIES.len()] = ["P1", "P2", "P3", "P4"];

/// What is given of the limits of a priority; the rest stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    response: Option<Duration>,
    resolution: Option<Duration>,
    acknowledgement: Option<Duration>,
    calendar: Option<Times>,
    resolution_calendar: Option<Times>,
    acceptance: Option<[Option<Duration>; 4]>,
    update: Option<Duration>,
    supplier: Option<Duration>,
    states: BTreeMap<StateName, Duration>,
}

impl Given {
    /// Puts what is given in the place of what was.
    pub(super) fn put_on(&self, limit: &mut Limit) {
        limit.response = self.response.unwrap_or(limit.response);
        limit.resolution = self.resolution.unwrap_or(limit.resolution);
        limit.acknowledgement = self.acknowledgement.unwrap_or(limit.acknowledgement);
        limit.acceptance = self.acceptance.unwrap_or(limit.acceptance);
        limit.update = self.update.or(limit.update);
        limit.supplier = self.supplier.or(limit.supplier);
        limit.states.extend(self.states.iter().map(|(state, span)| (*state, *span)));
        if let Some(calendar) = &self.calendar {
            limit.calendar = Some(calendar.clone());
        }
        // Working days are what is general: a limit that is given counts as it says itself.
        if self.resolution.is_some() || self.calendar.is_some() {
            limit.resolution_calendar = None;
        }
        if let Some(calendar) = &self.resolution_calendar {
            limit.resolution_calendar = Some(calendar.clone());
        }
    }
}

const SPANS: core::ops::RangeInclusive<Duration> = MINUTE..=Duration::from_hours(24 * 90);

/// Reads what is given of the limits of one priority.
pub(super) fn given(reader: &mut Reader<'_>, node: &Node) -> Option<Given> {
    let mut fields = reader.map(node, "the limits of a priority")?;
    let mut span =
        |reader: &mut Reader<'_>, name| fields.read(reader, name, |r, n| r.duration(n, SPANS));
    let mut given = Given {
        response: span(reader, "response"),
        resolution: span(reader, "resolution"),
        acknowledgement: span(reader, "acknowledgement"),
        update: span(reader, "update"),
        supplier: span(reader, "supplier"),
        ..Given::default()
    };
    given.calendar = fields.read(reader, "calendar", civil::hours);
    given.resolution_calendar = fields.read(reader, "resolution_calendar", civil::hours);
    given.acceptance = fields.read(reader, "acceptance", acceptance);
    given.states = fields.read(reader, "states", states).unwrap_or_default();
    fields.finish(reader);
    Some(given)
}

/// Reads how long an incident may be in each state.
fn states(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<StateName, Duration>> {
    use StateName::{Acknowledged, InProgress, New, OnHold};
    let mut fields = reader.map(node, "`states`")?;
    let states = [
        ("new", New),
        ("acknowledged", Acknowledged),
        ("in_progress", InProgress),
        ("on_hold", OnHold),
    ];
    let read =
        states.map(|(name, state)| (state, fields.read(reader, name, |r, n| r.duration(n, SPANS))));
    fields.finish(reader);
    Some(read.into_iter().filter_map(|(state, span)| Some((state, span?))).collect())
}

/// Reads one time for all lines, or one for each: `10m`, or `{line1: 10m, line2: 1h}`.
fn acceptance(reader: &mut Reader<'_>, node: &Node) -> Option<[Option<Duration>; 4]> {
    if !matches!(node.value, Value::Map(_)) {
        return reader.duration(node, SPANS).map(|span| [Some(span); 4]);
    }
    let mut fields = reader.map(node, "`acceptance`")?;
    let lines = ["line1", "line2", "line3", "line4"];
    let spans = lines.map(|name| fields.read(reader, name, |r, n| r.duration(n, SPANS)));
    fields.finish(reader);
    Some(spans)
}

fn page(reader: &mut Reader<'_>, node: &Node) -> Option<PageWhen> {
    let mut fields = reader.map(node, "`page`")?;
    let priorities = fields.read(reader, "priorities", |r, n| {
        let items = r.list(n)?;
        Some(items.iter().filter_map(|item| r.word(item)).collect())
    });
    let urgency = fields.read(reader, "urgency", Reader::word);
    fields.finish(reader);
    Some(PageWhen { priorities: priorities.unwrap_or_default(), urgency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_matrix_is_the_documented_one() {
        let priorities = Priorities::default();
        let levels = [
            (Impact::High, ["P1", "P2", "P3"]),
            (Impact::Medium, ["P2", "P3", "P4"]),
            (Impact::Low, ["P3", "P4", "P4"]),
        ];
        for (impact, row) in levels {
            for (urgency, priority) in
                [Urgency::High, Urgency::Medium, Urgency::Low].into_iter().zip(row)
            {
                assert_eq!(priorities.priority(impact, urgency).to_string(), priority);
            }
        }
    }

    #[test]
    fn limits_are_read_and_what_is_not_given_stays() {
        let set = |limits: &str| {
            let text = format!(
                "version: 1\ncalendars: {{c: {{zone: UTC}}}}\n\
                 priorities: {{limits: {{P3: {{{limits}}}}}}}"
            );
            let loaded =
                crate::rules::load(&[crate::rules::SourceFile { name: "t.yaml".into(), text }]);
            loaded.set.map(|set| set.priorities.limit(Priority::P3).clone())
        };
        let acceptance = |limits: &str| {
            let limit = set(limits).unwrap();
            [1, 2, 4].map(|line| limit.acceptance(line).as_secs() / 60)
        };
        assert_eq!(acceptance(""), [240, 240, 240], "the response limit");
        assert_eq!(acceptance("response: 1h"), [60, 60, 60]);
        assert_eq!(acceptance("acceptance: 10m"), [10, 10, 10]);
        assert_eq!(acceptance("acceptance: {line2: 10m}"), [240, 10, 240]);
        let days =
            |limits: &str| set(limits).unwrap().resolution_calendar().map(ToString::to_string);
        let working = Some("mon-fri 00:00-24:00 UTC".to_owned());
        assert_eq!(days("response: 1h"), working, "working days");
        assert_eq!(days("resolution: 20h"), None, "as it says itself");
        assert_eq!(days("calendar: c"), Some("calendar c".into()));
        assert_eq!(days("resolution: 20h, resolution_calendar: c"), Some("calendar c".into()));
        for bad in ["acceptance: soon", "acceptance: {line5: 10m}", "states: {closed: 1h}"] {
            assert_eq!(set(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_critical_alert_pages_without_any_cmdb() {
        let priorities = Priorities::default();
        for (severity, pages) in [
            ("critical", true),
            ("Critical", true),
            ("major", true),
            ("warning", false),
            ("", false),
        ] {
            let urgency = priorities.urgency(severity);
            let priority = priorities.priority(Impact::Low, urgency);
            assert_eq!(priorities.pages(priority, urgency), pages, "{severity}");
        }
    }
}
