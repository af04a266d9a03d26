//! The response to a major incident: its plan is copied onto it, roles are given, people are called
//! and told, items of the checklist are ticked.

use super::acceptance::Handed;
use super::context::Context;
use super::handle::by_whom;
use super::notices::{self, Plan as Message};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::{State, assign, transfer};
use crate::model::assignment::{Handover, Verdict};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::major::{Done, Holder, Item, Major, ROLES_MAX, ResponsePlan, Role};
use crate::model::notice::NoticeKind;
use crate::model::terms::SUBSCRIBERS_MAX;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::Plan;

/// Copies the plan that fits onto an incident that has just been declared a major one, and calls and
/// tells people as it says. Later changes of the rules do not reach it.
pub(super) fn begin(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    because: &str,
    now: Timestamp,
) {
    let plan = assign::plan(state, ctx, id).cloned();
    let Some(major) = state.change(id).and_then(|case| case.record.major.as_mut()) else { return };
    major.update_every = ctx.rules.majors.update_every;
    major.watch = ctx.rules.majors.watch;
    let Some(plan) = plan else { return };
    major.update_every = plan.update_every.unwrap_or(major.update_every);
    major.watch = plan.watch.unwrap_or(major.watch);
    major.plan = Some(ResponsePlan {
        name: plan.name.clone(),
        checklist: plan.checklist.iter().map(|text| open(text)).collect(),
        told: plan.tell.iter().filter_map(name).collect(),
        link: plan.link.clone(),
    });
    let items = match plan.checklist.len() {
        1 => "1 item".into(),
        many => format!("{many} items"),
    };
    let link = plan.link.as_ref().map(|link| format!("; the call is at {link}"));
    let link = link.unwrap_or_default();
    let text = format!("{}, {items}{link}", plan.name);
    state.pending.tell(id, now, Told { what: Happening::Plan, text, path: None });
    if let Some(case) = state.change(id).filter(|_| plan.link.is_some()) {
        case.record.assignments.call.clone_from(&plan.link);
    }
    let because = format!("{because}{link}");
    people(state, ctx, id, (&plan, &because), now);
}

fn open(text: &str) -> Item {
    Item { text: text.into(), done: None }
}

/// Returns the name of a team or a contact.
pub(super) fn name(target: &Target) -> Option<Box<str>> {
    match target {
        Target::Team(name) | Target::Contact(name) => Some(name.clone()),
        Target::Assigned | Target::Manager | Target::Lead => None,
    }
}

/// Gives the roles of a plan, then calls and tells people as it says.
fn people(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (plan, because): (&Plan, &str),
    now: Timestamp,
) {
    let by = format!("plan {}", plan.name);
    for (role, target) in &plan.roles {
        give(state, ctx, id, Given { role: *role, target, by: &by, because }, now);
    }
    for target in &plan.page {
        call(state, ctx, id, (target, because), now);
    }
    if !plan.convene.is_empty() {
        let handed = Handed {
            sent_by: by.as_str().into(),
            handover: Handover { because: because.into(), ..Handover::default() },
            before: Verdict::PassedOn,
        };
        let names = plan.convene.join(", ");
        let because = format!("{names} are called together by {by}: {because}");
        transfer::call_together(state, ctx, (id, &plan.convene), (&handed, &because), now);
    }
    for target in &plan.tell {
        tell(state, ctx, id, (target, because), now);
    }
}

/// Calls somebody whoever else answers: with what they are called for anyway, else by a page.
pub(super) fn call(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (target, because): (&Target, &str),
    now: Timestamp,
) {
    let called = name(target);
    if let Some(major) = state.change(id).and_then(|case| case.record.major.as_mut())
        && let Some(name) = called.filter(|name| !major.called.contains(name))
    {
        major.called.push(name);
    }
    if notices::say_with(state, ctx, id, (target, because), now) {
        return;
    }
    let because = because.to_owned();
    let message = Message { kind: NoticeKind::Page, target, because, also: Vec::new() };
    notices::plan(state, ctx, id, message, now);
}

/// Tells somebody, who hears of it from then on.
fn tell(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (target, because): (&Target, &str),
    now: Timestamp,
) {
    let because = because.to_owned();
    let message = Message { kind: NoticeKind::Update, target, because, also: Vec::new() };
    notices::plan(state, ctx, id, message, now);
    let (Some(case), Some(name)) = (state.change(id), name(target)) else { return };
    let subscribers = &mut case.record.terms.subscribers;
    if !subscribers.contains(&name) && subscribers.len() < SUBSCRIBERS_MAX {
        subscribers.push(name);
    }
}

#[derive(Clone, Copy)]
struct Given<'a> {
    role: Role,
    target: &'a Target,
    by: &'a str,
    because: &'a str,
}

/// Gives somebody a role and calls them; of a team whoever has its shift. False when nobody more can
/// have one.
fn give(state: &mut State, ctx: &Context, id: IncidentId, it: Given<'_>, now: Timestamp) -> bool {
    let Given { role, target, by, because } = it;
    let who = notices::person(state, ctx, id, target, now);
    let team = if let Target::Team(team) = target { Some(team.clone()) } else { None };
    let Some(case) = state.change(id) else { return false };
    let Some(major) = &mut case.record.major else { return false };
    let former = major.holder(role).map(|holder| holder.who.clone());
    let holder = Holder { role, who: who.clone(), team: team.clone(), since: now, by: by.into() };
    if !major.give(holder) {
        return false;
    }
    let former = former.filter(|former| *former != who && role != Role::Coordinator);
    let instead = former.map(|former| format!(" instead of {former}")).unwrap_or_default();
    let of = team.map(|team| format!(" ({team})")).unwrap_or_default();
    let said = said(role);
    let text = format!("{said} is {who}{of}{instead}, by {by}");
    state.pending.tell(id, now, Told { what: Happening::Role, text, path: None });
    let because = format!("you are its {said}, by {by}: {because}");
    call(state, ctx, id, (&Target::Contact(who), &because), now);
    true
}

fn said(role: Role) -> String {
    role.to_string().replace('_', " ")
}

/// Calls those again who had a role when the incident was a major one before.
pub(super) fn again(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    because: &str,
    now: Timestamp,
) {
    let record = state.incidents.get(&id).map(|case| &case.record);
    let major = record.and_then(|record| record.major.as_ref());
    let holders = major.map(|major| major.roles.clone()).unwrap_or_default();
    for Holder { role, who, .. } in holders {
        let because = format!("you are its {}: {because}", said(role));
        call(state, ctx, id, (&Target::Contact(who), &because), now);
    }
}

/// A person gives somebody a role.
pub(super) fn appoint(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (role, target): (Role, &Target),
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    super::handle::receiver(ctx, target)?;
    let Some(case) = state.change(id).filter(|case| case.record.is_major()) else {
        return Err(Refusal::NotMajor(id));
    };
    case.record.version += 1;
    let because = if order.note.is_empty() { "a major incident" } else { &order.note };
    let it = Given { role, target, by: &order.by, because };
    if give(state, ctx, id, it, now) {
        super::promise::follow(state, id, now);
        return Ok(());
    }
    Err(Refusal::TooMany { incident: id, what: "roles", max: ROLES_MAX })
}

/// A person did an item of the checklist.
pub(super) fn tick(
    state: &mut State,
    order: &Order,
    number: u32,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    let Some(case) = state.incidents.get(&id) else { return Err(Refusal::NotOpen(id)) };
    let plan = case.record.major.as_ref().and_then(|major| major.plan.as_ref());
    let items = plan.map(|plan| &*plan.checklist).unwrap_or_default();
    let at = place(number);
    let Some(item) = at.and_then(|at| items.get(at)) else {
        return Err(Refusal::NoSuch { incident: id, what: "item", number, count: items.len() });
    };
    if let Some(Done { at, by, .. }) = &item.done {
        let (by, at) = (by.clone(), *at);
        return Err(Refusal::IsDone { incident: id, what: "item", number, by, at });
    }
    let text = item.text.clone();
    let Some(case) = state.change(id) else { return Err(Refusal::NotOpen(id)) };
    case.record.version += 1;
    let plan = case.record.major.as_mut().and_then(|major| major.plan.as_mut());
    if let Some(item) = plan.zip(at).and_then(|(plan, at)| plan.checklist.get_mut(at)) {
        item.done = Some(Done { at: now, by: order.by.clone(), note: order.note.as_str().into() });
    }
    let (open, all) = case.record.major.as_ref().map(Major::open_items).unwrap_or_default();
    let text = format!("{number}. {text}, {}; {open} of {all} open", by_whom(order));
    state.pending.tell(id, now, Told { what: Happening::Ticked, text, path: None });
    Ok(())
}

/// Returns the place in a list of what people number from 1.
pub(super) fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}
