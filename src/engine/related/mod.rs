//! Correlation by likelihood: which open incident explains a new alert best, by time, place and what
//! was learned. The last of the stages of [`super::correlate`]: it asks only what no rule explains.
//!
//! Nothing here looks at all incidents: each place knows the few incidents that were active there
//! last. Where they are follows from the alerts that are held; what was learned is stored. Read
//! `score` for the formula, `places` for where an alert is, `learned`, then `rank` for the suspects.

mod learned;
mod places;
mod rank;
mod score;
mod sparse;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use super::context::Context;
use super::state::{Case, Held};
use crate::model::alert::Join;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{Related, Rule};

pub(super) use learned::{Joined, Learned};
use places::{Balls, Place, Presence};
pub(super) use rank::rank;
use score::{Burns, Evidence};
use sparse::Sparse;

/// Incidents that one place remembers; the one that was active there first gives way.
const SPOTS_MAX: usize = 8;

/// The labels that name an alert and its source.
const ALERTNAME: &str = "alertname";
const JOB: &str = "job";

/// Where incidents are, and what was learned.
#[derive(Debug, Default)]
pub(super) struct Likelihood {
    pub(super) learned: Learned,
    spots: Sparse<Vec<Spot>>,
    balls: Balls,
}

/// An incident at a place.
#[derive(Clone, Debug)]
struct Spot {
    incident: IncidentId,
    /// When an alert of it began there last.
    last: Timestamp,
    /// How many alerts of it fire there.
    firing: u32,
}

/// Where an alert was counted.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    incident: IncidentId,
    keys: Box<[u64]>,
}

/// Returns the first of the rules that gathers by likelihood.
pub(super) fn rule_of<'a>(matching: &[&'a Rule]) -> Option<(&'a Rule, &'a Related)> {
    matching.iter().find_map(|rule| Some((*rule, rule.kind.related()?)))
}

/// What is known of an incident by way of one place.
#[derive(Clone, Copy)]
struct Found {
    near: f64,
    evidence: Evidence,
    place: usize,
    distance: u32,
}

/// Finds the open incident that explains an alert best, if any does better than chance; of equal
/// ones the one that was active last, then the oldest.
pub(super) fn explained(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    (rule, kind): (&Rule, &Related),
    now: Timestamp,
) -> Option<(IncidentId, Join)> {
    let held = state.alerts.get(&alert)?;
    if kind.never_absorbs(&state.around(ctx, held).subject()) {
        return None;
    }
    let source = held.labels.get(JOB).unwrap_or("").to_owned();
    let habit = state.likelihood.learned.role(held.labels.get(ALERTNAME).unwrap_or(""));
    let places = places::places(ctx, held, kind, &state.likelihood.learned);
    let mut asked = Asked {
        tick_ms: state.likelihood.learned.tick_ms(&source),
        max_age: kind.max_age,
        own: held.state.incident.and_then(|own| state.top(own)),
        now,
        found: BTreeMap::new(),
    };
    for (index, place) in places.iter().enumerate() {
        look_around(state, ctx, (index, place), &mut asked);
    }
    let resolving = state.likelihood.learned.is_resolving(&source);
    let silent =
        Duration::from_millis(u64::from(asked.tick_ms) * u64::from(score::CALM_AFTER_TICKS));
    let mut best: Option<(f64, Timestamp, IncidentId, Found)> = None;
    for (id, found) in asked.found {
        let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { continue };
        let burns = record.firing > 0 && (resolving || now < record.active_at.plus(silent));
        let burns = if burns { Burns::Yes } else { Burns::No };
        let fit = found.evidence.fit(&ctx.weights, kind.odds, burns);
        let better = best.as_ref().is_none_or(|(most, active_at, _, _)| {
            fit > *most || (fit >= *most && record.active_at > *active_at)
        });
        // Not by habit: a name that uses to follow says that something is followed, not what.
        if fit + found.evidence.habit(&ctx.weights, habit) > 0.0 && better {
            best = Some((fit, record.active_at, id, found));
        }
    }
    let (fit, active_at, id, found) = best?;
    let weight = fit + found.evidence.habit(&ctx.weights, habit);
    let place = places.get(found.place)?;
    let join = Join::Related {
        rule: Arc::clone(&rule.name),
        place: places::far(found.distance, &place.name).into(),
        silence_ms: now.since(active_at).as_millis().try_into().unwrap_or(u64::MAX),
        confidence: score::confidence(weight),
    };
    Some((id, join))
}

/// True when an alert that fires again is better explained by something else than its own incident,
/// which was likelihood that gathered it: whether it is the same trouble again is a question like
/// any other.
pub(super) fn parts(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    own: IncidentId,
    now: Timestamp,
) -> bool {
    let by_likelihood = |case: &Case| {
        let rule = case.record.rule.as_deref().and_then(|name| ctx.rules.find(name));
        rule.is_some_and(|rule| rule.kind.related().is_some())
    };
    if !state.incidents.get(&own).is_some_and(by_likelihood) {
        return false;
    }
    let Some(held) = state.alerts.get(&alert) else { return false };
    let matching = ctx.rules.matching(&state.around(ctx, held).subject());
    let Some(rule) = rule_of(&matching) else { return false };
    let found = explained(state, ctx, alert, rule, now);
    let stays = found.is_some_and(|(id, _)| id == own);
    if stays {
        learn(state, alert, Joined::Open);
    }
    !stays
}

struct Asked {
    tick_ms: u32,
    max_age: Duration,
    /// What the alert was part of when it fired before.
    own: Option<IncidentId>,
    now: Timestamp,
    found: BTreeMap<IncidentId, Found>,
}

/// Looks for incidents at one place of an alert and around it.
fn look_around(
    state: &mut State,
    ctx: &Context,
    (index, place): (usize, &Place),
    asked: &mut Asked,
) {
    look_at(state, ctx, (index, place.key, place.distance), asked);
    let Some(ci) = place.ci else { return };
    let ball = state.likelihood.balls.around(&ctx.topology, ci);
    for (key, _, distance) in ball.iter().skip(1) {
        look_at(state, ctx, (index, *key, place.distance + distance), asked);
    }
}

fn look_at(
    state: &State,
    ctx: &Context,
    (index, key, distance): (usize, u64, u32),
    asked: &mut Asked,
) {
    for spot in state.likelihood.spots.get(&key).into_iter().flatten() {
        let Some(id) = state.top(spot.incident).filter(|id| state.is_open(*id)) else { continue };
        let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { continue };
        if asked.now >= record.opened_at.plus(asked.max_age) {
            continue;
        }
        let still = spot.firing > 0 || asked.own == Some(id) && record.firing > 0;
        let burns_here = if distance == 0 && still { Burns::Yes } else { Burns::No };
        let evidence = Evidence {
            tick_ms: asked.tick_ms.into(),
            distance,
            silence_ms: millis(asked.now, record.active_at),
            silence_here_ms: millis(asked.now, spot.last),
            age_ms: millis(asked.now, record.opened_at),
            burns_here,
            familiarity: state.likelihood.learned.familiarity(key),
        };
        let near = evidence.near(&ctx.weights);
        if asked.found.get(&id).is_none_or(|found| near > found.near) {
            asked.found.insert(id, Found { near, evidence, place: index, distance });
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "spans of days, not of ages")]
fn millis(now: Timestamp, then: Timestamp) -> f64 {
    now.since(then).as_millis() as f64
}

/// Learns from what an alert did when it came: it joined the incident it was explained by, or opened
/// one because nothing did.
pub(super) fn learn(state: &mut State, alert: Fingerprint, joined: Joined) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let name = held.labels.get(ALERTNAME).unwrap_or("");
    state.likelihood.learned.role_played(name, joined);
}

/// Counts an alert that began to fire at its places, for the incident it is part of.
pub(super) fn began(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    kind: &Related,
    now: Timestamp,
) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let likelihood = &mut state.likelihood;
    let source = held.labels.get(JOB).unwrap_or("");
    likelihood.learned.interval(source, now.millis() - held.state.end_heard_at.millis());
    if held.ci.is_none() {
        likelihood.learned.carried(&places::value_keys(held, kind));
    }
    let Some(incident) = held.state.incident else { return };
    let keys = keys(ctx, held, kind, &likelihood.learned);
    for key in stand(state, incident, &keys, now) {
        state.likelihood.learned.touched(key);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.standing = Some(Standing { incident, keys });
    }
}

fn keys(ctx: &Context, held: &Held, kind: &Related, learned: &Learned) -> Box<[u64]> {
    let places = places::places(ctx, held, kind, learned).into_iter();
    places.filter(|place| place.presence == Presence::Suffers).map(|place| place.key).collect()
}

/// Puts an incident at places; returns those where it was not before.
fn stand(state: &mut State, incident: IncidentId, keys: &[u64], now: Timestamp) -> Vec<u64> {
    let top = state.top(incident);
    let mut fresh = Vec::new();
    for key in keys {
        let mut spots = state.likelihood.spots.remove(key).unwrap_or_default();
        spots.retain(|spot| state.top(spot.incident).is_some_and(|id| state.is_open(id)));
        let known = spots.iter().any(|spot| state.top(spot.incident) == top);
        if let Some(spot) = spots.iter_mut().find(|spot| spot.incident == incident) {
            spot.last = now;
            spot.firing += 1;
        } else {
            if spots.len() >= SPOTS_MAX
                && let Some(oldest) =
                    (0..spots.len()).min_by_key(|at| spots.get(*at).map(|spot| spot.last))
            {
                spots.remove(oldest);
            }
            spots.push(Spot { incident, last: now, firing: 1 });
        }
        if !known {
            fresh.push(*key);
        }
        state.likelihood.spots.insert(*key, spots);
    }
    fresh
}

/// Counts an alert out of its places: it ended.
pub(super) fn ended(state: &mut State, alert: Fingerprint, now: Timestamp) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let Some(standing) = held.standing.take() else { return };
    let source = held.labels.get(JOB).unwrap_or("");
    let lasted = now.millis() - held.state.first_seen.millis();
    state.likelihood.learned.interval(source, lasted);
    state.likelihood.learned.resolves(source);
    leave(state, &standing);
}

fn leave(state: &mut State, standing: &Standing) {
    for key in &standing.keys {
        let spots = state.likelihood.spots.get_mut(key).into_iter().flatten();
        for spot in spots.filter(|spot| spot.incident == standing.incident) {
            spot.firing = spot.firing.saturating_sub(1);
        }
    }
}

/// Takes an alert along that is now part of another incident.
pub(super) fn moved(state: &mut State, alert: Fingerprint, to: IncidentId, now: Timestamp) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let Some(standing) = held.standing.take() else { return };
    leave(state, &standing);
    drop(stand(state, to, &standing.keys, now));
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.standing = Some(Standing { incident: to, keys: standing.keys });
    }
}

/// Forgets where incidents are; [`index`] finds it out again.
pub(super) fn clear(state: &mut State) {
    state.likelihood.spots.clear();
    state.likelihood.balls = Balls::default();
}

/// Counts a held alert at its places again. Learns nothing: that is stored.
pub(super) fn index(state: &mut State, ctx: &Context, alert: Fingerprint, kind: &Related) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let Some(incident) = held.state.incident else { return };
    let (fires, began) = (held.state.fires(), held.state.first_seen);
    let keys = keys(ctx, held, kind, &state.likelihood.learned);
    drop(stand(state, incident, &keys, began));
    let standing = Standing { incident, keys };
    if fires {
        if let Some(held) = state.alerts.get_mut(&alert) {
            held.standing = Some(standing);
        }
    } else {
        leave(state, &standing);
    }
}
