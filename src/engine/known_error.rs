//! Known errors: what an incident is taken for when it opens, how long nobody is told of it, and
//! which bound ends that.
//!
//! A bound that is passed pages, whatever the priority, and says so. How often a known error came is
//! remembered beside the recurrences, under signatures of their own, so that a restart forgets none.

use core::time::Duration;
use std::sync::Arc;

use super::changes::Recurrence;
use super::context::Context;
use super::correlate::{firing_members, name_of};
use super::matched::Matched;
use super::pending::Told;
use super::{State, credit, describe};
use crate::model::credit::Credit;
use crate::model::incident::{Incident, IncidentId, KnownError};
use crate::model::labels::{FNV_OFFSET, Fingerprint, fnv};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::{KeepQuiet, PER_DAY_MAX, Rule};

/// The time within which `max_per_day` counts.
pub(super) const COUNTED: Duration = Duration::from_hours(24);

/// Returns the first rule that knows the cause of what an alert says.
pub(super) fn known_by<'a>(
    state: &State,
    ctx: &'a Context,
    (alert, matched): (Fingerprint, &Matched<'a>),
    now: Timestamp,
) -> Option<&'a Rule> {
    let matching = matched.now(state, ctx, state.alerts.get(&alert)?);
    let mut matching = matching.iter().copied();
    matching.find(|rule| rule.kind.known_error().is_some_and(|kind| !kind.is_over(now)))
}

/// Takes a new incident for a known error.
pub(super) fn classify(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    rule: &Rule,
    now: Timestamp,
) {
    let Some(kind) = rule.kind.known_error() else { return };
    let times = note_instance(state, &rule.name, id, now);
    let bounds = kind.keep_quiet.as_ref().map(|bounds| within(ctx, bounds, now, now));
    let bounds = match (bounds, &kind.keep_quiet) {
        (Some(Ok(_)), Some(KeepQuiet { max_per_day, .. })) if times > (*max_per_day).into() => {
            let most = max_per_day;
            Some(Err(format!("{times} times within {}, at most {most}", Brief(COUNTED))))
        }
        (bounds, _) => bounds,
    };
    let Some(case) = state.incidents.get(&id) else { return };
    let text = describe::known_error(state, ctx, case, rule);
    let mut known = KnownError {
        id: kind.id.clone(),
        rule: Arc::clone(&rule.name),
        quiet_until: None,
        exceeded: None,
    };
    let mut text = format!("{} by rule {}: {}", kind.id, rule.name, text.workaround);
    match bounds {
        Some(Ok(until)) => {
            known.quiet_until = Some(until);
            credit::credit(state, &rule.name, Credit::HeldBack, now);
        }
        Some(Err(why)) => {
            let why = exceeded(&why);
            text = format!("{text}; {why}");
            known.exceeded = Some(why.into());
        }
        None => {}
    }
    if let Some(case) = state.change(id) {
        case.record.known_error = Some(known);
    }
    state.pending.tell(id, now, Told { what: Happening::KnownError, text, path: None });
}

fn exceeded(why: &str) -> String {
    format!("known error exceeded: {why}")
}

/// Returns until when nobody is told of an incident opened at `opened_at`, or which bound is passed.
fn within(
    ctx: &Context,
    bounds: &KeepQuiet,
    opened_at: Timestamp,
    now: Timestamp,
) -> Result<Timestamp, String> {
    let old = opened_at.plus(bounds.max_age);
    if old <= now {
        return Err(format!("open for {0}, at most {0}", Brief(bounds.max_age)));
    }
    let Some(times) = &bounds.hours else { return Ok(old) };
    match ctx.rules.calendar(times) {
        Some(calendar) if calendar.covers(now) => {
            Ok(calendar.next_change(now).map_or(old, |end| end.min(old)))
        }
        Some(_) | None => Err(format!("outside of its hours ({times})")),
    }
}

/// Remembers that a known error came, and returns how often it did within [`COUNTED`].
fn note_instance(state: &mut State, rule: &str, id: IncidentId, now: Timestamp) -> usize {
    let mut times = 1;
    let mut place = (Timestamp::from_millis(i64::MAX), 0);
    for number in 0..=PER_DAY_MAX {
        let signature = signature(rule, number);
        let came = state.recurrences.get(&signature).map(|earlier| earlier.resolved_at);
        let counts = came.is_some_and(|at| now < at.plus(COUNTED));
        times += usize::from(counts);
        // The place of the oldest is taken; one that no longer counts is as good as none.
        let age = came.filter(|_| counts).unwrap_or(Timestamp::from_millis(i64::MIN));
        place = place.min((age, signature));
    }
    let recurrence = Recurrence { incident: id, resolved_at: now };
    state.recurrences.insert(place.1, recurrence);
    state.pending.recurrences.insert(place.1, Some(recurrence));
    times
}

/// The place for one of the last times that a known error came. The byte 0xFE stands in no name, nor
/// in what the signature of an incident is made of.
fn signature(rule: &str, number: u8) -> u64 {
    fnv(fnv(fnv(FNV_OFFSET, rule.as_bytes()), &[0xFE]), &[number])
}

/// Says why nobody is told of an incident; `None` when its known error is no reason.
pub(super) fn keeps_quiet(record: &Incident) -> Option<String> {
    let known = record.known_error.as_ref()?;
    Some(format!("{} is known: nobody is told until {}", known.id, known.quiet_until?))
}

/// Says why people are told of an incident that was quiet.
pub(super) fn why_told(record: &Incident) -> String {
    match &record.known_error {
        Some(KnownError { exceeded: Some(why), .. }) => why.to_string(),
        Some(known) if known.quiet_until.is_none() => {
            format!("neither held back nor kept quiet as {}", known.id)
        }
        Some(_) | None => "no longer held back".into(),
    }
}

/// Sees to an incident that may have been quiet for long enough.
pub(super) fn due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let until = record.known_error.as_ref().and_then(|known| known.quiet_until);
    if until.is_some_and(|until| until <= now) {
        review(state, ctx, id, now);
    }
}

/// Looks again at whether an incident is within its bounds: time has passed, or the rules are others.
pub(super) fn review(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let opened_at = record.opened_at;
    let Some(known) = record.known_error.as_ref().filter(|known| known.quiet_until.is_some())
    else {
        return;
    };
    let kind = ctx.rules.find(&known.rule).and_then(|rule| rule.kind.known_error());
    let bounds = kind.and_then(|kind| kind.keep_quiet.as_ref());
    let (until, why) = match bounds.map(|bounds| within(ctx, bounds, opened_at, now)) {
        Some(Ok(until)) => (Some(until), None),
        Some(Err(why)) => (None, Some(exceeded(&why).into())),
        // Its rule says so no more: from now on it is an incident like any other.
        None => (None, None),
    };
    if known.quiet_until == until {
        return;
    }
    if let Some(known) = state.change(id).and_then(|case| case.record.known_error.as_mut()) {
        (known.quiet_until, known.exceeded) = (until, why);
    }
    state.pending.unsettled.insert(id);
}

/// Ends the quiet of an incident when one of its firing alerts is not what its known error explains.
pub(super) fn review_member(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.is_audible()) else {
        return;
    };
    let Some(id) = held.state.incident.and_then(|id| state.top(id)) else { return };
    let known = state.incidents.get(&id).and_then(|case| case.record.known_error.as_ref());
    let Some(known) = known.filter(|known| known.quiet_until.is_some()) else { return };
    let around = state.around(ctx, held);
    let subject = around.subject();
    if ctx.rules.find(&known.rule).is_none_or(|rule| rule.matches(&subject)) {
        return;
    }
    let severity = if subject.severity.is_empty() { "no severity" } else { subject.severity };
    let name = name_of(state, ctx, alert);
    let why = exceeded(&format!("{name} ({severity}) is not what {} explains", known.id));
    if let Some(known) = state.change(id).and_then(|case| case.record.known_error.as_mut()) {
        (known.quiet_until, known.exceeded) = (None, Some(why.clone().into()));
    }
    let told = Told { what: Happening::KnownError, text: why, path: None };
    state.pending.tell(id, now, told);
    state.pending.unsettled.insert(id);
}

/// Looks at all firing alerts of an incident that has just become part of another.
pub(super) fn review_members(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let top = state.top(id).and_then(|top| state.incidents.get(&top));
    let known = top.and_then(|case| case.record.known_error.as_ref());
    if known.is_none_or(|known| known.quiet_until.is_none()) {
        return;
    }
    let mut ids = vec![id];
    while let Some(id) = ids.pop() {
        for alert in firing_members(state, id) {
            review_member(state, ctx, alert, now);
        }
        ids.extend(state.incidents.get(&id).into_iter().flat_map(|case| &case.children));
    }
}

/// Looks at an incident whose root is another: what only suffers from it has no cause of its own.
pub(super) fn review_root(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let Some(known) = record.known_error.clone() else { return };
    let root = state.alerts.get(&record.root.alert);
    let rule = ctx.rules.find(&known.rule);
    let matches =
        root.zip(rule).is_some_and(|(root, rule)| rule.matches(&state.around(ctx, root).subject()));
    if matches {
        return;
    }
    if let Some(case) = state.change(id) {
        case.record.known_error = None;
    }
    let text = format!("no longer taken for {}: another alert explains it", known.id);
    state.pending.tell(id, now, Told { what: Happening::KnownError, text, path: None });
    state.pending.unsettled.insert(id);
}
