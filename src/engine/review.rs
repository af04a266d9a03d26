//! The corrective actions of an incident's review: added and done by people, also after the incident
//! is closed; an overdue one reminds its owner, then the owner's lead, then the incident manager.

use super::State;
use super::context::Context;
use super::escalate;
use super::handle::{by_whom, receiver};
use super::notices::{self, Plan};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::response::place;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::major::{Done, Role};
use crate::model::notice::NoticeKind;
use crate::model::review::{ACTIONS_MAX, CorrectiveAction, Overdue};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::{RuleSet, Team};

/// How the owner of an action is written where it is a team.
const TEAM: &str = "team:";

/// A person wants something to be done.
pub(super) fn add(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (text, owner, due_at): (&str, &Target, Timestamp),
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    receiver(ctx, owner)?;
    if due_at <= now {
        return Err(Refusal::ActionOver { due_at });
    }
    let Some(record) = state.change_record(id) else { return Err(Refusal::NotOpen(id)) };
    if record.actions.len() >= ACTIONS_MAX {
        return Err(Refusal::TooMany { incident: id, what: "actions", max: ACTIONS_MAX });
    }
    let action = CorrectiveAction {
        text: text.into(),
        owner: spelt(owner),
        due_at,
        by: order.by.clone(),
        added_at: now,
        reminded: Overdue::Nobody,
        done: None,
    };
    let text = format!("{}. {action}, {}", record.actions.len() + 1, by_whom(order));
    record.actions.push(action);
    record.version += 1;
    state.pending.tell(id, now, Told { what: Happening::Action, text: text.clone(), path: None });
    let because = format!("yours to do: {text}");
    let message = Plan { kind: NoticeKind::Update, target: owner, because, also: Vec::new() };
    notices::plan(state, ctx, id, message, now);
    Ok(())
}

/// A person says that one is done.
pub(super) fn done(
    state: &mut State,
    order: &Order,
    number: u32,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    let Some(record) = state.record(id) else { return Err(Refusal::NotOpen(id)) };
    let at = place(number);
    let Some(action) = at.and_then(|at| record.actions.get(at)) else {
        let count = record.actions.len();
        return Err(Refusal::NoSuch { incident: id, what: "action", number, count });
    };
    if let Some(Done { at, by, .. }) = &action.done {
        let (by, at) = (by.clone(), *at);
        return Err(Refusal::IsDone { incident: id, what: "action", number, by, at });
    }
    let late = now.since(action.due_at);
    let late = if late.is_zero() { String::new() } else { format!(", {} overdue", Brief(late)) };
    let text = format!("{number}. {} is done{late}, {}", action.text, by_whom(order));
    let Some(record) = state.change_record(id) else { return Err(Refusal::NotOpen(id)) };
    record.version += 1;
    if let Some(action) = at.and_then(|at| record.actions.get_mut(at)) {
        action.done =
            Some(Done { at: now, by: order.by.clone(), note: order.note.as_str().into() });
    }
    state.pending.tell(id, now, Told { what: Happening::Action, text, path: None });
    Ok(())
}

/// Reminds of what is overdue: of each action the highest step that is due, once.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let patience = ctx.rules.majors.patience;
    let actions = state.record(id).map(|record| record.actions.len()).unwrap_or_default();
    for at in 0..actions {
        let is_due =
            |action: &CorrectiveAction| action.next(patience).filter(|(_, due_at)| *due_at <= now);
        let action = state.record(id).and_then(|record| record.actions.get(at));
        if action.and_then(is_due).is_none() {
            continue;
        }
        let record = state.change_record(id);
        let Some(action) = record.and_then(|record| record.actions.get_mut(at)) else { return };
        let mut highest = None;
        while let Some((step, due_at)) = is_due(action) {
            action.reminded = step;
            highest = Some((step, due_at));
        }
        if let Some(step) = highest {
            remind(state, ctx, (id, at), step, now);
        }
    }
}

fn remind(
    state: &mut State,
    ctx: &Context,
    (id, at): (IncidentId, usize),
    (step, due_at): (Overdue, Timestamp),
    now: Timestamp,
) {
    let Some(record) = state.record(id) else { return };
    let Some(action) = record.actions.get(at) else { return };
    let target = target(&ctx.rules, record, (action, step));
    let overdue = now.since(action.due_at);
    let overdue =
        if overdue.is_zero() { "due".into() } else { format!("{} overdue", Brief(overdue)) };
    let late = escalate::lateness(due_at, now);
    let because = format!("action {} of {id} is {overdue}: {action}{late}", at + 1);
    let text = format!("{target} is reminded: {because}");
    state.pending.tell(id, now, Told { what: Happening::ActionOverdue, text, path: None });
    // Not: a page or a ticket. Nobody has to answer an incident that is over.
    let target = &target;
    let message = Plan { kind: NoticeKind::Update, target, because, also: Vec::new() };
    notices::plan(state, ctx, id, message, now);
}

/// Returns who is reminded: where there is nobody for a step, who is for the next one.
fn target(
    rules: &RuleSet,
    record: &Incident,
    (action, step): (&CorrectiveAction, Overdue),
) -> Target {
    let owner = owner(&action.owner);
    let team = team_of(rules, &owner);
    let is_other = |name: &str| owner != Target::Contact(name.into());
    let mut above = team.into_iter().flat_map(|team| team.lead.iter().chain(&team.manager));
    let lead = above.find(|name| is_other(name)).cloned();
    let manager = || {
        let role = record.major.as_ref().and_then(|it| it.holder(Role::IncidentManager));
        let role = role.map(|holder| holder.who.clone());
        role.or_else(|| team?.manager.clone())
            .or_else(|| rules.majors.management.first().cloned())
            .unwrap_or_else(|| rules.default_contact.clone())
    };
    match step {
        Overdue::Nobody | Overdue::Owner => owner,
        Overdue::Lead => Target::Contact(lead.unwrap_or_else(manager)),
        Overdue::Manager => Target::Contact(manager()),
    }
}

/// Returns the team that an owner is, or is a member of.
fn team_of<'r>(rules: &'r RuleSet, owner: &Target) -> Option<&'r Team> {
    match owner {
        Target::Team(name) => rules.teams.get(name),
        Target::Contact(name) => rules.teams.values().find(|team| team.members.contains(name)),
        Target::Assigned | Target::Lead | Target::Manager => None,
    }
}

fn spelt(owner: &Target) -> Box<str> {
    match owner {
        Target::Contact(name) => name.clone(),
        Target::Team(_) | Target::Assigned | Target::Lead | Target::Manager => {
            owner.to_string().into()
        }
    }
}

fn owner(spelt: &str) -> Target {
    match spelt.strip_prefix(TEAM) {
        Some(team) => Target::Team(team.into()),
        None => Target::Contact(spelt.into()),
    }
}
