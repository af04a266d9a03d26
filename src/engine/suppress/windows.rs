//! Silences and windows: how they are made, when they hold, and which alerts they hold back.
//!
//! What follows from that is in `super`.

use core::cell::OnceCell;
use core::time::Duration;

use super::super::around::Surroundings;
use super::super::context::Context;
use super::super::refusal::Refusal;
use super::super::reply::Reply;
use super::super::state::{Held, Silenced};
use super::super::timers::Timer;
use super::super::{State, audit};
use super::planned;
use super::{Raised, raise, recount, unsettle};
use crate::cmdb::{CiId, Toward};
use crate::model::alert::SourceId;
use crate::model::labels::Fingerprint;
use crate::model::rare::Rare;
use crate::model::silence::{Silence, SilenceId, SilenceState};
use crate::model::time::Timestamp;
use crate::rules::{Condition, Quiet, Rule, spell};

/// How long an ended silence is kept, as Alertmanager does by default (`--data.retention`).
const KEPT: Duration = Duration::from_hours(120);

/// Silences held at once: each is asked about every new episode.
const SILENCES_MAX: usize = 10_000;

/// How far down a window on a CI reaches, in relations: rack, host, machine, service and a few more.
const WINDOW_HOPS: u8 = 8;

/// CIs looked at when a window is asked about one alert.
const WINDOW_NODES_MAX: usize = 4_096;

/// Makes a silence, or changes the one it replaces: in place where that only moves what is still to
/// come, otherwise by ending it (Alertmanager's `Silences.Set`).
pub(in crate::engine) fn silence(
    state: &mut State,
    ctx: &Context,
    wish: &Silence,
    replaces: Option<SilenceId>,
    now: Timestamp,
) -> Reply {
    let mut record = wish.clone();
    record.updated_at = now;
    let mut action = "silence";
    if let Some(old) = replaces {
        let Some(held) = state.silences.get(&old) else {
            return Reply::Refused(Refusal::UnknownSilence(old));
        };
        if changes_in_place(&held.record, wish, now) {
            record.id = old;
            action = "change silence";
        } else {
            finish(state, ctx, old, now);
        }
    }
    if record.id == wish.id && state.silences.len() >= SILENCES_MAX {
        return Reply::Refused(Refusal::TooManySilences(SILENCES_MAX));
    }
    if record.id == wish.id {
        // Ids are random; one that is taken all the same is taken over, never held twice.
        finish(state, ctx, wish.id, now);
        record.starts_at = record.starts_at.max(now);
    }
    let id = record.id;
    audit::note(
        state,
        now,
        audit::Deed {
            by: &record.created_by,
            action,
            object: &id.to_string(),
            detail: format!("{}, until {}: {}", scope(&record), record.ends_at, record.comment),
        },
    );
    put(state, record);
    cover(state, ctx, id, now);
    Reply::Silenced(id)
}

fn changes_in_place(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    let same = old.matchers == new.matchers && old.cis == new.cis && old.rule == new.rule;
    same && match old.state(now) {
        SilenceState::Active => {
            old.starts_at.millis() / 1000 == new.starts_at.millis() / 1000 && new.ends_at >= now
        }
        SilenceState::Pending => new.starts_at >= now,
        SilenceState::Expired => false,
    }
}

/// Says in words what a silence covers.
pub(super) fn scope(silence: &Silence) -> String {
    let matchers = silence.matchers.iter().map(spell);
    let rule = silence.rule.iter().map(|rule| format!("what rule {rule} matches"));
    let source = silence.source.iter().map(|source| format!("what source {source} says"));
    let ci = silence.cis.iter().map(|ci| format!("{ci} and what depends on it"));
    matchers.chain(rule).chain(source).chain(ci).collect::<Vec<_>>().join(", ")
}

/// Ends a silence; ending one that is over changes nothing.
pub(in crate::engine) fn unsilence(
    state: &mut State,
    ctx: &Context,
    id: SilenceId,
    by: &str,
    now: Timestamp,
) -> Reply {
    let Some(held) = state.silences.get(&id) else {
        return Reply::Refused(Refusal::UnknownSilence(id));
    };
    if held.record.state(now) != SilenceState::Expired {
        let detail = scope(&held.record);
        let object = &id.to_string();
        audit::note(state, now, audit::Deed { by, action: "end silence", object, detail });
        finish(state, ctx, id, now);
    }
    Reply::Done
}

pub(super) fn finish(state: &mut State, ctx: &Context, id: SilenceId, now: Timestamp) {
    let Some(held) = state.silences.get(&id) else { return };
    let mut record = held.record.clone();
    if record.state(now) == SilenceState::Expired {
        return;
    }
    record.starts_at = record.starts_at.min(now);
    record.ends_at = now;
    record.updated_at = now;
    put(state, record);
    uncover(state, ctx, now, now);
}

/// Keeps a silence in its new form, with the timer for what becomes of it next.
pub(super) fn put(state: &mut State, record: Silence) {
    let id = record.id;
    if let Some(old) = state.silences.get(&id) {
        for at in turns(&old.record) {
            state.timers.unset(at, Timer::Silence(id));
        }
    }
    // Whoever took the silence in has compiled it; it holds nothing back if that is no longer so.
    let Ok(condition) = Condition::of_silence(&record.matchers) else { return };
    set_timers(state, &record, state.counters.now);
    state.pending.silences.insert(id);
    state.silences.insert(id, Silenced { record, condition });
}

/// Returns when a silence begins, ends, and is forgotten.
fn turns(record: &Silence) -> [Timestamp; 3] {
    [record.starts_at, record.ends_at, record.ends_at.plus(KEPT)]
}

/// Takes a stored silence back into memory.
pub(in crate::engine) fn restore(state: &mut State, record: Silence) {
    let Ok(condition) = Condition::of_silence(&record.matchers) else { return };
    state.silences.insert(record.id, Silenced { record, condition });
}

/// Sets the timers of all silences; what they say of alerts is stored with the alerts.
pub(in crate::engine) fn reindex(state: &mut State, ctx: &Context) {
    let records: Vec<Silence> = state.silences().cloned().collect();
    for record in records {
        set_timers(state, &record, state.counters.now);
    }
    planned::reindex(state, ctx);
}

/// Sets the timers for what becomes of a silence after a time; what came of it until then has come.
pub(super) fn set_timers(state: &mut State, record: &Silence, after: Timestamp) {
    for at in turns(record).into_iter().filter(|at| *at > after) {
        state.timers.set(at, Timer::Silence(record.id));
    }
}

/// Sees to a silence whose turn it was `at`: after a gap everything happens in its order.
pub(in crate::engine) fn due(
    state: &mut State,
    ctx: &Context,
    id: SilenceId,
    at: Timestamp,
    now: Timestamp,
) {
    let Some(held) = state.silences.get(&id) else { return };
    match held.record.state(at) {
        SilenceState::Pending => {}
        SilenceState::Active => cover(state, ctx, id, at),
        SilenceState::Expired if at < held.record.ends_at.plus(KEPT) => {
            uncover(state, ctx, at, now);
        }
        SilenceState::Expired if planned::is_needed(state, ctx, id, at) => {
            state.timers.set(at.plus(KEPT), Timer::Silence(id));
        }
        SilenceState::Expired => {
            state.silences.remove(&id);
            state.pending.silences.insert(id);
        }
    }
}

/// Says which silences hold an alert back at a time.
fn covering(state: &State, ctx: &Context, alert: Fingerprint, at: Timestamp) -> Rare<SilenceId> {
    let held = state.alerts.get(&alert).filter(|_| !state.silences.is_empty());
    let Some(held) = held else { return Rare::default() };
    let asked = Asked::new(state, ctx, held);
    let active = state.silences.iter().filter(|(_, silence)| is_active(&silence.record, at));
    active.filter(|(_, silence)| asked.is_covered(silence)).map(|(id, _)| *id).collect()
}

/// True when a rule without effect would open a window now that covers an alert that it matches.
pub(in crate::engine) fn would_hold_back(
    state: &State,
    ctx: &Context,
    held: &Held,
    (rule, quiet): (&Rule, &Quiet),
) -> bool {
    let asked = Asked::new(state, ctx, held);
    let open = planned::open_of(state, rule, quiet, state.now());
    open.iter().any(|window| asked.is_below(&window.cis))
}

fn is_active(silence: &Silence, at: Timestamp) -> bool {
    silence.state(at) == SilenceState::Active
}

/// An alert about which silences are asked.
struct Asked<'a> {
    ctx: &'a Context,
    around: Surroundings<'a>,
    ci: Option<CiId>,
    /// Names of the sources that say it.
    sources: Vec<&'a str>,
    /// Names of the CIs it suffers from, its own included; worked out for the first window.
    above: OnceCell<Vec<&'a str>>,
}

impl<'a> Asked<'a> {
    fn new(state: &'a State, ctx: &'a Context, held: &'a Held) -> Self {
        let leases = held.state.leases.iter();
        let name = |source: SourceId| state.counters.sources.get(usize::from(source.0));
        let sources = leases.filter_map(|lease| name(lease.source).map(|name| &**name)).collect();
        let around = state.around(ctx, held);
        Self { ctx, around, ci: held.ci, sources, above: OnceCell::new() }
    }

    fn is_covered(&self, silence: &Silenced) -> bool {
        let (record, subject) = (&silence.record, self.around.subject());
        self.is_said_by(record.source.as_deref())
            && self.is_below(&record.cis)
            && match &record.rule {
                None => silence.condition.holds(&subject),
                Some(rule) => self
                    .ctx
                    .rules
                    .find(rule)
                    .is_some_and(|rule| rule.kind.quiet().is_some() && rule.matches(&subject)),
            }
    }

    /// True when nobody but this source says it; so also when there is none to be.
    fn is_said_by(&self, source: Option<&str>) -> bool {
        source.is_none_or(|source| self.sources.iter().all(|it| *it == source))
    }

    /// True when it is about one of these CIs or suffers from it; so also when there is none.
    fn is_below(&self, cis: &[Box<str>]) -> bool {
        let is_one = |name: &&str| cis.binary_search_by(|ci| (**ci).cmp(name)).is_ok();
        cis.is_empty() || self.above.get_or_init(|| self.causes()).iter().any(is_one)
    }

    fn causes(&self) -> Vec<&'a str> {
        let Some(ci) = self.ci else { return Vec::new() };
        let topology = &self.ctx.topology;
        let follow = topology.all_relations();
        let walk = topology.walk(ci, Toward::Causes, follow, WINDOW_HOPS, WINDOW_NODES_MAX);
        walk.steps().iter().map(|step| &*topology.ci(step.ci).name).collect()
    }
}

/// Notes of an alert that begins to fire what holds it back.
pub(in crate::engine) fn hush(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    now: Timestamp,
) {
    let by = covering(state, ctx, alert, now);
    if !by.is_empty() {
        state.hushed.insert(alert);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.state.silenced_by = by;
    }
}

/// Looks again at windows and at what silences cover: rules or topology are others, or what rules add
/// to alerts.
pub(in crate::engine) fn reconfigure(state: &mut State, ctx: &Context, now: Timestamp) {
    planned::review(state, ctx, now);
    for alert in core::mem::take(&mut state.relabelled) {
        cover_alert(state, ctx, alert, now);
    }
    let could_differ = |it: &Silence| it.rule.is_some() || !it.cis.is_empty();
    let windows = state.silences.iter().filter(|(_, held)| could_differ(&held.record));
    for id in windows.map(|(id, _)| *id).collect::<Vec<_>>() {
        cover(state, ctx, id, now);
    }
    uncover(state, ctx, now, now);
}

/// Lets a silence that holds hold what fires already.
pub(super) fn cover(state: &mut State, ctx: &Context, id: SilenceId, at: Timestamp) {
    let Some(silence) = state.silences.get(&id).filter(|held| is_active(&held.record, at)) else {
        return;
    };
    let mut found: Vec<Fingerprint> = state
        .alerts
        .iter()
        .filter(|(_, held)| held.state.fires() && !held.state.silenced_by.contains(&id))
        .filter(|(_, held)| Asked::new(state, ctx, held).is_covered(silence))
        .map(|(alert, _)| *alert)
        .collect();
    found.sort_unstable();
    for alert in found {
        cover_alert(state, ctx, alert, at);
    }
}

/// Lets silences hold one alert that fires already.
fn cover_alert(state: &mut State, ctx: &Context, alert: Fingerprint, at: Timestamp) {
    let by = covering(state, ctx, alert, at);
    let fires = state.alerts.get(&alert).filter(|held| held.state.fires());
    let Some(held) = fires.filter(|held| !by.is_empty() && held.state.silenced_by != by) else {
        return;
    };
    let was_audible = held.state.is_audible();
    recount(state, ctx, alert, |of| of.silenced_by = by);
    state.hushed.insert(alert);
    if was_audible {
        unsettle(state, alert);
    }
}

/// Lets go what no silence holds any more, and tells of it together.
fn uncover(state: &mut State, ctx: &Context, at: Timestamp, now: Timestamp) {
    let mut raised = Vec::new();
    for alert in state.hushed.clone() {
        let by = covering(state, ctx, alert, at);
        let Some(held) = state.alerts.get(&alert) else { continue };
        if held.state.silenced_by == by {
            continue;
        }
        if by.is_empty() {
            state.hushed.remove(&alert);
        }
        recount(state, ctx, alert, |of| of.silenced_by = by);
        if state.alerts.get(&alert).is_some_and(|held| held.state.is_audible()) {
            unsettle(state, alert);
            raised.push(alert);
        }
    }
    raise(state, ctx, &Raised { alerts: &raised, that: "that a silence held back" }, now);
}
