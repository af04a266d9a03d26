//! The engine alone: no decoding, no disk. Alerts a second for new alerts and heartbeats; the memory
//! an alert takes is measured with the whole daemon, in `http`.
//!
//! `cargo bench --profile dev --bench engine`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "load.rs"]
mod load;

use std::sync::Arc;

use incidentd::clock;
use incidentd::cmdb::Topology;
use incidentd::engine::State;
use incidentd::engine::changes::Saved;
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::ingest::{Format, Limits as IngestLimits, Terms, decode};
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load as load_rules};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const ROUNDS: usize = 3;

fn main() {
    println!(
        "engine alone: {} alerts a delivery, 10 labels, 99 of 100 join an incident",
        load::BATCH
    );
    println!("{:>10} {:>14} {:>14}", "active", "new/s", "heartbeats/s");
    for active in [10_000, 100_000] {
        for _ in 0..ROUNDS {
            measure(active);
        }
    }
    println!("one storm, an alert a delivery, with the time of each quarter in ms");
    for _ in 0..ROUNDS {
        measure_storm(20_000);
    }
}

/// All alerts of the load are of one region: a storm from the thirtieth pod on.
const STORM: &str = "
version: 1
namespace: ops
rules:
  - name: storm
    owner: noc
    when: ['region!=\"\"']
    storm:
      per: [region]
      enter: {distinct: pod, count: 30, within: 2m}
      leave: {below: 5, for: 10m}
    incident: {title: '{{ stats.alerts }} alerts on {{ stats.cis }} CIs at {{ group.region }}'}
";

/// Shows that the last alerts of a storm cost what the first ones cost.
fn measure_storm(alerts: usize) {
    let ctx = context(STORM);
    let one_each = events(alerts).into_iter().flat_map(|event| {
        let Event::Received { source, occurrences } = event else { return vec![event] };
        let alone = |it| Event::Received { source: Arc::clone(&source), occurrences: vec![it] };
        occurrences.into_iter().map(alone).collect()
    });
    let events: Vec<Event> = one_each.collect();
    let mut state = State::restore(Saved::default(), &ctx, START);
    let quarters = events.chunks(events.len().div_ceil(4));
    let times = quarters.map(|part| format!("{:.0}", 1e3 * pass(&mut state, &ctx, part)));
    println!("{:>10} {}", events.len(), times.collect::<Vec<_>>().join(" "));
}

fn context(rules: &str) -> Context {
    let files = [SourceFile { name: "load.yaml".into(), text: rules.into() }];
    let rules = load_rules(&files).set.unwrap();
    let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
    Context::new(Arc::new(rules), Arc::new(Topology::empty()), limits)
}

fn events(active: usize) -> Vec<Event> {
    let limits = IngestLimits::default();
    let terms =
        Terms { received: START, lease: std::time::Duration::from_hours(24), limits: &limits };
    let bodies = (0..active / load::BATCH).map(load::native_body);
    let decoded = bodies.map(|body| decode(Format::Native, body.as_bytes(), &terms).unwrap());
    let received = |occurrences| Event::Received { source: "load".into(), occurrences };
    decoded.map(|decoded| received(decoded.occurrences)).collect()
}

fn measure(active: usize) {
    let ctx = context(load::RULES);
    let events = events(active);
    let alerts = (events.len() * load::BATCH) as f64;
    let mut state = State::restore(Saved::default(), &ctx, START);
    let new = pass(&mut state, &ctx, &events);
    let heartbeats = pass(&mut state, &ctx, &events);
    println!("{active:>10} {:>14.0} {:>14.0}", alerts / new, alerts / heartbeats);
}

/// Lets all events happen and returns the seconds it took.
fn pass(state: &mut State, ctx: &Context, events: &[Event]) -> f64 {
    let began = clock::monotonic();
    for event in events {
        state.apply(ctx, event, START);
        std::hint::black_box(state.drain(ctx));
    }
    clock::monotonic().saturating_sub(began).as_secs_f64()
}
