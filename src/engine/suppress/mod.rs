//! What is held back, and what is told when that ends; what holds back is in `windows`.
//!
//! An alert that is held back is recorded, joins what is open and ends like any other; it opens
//! nothing, adds nothing to a priority and lets nobody be told. Where all that fires of an incident
//! is held back its clocks are quiet, too. What still fires at the end is raised once, as one digest
//! per person.

mod windows;

use std::collections::BTreeMap;

use super::context::Context;
use super::correlate::{self, share};
use super::notices::{self, Plan};
use super::pending::Told;
use super::prioritise;
use super::state::Call;
use super::{State, escalate};
use crate::model::incident::{Happening, IncidentId, Progress};
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeKind;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;

pub(super) use windows::{due, hush, reconfigure, reindex, restore, silence, unsilence};

/// Gives an alert other silences; what it adds to its incidents follows.
fn recount(state: &mut State, ctx: &Context, alert: Fingerprint, by: Box<[SilenceId]>) {
    let before = share(state, ctx, alert);
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.state.silenced_by = by;
        held.state.revision += 1;
    }
    state.pending.touch(alert);
    let Some((before, after)) = before.zip(share(state, ctx, alert)) else { return };
    for id in state.chain(own) {
        if let Some(case) = state.change(id) {
            case.tally.remove(&before);
            case.tally.add(&after);
        }
    }
}

fn unsettle(state: &mut State, alert: Fingerprint) {
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    state.pending.unsettled.extend(state.chain(own));
}

/// Lets alerts open what a silence kept them from opening, and calls each person once for all.
fn raise(state: &mut State, ctx: &Context, alerts: &[Fingerprint], now: Timestamp) {
    state.digest = Some(Vec::new());
    for alert in alerts {
        if state.alerts.get(alert).is_some_and(|held| held.state.incident.is_none()) {
            correlate::relate(state, ctx, *alert, None, now);
        }
    }
    prioritise::settle(state, ctx, now);
    let calls = state.digest.take().unwrap_or_default();
    let mut by_person: BTreeMap<(Box<str>, NoticeKind), Vec<Call>> = BTreeMap::new();
    for call in calls {
        let person = notices::person(state, ctx, call.incident, &call.target);
        by_person.entry((person, call.kind)).or_default().push(call);
    }
    for (_, calls) in by_person {
        tell(state, ctx, calls, now);
    }
}

/// Tells one person of everything at once.
fn tell(state: &mut State, ctx: &Context, mut calls: Vec<Call>, now: Timestamp) {
    calls.sort_by_key(|call| call.incident);
    let also: Vec<IncidentId> = calls.iter().skip(1).map(|call| call.incident).collect();
    let mut calls = calls.into_iter();
    let Some(Call { incident, kind, target, because }) = calls.next() else { return };
    let because = if also.is_empty() {
        because
    } else {
        format!("{because}; with {} more that a silence held back", also.len())
    };
    notices::plan(state, ctx, incident, Plan { kind, target: &target, because, also }, now);
    for call in calls {
        let text = format!("told with {incident}, in one message");
        notices::note_told(state, ctx, call.incident, &call.target);
        let told = Told { what: Happening::Notice, text, path: None };
        state.pending.tell(call.incident, now, told);
    }
}

/// Quietens an incident all of whose firing members are silenced, and wakes it when one is not.
pub(super) fn settle(state: &mut State, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let (audible, firing) = (case.tally.audible(), case.tally.firing());
    if !case.record.quiet && audible == 0 && firing > 0 {
        let why = "all that fires of it is silenced";
        notices::withdraw(state, id, why, now);
        if let Some(case) = state.change(id) {
            case.record.quiet = true;
            escalate::pause(&mut case.record);
        }
        state.pending.tell(
            id,
            now,
            Told { what: Happening::Quieted, text: why.into(), path: None },
        );
    } else if case.record.quiet && audible > 0 {
        let text = "no longer silenced".into();
        state.pending.tell(id, now, Told { what: Happening::Raised, text, path: None });
        if let Some(case) = state.change(id) {
            case.record.quiet = false;
            if matches!(case.record.progress, Progress::New) {
                escalate::restart(&mut case.record, now);
            }
        }
    }
}

/// Keeps a call for the digest while silences end; gives it back otherwise.
pub(super) fn gather(state: &mut State, call: Call) -> Option<Call> {
    match &mut state.digest {
        Some(calls) => {
            calls.push(call);
            None
        }
        None => Some(call),
    }
}
