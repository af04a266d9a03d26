//! What one alert costs as everything around it grows: active alerts, rules, CIs, open incidents, each
//! for itself while the others stay as they are. The goal (issue 8): within twice the least over the
//! whole range.
//!
//! Measured is processor time in one process, without HTTP: `decided` is what the engine's thread
//! takes (bound, deduplicated, judged, correlated, prioritised, drained), `committed` adds what the
//! synced commit takes, the threads of RocksDB included. New alerts join an open incident, those of a
//! delivery the same one: what is done once for every incident that a delivery touches is not growth, nor
//! are deadlines that fall due. Known ones lie all over what is held. Each figure is the median of many
//! batches, so that what else the machine does hardly shows. Before each stretch that is measured RocksDB
//! gets done with what was written before: to flush and compact what a hundred thousand incidents left
//! would else be counted among a few thousand heartbeats. What flushing and compacting costs is by the
//! byte, and is in what `--bench http` and `soak` measure.
//!
//! `cargo bench --profile dev --bench growth`; `-- active`, `-- rules`, `-- cis`, `-- open` for one
//! part only, `-- small` without the largest sizes (a minute instead of some).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../tests/common/mod.rs"]
mod common;
mod estate;
mod ours;
mod plot;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use incidentd::cmdb::Topology;
use incidentd::engine::State;
use incidentd::engine::changes::Saved;
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::model::alert::{Details, Occurrence, Signal};
use incidentd::model::labels::Labels;
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load as load_rules};
use incidentd::store::{Options, Store};
use plot::Curve;
use rustix::time::{ClockId, clock_gettime};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

/// Alerts of one delivery, and deliveries of one commit.
const DELIVERY: usize = 64;
const COMMIT: usize = 8;

/// Commits that are measured at each size, of new alerts and of known ones each.
const MEASURED: usize = 50;

/// Times the least that the most may be.
const RATIO_MAX: f64 = 2.0;

/// How large everything is.
#[derive(Clone, Copy, Debug)]
struct Size {
    active: usize,
    rules: usize,
    cis: usize,
    open: usize,
}

/// What stays as it is while one part grows.
const USUAL: Size = Size { active: 100_000, rules: 200, cis: 10_000, open: 1_000 };

/// Microseconds of one alert.
#[derive(Clone, Copy, Debug)]
struct Cost {
    decided: f64,
    committed: f64,
}

type Part = (&'static str, &'static str, &'static [usize], fn(usize) -> Size);

/// What grows, under which word, to which sizes. Beside more active alerts there are as many
/// incidents as always, where there are alerts enough.
const PARTS: [Part; 4] = [
    ("active", "active alerts", &[1_000, 10_000, 100_000, 1_000_000], |n| Size {
        active: n,
        open: USUAL.open.min(n),
        ..USUAL
    }),
    ("rules", "rules", &[10, 100, 1_000, 10_000], |n| Size { rules: n, ..USUAL }),
    ("cis", "CIs", &[1_000, 10_000, 100_000, 1_000_000], |n| Size { cis: n, ..USUAL }),
    ("open", "open incidents", &[1, 10, 100, 1_000, 10_000, 100_000], |n| Size {
        open: n,
        ..USUAL
    }),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let (small, parts): (Vec<_>, Vec<_>) = words.iter().partition(|word| *word == "small");
    let most = if small.is_empty() { usize::MAX } else { 100_000 };
    println!(
        "µs of processor time an alert; usually {} active, {} rules, {} CIs, {} open incidents\n",
        USUAL.active, USUAL.rules, USUAL.cis, USUAL.open
    );
    println!("| | | new, decided | new, committed | known, decided | known, committed |");
    println!("|---|---|---|---|---|---|");
    let mut grown = Vec::new();
    for (word, what, sizes, size_of) in PARTS {
        if parts.is_empty() || parts.iter().any(|part| *part == word) {
            let sizes = sizes.iter().copied().filter(|size| *size <= most);
            grown.push((word, what, sizes.map(|n| (n, measure(what, n, size_of(n)))).collect()));
        }
    }
    println!(
        "\n| largest / least | new, decided | new, committed | known, decided | known, committed | |"
    );
    println!("|---|---|---|---|---|---|");
    let within = grown.iter().map(|(word, what, points)| conclude(word, what, points));
    if within.collect::<Vec<bool>>().into_iter().all(|it| it) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

type Points = Vec<(usize, [Cost; 2])>;

/// Draws a part and says whether it grew by less than it may.
fn conclude(word: &str, what: &str, points: &Points) -> bool {
    let curve = |name: &'static str, of: fn(&[Cost; 2]) -> f64| Curve {
        name,
        points: points.iter().map(|(n, costs)| (*n as f64, of(costs))).collect(),
    };
    let curves = [
        curve("new, decided", |it| it[0].decided),
        curve("new, committed", |it| it[0].committed),
        curve("known, decided", |it| it[1].decided),
        curve("known, committed", |it| it[1].committed),
    ];
    let ratios: Vec<f64> = curves.iter().map(Curve::ratio).collect();
    let within = ratios.iter().all(|ratio| *ratio <= RATIO_MAX);
    let cells: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let verdict = if within { "within" } else { "beyond" };
    println!("| {what} | {} | {verdict} {RATIO_MAX} |", cells.join(" | "));
    let path = format!("{}/growth-{word}.svg", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, plot::svg(what, "µs of processor time an alert", &curves)).unwrap();
    println!("|   {path} | | | | | |");
    within
}

/// Measures one size and prints it; the costs of new alerts and of known ones.
fn measure(what: &str, n: usize, size: Size) -> [Cost; 2] {
    let ctx = context(size);
    let (mut new, mut known) = (Vec::new(), Vec::new());
    // A tenth more alerts than were to be there: small sizes are built again and again.
    let commits = (size.active / 10 / (DELIVERY * COMMIT)).clamp(1, MEASURED);
    // As they lie all over a large installation; the factor is prime.
    let spread = |n: usize, over: usize| n * 7_919 % over;
    let held = |n: usize| (n, n % size.open);
    let built = size.active.div_ceil(DELIVERY * COMMIT);
    let joining = |n: usize| (built * DELIVERY * COMMIT + n, spread(n / DELIVERY, size.open));
    let again = |n: usize| held(spread(n, size.active));
    while new.len() < MEASURED {
        let mut bench = Bench::new(&ctx, size);
        bench.commits(built, (START, &held));
        assert_eq!(bench.state.incidents().count(), size.open);
        let at = bench.passed(START);
        bench.store.settle().unwrap();
        new.extend(bench.commits(commits, (at, &joining)));
        let at = bench.passed(at);
        bench.store.settle().unwrap();
        known.extend(bench.commits(commits, (at, &again)));
        assert_eq!(bench.state.incidents().count(), size.open, "every alert joins");
    }
    let costs = [median(&new), median(&known)];
    let [new, known] = costs;
    println!(
        "| {what} | {n} | {:.2} | {:.2} | {:.2} | {:.2} |",
        new.decided, new.committed, known.decided, known.committed
    );
    costs
}

fn context(size: Size) -> Context {
    let files = ours::rules(size.rules).into_iter();
    let files: Vec<SourceFile> = files.map(|(name, text)| SourceFile { name, text }).collect();
    let rules = load_rules(&files).set.unwrap();
    let topology = Topology::new(1, estate::rows(size.cis)).unwrap();
    let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
    Context::new(Arc::new(rules), Arc::new(topology), limits)
}

/// The engine with a store.
struct Bench<'a> {
    ctx: &'a Context,
    size: Size,
    state: State,
    store: Store,
    _dir: tempfile::TempDir,
}

/// When alerts come; which the first is, the second and so on, and of which service.
type When<'a> = (Timestamp, &'a dyn Fn(usize) -> (usize, usize));

impl<'a> Bench<'a> {
    fn new(ctx: &'a Context, size: Size) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).unwrap();
        let state = State::restore(Saved::default(), ctx, START);
        Self { ctx, size, state, store, _dir: dir }
    }

    /// Lets a minute pass and what falls due in it happen: a cost of its own (`--bench clocks`), of
    /// every open incident and not of the next alert. Returns what time it is.
    fn passed(&mut self, now: Timestamp) -> Timestamp {
        let at = now.plus(Duration::from_mins(1));
        self.state.apply(self.ctx, &Event::Tick, at);
        self.store.commit(&self.state.drain(self.ctx), &[]).unwrap();
        at
    }

    /// Lets so many commits of alerts happen and returns what each cost.
    fn commits(&mut self, commits: usize, when: When<'_>) -> Vec<Cost> {
        (0..commits).map(|n| self.commit(n * DELIVERY * COMMIT, when)).collect()
    }

    fn commit(&mut self, from: usize, (at, which): When<'_>) -> Cost {
        let delivery = |n: usize| Event::Received {
            source: "load".into(),
            occurrences: (0..DELIVERY)
                .map(|m| occurrence(which(from + n * DELIVERY + m), (self.size, at)))
                .collect(),
        };
        let events: Vec<Event> = (0..COMMIT).map(delivery).collect();
        let began = used(ClockId::ThreadCPUTime);
        for event in &events {
            black_box(self.state.apply(self.ctx, event, at));
        }
        let changes = self.state.drain(self.ctx);
        let decided = used(ClockId::ThreadCPUTime) - began;
        let began = used(ClockId::ProcessCPUTime);
        self.store.commit(&changes, &[]).unwrap();
        let stored = used(ClockId::ProcessCPUTime) - began;
        let each = 1e6 / (DELIVERY * COMMIT) as f64;
        Cost { decided: decided * each, committed: (decided + stored) * each }
    }
}

/// Returns alert `n` of a service, and thus of its incident.
fn occurrence((n, service): (usize, usize), (size, at): (Size, Timestamp)) -> Occurrence {
    let ci = format!("ci-{:07}", (service * 61 + n % 61) % size.cis);
    let name = format!("service-{service}");
    let instance = format!("10.{}.{}.{}:9090", n / 65_536 % 256, n / 256 % 256, n % 256);
    let pod = format!("service-{service}-7d9c5b6f4-{n:07}");
    let mut pairs = [
        ("alertname", "HighLatency"),
        ("ci", &*ci),
        ("cluster", "eu-central-1"),
        ("instance", &*instance),
        ("job", "kubernetes-pods"),
        ("namespace", "shop"),
        ("pod", &*pod),
        ("service", &*name),
        ("severity", "warning"),
        ("team", "platform"),
    ];
    let labels = Labels::build(&mut pairs).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal: Signal::Firing { until: at.plus(Duration::from_hours(24)), explicit: false },
        starts_at: START,
        severity: Some("warning".into()),
        details: Arc::new(details),
    }
}

/// Returns the processor time used so far, in seconds.
fn used(clock: ClockId) -> f64 {
    Duration::try_from(clock_gettime(clock)).unwrap().as_secs_f64()
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap()
    };
    Cost { decided: middle(|it| it.decided), committed: middle(|it| it.committed) }
}
