//! A week in an hour: the real daemon under steady load while rules are reloaded, the CMDB changes,
//! backups are made and what is old is forgotten. Memory, descriptors, threads, the time of answers
//! and the disk have to stay as they are once the first spans of retention have passed.
//!
//! Alerts begin all the time, live for a while, end, and come back later as a new episode of the same
//! alert; incidents open, resolve, close and are forgotten. An alert that ended is held for half an
//! hour whatever is set, so that ever new ones would still fill memory when the hour is half over.
//! Ends badly when a bound is broken.
//! `cargo bench --profile dev --bench soak -- --help`
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints and may panic"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

#[path = "../tests/common/mod.rs"]
mod common;
mod estate;
mod ours;
mod probe;
mod traffic;
mod verdict;

use core::fmt::Write;
use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use common::{Daemon, Sink, pause};
use incidentd::clock;
use ours::Setup;
use traffic::{Fate, Offer};
use verdict::{Bound, Verdict};

/// Runs incidentd for a week that passes in an hour and looks whether anything grows.
#[derive(Debug, Parser)]
struct Options {
    /// How long, in seconds; what is kept for a day is kept for a seventh of it
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Alerts a second, of all kinds
    #[arg(long, default_value_t = 2_000)]
    rate: usize,
    /// Alerts that fire at a time
    #[arg(long, default_value_t = 20_000)]
    active: usize,
    /// Alerts that are not the same
    #[arg(long, default_value_t = 60_000)]
    distinct: usize,
    /// Rules, of all kinds
    #[arg(long, default_value_t = 200)]
    rules: usize,
    /// CIs of the CMDB
    #[arg(long, default_value_t = 10_000)]
    cis: usize,
    /// Lines of the table
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(6..=1_000))]
    lines: u32,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// What passes for a day, in seconds; the shortest that anything is kept.
    fn day(&self) -> u64 {
        (self.seconds / 7).max(60)
    }
}

/// Alerts of one delivery: a quarter new, a quarter over, the others come again.
const BATCH: usize = 64;
const NEW: usize = BATCH / 4;

/// Senders at a time.
const CONNECTIONS: usize = 8;

/// What may be different between the second third and the last one: of memory and disk a share, of
/// descriptors and threads a number.
const GROWTH_MAX: f64 = 1.10;
const HANDLES_MAX: f64 = 16.0;

/// What a million alerts from their beginning to their end may take of the disk, in MB: a kilobyte of
/// alert, episode and journal each, and as much again until RocksDB has packed it.
const DISK_MB_MAX: f64 = 2_000.0;

/// How long an alert may wait for the rules or the CMDB to change, in ms.
const WAIT_MS_MAX: f64 = 50.0;

/// One line of the table.
#[derive(Clone, Copy, Debug)]
struct Line {
    resident: f64,
    descriptors: f64,
    threads: f64,
    p99_ms: f64,
    disk: f64,
    incidents: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let sink = Sink::start();
    let setup = Setup { settings: settings(&options), rules: rules(&options, 0), cis: options.cis };
    let (_folder, daemon) = ours::start(&setup, sink.address);
    println!(
        "{} alerts/s for {} s, {} firing at a time of {}, {} rules, {} CIs\n",
        options.rate, options.seconds, options.active, options.distinct, options.rules, options.cis
    );
    println!("| s | MB | descriptors | threads | p99, ms | MB on disk | open incidents |");
    println!("|---|---|---|---|---|---|---|");
    let (halt, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let cpu = probe::cpu_seconds(daemon.pid());
    let (lines, waits) = std::thread::scope(|scope| {
        let changes = scope.spawn(|| disturb(&daemon, &options, &halt));
        let pulse = scope.spawn(|| pulse(&daemon, &halt));
        let lines = load(&daemon, &options, &refused);
        halt.store(true, Ordering::Relaxed);
        (lines, waits(&changes.join().unwrap(), &pulse.join().unwrap()))
    });
    let cpu = (probe::cpu_seconds(daemon.pid()) - cpu) / options.seconds as f64;
    let mut verdict = conclude(&options, &lines, refused.into_inner(), cpu);
    for (what, mut longest) in waits {
        longest.sort_unstable();
        let of = |share| traffic::quantile(&longest, share);
        let words = |which| format!("longest wait of an alert while {what}, ms, {which}");
        verdict.add(words("of half of the times"), of(0.5), Bound::AtMost(WAIT_MS_MAX));
        verdict.add(words("ever"), of(1.0), Bound::Free);
    }
    println!();
    verdict.print()
}

fn settings(options: &Options) -> String {
    let day = options.day();
    format!(
        "[storage]\nwrite_buffer = \"8MiB\"\nwal_max = \"32MiB\"\n\
         [backup]\nevery = \"{day}s\"\nkeep = 2\n\
         [retention]\nincidents = \"{day}s\"\nepisodes = \"{day}s\"\njournal = \"{day}s\"\n"
    )
}

/// The rules of all kinds, whose incidents end soon after their alerts; each version has a rule of its
/// own.
fn rules(options: &Options, version: usize) -> Vec<(String, String)> {
    let lifecycle = "lifecycle: {linger: 5s, reopen: 10s, close_after: 20s}\nrules:\n";
    let own = format!(
        "  - {{name: version, owner: desk, when: 'alertname=\"Version{version}\"', enrich: {{category: software}}}}\n"
    );
    let mut files = ours::rules(options.rules);
    let (_, first) = files.first_mut().unwrap();
    *first = first.replacen("rules:\n", lifecycle, 1) + &own;
    files
}

/// Delivery `n`: new alerts, those that are over, and some of those between that come again.
fn body(n: usize, options: &Options) -> String {
    let lives = options.active / NEW;
    let mut text = String::from("[");
    let mut add = |alert: usize, status: &str| {
        let comma = if text.len() == 1 { "" } else { "," };
        let alert = alert % options.distinct;
        let service = alert / 100;
        write!(
            text,
            r#"{comma}{{"labels":{{"alertname":"HighLatency","cluster":"eu-central-1","namespace":"shop-{}","service":"service-{service}","pod":"service-{service}-7d9c5b6f4-{alert:09}","instance":"10.0.0.{}:9090","job":"kubernetes-pods","severity":"warning","ci":"ci-{:07}"}},"annotations":{{"summary":"p99 latency is above 500 ms"}}{status}}}"#,
            service % 10,
            alert % 250,
            (service * 61 + alert % 61) % options.cis
        )
        .unwrap();
    };
    (n * NEW..(n + 1) * NEW).for_each(|alert| add(alert, ""));
    if let Some(over) = n.checked_sub(lives) {
        (over * NEW..(over + 1) * NEW).for_each(|alert| add(alert, r#","status":"resolved""#));
    }
    for again in [lives / 3, lives * 2 / 3].into_iter().filter_map(|back| n.checked_sub(back)) {
        (again * NEW..(again + 1) * NEW).for_each(|alert| add(alert, ""));
    }
    text.push(']');
    text
}

/// Sends steadily; a line of the table for each part of the time.
fn load(daemon: &Daemon, options: &Options, refused: &AtomicUsize) -> Vec<Line> {
    let span = Duration::from_secs(options.seconds) / options.lines;
    let rate = options.rate as f64 / BATCH as f64;
    let offer =
        Offer { path: "/ingest/native", rate, connections: CONNECTIONS, span, patience: span };
    let mut sent = 0;
    let part = |part: u32| {
        let dealt = traffic::offer(daemon.address, offer, &|n| Cow::Owned(body(sent + n, options)));
        sent += dealt.len();
        let answered = traffic::count(&dealt, |fate| fate == Fate::Answered(200));
        refused.fetch_add(dealt.len() - answered, Ordering::Relaxed);
        let line = look(daemon, traffic::milliseconds(&dealt, 0.99));
        println!(
            "| {} | {:.0} | {} | {} | {:.1} | {:.0} | {} |",
            (span * (part + 1)).as_secs(),
            line.resident,
            line.descriptors,
            line.threads,
            line.p99_ms,
            line.disk,
            line.incidents
        );
        line
    };
    (0..options.lines).map(part).collect()
}

fn look(daemon: &Daemon, p99_ms: f64) -> Line {
    let sample = probe::sample(daemon.pid());
    Line {
        resident: sample.resident as f64 / 1e6,
        descriptors: sample.descriptors as f64,
        threads: sample.threads as f64,
        p99_ms,
        disk: probe::bytes_below(&daemon.dir.join("data/store")) as f64 / 1e6,
        incidents: metric(daemon, "incidentd_engine_open_incidents "),
    }
}

fn metric(daemon: &Daemon, name: &str) -> f64 {
    let text = daemon.client().get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}

/// Begin and end of something.
type Span = (Duration, Duration);

/// What changes while alerts come.
const CHANGES: [&str; 2] = ["the CMDB changes", "rules change"];

/// Sends one alert after the other, and returns when each was under way.
fn pulse(daemon: &Daemon, halt: &AtomicBool) -> Vec<Span> {
    let mut client = daemon.client();
    let mut spans = Vec::new();
    while !halt.load(Ordering::Relaxed) {
        let began = clock::monotonic();
        let answer = client.post("/ingest/native", r#"{"labels":{"alertname":"Pulse"}}"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
        spans.push((began, clock::monotonic()));
        pause(Duration::from_millis(10));
    }
    spans
}

/// Returns the longest wait of an alert during each change, by what changed.
fn waits(changes: &[(usize, Span)], pulse: &[Span]) -> [(&'static str, Vec<Duration>); 2] {
    let longest = |(began, ended): Span| {
        let during = pulse.iter().filter(|alert| alert.0 < ended && began < alert.1);
        during.map(|alert| alert.1.saturating_sub(alert.0)).max().unwrap_or_default()
    };
    [0, 1].map(|what| {
        let of = changes.iter().filter(|change| change.0 == what);
        (CHANGES[what], of.map(|change| longest(change.1)).collect())
    })
}

/// Reloads the rules and changes the CMDB, again and again; returns which of both when.
fn disturb(daemon: &Daemon, options: &Options, halt: &AtomicBool) -> Vec<(usize, Span)> {
    let mut client = daemon.client();
    let mut changes = Vec::new();
    let began = clock::monotonic();
    for version in 1_usize.. {
        // Looked at often, so that the end is not waited for.
        while clock::monotonic().saturating_sub(began) < Duration::from_secs(5 * version as u64) {
            if halt.load(Ordering::Relaxed) {
                return changes;
            }
            pause(Duration::from_millis(100));
        }
        if version.is_multiple_of(4) {
            for (name, text) in rules(options, version) {
                std::fs::write(daemon.dir.join("rules").join(name), text).unwrap();
            }
            let began = clock::monotonic();
            let answer = client.post("/-/reload", "");
            assert_eq!(answer.status, 200, "{}", answer.body);
            changes.push((1, (began, clock::monotonic())));
        }
        let began = clock::monotonic();
        let path = format!("/api/v1/cmdb/cis/ci-{:07}", version * 61 % options.cis);
        let change = format!(r#"{{"attributes":{{"owner":"team-{}"}}}}"#, version % 50);
        let answer = client.try_send("PATCH", &path, &change).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        changes.push((0, (began, clock::monotonic())));
    }
    changes
}

/// A column of the table by its name.
type Column = (&'static str, fn(&Line) -> f64);

/// Compares the second third with the last: the first one fills what is kept.
fn conclude(options: &Options, lines: &[Line], refused: usize, cpu: f64) -> Verdict {
    let third = lines.len() / 3;
    let (middle, last) = (&lines[third..2 * third], &lines[2 * third..]);
    let mean =
        |of: fn(&Line) -> f64, part: &[Line]| part.iter().map(of).sum::<f64>() / part.len() as f64;
    let mut verdict = Verdict::default();
    let alerts = options.rate as f64 * options.seconds as f64;
    verdict.add("million alerts taken", alerts / 1e6, Bound::Free);
    verdict.add("deliveries not answered 200", refused as f64, Bound::Exactly(0.0));
    verdict.add("CPU s/s of the daemon", cpu, Bound::Free);
    let columns: [Column; 2] = [("memory", |it| it.resident), ("disk", |it| it.disk)];
    for (what, of) in columns {
        let grown = mean(of, last) / mean(of, middle);
        verdict.add(format!("{what}, last third / second"), grown, Bound::AtMost(GROWTH_MAX));
    }
    let columns: [Column; 2] = [("descriptors", |it| it.descriptors), ("threads", |it| it.threads)];
    for (what, of) in columns {
        let grown = mean(of, last) - mean(of, middle);
        verdict.add(format!("{what}, last third − second"), grown, Bound::AtMost(HANDLES_MAX));
    }
    let (before, after) = (mean(|it| it.p99_ms, middle), mean(|it| it.p99_ms, last));
    verdict.add("p99 of the answer, ms, second third", before, Bound::Free);
    verdict.add("p99 of the answer, ms, last third", after, Bound::AtMost(2.0 * before + 5.0));
    let began = options.rate as f64 * NEW as f64 / BATCH as f64 * options.day() as f64;
    let disk = mean(|it| it.disk, last) / (began / 1e6);
    let what = "MB on disk for a million alerts that began, came three times more, and are kept";
    verdict.add(what, disk, Bound::AtMost(DISK_MB_MAX));
    verdict
}
