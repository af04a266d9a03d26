//! Correlation by likelihood: which open incident explains a new alert best, by time, place and what
//! was learned. The last of the stages of [`super::correlate`]: it asks only what no rule explains.
//!
//! Nothing here looks at all incidents: each place knows the few incidents that were active there
//! last. Where they are follows from the places that incidents are stored with and from the alerts
//! that fire; what was learned is stored. Read `score` for the formula, `places` for where an alert
//! is and `balls` for what lies around it, `standing` for where incidents are, `learned`, then `rank`
//! for the suspects, `perhaps` for what fits two incidents, and `part` for what outlives its root;
//! `restand` when the topology is another.

mod balls;
mod learned;
mod part;
mod perhaps;
mod places;
mod rank;
mod restand;
mod score;
mod standing;

use core::hint::black_box;
use core::time::Duration;
#[cfg(test)]
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::State;
use super::context::Context;
use super::sparse::Sparse;
use super::state::Case;
use crate::cmdb::{CiId, Topology};
use crate::model::alert::Join;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{Related, Rule};

use balls::Balls;
pub(super) use learned::{Joined, Learned};
pub(super) use part::{part_if_due, watch_root};
pub(super) use perhaps::suggest;
use places::{Place, Presence};
pub(super) use rank::rank;
pub(super) use restand::{Stand, keys_of, restand};
use score::{Burns, Evidence};
use standing::{Spot, leave, stand, top};
pub(super) use standing::{Standing, closed, index_places};

/// Ticks after which a root that has fired all the time burns slowly. Faults that follow one another
/// on the same services do so within 20 ticks in the labelled recordings, and are to stay apart: with
/// 15 the pairwise F1 of concurrent faults is .66, with 20 and more .91.
const SLOW_TICKS: u32 = 30;

/// The labels that name an alert and its source.
const ALERTNAME: &str = "alertname";
const JOB: &str = "job";

/// Where incidents are, and what was learned.
#[derive(Debug, Default)]
pub(super) struct Likelihood {
    pub(super) learned: Learned,
    spots: Sparse<SmallVec<[Spot; 1]>>,
    /// How many alerts of an incident fire at a place that does not remember the incident; where any
    /// does. Only asked, never iterated.
    elsewhere: HashMap<(u64, IncidentId), u32, FixedState>,
    balls: Balls,
}

impl Likelihood {
    /// Reads what is asked of a CI as a place; yields the incidents that are there.
    pub(super) fn read_ahead(
        &self,
        topology: &Topology,
        ci: CiId,
    ) -> impl Iterator<Item = IncidentId> {
        self.read_place_ahead(places::key_of(topology, ci))
    }

    /// Reads what lies around a CI, as far as it is known.
    pub(super) fn read_around_ahead(&self, ci: CiId) {
        self.balls.read_ahead(ci);
    }

    fn read_place_ahead(&self, key: u64) -> impl Iterator<Item = IncidentId> {
        self.learned.read_ahead(key);
        self.spots.get(key).into_iter().flatten().map(|spot| spot.incident)
    }
}

#[cfg(test)]
impl Likelihood {
    /// Returns how many alerts of which incidents fire at each place, in an order of its own.
    pub(super) fn burning(&self) -> BTreeMap<(u64, IncidentId), u32> {
        let mut all: BTreeMap<(u64, IncidentId), u32> =
            self.elsewhere.iter().map(|(at, count)| (*at, *count)).collect();
        for (key, spots) in self.spots.iter() {
            let firing = spots.iter().filter(|spot| spot.firing > 0);
            all.extend(firing.map(|spot| ((key, spot.incident), spot.firing)));
        }
        all
    }
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
    /// The CI where the incident is.
    ci: Option<CiId>,
}

impl Found {
    /// True when the incident is found here rather than there: where it is nearer, and of two places
    /// that are as near where it burns, whichever of them is listed first.
    fn beats(&self, other: &Self) -> bool {
        let burns = |it: &Self| it.evidence.burns_here == Burns::Yes;
        self.near > other.near || self.near >= other.near && burns(self) && !burns(other)
    }
}

/// The open incident that explains an alert best.
pub(super) struct Explanation {
    pub(super) incident: IncidentId,
    pub(super) join: Join,
    /// The one that would have explained it had there been no better, and how sure that is.
    pub(super) second: Option<(IncidentId, u8)>,
}

/// An incident that explains an alert better than chance.
#[derive(Clone, Copy)]
struct Weighed {
    /// What speaks for it alone.
    fit: f64,
    /// What speaks for it and for joining anything at all.
    weight: f64,
    active_at: Timestamp,
    id: IncidentId,
    found: Found,
}

impl Weighed {
    fn beats(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|it| {
            self.fit > it.fit || self.fit >= it.fit && self.active_at > it.active_at
        })
    }
}

/// Where an alert is, by a rule that gathers by likelihood.
pub(super) struct Located<'a> {
    rule: &'a Rule,
    kind: &'a Related,
    places: Vec<Place>,
}

/// Finds out where an alert is: for [`explained`], and then for [`began`].
pub(super) fn locate<'a>(
    state: &State,
    ctx: &Context,
    alert: Fingerprint,
    (rule, kind): (&'a Rule, &'a Related),
) -> Located<'a> {
    let held = state.alerts.get(&alert);
    let places = held.map(|held| places::places(ctx, held, kind, &state.likelihood.learned));
    Located { rule, kind, places: places.unwrap_or_default() }
}

/// Finds the open incident that explains an alert best, if any does better than chance; of equal
/// ones the one that was active last, then the oldest.
pub(super) fn explained(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    located: &Located<'_>,
    now: Timestamp,
) -> Option<Explanation> {
    let Located { rule, kind, places } = located;
    let held = state.alerts.get(&alert)?;
    if kind.never_absorbs(&state.around(ctx, held).subject()) {
        return None;
    }
    let source = held.labels.get(JOB).unwrap_or("");
    let habit = state.likelihood.learned.role(held.labels.get(ALERTNAME).unwrap_or(""));
    let resolving = state.likelihood.learned.is_resolving(source);
    let mut asked = Asked {
        tick_ms: state.likelihood.learned.tick_ms(source),
        max_age: kind.max_age,
        own: held.state.incident.and_then(|own| state.top(own)),
        now,
        found: SmallVec::new(),
    };
    for (index, place) in places.iter().enumerate() {
        look_around(state, ctx, (index, place), &mut asked);
    }
    let silent =
        Duration::from_millis(u64::from(asked.tick_ms) * u64::from(score::CALM_AFTER_TICKS));
    let (mut best, mut second): (Option<Weighed>, Option<Weighed>) = (None, None);
    // The oldest first, so that it wins among those that explain it equally well; and stable, so that
    // of places that are as good the first does.
    asked.found.sort_by_key(|(id, _)| *id);
    asked.found.dedup_by(|(id, later), (known, best)| {
        if id == known && later.beats(best) {
            *best = *later;
        }
        id == known
    });
    for (id, found) in asked.found {
        let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { continue };
        let burns = record.firing > 0 && (resolving || now < record.active_at.plus(silent));
        let burns = if burns { Burns::Yes } else { Burns::No };
        let fit = found.evidence.fit(&ctx.weights, kind.odds, burns);
        let weight = fit + found.evidence.habit(&ctx.weights, habit);
        let one = Weighed { fit, weight, active_at: record.active_at, id, found };
        // Not by habit: a name that uses to follow says that something is followed, not what.
        if weight <= 0.0 {
            continue;
        }
        if one.beats(best.as_ref()) {
            second = best.replace(one);
        } else if one.beats(second.as_ref()) {
            second = Some(one);
        }
    }
    let Weighed { weight, active_at, id, found, .. } = best?;
    let place = places.get(found.place)?;
    let name = place.name(ctx, state.alerts.get(&alert)?, kind);
    let join = Join::Related {
        rule: Arc::clone(&rule.name),
        place: places::far(found.distance, &name).into(),
        silence_ms: now.since(active_at).as_millis().try_into().unwrap_or(u64::MAX),
        expected_ms: Some(found.evidence.expected_ms(&ctx.weights)),
        confidence: score::confidence(weight, ways(ctx, place.ci(), found.ci)),
    };
    let second = second.map(|it| {
        let ci = places.get(it.found.place).and_then(Place::ci);
        (it.id, score::confidence(it.weight, ways(ctx, ci, it.found.ci)))
    });
    Some(Explanation { incident: id, join, second })
}

/// Counts the short ways between two CIs; one where there is nothing to count.
fn ways(ctx: &Context, one: Option<CiId>, other: Option<CiId>) -> usize {
    let both = one.zip(other).filter(|(one, other)| one != other);
    both.map_or(1, |(one, other)| ctx.topology.short_ways(one, other))
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
    if burns_slowly(state, own, alert, now) {
        learn(state, alert, Joined::Open);
        return false;
    }
    let Some(held) = state.alerts.get(&alert) else { return false };
    let matching = ctx.rules.matching(&state.around(ctx, held).subject());
    let Some(rule) = rule_of(&matching) else { return false };
    let located = locate(state, ctx, alert, rule);
    let found = explained(state, ctx, alert, &located, now);
    let stays = found.is_some_and(|found| found.incident == own);
    if stays {
        learn(state, alert, Joined::Open);
    }
    !stays
}

/// True when the root of an alert's own incident has fired for so long without a break that the
/// incident takes in hardly anything new: what belonged to it and comes again while that fires on
/// belongs to it still.
fn burns_slowly(state: &State, own: IncidentId, alert: Fingerprint, now: Timestamp) -> bool {
    let root = state.incidents.get(&own).map(|case| case.record.root.alert);
    let root = root.filter(|root| *root != alert).and_then(|root| state.alerts.get(&root));
    let Some(root) = root.filter(|held| held.state.fires() && state.is_open(own)) else {
        return false;
    };
    let tick_ms = state.likelihood.learned.tick_ms(root.labels.get(JOB).unwrap_or(""));
    let slow = Duration::from_millis(u64::from(tick_ms) * u64::from(SLOW_TICKS));
    now >= root.state.first_seen.plus(slow)
}

struct Asked {
    tick_ms: u32,
    max_age: Duration,
    /// What the alert was part of when it fired before.
    own: Option<IncidentId>,
    now: Timestamp,
    /// Each incident once for each place where it is found.
    found: SmallVec<[(IncidentId, Found); 4]>,
}

/// Looks for incidents at one place of an alert and around it.
fn look_around(
    state: &mut State,
    ctx: &Context,
    (index, place): (usize, &Place),
    asked: &mut Asked,
) {
    look_at(state, ctx, (index, place.ci(), place.key, place.distance), asked);
    let Some(ci) = place.ci() else { return };
    let ball = state.likelihood.balls.around(&ctx.topology, ci);
    let near = ball.iter().skip(1).filter(|near| state.likelihood.spots.may_have(near.mark()));
    // All names first: each is far away in memory, and so they are waited for together.
    let near: SmallVec<[(CiId, u64, u32); 8]> = near
        .map(|near| {
            let key = places::key_of(&ctx.topology, near.ci);
            (near.ci, key, place.distance + near.distance())
        })
        .collect();
    // Then what stands there, likewise.
    for (_, key, _) in &near {
        for incident in state.likelihood.read_place_ahead(*key) {
            black_box(state.incidents.get(&incident).map(|case| case.record.active_at));
        }
    }
    for (near, key, distance) in near {
        look_at(state, ctx, (index, Some(near), key, distance), asked);
    }
}

fn look_at(
    state: &State,
    ctx: &Context,
    (index, ci, key, distance): (usize, Option<CiId>, u64, u32),
    asked: &mut Asked,
) {
    let Some(spots) = state.likelihood.spots.get(key) else { return };
    let familiarity = state.likelihood.learned.familiarity(key);
    for spot in spots {
        let Some((id, record)) = top(&state.incidents, spot.incident) else { continue };
        if !record.progress.is_open() || asked.now >= record.opened_at.plus(asked.max_age) {
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
            familiarity,
        };
        let near = evidence.near(&ctx.weights);
        asked.found.push((id, Found { near, evidence, place: index, distance, ci }));
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
    alert: Fingerprint,
    Located { kind, places, .. }: &Located<'_>,
    now: Timestamp,
) {
    withdraw(state, alert);
    let Some(held) = state.alerts.get(&alert) else { return };
    let likelihood = &mut state.likelihood;
    let source = held.labels.get(JOB).unwrap_or("");
    likelihood.learned.interval(source, now.millis() - held.state.end_heard_at.millis());
    if held.ci.is_none() {
        likelihood.learned.carried(&places::value_keys(held, kind));
    }
    let Some(incident) = held.state.incident else { return };
    let keys = keys(places);
    for key in stand(state, incident, &keys, now) {
        state.likelihood.learned.touched(key);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.standing = Some(Standing::new(incident, &keys));
    }
}

fn keys(places: &[Place]) -> Box<[u64]> {
    let suffering = places.iter().filter(|place| place.presence == Presence::Suffers);
    suffering.map(|place| place.key).collect()
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

/// Counts an alert out of its places that is part of no incident any more, or is to be counted anew.
pub(super) fn withdraw(state: &mut State, alert: Fingerprint) {
    let standing = state.alerts.get_mut(&alert).and_then(|held| held.standing.take());
    if let Some(standing) = standing {
        leave(state, &standing);
    }
}

/// Takes an alert along that is now part of another incident.
pub(super) fn moved(state: &mut State, alert: Fingerprint, to: IncidentId, now: Timestamp) {
    let Some(held) = state.alerts.get_mut(&alert) else { return };
    let Some(standing) = held.standing.take() else { return };
    leave(state, &standing);
    drop(stand(state, to, standing.keys(), now));
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.standing = Some(Standing::new(to, standing.keys()));
    }
}

/// Forgets where incidents are; [`index_places`] and [`index`] find it out again.
pub(super) fn clear(state: &mut State) {
    state.likelihood.spots.clear();
    state.likelihood.elsewhere.clear();
    state.likelihood.balls = Balls::default();
}

/// Counts a firing alert at its places again. Learns nothing: that is stored.
pub(super) fn index(state: &mut State, ctx: &Context, alert: Fingerprint, kind: &Related) {
    let Some(held) = state.alerts.get(&alert).filter(|held| held.state.fires()) else { return };
    let Some(incident) = held.state.incident else { return };
    let keys = keys(&places::places(ctx, held, kind, &state.likelihood.learned));
    for key in &keys {
        state.likelihood.fires(*key, incident);
    }
    if let Some(held) = state.alerts.get_mut(&alert) {
        held.standing = Some(Standing::new(incident, &keys));
    }
}
