//! Sequences: alerts that began in the order of a rule's steps become one incident.
//!
//! Only beginnings count, not whether an earlier step still fires. An alert that began more than
//! once counts from its last beginning.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{KeyHash, set_root, take_over};
use crate::engine::State;
use crate::engine::context::Context;
use crate::engine::correlate::incident_of;
use crate::engine::pending::Told;
use crate::engine::unite::{self, Adoption};
use crate::model::alert::Join;
use crate::model::incident::{IncidentId, Storm};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{RootStep, Rule, Sequence};

/// What is kept for one key: by step, which alerts began when.
#[derive(Debug, Default)]
pub(in crate::engine) struct Track {
    rule: Arc<str>,
    steps: Vec<BTreeSet<(Timestamp, Fingerprint)>>,
}

type Began = (Timestamp, Fingerprint);

impl Track {
    pub(super) fn name(&mut self, rule: &Arc<str>, steps: usize) {
        if self.steps.is_empty() {
            self.rule = Arc::clone(rule);
            self.steps.resize_with(steps, BTreeSet::new);
        }
    }

    pub(super) fn rule(&self) -> &str {
        &self.rule
    }

    pub(super) fn began(&mut self, step: usize, at: Timestamp, alert: Fingerprint) {
        if let Some(step) = self.steps.get_mut(step) {
            step.insert((at, alert));
        }
    }

    pub(super) fn remove(&mut self, step: usize, at: Timestamp, alert: Fingerprint) {
        if let Some(step) = self.steps.get_mut(step) {
            step.remove(&(at, alert));
        }
    }

    /// Forgets what began too long ago for any sequence to come.
    pub(super) fn evict(&mut self, within: core::time::Duration, now: Timestamp) {
        for step in &mut self.steps {
            step.retain(|(at, _)| now < at.plus(within));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.steps.iter().all(BTreeSet::is_empty)
    }

    /// Returns one alert for each step, in the order of the steps, that ends with `last`: of each
    /// earlier step the last one that began before, so that the whole is as short as can be.
    fn chain(&self, last: Began, kind: &Sequence) -> Option<Vec<Began>> {
        let mut chain = vec![last];
        for step in self.steps.iter().rev().skip(1) {
            let before = chain.last()?.0;
            let mut earlier = step.range(..=(before, Fingerprint(u64::MAX))).rev();
            let unused = |it: &&Began| chain.iter().all(|(_, alert)| *alert != it.1);
            let found = *earlier.find(unused)?;
            chain.push(found);
        }
        let (first, _) = *chain.last()?;
        chain.reverse();
        (last.0 < first.plus(kind.within)).then_some(chain)
    }
}

/// Makes one incident of what an alert that has just begun is the last step of.
pub(super) fn complete(state: &mut State, ctx: &Context, alert: Fingerprint, now: Timestamp) {
    let Some(slots) = state.alerts.get(&alert).and_then(|held| held.slots.as_deref()) else {
        return;
    };
    if slots.steps.is_empty() || slots.began != now {
        return;
    }
    let steps: Vec<(KeyHash, usize)> = slots.steps.clone();
    for (key, step) in steps {
        let Some(track) = state.gathering.sequences.get(&key) else { continue };
        let Some(rule) = ctx.rules.find(&track.rule) else { continue };
        let Some(kind) = rule.kind.sequence().filter(|kind| step + 1 == kind.steps.len()) else {
            continue;
        };
        if let Some(chain) = track.chain((now, alert), kind) {
            unite(state, ctx, (rule, kind), &chain, now);
        }
    }
}

/// Makes the incidents of these alerts one: the oldest survives.
fn unite(
    state: &mut State,
    ctx: &Context,
    (rule, kind): (&Rule, &Sequence),
    chain: &[Began],
    now: Timestamp,
) {
    let mut found: Vec<(IncidentId, Fingerprint)> = chain
        .iter()
        .filter_map(|(_, alert)| Some((incident_of(state, *alert)?, *alert)))
        .filter(|(id, _)| is_free(state, *id))
        .collect();
    let Some(eldest) = found.iter().map(|(id, _)| *id).min() else { return };
    let Some(record) = state.incidents.get(&eldest).map(|case| &case.record) else { return };
    found.retain(|(id, _)| !record.apart_from.contains(id));
    let is_new = record.rule.as_ref() != Some(&rule.name);
    let others: BTreeSet<IncidentId> =
        found.iter().map(|(id, _)| *id).filter(|id| *id != eldest).collect();
    if !is_new && others.is_empty() {
        return;
    }
    let named = kind.steps.iter().zip(chain);
    let named: Vec<String> = named.map(|(step, (at, _))| format!("{} {at}", step.name)).collect();
    let steps = named.join(", then ");
    let text = format!("rule {}: {steps}", rule.name);
    state.pending.tell(eldest, now, Told { what: Happening::Sequence, text, path: None });
    take_over(state, ctx, eldest, rule);
    for child in others {
        let join = Join::Sequence { rule: Arc::clone(&rule.name), steps: steps.as_str().into() };
        unite::subordinate(state, ctx, Adoption { parent: eldest, child, join }, now);
    }
    let root = match kind.root {
        RootStep::First => found.first(),
        RootStep::Last => found.last(),
    };
    if let Some((_, root)) = root {
        set_root(state, ctx, eldest, *root);
    }
}

/// True when an incident is open and no storm, whose members explain nothing of each other.
fn is_free(state: &State, id: IncidentId) -> bool {
    let storm = state.incidents.get(&id).and_then(|case| case.record.storm.as_ref());
    state.is_open(id) && !storm.is_some_and(Storm::is_active)
}
