//! Who is suspected: blame flows from each alert down to what its CI depends on.
//!
//! A CI is the likelier the cause the more *different* places blame it and the nearer it is below
//! them; further alerts of the same place say less and less. CIs that do not alert are ranked like
//! all others.

use core::hint::black_box;
use std::collections::BTreeMap;

use super::places;
use crate::cmdb::{CiId, Ties, WHOLE};
use crate::engine::context::Context;
use crate::engine::state::{Held, State};
use crate::engine::suspects::{self, Candidate, Ranking};
use crate::model::incident::{IncidentId, Suspect};
use crate::model::labels::Fingerprint;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::rules::Related;

/// Members that are asked, the first ones.
const MEMBERS_MAX: usize = 500;

/// Suspects that are named.
const SUSPECTS_MAX: usize = 5;

/// Alerts of the same place that are heard.
const REPEATS_MAX: usize = 8;

/// The severity of an alert that only informs.
const INFORMATION: &str = "info";

/// Ranks the suspects of an incident that likelihood gathered, and makes the alert of the likeliest
/// one its root: when it has grown by an eighth since the last time.
pub(in crate::engine) fn rank(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    let Some(case) = state.incidents.get(&id) else { return };
    let record = &case.record;
    let rule = record.rule.as_deref().and_then(|name| ctx.rules.find(name));
    let Some((rule, kind)) = rule.and_then(|rule| Some((rule, rule.kind.related()?))) else {
        return;
    };
    if record.ranked_at > 0 && !suspects::has_grown(record) {
        return;
    }
    // Not: once somebody has it. A new root can mean another team.
    let may_change = matches!(record.progress, Progress::New);
    let asked = Asked { ctx, kind, ties: ctx.ties };
    let ranked = most_blamed(state, &asked, id);
    let root = ranked.first().filter(|_| may_change);
    let root = root.and_then(|(ci, _)| alert_of(state, &asked, id, *ci));
    let suspects = ranked.into_iter().map(|(_, suspect)| suspect).collect();
    suspects::accuse(state, ctx, id, Ranking { rule: &rule.name, suspects, root }, now);
}

struct Asked<'a> {
    ctx: &'a Context,
    kind: &'a Related,
    ties: Ties,
}

/// Returns the CIs most to blame, the likeliest first.
fn most_blamed(state: &State, asked: &Asked<'_>, id: IncidentId) -> Vec<(CiId, Suspect)> {
    let weights = &asked.ctx.weights;
    // How loud each place blames, by service: whom it blames is the same for all alerts of it.
    let mut voices: BTreeMap<CiId, Vec<f64>> = BTreeMap::new();
    for held in members_of(state, asked, id) {
        let blamed = blamed(asked, held);
        let subject = held.subject(asked.ctx);
        let weight = if subject.severity == INFORMATION { weights.informs } else { 1.0 };
        let own = weight / f64::from(u32::try_from(blamed.len()).unwrap_or(1).max(1));
        for service in blamed {
            voices.entry(service).or_default().push(own);
        }
    }
    let of = u32::try_from(voices.len()).unwrap_or(u32::MAX);
    let share = of_whole(weights.blame);
    let mut scores: BTreeMap<CiId, (f64, u32)> = BTreeMap::new();
    for (service, mut heard) in voices {
        heard.sort_unstable_by(|a, b| b.total_cmp(a));
        heard.truncate(REPEATS_MAX);
        for (ci, blame) in asked.ctx.topology.blamed(service, asked.ties, share) {
            let (score, explains) = scores.entry(ci).or_default();
            let votes = heard.iter().map(|own| own * f64::from(blame) / f64::from(WHOLE));
            let says = core::iter::successors(Some(1.0), |says| Some(says * weights.repeated));
            *score += votes.zip(says).map(|(v, w)| v * w).sum::<f64>();
            *explains += 1;
        }
    }
    let candidates = scores.into_iter().map(|(ci, (blame, explains))| Candidate {
        ci,
        blame,
        hops: 0,
        explains,
    });
    let most = SUSPECTS_MAX;
    let of = suspects::Asked { id, of, most };
    suspects::likeliest(state, &asked.ctx.topology, candidates, of)
}

/// Returns the first members of an incident. What is asked of each lies elsewhere in memory, and is read
/// ahead for all of them: the alerts, then what they say and where they are.
fn members_of<'s>(state: &'s State, asked: &Asked<'_>, id: IncidentId) -> Vec<&'s Held> {
    let members: Vec<Fingerprint> = state.members(id).take(MEMBERS_MAX).collect();
    let members = members.iter().filter_map(|alert| state.alerts.get(alert));
    let members: Vec<&Held> = members.collect();
    for held in &members {
        black_box(held.ci);
    }
    for held in &members {
        black_box(held.labels.iter().next().map(|(name, value)| (name.len(), value.len())));
    }
    asked.ctx.topology.read_ahead(members.iter().filter_map(|held| held.ci));
    members
}

/// Returns a share of the blame in the units of [`WHOLE`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to WHOLE")]
fn of_whole(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(WHOLE)) as u32
}

/// Returns the services that an alert blames: of those it names the ones that depend on no other
/// of them.
fn blamed(asked: &Asked<'_>, held: &Held) -> Vec<CiId> {
    let topology = &asked.ctx.topology;
    let named = held.ci.into_iter().chain(places::peers_of(topology, held, asked.kind));
    let mut services = Vec::new();
    for service in named.map(|ci| topology.service_of(ci, asked.ties)) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    places::deepest(asked.ctx, &services)
}

/// Returns the first alert of a CI or of what runs it.
fn alert_of(state: &State, asked: &Asked<'_>, id: IncidentId, ci: CiId) -> Option<Fingerprint> {
    let topology = &asked.ctx.topology;
    let service = topology.service_of(ci, asked.ties);
    let is_of = |alert: &Fingerprint| {
        let at = state.alerts.get(alert).and_then(|held| held.ci);
        at.is_some_and(|at| at == ci || topology.service_of(at, asked.ties) == service)
    };
    state.members(id).take(MEMBERS_MAX).find(is_of)
}
