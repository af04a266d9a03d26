//! The update that whoever has an incident promises: when it is due, who is reminded, and what keeps
//! it. In a major incident updates fall due by themselves, also while nobody has it. Standing updates
//! of a rule, which nobody has to write, are in [`super::standing`].

use core::time::Duration;

use super::context::Context;
use super::notices::{self, Plan};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::{State, reporters};
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::major::Role;
use crate::model::notice::NoticeKind;
use crate::model::terms::{Promise, Reminded, SUBSCRIBERS_MAX};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// Promises the next update in the name of whoever took an incident: at the time they said, else
/// after that of the priority. What was promised before and is not overdue stands.
pub(super) fn make(
    state: &mut State,
    ctx: &Context,
    (id, by): (IncidentId, &str),
    said: Option<Duration>,
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let by = speaker(record).unwrap_or_else(|| by.into());
    let stands = record.terms.promise.as_ref().is_some_and(|it| it.due_at > now && it.by == by);
    let limit = ctx.rules.limit(record.terms.agreement.as_deref(), record.assessment.priority);
    let usual = limit.update.into_iter().chain(interval(record)).min();
    let Some(every) = said.or(usual).filter(|_| said.is_some() || !stands) else { return };
    let Some(case) = state.change(id) else { return };
    let due_at = now.plus(every);
    let text = format!("{by} promises the next update by {due_at}");
    let promise = Promise { by, due_at, every, reminded: Reminded::Nobody };
    case.record.terms.promise = Some(promise);
    state.pending.tell(id, now, Told { what: Happening::Updated, text, path: None });
}

/// Returns from one update of a major incident to the next; nothing for any other.
fn interval(record: &Incident) -> Option<Duration> {
    let major = record.major.as_ref().filter(|major| major.stands());
    major.map(|major| major.update_every).filter(|every| !every.is_zero())
}

/// Returns who has the role to say how a major incident stands.
fn speaker(record: &Incident) -> Option<Box<str>> {
    let major = record.major.as_ref().filter(|major| major.stands())?;
    major.holder(Role::Communication).map(|holder| holder.who.clone())
}

/// Lets an update of an open major incident fall due, by whoever has the role, else by whoever has
/// the incident. What is promised for an earlier time stands.
pub(super) fn follow(state: &mut State, id: IncidentId, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let record = &mut case.record;
    let Some(every) = interval(record).filter(|_| record.progress.is_open()) else { return };
    let holder = record.progress.holder().map(|(by, _)| Box::from(by));
    let by = speaker(record).or(holder).or_else(|| record.team.clone());
    let by = by.unwrap_or_else(|| NOBODY.into());
    let due_at = now.plus(every);
    match &mut record.terms.promise {
        Some(promise) if promise.due_at > now && promise.due_at <= due_at => promise.by = by,
        promise => {
            let text = format!("the next update is due by {due_at}, from {by}");
            *promise = Some(Promise { by, due_at, every, reminded: Reminded::Nobody });
            state.pending.tell(id, now, Told { what: Happening::Updated, text, path: None });
        }
    }
}

/// Whose an update is while nobody has the incident; whoever it is assigned to is reminded.
const NOBODY: &str = "nobody";

/// A person says how it stands: everybody who was told hears it, and the next update is promised.
pub(super) fn update(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    next: Option<Duration>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Order { incident: id, by, note, .. } = order;
    if note.is_empty() {
        return Err(Refusal::EmptyNote);
    }
    let text = format!("{by}: {note}");
    state.pending.tell(*id, now, Told { what: Happening::Updated, text: text.clone(), path: None });
    notices::update(state, ctx, *id, &text, now);
    tell_desk(state, ctx, *id, &text, now);
    reporters::tell_all(state, ctx, *id, &text, now);
    let Some(case) = state.change(*id) else { return Ok(()) };
    case.record.version += 1;
    let every = case.record.terms.promise.take().map(|promise| promise.every);
    let taken = case.record.progress.holder().is_some() || interval(&case.record).is_some();
    if taken || next.is_some() {
        make(state, ctx, (*id, by), next.or(every), now);
    }
    Ok(())
}

/// The desk hears what people say of an incident, whoever has it: it is asked how it stands.
fn tell_desk(state: &mut State, ctx: &Context, id: IncidentId, text: &str, now: Timestamp) {
    let Some(desk) = ctx.rules.closing.desk.clone().or_else(|| ctx.rules.desk.clone()) else {
        return;
    };
    let record = state.incidents.get(&id).map(|case| &case.record);
    let hears = |it: &Incident| it.told.contains(&desk) || it.terms.subscribers.contains(&desk);
    if record.is_none_or(hears) {
        return;
    }
    let target = &Target::Team(desk);
    let plan = Plan { kind: NoticeKind::Update, target, because: text.into(), also: Vec::new() };
    notices::plan(state, ctx, id, plan, now);
}

/// Reminds whoever promised an update that it is overdue, then their lead.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    while let Some(overdue) = overdue(state, id, now) {
        let Some(case) = state.change(id) else { return };
        let quiet = case.record.quiet;
        let manager = manager(&case.record);
        let Some(promise) = &mut case.record.terms.promise else { return };
        if quiet {
            // Nobody waits for news of what nobody hears of.
            promise.due_at = now.plus(promise.every);
            continue;
        }
        let (next, target) = match overdue.reminded {
            Reminded::Nobody => (Reminded::Holder, whose(ctx, &overdue.by)),
            Reminded::Holder | Reminded::Lead => (Reminded::Lead, manager.unwrap_or(Target::Lead)),
        };
        promise.reminded = next;
        let late = Brief(now.since(overdue.due_at));
        let because = format!("the update that {} promised is overdue for {late}", overdue.by);
        let text = format!("{target} is reminded: {because}");
        state.pending.tell(id, now, Told { what: Happening::UpdateOverdue, text, path: None });
        let kind = NoticeKind::Ticket;
        notices::plan(
            state,
            ctx,
            id,
            Plan { kind, target: &target, because, also: Vec::new() },
            now,
        );
    }
}

/// Returns who leads a major incident.
fn manager(record: &Incident) -> Option<Target> {
    let major = record.major.as_ref().filter(|major| major.stands())?;
    major.holder(Role::IncidentManager).map(|holder| Target::Contact(holder.who.clone()))
}

fn overdue(state: &State, id: IncidentId, now: Timestamp) -> Option<Promise> {
    let promise = state.incidents.get(&id)?.record.terms.promise.clone()?;
    promise.next_due().is_some_and(|due_at| due_at <= now).then_some(promise)
}

fn whose(ctx: &Context, by: &str) -> Target {
    let is_known = ctx.rules.contacts.contains_key(by);
    if is_known { Target::Contact(by.into()) } else { Target::Assigned }
}

/// Nobody has promised anything any more. The update of a major incident is due all the same: that of
/// whoever gave it back falls to the team.
pub(super) fn release(record: &mut Incident) {
    if interval(record).is_none() {
        record.terms.promise = None;
        return;
    }
    let by = speaker(record).or_else(|| record.team.clone());
    if let Some(promise) = &mut record.terms.promise {
        promise.by = by.unwrap_or_else(|| NOBODY.into());
    }
}

/// A person wants somebody to hear of an incident without being called for it.
pub(super) fn subscribe(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    who: &Target,
    now: Timestamp,
) -> Result<(), Refusal> {
    let name = name(ctx, who)?;
    let Some(case) = state.change(order.incident) else { return Ok(()) };
    let subscribers = &mut case.record.terms.subscribers;
    if !subscribers.contains(&name) {
        if subscribers.len() >= SUBSCRIBERS_MAX {
            return Err(Refusal::TooManySubscribers(SUBSCRIBERS_MAX));
        }
        subscribers.push(name.clone());
    }
    let text = format!("{name} hears of it, {}", super::handle::by_whom(order));
    let told = Told { what: Happening::Subscribed, text, path: None };
    state.pending.tell(order.incident, now, told);
    Ok(())
}

/// A person wants somebody not to hear of it any more, unless they are called.
pub(super) fn unsubscribe(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    who: &Target,
    now: Timestamp,
) -> Result<(), Refusal> {
    let name = name(ctx, who)?;
    let Some(case) = state.change(order.incident) else { return Ok(()) };
    case.record.terms.subscribers.retain(|it| *it != name);
    let text = format!("{name} hears of it no more, {}", super::handle::by_whom(order));
    let told = Told { what: Happening::Subscribed, text, path: None };
    state.pending.tell(order.incident, now, told);
    Ok(())
}

fn name(ctx: &Context, who: &Target) -> Result<Box<str>, Refusal> {
    let (team, person) = super::handle::receiver(ctx, who)?;
    let name = team.or(person);
    name.ok_or_else(|| Refusal::UnknownTarget { target: who.to_string(), known: "none".into() })
}
