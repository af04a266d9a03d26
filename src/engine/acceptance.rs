//! Who is handed an incident, and whether they confirm it in their time: a clock and a ladder for
//! each assignment, whoever confirmed before.
//!
//! The clock of whoever has it runs while nobody of them has answered; that of a team which is
//! called to help runs beside it, until that team answers. What follows from nobody answering at all
//! is in [`super::escalate`].

use core::time::Duration;

use super::context::Context;
use super::deadlines::{self, Clock};
use super::notices::{self, Plan};
use super::pending::Told;
use super::{State, escalate};
use crate::model::assignment::{Assignment, Handover, Part, Verdict};
use crate::model::escalation::{Action, Policy, Rung, Step, Target};
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::NoticeKind;
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::RuleSet;

/// What is said of an assignment when it begins.
pub(super) struct Handed {
    /// A person, a rule, or a step of the policy.
    pub(super) sent_by: Box<str>,
    pub(super) handover: Handover,
    /// What becomes of the assignment before it.
    pub(super) before: Verdict,
}

/// Hands an incident to the team and person of its record.
pub(super) fn hand(state: &mut State, ctx: &Context, id: IncidentId, it: Handed, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let Handed { sent_by, handover, before } = it;
    let team = case.record.team.clone();
    let next = Assignment {
        line: line(&ctx.rules, team.as_deref()),
        team,
        person: case.record.assignee.clone(),
        part: Part::Holds,
        from: now,
        sent_by,
        handover,
        due_at: None,
        accepted: None,
        until: None,
        verdict: None,
        rung: Rung::default(),
    };
    case.record.assignments.hand(next, before);
}

/// Calls a team to help.
pub(super) fn call(
    state: &mut State,
    ctx: &Context,
    (id, team): (IncidentId, &str),
    it: &Handed,
    now: Timestamp,
) {
    let Some(case) = state.change(id) else { return };
    case.record.assignments.add(Assignment {
        team: Some(team.into()),
        line: line(&ctx.rules, Some(team)),
        person: None,
        part: Part::Convened,
        from: now,
        sent_by: it.sent_by.clone(),
        handover: it.handover.clone(),
        due_at: None,
        accepted: None,
        until: None,
        verdict: None,
        rung: Rung::default(),
    });
}

fn line(rules: &RuleSet, team: Option<&str>) -> u8 {
    team.and_then(|team| rules.teams.get(team)).map_or(1, |team| team.line)
}

/// Says who handed an incident on by hand, and with what words; nothing where it came by itself.
pub(super) fn sent(record: &Incident) -> String {
    let holder = record.assignments.holder().filter(|it| !it.handover.because.is_empty());
    let said = |it: &Assignment| {
        format!(" by {}: {}{}", it.sent_by, it.handover.because, it.handover.words())
    };
    holder.map(said).unwrap_or_default()
}

/// Begins the assignment of an incident that has none, or whose new root brought another team.
pub(super) fn follow(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let holder = record.assignments.holder();
    if holder.is_some_and(|it| it.team == record.team) {
        return;
    }
    // One that was stored before assignments were kept may be answered already.
    let answered =
        record.progress.holder().filter(|_| holder.is_none()).map(|(by, _)| Box::<str>::from(by));
    let rule = record.rule.as_deref().map(|rule| format!("rule {rule}").into());
    let sent_by = rule.unwrap_or_else(|| "no rule".into());
    let handed = Handed { sent_by, handover: Handover::default(), before: Verdict::PassedOn };
    hand(state, ctx, id, handed, now);
    if let (Some(by), Some(case)) = (answered, state.incidents.get_mut(&id)) {
        case.record.assignments.accept(&by, now);
    }
}

/// Returns the team for which a person answers who belongs to none that has the incident, and to
/// one that was called to help.
pub(super) fn helps<'a>(rules: &RuleSet, record: &'a Incident, by: &str) -> Option<&'a str> {
    let person = by.split(' ').next().unwrap_or(by);
    let is_in = |team: &str| {
        rules.teams.get(team).is_some_and(|team| team.members.iter().any(|it| **it == *person))
    };
    if record.team.as_deref().is_some_and(is_in) || record.assignee.as_deref() == Some(person) {
        return None;
    }
    record.assignments.called().filter_map(|it| it.team.as_deref()).find(|team| is_in(team))
}

/// Notes that a team which was called to help has answered.
pub(super) fn join(state: &mut State, id: IncidentId, team: &str, by: &str, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let all = case.record.assignments.list.iter_mut();
    let called = |it: &&mut Assignment| {
        it.part == Part::Convened && it.until.is_none() && it.team.as_deref() == Some(team)
    };
    for it in all.filter(called) {
        it.accept(by, now);
    }
    case.record.version += 1;
    let text = format!("by {by} for {team}, who help");
    state.pending.tell(id, now, Told { what: Happening::Accepted, text, path: None });
}

/// Sets the deadlines of all assignments whose clocks run.
pub(super) fn plan(rules: &RuleSet, policy: &Policy, record: &mut Incident) {
    let limit = rules.limit(record.terms.agreement.as_deref(), record.assessment.priority);
    let calendar = limit.calendar.as_ref().and_then(|times| rules.calendar(times));
    let is_new = matches!(record.progress, Progress::New);
    let (restarted_at, not_before) = (record.response.started_at, record.wait_until);
    for it in record.assignments.list.iter_mut().filter(|it| it.until.is_none()) {
        let helps = it.part == Part::Convened;
        if it.accepted.is_some() || !(helps || is_new) {
            it.rung.due_at = None;
            continue;
        }
        let limit = limit.acceptance(it.line);
        let clock = Clock {
            started_at: if helps { it.from } else { it.from.max(restarted_at) },
            stood: Duration::ZERO,
            limit,
            not_before: not_before.filter(|_| !helps),
            calendar,
        };
        it.due_at = Some(clock.at(limit));
        it.rung.due_at = clock.due(&policy.acceptance, it.rung);
    }
}

/// Takes the steps of all assignments that are due.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    loop {
        let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
        let is_due = |it: &Assignment| it.rung.due_at.is_some_and(|due_at| due_at <= now);
        let Some(at) = record.assignments.list.iter().position(is_due) else { return };
        climb(state, ctx, Place { id, at }, now);
    }
}

/// One assignment of an incident.
#[derive(Clone, Copy)]
struct Place {
    id: IncidentId,
    at: usize,
}

/// Goes up the ladder of an assignment as far as time has; only the highest step tells anybody.
fn climb(state: &mut State, ctx: &Context, place: Place, now: Timestamp) {
    let Place { id, at } = place;
    let mut highest: Option<(Step, Timestamp)> = None;
    loop {
        state.change(id);
        let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
        let Some(it) = record.assignments.list.get(at) else { return };
        let Some(due_at) = it.rung.due_at.filter(|due_at| *due_at <= now) else { break };
        let rung = it.rung;
        let policy = state.policies.get(&record.policy);
        let step = policy.and_then(|p| p.acceptance.get(rung.step as usize)).cloned();
        let next = step.as_ref().map(|step| deadlines::taken(step, rung, now));
        if let Some(case) = state.incidents.get_mut(&id)
            && let Some(it) = case.record.assignments.list.get_mut(at)
        {
            it.rung = next.unwrap_or(Rung { due_at: None, ..rung });
        }
        let Some(step) = step else { break };
        escalate::plan(state, &ctx.rules, id);
        if !escalate::holds(state, ctx, id, &step, now) {
            continue;
        }
        if step.action == Action::NextLine {
            escalate::next_line(state, ctx, id, now);
            escalate::plan(state, &ctx.rules, id);
            tell(state, ctx, place, (&step, due_at), now);
            return;
        }
        highest = Some((step, due_at));
    }
    if let Some((step, due_at)) = highest {
        tell(state, ctx, place, (&step, due_at), now);
    }
}

fn tell(
    state: &mut State,
    ctx: &Context,
    place: Place,
    (step, due_at): (&Step, Timestamp),
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&place.id).map(|case| &case.record) else { return };
    let Some(it) = record.assignments.list.get(place.at) else { return };
    let kind = if record.assessment.pages { NoticeKind::Page } else { NoticeKind::Ticket };
    let who = it.team.as_deref().unwrap_or(&ctx.rules.default_contact);
    let since = Brief(now.since(it.from));
    let lateness = escalate::lateness(due_at, now);
    let because = format!("{who} has not confirmed it for {since} (acceptance{lateness})");
    let target = target(ctx, it, &step.action);
    let text = format!("step for {target}: {because}");
    let told = Told { what: Happening::EscalatedAcceptance, text, path: None };
    state.pending.tell(place.id, now, told);
    if notices::say_with(state, ctx, place.id, (&target, &because), now) {
        return;
    }
    let plan = Plan { kind, target: &target, because, also: Vec::new() };
    notices::plan(state, ctx, place.id, plan, now);
}

/// Returns whom a step means for an assignment: that of a team which helps means that team's people.
fn target(ctx: &Context, it: &Assignment, action: &Action) -> Target {
    let target = match action {
        Action::Notify(target) => target,
        Action::NextLine => &Target::Assigned,
    };
    let Some(name) = it.team.clone().filter(|_| it.part == Part::Convened) else {
        return target.clone();
    };
    let team = ctx.rules.teams.get(&name);
    let lead = team.and_then(|team| team.lead.clone());
    let manager = team.and_then(|team| team.manager.clone());
    let fallback = || ctx.rules.default_contact.clone();
    match target {
        Target::Assigned => Target::Team(name),
        Target::Lead => Target::Contact(lead.or(manager).unwrap_or_else(fallback)),
        Target::Manager => Target::Contact(manager.unwrap_or_else(fallback)),
        Target::Team(_) | Target::Contact(_) => target.clone(),
    }
}
