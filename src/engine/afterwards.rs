//! What is still written on the record of an incident that is over, what people learn only then, and
//! what its review wants to be done when nobody thought of it before.
//!
//! Such an incident is not held: its stored record comes with the event. Whoever read it may have
//! read it before the last change was stored; then the event is outdated, nothing happens, and it
//! is sent again with the record as it is now.

use core::time::Duration;
use std::collections::BTreeMap;

use super::context::Context;
use super::handle::by_whom;
use super::order::{Command, Order};
use super::pending::Told;
use super::refusal::Refusal;
use super::reply::{Handled, Reply};
use super::{State, audit, desk, followed, handle};
use crate::model::incident::{Incident, IncidentId};
use crate::model::sheet::{Edit, Field};
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// The fields that are still written.
const FIELDS: [Field; 5] =
    [Field::Satisfaction, Field::FollowUp, Field::RootCause, Field::Problem, Field::Evidence];

/// How long it is remembered what was written: far longer than a batch takes to be stored, and a
/// record to be read.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Records that are over and were changed or forgotten not long ago: the revision that holds, none
/// for what is forgotten, and since when.
#[derive(Debug, Default)]
pub(super) struct Afterwards(BTreeMap<IncidentId, (Option<u32>, Timestamp)>);

impl Afterwards {
    /// Notes that a record is forgotten: whoever read it before must not bring it back.
    pub(super) fn forget(&mut self, id: IncidentId, now: Timestamp) {
        self.0.insert(id, (None, now));
    }

    /// Notes which revision of a record holds that is held no longer.
    pub(super) fn note(&mut self, record: &Incident, now: Timestamp) {
        self.0.insert(record.id, (Some(record.revision), now));
    }

    /// Forgets what is stored by now, as everybody sees it.
    pub(super) fn prune(&mut self, now: Timestamp) {
        self.0.retain(|_, (_, at)| now < at.plus(REMEMBERED));
    }
}

/// Names the fields that are still written once an incident is over.
pub fn fields() -> String {
    FIELDS.map(|field| field.to_string()).join(", ")
}

/// A person orders something of an incident that is over.
pub(super) fn carry_out(
    state: &mut State,
    ctx: &Context,
    (record, order): (&Incident, &Order),
    now: Timestamp,
) -> Reply {
    if is_outdated(state, record) {
        return Reply::Outdated;
    }
    if matches!(order.command, Command::AddAction { .. }) {
        return take_up(state, ctx, (record, order), now);
    }
    let edits = if let Command::Set(edits) = &order.command { &**edits } else { &[] };
    write(state, ctx, (record, order, edits), now)
}

/// True when a record is not as it is now, or is held.
fn is_outdated(state: &State, record: &Incident) -> bool {
    let id = record.id;
    let held = state.incidents.contains_key(&id) || !record.progress.name().is_over();
    let known = state.afterwards.0.get(&id).map(|(revision, _)| *revision);
    let is_present = known.is_none_or(|revision| revision == Some(record.revision));
    held || (known_here(state, id).is_none() && !is_present)
}

/// Returns a record that is over as far as it is at hand. One whose review still wants something to be
/// done is held as it is.
fn known_here(state: &State, id: IncidentId) -> Option<&Incident> {
    state.record(id).or_else(|| state.pending.afterwards.get(&id))
}

/// Holds an incident again, for what its review wants to be done.
fn take_up(
    state: &mut State,
    ctx: &Context,
    (record, order): (&Incident, &Order),
    now: Timestamp,
) -> Reply {
    let id = record.id;
    if state.record(id).is_some() {
        return handle::handle(state, ctx, order, now);
    }
    if order.note.is_empty() {
        // Its review was thought to be done: whoever reads it asks why it is not.
        return Reply::Refused(Refusal::NoReason { wish: order.command.wish() });
    }
    let written = state.pending.afterwards.remove(&id);
    let record = written.clone().unwrap_or_else(|| record.clone());
    followed::hold(state, record);
    let reply = handle::handle(state, ctx, order, now);
    if matches!(reply, Reply::Refused(_)) {
        followed::let_go(state, id);
        state.pending.afterwards.extend(written.map(|record| (id, record)));
    }
    reply
}

/// A person writes on the record of an incident that is over.
fn write(
    state: &mut State,
    ctx: &Context,
    (record, order, edits): (&Incident, &Order, &[Edit]),
    now: Timestamp,
) -> Reply {
    let id = record.id;
    let known_here = known_here(state, id);
    let (is_followed, is_fresh) = (state.record(id).is_some(), known_here.is_none());
    let mut record = known_here.unwrap_or(record).clone();
    if let Err(refusal) = check(ctx, &record, order, edits) {
        return Reply::Refused(refusal);
    }
    if is_fresh {
        record.revision += 1;
    }
    let changed = desk::changed(&mut record.sheet, edits);
    if !changed.is_empty() {
        record.version += 1;
        let text = format!("{}, {}", changed.join(", "), by_whom(order));
        state.pending.tell(id, now, Told { what: Happening::Written, text, path: None });
    }
    let (object, detail) = (id.to_string(), desk::said(edits));
    let action = order.command.wish();
    audit::note(state, now, audit::Deed { by: &order.by, action, object: &object, detail });
    let (name, version) = (record.progress.name(), record.version);
    if is_followed {
        if let Some(held) = state.change_record(id) {
            *held = record;
        }
    } else {
        state.afterwards.note(&record, now);
        state.pending.afterwards.insert(id, record);
    }
    Reply::Handled(Handled { incident: id, state: name, version, holder: None })
}

fn check(ctx: &Context, record: &Incident, order: &Order, edits: &[Edit]) -> Result<(), Refusal> {
    let (incident, version) = (record.id, record.version);
    if let Some(parent) = record.parent {
        return Err(Refusal::Subordinate { incident, parent });
    }
    if let Some(expected) = order.expected.filter(|expected| *expected != version) {
        return Err(Refusal::Conflict { incident, expected, version });
    }
    if edits.is_empty() {
        return Err(Refusal::NothingSet("as in satisfaction=5".into()));
    }
    let late = edits.iter().map(|edit| edit.field).filter(|field| !FIELDS.contains(field));
    let late: Vec<String> = late.map(|field| field.to_string()).collect();
    if !late.is_empty() {
        let (state, given) = (record.progress.name(), late.join(", "));
        return Err(Refusal::Over { incident, state, given, open: fields() });
    }
    desk::known(ctx, edits)
}
