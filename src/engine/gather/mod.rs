//! What many alerts are together, over time: storms, sequences, and what is not heard of.
//!
//! Each rule of these kinds keeps a little for each key: what began within its window, or when it
//! heard last. All of it follows from the alerts that are held, whose [`Slots`] say where they are
//! counted; so a restart changes nothing, and nothing of it is stored. Read `storm`, `sequence`,
//! `absence`.

pub(super) mod absence;
pub(super) mod sequence;
pub(super) mod storm;

use core::hash::BuildHasher;
use core::num::NonZeroU64;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::State;
use super::cis::hash_of;
use super::context::Context;
use super::matched::Matched;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{FirstNotice, Rule};

/// Finds what is kept for a key of a rule.
pub(super) type KeyHash = u64;

/// Everything that is kept for rules of these kinds.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub(super) storms: BTreeMap<KeyHash, storm::Track>,
    pub(super) sequences: BTreeMap<KeyHash, sequence::Track>,
    pub(super) watches: absence::Watches,
}

#[cfg(test)]
impl Gathering {
    /// Returns what storms and sequences keep, in an order of its own.
    pub(super) fn kept(&self) -> String {
        let storms: BTreeMap<_, _> =
            self.storms.iter().map(|(key, track)| (key, track.kept())).collect();
        format!("{storms:?} {:?}", self.sequences)
    }
}

/// Where an alert is counted. Most alerts have none.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// When its episode began.
    began: Timestamp,
    /// True while it fires.
    fires: bool,
    /// True when it counts for storms: no silence holds it back.
    audible: bool,
    storms: Vec<StormSlot>,
    /// Sequences, and which step of them it is.
    steps: Vec<(KeyHash, usize)>,
    watches: Vec<KeyHash>,
    /// How long it is to be held after its last message, so that its absence is noticed.
    keep: Duration,
}

#[derive(Clone, Copy, Debug)]
struct StormSlot {
    key: KeyHash,
    /// The value that is counted; nothing when the alert has none.
    value: Option<u64>,
}

impl Slots {
    fn is_empty(&self) -> bool {
        self.storms.is_empty() && self.steps.is_empty() && self.watches.is_empty()
    }

    /// Returns how long its alert is to be held after its last message.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }
}

fn key_hash(key: &str) -> KeyHash {
    foldhash::quality::FixedState::with_seed(0).hash_one(key)
}

/// Counts an alert that begins where it belongs.
pub(super) fn began(
    state: &mut State,
    ctx: &Context,
    (alert, matched): (Fingerprint, &Matched<'_>),
    now: Timestamp,
) {
    if !ctx.gathers() {
        return;
    }
    let mut keys = remove(state, alert);
    let Some(held) = state.alerts.get(&alert) else { return };
    let matching = matched.then(state, ctx, held);
    add(state, ctx, (alert, &matching), now);
    let slots = state.alerts.get(&alert).and_then(|held| held.slots.as_deref());
    let watches = slots.map(|slots| slots.watches.clone()).unwrap_or_default();
    keys.extend(slots.into_iter().flat_map(|slots| slots.storms.iter().map(|slot| slot.key)));
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        storm::weigh(state, ctx, key, now);
    }
    for key in watches {
        absence::returned(state, ctx, key, now);
    }
}

/// Counts an alert where it belongs now: its severity, its silences or its CI are others than before.
pub(super) fn refresh(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    if ctx.gathers() {
        let matched = Matched::of(state, ctx, alert);
        began(state, ctx, (alert, &matched), now);
    }
}

/// Counts alerts where they belong now: rules or topology are others. All are taken out before any is
/// put in, because what is kept for a key is of one form of its rule.
pub(super) fn refresh_all(
    state: &mut State,
    ctx: &Context,
    alerts: &[Fingerprint],
    now: Timestamp,
) {
    let left: BTreeSet<KeyHash> = alerts.iter().flat_map(|alert| remove(state, *alert)).collect();
    for alert in alerts {
        refresh(state, ctx, *alert, now);
    }
    for key in left {
        storm::weigh(state, ctx, key, now);
    }
}

/// Decides what follows for an alert that has begun, after it was put where it belongs.
pub(super) fn conclude(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    if state.alerts.get(&alert).is_some_and(|held| held.slots.is_some()) {
        storm::enter(state, ctx, alert, now);
        sequence::complete(state, ctx, alert, now);
    }
}

/// Counts an alert as one that no longer fires.
pub(super) fn ended(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let Some(slots) = state.alerts.get_mut(&alert).and_then(|held| held.slots.as_deref_mut())
    else {
        return;
    };
    let before = slots.clone();
    slots.fires = false;
    for slot in &before.storms {
        if let (Some(track), true) = (state.gathering.storms.get_mut(&slot.key), before.counts()) {
            track.stopped(slot.value);
        }
        storm::weigh(state, ctx, slot.key, now);
    }
}

impl Slots {
    /// True while it counts among what fires.
    fn counts(&self) -> bool {
        self.fires && self.audible
    }
}

/// Takes an alert out wherever it is counted; returns the storms that it was counted for.
pub(super) fn remove(state: &mut State, alert: Fingerprint) -> Vec<KeyHash> {
    let Some(slots) = state.alerts.get_mut(&alert).and_then(|held| held.slots.take()) else {
        return Vec::new();
    };
    for slot in &slots.storms {
        let Some(track) = state.gathering.storms.get_mut(&slot.key) else { continue };
        track.remove(slots.began, alert);
        if slots.counts() {
            track.stopped(slot.value);
        }
        if track.is_idle() {
            state.gathering.storms.remove(&slot.key);
        }
    }
    for (key, step) in &slots.steps {
        let Some(track) = state.gathering.sequences.get_mut(key) else { continue };
        track.remove(*step, slots.began, alert);
        if track.is_idle() {
            state.gathering.sequences.remove(key);
        }
    }
    slots.storms.iter().map(|slot| slot.key).collect()
}

/// Counts an alert wherever the rules that match it, as of its beginning, count it.
pub(super) fn add(
    state: &mut State,
    ctx: &Context,
    (alert, matching): (Fingerprint, &[&Rule]),
    now: Timestamp,
) {
    if !matching.iter().any(|rule| gathers(rule)) {
        return;
    }
    let mut gathering = core::mem::take(&mut state.gathering);
    let held = state.alerts.get(&alert).filter(|held| held.state.episode > 0);
    let Some(held) = held else {
        state.gathering = gathering;
        return;
    };
    let mut slots = Slots {
        began: held.state.first_seen,
        fires: held.state.fires(),
        audible: held.state.is_audible(),
        ..Slots::default()
    };
    let last_seen = held.state.last_seen;
    // As of its beginning, so that a start counts it no other way.
    let around = state.around_then(ctx, held);
    let subject = around.subject();
    for rule in matching {
        if let Some(kind) = rule.kind.storm().filter(|kind| !kind.never_absorbs(&subject)) {
            let name = kind.key(&rule.name, &subject);
            let (key, value) =
                (key_hash(&name), hash_of(kind.distinct.value(&subject)).map(NonZeroU64::get));
            slots.storms.push(StormSlot { key, value });
            let track = gathering.storms.entry(key).or_default();
            track.name(&rule.name, name);
            let began = if slots.audible { Some(slots.began) } else { None };
            track.evict(kind.within, now);
            if let Some((began, value)) = began.filter(|at| now < at.plus(kind.within)).zip(value) {
                track.began(began, alert, value);
            }
            if slots.counts() {
                track.fires(value);
            }
        } else if let Some(kind) = rule.kind.sequence() {
            let key = key_hash(&kind.key(&rule.name, &subject));
            for step in kind.steps_of(&subject) {
                slots.steps.push((key, step));
                let track = gathering.sequences.entry(key).or_default();
                track.name(&rule.name, kind.steps.len());
                track.began(step, slots.began, alert);
            }
        } else if let Some(kind) = rule.kind.absence() {
            if absence::is_own(kind, &rule.name, subject.labels) {
                continue;
            }
            let values = kind.values(&subject);
            let key = key_hash(&kind.key(&rule.name, &values));
            if gathering.watches.heard(key, (&rule.name, values), last_seen) {
                slots.watches.push(key);
                slots.keep = slots.keep.max(kind.silence + absence::KEEP_LONGER);
            }
        }
    }
    state.gathering = gathering;
    if slots.is_empty() {
        return;
    }
    for key in &slots.watches {
        absence::arm(state, ctx, *key);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.slots = Some(Box::new(slots));
    }
}

/// True for a rule that counts alerts over time.
fn gathers(rule: &Rule) -> bool {
    let kind = &rule.kind;
    kind.storm().is_some() || kind.sequence().is_some() || kind.absence().is_some()
}

/// Begins to make everything anew, from the incidents and the rules. All alerts are to be added and
/// recognised next, in the order of their records, and then comes [`finish`].
pub(super) fn begin(state: &mut State, ctx: &Context) {
    let old = core::mem::take(&mut state.gathering);
    storm::find_active(state);
    absence::expect(state, ctx, old.watches, state.counters.now);
}

/// Decides what follows from all that was added.
pub(super) fn finish(state: &mut State, ctx: &Context) {
    let now = state.counters.now;
    absence::arm_all(state, ctx);
    let storms: Vec<KeyHash> = state.gathering.storms.keys().copied().collect();
    for key in storms {
        storm::weigh(state, ctx, key, now);
    }
}

/// Drops what no window reaches any more; nothing is decided by it.
pub(super) fn prune(state: &mut State, ctx: &Context, now: Timestamp) {
    state.gathering.storms.retain(|_, track| {
        let kind = ctx.rules.find(track.rule()).and_then(|rule| rule.kind.storm());
        track.evict(kind.map_or(Duration::ZERO, |kind| kind.within), now);
        !track.is_idle()
    });
    state.gathering.sequences.retain(|_, track| {
        let kind = ctx.rules.find(track.rule()).and_then(|rule| rule.kind.sequence());
        track.evict(kind.map_or(Duration::ZERO, |kind| kind.within), now);
        !track.is_idle()
    });
}

/// Lets an open incident be handled under another rule from now on.
fn take_over(state: &mut State, ctx: &Context, id: IncidentId, rule: &Rule) {
    let policy = rule.incident.policy.as_ref().map(|_| Arc::clone(ctx.rules.policy_of(Some(rule))));
    let policy = policy.map(|policy| super::opening::remember(state, &policy));
    if let Some(case) = state.change(id) {
        case.record.rule = Some(Arc::clone(&rule.name));
        case.record.policy = policy.unwrap_or(case.record.policy);
        if rule.incident.notify.first == FirstNotice::Now {
            case.record.wait_until = None;
        }
    }
    state.pending.unassigned.insert(id);
    state.pending.unsettled.insert(id);
}

/// Gives an incident another root, one of its members.
pub(super) fn set_root(state: &mut State, ctx: &Context, id: IncidentId, alert: Fingerprint) {
    super::roots::unindex_root(state, &ctx.topology, id);
    let ci = super::roots::root_ci(state, &ctx.topology, alert);
    if let Some(case) = state.change(id) {
        case.record.root.alert = alert;
        case.record.root.ci = ci;
    }
    super::roots::index_root(state, &ctx.topology, id);
    state.pending.unassigned.insert(id);
    state.pending.unsettled.insert(id);
}
