//! Major incidents: declared by a person or by the rules, and stood down by a person.
//!
//! Management is paged before anybody else of the same moment, and delays nobody: all notices leave
//! with one commit.

use super::State;
use super::context::Context;
use super::event::{Order, Refusal};
use super::handle::by_whom;
use super::notices::{self, Plan};
use super::pending::Told;
use crate::model::escalation::Target;
use crate::model::incident::{Happening, IncidentId};
use crate::model::major::{Major, RULES};
use crate::model::notice::NoticeKind;
use crate::model::time::Timestamp;

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
    Ok(())
}

fn declare(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (by, because): (&str, &str),
    now: Timestamp,
) {
    let Some(case) = state.change(id) else { return };
    case.record.version += 1;
    case.record.major = Some(Major {
        declared_at: now,
        by: by.into(),
        because: because.into(),
        stood_down_at: None,
    });
    let text = format!("a major incident, say {by}: {because}");
    state.pending.tell(id, now, Told { what: Happening::Major, text: text.clone(), path: None });
    for contact in &ctx.rules.majors.management {
        let target = &Target::Contact(contact.clone());
        let because = text.clone();
        let plan = Plan { kind: NoticeKind::Page, target, because, also: Vec::new() };
        notices::plan(state, ctx, id, plan, now);
    }
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
    let text = format!("no major incident any more, {}", by_whom(order));
    state.pending.tell(id, now, Told { what: Happening::Major, text: text.clone(), path: None });
    notices::update(state, ctx, id, &text, now);
    Ok(())
}
