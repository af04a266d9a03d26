//! The whole path: HTTP in, decoded, deduplicated, correlated, committed with sync, answered. The
//! real binary on a folder of its own; client and server share the machine.
//!
//! `cargo bench --profile dev --bench http`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

#[path = "../tests/common/mod.rs"]
mod common;
mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Client, Daemon};
use incidentd::clock;

const ROUNDS: usize = 3;
const SETTINGS: &str = "[limits]\nalerts_per_source = 10000000\n[log]\nlevel = \"warn\"\n";

fn main() {
    println!("POST /ingest/native, {} alerts a body, 10 labels, synced commits", load::BATCH);
    println!(
        "{:>8} {:>5} {:>10} {:>12} {:>8} {:>8} {:>10} {:>12}",
        "active", "conns", "what", "alerts/s", "p50 ms", "p99 ms", "CPU s/1M", "bytes/alert"
    );
    for (active, connections) in [(10_000, 4), (100_000, 4), (100_000, 16)] {
        for _ in 0..ROUNDS {
            measure(active, connections);
        }
    }
}

fn measure(active: usize, connections: usize) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), SETTINGS).unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/load.yaml"), load::RULES).unwrap();
    let daemon = Daemon::start(dir.path());
    let bodies: Arc<Vec<String>> =
        Arc::new((0..active / load::BATCH).map(load::native_body).collect());
    let empty = load::resident(daemon.pid());
    for what in ["new", "heartbeat"] {
        let cpu = load::cpu_seconds(daemon.pid());
        let (seconds, mut answers) = post_all(&daemon, &bodies, connections);
        answers.sort_unstable();
        let alerts = (bodies.len() * load::BATCH) as f64;
        let cpu = (load::cpu_seconds(daemon.pid()) - cpu) / alerts * 1e6;
        let bytes = load::resident(daemon.pid()).saturating_sub(empty) as f64 / alerts;
        let at = |share: f64| {
            let place = (answers.len() as f64 * share) as usize;
            answers.get(place).unwrap().as_secs_f64() * 1e3
        };
        println!(
            "{active:>8} {connections:>5} {what:>10} {:>12.0} {:>8.2} {:>8.2} {cpu:>10.1} {bytes:>12.0}",
            alerts / seconds,
            at(0.5),
            at(0.99)
        );
    }
}

/// Posts every body once, each connection taking the next, and returns the seconds it took with the
/// time of each answer.
fn post_all(
    daemon: &Daemon,
    bodies: &Arc<Vec<String>>,
    connections: usize,
) -> (f64, Vec<Duration>) {
    let next = Arc::new(AtomicUsize::new(0));
    let began = clock::monotonic();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (next, bodies, address) = (Arc::clone(&next), Arc::clone(bodies), daemon.address);
            std::thread::spawn(move || {
                let mut client = Client::new(address);
                let mut answers = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = clock::monotonic();
                    let answer = client.post("/ingest/native", body);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    answers.push(clock::monotonic().saturating_sub(began));
                }
                answers
            })
        })
        .collect();
    let answers = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    (clock::monotonic().saturating_sub(began).as_secs_f64(), answers)
}
