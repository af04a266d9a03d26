//! Windows that rules of kind `quiet` open: at their times, and for planned changes.
//!
//! An open window is a silence like any other, made by its rule, so that its end, its digest and all
//! that shows silences need not know of it. Its id follows from what opened it: whatever is asked
//! again opens nothing twice, and what a person ended stays ended.

use std::sync::Arc;

use super::super::context::Context;
use super::super::timers::Timer;
use super::super::{State, audit};
use super::windows::{cover, finish, put, scope, set_timers};
use crate::model::change::Change;
use crate::model::labels::{FNV_OFFSET, Labels, fnv};
use crate::model::silence::{Silence, SilenceId, SilenceState};
use crate::model::time::Timestamp;
use crate::rules::{Quiet, Rule, Stretch, Window};

/// The annotation of a window that names its change.
const CHANGE: &str = "change";

fn quiet_rules(ctx: &Context) -> impl Iterator<Item = (&Rule, &Quiet)> {
    ctx.rules.rules.iter().filter_map(|rule| Some((rule, rule.kind.quiet()?)))
}

/// Returns the windows that are open at a time.
fn open_at(state: &State, ctx: &Context, at: Timestamp) -> Vec<Silence> {
    quiet_rules(ctx).flat_map(|(rule, quiet)| open_of(state, rule, quiet, at)).collect()
}

/// Returns the windows of one rule that are open at a time.
pub(super) fn open_of(state: &State, rule: &Rule, quiet: &Quiet, at: Timestamp) -> Vec<Silence> {
    let Window::Changes(states) = &quiet.window else {
        let stretch = quiet.window.at(at);
        return stretch.map(|stretch| of_rule(rule, quiet, stretch)).into_iter().collect();
    };
    let meant = |change: &&Change| {
        // A change of nothing must not silence everything.
        states.contains(&change.state) && !change.cis.is_empty()
    };
    let now = |change: &&Change| change.starts_at <= at && at < change.ends_at;
    let changes = state.changes.values().filter(meant).filter(now);
    changes.map(|change| of_change(rule, change)).collect()
}

fn of_rule(rule: &Rule, quiet: &Quiet, stretch: Stretch) -> Silence {
    let comment = if rule.summary.is_empty() { &*rule.name } else { &*rule.summary };
    window(rule, stretch, &quiet.cis, (comment.into(), Labels::empty()))
}

fn of_change(rule: &Rule, change: &Change) -> Silence {
    let stretch = Stretch { from: change.starts_at, until: change.ends_at };
    let comment = format!("{}: {}", change.number, change.summary);
    let comment = comment.trim_end_matches(": ").into();
    let annotations = Labels::build(&mut [(CHANGE, &*change.number)]);
    window(rule, stretch, &change.cis, (comment, annotations.unwrap_or_else(|_| Labels::empty())))
}

fn window(
    rule: &Rule,
    stretch: Stretch,
    cis: &[Box<str>],
    (comment, annotations): (Box<str>, Labels),
) -> Silence {
    let change = annotations.get(CHANGE).unwrap_or("");
    Silence {
        id: identity(&rule.name, stretch, cis, change),
        matchers: Vec::new(),
        cis: cis.to_vec(),
        rule: Some(Arc::clone(&rule.name)),
        source: None,
        starts_at: stretch.from,
        ends_at: stretch.until,
        updated_at: stretch.from,
        created_by: format!("rule {}", rule.name).into(),
        comment,
        annotations,
    }
}

/// Returns the id of a window: a UUID of version 8 (RFC 9562, made of what it stands for).
fn identity(rule: &str, stretch: Stretch, cis: &[Box<str>], change: &str) -> SilenceId {
    let half = |seed: u64| {
        let hash = [rule, change].into_iter().chain(cis.iter().map(|ci| &**ci));
        let hash = hash.fold(seed, |hash, text| fnv(fnv(hash, text.as_bytes()), &[0xFF]));
        [stretch.from, stretch.until]
            .iter()
            .fold(hash, |hash, at| fnv(hash, &at.millis().to_be_bytes()))
    };
    let (upper, lower) = (half(FNV_OFFSET), half(!FNV_OFFSET));
    let upper = (upper & !0xF000) | (8 << 12);
    let lower = (lower & (u64::MAX >> 2)) | (1 << 63);
    SilenceId((u128::from(upper) << 64) | u128::from(lower))
}

/// True for an id that [`identity`] made, and no person's silence has.
fn is_ours(id: SilenceId) -> bool {
    (id.0 >> 76) & 0xF == 8
}

/// True for a silence that a window of the rules in force is, which may begin or end otherwise by
/// now because a person changed it.
fn stands(state: &State, ctx: &Context, record: &Silence) -> bool {
    let rule = record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
    let Some((rule, quiet)) = rule.and_then(|rule| Some((rule, rule.kind.quiet()?))) else {
        return false;
    };
    if !is_ours(record.id) {
        return true;
    }
    let would_be = match &quiet.window {
        Window::Changes(states) => {
            let change = record.annotations.get(CHANGE).and_then(|it| state.changes.get(it));
            change.filter(|it| states.contains(&it.state)).map(|change| of_change(rule, change))
        }
        Window::Once(_) | Window::Every(_) => {
            quiet.window.at(record.starts_at).map(|stretch| of_rule(rule, quiet, stretch))
        }
    };
    would_be.is_some_and(|it| it.id == record.id)
}

/// Opens the windows whose time has come, and waits for the next.
pub(in crate::engine) fn due(state: &mut State, ctx: &Context, at: Timestamp) {
    state.windows_due = None;
    open(state, ctx, at);
    schedule(state, ctx, at);
}

fn open(state: &mut State, ctx: &Context, at: Timestamp) {
    for record in open_at(state, ctx, at) {
        let id = record.id;
        if state.silences.contains_key(&id) {
            continue;
        }
        let detail = format!("{}, until {}: {}", scope(&record), record.ends_at, record.comment);
        let by = record.created_by.clone();
        let deed = audit::Deed { by: &by, action: "open window", object: &id.to_string(), detail };
        audit::note(state, at, deed);
        put(state, record.clone());
        // After a downtime it may be over by now: its end is still to come.
        set_timers(state, &record, at);
        cover(state, ctx, id, at);
    }
}

/// Looks at all windows with other rules or changes: opens what is to be open by now, and ends what
/// no rule says any more.
pub(in crate::engine) fn review(state: &mut State, ctx: &Context, now: Timestamp) {
    // First what opens: an alert that one window hands to the next must not be raised between.
    open(state, ctx, now);
    let active = state.silences.values().map(|held| &held.record);
    let active = active.filter(|it| it.rule.is_some() && it.state(now) == SilenceState::Active);
    let ended: Vec<SilenceId> =
        active.filter(|record| !stands(state, ctx, record)).map(|record| record.id).collect();
    for id in ended {
        finish(state, ctx, id, now);
    }
    schedule(state, ctx, now);
}

/// Sets the timer for the next window that opens.
fn schedule(state: &mut State, ctx: &Context, after: Timestamp) {
    let next = quiet_rules(ctx).filter_map(|(_, quiet)| match &quiet.window {
        Window::Changes(states) => {
            let meant = state.changes.values().filter(|change| states.contains(&change.state));
            meant.map(|change| change.starts_at).filter(|at| *at > after).min()
        }
        Window::Once(_) | Window::Every(_) => quiet.window.next(after),
    });
    let next = next.min();
    set_timer(state, next);
}

fn set_timer(state: &mut State, next: Option<Timestamp>) {
    if let Some(old) = core::mem::replace(&mut state.windows_due, next) {
        state.timers.unset(old, Timer::Windows);
    }
    if let Some(at) = next {
        state.timers.set(at, Timer::Windows);
    }
}

/// Has the windows looked at as of the last event: what opened since is still to open, in its order.
pub(in crate::engine) fn reindex(state: &mut State, ctx: &Context) {
    state.windows_due = None;
    if quiet_rules(ctx).next().is_some() {
        set_timer(state, Some(state.counters.now));
    }
}

/// True while the window that a rule opened would still be open: it is not to be forgotten, or it
/// would be opened again.
pub(in crate::engine) fn is_needed(
    state: &State,
    ctx: &Context,
    id: SilenceId,
    at: Timestamp,
) -> bool {
    is_ours(id) && open_at(state, ctx, at).iter().any(|open| open.id == id)
}
