//! Bulletins for other systems: written with the state they tell of, held until they are published,
//! within limits.
//!
//! Nothing is written unless somebody is to get it. In memory are the places of those that wait, and
//! of each incident a hash of every field as it was last told: both can be made anew from what is
//! stored. Read `model::bulletin` first.

use core::time::Duration;
use std::collections::BTreeMap;

use super::State;
use super::context::Context;
use super::deduplicate::{self, Delivery};
use super::own;
use crate::model::bulletin::{
    Bulletin, BulletinHead, BulletinKind, HAPPENED_MAX, Happened, Marks, Outline, Weight,
};
use crate::model::incident::{Incident, IncidentId};
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Entry;

/// Our own alert that bulletins were dropped is said again when less than this is left of its lease.
const SAID_AGAIN: Duration = Duration::from_mins(10);

/// How many bulletins may wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulletinLimits {
    /// How many; the oldest give way.
    pub waiting_max: u32,
    /// How long each.
    pub waiting_for: Duration,
}

/// What is held of bulletins.
#[derive(Debug, Default)]
pub(super) struct Bulletins {
    /// Those that wait, with when what they tell happened.
    waiting: BTreeMap<u64, Timestamp>,
    /// What was last told of each incident that is not over.
    told: BTreeMap<IncidentId, Marks>,
}

impl Bulletins {
    /// Goes on with what waits; the incidents were told as they are stored.
    pub(super) fn restore(saved: &[BulletinHead], incidents: &[Incident]) -> Self {
        Self {
            waiting: saved.iter().map(|head| (head.seq, head.at)).collect(),
            told: incidents.iter().map(|it| (it.id, Outline::of(it).marks())).collect(),
        }
    }

    /// Returns how many wait, and since when the first of them.
    pub(super) fn waiting(&self) -> (usize, Option<Timestamp>) {
        (self.waiting.len(), self.waiting.values().next().copied())
    }
}

/// What happened to each incident in a batch, as far as other systems are to hear of it.
pub(super) type Heard = BTreeMap<IncidentId, Vec<(Timestamp, Happened)>>;

/// Notes what happened, before a timeline that is full leaves it out.
pub(super) fn hear(ctx: &Context, entries: &[(IncidentId, Entry)]) -> Heard {
    let mut heard = Heard::new();
    if ctx.limits.bulletins.is_none() {
        return heard;
    }
    for (id, entry) in entries {
        if Weight::of(entry.what) != Weight::Nothing {
            let happened =
                Happened { what: entry.what, count: entry.count, text: entry.text.clone() };
            heard.entry(*id).or_default().push((entry.at, happened));
        }
    }
    heard
}

/// Writes the bulletins of a batch whose incidents are as they will be stored.
pub(super) fn write(
    state: &mut State,
    ctx: &Context,
    mut heard: Heard,
    incidents: &[Incident],
) -> Vec<Bulletin> {
    let mut written = Vec::new();
    if ctx.limits.bulletins.is_none() {
        return written;
    }
    for incident in incidents {
        let outline = Outline::of(incident);
        let marks = outline.marks();
        let before = if incident.progress.name().is_over() {
            state.bulletins.told.remove(&incident.id)
        } else {
            state.bulletins.told.insert(incident.id, marks)
        };
        let changed = before.map_or_else(Vec::new, |before| before.changed(&marks));
        let parts = parts(heard.remove(&incident.id).unwrap_or_default());
        let parts = match parts {
            Parts { own, .. } if own.is_empty() && changed.is_empty() => continue,
            Parts { own, rest } if own.is_empty() => {
                vec![(BulletinKind::Changed, state.counters.now, rest)]
            }
            Parts { mut own, rest } => {
                if let Some((_, _, first)) = own.first_mut() {
                    first.extend(rest);
                }
                own
            }
        };
        let mut changed = Some(changed);
        for (kind, at, mut happened) in parts {
            happened.truncate(HAPPENED_MAX);
            state.counters.bulletins += 1;
            let seq = state.counters.bulletins;
            state.bulletins.waiting.insert(seq, at);
            written.push(Bulletin {
                seq,
                incident: incident.id,
                kind,
                at,
                by: by(kind, &incident.progress),
                changed: changed.take().unwrap_or_default(),
                happened,
                version: incident.version,
                revision: incident.revision,
                outline: outline.clone(),
            });
        }
    }
    written
}

/// What happened to one incident: what is told by itself, each with when, and what explains the rest.
struct Parts {
    own: Vec<(BulletinKind, Timestamp, Vec<Happened>)>,
    rest: Vec<Happened>,
}

fn parts(heard: Vec<(Timestamp, Happened)>) -> Parts {
    let mut parts = Parts { own: Vec::new(), rest: Vec::new() };
    for (at, happened) in heard {
        match Weight::of(happened.what) {
            Weight::Own(kind) => parts.own.push((kind, at, vec![happened])),
            Weight::Explains | Weight::Nothing => parts.rest.push(happened),
        }
    }
    parts
}

/// Returns who did it, where the incident still says so.
fn by(kind: BulletinKind, progress: &Progress) -> Option<Box<str>> {
    match (kind, progress) {
        (BulletinKind::Acknowledged, held) => held.holder().map(|(by, _)| by.into()),
        (BulletinKind::Resolved, Progress::Resolved { by, .. }) => by.clone(),
        (BulletinKind::Cancelled, Progress::Cancelled { by, .. }) => Some(by.clone()),
        _ => None,
    }
}

/// Lets go of what was published.
pub(super) fn published(state: &mut State, seqs: &[u64]) {
    for seq in seqs {
        if state.bulletins.waiting.remove(seq).is_some() {
            state.pending.bulletins_gone.push(*seq);
        }
    }
}

/// Drops what is too much or too old, and says so by an alert of our own: whoever follows misses it.
/// What waits when nobody is to get it any more goes without a word: a person said so.
pub(super) fn prune(state: &mut State, ctx: &Context, now: Timestamp) {
    let Some(limits) = ctx.limits.bulletins else {
        let gone = core::mem::take(&mut state.bulletins.waiting);
        state.pending.bulletins_gone.extend(gone.into_keys());
        return;
    };
    let most = usize::try_from(limits.waiting_max).unwrap_or(usize::MAX);
    let of = &mut state.bulletins.waiting;
    let mut dropped = 0;
    while let Some((seq, at)) = of.first_key_value() {
        if of.len() <= most && now < at.plus(limits.waiting_for) {
            break;
        }
        state.pending.bulletins_gone.push(*seq);
        dropped += 1;
        of.pop_first();
    }
    if dropped > 0 {
        state.pending.bulletins_dropped += dropped;
        say_dropped(state, ctx, limits, now);
    }
}

fn say_dropped(state: &mut State, ctx: &Context, limits: BulletinLimits, now: Timestamp) {
    let summary = format!(
        "events were dropped before they were published: more than {} wait, or longer than {}; \
         mend the way to Kafka (`/readyz` says what is wrong), and let whoever follows read the \
         open incidents anew",
        limits.waiting_max,
        Brief(limits.waiting_for)
    );
    let own = own::occurrence("IncidentdEventsDropped", ("severity", "major"), &summary, now);
    let held = state.alerts.get(&own.fingerprint).filter(|held| held.state.fires());
    let is_said = held.is_some_and(|held| {
        held.state.leases.iter().any(|lease| now.plus(SAID_AGAIN) < lease.until)
    });
    if is_said {
        return;
    }
    let (name, source) = own::source(state);
    let by = Delivery { ctx, source, source_name: &name, now };
    deduplicate::is_taken(state, &by, &own);
}
