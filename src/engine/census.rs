//! Counts what fires, for rules that ask how many there are.
//!
//! Kept up as alerts begin, end, change severity or are bound otherwise, so that a question is one
//! look-up however much fires. An alert costs something only where a counter looks at it. Derived:
//! made anew from the firing alerts by [`recount`].

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::State;
use super::context::Context;
use crate::model::labels::Fingerprint;
use crate::rules::{CounterId, Tallied};

/// What fires, by what the rules in force count.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// By counter, by key: how many firing alerts have each value. Only asked, never iterated.
    counts: Vec<HashMap<Box<str>, BTreeMap<Box<str>, u32>, RandomState>>,
    /// What each alert was counted as, so that it can be taken back whatever it has become since.
    tallied: HashMap<Fingerprint, Box<[Tallied]>, RandomState>,
}

impl Census {
    /// Returns how many different values a counter has under a key.
    pub(super) fn count(&self, counter: CounterId, key: &str) -> usize {
        self.counts.get(counter.0).and_then(|keys| keys.get(key)).map_or(0, BTreeMap::len)
    }

    /// Returns what is counted in an order of its own.
    #[cfg(test)]
    pub(super) fn sorted(&self) -> BTreeMap<(usize, &str), &BTreeMap<Box<str>, u32>> {
        let counters = self.counts.iter().enumerate();
        let all = counters
            .flat_map(|(at, keys)| keys.iter().map(move |(key, values)| ((at, &**key), values)));
        all.collect()
    }

    /// Counts an alert as this, and no longer as what it was counted as before.
    fn put(&mut self, alert: Fingerprint, as_what: Box<[Tallied]>) {
        self.take(alert);
        for Tallied { counter, key, value } in &as_what {
            if self.counts.len() <= counter.0 {
                self.counts.resize_with(counter.0 + 1, HashMap::default);
            }
            if let Some(keys) = self.counts.get_mut(counter.0) {
                *keys.entry(key.clone()).or_default().entry(value.clone()).or_default() += 1;
            }
        }
        if !as_what.is_empty() {
            self.tallied.insert(alert, as_what);
        }
    }

    /// Counts an alert no longer.
    fn take(&mut self, alert: Fingerprint) {
        for Tallied { counter, key, value } in self.tallied.remove(&alert).iter().flatten() {
            let Some(keys) = self.counts.get_mut(counter.0) else { continue };
            let Some(values) = keys.get_mut(key) else { continue };
            if let Some(count) = values.get_mut(value) {
                *count -= 1;
                if *count == 0 {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                keys.remove(key);
            }
        }
    }
}

/// Counts an alert as what it is now: when it begins to fire, and when its severity changes.
pub(super) fn note(state: &mut State, ctx: &Context, alert: Fingerprint) {
    if !ctx.rules.counters().is_empty() {
        let tallied = tallied(state, ctx, alert);
        state.census.put(alert, tallied);
    }
}

/// Counts an alert no longer; it ended.
pub(super) fn leave(state: &mut State, alert: Fingerprint) {
    state.census.take(alert);
}

/// Counts all that fires anew: after a start, and when rules or topology are others.
pub(super) fn recount(state: &mut State, ctx: &Context) {
    state.census = Census::default();
    if ctx.rules.counters().is_empty() {
        return;
    }
    let mut alerts: Vec<Fingerprint> = state.alerts.keys().copied().collect();
    alerts.retain(|alert| state.alerts.get(alert).is_some_and(|held| held.state.fires()));
    for alert in alerts {
        note(state, ctx, alert);
    }
}

fn tallied(state: &State, ctx: &Context, alert: Fingerprint) -> Box<[Tallied]> {
    let Some(held) = state.alerts.get(&alert) else { return Box::default() };
    let around = state.around(ctx, held);
    ctx.rules.counters().tally(&around.subject()).collect()
}
