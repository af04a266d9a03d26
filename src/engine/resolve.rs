//! The end of incidents: members that clear, the linger, resolution by a person, reopening, closing,
//! recurrence.

use core::time::Duration;
use std::sync::Arc;

use super::changes::Recurrence;
use super::context::Context;
use super::correlate::{self, Attachment, name_of, share, unindex_group};
use super::pending::Told;
use super::roots::{index_root, unindex_root};
use super::{
    State, confirm, escalate, gather, notices, opening, promise, regroup, related, report,
    reporters, tally, topology, verify, watch,
};
use crate::model::alert::Join;
use crate::model::incident::{Incident, IncidentId, Storm};
use crate::model::labels::{FNV_OFFSET, Fingerprint, fnv};
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::ResolveWhen;

/// Counts an alert that ended out of its incident and all that this is part of.
pub(super) fn cleared(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    topology::drop_cause(state, alert);
    related::ended(state, alert, now);
    let own = state.alerts.get(&alert).and_then(|held| held.state.incident);
    let Some(share) = share(state, ctx, alert) else { return };
    let chain = state.chain(own);
    for id in &chain {
        tally::remove(state, ctx, *id, share);
        let Some(case) = state.change(*id) else { continue };
        case.record.firing = case.tally.firing();
        if case.record.firing == 0 {
            case.record.clear_since = Some(now);
        }
        state.pending.unsettled.insert(*id);
        verify::cleared(state, *id, now);
    }
    if let Some(top) = chain.last() {
        let text = format!("{} cleared", name_of(state, ctx, alert));
        state.pending.tell(*top, now, Told { what: Happening::Cleared, text, path: None });
        report::end_if_alone(state, ctx, (*top, alert), now);
    }
}

/// Returns when an open incident resolves by itself, as far as can be said now: never while it is a
/// storm, and never while somebody says that it is not over.
pub(super) fn resolves_at(state: &State, ctx: &Context, record: &Incident) -> Option<Timestamp> {
    if record.storm.as_ref().is_some_and(Storm::is_active) {
        return None;
    }
    let confirmation = record.closure.confirmation.as_ref();
    if confirmation.is_some_and(|it| it.disagreement.is_some()) {
        return None;
    }
    let rule = record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let spec = rule.map(|rule| &rule.resolve);
    let linger = spec.and_then(|spec| spec.linger).unwrap_or(ctx.rules.lifecycle.linger);
    let clear = record.clear_since.map(|since| since.plus(linger));
    match spec.map(|spec| spec.when) {
        None | Some(ResolveWhen::AllClear) => clear,
        Some(ResolveWhen::RootClears) => {
            let root = match state.alerts.get(&record.root.alert) {
                Some(held) if held.state.fires() => None,
                Some(held) => Some(held.state.end_heard_at.plus(linger)),
                // Ended so long ago that it is no longer held.
                None => Some(record.active_at.plus(linger)),
            };
            root.or(clear)
        }
    }
}

/// Resolves an incident whose alerts cleared and stayed clear.
pub(super) fn by_itself(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    report::end_all(state, ctx, id, now);
    let Some(case) = state.incidents.get(&id) else { return };
    let clear = case.record.firing == 0;
    let text = if clear {
        "all alerts cleared and stayed clear".to_owned()
    } else {
        "its root cleared and stayed clear".to_owned()
    };
    let left = if clear { Vec::new() } else { still_firing(state, id) };
    resolve(state, ctx, id, Resolution { by: None, text }, now);
    for alert in left {
        split(state, ctx, alert, id, now);
    }
}

fn still_firing(state: &State, id: IncidentId) -> Vec<Fingerprint> {
    let fires = |alert: &Fingerprint| state.alerts.get(alert).is_some_and(|h| h.state.fires());
    state.members(id).filter(fires).collect()
}

/// Gives a member that outlived its incident a place of its own.
fn split(state: &mut State, ctx: &Context, alert: Fingerprint, former: IncidentId, now: Timestamp) {
    if !take_out(state, ctx, alert, now) {
        return;
    }
    topology::drop_cause(state, alert);
    correlate::relate(state, ctx, alert, Some(former), now);
    let to = correlate::incident_of(state, alert);
    let to = to.map_or_else(|| "goes on by itself".into(), |to| format!("goes on in {to}"));
    let text = format!("{} still fires and {to}", name_of(state, ctx, alert));
    state.pending.tell(former, now, Told { what: Happening::Split, text, path: None });
}

/// Counts an alert out of its incident and all that this is part of; false when it is not held.
fn take_out(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) -> bool {
    let Some(share) = share(state, ctx, alert) else { return false };
    let Some(held) = state.alerts.get_mut(&alert) else { return false };
    let own = held.state.incident.take();
    let record = held.state.record.take();
    for id in state.chain(own) {
        tally::remove(state, ctx, id, share);
        if let Some(case) = state.change(id) {
            case.record.firing = case.tally.firing();
            if case.record.firing == 0 {
                case.record.clear_since = Some(now);
            }
        }
    }
    if let Some((own, record)) = own.zip(record) {
        state.delist(own, record);
    }
    true
}

/// Members that outlived the rest of their incident, and why they go on together by themselves.
pub(super) struct Outlived {
    pub(super) alerts: Vec<Fingerprint>,
    /// The rule under which they go on.
    pub(super) rule: Option<Arc<str>>,
    pub(super) because: String,
}

/// Resolves an incident of which only members are left that are another matter by now, and opens one
/// for these: it is assessed and pages as any new one.
pub(super) fn outlived(
    state: &mut State,
    ctx: &Context,
    former: IncidentId,
    left: Outlived,
    now: Timestamp,
) {
    let Outlived { alerts, rule, because } = left;
    let join = || Join::Outlived { former };
    resolve(state, ctx, former, Resolution { by: None, text: because }, now);
    let mut target = None;
    for alert in alerts.iter().copied() {
        if !take_out(state, ctx, alert, now) {
            continue;
        }
        if let Some(incident) = target {
            let to = Attachment { incident, join: join() };
            correlate::attach(state, ctx, alert, to, now);
        } else {
            let how = (rule.clone(), join());
            target = Some(opening::open_apart(state, ctx, alert, how, now));
        }
    }
    let Some(target) = target else { return };
    regroup::keep_apart(state, former, target);
    let count = alerts.len();
    let text = match count {
        1 => format!("1 alert still fires and goes on in {target}"),
        many => format!("{many} alerts still fire and go on in {target}"),
    };
    state.pending.tell(former, now, Told { what: Happening::Split, text, path: None });
}

struct Resolution {
    by: Option<Box<str>>,
    text: String,
}

/// Resolves an open incident with all that is part of it, and tells whoever was called.
fn resolve(state: &mut State, ctx: &Context, id: IncidentId, how: Resolution, now: Timestamp) {
    gather::storm::end(state, id, "resolved", now);
    escalate::stop(state, id, now);
    if let Some(case) = state.change(id) {
        case.record.assignments.dismiss(now);
    }
    notices::withdraw(state, id, "resolved", now);
    let Resolution { by, text } = how;
    state.pending.tell(id, now, Told { what: Happening::Resolved, text: text.clone(), path: None });
    unindex_root(state, &ctx.topology, id);
    let Some(case) = state.incidents.get(&id) else { return };
    let open_for = Brief(now.since(case.record.opened_at));
    let text = format!("resolved after {open_for}: {text}");
    notices::update(state, ctx, id, &text, now);
    let result = case_result(state, id);
    let how = Resolved { by: by.as_deref(), text: &result };
    set_resolved(state, id, how, now);
    watch::begin(state, id, now);
    confirm::ask(state, ctx, id, &text, now);
}

/// Says on the timelines of subordinates how their incident ended.
fn case_result(state: &State, id: IncidentId) -> String {
    let result = state.incidents.get(&id).map(|case| case.record.sheet.result().to_string());
    match result {
        Some(result) if !result.is_empty() => format!("with its incident: {result}"),
        Some(_) | None => "with its incident".into(),
    }
}

#[derive(Clone, Copy)]
struct Resolved<'a> {
    by: Option<&'a str>,
    /// For the timelines of subordinates.
    text: &'a str,
}

fn set_resolved(state: &mut State, id: IncidentId, how: Resolved<'_>, now: Timestamp) {
    let by = how.by;
    let Some(case) = state.change(id) else { return };
    let had = case.record.progress.holder().map(|(by, _)| Box::from(by));
    case.record.resolution.stop(now);
    case.record.resolving.due_at = None;
    case.record.update_at = None;
    case.record.terms.promise = None;
    case.record.assignments.dismiss(now);
    case.record.awaiting_verification = by.is_some() && case.record.firing > 0;
    case.record.enter(Progress::Resolved { at: now, by: by.map(Box::from), had });
    let signature = signature(&case.record);
    let children = case.children.clone();
    let recurrence = Recurrence { incident: id, resolved_at: now };
    state.recurrences.insert(signature, recurrence);
    state.pending.recurrences.insert(signature, Some(recurrence));
    for child in children {
        let told = Told { what: Happening::Resolved, text: how.text.into(), path: None };
        state.pending.tell(child, now, told);
        set_resolved(state, child, how, now);
    }
}

/// What makes two incidents the same trouble again: rule and key, rule and root CI, or the alert.
fn signature(record: &Incident) -> u64 {
    let rule = record.rule.as_deref().unwrap_or("");
    let storm = record.storm.as_ref().filter(|storm| *storm.rule == *rule);
    let what = match (&record.key, &record.root.ci) {
        _ if let Some(storm) = storm => storm.key.to_string(),
        (Some(key), _) if !rule.is_empty() => key.to_string(),
        (_, Some(ci)) if !rule.is_empty() => ci.to_string(),
        _ => record.root.alert.to_string(),
    };
    fnv(fnv(fnv(FNV_OFFSET, rule.as_bytes()), &[0xFF]), what.as_bytes())
}

/// Links a new incident to the last resolved one with its signature.
pub(super) fn link_recurrence(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let Some(last) = state.recurrences.get(&signature(&case.record)).copied() else { return };
    if now >= last.resolved_at.plus(ctx.rules.lifecycle.recurrence) || last.incident == id {
        return;
    }
    let ago = Brief(now.since(last.resolved_at));
    let text = format!("recurrence of {}, resolved {ago} ago", last.incident);
    if let Some(case) = state.change(id) {
        case.record.recurrence_of = Some(last.incident);
    }
    state.pending.tell(id, now, Told { what: Happening::Recurrence, text, path: None });
}

/// Drops signatures that are too old to be looked for.
pub(super) fn prune_recurrences(state: &mut State, keep: Duration, now: Timestamp) {
    let old = |last: &Recurrence| now >= last.resolved_at.plus(keep);
    let gone: Vec<u64> =
        state.recurrences.iter().filter(|(_, last)| old(last)).map(|(key, _)| *key).collect();
    for signature in gone {
        state.recurrences.remove(&signature);
        state.pending.recurrences.insert(signature, None);
    }
}

/// Brings a resolved incident back with all that was resolved with it: to whoever had it, else to
/// the queue.
pub(super) fn reopen(state: &mut State, ctx: &Context, id: IncidentId, why: &str, now: Timestamp) {
    let hold = super::prioritise::acknowledgement(state, ctx, id);
    let Some(case) = state.change(id) else { return };
    let had = match &case.record.progress {
        Progress::Resolved { had, .. } => had.clone(),
        Progress::New
        | Progress::Acknowledged { .. }
        | Progress::InProgress { .. }
        | Progress::OnHold { .. }
        | Progress::Closed { .. }
        | Progress::Cancelled { .. } => return,
    };
    case.record.awaiting_verification = false;
    case.record.closure.verify_at = None;
    watch::end(&mut case.record);
    case.record.go_on(now);
    let text = if let Some(by) = had {
        let text = format!("{why}; back to {by}");
        case.record.enter(Progress::InProgress { by, until: now.plus(hold) });
        text
    } else {
        case.record.enter(Progress::New);
        escalate::restart(&mut case.record, now);
        format!("{why}; nobody had it")
    };
    state.pending.tell(id, now, Told { what: Happening::Reopened, text: text.clone(), path: None });
    notices::update(state, ctx, id, &format!("reopened: {text}"), now);
    reporters::tell_all(state, ctx, id, &format!("reopened: {why}"), now);
    confirm::withdraw(state, id);
    promise::follow(state, id, now);
    index_root(state, &ctx.topology, id);
    state.pending.unsettled.insert(id);
}

/// Closes a resolved incident with all that is part of it; it leaves memory.
pub(super) fn close(state: &mut State, id: IncidentId, why: &str, now: Timestamp) {
    leave(state, id, &Progress::Closed { at: now }, (Happening::Closed, why), now);
}

/// A person says that service is restored.
pub(super) fn by_hand(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    who: (&str, &str),
    now: Timestamp,
) {
    let (by, note) = who;
    report::end_all(state, ctx, id, now);
    let firing = state.incidents.get(&id).map_or(0, |case| case.record.firing);
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    let caveat = match firing {
        0 => String::new(),
        1 => " while 1 alert fires (awaiting verification)".into(),
        n => format!(" while {n} alerts fire (awaiting verification)"),
    };
    let text = format!("by {by}{caveat}{note}");
    resolve(state, ctx, id, Resolution { by: Some(by.into()), text }, now);
    verify::plan(state, ctx, id, now);
}

/// Ends what was no incident, with all that is part of it; it leaves memory.
pub(super) fn cancel(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    who: (&str, &str),
    now: Timestamp,
) {
    let (by, why) = who;
    report::end_all(state, ctx, id, now);
    gather::storm::end(state, id, "cancelled", now);
    escalate::stop(state, id, now);
    notices::withdraw(state, id, "cancelled", now);
    let text = format!("false alarm, says {by}: {why}");
    notices::update(state, ctx, id, &format!("cancelled: {text}"), now);
    reporters::tell_all(state, ctx, id, &format!("cancelled: {text}"), now);
    unindex_root(state, &ctx.topology, id);
    if let Some(case) = state.change(id) {
        case.record.terms.promise = None;
        case.record.assignments.dismiss(now);
    }
    let over = Progress::Cancelled { at: now, by: by.into() };
    leave(state, id, &over, (Happening::Cancelled, &text), now);
}

/// Lets an incident and all that is part of it be over.
fn leave(
    state: &mut State,
    id: IncidentId,
    over: &Progress,
    told: (Happening, &str),
    now: Timestamp,
) {
    let (what, text) = told;
    let Some(case) = state.change(id) else { return };
    case.record.enter(over.clone());
    let likely = core::mem::take(&mut case.record.likely);
    watch::end(&mut case.record);
    case.record.resolution.stop(now);
    let children = case.children.clone();
    related::closed(state, id, &likely);
    unindex_group(state, id);
    state.pending.tell(id, now, Told { what, text: text.into(), path: None });
    state.pending.closed.insert(id);
    for child in children {
        leave(state, child, over, (what, "with its incident"), now);
    }
}
