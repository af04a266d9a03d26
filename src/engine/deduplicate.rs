//! Makes one alert of all messages about one condition: episodes, leases, Alertmanager's merge.
//!
//! Decides whether an occurrence begins an episode, ends one, or is only counted. How one ends is in
//! [`super::ending`]; what a new one belongs to is the business of [`super::correlate`], read that next.

use core::hash::BuildHasher;
use core::num::NonZeroU64;
use core::time::Duration;
use std::sync::Arc;

use super::State;
use super::alerts::Labelled;
use super::cis::ci_hash;
use super::context::Context;
use super::pending::Told;
use super::refusal::Refused;
use super::reply::Received;
use super::stages::Stages;
use super::state::Held;
use super::{ahead, census, correlate, credit, ending, gather, journal, own, quarantine, suppress};
use crate::cmdb::{Binding, CiId};
use crate::ingest;
use crate::model::alert::{
    AlertState, Details, Lease, Occurrence, Signal, Slot, SourceId, severity,
};
use crate::model::labels::Fingerprint;
use crate::model::leases::Leases;
use crate::model::quarantine::{Cause, QuarantineId, Unhandled};
use crate::model::rare::Rare;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::Subject;

/// How long after an alert's end a firing message about the time before it counts as late.
///
/// Peers of an Alertmanager cluster can deliver resolved and firing in either order
/// (prometheus/alertmanager#4008), seconds apart; a sender that still says so two minutes later
/// means it, and ignoring it would lose a page.
const LATE: Duration = Duration::from_mins(2);

/// One delivery of one source, on its way into the state.
pub(super) struct Delivery<'a> {
    pub(super) ctx: &'a Context,
    pub(super) source: SourceId,
    pub(super) source_name: &'a Arc<str>,
    pub(super) now: Timestamp,
}

/// Takes all alerts of a delivery.
pub(super) fn receive(
    state: &mut State,
    by: &Delivery<'_>,
    all: &[Occurrence],
    stages: &mut impl Stages,
) -> Received {
    let beginning = state.alerts.expect(all.iter().map(|it| it.fingerprint));
    let mut reply = Received::default();
    let mut beyond = Vec::new();
    let mut index = 0;
    for together in all.chunks(ahead::TOGETHER) {
        let bindings = if beginning > 0 { expect(state, by, together, stages) } else { Vec::new() };
        let bindings = bindings.into_iter().chain(core::iter::repeat(None));
        for (occurrence, binding) in together.iter().zip(bindings) {
            match take(state, by, (occurrence, binding), stages) {
                Ok(Outcome::Began) => reply.began += 1,
                Ok(Outcome::Ended) => reply.ended += 1,
                Ok(Outcome::Updated) => reply.updated += 1,
                Ok(Outcome::Repeated) => reply.repeated += 1,
                Ok(Outcome::Dropped(rule)) => {
                    credit::dropped(state, &rule, by.now);
                    *reply.dropped.entry(rule).or_default() += 1;
                }
                Err(NotTaken::Overflow) => beyond.push(occurrence),
                Err(NotTaken::Refused(why)) => reply.refused.push((index, why)),
            }
            index += 1;
        }
    }
    if !beyond.is_empty() {
        reply.overflowed = u32::try_from(beyond.len()).unwrap_or(u32::MAX);
        reply.quarantined = Some(overflow(state, by, &beyond));
    }
    reply
}

/// Makes ready for a few alerts that are taken next, one by one: binds those that are not held so far,
/// and reads ahead what those that begin will be asked. Returns for each what it was bound to.
fn expect(
    state: &State,
    by: &Delivery<'_>,
    together: &[Occurrence],
    stages: &mut impl Stages,
) -> Vec<Option<Binding>> {
    let mut bindings = Vec::with_capacity(together.len());
    let mut cis: Vec<CiId> = Vec::with_capacity(together.len());
    for it in together {
        let held = state.alerts.get(&it.fingerprint);
        let binding = held.is_none().then(|| bind(by.ctx, it));
        bindings.push(binding);
        let ci = match held {
            None => binding.and_then(Binding::ci),
            Some(held) => held.ci.filter(|_| !held.state.fires()),
        };
        let begins = matches!(it.signal, Signal::Firing { .. });
        cis.extend(ci.filter(|_| begins));
    }
    stages.reads_ahead();
    ahead::began(state, by.ctx, &cis);
    stages.read_ahead();
    bindings
}

fn bind(ctx: &Context, it: &Occurrence) -> Binding {
    ctx.binder.binding(&ctx.topology, &it.labels)
}

/// Why an occurrence was not taken.
enum NotTaken {
    Refused(Refused),
    /// The source holds as many alerts as it may.
    Overflow,
}

/// Keeps what is beyond the source's limit, and says so by one alert of our own for each source: a
/// label that varies without end must not fill the memory, and nobody is to find it out by chance.
fn overflow(state: &mut State, by: &Delivery<'_>, beyond: &[&Occurrence]) -> QuarantineId {
    let (source, limit) = (by.source_name, by.ctx.limits.alerts_per_source);
    let reason = format!(
        "source {source} holds {limit} alerts already, its limit; raise limits.alerts_per_source or find the label that varies"
    );
    let own = own::occurrence("IncidentdSourceOverflow", ("source", source), &reason, by.now);
    let what = Unhandled {
        source: Arc::clone(source),
        format: ingest::Format::Native.to_string().into(),
        cause: Cause::Overflowed,
        reason,
        content_type: "application/json".into(),
        body: ingest::write(beyond.iter().copied()).into(),
        origin: None,
    };
    let id = quarantine::add(state, by.ctx, &what, by.now);
    let (name, source) = own::source(state);
    let by = Delivery { source, source_name: &name, ..*by };
    // Not: a limit for this one. There are as many as there are sources, and it is never refused:
    // its labels are ours.
    drop(take(state, &by, (&own, None), &mut ()));
    id
}

/// Takes one alert of our own; false when it cannot be held.
pub(super) fn is_taken(state: &mut State, by: &Delivery<'_>, it: &Occurrence) -> bool {
    take(state, by, (it, None), &mut ()).is_ok()
}

/// Takes one alert, and puts it where it belongs when its episode began; with what it was bound to,
/// if it was.
fn take(
    state: &mut State,
    by: &Delivery<'_>,
    (it, binding): (&Occurrence, Option<Binding>),
    stages: &mut impl Stages,
) -> Result<Outcome, NotTaken> {
    let outcome = observe(state, by, (it, binding))?;
    if matches!(outcome, Outcome::Began) {
        stages.taken_in();
        correlate::place(state, by.ctx, it.fingerprint, by.now);
        stages.correlated();
        tell_flaws(state, it.fingerprint, by.now);
    }
    Ok(outcome)
}

enum Outcome {
    /// Its episode began, or goes on again; it is still to be put where it belongs.
    Began,
    Ended,
    Updated,
    Repeated,
    /// It is left out, by this rule.
    Dropped(Arc<str>),
}

fn observe(
    state: &mut State,
    by: &Delivery<'_>,
    (it, binding): (&Occurrence, Option<Binding>),
) -> Result<Outcome, NotTaken> {
    #[cfg(test)]
    super::trap::received(it);
    let labelled = state.alerts.labelled(&it.labels);
    if state.alerts.has(&it.fingerprint, (&it.labels, labelled)) == Some(false) {
        let held = state.alerts.get(&it.fingerprint);
        let other = held.map_or_else(String::new, |held| held.labels.to_string());
        let why = Refused::Collision { fingerprint: it.fingerprint, other };
        return Err(NotTaken::Refused(why));
    }
    if state.alerts.get(&it.fingerprint).is_some_and(|held| held.slots.is_some()) {
        gather::absence::heard(state, by, it.fingerprint);
    }
    let known = state.alerts.get(&it.fingerprint);
    let fires = known.map(|held| held.state.fires());
    // What fires already goes on to its end, and the end of what is known is always taken.
    let may_drop = match it.signal {
        Signal::Firing { .. } => fires != Some(true),
        Signal::Resolved { .. } => fires.is_none(),
    };
    if may_drop
        && by.ctx.rules.drops()
        && let Some(rule) = dropped_by(by.ctx, (it, binding))
    {
        return Ok(Outcome::Dropped(rule));
    }
    let lease = |until, explicit| {
        // What is to begin when it is over named only its end: see Alertmanager's API.
        let began = if it.starts_at < until { it.starts_at } else { by.now };
        Lease { source: by.source, began, until, explicit }
    };
    match (fires, it.signal) {
        (Some(true), Signal::Firing { until, explicit }) => {
            Ok(prolong(state, by, it, lease(until, explicit)))
        }
        (Some(false), Signal::Firing { until, explicit }) => {
            fire_again(state, by, it, lease(until, explicit))
        }
        (None, Signal::Firing { until, explicit }) => {
            admit(state, by)?;
            let held = unknown(state, by, (it, binding));
            hold(state, (it.fingerprint, labelled), held);
            begin(state, by, it, lease(until, explicit));
            Ok(Outcome::Began)
        }
        (Some(true), Signal::Resolved { at }) => Ok(release(state, by, it, at)),
        (Some(false), Signal::Resolved { .. }) => Ok(repeated(state, by, it.fingerprint)),
        (None, Signal::Resolved { at }) => {
            // Kept, so that a firing that arrives after its own resolve opens nothing.
            let mut held = unknown(state, by, (it, binding));
            held.state.ended_at = Some(at.min(by.now));
            held.text = digest(&it.details);
            hold(state, (it.fingerprint, labelled), held);
            state.pending.rewrite(it.fingerprint, &it.details);
            ending::schedule(state, it.fingerprint);
            Ok(Outcome::Repeated)
        }
    }
}

/// Returns the rule that leaves an alert out, as it was sent.
fn dropped_by(ctx: &Context, (it, binding): (&Occurrence, Option<Binding>)) -> Option<Arc<str>> {
    let ci = binding.unwrap_or_else(|| bind(ctx, it)).ci().map(|ci| ctx.topology.ci(ci));
    let severity = severity(it.severity.as_deref(), &it.labels);
    let dropped = ctx.rules.dropped(&Subject::new(&it.labels, severity, ci))?;
    Some(Arc::clone(&dropped.rule.name))
}

/// Returns an alert that was not held so far, without its text.
fn unknown(
    state: &mut State,
    by: &Delivery<'_>,
    (it, binding): (&Occurrence, Option<Binding>),
) -> Held {
    let ci = state.bindings.count(binding.unwrap_or_else(|| bind(by.ctx, it)));
    let labels = state.shapes.fold(&it.labels);
    let state = AlertState {
        slot: Slot::default(),
        revision: 0,
        episode: 0,
        record: None,
        incident: None,
        starts_at: it.starts_at,
        ended_at: None,
        end_heard_at: by.now,
        first_seen: by.now,
        last_seen: by.now,
        occurrences: 1,
        severity: it.severity.as_deref().map(Into::into),
        leases: Leases::default(),
        silenced_by: Rare::default(),
        inhibited_by: Rare::default(),
    };
    let mut held = Held::of(labels, state);
    held.ci = ci;
    held.ci_hash = ci_hash(&held.labels, ci.map(|ci| by.ctx.topology.ci(ci)));
    held
}

/// Begins to hold an alert.
fn hold(state: &mut State, (alert, labelled): (Fingerprint, Option<Labelled>), held: Held) {
    state.alerts.insert(alert, labelled, held);
    state.pending.alerts.entry(alert).or_default().is_new = true;
}

/// Returns the hash of a text; nothing, as if it were not known, for the one in 2⁶⁴ that has none.
fn digest(details: &Details) -> Option<NonZeroU64> {
    // A fixed seed: whether a text counts as changed must not differ between two runs.
    let hasher = foldhash::quality::FixedState::with_seed(0);
    NonZeroU64::new(hasher.hash_one((&details.annotations, &details.generator_url)))
}

/// Turns a further alert away of a source that holds as many as it may.
fn admit(state: &State, by: &Delivery<'_>) -> Result<(), NotTaken> {
    let held = state.held_by.get(&by.source).copied().unwrap_or(0);
    if held < by.ctx.limits.alerts_per_source { Ok(()) } else { Err(NotTaken::Overflow) }
}

/// The hot path: an alert that fires is said to fire.
fn prolong(state: &mut State, by: &Delivery<'_>, it: &Occurrence, lease: Lease) -> Outcome {
    let Some(held) = state.alerts.get_mut(&it.fingerprint) else { return Outcome::Repeated };
    let of = &mut held.state;
    of.revision += 1;
    of.occurrences = of.occurrences.saturating_add(u32::from(!planted!("repeat not counted")));
    of.last_seen = by.now;
    of.starts_at = of.starts_at.min(it.starts_at);
    let held_before = of.leases.iter_mut().find(|held| held.source == lease.source);
    let grown = held_before.is_none();
    if let Some(old) = held_before {
        *old = merged(*old, lease);
    } else {
        of.leases.push(lease);
    }
    let severity_changed = of.severity.as_deref() != it.severity.as_deref();
    if severity_changed {
        of.severity = it.severity.as_deref().map(Into::into);
        held.enrich(by.ctx, &mut state.alike);
    }
    let text = digest(&it.details);
    if held.text == text {
        state.pending.touch(it.fingerprint);
    } else {
        held.text = text;
        state.pending.rewrite(it.fingerprint, &it.details);
    }
    if let Some(due) = ending::first_end(held) {
        ending::set_timer(&mut state.timers, (it.fingerprint, held), due);
    }
    if grown {
        *state.held_by.entry(lease.source).or_default() += 1;
    }
    if severity_changed {
        census::note(state, by.ctx, it.fingerprint);
        journal::note(state, it.fingerprint, lease.source, by.now);
        correlate::severity_changed(state, by.ctx, it.fingerprint, by.now);
        suppress::inhibit::renew(state, by.ctx, it.fingerprint);
    }
    Outcome::Updated
}

/// Alertmanager's `alert.Merge` for two firing alerts: the newer end counts, but an end that the
/// sender named itself and that is later is not cut short.
///
/// It stays an end that was named: Alertmanager forgets that, so that there the same message a second
/// time does cut it short. The later beginning counts, in whichever order the two came.
fn merged(old: Lease, new: Lease) -> Lease {
    let lease = if old.explicit && old.until > new.until { old } else { new };
    Lease { began: old.began.max(new.began), ..lease }
}

/// An ended alert is said to fire: late, still the same episode, or a new one.
fn fire_again(
    state: &mut State,
    by: &Delivery<'_>,
    it: &Occurrence,
    lease: Lease,
) -> Result<Outcome, NotTaken> {
    let Some(held) = state.alerts.get(&it.fingerprint) else { return Ok(Outcome::Repeated) };
    let ended_at = held.state.ended_at.unwrap_or(by.now);
    let overlaps = it.starts_at < ended_at || it.starts_at == held.state.starts_at;
    if overlaps && by.now < held.state.end_heard_at.plus(LATE) {
        return Ok(repeated(state, by, it.fingerprint));
    }
    admit(state, by)?;
    if overlaps && held.state.episode > 0 {
        resume(state, by, it, lease);
    } else {
        ending::archive(state, by.ctx, it.fingerprint);
        begin(state, by, it, lease);
    }
    Ok(Outcome::Began)
}

/// Goes on with the episode that had ended.
fn resume(state: &mut State, by: &Delivery<'_>, it: &Occurrence, lease: Lease) {
    if let Some(held) = state.alerts.get_mut(&it.fingerprint) {
        held.state.starts_at = held.state.starts_at.min(it.starts_at);
    }
    fire(state, by, it, lease);
}

/// Begins an episode of an alert that is in memory.
fn begin(state: &mut State, by: &Delivery<'_>, it: &Occurrence, lease: Lease) {
    if let Some(held) = state.alerts.get_mut(&it.fingerprint) {
        held.state.episode += 1;
        held.state.starts_at = it.starts_at;
        held.state.first_seen = by.now;
        held.state.occurrences = 0;
    }
    fire(state, by, it, lease);
}

fn fire(state: &mut State, by: &Delivery<'_>, it: &Occurrence, lease: Lease) {
    let Some(held) = state.alerts.get_mut(&it.fingerprint) else { return };
    held.text = digest(&it.details);
    held.state.revision += 1;
    held.state.occurrences = held.state.occurrences.saturating_add(1);
    held.state.last_seen = by.now;
    held.state.ended_at = None;
    held.state.severity = it.severity.as_deref().map(Into::into);
    held.state.leases = Leases::one(lease);
    *state.held_by.entry(lease.source).or_default() += 1;
    state.pending.rewrite(it.fingerprint, &it.details);
    held.enrich(by.ctx, &mut state.alike);
    ending::schedule(state, it.fingerprint);
    census::note(state, by.ctx, it.fingerprint);
    journal::note(state, it.fingerprint, lease.source, by.now);
}

/// Says which templates of rules failed on an alert, once an episode.
fn tell_flaws(state: &mut State, alert: Fingerprint, now: Timestamp) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let Some((incident, added)) = held.state.incident.zip(held.added.as_deref()) else { return };
    for flaw in added.flaws.clone() {
        let told = Told { what: Happening::Noted, text: flaw, path: None };
        state.pending.tell(incident, now, told);
    }
}

/// Counts a message that changes nothing else.
fn repeated(state: &mut State, by: &Delivery<'_>, fingerprint: Fingerprint) -> Outcome {
    if let Some(held) = state.alerts.get_mut(&fingerprint) {
        held.state.revision += 1;
        held.state.occurrences = held.state.occurrences.saturating_add(1);
        held.state.last_seen = by.now;
        state.pending.touch(fingerprint);
    }
    Outcome::Repeated
}

/// A source says that its alert is over.
fn release(state: &mut State, by: &Delivery<'_>, it: &Occurrence, at: Timestamp) -> Outcome {
    let Some(held) = state.alerts.get_mut(&it.fingerprint) else { return Outcome::Repeated };
    // What began and ended before the source's own beginning is an earlier episode: senders repeat an
    // end, and late. Both are the sender's times, so that it does not matter whose clock is ahead. Where
    // it names no beginning that is the receipt, and what fires now is meant.
    let is_meant = |lease: &Lease| lease.began <= at.max(it.starts_at);
    if !held.state.leases.iter().any(|lease| lease.source == by.source && is_meant(lease)) {
        return repeated(state, by, it.fingerprint);
    }
    held.state.occurrences = held.state.occurrences.saturating_add(1);
    held.state.last_seen = by.now;
    held.state.leases.retain(|lease| lease.source != by.source);
    let over = held.state.leases.is_empty();
    ending::lease_gone(state, by.source);
    if over {
        let ending = ending::Ending { source: by.source, at };
        ending::end(state, by.ctx, it.fingerprint, ending, by.now);
        Outcome::Ended
    } else {
        state.pending.touch(it.fingerprint);
        if let Some(held) = state.alerts.get_mut(&it.fingerprint) {
            held.state.revision += 1;
        }
        Outcome::Updated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::fn_params_excessive_bools, reason = "rows of a table")]
    fn lease(until: i64, explicit: bool) -> Lease {
        let [began, until] = [0, until].map(Timestamp::from_millis);
        Lease { source: SourceId(0), began, until, explicit }
    }

    #[test]
    fn an_end_that_was_named_is_not_cut_short_by_one_that_was_not_later() {
        for (old, new, until) in [
            (lease(10, true), lease(20, true), 20),
            (lease(20, true), lease(10, true), 20),
            (lease(20, false), lease(10, true), 10),
            (lease(20, true), lease(10, false), 20),
            (lease(10, false), lease(20, false), 20),
        ] {
            let once = merged(old, new);
            assert_eq!(once.until.millis(), until, "{old:?} {new:?}");
            assert_eq!(merged(once, new), once, "{old:?} {new:?}, which comes twice");
        }
    }
}
