//! What outlives its root by far: when nothing of the root's CI, nor of what runs with it, has fired
//! for many ticks, what still fires elsewhere is another matter by now and goes on by itself.
//!
//! It cannot go to and fro: an incident is asked at most once in that many ticks, what went on is
//! kept apart from where it came from, and what parts again parts from fewer.

use core::time::Duration;

use super::super::context::Context;
use super::super::resolve::{self, Outlived};
use crate::cmdb::RELATION;
use crate::engine::State;
use crate::model::incident::{Incident, IncidentId, Storm};
use crate::model::labels::Fingerprint;
use crate::model::time::{Brief, Timestamp};

use super::JOB;

/// Begins to wait, when the root has ended, for what it leaves behind; stops when there is nothing
/// left to wait for.
pub(in crate::engine) fn watch_root(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let parts_at = record.likely.parts_at;
    let after = patience(state, ctx, record).filter(|_| {
        let root = state.alerts.get(&record.root.alert);
        record.firing > 0 && !root.is_some_and(|held| held.state.fires())
    });
    let next = after.map(|after| parts_at.unwrap_or_else(|| now.plus(after)));
    if next != parts_at
        && let Some(case) = state.change(id)
    {
        case.record.likely.parts_at = next;
    }
}

/// Returns how long an incident's root must be outlived; `None` when nothing parts.
fn patience(state: &State, ctx: &Context, record: &Incident) -> Option<Duration> {
    let rule = record.rule.as_deref().and_then(|rule| ctx.rules.find(rule))?;
    let ticks = rule.kind.related()?.part_after?;
    let root = state.alerts.get(&record.root.alert);
    let source = root.and_then(|held| held.labels.get(JOB)).unwrap_or("");
    let tick_ms = state.likelihood.learned.tick_ms(source);
    Some(Duration::from_millis(u64::from(tick_ms) * u64::from(ticks)))
}

/// Lets go on by itself what has outlived the root of an incident by far, if it is time to ask; true
/// when it did.
pub(in crate::engine) fn part_if_due(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    now: Timestamp,
) -> bool {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return false };
    if record.likely.parts_at.is_none_or(|at| at > now) {
        return false;
    }
    let after = patience(state, ctx, record);
    // Whoever has it sees what still fires, and is not to be called again for it.
    let stays = record.quiet
        || record.progress.holder().is_some()
        || record.storm.as_ref().is_some_and(Storm::is_active);
    let rule = record.rule.clone();
    let alerts = if stays || after.is_none() { Vec::new() } else { outliving(state, ctx, id) };
    let Some(case) = state.change(id) else { return false };
    case.record.likely.parts_at = after.map(|after| now.plus(after));
    let Some(after) = after.filter(|_| !alerts.is_empty()) else { return false };
    let because = format!("its root and what runs with it have been clear for {}", Brief(after));
    resolve::outlived(state, ctx, id, Outlived { alerts, rule, because }, now);
    true
}

/// Returns the members that fire away from the root, when none fires at it. What is not on the map
/// may be anywhere: then nothing parts.
fn outliving(state: &mut State, ctx: &Context, id: IncidentId) -> Vec<Fingerprint> {
    let root = state.incidents.get(&id).and_then(|case| case.record.root.ci.clone());
    let Some(root) = root.and_then(|root| ctx.topology.find(&root)) else { return Vec::new() };
    let ball = state.likelihood.balls.around(&ctx.topology, root);
    let with_root = |ci| ball.iter().any(|near| near.ci == ci && near.distance() < RELATION);
    let fires = |alert: &Fingerprint| state.alerts.get(alert).is_some_and(|h| h.state.fires());
    let firing: Vec<Fingerprint> = state.members(id).filter(fires).collect();
    let away = |alert: &Fingerprint| {
        let ci = state.alerts.get(alert).and_then(|held| held.ci);
        ci.is_some_and(|ci| !with_root(ci))
    };
    if firing.iter().all(away) { firing } else { Vec::new() }
}
