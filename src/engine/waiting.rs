//! How long an incident has been in its state, and on hold with a supplier.

use core::time::Duration;

use super::State;
use super::context::Context;
use super::deadlines::Clock;
use super::notices::{self, Plan};
use super::pending::Told;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::NoticeKind;
use crate::model::progress::{Progress, WaitsFor};
use crate::model::terms::{InState, Supplier};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;
use crate::rules::RuleSet;

/// Sets when the supplier has to be done, or that none is waited for.
pub(super) fn plan(rules: &RuleSet, record: &mut Incident) {
    let Progress::OnHold { waits_for: WaitsFor::Supplier, .. } = record.progress else {
        record.terms.supplier = None;
        return;
    };
    // Who was told that it is late is not told again.
    let Some(Supplier { since, due_at: Some(_) }) = record.terms.supplier else { return };
    let limit = rules.limit(record.terms.agreement.as_deref(), record.assessment.priority);
    let calendar = limit.calendar.as_ref().and_then(|times| rules.calendar(times));
    let due_at = limit.supplier.map(|limit| {
        let stood = Duration::ZERO;
        Clock { started_at: since, stood, limit, not_before: None, calendar }.at(limit)
    });
    record.terms.supplier = Some(Supplier { since, due_at });
}

/// Sets when an incident has been in its state for too long.
pub(super) fn plan_state(rules: &RuleSet, record: &mut Incident, now: Timestamp) {
    let state = record.progress.name();
    let same = record.terms.in_state.filter(|it| it.state == state);
    let it = same.unwrap_or(InState { state, since: now, due_at: None, told_at: None });
    let limit = rules.limit(record.terms.agreement.as_deref(), record.assessment.priority);
    let calendar = limit.calendar.as_ref().and_then(|times| rules.calendar(times));
    let due_at = limit.states.get(&state).filter(|_| it.told_at.is_none()).map(|limit| {
        let (stood, limit) = (Duration::ZERO, *limit);
        Clock { started_at: it.since, stood, limit, not_before: None, calendar }.at(limit)
    });
    record.terms.in_state = Some(InState { due_at, ..it });
}

/// Tells whoever has an incident, and their lead, that it has been in its state for too long.
fn take_state(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let Some(it) = record.terms.in_state else { return };
    if it.due_at.is_none_or(|due_at| due_at > now) {
        return;
    }
    let quiet = record.quiet;
    if let Some(case) = state.change(id) {
        case.record.terms.in_state = Some(InState { due_at: None, told_at: Some(now), ..it });
    }
    let because = format!("it is {} for {}, the limit", it.state, Brief(now.since(it.since)));
    let told = Told { what: Happening::StateOverdue, text: because.clone(), path: None };
    state.pending.tell(id, now, told);
    for target in [Target::Assigned, Target::Lead] {
        if quiet || notices::say_with(state, ctx, id, (&target, &because), now) {
            continue;
        }
        let (kind, because, also) = (NoticeKind::Ticket, because.clone(), Vec::new());
        notices::plan(state, ctx, id, Plan { kind, target: &target, because, also }, now);
    }
}

/// Begins the clock of a supplier, unless it runs: [`plan`] says when it falls due.
pub(super) fn begin(record: &mut Incident, now: Timestamp) {
    record.terms.supplier.get_or_insert(Supplier { since: now, due_at: Some(now) });
}

/// Tells people what an incident has waited for too long.
pub(super) fn take_due(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    take_state(state, ctx, id, now);
    take_supplier(state, ctx, id, now);
}

/// Tells whoever has an incident that its supplier is late.
fn take_supplier(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let Some(supplier) = record.terms.supplier else { return };
    if supplier.due_at.is_none_or(|due_at| due_at > now) {
        return;
    }
    let quiet = record.quiet;
    if let Some(case) = state.change(id) {
        case.record.terms.supplier = Some(Supplier { due_at: None, ..supplier });
    }
    let because = format!("the supplier has had it for {}", Brief(now.since(supplier.since)));
    let text = format!("{because}, the limit");
    state.pending.tell(id, now, Told { what: Happening::SupplierOverdue, text, path: None });
    if !quiet {
        let (kind, target) = (NoticeKind::Ticket, &Target::Assigned);
        let because = format!("{because}, the limit");
        notices::plan(state, ctx, id, Plan { kind, target, because, also: Vec::new() }, now);
    }
}
