//! Credits rules with what comes of them, so that people can see which rules earn their keep.
//!
//! Decides nothing. One call of [`credit`] counts one thing of one rule, whatever its kind; a row is
//! written at most once a batch. What rules without effect would have done is in [`super::shadow`].

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::State;
use super::context::Context;
use super::prioritise;
use super::tally::{self, Share};
use crate::model::alert::Join;
use crate::model::credit::{Counts, Credit, Credits};
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::Rule;

/// How long the credits of a rule are kept that is no longer in force: one that comes back within
/// a quarter, as after a rename that was taken back, goes on where it was.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Counts that something came of a rule.
pub(super) fn credit(state: &mut State, rule: &str, what: Credit, now: Timestamp) {
    state.pending.credited.add(what);
    if let Some(of) = state.credits.get_mut(rule) {
        of.last = now;
        of.counts.add(what);
        if !state.pending.credits.contains(rule) {
            state.pending.credits.insert(Arc::clone(&of.rule));
        }
        return;
    }
    let rule: Arc<str> = rule.into();
    let mut of = Credits { rule: Arc::clone(&rule), last: now, counts: Counts::default() };
    of.counts.add(what);
    state.credits.insert(Arc::clone(&rule), of);
    state.pending.credits.insert(rule);
}

/// Counts the rules that match an alert, and those that added something to it; once for each episode,
/// when that begins.
pub(super) fn matched(state: &mut State, rules: &[&Rule], alert: Fingerprint, now: Timestamp) {
    if begins(state, alert, now) {
        let added = state.alerts.get(&alert).and_then(|held| held.added.as_deref());
        for rule in added.map(|added| added.rules.clone()).unwrap_or_default() {
            credit(state, &rule, Credit::Matched, now);
        }
        for rule in rules {
            credit(state, &rule.name, Credit::Matched, now);
        }
    }
}

/// Counts the rules that hold back an alert whose episode begins: those that inhibit it, and those
/// whose windows are open.
pub(super) fn held_back(state: &mut State, alert: Fingerprint, now: Timestamp) {
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.first_seen == now) else {
        return;
    };
    let inhibiting = held.state.inhibited_by.iter().map(|by| &by.rule);
    let silences = held.state.silenced_by.iter().filter_map(|id| state.silences.get(id));
    let open = silences.filter_map(|silence| silence.record.rule.as_ref());
    let rules: BTreeSet<Arc<str>> = inhibiting.chain(open).map(Arc::clone).collect();
    for rule in rules {
        credit(state, &rule, Credit::HeldBack, now);
    }
}

/// Counts a message that a rule leaves out; each one of an alert that is repeated, because nothing is
/// held of it.
pub(super) fn dropped(state: &mut State, rule: &str, now: Timestamp) {
    credit(state, rule, Credit::Matched, now);
    credit(state, rule, Credit::HeldBack, now);
}

/// Counts the rules that begin to inhibit an alert that fires already.
pub(super) fn inhibited(state: &mut State, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let rules = held.state.inhibited_by.iter().map(|by| Arc::clone(&by.rule));
    for rule in rules.collect::<BTreeSet<_>>() {
        credit(state, &rule, Credit::HeldBack, state.now());
    }
}

/// True when an alert's episode begins with the event that is being applied.
pub(super) fn begins(state: &State, alert: Fingerprint, now: Timestamp) -> bool {
    state.alerts.get(&alert).is_some_and(|held| held.state.first_seen == now)
}

/// Counts an alert that a rule makes part of an incident, to which it adds its share; the page that it
/// saves is counted by [`settle`].
pub(super) fn joined(state: &mut State, join: &Join, share: Option<Share>, now: Timestamp) {
    let Some(rule) = join.rule() else { return };
    credit(state, rule, Credit::Absorbed, now);
    if let Some(share) = share.filter(|share| *share != Share(None)) {
        state.pending.absorbed.push((rule.into(), share));
    }
}

/// Counts the pages that were saved by what rules made part of incidents with this event: that is
/// asked when all alerts have their place, because it is a walk for each new CI.
pub(super) fn settle(state: &mut State, ctx: &Context, now: Timestamp) {
    for (rule, share) in core::mem::take(&mut state.pending.absorbed) {
        let harm = tally::harm_of(state, ctx, share);
        if prioritise::would_page(ctx, share, &harm) {
            credit(state, &rule, Credit::Spared, now);
        }
    }
}

/// Counts an incident that a rule makes part of another, and the page that it saves if nobody was
/// called for it yet.
pub(super) fn adopted(state: &mut State, child: IncidentId, join: &Join, now: Timestamp) {
    let Some(rule) = join.rule() else { return };
    credit(state, rule, Credit::Absorbed, now);
    let record = state.incidents.get(&child).map(|case| &case.record);
    if record.is_some_and(|it| it.assessment.pages && it.told.is_empty()) {
        credit(state, rule, Credit::Spared, now);
    }
}

/// Counts that a person took apart what a rule had put together.
pub(super) fn split(state: &mut State, id: IncidentId, now: Timestamp) {
    let record = state.incidents.get(&id).map(|case| &case.record);
    let rule = record.and_then(|it| it.rule.as_ref().or(it.group_rule.as_ref()));
    if let Some(rule) = rule.map(Arc::clone) {
        credit(state, &rule, Credit::Split, now);
    }
}

/// Forgets the credits of rules that have not been in force for long.
pub(super) fn prune(state: &mut State, ctx: &Context, now: Timestamp) {
    let is_old = |of: &Credits| of.last.plus(KEPT) <= now && ctx.rules.any(&of.rule).is_none();
    let gone: Vec<Arc<str>> =
        state.credits.values().filter(|of| is_old(of)).map(|of| Arc::clone(&of.rule)).collect();
    for rule in gone {
        state.credits.remove(&rule);
        state.pending.credits.insert(rule);
    }
}
