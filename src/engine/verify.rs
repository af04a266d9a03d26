//! The look at an incident's alerts after a person resolved it while they fired: what still fires
//! then shows that it is not over.

use super::context::Context;
use super::notices::{self, Plan};
use super::pending::Told;
use super::{State, resolve};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeKind;
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// Sets when the alerts of an incident are looked at, where some fire.
pub(super) fn plan(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let due = now.plus(ctx.rules.closing.verify_after);
    if let Some(case) = state.change(id).filter(|case| case.record.awaiting_verification) {
        case.record.closure.verify_at = Some(due);
    }
}

/// Notes that no alert of an incident fires any more.
pub(super) fn cleared(state: &mut State, id: IncidentId, now: Timestamp) {
    let waits = |record: &crate::model::incident::Incident| {
        record.awaiting_verification && record.firing == 0
    };
    let Some(case) = state.incidents.get_mut(&id).filter(|case| waits(&case.record)) else {
        return;
    };
    case.record.awaiting_verification = false;
    case.record.closure.verify_at = None;
    let text = "all its alerts have cleared: it is over".into();
    state.pending.tell(id, now, Told { what: Happening::Verified, text, path: None });
}

/// Looks at the alerts of an incident when that is due: what fires and is not held back reopens it
/// and calls somebody.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let Some(due) = case.record.closure.verify_at.filter(|due| *due <= now) else { return };
    if case.tally.audible() == 0 {
        // All that fires is silenced: nobody can tell from it.
        if let Some(case) = state.change(id) {
            case.record.closure.verify_at = Some(now.plus(ctx.rules.closing.verify_after));
        }
        return;
    }
    let Progress::Resolved { at, by, .. } = &case.record.progress else { return };
    let (firing, after) = (case.record.firing, Brief(due.since(*at)));
    let by = by.as_deref().unwrap_or("nobody").to_owned();
    let alerts = if firing == 1 { "1 alert fires".into() } else { format!("{firing} alerts fire") };
    let why = format!("{alerts} still, {after} after {by} resolved it");
    state.pending.tell(id, now, Told { what: Happening::Verified, text: why.clone(), path: None });
    resolve::reopen(state, ctx, id, &why, now);
    let Some(case) = state.incidents.get(&id) else { return };
    if case.record.progress.holder().is_none() {
        // Nobody had it: the first step of its policy calls.
        return;
    }
    let kind = if case.record.assessment.pages { NoticeKind::Page } else { NoticeKind::Ticket };
    let because = format!("not over: {why}");
    let plan = Plan { kind, target: &Target::Assigned, because, also: Vec::new() };
    notices::plan(state, ctx, id, plan, now);
}
