//! Major incidents: declared by a person or by the rules, and stood down by a person.
//!
//! Management is paged and the users of what it hurts are told before anybody else of the same moment,
//! and delay nobody: all notices leave with one commit.

use super::State;
use super::context::Context;
use super::handle::by_whom;
use super::notices;
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::{escalate, promise, reporters, response, users, watch};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::major::{Major, RULES};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// Declares an incident a major one where its priority says so and no person said otherwise.
pub(super) fn by_rule(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let priority = record.assessment.priority;
    if record.major.is_none() && !record.quiet && ctx.rules.majors.priorities.contains(&priority) {
        let why = format!("its priority is {priority}");
        declare(state, ctx, id, (RULES, &why), now);
    }
}

/// A person declares an incident a major one.
pub(super) fn by_hand(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    if order.note.is_empty() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    if state.incidents.get(&id).is_some_and(|case| case.record.is_major()) {
        return Err(Refusal::Already { incident: id, what: "a major incident" });
    }
    declare(state, ctx, id, (&order.by, &order.note), now);
    escalate::plan(state, &ctx.rules, id);
    Ok(())
}

fn declare(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (by, because): (&str, &str),
    now: Timestamp,
) {
    let hear_of_it = notices::hearers(state, id);
    let Some(case) = state.change(id) else { return };
    case.record.version += 1;
    let before = case.record.major.take();
    let is_first = before.is_none();
    let major = Major {
        declared_at: now,
        by: by.into(),
        because: because.into(),
        stood_down_at: None,
        ..before.unwrap_or_default()
    };
    let text = major.said();
    case.record.major = Some(major);
    state.pending.tell(id, now, Told { what: Happening::Major, text: text.clone(), path: None });
    for contact in &ctx.rules.majors.management {
        response::call(state, ctx, id, (&Target::Contact(contact.clone()), &text), now);
    }
    reporters::tell_all(state, ctx, id, &text, now);
    users::follow(state, ctx, id, now);
    let mut others = hear_of_it;
    others.retain(|name| !ctx.rules.majors.management.contains(name));
    notices::update_some(state, ctx, (id, others), &text, now);
    if is_first {
        response::begin(state, ctx, id, &text, now);
    } else {
        response::again(state, ctx, id, &text, now);
    }
    promise::follow(state, id, now);
}

/// A person says that it is none any more; whoever was told hears it.
pub(super) fn stand_down(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    if order.note.is_empty() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    let Some(case) = state.change(id) else { return Err(Refusal::NotOpen(id)) };
    let Some(major) = case.record.major.as_mut().filter(|major| major.stands()) else {
        return Err(Refusal::Already { incident: id, what: "no major incident" });
    };
    major.stood_down_at = Some(now);
    case.record.version += 1;
    watch::end(&mut case.record);
    promise::release(&mut case.record);
    let holder = case.record.progress.holder().map(|(by, _)| Box::<str>::from(by));
    let text = format!("no major incident any more, {}", by_whom(order));
    state.pending.tell(id, now, Told { what: Happening::Major, text: text.clone(), path: None });
    notices::update(state, ctx, id, &text, now);
    reporters::tell_all(state, ctx, id, &text, now);
    if let Some(by) = holder {
        // As for any other incident from now on.
        promise::make(state, ctx, (id, &by), None, now);
    }
    Ok(())
}
