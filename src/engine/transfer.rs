//! Incidents that people hand on: to the next line, back to whoever sent them, or to several teams
//! that help in one call. Each who gets one has to confirm it, whoever did before.

use super::State;
use super::acceptance::{self, Handed};
use super::context::Context;
use super::handle::{back_to_queue, by_whom, receiver};
use super::notices::{self, Plan};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::{assign, escalate};
use crate::model::assignment::{Handover, Verdict};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeKind;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// Somebody who gets an incident, and how that is said.
pub(super) struct Transfer<'a> {
    pub(super) team: Option<Box<str>>,
    pub(super) assignee: Option<Box<str>>,
    pub(super) handover: &'a Handover,
    pub(super) what: Happening,
    pub(super) text: String,
    /// What becomes of the assignment before it.
    pub(super) before: Verdict,
}

/// Says what happened to an incident that went on.
fn gone(what: Happening) -> &'static str {
    if what == Happening::EscalatedFunctional {
        "escalated"
    } else if what == Happening::Returned {
        "returned"
    } else {
        "handed"
    }
}

/// Hands an incident on: whoever gets it has not answered yet, whoever answered before.
pub(super) fn hand_on(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    it: Transfer<'_>,
    now: Timestamp,
) {
    let id = order.incident;
    let Some(case) = state.change(id) else { return };
    if let Some(team) = it.team {
        case.record.team = Some(team);
    }
    case.record.assignee = it.assignee;
    let text = format!("{}{}", it.text, it.handover.words());
    let told = Told { what: it.what, text: text.clone(), path: None };
    state.pending.tell(id, now, told);
    let handed = Handed {
        sent_by: order.by.clone(),
        handover: explained(it.handover, order),
        before: it.before,
    };
    acceptance::hand(state, ctx, id, handed, now);
    notices::withdraw(state, id, "handed on", now);
    notices::update(state, ctx, id, &format!("{} {text}", gone(it.what)), now);
    back_to_queue(state, ctx, id, now);
}

/// A person hands it to the next line, or to the one they name.
pub(super) fn escalate(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (to, handover): (Option<&Target>, &Handover),
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    reasoned(order)?;
    let (team, assignee) = if let Some(to) = to {
        receiver(ctx, to)?
    } else {
        let team = assign::next_line(state, ctx, id);
        (Some(team.ok_or_else(|| no_next_line(state, id))?), None)
    };
    let name = team.as_deref().or(assignee.as_deref()).unwrap_or_default();
    let text = format!("to {name} {}", by_whom(order));
    let (what, before) = (Happening::EscalatedFunctional, Verdict::PassedOn);
    hand_on(state, ctx, order, Transfer { team, assignee, handover, what, text, before }, now);
    Ok(())
}

fn no_next_line(state: &State, id: IncidentId) -> Refusal {
    let team = state.incidents.get(&id).and_then(|case| case.record.team.clone());
    Refusal::NoNextLine { incident: id, team: team.unwrap_or_else(|| "nobody".into()) }
}

/// A person says that it is not theirs: it goes back to the team that had it before, else to the
/// service desk.
pub(super) fn give_back(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    handover: &Handover,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    reasoned(order)?;
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else {
        return Err(Refusal::NotOpen(id));
    };
    let former = record.assignments.former().and_then(|it| it.team.clone());
    let desk = ctx.rules.desk.clone().or_else(|| ctx.rules.default_team.clone());
    let team = former.or(desk).filter(|team| record.team.as_ref() != Some(team));
    let Some(team) = team else { return Err(Refusal::NowhereToReturn(id)) };
    let sender = record.assignments.holder().map_or("nobody", |it| &it.sent_by);
    let times = record.assignments.returned + 1;
    let times = if times == 1 { "once".into() } else { format!("{times} times") };
    let text = format!("to {team} {}; misrouted by {sender}, returned {times}", by_whom(order));
    let (what, before) = (Happening::Returned, Verdict::Returned);
    let it = Transfer { team: Some(team), assignee: None, handover, what, text, before };
    hand_on(state, ctx, order, it, now);
    Ok(())
}

/// A person calls several teams to help, in one call.
pub(super) fn convene(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (teams, link, handover): (&[Box<str>], Option<&str>, &Handover),
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    reasoned(order)?;
    for team in teams {
        receiver(ctx, &Target::Team(team.clone()))?;
    }
    let Some(case) = state.change(id) else { return Err(Refusal::NotOpen(id)) };
    if let Some(link) = link {
        case.record.assignments.call = Some(link.into());
    }
    let call = case.record.assignments.call.clone();
    let call = call.map(|link| format!("; the call is at {link}")).unwrap_or_default();
    case.record.version += 1;
    let names = teams.join(", ");
    let because =
        format!("{names} are called together {}{call}{}", by_whom(order), handover.words());
    let told = Told { what: Happening::Convened, text: because.clone(), path: None };
    state.pending.tell(id, now, told);
    let handed = Handed {
        sent_by: order.by.clone(),
        handover: explained(handover, order),
        before: Verdict::PassedOn,
    };
    call_together(state, ctx, (id, teams), (&handed, &because), now);
    escalate::plan(state, &ctx.rules, id);
    Ok(())
}

/// Calls teams to help, each of which has to confirm it; their clocks are still to be planned.
pub(super) fn call_together(
    state: &mut State,
    ctx: &Context,
    (id, teams): (IncidentId, &[Box<str>]),
    (handed, because): (&Handed, &str),
    now: Timestamp,
) {
    for team in teams {
        acceptance::call(state, ctx, (id, team), handed, now);
        let target = &Target::Team(team.clone());
        let (kind, because) = (NoticeKind::Page, because.to_owned());
        notices::plan(state, ctx, id, Plan { kind, target, because, also: Vec::new() }, now);
    }
}

fn explained(handover: &Handover, order: &Order) -> Handover {
    Handover { because: order.note.as_str().into(), ..handover.clone() }
}

/// Whoever hands something on says why.
fn reasoned(order: &Order) -> Result<(), Refusal> {
    let wish = order.command.wish();
    if order.note.is_empty() { Err(Refusal::NoReason { wish }) } else { Ok(()) }
}
