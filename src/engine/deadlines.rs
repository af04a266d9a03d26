//! When the steps on an incident's clocks fall due: worked out anew from its record, the rules and its
//! policy whenever one of them is another.
//!
//! Where the priority's limits name a calendar the clocks count only the time that it covers. Takes no
//! step and tells nobody: that is for `escalate`. Public for the benchmark `clocks`.

use core::time::Duration;

use super::{acceptance, waiting};
use crate::model::escalation::{Due, Policy, Rung, Step};
use crate::model::incident::Incident;
use crate::model::time::Timestamp;
use crate::rules::{Calendar, RuleSet};

/// Sets the deadlines of an open incident's running clocks by the limits of its priority.
pub fn plan(rules: &RuleSet, policy: &Policy, record: &mut Incident, now: Timestamp) {
    let limit = rules.limit(record.terms.agreement.as_deref(), record.assessment.priority);
    let calendar = limit.calendar.as_ref().and_then(|times| rules.calendar(times));
    let resolves = limit.resolution_calendar().and_then(|times| rules.calendar(times));
    acceptance::plan(rules, policy, record);
    waiting::plan(rules, record);
    waiting::plan_state(rules, record, now);
    if record.response.stopped_at.is_none() {
        let clock = Clock {
            started_at: record.response.started_at,
            stood: Duration::ZERO,
            limit: limit.response,
            not_before: record.wait_until,
            calendar,
        };
        record.response.due_at = clock.at(limit.response);
        record.functional.due_at = clock.due(&policy.functional, record.functional);
        record.hierarchical.due_at = clock.due(&policy.hierarchical, record.hierarchical);
    }
    let runs = record.resolution.stands_since.is_none();
    let clock = Clock {
        started_at: record.opened_at,
        stood: match resolves {
            None => Duration::from_millis(record.resolution.stood_ms),
            Some(_) => stood(&record.resolution.stood, resolves),
        },
        limit: limit.resolution,
        not_before: None,
        calendar: resolves,
    };
    record.resolution.due_at = clock.at(limit.resolution);
    let resolving = runs.then(|| clock.due(&policy.resolution, record.resolving));
    record.resolving.due_at = resolving.flatten();
}

/// Returns how much of the time that counts a resolution clock has stood.
pub(super) fn stood(stood: &[(Timestamp, Timestamp)], calendar: Option<&Calendar>) -> Duration {
    let counts = |(from, until): &(Timestamp, Timestamp)| match calendar {
        Some(calendar) => calendar.between(*from, *until),
        None => until.since(*from),
    };
    stood.iter().map(counts).sum()
}

/// Returns when so much of the time that counts has passed.
fn later(calendar: Option<&Calendar>, from: Timestamp, span: Duration) -> Timestamp {
    calendar.map_or_else(|| from.plus(span), |calendar| calendar.after(from, span))
}

/// A running clock, as the steps on it see it.
pub(super) struct Clock<'r> {
    pub(super) started_at: Timestamp,
    /// Time that would have counted and does not, because it stood.
    pub(super) stood: Duration,
    pub(super) limit: Duration,
    pub(super) not_before: Option<Timestamp>,
    /// When it runs; always, without one.
    pub(super) calendar: Option<&'r Calendar>,
}

impl Clock<'_> {
    /// Returns when it shows this time.
    pub(super) fn at(&self, shown: Duration) -> Timestamp {
        later(self.calendar, self.started_at, self.stood.saturating_add(shown))
    }

    /// Returns when the step that a rung stands before falls due.
    pub(super) fn due(&self, steps: &[Step], rung: Rung) -> Option<Timestamp> {
        let step = steps.get(rung.step as usize)?;
        match (step.repeat, rung.last_at) {
            // A repeating step's next time is counted from its last one, by the hours of now.
            (Some(every), Some(last_at)) => return Some(later(self.calendar, last_at, every)),
            // Stored before the last time was kept.
            (Some(_), None) if rung.repeats > 0 && rung.due_at.is_some() => return rung.due_at,
            (Some(_), None) | (None, _) => {}
        }
        let at = self.at(match step.due {
            Due::After(span) => span,
            Due::Share(percent) => self.limit.saturating_mul(percent.into()) / 100,
        });
        Some(self.not_before.map_or(at, |until| at.max(until)))
    }
}

/// Returns where a ladder stands once a step is taken; [`plan`] says when the next one is due. What
/// repeats is counted from now, whatever was missed: a gap is made up for once.
pub(super) fn taken(step: &Step, at: Rung, now: Timestamp) -> Rung {
    match step.repeat {
        Some(_) => Rung { repeats: at.repeats + 1, last_at: Some(now), due_at: None, ..at },
        None => Rung { step: at.step + 1, ..Rung::default() },
    }
}
