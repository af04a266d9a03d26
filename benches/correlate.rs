//! Correlation at scale: what a large CMDB costs to load and to hold, a walk through it, one new
//! alert among many, and a storm. Every line has its target beside it (issue 5).
//!
//! One new alert is timed by the processor time of the thread, delivered alone and as one of 64 of as
//! many incidents. `correlated` is the stage alone: from the alert that is recorded and bound to its CI
//! until it is attached to its incident, with what is read ahead for it. Its rules are matched, the
//! incident found, joined with the reason in words, and all indexes kept. `applied` is the whole of its
//! delivery: taken in before, and what follows once for every incident that a delivery touches:
//! suspects, priority, team and clocks. What is stored and the timeline's order are made once a batch
//! and are not inside.
//!
//! `cargo bench --profile dev --bench correlate`; `-- load`, `-- walk`, `-- join`, `-- storm` for one
//! part only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "estate.rs"]
mod estate;
#[path = "load.rs"]
mod load;
#[path = "outage.rs"]
mod outage;
#[path = "probe.rs"]
mod probe;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use incidentd::clock;
use incidentd::cmdb::{Change, CiId, Delta, Facts, Revision, Rows, Topology, Toward};
use incidentd::engine::State;
use incidentd::engine::changes::{Changes, Saved};
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::engine::stages::Stages;
use incidentd::model::alert::{Details, Occurrence, Signal};
use incidentd::model::labels::Labels;
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load as load_rules};
use incidentd::store::{Options, Store};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const CIS: usize = 1_000_000;
const SPOKES: usize = 100_000;
const WALKS: usize = 20_000;
const ACTIVE: usize = 100_000;
const PROBES: usize = 3_000;

/// Alerts of a delivery: Prometheus sends as many at a time, and more where it is told to.
const DELIVERED: usize = 64;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--write", facts, dir] => write(Path::new(dir), facts),
        ["--open", _, dir] => drop(Store::open(Path::new(dir), &Options::default()).unwrap()),
        ["--load", facts, dir] => load_it(Path::new(dir), facts),
        parts => {
            let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
            println!("{:66} {:>14} {:>12}", "", "measured", "target");
            if wanted("load") {
                FACTS.into_iter().for_each(load_from_store);
            }
            if wanted("walk") || wanted("join") {
                let rows = estate::rows_with_hub(CIS, SPOKES);
                let topology = Arc::new(Topology::new(1, rows).unwrap());
                if wanted("walk") {
                    walks(&topology);
                }
                if wanted("join") {
                    joins(&topology);
                }
            }
            if wanted("storm") {
                outage::measure();
            }
        }
    }
}

pub(crate) fn line(what: &str, measured: &str, target: &str) {
    println!("{what:66} {measured:>14} {target:>12}");
}

/// Writes and loads in processes of their own, so that the memory of one is not that of the other;
/// one in between takes over what is in the log, as every second start finds it.
fn load_from_store(facts: &str) {
    let dir = tempfile::tempdir().unwrap();
    for step in ["--write", "--open", "--load"] {
        let this = std::env::current_exe().unwrap();
        let args = [step, facts, dir.path().to_str().unwrap()];
        assert!(Command::new(this).args(args).status().unwrap().success());
    }
}

/// What is known of the relations: nothing; of each its source, its validity and when one of the
/// imports of a month confirmed it; the same with a time of confirmation of its own for each.
const FACTS: [&str; 3] = ["no facts", "facts of imports", "facts of their own"];

/// Returns what is known of a relation by its place.
fn facts_of(known: &str, place: usize) -> Option<Arc<Facts>> {
    // Ten sources, each of which has confirmed what it says in one of thirty imports.
    let import = place / 1_000 % 300;
    let own = match known {
        "no facts" => return None,
        "facts of imports" => 0,
        _ => place,
    };
    let seconds = |n: usize| Duration::from_secs(n.try_into().unwrap());
    Some(Arc::new(Facts {
        source: format!("source-{}", import % 10).into(),
        valid_from: Some(START.minus(seconds(86_400 * 365))),
        valid_until: Some(START.plus(seconds(86_400 * (365 + import % 30)))),
        seen_at: Some(START.minus(seconds(3_600 * import + own))),
    }))
}

fn write(dir: &Path, facts: &str) {
    let mut rows = estate::rows(CIS);
    for (place, row) in rows.relations.iter_mut().enumerate() {
        row.facts = facts_of(facts, place);
    }
    let store = Store::open(dir, &Options::default()).unwrap();
    let delta = Delta::between(&Rows::default(), &rows);
    let revision = Revision { delta, change: Change::new(1, START, "bench", "replace") };
    store.commit(&Changes::default(), &[&revision]).unwrap();
}

fn load_it(dir: &Path, facts: &str) {
    let store = Store::open(dir, &Options::default()).unwrap();
    let before = probe::resident(std::process::id());
    let mut loaded = None;
    let began = clock::monotonic();
    let used = timed(|| loaded = store.load().unwrap().1).as_secs_f64();
    let took = clock::monotonic().saturating_sub(began).as_secs_f64();
    let topology = loaded.unwrap();
    let held = probe::resident(std::process::id()) - before;
    let (cis, relations) = (topology.ci_count(), topology.relation_count());
    let what = format!("load {cis} CIs, {relations} relations with {facts} from RocksDB");
    line(&what, &format!("{took:.2} s"), "10 s");
    line("  processor time of that", &format!("{used:.2} s"), "");
    line("  memory they take", &format!("{} MB", held / 1_000_000), "250 MB");
}

/// Prints the spread of durations.
fn spread(what: &str, mut times: Vec<Duration>, targets: [&str; 3]) {
    times.sort_unstable();
    let at = |share: usize| {
        times.get((times.len() - 1) * share / 1_000).unwrap().as_nanos() as f64 / 1e3
    };
    for ((name, share), target) in
        [("median", 500), ("p99", 990), ("worst", 1_000)].iter().zip(targets)
    {
        line(&format!("{what}, {name}"), &format!("{:.2} µs", at(*share)), target);
    }
}

/// Returns the processor time that this thread has taken.
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Returns the processor time that this thread took for `work`: a machine that does other things as
/// well measures the same.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = used();
    black_box(work());
    let ended = used();
    // The clock itself takes as long as a short walk.
    ended.saturating_sub(began).saturating_sub(used().saturating_sub(ended))
}

/// Places all over the CMDB.
fn somewhere(n: usize, of: usize) -> usize {
    n.wrapping_mul(7_368_787) % of
}

fn walks(topology: &Topology) {
    let (all, ties) = (topology.all_relations(), topology.ties());
    let ci = |n: usize| CiId(u32::try_from(somewhere(n, CIS)).unwrap());
    let hub = topology.find(estate::HUB).unwrap();
    let spokes: Vec<CiId> = topology
        .walk(hub, Toward::Sufferers, all, 1, 200)
        .steps()
        .iter()
        .map(|step| step.ci)
        .collect();
    for (name, toward) in [("causes", Toward::Causes), ("sufferers", Toward::Sufferers)] {
        let walk = |ci| timed(|| topology.walk(ci, toward, all, 3, 4_096));
        let what = format!("walk of 3 hops to {name}");
        spread(&what, (0..WALKS).map(|n| walk(ci(n))).collect(), ["50 µs", "", ""]);
        let what = format!("  from a CI with {SPOKES} edges and 199 around it");
        spread(&what, spokes.iter().map(|ci| walk(*ci)).collect(), ["", "", "bounded"]);
    }
    let near = |ci| timed(|| topology.near(ci, ties, 250, 256));
    spread("near: 2.5 relations", (0..WALKS).map(|n| near(ci(n))).collect(), ["50 µs", "", ""]);
    let what = format!("  from a CI with {SPOKES} edges and 199 around it");
    spread(&what, spokes.iter().map(|ci| near(*ci)).collect(), ["", "", "bounded"]);
}

/// A rule of each kind that joins.
const RULES: &str = "
version: 1
namespace: bench
rules:
  - name: power
    owner: dc
    when: ['ci.class=\"pdu\", alertname=\"Down\"']
    topology: {follow: [powers, hosts, runs], max_hops: 4}
  - name: job
    owner: nobody
    when: ['job!=\"\"']
    group: {by: [job], window: 1h}
  - name: related
    owner: nobody
    when: ['ci.class=~\"service|vm\"']
    related: {odds: 7}
";

/// What makes an alert join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A group rule, without a CI.
    Group,
    /// A server whose strip has failed.
    Dependency,
    /// A service that alerts already.
    SameCi,
    /// A machine that runs a service that alerts.
    Near,
}

const KINDS: [Kind; 4] = [Kind::Group, Kind::Dependency, Kind::SameCi, Kind::Near];

/// Names of alerts: a few hundred alerting rules are many, and each was seen before.
const NAMES: usize = 100;

/// CIs of a rack. Each incident has one of its own, and one between it and the next: neighbouring
/// racks are near enough to have one cause.
const RACK: usize = 61;

/// Returns alert `n` of incident `i`; the first one opens it.
fn alert(kind: Kind, incident: usize, n: usize) -> Labels {
    let rack = (incident - incident / 4) * 2 * RACK;
    let (name, job) = (format!("A{}", n % NAMES), format!("job-{incident}"));
    let instance = format!("10.17.4.211:{}", 9_000 + n);
    let ci = match kind {
        Kind::Dependency if n == 0 => rack,
        Kind::Dependency => rack + 1 + n % 20,
        // The service behind the machines 37 to 40 of its rack.
        Kind::SameCi | Kind::Group => rack + 41,
        Kind::Near if n == 0 => rack + 41,
        Kind::Near => rack + 37 + n % 4,
    };
    let ci = format!("ci-{ci:07}");
    let name = if kind == Kind::Dependency && n == 0 { "Down" } else { &*name };
    let place = if kind == Kind::Group { ("job", &*job) } else { ("ci", &*ci) };
    let mut pairs = [
        ("alertname", name),
        place,
        ("cluster", "eu-central-1"),
        ("instance", &*instance),
        ("region", "fra1"),
        ("severity", "warning"),
        ("team", "platform"),
    ];
    Labels::build(&mut pairs).unwrap()
}

pub(crate) fn received(labels: Labels, at: Timestamp) -> Event {
    delivered(vec![occurrence(labels, at)])
}

fn delivered(occurrences: Vec<Occurrence>) -> Event {
    Event::Received { source: "bench".into(), occurrences }
}

fn occurrence(labels: Labels, at: Timestamp) -> Occurrence {
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let until = at.plus(Duration::from_hours(24));
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal: Signal::Firing { until, explicit: false },
        starts_at: at,
        severity: None,
        details: Arc::new(details),
    }
}

pub(crate) fn context(rules: &[SourceFile], topology: &Arc<Topology>) -> Context {
    let rules = load_rules(rules).set.unwrap();
    let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
    Context::new(Arc::new(rules), Arc::clone(topology), limits)
}

fn joins(topology: &Arc<Topology>) {
    let ctx = context(&[SourceFile { name: "bench.yaml".into(), text: RULES.into() }], topology);
    for incidents in [100, 10_000] {
        let mut state = State::restore(Saved::default(), &ctx, START);
        for n in 0..ACTIVE {
            let incident = n % incidents;
            let event =
                received(alert(*KINDS.get(incident % 4).unwrap(), incident, n / incidents), START);
            state.apply(&ctx, &event, START);
            black_box(state.drain(&ctx));
        }
        let open = state.incidents().count();
        println!("one new alert; {ACTIVE} active, {open} open incidents");
        for (of, among) in [(1, "alone"), (DELIVERED, "each of 64")] {
            for kind in KINDS {
                let target = if kind == Kind::Near { "" } else { "2 µs" };
                let (correlated, applied) = probe(&mut state, &ctx, (kind, of), incidents);
                spread(
                    &format!("  {kind:?}, {among}, correlated"),
                    correlated,
                    [target, "50 µs", ""],
                );
                spread(&format!("  {kind:?}, {among}, applied"), applied, ["", "", ""]);
            }
        }
        assert_eq!(state.incidents().count(), open, "every alert joins");
    }
}

/// How long the stage of correlation took of a delivery.
#[derive(Debug, Default)]
struct StopWatch {
    since: Duration,
    correlating: Duration,
    /// How often it was read.
    read: u32,
}

impl StopWatch {
    fn start(&mut self) {
        self.since = used();
        self.read += 1;
    }

    fn stop(&mut self) {
        self.correlating += used().saturating_sub(self.since);
        self.read += 1;
    }
}

impl Stages for StopWatch {
    fn reads_ahead(&mut self) {
        self.start();
    }

    fn read_ahead(&mut self) {
        self.stop();
    }

    fn taken_in(&mut self) {
        self.start();
    }

    fn correlated(&mut self) {
        self.stop();
    }
}

/// Returns how long alerts of a kind took until each had its incident, and as a whole: of deliveries
/// of so many alerts, each of another incident, the part of one.
fn probe(
    state: &mut State,
    ctx: &Context,
    (kind, of): (Kind, usize),
    incidents: usize,
) -> (Vec<Duration>, Vec<Duration>) {
    let at = START.plus(Duration::from_secs(5));
    let own = KINDS.iter().position(|it| *it == kind).unwrap();
    let share = u32::try_from(of).unwrap();
    // Those that are delivered alone come first.
    let first = ACTIVE / incidents + if of == 1 { 1 } else { 1 + PROBES };
    let one = |n: usize| {
        let incident = somewhere(n, incidents / 4) * 4 + own;
        occurrence(alert(kind, incident, first + n), at)
    };
    let delivery = |n: usize| {
        let event = delivered((n * of..(n + 1) * of).map(one).collect());
        let mut watch = StopWatch::default();
        let began = used();
        black_box(state.apply_watched(ctx, &event, at, &mut watch));
        let ended = used();
        // What it takes to read the clock once.
        let clock = used().saturating_sub(ended);
        black_box(state.drain(ctx));
        let correlated = watch.correlating.saturating_sub(clock * (watch.read / 2));
        let applied = ended.saturating_sub(began).saturating_sub(clock * (watch.read + 1));
        (correlated / share, applied / share)
    };
    (0..PROBES / of.div_ceil(8)).map(delivery).unzip()
}
