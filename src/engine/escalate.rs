//! The response clock and the two ladders of an incident's policy: who hears of it next, and when.
//!
//! Never early; after a gap the highest overdue step of each ladder is taken once and says how late
//! it is. Acknowledging stops everything, a lapse starts it anew.

use core::time::Duration;

use super::State;
use super::context::Context;
use super::notices::{self, Plan};
use super::pending::Told;
use crate::model::escalation::{Action, Due, Ladder, Rung, Step, Target};
use crate::model::incident::{Happening, Incident, IncidentId, Progress};
use crate::model::notice::NoticeKind;
use crate::model::time::{Brief, Timestamp};
use crate::rules::RuleSet;

/// A step that falls due later than this after its deadline says so.
const LATE_AFTER: Duration = Duration::from_secs(5);

/// Starts the response clock of an incident; its first notice may wait for a cause.
pub(super) fn start(state: &mut State, id: IncidentId, wait: Duration, now: Timestamp) {
    if let Some(case) = state.change(id) {
        restart(&mut case.record, now);
        if wait > Duration::ZERO {
            case.record.wait_until = Some(now.plus(wait));
            let text = format!("the first notice waits {} for a possible cause", Brief(wait));
            state.pending.tell(id, now, Told { what: Happening::Waiting, text, path: None });
        }
    }
    state.pending.unsettled.insert(id);
}

/// Begins a round of the response clock: from the first step, with notices of their own.
pub(super) fn restart(record: &mut Incident, now: Timestamp) {
    record.response.started_at = now;
    record.response.stopped_at = None;
    record.response.round += 1;
    record.functional = Rung::default();
    record.hierarchical = Rung::default();
}

/// Stops the response clock: somebody has answered, or nobody has to any more.
pub(super) fn stop(state: &mut State, id: IncidentId, now: Timestamp) {
    if let Some(case) = state.change(id) {
        let response = &mut case.record.response;
        response.stopped_at.get_or_insert(now);
        case.record.functional.due_at = None;
        case.record.hierarchical.due_at = None;
        case.record.wait_until = None;
    }
}

/// Sets the deadlines of a running response clock by the limit of its priority.
pub(super) fn plan(state: &mut State, rules: &RuleSet, id: IncidentId) {
    let Some(case) = state.incidents.get(&id) else { return };
    let record = &case.record;
    if record.response.stopped_at.is_some() || !record.progress.is_open() {
        return;
    }
    let Some(policy) = state.policies.get(&record.policy) else { return };
    let limit = rules.priorities.limit(record.assessment.priority).response;
    let due_at = record.response.started_at.plus(limit);
    let functional = due(record, policy.ladder(Ladder::Functional), record.functional, limit);
    let hierarchical = due(record, policy.ladder(Ladder::Hierarchical), record.hierarchical, limit);
    if let Some(case) = state.change(id) {
        case.record.response.due_at = due_at;
        case.record.functional.due_at = functional;
        case.record.hierarchical.due_at = hierarchical;
    }
}

/// Returns when the step that a rung stands before falls due.
fn due(record: &Incident, steps: &[Step], rung: Rung, limit: Duration) -> Option<Timestamp> {
    let step = steps.get(rung.step as usize)?;
    // A repeating step's next time is counted from its last one, which only the rung knows.
    if rung.repeats > 0 {
        return rung.due_at;
    }
    let offset = match step.due {
        Due::After(span) => span,
        Due::Share(percent) => limit.saturating_mul(percent.into()) / 100,
    };
    let at = record.response.started_at.plus(offset);
    Some(record.wait_until.map_or(at, |until| at.max(until)))
}

/// Takes the steps of both ladders that are due.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    for ladder in [Ladder::Functional, Ladder::Hierarchical] {
        take_ladder(state, ctx, Climb { id, ladder }, now);
    }
}

#[derive(Clone, Copy)]
struct Climb {
    id: IncidentId,
    ladder: Ladder,
}

fn rung(record: &mut Incident, ladder: Ladder) -> &mut Rung {
    match ladder {
        Ladder::Functional => &mut record.functional,
        Ladder::Hierarchical => &mut record.hierarchical,
    }
}

/// Goes up one ladder as far as time has. Every hand-over on the way is done, but only the highest
/// step tells anybody: after an outage one call says as much as five.
fn take_ladder(state: &mut State, ctx: &Context, climb: Climb, now: Timestamp) {
    let Climb { id, ladder } = climb;
    let mut highest: Option<(Rung, Step)> = None;
    loop {
        let Some(case) = state.incidents.get_mut(&id) else { return };
        let policy = state.policies.get(&case.record.policy);
        let at = *rung(&mut case.record, ladder);
        if at.due_at.is_none_or(|due_at| due_at > now) {
            break;
        }
        let Some(step) = policy.and_then(|p| p.ladder(ladder).get(at.step as usize)).cloned()
        else {
            rung(&mut case.record, ladder).due_at = None;
            break;
        };
        let next = match step.repeat {
            // The next time is in the future whatever was missed: a gap is made up for once.
            Some(every) => Rung { repeats: at.repeats + 1, due_at: Some(now.plus(every)), ..at },
            None => Rung { step: at.step + 1, repeats: 0, due_at: None },
        };
        *rung(&mut case.record, ladder) = next;
        state.pending.incidents.insert(id);
        state.pending.rescheduled.insert(id);
        if step.action == Action::NextLine {
            next_line(state, ctx, id, now);
        }
        highest = Some((at, step));
        plan(state, &ctx.rules, id);
    }
    if let Some((at, step)) = highest {
        tell(state, ctx, climb, &step, &Occasion { at, now });
    }
}

struct Occasion {
    /// Where the ladder stood.
    at: Rung,
    now: Timestamp,
}

fn tell(state: &mut State, ctx: &Context, climb: Climb, step: &Step, when: &Occasion) {
    let Climb { id, ladder } = climb;
    let Occasion { at, now } = *when;
    let Some(case) = state.incidents.get(&id) else { return };
    let due_at = at.due_at.unwrap_or(now);
    let kind = if case.record.assessment.pages { NoticeKind::Page } else { NoticeKind::Ticket };
    let open_for = Brief(now.since(case.record.response.started_at));
    let late = now.since(due_at);
    let lateness =
        if late > LATE_AFTER { format!(", {} late", Brief(late)) } else { String::new() };
    let because = match (at.step, case.record.response.round) {
        _ if ladder == Ladder::Hierarchical => {
            format!("unanswered for {open_for} (hierarchical escalation{lateness})")
        }
        (0, 1) => format!("new incident, assigned to you{lateness}"),
        (0, _) => format!("assigned to you now{lateness}"),
        _ => format!("unanswered for {open_for} (functional escalation{lateness})"),
    };
    let target = match &step.action {
        Action::Notify(target) => target.clone(),
        Action::NextLine => Target::Assigned,
    };
    let text = format!("step for {target}: {because}");
    let what = match ladder {
        Ladder::Functional => Happening::EscalatedFunctional,
        Ladder::Hierarchical => Happening::EscalatedHierarchical,
    };
    state.pending.tell(id, now, Told { what, text, path: None });
    notices::plan(state, ctx, id, Plan { kind, target: &target, because }, now);
}

/// Hands an incident to the team of the next line, where its team names one.
fn next_line(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let team = case.record.team.as_deref().and_then(|team| ctx.rules.teams.get(team));
    let Some(next) = team.and_then(|team| team.next.clone()) else { return };
    let text = format!("to {next}: the line before did not answer");
    case.record.team = Some(next);
    state.pending.tell(id, now, Told { what: Happening::Assigned, text, path: None });
}

/// Returns an acknowledged incident to the queue when the acknowledgement lapsed.
pub(super) fn expire(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let by = match &case.record.progress {
        Progress::Acknowledged { by, until } | Progress::InProgress { by, until }
            if *until <= now =>
        {
            by.clone()
        }
        Progress::New
        | Progress::Acknowledged { .. }
        | Progress::InProgress { .. }
        | Progress::Resolved { .. }
        | Progress::Closed { .. } => return,
    };
    let text = format!("the acknowledgement of {by} lapsed; nobody has it");
    state.pending.tell(id, now, Told { what: Happening::AckExpired, text, path: None });
    if let Some(case) = state.change(id) {
        case.record.progress = Progress::New;
        restart(&mut case.record, now);
    }
    plan(state, &ctx.rules, id);
}
