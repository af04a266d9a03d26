//! The clocks of an incident and the ladders of its policy: who hears of it next, and when.
//!
//! Never early; after a gap the highest overdue step of each ladder is taken once and says how late
//! it is. Acknowledging stops the response clock with its two ladders, a lapse starts it anew; the
//! resolution clock goes on until service is restored and stands while the incident is on hold.
//! When each step falls due is in [`super::deadlines`], that each who is handed it confirms so in
//! [`super::acceptance`].

use core::time::Duration;

use super::State;
use super::context::Context;
use super::notices::{self, Plan};
use super::pending::Told;
use super::state::Call;
use super::{acceptance, assign, deadlines, prioritise, promise, suppress, threads};
use crate::model::assignment::{Handover, Verdict};
use crate::model::escalation::{Action, LADDERS, Ladder, Only, Rung, Step, Target};
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::NoticeKind;
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
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
    record.assignments.again(now);
    promise::release(record);
}

/// Stops the response clock: somebody has answered, or nobody has to any more.
pub(super) fn stop(state: &mut State, id: IncidentId, now: Timestamp) {
    if let Some(case) = state.change(id) {
        let response = &mut case.record.response;
        response.stopped_at.get_or_insert(now);
        case.record.functional.due_at = None;
        case.record.hierarchical.due_at = None;
        case.record.wait_until = None;
        case.record.assignments.pause();
    }
}

/// Lets no step of an incident fall due until its deadlines are planned again.
pub(super) fn pause(record: &mut Incident) {
    for ladder in LADDERS {
        rung(record, ladder).due_at = None;
    }
    record.wait_until = None;
    record.assignments.pause();
}

/// Sets the deadlines of an incident's running clocks by the limits of its priority.
pub(super) fn plan(state: &mut State, rules: &RuleSet, id: IncidentId) {
    let now = state.counters.now;
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let Some(policy) = state.policies.get(&record.policy).cloned() else { return };
    if record.quiet || !record.progress.is_open() {
        return;
    }
    if let Some(case) = state.change(id) {
        deadlines::plan(rules, &policy, &mut case.record, now);
    }
}

/// Takes the steps of all ladders that are due.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    for ladder in LADDERS {
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
        Ladder::Resolution => &mut record.resolving,
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
        let next = deadlines::taken(&step, at, now);
        *rung(&mut case.record, ladder) = next;
        state.pending.incidents.insert(id);
        state.pending.rescheduled.insert(id);
        if holds(state, ctx, id, &step, now) {
            if step.action == Action::NextLine {
                next_line(state, ctx, id, now);
            }
            highest = Some((at, step));
        }
        plan(state, &ctx.rules, id);
    }
    if let Some((at, step)) = highest {
        tell(state, ctx, climb, &step, &Occasion { at, now });
    }
}

/// True when a step is for an incident as it is; says on the timeline why it is not.
pub(super) fn holds(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    step: &Step,
    now: Timestamp,
) -> bool {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return false };
    let Only { priorities, states, hours } = &step.only;
    let (priority, is) = (record.assessment.priority, record.progress.name());
    let calendar = hours.as_deref().and_then(|name| ctx.rules.calendars.get(name));
    let why = if !priorities.is_empty() && !priorities.contains(&priority) {
        format!("it is not for {priority}")
    } else if !states.is_empty() && !states.contains(&is) {
        format!("it is not for one that is {is}")
    } else if let Some(hours) =
        hours.as_deref().filter(|_| calendar.is_some_and(|it| !it.covers(now)))
    {
        format!("it is only for the hours of calendar {hours}")
    } else {
        return true;
    };
    let what = match &step.action {
        Action::Notify(target) => format!("step for {target}"),
        Action::NextLine => "step to the next line".into(),
    };
    let text = format!("{what} passed over: {why}");
    state.pending.tell(id, now, Told { what: Happening::PassedOver, text, path: None });
    false
}

/// Says how late a step is, where it is.
pub(super) fn lateness(due_at: Timestamp, now: Timestamp) -> String {
    let late = now.since(due_at);
    if late > LATE_AFTER { format!(", {} late", Brief(late)) } else { String::new() }
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
    let lateness = lateness(due_at, now);
    let because = match (at.step, case.record.response.round) {
        _ if ladder == Ladder::Resolution => not_resolved(&case.record, &lateness, now),
        _ if ladder == Ladder::Hierarchical => {
            format!("unanswered for {open_for} (hierarchical escalation{lateness})")
        }
        (0, 1) => format!("new incident, assigned to you{lateness}"),
        (0, _) => format!("assigned to you now{lateness}{}", acceptance::sent(&case.record)),
        _ => format!("unanswered for {open_for} (functional escalation{lateness})"),
    };
    let known = case.record.known_error.as_ref();
    let because = match known.and_then(|known| known.exceeded.as_deref()) {
        Some(why) if at.step == 0 => format!("{because}; {why}"),
        Some(_) | None => because,
    };
    let target = match &step.action {
        Action::Notify(target) => target.clone(),
        Action::NextLine => Target::Assigned,
    };
    let text = format!("step for {target}: {because}");
    let what = match ladder {
        Ladder::Functional => Happening::EscalatedFunctional,
        Ladder::Hierarchical => Happening::EscalatedHierarchical,
        Ladder::Resolution => Happening::EscalatedResolution,
    };
    state.pending.tell(id, now, Told { what, text, path: None });
    let call = Call { incident: id, kind, target, because };
    if let Some(Call { target, because, .. }) = suppress::gather(state, call) {
        // Ladders that are late together, after an outage or when a clock got shorter, are one call to
        // whoever each of them means; the timeline tells of every step.
        if !lateness.is_empty() && notices::say_with(state, ctx, id, (&target, &because), now) {
            return;
        }
        let plan = Plan { kind, target: &target, because, also: Vec::new() };
        notices::plan(state, ctx, id, plan, now);
    }
}

fn not_resolved(record: &Incident, lateness: &str, now: Timestamp) -> String {
    let due_at = record.resolution.due_at;
    let open_for = Brief(now.since(record.opened_at));
    if now < due_at {
        let left = Brief(due_at.since(now));
        format!("not resolved after {open_for}, the limit is reached in {left}{lateness}")
    } else {
        format!("not resolved after {open_for}, the limit is reached{lateness}")
    }
}

/// Hands an incident to the team of the next line, where its team names one.
pub(super) fn next_line(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(next) = assign::next_line(state, ctx, id) else { return };
    let Some(case) = state.change(id) else { return };
    let text = format!("to {next}: the line before did not answer");
    case.record.team = Some(next);
    case.record.assignee = None;
    case.record.version += 1;
    state.pending.tell(id, now, Told { what: Happening::Assigned, text, path: None });
    let (sent_by, handover) = ("the policy".into(), Handover::default());
    let handed = acceptance::Handed { sent_by, handover, before: Verdict::PassedOn };
    acceptance::hand(state, ctx, id, handed, now);
}

/// Returns an incident to the queue when its acknowledgement lapsed, and to work when its hold ended.
pub(super) fn expire(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let Some((by, until)) = case.record.progress.holder().filter(|(_, until)| *until <= now) else {
        return;
    };
    let by = Box::from(by);
    if let Progress::OnHold { waits_for, .. } = case.record.progress {
        let text = format!("on hold for a {waits_for} until {until}, which is now; back to {by}");
        go_on(state, ctx, id, by, now);
        state.pending.tell(
            id,
            now,
            Told { what: Happening::HoldEnded, text: text.clone(), path: None },
        );
        notices::update(state, ctx, id, &text, now);
        return;
    }
    let text = format!("the acknowledgement of {by} lapsed; nobody has it");
    threads::follow(state, id, &text, now);
    state.pending.tell(id, now, Told { what: Happening::AckExpired, text, path: None });
    if let Some(case) = state.change(id) {
        case.record.enter(Progress::New);
        restart(&mut case.record, now);
    }
    plan(state, &ctx.rules, id);
}

/// Puts an incident to work with somebody, for as long as an acknowledgement lasts.
pub(super) fn go_on(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    by: Box<str>,
    now: Timestamp,
) {
    let until = now.plus(prioritise::acknowledgement(state, ctx, id));
    if let Some(case) = state.change(id) {
        case.record.go_on(now);
        case.record.enter(Progress::InProgress { by, until });
    }
    plan(state, &ctx.rules, id);
}
