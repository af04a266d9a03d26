//! Silences and windows: what they hold back, and what is told when they end.
//!
//! A silenced alert is recorded, joins what is open and ends like any other; it opens nothing, adds
//! nothing to a priority and lets nobody be told. Where all that fires of an incident is silenced
//! its clocks are quiet, too. What still fires at the end is raised once, as one digest per person.

use core::time::Duration;
use std::collections::BTreeMap;

use super::context::Context;
use super::correlate::{self, share};
use super::event::{Refusal, Reply};
use super::notices::{self, Plan};
use super::pending::Told;
use super::prioritise;
use super::state::{Call, Silenced};
use super::timers::Timer;
use super::{State, audit, escalate, known_error};
use crate::cmdb::Toward;
use crate::model::incident::{Happening, IncidentId, Progress};
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeKind;
use crate::model::silence::{Silence, SilenceId, SilenceState};
use crate::model::time::Timestamp;
use crate::rules::{Condition, spell};

/// How long an ended silence is kept, as Alertmanager does by default (`--data.retention`).
const KEPT: Duration = Duration::from_hours(120);

/// Silences held at once: each is asked about every new episode.
const SILENCES_MAX: usize = 10_000;

/// How far down a window on a CI reaches, in relations: rack, host, machine, service and a few more.
const WINDOW_HOPS: u8 = 8;

/// CIs looked at when a window is asked about one alert.
const WINDOW_NODES_MAX: usize = 4_096;

/// Makes a silence, or changes the one it replaces: in place where that only moves what is still to
/// come, otherwise by ending it (Alertmanager's `Silences.Set`).
pub(super) fn silence(
    state: &mut State,
    ctx: &Context,
    wish: &Silence,
    replaces: Option<SilenceId>,
    now: Timestamp,
) -> Reply {
    let mut record = wish.clone();
    record.updated_at = now;
    let mut action = "silence";
    if let Some(old) = replaces {
        let Some(held) = state.silences.get(&old) else {
            return Reply::Refused(Refusal::UnknownSilence(old));
        };
        if changes_in_place(&held.record, wish, now) {
            record.id = old;
            action = "change silence";
        } else {
            finish(state, ctx, old, now);
        }
    }
    if record.id == wish.id && state.silences.len() >= SILENCES_MAX {
        return Reply::Refused(Refusal::TooManySilences(SILENCES_MAX));
    }
    if record.id == wish.id {
        // Ids are random; one that is taken all the same is taken over, never held twice.
        finish(state, ctx, wish.id, now);
        record.starts_at = record.starts_at.max(now);
    }
    let id = record.id;
    audit::note(
        state,
        now,
        audit::Deed {
            by: &record.created_by,
            action,
            object: &id.to_string(),
            detail: format!("{}, until {}: {}", scope(&record), record.ends_at, record.comment),
        },
    );
    put(state, record);
    cover(state, ctx, id, now);
    Reply::Silenced(id)
}

fn changes_in_place(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    let same = old.matchers == new.matchers && old.ci == new.ci;
    same && match old.state(now) {
        SilenceState::Active => {
            old.starts_at.millis() / 1000 == new.starts_at.millis() / 1000 && new.ends_at >= now
        }
        SilenceState::Pending => new.starts_at >= now,
        SilenceState::Expired => false,
    }
}

/// Says in words what a silence covers.
fn scope(silence: &Silence) -> String {
    let matchers = silence.matchers.iter().map(spell);
    let ci = silence.ci.iter().map(|ci| format!("{ci} and what depends on it"));
    matchers.chain(ci).collect::<Vec<_>>().join(", ")
}

/// Ends a silence; ending one that is over changes nothing.
pub(super) fn unsilence(
    state: &mut State,
    ctx: &Context,
    id: SilenceId,
    by: &str,
    now: Timestamp,
) -> Reply {
    let Some(held) = state.silences.get(&id) else {
        return Reply::Refused(Refusal::UnknownSilence(id));
    };
    if held.record.state(now) != SilenceState::Expired {
        let detail = scope(&held.record);
        let object = &id.to_string();
        audit::note(state, now, audit::Deed { by, action: "end silence", object, detail });
        finish(state, ctx, id, now);
    }
    Reply::Done
}

fn finish(state: &mut State, ctx: &Context, id: SilenceId, now: Timestamp) {
    let Some(held) = state.silences.get(&id) else { return };
    let mut record = held.record.clone();
    if record.state(now) == SilenceState::Expired {
        return;
    }
    record.starts_at = record.starts_at.min(now);
    record.ends_at = now;
    record.updated_at = now;
    put(state, record);
    uncover(state, ctx, now, now);
}

/// Keeps a silence in its new form, with the timer for what becomes of it next.
fn put(state: &mut State, record: Silence) {
    let id = record.id;
    if let Some(old) = state.silences.get(&id) {
        for at in turns(&old.record) {
            state.timers.unset(at, Timer::Silence(id));
        }
    }
    // Whoever took the silence in has compiled it; it holds nothing back if that is no longer so.
    let Ok(condition) = Condition::of_silence(&record.matchers) else { return };
    set_timers(state, &record);
    state.pending.silences.insert(id);
    state.silences.insert(id, Silenced { record, condition });
}

/// Returns when a silence begins, ends, and is forgotten.
fn turns(record: &Silence) -> [Timestamp; 3] {
    [record.starts_at, record.ends_at, record.ends_at.plus(KEPT)]
}

/// Takes a stored silence back into memory.
pub(super) fn restore(state: &mut State, record: Silence) {
    let Ok(condition) = Condition::of_silence(&record.matchers) else { return };
    state.silences.insert(record.id, Silenced { record, condition });
}

/// Sets the timers of all silences; what they say of alerts is stored with the alerts.
pub(super) fn reindex(state: &mut State) {
    let records: Vec<Silence> = state.silences().cloned().collect();
    for record in records {
        set_timers(state, &record);
    }
}

/// Sets the timers for what becomes of a silence; what came of it until now has come.
fn set_timers(state: &mut State, record: &Silence) {
    for at in turns(record).into_iter().filter(|at| *at > state.counters.now) {
        state.timers.set(at, Timer::Silence(record.id));
    }
}

/// Sees to a silence whose turn it was `at`: after a gap everything happens in its order.
pub(super) fn due(state: &mut State, ctx: &Context, id: SilenceId, at: Timestamp, now: Timestamp) {
    let Some(held) = state.silences.get(&id) else { return };
    match held.record.state(at) {
        SilenceState::Pending => {}
        SilenceState::Active => cover(state, ctx, id, at),
        SilenceState::Expired if at < held.record.ends_at.plus(KEPT) => {
            uncover(state, ctx, at, now);
        }
        SilenceState::Expired => {
            state.silences.remove(&id);
            state.pending.silences.insert(id);
        }
    }
}

/// Says which silences hold an alert back at a time.
fn covering(state: &State, ctx: &Context, alert: Fingerprint, at: Timestamp) -> Box<[SilenceId]> {
    let active = state.silences.iter().filter(|(_, held)| is_active(&held.record, at));
    active.filter(|(_, held)| covers(state, ctx, held, alert)).map(|(id, _)| *id).collect()
}

fn is_active(silence: &Silence, at: Timestamp) -> bool {
    silence.state(at) == SilenceState::Active
}

fn covers(state: &State, ctx: &Context, silence: &Silenced, alert: Fingerprint) -> bool {
    let Some(held) = state.alerts.get(&alert) else { return false };
    let Some(window) = &silence.record.ci else {
        return silence.condition.holds(&held.subject(ctx));
    };
    let (Some(ci), Some(window)) = (held.ci, ctx.topology.find(window)) else { return false };
    let follow = ctx.topology.all_relations();
    let walk = ctx.topology.walk(ci, Toward::Causes, follow, WINDOW_HOPS, WINDOW_NODES_MAX);
    walk.steps().iter().any(|step| step.ci == window) && silence.condition.holds(&held.subject(ctx))
}

/// Notes of an alert that begins to fire what holds it back.
pub(super) fn hush(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let by = covering(state, ctx, alert, now);
    if !by.is_empty() {
        state.hushed.insert(alert);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.state.silenced_by = by;
    }
}

/// Looks again at what silences cover: the topology is another, or what rules add to alerts.
pub(super) fn reconfigure(state: &mut State, ctx: &Context, now: Timestamp) {
    for alert in core::mem::take(&mut state.relabelled) {
        cover_alert(state, ctx, alert, now);
    }
    let windows = state.silences.iter().filter(|(_, held)| held.record.ci.is_some());
    for id in windows.map(|(id, _)| *id).collect::<Vec<_>>() {
        cover(state, ctx, id, now);
    }
    uncover(state, ctx, now, now);
}

/// Lets a silence that holds hold what fires already.
fn cover(state: &mut State, ctx: &Context, id: SilenceId, at: Timestamp) {
    let Some(silence) = state.silences.get(&id).filter(|held| is_active(&held.record, at)) else {
        return;
    };
    let mut found: Vec<Fingerprint> = state
        .alerts
        .iter()
        .filter(|(_, held)| held.state.fires() && !held.state.silenced_by.contains(&id))
        .filter(|(alert, _)| covers(state, ctx, silence, **alert))
        .map(|(alert, _)| *alert)
        .collect();
    found.sort_unstable();
    for alert in found {
        cover_alert(state, ctx, alert, at);
    }
}

/// Lets silences hold one alert that fires already.
fn cover_alert(state: &mut State, ctx: &Context, alert: Fingerprint, at: Timestamp) {
    let by = covering(state, ctx, alert, at);
    let fires = state.alerts.get(&alert).filter(|held| held.state.fires());
    let Some(held) = fires.filter(|held| !by.is_empty() && held.state.silenced_by != by) else {
        return;
    };
    let was_audible = held.state.is_audible();
    recount(state, ctx, alert, by);
    state.hushed.insert(alert);
    if was_audible {
        unsettle(state, alert);
    }
}

/// Lets go what no silence holds any more, and tells of it together.
fn uncover(state: &mut State, ctx: &Context, at: Timestamp, now: Timestamp) {
    let mut raised = Vec::new();
    for alert in state.hushed.clone() {
        let by = covering(state, ctx, alert, at);
        let Some(held) = state.alerts.get(&alert) else { continue };
        if held.state.silenced_by == by {
            continue;
        }
        let is_raised = by.is_empty();
        recount(state, ctx, alert, by);
        if is_raised {
            state.hushed.remove(&alert);
            unsettle(state, alert);
            raised.push(alert);
        }
    }
    raise(state, ctx, &raised, now);
}

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
        let person = notices::person(state, ctx, call.incident, &call.target, now);
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
        notices::note_told(state, ctx, call.incident, &call.target, now);
        let told = Told { what: Happening::Notice, text, path: None };
        state.pending.tell(call.incident, now, told);
    }
}

/// Quietens an incident all of whose firing members are silenced, or that its known error keeps
/// quiet, and wakes it when neither holds.
pub(super) fn settle(state: &mut State, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let (audible, firing) = (case.tally.audible(), case.tally.firing());
    let silenced = audible == 0 && firing > 0;
    let why = silenced.then(|| "all that fires of it is silenced".to_owned());
    let why = why.or_else(|| known_error::keeps_quiet(&case.record));
    match why {
        Some(why) if !case.record.quiet => quieten(state, id, why, now),
        None if case.record.quiet && audible > 0 => {
            let text = known_error::why_told(&case.record);
            state.pending.tell(id, now, Told { what: Happening::Raised, text, path: None });
            if let Some(case) = state.change(id) {
                case.record.quiet = false;
                if matches!(case.record.progress, Progress::New) {
                    escalate::restart(&mut case.record, now);
                }
            }
        }
        Some(_) | None => {}
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
