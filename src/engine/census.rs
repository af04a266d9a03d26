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

/// How many firing alerts have each value.
type Values = BTreeMap<Box<str>, u32>;

/// What fires, by what the rules in force count.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// By counter, by key: how many firing alerts have each value. Only asked, never iterated.
    counts: Vec<HashMap<Box<str>, Values, RandomState>>,
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
    pub(super) fn sorted(&self) -> BTreeMap<(usize, &str), &Values> {
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
    ctx.rules.counters().tally(&around.subject(), alert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::{Topology, import};
    use crate::engine::changes::Saved;
    use crate::engine::context::Limits;
    use crate::engine::event::Event;
    use crate::engine::rebind::Forecast;
    use crate::ingest::{Format, Limits as IngestLimits, Terms, decode};
    use crate::model::time::Timestamp;
    use crate::rules::{SourceFile, load};
    use core::time::Duration;
    use proptest::prelude::*;
    use std::sync::Arc;

    const RULES: &str = r#"
version: 1
namespace: t
rules:
  - name: many
    owner: dc
    when:
      - any:
          - count: {of: alerts, at_least: 3}
          - count: {of: ci, where: 'severity="critical"', same: [ci.class, site], at_least: 2}
          - count: {of: site, where: {not: 'ci.class="pdu"'}, below: 2}
          - count: {of: ci, where: 'service.tier="1"', at_least: 2}
    group: {by: [site]}
"#;

    const CMDB: &str = "
cis: {c0: {class: pdu}, c1: {class: server}, c2: {class: server}, shop: {class: service, tier: 1}}
relations: [c1 -supports-> shop]
";

    const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

    fn context() -> Context {
        let file = SourceFile { name: "t.yaml".into(), text: RULES.into() };
        let rows = import::read(CMDB, "c.yaml").unwrap();
        let topology = Topology::build(1, &rows).unwrap();
        Context::new(Arc::new(load(&[file]).set.unwrap()), Arc::new(topology), Limits::default())
    }

    /// A CI, a site, a severity, whether it is over, and how long its source vouches for it.
    type Said = (usize, usize, usize, bool, u64);

    fn event((ci, site, severity, over, lease): Said, now: Timestamp) -> Event {
        let status = if over { "resolved" } else { "firing" };
        let severity = ["minor", "critical"][severity];
        let body = format!(
            r#"{{"status":"{status}","severity":"{severity}","labels":{{"alertname":"A","ci":"c{ci}","site":"s{site}"}}}}"#
        );
        let limits = IngestLimits::default();
        let terms = Terms { received: now, lease: Duration::from_secs(lease), limits: &limits };
        let decoded = decode(Format::Native, body.as_bytes(), &terms).unwrap();
        Event::Received { source: "t".into(), occurrences: decoded.occurrences }
    }

    fn owned(state: &State) -> Vec<(usize, String, Values)> {
        let sorted = state.census.sorted().into_iter();
        sorted.map(|((at, key), all)| (at, key.to_owned(), all.clone())).collect()
    }

    proptest! {
        #[test]
        fn what_is_kept_up_is_what_is_counted_anew(
            said in prop::collection::vec((0..4usize, 0..2usize, 0..2usize, prop::bool::weighted(0.3), 1..400u64), 0..30),
        ) {
            let ctx = context();
            let mut state = State::restore(Saved::default(), &ctx, START);
            let mut counted_any = false;
            for (n, said) in (0..).zip(said) {
                let now = START.plus(Duration::from_secs(n * 60));
                state.apply(&ctx, &event(said, now), now);
                let kept = owned(&state);
                counted_any |= !kept.is_empty();
                recount(&mut state, &ctx);
                prop_assert_eq!(kept, owned(&state));
                let firing = state.alerts.values().filter(|held| held.state.fires()).count();
                prop_assert_eq!(state.census.count(CounterId(0), ""), firing);
                drop(state.drain(&ctx));
            }
            prop_assert!(counted_any || state.alerts.values().all(|held| !held.state.fires()));
        }
    }

    #[test]
    fn other_rules_and_a_start_count_anew() {
        let ctx = context();
        let mut state = State::restore(Saved::default(), &ctx, START);
        for ci in 0..3 {
            state.apply(&ctx, &event((ci, 0, 1, false, 3_600), START), START);
        }
        let counted = owned(&state);
        // Servers of one site, and only c1 hurts a service of tier 1.
        assert_eq!(state.census.count(CounterId(1), "6:server2:s0"), 2);
        assert_eq!(state.census.count(CounterId(3), ""), 1);
        state.census = Census::default();
        state.apply(&ctx, &Event::RulesChanged(Arc::new(Forecast::of_nothing())), START);
        assert_eq!(owned(&state), counted);
    }
}
