//! Whether an incident is over for those who suffered from it: who is asked, what they say, and what
//! silence means.
//!
//! Silence closes with a code of its own, but never an incident of the most pressing class, and
//! never over a disagreement.

use super::context::Context;
use super::handle::by_whom;
use super::notices::{self, Plan};
use super::order::Order;
use super::pending::Told;
use super::refusal::Refusal;
use super::reporters::News;
use super::{State, desk, report, reporters, resolve, users, watch};
use crate::model::closure::{Confirmation, Disagreement, Reached};
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::sheet::{Edit, Field};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{Ask, NO_REPLY};

/// The attribute of a service that names the contact who speaks for it.
const CONTACT: &str = "contact";

/// Asks those who suffered from an incident whether it is over, and tells those who reported it that
/// it is resolved.
pub(super) fn ask(state: &mut State, ctx: &Context, id: IncidentId, text: &str, now: Timestamp) {
    let closing = &ctx.rules.closing;
    let asks_reporters = closing.ask.contains(&Ask::Reporters);
    let mut asked = if asks_reporters { report::names(state, id) } else { Vec::new() };
    let services = if closing.ask.contains(&Ask::ServiceContacts) {
        service_contacts(state, ctx, id)
    } else {
        Vec::new()
    };
    for name in &services {
        if !asked.contains(name) {
            asked.push(name.clone());
        }
    }
    let mut reached = if asks_reporters { reporters::reached(state, ctx, id) } else { Vec::new() };
    let contacts = services.iter().filter(|name| !reached.iter().any(|it| it.contact == **name));
    let contacts: Vec<_> =
        contacts.map(|it| Reached { contact: it.clone(), name: it.clone() }).collect();
    reached.extend(contacts);
    let question = format!("{text}; is it over?");
    let news = if asks_reporters { News::Question(&question) } else { News::Plain(text) };
    reporters::tell(state, ctx, id, news, now);
    for name in services {
        let target = &Target::Contact(name);
        let because = question.clone();
        let plan = Plan { kind: NoticeKind::Update, target, because, also: Vec::new() };
        notices::plan(state, ctx, id, plan, now);
    }
    users::tell(state, ctx, id, text, now);
    remember(state, ctx, id, (asked, reached), now);
}

/// Keeps who is asked, and until when; a disagreement stands until somebody takes it back.
fn remember(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    (asked, reached): (Vec<Box<str>>, Vec<Reached>),
    now: Timestamp,
) {
    let Some(case) = state.change(id) else { return };
    let before = case.record.closure.confirmation.take();
    let disagreement = before.and_then(|before| before.disagreement);
    if asked.is_empty() && disagreement.is_none() {
        return;
    }
    let record = &case.record;
    let is_pressing = record.assessment.priority == Priority::P1 || record.is_major();
    let due_at = (!is_pressing).then(|| now.plus(ctx.rules.closing.within));
    let names = asked.join(", ");
    let confirmed = Vec::new();
    case.record.closure.confirmation =
        Some(Confirmation { asked_at: now, due_at, asked, reached, confirmed, disagreement });
    let text = match due_at {
        Some(at) => format!("{names} whether it is over; without an answer it is closed {at}"),
        None => format!("{names} whether it is over; it stays until somebody answers"),
    };
    state.pending.tell(id, now, Told { what: Happening::Asked, text, path: None });
}

/// Returns the contacts of the services that an incident hurt, each once.
fn service_contacts(state: &State, ctx: &Context, id: IncidentId) -> Vec<Box<str>> {
    let Some(case) = state.incidents.get(&id) else { return Vec::new() };
    let cis = case.record.affected.services.iter().filter_map(|name| ctx.topology.find(name));
    let contacts = cis.filter_map(|ci| ctx.topology.ci(ci).attribute(CONTACT));
    let mut found: Vec<Box<str>> = Vec::new();
    for name in contacts.filter(|name| ctx.rules.contacts.contains_key(*name)) {
        if !found.iter().any(|known| **known == *name) {
            found.push(name.into());
        }
    }
    found
}

/// Takes the question back: the incident is open again. What somebody said against its end stays.
pub(super) fn withdraw(state: &mut State, id: IncidentId) {
    let Some(case) = state.change(id) else { return };
    let confirmation = &mut case.record.closure.confirmation;
    if confirmation.as_ref().is_some_and(|it| it.disagreement.is_none()) {
        *confirmation = None;
    }
}

/// Returns when a resolved incident closes by itself; `usual` is when it does if nobody is asked.
pub(super) fn closes_at(record: &Incident, usual: Timestamp) -> Option<Timestamp> {
    if !desk::is_reviewed(record) {
        return None;
    }
    match &record.closure.confirmation {
        Some(it) if it.disagreement.is_some() => None,
        Some(it) if !it.is_complete() => it.due_at,
        Some(_) | None => Some(usual),
    }
}

/// Closes an incident whose time is up; without a word of those who were asked under a code of its
/// own.
pub(super) fn close_silently(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let silent = case.record.closure.confirmation.as_ref().filter(|it| !it.is_complete());
    let Some(it) = silent else { return close(state, ctx, id, "closed", now) };
    let confirmed = it.confirmed.join(", ");
    if !confirmed.is_empty() {
        let why = format!("confirmed by {confirmed}; nobody disagreed");
        return close(state, ctx, id, &why, now);
    }
    let names = it.asked.join(", ");
    let code = Edit { field: Field::ClosureCode, value: Some(NO_REPLY.into()) };
    let before = case.record.sheet.set(code);
    let was = before.map(|before| format!(", was {before}")).unwrap_or_default();
    let why = format!("no answer of {names} (closure code {NO_REPLY}{was})");
    close(state, ctx, id, &why, now);
}

/// Closes an incident and tells those who reported it.
pub(super) fn close(state: &mut State, ctx: &Context, id: IncidentId, why: &str, now: Timestamp) {
    let text = if why == "closed" { why.to_owned() } else { format!("closed: {why}") };
    reporters::tell(state, ctx, id, News::Plain(&text), now);
    resolve::close(state, id, why, now);
}

/// Refuses the answer by link of somebody who is not asked (any more): whoever has the link of a
/// message speaks for its reader, never for all.
pub(super) fn is_asked(state: &State, id: IncidentId, by: &str) -> Result<(), Refusal> {
    let closure = state.incidents.get(&id).map(|case| &case.record.closure);
    let confirmation = closure.and_then(|closure| closure.confirmation.as_ref());
    if confirmation.is_some_and(|it| !it.names_of(by).is_empty()) {
        return Ok(());
    }
    Err(Refusal::NotAsked { incident: id, by: by.into() })
}

/// Somebody says that it is over; when all who were asked did, it is closed.
pub(super) fn confirm(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    edits: &[Edit],
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = order.incident;
    if !edits.is_empty() {
        desk::set(state, ctx, order, edits, now)?;
    }
    let Some(case) = state.change(id) else { return Err(Refusal::NotOpen(id)) };
    let closure = &mut case.record.closure;
    if let Some(confirmation) = &mut closure.confirmation {
        confirmation.confirm(&order.by);
    }
    let is_complete = closure.confirmation.as_ref().is_none_or(Confirmation::is_complete);
    case.record.version += 1;
    let is_watched = watch::until(&case.record).is_some();
    let waits = case.record.firing > 0 || is_watched || !desk::is_reviewed(&case.record);
    let text = by_whom(order);
    state.pending.tell(id, now, Told { what: Happening::Confirmed, text, path: None });
    if is_complete && !waits {
        close(state, ctx, id, &format!("confirmed {}", by_whom(order)), now);
    }
    Ok(())
}

/// Somebody says that it is not over: it is open again, with what they said.
pub(super) fn reject(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Order { incident: id, by, note, .. } = order;
    if note.is_empty() {
        return Err(Refusal::NoReason { wish: order.command.wish() });
    }
    let Some(case) = state.change(*id) else { return Err(Refusal::NotOpen(*id)) };
    let said = Disagreement { at: now, by: by.clone(), because: note.as_str().into() };
    let confirmation = case.record.closure.confirmation.get_or_insert_with(|| Confirmation {
        asked_at: now,
        due_at: None,
        asked: Vec::new(),
        reached: Vec::new(),
        confirmed: Vec::new(),
        disagreement: None,
    });
    confirmation.reject(said);
    let text = by_whom(order);
    state.pending.tell(*id, now, Told { what: Happening::Rejected, text, path: None });
    resolve::reopen(state, ctx, *id, &format!("not over, says {by}: {note}"), now);
    Ok(())
}

/// Refuses to close an incident of which somebody says that it is not over.
pub(super) fn nobody_disagrees(state: &State, id: IncidentId) -> Result<(), Refusal> {
    let closure = state.incidents.get(&id).map(|case| &case.record.closure);
    let confirmation = closure.and_then(|closure| closure.confirmation.as_ref());
    match confirmation.and_then(|it| it.disagreement.as_ref()) {
        Some(Disagreement { by, because, .. }) => {
            let (by, because) = (by.clone(), because.clone());
            Err(Refusal::Disagreed { incident: id, by, because })
        }
        None => Ok(()),
    }
}
