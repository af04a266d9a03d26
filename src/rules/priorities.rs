//! Impact × urgency → priority, and what follows from the priority: all of it data.
//!
//! It knows the tables and how they are read; the engine does the sums.

use core::time::Duration;
use std::collections::BTreeMap;

use super::calendar::Times;
use super::calendar::read as civil;
use super::codes;
use super::reader::{DAY, Fields, HOUR, MINUTE, Reader};
use super::yaml::Node;
use crate::model::priority::{Impact, PRIORITIES, Priority, Urgency};

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
    /// When the clocks of the other two run; always, without a calendar.
    pub calendar: Option<Times>,
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
        };
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
                limit(15 * MINUTE, 4 * HOUR, 30 * MINUTE),
                limit(30 * MINUTE, 8 * HOUR, HOUR),
                limit(4 * HOUR, 3 * DAY, 8 * HOUR),
                limit(DAY, 10 * DAY, DAY),
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
    let names = ["P1", "P2", "P3", "P4"];
    debug_assert_eq!(names.len(), PRIORITIES.len());
    for (name, limit) in names.into_iter().zip(limits) {
        let given = fields.read(reader, name, |r, n| r.map(n, "the limits of a priority"));
        let Some(mut given) = given else { continue };
        let range = MINUTE..=90 * DAY;
        for (name, span) in [
            ("response", &mut limit.response),
            ("resolution", &mut limit.resolution),
            ("acknowledgement", &mut limit.acknowledgement),
        ] {
            let read = |r: &mut Reader<'_>, n| r.duration(n, range.clone());
            if let Some(given) = given.read(reader, name, read) {
                *span = given;
            }
        }
        if let Some(calendar) = given.read(reader, "calendar", civil::hours) {
            limit.calendar = Some(calendar);
        }
        given.finish(reader);
    }
    fields.finish(reader);
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
