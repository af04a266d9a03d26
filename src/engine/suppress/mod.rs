//! What is held back, and what is told when that ends; what holds back is in `windows`.
//!
//! An alert that is held back is recorded, joins what is open and ends like any other; it opens
//! nothing, adds nothing to a priority and lets nobody be told. Where all that fires of an incident
//! is held back its clocks are quiet, too. What still fires at the end is raised once, as one digest
//! per person.

pub(super) mod inhibit;
pub(super) mod late;
pub(super) mod planned;
pub(super) mod reach;
mod targets;
pub(super) mod windows;

use std::collections::BTreeMap;

use super::context::Context;
use super::correlate::{self, name_of, share};
use super::notices::{self, Plan};
use super::pending::Told;
use super::prioritise;
use super::state::Call;
use super::{State, escalate, gather, known_error, tally};
use crate::model::alert::AlertState;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeKind;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

pub(super) use windows::{due, hush, reconfigure, reindex, restore, silence, unsilence};

/// Members that are asked what holds them back when an incident falls quiet.
const MEMBERS_ASKED_MAX: usize = 100;

/// Changes what holds an alert back; what it adds to its incidents follows.
fn recount(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    change: impl FnOnce(&mut AlertState),
) {
    let before = share(state, ctx, alert);
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    if let Some(held) = state.alerts.get_mut(&alert) {
        change(&mut held.state);
        held.state.revision += 1;
    }
    state.pending.touch(alert);
    gather::refresh(state, ctx, alert, state.counters.now);
    let Some((before, after)) = before.zip(share(state, ctx, alert)) else { return };
    for id in state.chain(own) {
        tally::remove(state, ctx, id, before);
        tally::add(state, id, after);
        state.change(id);
    }
}

fn unsettle(state: &mut State, alert: Fingerprint) {
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    state.pending.unsettled.extend(state.chain(own));
}

/// Alerts that are held back no longer.
struct Raised<'a> {
    alerts: &'a [Fingerprint],
    /// Ends the sentence `and 3 more …`.
    that: &'static str,
}

/// Lets alerts open what they were kept from opening, and calls each person once for all.
fn raise(state: &mut State, ctx: &Context, raised: &Raised<'_>, now: Timestamp) {
    state.digest = Some(Vec::new());
    for alert in raised.alerts {
        if state.alerts.get(alert).is_some_and(|held| held.state.incident.is_none()) {
            correlate::relate(state, ctx, *alert, None, now);
        }
    }
    prioritise::settle(state, ctx, now);
    let calls = state.digest.take().unwrap_or_default();
    let mut by_person: BTreeMap<(Box<str>, NoticeKind), Vec<Call>> = BTreeMap::new();
    for call in calls {
        let person = notices::person(state, ctx, call.incident, &call.target, now);
        by_person.entry((person, call.kind)).or_default().push(call);
    }
    for (_, calls) in by_person {
        tell(state, ctx, calls, raised.that, now);
    }
}

/// Tells one person of everything at once.
fn tell(
    state: &mut State,
    ctx: &Context,
    mut calls: Vec<Call>,
    that: &'static str,
    now: Timestamp,
) {
    calls.sort_by_key(|call| call.incident);
    let also: Vec<IncidentId> = calls.iter().skip(1).map(|call| call.incident).collect();
    let mut calls = calls.into_iter();
    let Some(Call { incident, kind, target, because }) = calls.next() else { return };
    let because = if also.is_empty() {
        because
    } else {
        format!("{because}; with {} more {that}", also.len())
    };
    notices::plan(state, ctx, incident, Plan { kind, target: &target, because, also }, now);
    for call in calls {
        let text = format!("told with {incident}, in one message");
        notices::note_told(state, ctx, call.incident, &call.target, now);
        let told = Told { what: Happening::Notice, text, path: None };
        state.pending.tell(call.incident, now, told);
    }
}

/// Quietens an incident all of whose firing members are held back, or that its known error keeps
/// quiet, and wakes it when neither holds.
pub(super) fn settle(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let (audible, firing) = (case.tally.audible(), case.tally.firing());
    let is_held_back = audible == 0 && firing > 0;
    let known = known_error::keeps_quiet(&case.record);
    match (case.record.quiet, is_held_back || known.is_some()) {
        (false, true) => {
            let why = known.filter(|_| !is_held_back);
            let why = why.unwrap_or_else(|| why_quiet(state, ctx, id));
            quieten(state, id, why, now);
        }
        (true, false) if audible > 0 => wake(state, id, now),
        (true, _) | (false, false) => {}
    }
}

fn quieten(state: &mut State, id: IncidentId, why: String, now: Timestamp) {
    notices::withdraw(state, id, &why, now);
    if let Some(case) = state.change(id) {
        case.record.quiet = true;
        escalate::pause(&mut case.record);
    }
    state.pending.tell(id, now, Told { what: Happening::Quieted, text: why, path: None });
}

fn wake(state: &mut State, id: IncidentId, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    case.record.quiet = false;
    if matches!(case.record.progress, Progress::New) {
        escalate::restart(&mut case.record, now);
    }
    let text = known_error::why_told(&case.record);
    state.pending.tell(id, now, Told { what: Happening::Raised, text, path: None });
}

/// Says why nobody is told of an incident; where its members are inhibited, of the first by whom.
fn why_quiet(state: &State, ctx: &Context, id: IncidentId) -> String {
    let members = correlate::firing_members(state, id);
    let inhibited = members
        .iter()
        .take(MEMBERS_ASKED_MAX)
        .find_map(|alert| Some((name_of(state, ctx, *alert), inhibit::words(state, ctx, *alert)?)));
    match inhibited {
        Some((name, words)) => format!("all that fires of it is held back: {name} is {words}"),
        None => "all that fires of it is silenced".into(),
    }
}

/// Keeps a call for the digest while what was held back is raised; gives it back otherwise.
pub(super) fn gather(state: &mut State, call: Call) -> Option<Call> {
    match &mut state.digest {
        Some(calls) => {
            calls.push(call);
            None
        }
        None => Some(call),
    }
}
