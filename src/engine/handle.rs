//! What people do with incidents by hand: who may do what in which state, and what follows.
//!
//! Every order is carried out as a whole or refused with what is allowed instead; each one carried
//! out is on the timeline and on the audit trail. Joining and parting incidents is in [`super::regroup`],
//! handing them on in [`super::transfer`], updates in [`super::promise`].

use core::time::Duration;

use super::context::Context;
use super::order::{Command, Order};
use super::pending::Told;
use super::refusal::Refusal;
use super::reply::{Handled, Reply};
use super::transfer::{self, Transfer};
use super::{
    State, acceptance, audit, confirm, desk, escalate, major, notices, prioritise, promise,
    regroup, resolve, response, review, terms, threads, waiting, watch,
};
use crate::model::assignment::{Handover, Verdict};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::link::Action;
use crate::model::progress::{Progress, StateName, WaitsFor};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// Everything that can be done by hand, with the states in which it can.
///
/// One table for all: what is refused, what the refusal offers instead, and what the API documents.
const ALLOWED: [(&str, &[StateName]); 30] = {
    use StateName::{Acknowledged, Closed, InProgress, New, OnHold, Resolved};
    const OPEN: &[StateName] = &[New, Acknowledged, InProgress, OnHold];
    const HELD: &[StateName] = &[New, Acknowledged, InProgress, OnHold, Resolved];
    const EVER: &[StateName] = &[New, Acknowledged, InProgress, OnHold, Resolved, Closed];
    [
        ("acknowledged", &[New, Acknowledged, InProgress]),
        ("unacknowledged", &[Acknowledged, InProgress, OnHold]),
        ("noted", HELD),
        ("claimed", OPEN),
        ("assigned", OPEN),
        ("escalated", OPEN),
        ("returned", OPEN),
        ("convened", OPEN),
        ("prioritised", OPEN),
        ("updated", OPEN),
        ("subscribed", &[New, Acknowledged, InProgress, OnHold, Resolved]),
        ("unsubscribed", &[New, Acknowledged, InProgress, OnHold, Resolved]),
        ("held", &[Acknowledged, InProgress, OnHold]),
        ("resolved", OPEN),
        ("reopened", &[Resolved]),
        ("closed", &[Resolved]),
        ("merged", OPEN),
        ("split", OPEN),
        ("set", HELD),
        ("reclassified", HELD),
        ("timed", HELD),
        ("confirmed", &[Resolved]),
        ("rejected", &[Resolved]),
        ("cancelled", &[New, Acknowledged]),
        ("declared major", OPEN),
        ("stood down", HELD),
        ("checked", HELD),
        ("given a role", HELD),
        ("given an action", EVER),
        ("rid of an action", EVER),
    ]
};

impl Command {
    /// Returns what it wants the incident to be, as the table and people say it.
    pub fn wish(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "acknowledged",
            Self::Unacknowledge => "unacknowledged",
            Self::Note => "noted",
            Self::Claim => "claimed",
            Self::Assign { .. } => "assigned",
            Self::Escalate { .. } => "escalated",
            Self::Return { .. } => "returned",
            Self::Convene { .. } => "convened",
            Self::Prioritise { .. } => "prioritised",
            Self::Update { .. } => "updated",
            Self::Subscribe { .. } => "subscribed",
            Self::Unsubscribe { .. } => "unsubscribed",
            Self::Hold { .. } => "held",
            Self::Resolve(_) => "resolved",
            Self::Reopen => "reopened",
            Self::Close => "closed",
            Self::Merge { .. } => "merged",
            Self::Split { .. } => "split",
            Self::Set(_) => "set",
            Self::Classify { .. } => "reclassified",
            Self::Spend { .. } => "timed",
            Self::Confirm(_) => "confirmed",
            Self::Reject => "rejected",
            Self::Cancel => "cancelled",
            Self::DeclareMajor => "declared major",
            Self::StandDown => "stood down",
            Self::Check { .. } => "checked",
            Self::Appoint { .. } => "given a role",
            Self::AddAction { .. } => "given an action",
            Self::FinishAction { .. } => "rid of an action",
        }
    }
}

fn may(state: StateName, wish: &str) -> bool {
    ALLOWED.iter().any(|(name, states)| *name == wish && states.contains(&state))
}

fn allowed(state: StateName) -> String {
    let names = ALLOWED.iter().filter(|(_, states)| states.contains(&state)).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

/// Carries out a person's order, or says why not.
pub(super) fn handle(state: &mut State, ctx: &Context, order: &Order, now: Timestamp) -> Reply {
    match carry_out(state, ctx, order, now) {
        Ok(incident) => {
            let object = order.incident.to_string();
            let detail = detail(order);
            let action = order.command.wish();
            audit::note(state, now, audit::Deed { by: &order.by, action, object: &object, detail });
            handled(state, incident)
        }
        Err(refusal) => Reply::Refused(refusal),
    }
}

/// Carries out an order that came by a link, unless one did by the same link before.
pub(super) fn by_link(
    state: &mut State,
    ctx: &Context,
    link: (u32, Action),
    order: &Order,
    now: Timestamp,
) -> Reply {
    let record = state.incidents.get(&order.incident).map(|case| &case.record);
    if record.is_some_and(|record| record.has_used(link.0, link.1)) {
        return Reply::Duplicate;
    }
    let answers = matches!(link.1, Action::Confirm | Action::Reject);
    let is_resolved = record.is_some_and(|it| it.progress.name() == StateName::Resolved);
    if answers
        && is_resolved
        && let Err(refusal) = confirm::is_asked(state, order.incident, &order.by)
    {
        return Reply::Refused(refusal);
    }
    let reply = handle(state, ctx, order, now);
    if let (Reply::Handled(_), Some(case)) = (&reply, state.change(order.incident)) {
        case.record.links_used.push(link);
    }
    reply
}

fn handled(state: &mut State, incident: IncidentId) -> Reply {
    let Some(record) = state.change_record(incident) else {
        return Reply::Refused(Refusal::NotOpen(incident));
    };
    Reply::Handled(Handled {
        incident,
        state: record.progress.name(),
        version: record.version,
        holder: record.progress.holder().map(|(by, until)| (by.into(), until)),
    })
}

/// What an order says beside its kind and its incident.
fn detail(order: &Order) -> String {
    let said = match &order.command {
        Command::Acknowledge { hold: Some(hold), .. } => format!("for {}", Brief(*hold)),
        Command::Assign { to, .. } | Command::Escalate { to: Some(to), .. } => format!("to {to}"),
        Command::Convene { teams, .. } => teams.join(", "),
        Command::Prioritise { priority: Some(priority) } => format!("as {priority}"),
        Command::Prioritise { priority: None } => "as computed".into(),
        Command::Subscribe { who } | Command::Unsubscribe { who } => who.to_string(),
        Command::Hold { waits_for, until } => format!("for a {waits_for} until {until}"),
        Command::Merge { into } => format!("with {into}"),
        Command::Split { records } => {
            let records: Vec<String> = records.iter().map(ToString::to_string).collect();
            format!("off {}", records.join(", "))
        }
        Command::Set(edits) | Command::Confirm(edits) => desk::said(edits),
        Command::Resolve(ending) => desk::said(&ending.edits),
        Command::Classify { category } => format!("as {category}"),
        Command::Check { item } => format!("item {item}"),
        Command::Appoint { role, to } => format!("{role} to {to}"),
        Command::AddAction { text, owner, due_at } => format!("{text}, {owner} until {due_at}"),
        Command::FinishAction { number } => format!("action {number}"),
        Command::Spend { who, time } => {
            format!("{} by {}", Brief(*time), who.as_deref().unwrap_or(&order.by))
        }
        Command::Acknowledge { hold: None, .. }
        | Command::Escalate { to: None, .. }
        | Command::Return { .. }
        | Command::Update { .. }
        | Command::Unacknowledge
        | Command::Note
        | Command::Claim
        | Command::Reject
        | Command::Cancel
        | Command::DeclareMajor
        | Command::StandDown
        | Command::Reopen
        | Command::Close => String::new(),
    };
    [said.as_str(), order.note.as_str()]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

fn carry_out(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    now: Timestamp,
) -> Result<IncidentId, Refusal> {
    let id = order.incident;
    check(state, order)?;
    let Order { by, note, .. } = order;
    match &order.command {
        Command::Acknowledge { hold, update_in } => {
            acknowledge(state, ctx, order, (*hold, *update_in), now);
        }
        Command::Unacknowledge => unacknowledge(state, ctx, order, now),
        Command::Note => {
            if note.is_empty() {
                return Err(Refusal::EmptyNote);
            }
            let text = format!("{by}: {note}");
            state.pending.tell(id, now, Told { what: Happening::Noted, text, path: None });
        }
        Command::Claim => claim(state, ctx, order, now),
        Command::Assign { to, handover } => assign(state, ctx, order, (to, handover), now)?,
        Command::Escalate { to, handover } => {
            transfer::escalate(state, ctx, order, (to.as_ref(), handover), now)?;
        }
        Command::Return { handover } => transfer::give_back(state, ctx, order, handover, now)?,
        Command::Convene { teams, link, handover } => {
            transfer::convene(state, ctx, order, (teams, link.as_deref(), handover), now)?;
        }
        Command::Prioritise { priority } => terms::by_hand(state, order, *priority, now)?,
        Command::Update { next } => promise::update(state, ctx, order, *next, now)?,
        Command::Subscribe { who } => promise::subscribe(state, ctx, order, who, now)?,
        Command::Unsubscribe { who } => promise::unsubscribe(state, ctx, order, who, now)?,
        Command::Hold { waits_for, until } => {
            hold(state, order, (*waits_for, *until), now)?;
            escalate::plan(state, &ctx.rules, id);
        }
        Command::Resolve(ending) => desk::resolve(state, ctx, order, ending, now)?,
        Command::Reopen => resolve::reopen(state, ctx, id, &by_whom(order), now),
        Command::Close => close(state, ctx, order, now)?,
        Command::Set(edits) => desk::set(state, ctx, order, edits, now)?,
        Command::Classify { category } => desk::classify(state, order, category, now)?,
        Command::Spend { who, time } => {
            desk::spend(state, ctx, id, (who.as_deref().unwrap_or(by), *time), now);
        }
        Command::Confirm(edits) => confirm::confirm(state, ctx, order, edits, now)?,
        Command::Reject => confirm::reject(state, ctx, order, now)?,
        Command::Cancel => desk::cancel(state, ctx, order, now)?,
        Command::DeclareMajor => major::by_hand(state, ctx, order, now)?,
        Command::StandDown => major::stand_down(state, ctx, order, now)?,
        Command::Check { item } => response::tick(state, order, *item, now)?,
        Command::Appoint { role, to } => response::appoint(state, ctx, order, (*role, to), now)?,
        Command::AddAction { text, owner, due_at } => {
            review::add(state, ctx, order, (text, owner, *due_at), now)?;
        }
        Command::FinishAction { number } => review::done(state, order, *number, now)?,
        Command::Merge { into } => return regroup::merge(state, ctx, order, *into, now),
        Command::Split { records } => return regroup::split(state, ctx, order, records, now),
    }
    Ok(id)
}

/// Says in words whose order it is.
pub(super) fn by_whom(order: &Order) -> String {
    let Order { by, note, .. } = order;
    if note.is_empty() { format!("by {by}") } else { format!("by {by}: {note}") }
}

fn check(state: &State, order: &Order) -> Result<(), Refusal> {
    named(state, order.incident, order.command.wish())?;
    let version = state.record(order.incident).map_or(0, |record| record.version);
    match order.expected {
        Some(expected) if expected != version && !planted!("version not compared") => {
            Err(Refusal::Conflict { incident: order.incident, expected, version })
        }
        Some(_) | None => Ok(()),
    }
}

/// Says whether the incident a person named can be what they wish, or why not.
pub(super) fn named(state: &State, id: IncidentId, wish: &'static str) -> Result<(), Refusal> {
    let Some(record) = state.record(id) else { return Err(Refusal::NotOpen(id)) };
    if let Some(parent) = record.parent.filter(|_| !record.progress.name().is_over()) {
        let parent = state.top(parent).unwrap_or(parent);
        return Err(Refusal::Subordinate { incident: id, parent });
    }
    let name = record.progress.name();
    if may(name, wish) {
        return Ok(());
    }
    if name.is_over() {
        // As for one that is held no longer: only what its review wants is asked of it here.
        return Err(Refusal::NotOpen(id));
    }
    Err(Refusal::NotAllowed { incident: id, state: name, wish, allowed: allowed(name) })
}

/// A person answers.
fn acknowledge(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (hold, update_in): (Option<Duration>, Option<Duration>),
    now: Timestamp,
) {
    let id = order.incident;
    let record = state.incidents.get(&id).map(|case| &case.record);
    let helps = record.and_then(|it| acceptance::helps(&ctx.rules, it, &order.by));
    if let Some(team) = helps.map(Box::<str>::from) {
        return acceptance::join(state, id, &team, &order.by, now);
    }
    let hold = hold.unwrap_or_else(|| prioritise::acknowledgement(state, ctx, id));
    let until = now.plus(hold);
    answered(state, order, "acknowledged", now);
    if let Some(case) = state.change(id) {
        let by = order.by.clone();
        let works = case.record.progress.name() == StateName::InProgress;
        case.record.enter(if works {
            Progress::InProgress { by, until }
        } else {
            Progress::Acknowledged { by, until }
        });
    }
    let note = if order.note.is_empty() { String::new() } else { format!(": {}", order.note) };
    let text = format!("by {} until {until}{note}", order.by);
    threads::follow(state, id, &format!("acknowledged {text}"), now);
    state.pending.tell(id, now, Told { what: Happening::Acknowledged, text, path: None });
    promise::make(state, ctx, (id, &order.by), update_in, now);
    // Those who were called to help have answered for themselves or not at all.
    escalate::plan(state, &ctx.rules, id);
}

/// Nobody has to be called any more: somebody has answered.
fn answered(state: &mut State, order: &Order, how: &str, now: Timestamp) {
    escalate::stop(state, order.incident, now);
    if let Some(case) = state.change(order.incident) {
        case.record.assignments.accept(&order.by, now);
    }
    notices::withdraw(state, order.incident, &format!("{how} by {}", order.by), now);
}

/// A person gives it back: it is nobody's again, and the first step falls due.
fn unacknowledge(state: &mut State, ctx: &Context, order: &Order, now: Timestamp) {
    let id = order.incident;
    let text = by_whom(order);
    threads::follow(state, id, &format!("given back {text}"), now);
    state.pending.tell(id, now, Told { what: Happening::Unacknowledged, text, path: None });
    back_to_queue(state, ctx, id, now);
}

pub(super) fn back_to_queue(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    if let Some(case) = state.change(id) {
        case.record.go_on(now);
        case.record.enter(Progress::New);
        escalate::restart(&mut case.record, now);
    }
    escalate::plan(state, &ctx.rules, id);
    state.pending.unsettled.insert(id);
}

/// A person takes it, to work on it.
fn claim(state: &mut State, ctx: &Context, order: &Order, now: Timestamp) {
    let id = order.incident;
    answered(state, order, "claimed", now);
    if let Some(case) = state.change(id) {
        case.record.assignee = Some(order.by.clone());
    }
    escalate::go_on(state, ctx, id, order.by.clone(), now);
    let text = by_whom(order);
    threads::follow(state, id, &format!("claimed {text}"), now);
    state.pending.tell(id, now, Told { what: Happening::Claimed, text, path: None });
    promise::make(state, ctx, (id, &order.by), None, now);
}

/// A person hands it on; whoever gets it has not answered yet, whoever answered before.
fn assign(
    state: &mut State,
    ctx: &Context,
    order: &Order,
    (to, handover): (&Target, &Handover),
    now: Timestamp,
) -> Result<(), Refusal> {
    let (team, assignee) = receiver(ctx, to)?;
    let text = format!("to {to} {}", by_whom(order));
    let (what, before) = (Happening::Assigned, Verdict::PassedOn);
    let it = Transfer { team, assignee, handover, what, text, before };
    transfer::hand_on(state, ctx, order, it, now);
    Ok(())
}

type Receiver = (Option<Box<str>>, Option<Box<str>>);

/// Returns the team and the person that an assignment means.
pub(super) fn receiver(ctx: &Context, to: &Target) -> Result<Receiver, Refusal> {
    let unknown = |names: Vec<&str>| {
        let known = if names.is_empty() { "none".into() } else { names.join(", ") };
        Err(Refusal::UnknownTarget { target: to.to_string(), known })
    };
    match to {
        Target::Team(name) if ctx.rules.teams.contains_key(name) => Ok((Some(name.clone()), None)),
        Target::Contact(name) if ctx.rules.contacts.contains_key(name) => {
            Ok((None, Some(name.clone())))
        }
        Target::Contact(_) => unknown(ctx.rules.contacts.keys().map(|name| &**name).collect()),
        Target::Team(_) | Target::Assigned | Target::Manager | Target::Lead => {
            unknown(ctx.rules.teams.keys().map(|name| &**name).collect())
        }
    }
}

/// A person lets it wait.
fn hold(
    state: &mut State,
    order: &Order,
    what: (WaitsFor, Timestamp),
    now: Timestamp,
) -> Result<(), Refusal> {
    let (waits_for, until) = what;
    if until <= now {
        return Err(Refusal::HoldOver { until });
    }
    let id = order.incident;
    if let Some(case) = state.change(id) {
        case.record.resolution.stop(now);
        case.record.resolving.due_at = None;
        if waits_for == WaitsFor::Supplier {
            waiting::begin(&mut case.record, now);
        }
        case.record.enter(Progress::OnHold { by: order.by.clone(), waits_for, until });
    }
    let text = format!("for a {waits_for} until {until}, {}", by_whom(order));
    threads::follow(state, id, &format!("on hold {text}"), now);
    state.pending.tell(id, now, Told { what: Happening::Held, text, path: None });
    Ok(())
}

fn close(state: &mut State, ctx: &Context, order: &Order, now: Timestamp) -> Result<(), Refusal> {
    let id = order.incident;
    desk::only(ctx, &order.by)?;
    desk::complete(state, ctx, order, &[])?;
    desk::reviewed(state, order)?;
    watch::is_over(state, id)?;
    confirm::nobody_disagrees(state, id)?;
    let firing = state.incidents.get(&id).map_or(0, |case| case.record.firing);
    if firing > 0 {
        return Err(Refusal::StillFiring { incident: id, firing });
    }
    confirm::close(state, ctx, id, &by_whom(order), now);
    Ok(())
}
