//! A label that varies without end: one source sends alerts that are all new. It holds as many as it
//! may, the rest goes to the quarantine and raises one incident, and another source notices nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use incidentd::clock;
use serde_json::{Value, json};

use crate::Outcome;
use crate::common::{Client, Sink, all, pause, peak_bytes, wait_for};
use crate::figures::{figure, must, p99, since};
use crate::oracle::Halt;
use crate::process::{Manner, Process, folder, set_more};

const LANES: usize = 4;
/// As many as a delivery may hold.
const BATCH: usize = 1_000;

const STORE: &str = "[storage]\nwrite_buffer = \"64MiB\"\nwal_max = \"256MiB\"\n";

/// Between two alerts of the good source.
const PACE: Duration = Duration::from_millis(50);

/// What became of the alerts of the bomb, as they were answered.
#[derive(Default)]
struct Burst {
    began: AtomicUsize,
    overflowed: AtomicUsize,
    put_off: AtomicUsize,
}

pub fn run() -> Outcome {
    let alerts = figure("BOMB", 40_000, 1_000_000);
    let limit = figure("BOMB_HELD", 5_000, 200_000);
    let slow_ms = figure("BOMB_P99_MS", 1_000, 1_000) as u64;
    let memory = figure("BOMB_MIB", 512, 512) as u64;
    let sink = Sink::start();
    let dir =
        folder(&sink, "[sources.bomb]\nformat = \"native\"\n[sources.good]\nformat = \"native\"\n");
    // The store as it is without settings: how long others wait depends on it.
    let more = format!("[limits]\nalerts_per_source = {limit}\n{STORE}");
    set_more(dir.path(), &more);
    let (mut daemon, _) = must(Process::start(dir.path(), &Manner::default()), "with a label bomb");
    let (burst, stop) = (Burst::default(), AtomicBool::new(false));
    let began = clock::monotonic();
    let (mut waits, took) = std::thread::scope(|scope| {
        let _halt = Halt(&stop);
        let good = scope.spawn(|| be_good(&daemon, &stop));
        std::thread::scope(|lanes| {
            for lane in 0..LANES {
                let (daemon, burst) = (&daemon, &burst);
                lanes.spawn(move || explode(daemon, lane, alerts / LANES, burst));
            }
        });
        let took = since(began);
        stop.store(true, Ordering::Relaxed);
        (good.join().unwrap(), took)
    });
    let [held, beyond] = [&burst.began, &burst.overflowed].map(|it| it.load(Ordering::Relaxed));
    assert_eq!((held, held + beyond), (limit, alerts), "held, and answered for");
    let mut client = daemon.client();
    let incidents = must(all(&mut client, "/api/v1/incidents"), "after a label bomb");
    let goods = waits.len().div_ceil(GOOD_GROUP);
    let mut titles: BTreeMap<String, usize> = BTreeMap::new();
    for incident in &incidents {
        *titles.entry(incident["title"].as_str().unwrap_or("").to_owned()).or_default() += 1;
    }
    let about_us = titles.iter().filter(|(title, _)| title.contains("IncidentdSourceOverflow"));
    assert_eq!(about_us.map(|(_, count)| count).sum::<usize>(), 1, "{titles:?}");
    assert_eq!(incidents.len(), goods + 2, "the good ones, the bomb's, the overflow's: {titles:?}");
    wait_for("a page for each incident", || {
        let pages = sink.taken("page");
        (pages
            .iter()
            .filter_map(|page| page["incident"]["id"].as_str())
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            >= goods)
            .then_some(())
    });
    let slowest = p99(&mut waits);
    assert!(slowest < Duration::from_millis(slow_ms), "the good source waited {slowest:?}");
    let peak = peak_bytes(daemon.pid()) >> 20;
    assert!(peak < memory, "the daemon took {peak} MiB, may take {memory}");
    assert_eq!(daemon.stop().and_then(|status| status.code()), Some(0), "{}", daemon.log_end());
    Outcome::Held(format!(
        "{alerts} distinct alerts of one source in {:.0} s: {held} held, {beyond} in the quarantine or \
         pushed out of it, all of them answered for, {} put off; 1 incident of theirs, 1 that says so; another source \
         meanwhile: {} of {} taken, p99 {} ms; memory {peak} MiB at most",
        took.as_secs_f64(),
        burst.put_off.load(Ordering::Relaxed),
        waits.len(),
        waits.len(),
        slowest.as_millis()
    ))
}

/// Sends alerts that nobody has seen before.
fn explode(daemon: &Process, lane: usize, alerts: usize, burst: &Burst) {
    let mut client = daemon.client();
    for first in (0..alerts).step_by(BATCH) {
        let batch = first..(first + BATCH).min(alerts);
        let body: Vec<Value> = batch
            .map(|n| json!({"labels": {"alertname": "Bomb", "service": "bomb", "id": format!("{lane}-{n}")}}))
            .collect();
        let body = json!(body).to_string();
        loop {
            let answer = client.exchange("POST", "/ingest/bomb", &body).unwrap();
            if matches!(answer.status, 429 | 503) {
                burst.put_off.fetch_add(1, Ordering::Relaxed);
                pause(Duration::from_millis(20));
                continue;
            }
            assert_eq!(answer.status, 200, "{}", answer.body);
            let said = answer.json();
            let count = |name: &str| usize::try_from(said[name].as_u64().unwrap_or(0)).unwrap();
            burst.began.fetch_add(count("began"), Ordering::Relaxed);
            burst.overflowed.fetch_add(count("overflowed"), Ordering::Relaxed);
            break;
        }
    }
}

/// Alerts of the good source that are of one service.
const GOOD_GROUP: usize = 10;

/// Sends one alert after the other and returns how long each waited for its answer.
fn be_good(daemon: &Process, stop: &AtomicBool) -> Vec<Duration> {
    let mut client: Client = daemon.client();
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let n = waits.len();
        let service = format!("good-{}", n / GOOD_GROUP);
        let labels = json!({"alertname": "Good", "service": service, "n": n.to_string(), "severity": "critical"});
        let began = clock::monotonic();
        let answer =
            client.exchange("POST", "/ingest/good", &json!({"labels": labels}).to_string());
        waits.push(since(began));
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.json()["began"]), (200, &1.into()), "{}", answer.body);
        pause(PACE);
    }
    waits
}
