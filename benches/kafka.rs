//! A topic of a real Apache Kafka → decoded, deduplicated, correlated, committed with sync; beside the
//! same alerts by HTTP, and beside `kcat` that reads the same topic to /dev/null. The real binary on
//! a folder of its own; broker, reader and client share the machine.
//!
//! `.ci/kafka && cargo bench --profile dev --bench kafka`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
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
#![expect(unreachable_pub, reason = "the modules of a benchmark")]
#![allow(dead_code, reason = "it uses a part of what the tests use")]

#[path = "../tests/kafka/broker.rs"]
mod broker;
#[path = "../tests/common/mod.rs"]
mod common;
mod load;
mod probe;
#[path = "../tests/kafka/producer.rs"]
mod producer;
#[path = "../tests/kafka/reader.rs"]
mod reader;
mod traffic;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use common::{Client, Daemon, pause};
use incidentd::clock;
use producer::Record;

/// Alerts of one run: first all are new, then all come again.
const ALERTS: usize = 100_000;

const ROUNDS: usize = 3;

const SETTINGS: &str =
    "[limits]\nalerts_per_source = 10000000\n[log]\nlevel = \"warn\"\n[canary]\nevery = \"0s\"\n";

/// Alerts a second: while all are new, and while all come again.
#[derive(Clone, Copy, Debug)]
struct Rates {
    new: f64,
    again: f64,
}

fn main() {
    if !broker::is_fetched() {
        println!("there is no Apache Kafka to read from; fetch it:  .ci/kafka. Left out");
        return;
    }
    let broker = Broker::start();
    fill(&broker, "batched", load::BATCH);
    fill(&broker, "single", 1);
    println!("{ALERTS} alerts new, then again; 10 labels, synced commits; alerts/s");
    println!("{:>28} {:>10} {:>10} {:>12}", "", "new", "again", "CPU s/1M");
    for _ in 0..ROUNDS {
        let http = by_http();
        let batched = by_kafka(&broker, "batched");
        let single = by_kafka(&broker, "single");
        for (what, rates) in [("64 a record", batched), ("one a record", single)] {
            println!(
                "{:>28} {:>9.0}% {:>9.0}%",
                format!("topic / HTTP, {what}"),
                rates.new / http.new * 100.0,
                rates.again / http.again * 100.0
            );
        }
    }
    for topic in ["batched", "single"] {
        read_away(&broker, topic);
    }
}

/// Fills a topic of one partition, so that all are new before any comes again.
fn fill(broker: &Broker, topic: &str, alerts_a_record: usize) {
    broker.make_topic(topic, 1);
    for _ in 0..2 {
        let bodies = (0..ALERTS / load::BATCH).map(load::native_body);
        let records = bodies.flat_map(|body| {
            if alerts_a_record > 1 {
                return vec![body];
            }
            let alerts: Vec<Box<serde_json::value::RawValue>> =
                serde_json::from_str(&body).unwrap();
            alerts.iter().map(|alert| alert.get().to_owned()).collect()
        });
        producer::produce(broker, topic, records.map(|value| Record::new("", value)));
    }
}

fn start(settings: &str) -> (tempfile::TempDir, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), format!("{SETTINGS}{settings}")).unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/load.yaml"), load::RULES).unwrap();
    let daemon = Daemon::start(dir.path());
    (dir, daemon)
}

fn show(what: &str, rates: Rates, pid: u32) {
    let cpu = probe::cpu_seconds(pid) / (2 * ALERTS) as f64 * 1e6;
    println!("{what:>28} {:>10.0} {:>10.0} {cpu:>12.1}", rates.new, rates.again);
}

fn by_http() -> Rates {
    let (_dir, daemon) = start("");
    let bodies: Vec<String> = (0..ALERTS / load::BATCH).map(load::native_body).collect();
    let bodies = Arc::new(bodies);
    let [new, again] = [(); 2].map(|()| {
        let once = Duration::ZERO;
        let sent = traffic::post(daemon.address, "/ingest/native", &bodies, 4, once);
        (sent.deliveries * load::BATCH) as f64 / sent.seconds
    });
    let rates = Rates { new, again };
    show("HTTP, 64 a body, 4 senders", rates, daemon.pid());
    rates
}

/// Reads a topic with a daemon of its own. Counted from the first commit that is seen, because what
/// comes before is the start of a process.
fn by_kafka(broker: &Broker, topic: &str) -> Rates {
    let cluster = reader::cluster("main", broker);
    let (_dir, daemon) = start(&format!("{cluster}{}", reader::source("log", "main", topic)));
    let mut client = daemon.client();
    let alerts = (ALERTS / load::BATCH * load::BATCH) as f64;
    let first = read_past(&mut client, 0.0);
    let half = read_past(&mut client, alerts - 1.0);
    let end = read_past(&mut client, 2.0 * alerts - 1.0);
    let rate = |from: (f64, f64), to: (f64, f64)| (to.1 - from.1) / (to.0 - from.0);
    let rates = Rates { new: rate(first, half), again: rate(half, end) };
    show(&format!("topic {topic}"), rates, daemon.pid());
    rates
}

/// Waits until more than so many alerts are read; returns the second and how many they are.
fn read_past(client: &mut Client, alerts: f64) -> (f64, f64) {
    loop {
        let read = reader::metric(client, "incidentd_ingest_alerts_total", &["source=\"log\""]);
        let at = clock::monotonic().as_secs_f64();
        if read > alerts {
            return (at, read);
        }
        pause(Duration::from_millis(10));
    }
}

/// Has `kcat` read a topic to its end, to nowhere.
fn read_away(broker: &Broker, topic: &str) {
    let began = clock::monotonic();
    let address = broker.open.to_string();
    let mut command = Command::new("kcat");
    command.args(["-C", "-e", "-q", "-b", &address, "-t", topic, "-o", "beginning"]);
    let done = command.stdout(Stdio::null()).status().unwrap();
    let took = clock::monotonic().saturating_sub(began).as_secs_f64();
    assert!(done.success());
    let rate = (2 * ALERTS) as f64 / took;
    println!("{:>28} {rate:>10.0} alerts/s, nothing done with them", format!("kcat -C, {topic}"));
}
