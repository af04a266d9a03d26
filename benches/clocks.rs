//! 100,000 open incidents with running clocks: what planning the deadlines of one costs, what setting,
//! moving and taking a timer does, whole events beside that, and what a start with them takes through
//! the real store, to the first event answered. Processor time, but for the single events.
//!
//! `cargo bench --profile dev --bench clocks`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod load;

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use incidentd::clock;
use incidentd::cmdb::Topology;
use incidentd::engine::changes::Saved;
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::engine::order::{Command, Order};
use incidentd::engine::reply::Reply;
use incidentd::engine::timers::{Timer, Timers};
use incidentd::engine::{State, deadlines};
use incidentd::model::alert::{Details, Occurrence, Signal};
use incidentd::model::incident::{Incident, RecordId};
use incidentd::model::labels::Labels;
use incidentd::model::priority::Priority;
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load as load_rules};
use incidentd::store::{Options, Store};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const OPEN: usize = 100_000;
const BATCH: usize = 64;
/// Events of each kind that are timed one by one.
const TIMED: usize = 2_000;
const ROUNDS: usize = 3;

/// Each alert is an incident of its own; the limits of two priorities go by a calendar with holidays.
const RULES: &str = "
version: 1
namespace: load
contacts: {anna: {channels: log}, bert: {channels: log}, max: {channels: log}}
calendars:
  office: {zone: Europe/Berlin, hours: [{days: [mon-fri], from: '09:00', to: '17:00'}], holidays: [2026-12-25, 01-01]}
rotations:
  shop:
    zone: Europe/Berlin
    layers: [{members: [anna, bert], handover: {day: mon, at: '09:00'}, start: 2026-01-05}]
teams: {shop: {members: [anna, bert], on_call: shop, manager: max}}
defaults: {team: shop}
priorities:
  matrix: {low: {high: P1, medium: P2, low: P3}}
  limits:
    P2: {response: 30m, resolution: 8h, calendar: office}
    P3: {response: 4h, resolution: 27h, calendar: office}
rules:
  - name: each
    owner: shop
    when: ['n!=\"\"']
    group: {by: [n]}
";

fn main() {
    let ctx = context();
    let dir = tempfile::tempdir().unwrap();
    let records = fill(dir.path(), &ctx);
    println!("{} open incidents, 4 clocks each, nanoseconds for one:", records.len());
    for _ in 0..ROUNDS {
        plan(&ctx, &records);
        timers();
    }
    println!("whole events, microseconds: median, 99th of 100 (applied and drained, not stored)");
    let state = restart(dir.path(), &ctx, Duration::from_secs(20));
    events(state, &ctx);
    for gap in [20, 600] {
        println!("a start with {OPEN} of them after {gap} s without the daemon, in ms");
        for _ in 0..ROUNDS {
            restart(dir.path(), &ctx, Duration::from_secs(gap));
        }
    }
}

fn context() -> Context {
    let files = [SourceFile { name: "load.yaml".into(), text: RULES.into() }];
    let rules = load_rules(&files).set.unwrap();
    let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
    Context::new(Arc::new(rules), Arc::new(Topology::empty()), limits)
}

/// Returns the seconds of processor time that this process used so far, to the hundredth.
fn used() -> f64 {
    load::cpu_seconds(std::process::id())
}

fn seconds(of: impl FnOnce()) -> f64 {
    let began = clock::monotonic();
    of();
    clock::monotonic().saturating_sub(began).as_secs_f64()
}

fn processor_seconds(of: impl FnOnce()) -> f64 {
    let began = used();
    of();
    used() - began
}

/// Opens the incidents, stores them, and returns their records.
fn fill(dir: &Path, ctx: &Context) -> Vec<Incident> {
    let store = Store::open(dir, &Options::default()).unwrap();
    let mut state = State::restore(Saved::default(), ctx, START);
    for batch in 0..OPEN.div_ceil(BATCH) {
        let numbers = batch * BATCH..OPEN.min((batch + 1) * BATCH);
        let occurrences = numbers.map(occurrence).collect();
        let event = Event::Received { source: "load".into(), occurrences };
        // A few seconds in all: none falls due while they come in.
        state.apply(ctx, &event, START.plus(Duration::from_millis(batch as u64 * 3)));
        store.commit(&state.drain(ctx), &[]).unwrap();
    }
    store.saved().unwrap().incidents
}

fn occurrence(n: usize) -> Occurrence {
    let number = n.to_string();
    let severity = match n % 3 {
        0 => "critical",
        1 => "warning",
        _ => "info",
    };
    let mut labels = [("alertname", "Down"), ("n", &*number), ("severity", severity)];
    let labels = Labels::build(&mut labels).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let until = START.plus(Duration::from_hours(24 * 365));
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal: Signal::Firing { until, explicit: true },
        starts_at: START,
        severity: None,
        details: Arc::new(details),
    }
}

/// Visits numbers below `OPEN` once each in an order without any, so that nothing is in a cache by luck.
fn scattered() -> impl Iterator<Item = usize> {
    (0..OPEN).map(|n| n * 48_271 % OPEN)
}

/// Plans the deadlines of each, then again by the limits of the highest priority.
fn plan(ctx: &Context, records: &[Incident]) {
    let mut records = records.to_vec();
    let policy = Arc::clone(ctx.rules.policy_of(None));
    let now = START.plus(Duration::from_secs(10));
    let mut all = |what: &str| {
        let took = processor_seconds(|| {
            for n in scattered() {
                if let Some(record) = records.get_mut(n) {
                    deadlines::plan(&ctx.rules, &policy, record, now);
                }
            }
        });
        println!("  {what:<40} {:>8.0}", took * 1e9 / OPEN as f64);
        for record in &mut records {
            record.assessment.priority = Priority::P1;
        }
    };
    all("all deadlines of an incident");
    all("the same after it was raised to P1");
}

/// Sets, moves and takes a timer for each.
fn timers() {
    let mut timers = Timers::default();
    let at = |n: usize, round: u64| {
        START.plus(Duration::from_millis((n as u64 * 7_919 + round * 1_000_003) % 86_400_000))
    };
    let timer = |n: usize| Timer::Incident(RecordId(n as u64));
    let shown = |what: &str, took: f64| println!("  {what:<40} {:>8.0}", took * 1e9 / OPEN as f64);
    let set = || scattered().for_each(|n| timers.set(at(n, 0), timer(n)));
    shown("a timer is set", processor_seconds(set));
    let moved = processor_seconds(|| {
        for n in scattered() {
            timers.unset(at(n, 0), timer(n));
            timers.set(at(n, 1), timer(n));
        }
    });
    shown("a timer is moved", moved);
    let end = START.plus(Duration::from_hours(48));
    let mut count = 0;
    let taken = processor_seconds(|| {
        while timers.take_due(end).is_some() {
            count += 1;
        }
    });
    assert_eq!(count, OPEN, "each is taken once");
    shown("a timer falls due", taken);
}

/// Times whole events with all of them open.
fn events(mut state: State, ctx: &Context) {
    let numbers: Vec<u64> = state.incidents().map(|it| it.id.0).collect();
    let some: Vec<u64> = scattered().filter_map(|n| numbers.get(n).copied()).take(TIMED).collect();
    let now = state.now();
    let order = |number: u64, note: &str, command: Command| {
        let (incident, by, note) = (RecordId(number), "mia".into(), note.into());
        Event::Handle(Order { incident, by, expected: None, note, command })
    };
    let hold = |minutes| Command::Acknowledge {
        hold: Some(Duration::from_mins(minutes)),
        update_in: None,
    };
    let with = |command: &dyn Fn() -> Command| -> Vec<Event> {
        some.iter().map(|n| order(*n, "because", command())).collect()
    };
    let kinds = [
        ("a note, which moves no deadline", with(&|| Command::Note)),
        ("an acknowledgement", with(&|| hold(600))),
        ("its end is moved", with(&|| hold(700))),
        (
            "another priority by hand",
            with(&|| Command::Prioritise { priority: Some(Priority::P4) }),
        ),
        ("given back: the first step is due", with(&|| Command::Unacknowledge)),
    ];
    for (what, events) in kinds {
        let mut times: Vec<f64> = Vec::new();
        for event in &events {
            times.push(seconds(|| {
                let reply = state.apply(ctx, event, now);
                assert!(matches!(reply, Reply::Handled(_)), "{reply:?}");
                std::hint::black_box(state.drain(ctx));
            }));
        }
        show(what, &mut times);
    }
    // From here on every incident's next step falls due by itself: those that were opened in one batch
    // at one moment, so that what a moment takes is shared out among the incidents it changed.
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..TIMED {
        let Some(due) = state.next_due() else { break };
        let mut changed = 0;
        let took = seconds(|| {
            state.apply(ctx, &Event::Tick, due);
            changed = std::hint::black_box(state.drain(ctx)).incidents.len();
        });
        times.push(took / changed.max(1) as f64);
    }
    show("a deadline falls due", &mut times);
}

fn show(what: &str, times: &mut [f64]) {
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0.0) * 1e6;
    println!("  {what:<40} {:>8.1} {:>8.1}", at(50), at(99));
}

/// Starts from the store, as the daemon does, and says how long each part took. After a gap of half a
/// minute on all leases are longer by it, and stored with the first event.
fn restart(dir: &Path, ctx: &Context, gap: Duration) -> State {
    let mut parts = Vec::new();
    let (began, mut last) = (used(), used());
    let mut part = |name: &str| {
        let now = used();
        parts.push(format!("{name} {:.0}", (now - last) * 1e3));
        last = now;
    };
    let store = Store::open(dir, &Options::default()).unwrap();
    part("open");
    let saved = store.saved().unwrap();
    part("read");
    let now = saved.counters.now.plus(gap);
    let mut state = State::restore(saved, ctx, now);
    part("state");
    let source = "load".into();
    let event = Event::Received { source, occurrences: vec![occurrence(OPEN)] };
    state.apply(ctx, &event, now);
    store.commit(&state.drain(ctx), &[]).unwrap();
    part("first event");
    println!("  {}; in all {:.0}", parts.join(", "), (used() - began) * 1e3);
    state
}
