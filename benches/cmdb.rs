//! What a change of the CMDB costs: beside the engine (build, compare, foretell), on its thread
//! (the hand-over), and on the committer's (the write). 100,000 firing alerts in 1,000 incidents; once
//! without rules of kind `inhibit`, and once with one that could inhibit each of them. And what a change
//! of the rules costs.
//!
//! `cargo bench --profile dev --bench cmdb`; `-- 100000` for one size only, `-- rules` for rules only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]

#[path = "estate.rs"]
mod estate;

use std::sync::Arc;

use incidentd::cmdb::{
    Binder, BindingKey, Change, CiRow, Delta, Normalise, Revision, Rows, Topology, diff,
};
use incidentd::engine::State;
use incidentd::engine::changes::{Changes, Saved};
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::engine::rebind::{Forecast, Told};
use incidentd::ingest::{Format, Limits as IngestLimits, Terms, decode};
use incidentd::model::labels::Labels;
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load};
use incidentd::store::{Options, Store};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const ALERTS: usize = 100_000;
const PER_INCIDENT: usize = 100;

/// One topology rule, so that strips are causes, and one that makes an incident of a hundred alerts.
const RULES: &str = "
version: 1
namespace: bench
rules:
  - name: power
    owner: dc
    summary: A strip explains what hangs off it.
    when: ['ci.class=\"pdu\"']
    topology: {follow: [powers, hosts], max_hops: 3, lookback: 1s}
  - name: job
    owner: nobody
    summary: What one job says is one incident.
    when: ['job!=\"\"']
    group: {by: [job], window: 1h}
";

/// A rule under which every alert is one that could be inhibited.
const INHIBITING: &str = "
  - name: down
    owner: nobody
    summary: What is down mutes what its job says; every alert is one that it could mute.
    when: ['severity=\"warning\"', 'alertname!=\"Down\"']
    inhibit: {source: ['alertname=\"Down\"'], equal: [job]}
";

/// What is said beside [`RULES`] in other rule sets.
const OTHERS: [(&str, &str, &str); 4] = [
    (
        "a rule more, about no alert",
        "",
        "  - {name: o, owner: x, when: 'job=\"none\"', group: {by: [job]}}",
    ),
    (
        "a rule more, about 1 alert of 100",
        "",
        "  - {name: o, owner: x, when: 'alertname=~\"A.*00\"', enrich: {severity: critical, override: true}}",
    ),
    ("how long incidents linger", "lifecycle: {linger: 10s}\n", ""),
    ("how urgent a severity is", "priorities: {urgency: {warning: high}}\n", ""),
];

fn main() {
    measure_rules();
    if std::env::args().any(|arg| arg == "rules") {
        return;
    }
    let only = std::env::args().find_map(|arg| arg.parse::<usize>().ok());
    let sizes = only.map_or(vec![10_000, 100_000, 200_000, 1_000_000], |size| vec![size]);
    println!("3 relations a CI, {ALERTS} alerts, times in ms; 1 CI of 100 changes");
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} | {:>9} {:>8} | {:>8} {:>8}",
        "CIs",
        "inhibit",
        "build",
        "rows",
        "compare",
        "indexes",
        "foretell",
        "handover",
        "a turn",
        "first",
        "change"
    );
    for cis in &sizes {
        measure(*cis, "no", RULES);
        measure(*cis, "yes", &format!("{RULES}{INHIBITING}"));
    }
    println!("binding one alert, in ns; every look-up in vain is the most that it can cost");
    println!(
        "{:>9} {:>12} {:>14} {:>18}",
        "CIs", "by label ci", "by the 8th key", "64 keys in vain"
    );
    for cis in sizes {
        measure_binding(cis);
    }
}

/// Measures alerts that name their CI, that are found by the last of eight keys, and that nothing
/// finds: 64 keys with 16 combinations of labels each.
fn measure_binding(cis: usize) {
    let topology = Topology::new(1, estate::rows(cis)).unwrap();
    let all = ["strip_port", "strip_domain", "ignore_case"];
    let normalise = || Normalise::ALL.into_iter().filter(|(word, _)| all.contains(word));
    let key = |labels: Vec<Vec<Box<str>>>| BindingKey {
        attributes: vec![vec!["name".into()]; labels.len()],
        labels,
        class: None,
        normalise: normalise().map(|(_, how)| how).collect(),
    };
    let named = |name: &str| vec![vec![name.into()]];
    let mut eight: Vec<BindingKey> = (0..7).map(|_| key(named("job"))).collect();
    eight.push(key(named("instance")));
    let four = |names: [&str; 4]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
    let both = four(["alertname", "job", "instance", "severity"]);
    let owned = ["name", "owner"].map(|name| vec![name.into()]).to_vec();
    let most = vec![BindingKey { attributes: owned, ..key(vec![both.clone(), both]) }; 64];
    let count = 20_000usize;
    let named = state_labels(cis);
    let instances: Vec<Labels> = (0..count)
        .map(|i| {
            let instance = format!("CI-{:07}.example.com:9100", i.wrapping_mul(7_919) % cis);
            let mut pairs = [
                ("alertname", "NodeDown"),
                ("instance", &*instance),
                ("job", "node"),
                ("severity", "critical"),
            ];
            Labels::build(&mut pairs).unwrap()
        })
        .collect();
    let ns = |keys: &[BindingKey], alerts: &[Labels], is_bound: bool| {
        let binder = Binder::new(&topology, keys);
        let (bound, ms) = timed(|| {
            alerts.iter().filter(|labels| binder.bind(&topology, labels).is_some()).count()
        });
        assert_eq!(bound, if is_bound { alerts.len() } else { 0 });
        ms * 1_000_000 / alerts.len() as u128
    };
    let outright = ns(&eight, &named, true);
    let eighth = ns(&eight, &instances, true);
    let few: Vec<Labels> = instances.iter().take(count / 20).cloned().collect();
    let in_vain = ns(&most, &few, false);
    println!("{cis:>9} {outright:>12} {eighth:>14} {in_vain:>18}");
}

/// One CI of a hundred is moved to another owner, and every thousandth goes.
fn changed(rows: &Rows) -> Rows {
    let gone = |name: &str| name.ends_with("999");
    let cis = rows.cis.iter().enumerate().filter(|(_, ci)| !gone(&ci.name)).map(|(i, ci)| {
        if i % 100 == 0 {
            let mut ci = CiRow::clone(ci);
            let others = [("owner", "others")];
            ci.attributes = ci.attributes.iter().chain(others).collect();
            return Arc::new(ci);
        }
        Arc::clone(ci)
    });
    let relations = rows.relations.iter().filter(|row| !gone(&row.from) && !gone(&row.to));
    Rows { types: vec![], cis: cis.collect(), relations: relations.cloned().collect() }
}

fn fired(ctx: &Context, cis: usize) -> State {
    let limits = IngestLimits { labels: 64, ..IngestLimits::default() };
    let lease = std::time::Duration::from_hours(24);
    let terms = Terms { received: START, lease, limits: &limits };
    let mut state = State::restore(Saved::default(), ctx, START);
    for i in 0..ALERTS {
        let ci = i.wrapping_mul(7_919) % cis;
        let body = format!(
            r#"{{"labels":{{"alertname":"A{i}","ci":"ci-{ci:07}","job":"j{}","severity":"warning"}}}}"#,
            i / PER_INCIDENT
        );
        let occurrences = decode(Format::Native, body.as_bytes(), &terms).unwrap().occurrences;
        state.apply(ctx, &Event::Received { source: "bench".into(), occurrences }, START);
        if i % 64 == 0 {
            std::hint::black_box(state.drain(ctx));
        }
    }
    std::hint::black_box(state.drain(ctx));
    state
}

fn measure(cis: usize, inhibits: &str, rules: &str) {
    let file = SourceFile { name: "bench.yaml".into(), text: rules.into() };
    let rules = Arc::new(load(&[file]).set.unwrap());
    let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
    let context = |topology| Context::new(Arc::clone(&rules), Arc::new(topology), limits);
    let before = estate::rows(cis);
    let (old, _) = timed(|| context(Topology::new(1, before.clone()).unwrap()));
    let (_, rows_ms) = timed(|| old.topology.rows());
    let after = changed(&before);
    let ((difference, delta), compare_ms) =
        timed(|| (diff(&before, &after), Delta::between(&before, &after)));
    let (topology, build_ms) = timed(|| Topology::new(2, after).unwrap());
    let (new, indexes_ms) = timed(|| context(topology));
    let mut state = fired(&old, cis);
    let alerts: Vec<Labels> = state_labels(cis);
    let (forecast, foretell_ms) = timed(|| {
        let forecast = Forecast::new(&old.topology, &new.topology);
        foretold(forecast, [&old, &new], &alerts)
    });
    let event = Event::TopologyChanged(Arc::new(forecast));
    let handover_ms = applied(&mut state, &new, &event);
    let turn_ms = longest_turn(&mut state, &new);
    let change = Change::new(2, START, "bench", "replace").count(&difference);
    let [first_ms, change_ms] = write(&before, Revision { delta, change });
    println!(
        "{cis:>9} {inhibits:>8} {build_ms:>8} {rows_ms:>8} {compare_ms:>8} {indexes_ms:>8} {foretell_ms:>9} | \
         {handover_ms:>9} {turn_ms:>8} | {first_ms:>8} {change_ms:>8}"
    );
}

/// Measures what other rules cost; the last of them change all alerts at once.
fn measure_rules() {
    let cis = 10_000;
    let topology = Arc::new(Topology::new(1, estate::rows(cis)).unwrap());
    let context = |text: String| {
        let file = SourceFile { name: "bench.yaml".into(), text };
        let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
        Context::new(Arc::new(load(&[file]).set.unwrap()), Arc::clone(&topology), limits)
    };
    let usual = || format!("{RULES}{INHIBITING}");
    println!("other rules, {ALERTS} alerts, times in ms");
    println!("{:>34} {:>9} | {:>9} {:>8}", "", "foretell", "handover", "a turn");
    for (what, section, rule) in OTHERS {
        let (old, new) = (context(usual()), context(format!("{section}{}{rule}\n", usual())));
        let mut state = fired(&old, cis);
        let alerts: Vec<Labels> = state_labels(cis);
        let (forecast, foretell_ms) =
            timed(|| foretold(Forecast::of_rules(&old, &new), [&old, &new], &alerts));
        let event = Event::RulesChanged(Arc::new(forecast));
        let handover_ms = applied(&mut state, &new, &event);
        let turn_ms = longest_turn(&mut state, &new);
        println!("{what:>34} {foretell_ms:>9} | {handover_ms:>9} {turn_ms:>8}");
    }
}

/// Foretells what becomes of alerts.
fn foretold(mut forecast: Forecast, contexts: [&Context; 2], alerts: &[Labels]) -> Forecast {
    for labels in alerts {
        forecast.foretell(contexts, labels.fingerprint(), Told { labels, severity: None });
    }
    forecast
}

/// Returns how long an event took on the engine's thread.
fn applied(state: &mut State, ctx: &Context, event: &Event) -> u128 {
    let (_, took_ms) = timed(|| {
        state.apply(ctx, event, START);
        state.drain(ctx)
    });
    took_ms
}

/// Has what is left to be decided on decided; returns how long the longest turn took.
fn longest_turn(state: &mut State, ctx: &Context) -> u128 {
    let mut longest = 0;
    while state.next_due() == Some(START) {
        longest = longest.max(applied(state, ctx, &Event::Tick));
    }
    longest
}

fn state_labels(cis: usize) -> Vec<Labels> {
    let labels = |i: usize| {
        let (name, ci) = (format!("A{i}"), format!("ci-{:07}", i.wrapping_mul(7_919) % cis));
        let job = format!("j{}", i / PER_INCIDENT);
        let mut pairs =
            [("alertname", &*name), ("ci", &*ci), ("job", &*job), ("severity", "warning")];
        Labels::build(&mut pairs).unwrap()
    };
    (0..ALERTS).map(labels).collect()
}

/// Writes all of it, then the change.
fn write(before: &Rows, change: Revision) -> [u128; 2] {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).unwrap();
    let delta = Delta::between(&Rows::default(), before);
    let first = Revision { delta, change: Change::new(1, START, "bench", "replace") };
    [first, change].map(|revision| {
        timed(|| {
            store.commit(&Changes::default(), &[&revision]).unwrap();
        })
        .1
    })
}

/// Returns what `work` does and the milliseconds of processor time that this thread took for it: a
/// machine that does other things as well measures the same.
fn timed<T>(work: impl FnOnce() -> T) -> (T, u128) {
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        i128::from(time.tv_sec) * 1_000_000 + i128::from(time.tv_nsec) / 1_000
    };
    let began = used();
    let done = work();
    (done, u128::try_from(used() - began).unwrap() / 1_000)
}
