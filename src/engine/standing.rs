//! Tells everybody who was told of an incident, and those who reported it, how it stands, at the
//! interval of its rule.
//!
//! Only while it is open, nobody's subordinate, and not all silenced; and not while the last such
//! message is still on its way.

use super::context::Context;
use super::{State, notices, reporters};
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::{NoticeId, NoticeKind, NoticeState};
use crate::model::time::{Brief, Timestamp};
use crate::rules::Rule;

/// Sets the time of the first update once somebody was told, and takes it back where the rule wants
/// none any more.
pub(super) fn plan(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let every = interval(ctx, record).filter(|_| !record.told.is_empty() && state.is_open(id));
    let update_at = match (every, record.update_at) {
        (Some(every), None) => Some(now.plus(every)),
        (Some(_), set) => set,
        (None, _) => None,
    };
    if update_at != record.update_at
        && let Some(case) = state.change(id)
    {
        case.record.update_at = update_at;
    }
}

fn interval(ctx: &Context, record: &Incident) -> Option<core::time::Duration> {
    let rule = record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    rule.and_then(|rule: &Rule| rule.incident.notify.repeat)
}

/// Sends the update that is due.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    if record.update_at.is_none_or(|at| at > now) {
        return;
    }
    let open_for = Brief(now.since(record.opened_at));
    let (firing, members) = (record.firing, record.members);
    let suspect = record.suspects.first().map(|it| format!("; {it}")).unwrap_or_default();
    let text = format!("still open after {open_for}, {firing} of {members} alerts fire{suspect}");
    if !record.quiet && !is_on_its_way(state, id) {
        let outside = format!("still open after {open_for}, {}", reporters::who_has(record));
        notices::update(state, ctx, id, &text, now);
        reporters::tell_all(state, ctx, id, &outside, now);
    }
    if let Some(case) = state.change(id) {
        // From now on, not from when it was due: what was missed is not made up for.
        case.record.update_at = None;
    }
    plan(state, ctx, id, now);
}

fn is_on_its_way(state: &State, id: IncidentId) -> bool {
    let all = NoticeId { incident: id, seq: 0 }..=NoticeId { incident: id, seq: u32::MAX };
    state.notices.range(all).any(|(_, notice)| {
        // Not: one that is held back by a limit. The others must not wait with it.
        let waits = notice.attempts == 0 && notice.due_at > notice.created_at;
        notice.kind == NoticeKind::Update && notice.state == NoticeState::Pending && !waits
    })
}
