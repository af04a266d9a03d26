//! Absences: what is expected is not heard of, and an alert of our own says so until it is.
//!
//! A watch remembers when it heard last; its timer is set once and looks then, so a heartbeat costs
//! one comparison. While we ourselves did not run we could hear nobody: the time counts from when we
//! listen again.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{KeyHash, key_hash};
use crate::engine::context::Context;
use crate::engine::deduplicate::{self, Delivery};
use crate::engine::restore::DEAF_AFTER;
use crate::engine::timers::Timer;
use crate::engine::{State, own};
use crate::model::alert::{Occurrence, Signal};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::time::{Brief, Timestamp};
use crate::rules::{Absence, RULE};

/// How much longer than its absence an ended alert is held, so that the watch outlives it.
pub(super) const KEEP_LONGER: Duration = Duration::from_mins(1);

/// Keys watched at once; of more, the later ones are not.
const WATCHES_MAX: usize = 100_000;

/// How long an alert of an absence fires without another word: until we end it.
const ENDLESS: Duration = Duration::from_hours(10 * 366 * 24);

/// All watches.
#[derive(Debug, Default)]
pub(in crate::engine) struct Watches {
    /// True once they were begun: what a rule asks for since then counts from then.
    begun: bool,
    all: BTreeMap<KeyHash, Watch>,
    /// Those that listen to whole sources, by the source's name.
    sources: BTreeMap<Box<str>, Vec<KeyHash>>,
    /// Our alerts that fire, by the watch they are of.
    missing: BTreeMap<Fingerprint, KeyHash>,
}

/// What is expected under one key.
#[derive(Debug)]
struct Watch {
    rule: Arc<str>,
    /// By the fields of the rule's `per`.
    values: Vec<Box<str>>,
    /// When it was heard of last.
    last: Timestamp,
    /// The timer that is set.
    timer: Option<Timestamp>,
    /// Our alert, while it fires.
    alert: Option<Fingerprint>,
}

impl Watches {
    /// Notes a message; false when there are too many keys to watch this one.
    pub(super) fn heard(
        &mut self,
        key: KeyHash,
        (rule, values): (&Arc<str>, Vec<Box<str>>),
        at: Timestamp,
    ) -> bool {
        if self.all.len() >= WATCHES_MAX && !self.all.contains_key(&key) {
            return false;
        }
        let watch = self.all.entry(key).or_insert_with(|| Watch {
            rule: Arc::clone(rule),
            values,
            last: at,
            timer: None,
            alert: None,
        });
        watch.last = watch.last.max(at);
        true
    }
}

/// True for an alert of our own that says that something of this rule is absent.
pub(super) fn is_own(kind: &Absence, rule: &str, labels: &Labels) -> bool {
    labels.get(RULE) == Some(rule) && labels.get("alertname") == Some(&kind.alertname)
}

/// Notes a message about an alert that is expected.
pub(in crate::engine) fn heard(state: &mut State, by: &Delivery<'_>, alert: Fingerprint) {
    let slots = state.alerts.get(&alert).and_then(|held| held.slots.as_deref());
    let Some(keys) = slots.map(|slots| slots.watches.clone()) else { return };
    for key in keys {
        if let Some(watch) = state.gathering.watches.all.get_mut(&key) {
            watch.last = by.now;
        }
        returned(state, by.ctx, key, by.now);
    }
}

/// Notes that a source sent something, whatever it was.
pub(in crate::engine) fn heard_source(
    state: &mut State,
    ctx: &Context,
    source: &str,
    now: Timestamp,
) {
    if state.gathering.watches.sources.is_empty() {
        return;
    }
    let keys = state.gathering.watches.sources.get(source).cloned().unwrap_or_default();
    for key in keys {
        if let Some(watch) = state.gathering.watches.all.get_mut(&key) {
            watch.last = now;
        }
        returned(state, ctx, key, now);
    }
}

/// Ends our alert where what it missed has been heard of again.
pub(super) fn returned(state: &mut State, ctx: &Context, key: KeyHash, now: Timestamp) {
    let Some(watch) = state.gathering.watches.all.get(&key).filter(|w| w.alert.is_some()) else {
        return;
    };
    let kind = ctx.rules.find(&watch.rule).and_then(|rule| rule.kind.absence());
    if kind.is_some_and(|kind| now < watch.last.plus(kind.silence)) {
        end(state, ctx, key, now);
        arm(state, ctx, key);
    }
}

/// Returns the rule whose alert of our own this is.
pub(in crate::engine) fn rule_of(state: &State, alert: Fingerprint) -> Option<Arc<str>> {
    let watches = &state.gathering.watches;
    let watch = watches.all.get(watches.missing.get(&alert)?)?;
    Some(Arc::clone(&watch.rule))
}

/// Begins the watches that rules ask for without having heard of anything, and takes over from the
/// old ones when they heard last.
pub(super) fn expect(state: &mut State, ctx: &Context, old: Watches, now: Timestamp) {
    let watches = &mut state.gathering.watches;
    watches.begun = true;
    // After a start it counts from when we began to listen.
    let unheard = if old.begun { now } else { Timestamp::EPOCH };
    for rule in &ctx.rules.rules {
        let Some(kind) = rule.kind.absence() else { continue };
        let whole = kind.source.iter().map(|_| Vec::new());
        for values in kind.expected.iter().cloned().chain(whole) {
            let key = key_hash(&kind.key(&rule.name, &values));
            let last = old.all.get(&key).map_or(unheard, |watch| watch.last);
            watches.heard(key, (&rule.name, values), last);
            if let Some(source) = &kind.source {
                watches.sources.entry(source.clone()).or_default().push(key);
            }
        }
    }
    for (key, watch) in old.all {
        let kind = ctx.rules.find(&watch.rule).and_then(|rule| rule.kind.absence());
        let fits = |kind: &Absence| kind.per.len() == watch.values.len() && kind.source.is_none();
        if kind.is_some_and(fits) {
            watches.heard(key, (&watch.rule, watch.values), watch.last);
        }
    }
}

/// Finds out whether a held alert is one of ours, and what it misses.
pub(in crate::engine) fn recognise(state: &mut State, ctx: &Context, alert: Fingerprint) {
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.fires()) else { return };
    let until = held.state.leases.iter().map(|lease| lease.until).max();
    let endless = until.is_some_and(|until| until.since(held.state.first_seen) >= ENDLESS / 2);
    let Some(name) = held.labels.get(RULE).filter(|_| endless) else { return };
    let rule = ctx.rules.find(name);
    let values = rule.and_then(|rule| {
        let kind = rule.kind.absence()?;
        let per = kind.per.iter();
        let values: Vec<Box<str>> =
            per.map(|field| held.labels.get(field.key()).unwrap_or("").into()).collect();
        let expected = Labels::build(&mut kind.labels(name, &values)).ok()?;
        (expected == held.labels).then_some(values)
    });
    let (key, rule, values) = match (rule, values) {
        (Some(rule), Some(values)) => {
            let kind = rule.kind.absence();
            let key = kind.map(|kind| key_hash(&kind.key(name, &values))).unwrap_or_default();
            (key, Arc::clone(&rule.name), values)
        }
        // Not ours any more: nobody is left to end it but the timer, which finds no rule.
        _ => (alert.0, Arc::from(""), Vec::new()),
    };
    let first_seen = held.state.first_seen;
    let watches = &mut state.gathering.watches;
    if !watches.all.contains_key(&key) {
        // What it misses was last heard of before it fired, that is all that is known.
        watches.heard(key, (&rule, values), Timestamp::EPOCH.min(first_seen));
    }
    if let Some(watch) = watches.all.get_mut(&key) {
        watch.alert = Some(alert);
        watches.missing.insert(alert, key);
    }
}

/// Sets the timers of all watches.
pub(super) fn arm_all(state: &mut State, ctx: &Context) {
    let keys: Vec<KeyHash> = state.gathering.watches.all.keys().copied().collect();
    for key in keys {
        arm(state, ctx, key);
    }
}

/// Sets a watch's timer, unless it is set already or our alert fires: then only a message matters.
pub(super) fn arm(state: &mut State, ctx: &Context, key: KeyHash) {
    let listening_since = state.counters.listening_since;
    let Some(watch) = state.gathering.watches.all.get_mut(&key).filter(|w| w.timer.is_none())
    else {
        return;
    };
    let at = match ctx.rules.find(&watch.rule).and_then(|rule| rule.kind.absence()) {
        Some(_) if watch.alert.is_some() => return,
        Some(kind) => watch.last.max(listening_since).plus(kind.silence),
        None => state.counters.now,
    };
    watch.timer = Some(at);
    state.timers.set(at, Timer::Watch(key));
}

/// Looks whether a watch, whose timer was set for `at`, has heard nothing for too long. A message may
/// have moved the deadline since; then it waits for that one, so that after a gap everything happens
/// in the order in which it fell due.
pub(in crate::engine) fn due(
    state: &mut State,
    ctx: &Context,
    key: KeyHash,
    at: Timestamp,
    now: Timestamp,
) {
    let listening_since = state.counters.listening_since;
    let Some(watch) = state.gathering.watches.all.get_mut(&key) else { return };
    watch.timer = None;
    let Some(kind) = ctx.rules.find(&watch.rule).and_then(|rule| rule.kind.absence()) else {
        end(state, ctx, key, now);
        state.gathering.watches.all.remove(&key);
        return;
    };
    if watch.alert.is_some() {
        // Only a message matters now.
        return;
    }
    let deadline = watch.last.max(listening_since).plus(kind.silence);
    if deadline <= at && now.since(deadline) >= DEAF_AFTER {
        // The deadline passed long ago without us: we did not run, and could not have heard.
        state.counters.listening_since = now;
    } else if deadline <= at {
        raise(state, ctx, key, kind, now);
    }
    arm(state, ctx, key);
}

/// Lets our alert fire.
fn raise(state: &mut State, ctx: &Context, key: KeyHash, kind: &Absence, now: Timestamp) {
    let Some(watch) = state.gathering.watches.all.get_mut(&key) else { return };
    let labels = Labels::build(&mut kind.labels(&watch.rule, &watch.values));
    let Ok(labels) = labels else { return };
    let what = match &kind.source {
        Some(source) => format!("nothing from source {source}"),
        None => format!("no alert of rule {}{}", watch.rule, given(kind, &watch.values)),
    };
    let last = watch.last;
    let since = if last > Timestamp::EPOCH { format!(", last at {last}") } else { String::new() };
    let summary = format!("{what} was heard of for {}{since}", Brief(kind.silence));
    let fingerprint = labels.fingerprint();
    watch.alert = Some(fingerprint);
    state.gathering.watches.missing.insert(fingerprint, key);
    let signal = Signal::Firing { until: now.plus(ENDLESS), explicit: false };
    let occurrence = own::labelled(labels, signal, &summary, now);
    if !say(state, ctx, &occurrence, now) {
        // Our own source is full, or somebody else's alert has these labels' fingerprint.
        state.gathering.watches.missing.remove(&fingerprint);
        if let Some(watch) = state.gathering.watches.all.get_mut(&key) {
            (watch.alert, watch.last) = (None, now);
        }
    }
}

fn given(kind: &Absence, values: &[Box<str>]) -> String {
    let pairs = kind.per.iter().zip(values);
    let pairs: Vec<String> = pairs.map(|(field, value)| format!("{field}={value:?}")).collect();
    if pairs.is_empty() { String::new() } else { format!(" with {}", pairs.join(", ")) }
}

/// Ends our alert, if it fires.
fn end(state: &mut State, ctx: &Context, key: KeyHash, now: Timestamp) {
    let watch = state.gathering.watches.all.get_mut(&key);
    let Some(alert) = watch.and_then(|watch| watch.alert.take()) else { return };
    state.gathering.watches.missing.remove(&alert);
    let Some(labels) = state.alerts.get(&alert).map(|held| held.labels.clone()) else { return };
    let occurrence = own::labelled(labels, Signal::Resolved { at: now }, "heard of again", now);
    say(state, ctx, &occurrence, now);
}

fn say(state: &mut State, ctx: &Context, occurrence: &Occurrence, now: Timestamp) -> bool {
    let (name, source) = own::source(state);
    let by = Delivery { ctx, source, source_name: &name, now };
    deduplicate::is_taken(state, &by, occurrence)
}
