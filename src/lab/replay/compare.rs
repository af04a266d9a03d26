//! Two sets of rules on the same alerts: what the new one spares, and what it would have missed.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Opened, Outcome};
use crate::model::priority::Priority;
use crate::model::time::Timestamp;

/// What one set of rules made of the alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Alerts that began to fire.
    pub alerts: u64,
    /// Incidents that are part of no other.
    pub incidents: u64,
    /// Those for which somebody was called. Further calls for the same incident are not counted:
    /// nobody answers in a replay.
    pub pages: u64,
}

/// An incident for which people were called under one set of rules and not under the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number under the rules that called somebody.
    pub number: u64,
    /// What was broken.
    pub title: String,
    /// Its priority when somebody was called.
    pub priority: Priority,
    /// Whom.
    pub target: Box<str>,
    /// When.
    pub paged_at: Timestamp,
    /// The line, from 0, that its root's alert began with.
    pub line: u64,
    /// The incident that holds that alert under the other rules.
    pub other: Option<u64>,
    /// The rule that one is handled under.
    pub other_rule: Option<Arc<str>>,
}

impl Totals {
    /// Counts.
    pub fn of(outcome: &Outcome) -> Self {
        let paged = outcome.incidents.iter().filter(|it| it.paged.is_some());
        Self {
            alerts: outcome.began,
            incidents: outcome.incidents.len() as u64,
            pages: paged.count() as u64,
        }
    }
}

/// Both side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Under the old rules.
    pub before: Totals,
    /// Under the new ones.
    pub after: Totals,
    /// P1 and P2 for which the old rules called somebody and the new ones nobody within the response
    /// limit, counted as the old ones did. Asked is the incident that holds the old root's alert in
    /// the end: a page for it or for anything that became part of it counts.
    pub missed: Vec<Difference>,
    /// What the new rules called somebody for and the old ones nobody within the response limit, of
    /// any priority.
    pub new_pages: Vec<Difference>,
}

/// Compares what old and new rules made of the same alerts.
pub fn compare(before: &Outcome, after: &Outcome) -> Comparison {
    let mut missed = unpaged(before, after);
    missed.retain(|it| it.priority <= Priority::P2);
    Comparison {
        before: Totals::of(before),
        after: Totals::of(after),
        missed,
        new_pages: unpaged(after, before),
    }
}

/// Lists what was paged under `one` and, within the response limit, not under the other.
fn unpaged(one: &Outcome, other: &Outcome) -> Vec<Difference> {
    let by_number: BTreeMap<u64, &Opened> =
        other.incidents.iter().map(|it| (it.number, it)).collect();
    let mut found = Vec::new();
    for it in &one.incidents {
        let Some((paged, fed)) = it.paged.as_ref().zip(it.root_fed) else { continue };
        let placed = usize::try_from(fed).ok().and_then(|fed| other.alerts.get(fed));
        let held = placed.and_then(|placed| by_number.get(&placed.incident?).copied());
        let called = held.and_then(|held| held.paged.as_ref());
        if called.is_some_and(|called| called.at <= paged.answer_by) {
            continue;
        }
        found.push(Difference {
            number: it.number,
            title: it.title.clone(),
            priority: paged.priority,
            target: paged.target.clone(),
            paged_at: paged.at,
            line: placed.map_or(0, |placed| placed.line),
            other: held.map(|held| held.number),
            other_rule: held.and_then(|held| held.rule.clone()),
        });
    }
    found
}

/// Writes `INC-12 (P1) db-3 DiskFull, line 7: part of INC-3 under ops/fra1-storm`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, title, priority, target, line, .. } = self;
        write!(f, "INC-{number} ({priority}, {target}) {title}, line {}: ", line + 1)?;
        match (self.other, &self.other_rule) {
            (None, _) => f.write_str("in no incident"),
            (Some(other), None) => write!(f, "in INC-{other}, which called nobody in time"),
            (Some(other), Some(rule)) => {
                write!(f, "in INC-{other} of {rule}, which called nobody in time")
            }
        }
    }
}
