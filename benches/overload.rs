//! Ten times what the real daemon can take: first what that is (closed loop), then so many deliveries
//! at a steady pace whether or not answers come (open loop), then as little as on a quiet day.
//!
//! Each delivery has alerts of its own, and how often it was answered 200 is counted here, outside of
//! the daemon; what its API says afterwards of each alert has to agree. Ends badly when a bound is
//! broken. `cargo bench --profile dev --bench overload -- --help`
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
mod load;
mod ours;
mod probe;
mod traffic;
mod verdict;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use common::{Client, Daemon, Sink, all, pause};
use incidentd::clock;
use load::{Form, Shape};
use ours::Setup;
use traffic::{Dealt, Fate, Offer};
use verdict::{Bound, Verdict};

/// Offers incidentd ten times what it can take and looks what becomes of it.
#[derive(Debug, Parser)]
struct Options {
    /// How long the overload lasts, in seconds
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// How many times what it can take is offered
    #[arg(long, default_value_t = 10.0)]
    times: f64,
    /// Senders at a time, each with a connection
    #[arg(long, default_value_t = 400)]
    connections: usize,
    /// Alerts that are not the same
    #[arg(long, default_value_t = 100_000)]
    distinct: usize,
    /// Alerts of one delivery
    #[arg(long, default_value_t = load::BATCH)]
    batch: usize,
    /// Rules, of all kinds
    #[arg(long, default_value_t = 200)]
    rules: usize,
    /// CIs of the CMDB
    #[arg(long, default_value_t = 10_000)]
    cis: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const PATH: &str = "/ingest/native";

/// How long what can be taken is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// How long a delivery of the overload waits for a connection: whoever sends gives up some time, too.
const PATIENCE: Duration = Duration::from_secs(1);

/// The quiet day before and after, as a share of what can be taken.
const QUIET: f64 = 0.2;
const QUIET_SPAN: Duration = Duration::from_secs(10);

/// What the deliveries that wait may take of memory beside what is held: `http.waiting_max_bytes` of
/// bodies, each of which takes some times more when it is decoded, and the batches under way.
const MEMORY_MB_MAX: f64 = 256.0;

fn main() -> ExitCode {
    let options = Options::parse();
    let sink = Sink::start();
    let rules = ours::rules(options.rules);
    let setup = Setup { rules, cis: options.cis, ..Setup::default() };
    let (_folder, daemon) = ours::start(&setup, sink.address);
    let bodies = bodies(&options);
    let mut said = Said::new(bodies.len());
    let mut verdict = Verdict::default();

    // New alerts cost more than known ones, so the first round is not what is measured.
    let connections = 16;
    let first = traffic::post(daemon.address, PATH, &bodies, connections, Duration::ZERO);
    let again = traffic::post(daemon.address, PATH, &bodies, connections, MEASURED);
    said.posted([first.deliveries, again.deliveries]);
    let capacity = again.deliveries as f64 / again.seconds;
    verdict.add("deliveries/s that it takes (closed loop)", capacity, Bound::Free);
    let quiet = Offer {
        path: PATH,
        rate: capacity * QUIET,
        connections,
        span: QUIET_SPAN,
        patience: PATIENCE,
    };
    let body = |n: usize| Cow::Borrowed(&*bodies[n % bodies.len()]);
    let calm = said.offered(traffic::offer(daemon.address, quiet, &body));
    let before = probe::sample(daemon.pid());

    let people = People::start(&daemon);
    let (rate, span) = (capacity * options.times, Duration::from_secs(options.seconds));
    let offer = Offer { rate, span, connections: options.connections, ..quiet };
    let cpu = probe::cpu_seconds(daemon.pid());
    let flood = said.offered(traffic::offer(daemon.address, offer, &body));
    let cpu = probe::cpu_seconds(daemon.pid()) - cpu;
    let peak = probe::resident_peak(daemon.pid());
    let acknowledged = people.stop();
    let back = recovery(&daemon, quiet, &bodies, &mut said, traffic::milliseconds(&calm, 0.99));

    add_flood(&mut verdict, &flood, span);
    verdict.add("CPU s/s of the daemon under overload", cpu / span.as_secs_f64(), Bound::Free);
    let p99 = traffic::quantile(&acknowledged, 0.99) / 1e3;
    verdict.add("p99 of an acknowledgement under overload, s", p99, Bound::AtMost(1.0));
    let before = before.resident as f64 / 1e6;
    verdict.add("MB before", before, Bound::Free);
    let peak = peak as f64 / 1e6;
    verdict.add("MB at the peak", peak, Bound::AtMost(before + MEMORY_MB_MAX));
    let p99 = traffic::milliseconds(&calm, 0.99);
    verdict.add("p99 of the answer on a quiet day before, ms", p99, Bound::Free);
    verdict.add("s until it is as before, from the end", back, Bound::AtMost(10.0));
    let (lost, doubled) = said.compare(&daemon, options.batch);
    verdict.add("alerts with fewer occurrences than were answered 200", lost, Bound::Exactly(0.0));
    verdict.add("alerts with more than were sent", doubled, Bound::Exactly(0.0));
    println!(
        "{} times what it takes for {} s by {} senders; {} distinct alerts, {} a delivery, {} rules, {} CIs\n",
        options.times,
        options.seconds,
        options.connections,
        options.distinct,
        options.batch,
        options.rules,
        options.cis
    );
    verdict.print()
}

fn bodies(options: &Options) -> Arc<Vec<String>> {
    let &Options { batch, cis, .. } = options;
    let shape = Shape { form: Form::Native, batch, group: 100, labels: load::LABELS, cis };
    Arc::new((0..options.distinct / batch).map(|delivery| shape.body(delivery)).collect())
}

/// Adds how what fell due in the overload ended.
fn add_flood(verdict: &mut Verdict, flood: &[Dealt], span: Duration) {
    let seconds = span.as_secs_f64();
    let rate = |of: fn(Fate) -> bool| traffic::count(flood, of) as f64 / seconds;
    let answered = |status: u16| move |fate: Fate| fate == Fate::Answered(status);
    verdict.add("deliveries/s offered", rate(|_| true), Bound::Free);
    let sent = rate(|fate| fate != Fate::Unsent);
    verdict.add("… sent: a connection was free within 1 s", sent, Bound::Free);
    for status in [200, 429, 503] {
        let per_second = traffic::count(flood, answered(status)) as f64 / seconds;
        verdict.add(format!("… answered {status}"), per_second, Bound::Free);
    }
    let is_other =
        |fate| matches!(fate, Fate::Answered(status) if ![200, 429, 503].contains(&status));
    let other = traffic::count(flood, is_other) as f64;
    verdict.add("deliveries answered otherwise", other, Bound::Exactly(0.0));
    let broken = traffic::count(flood, |fate| fate == Fate::Broken) as f64;
    verdict.add("connections refused or cut", broken, Bound::Exactly(0.0));
    let p99 = traffic::milliseconds(flood, 0.99);
    verdict.add("p99 of the answer 200, ms from when it was due", p99, Bound::Free);
}

/// What was said, counted outside of the daemon: of each body how often it was answered 200, and how
/// often what became of it is not known.
struct Said {
    answered: Vec<u64>,
    unknown: Vec<u64>,
}

impl Said {
    fn new(bodies: usize) -> Self {
        Self { answered: vec![0; bodies], unknown: vec![0; bodies] }
    }

    /// Counts rounds through all bodies, each from the first one on.
    fn posted(&mut self, rounds: [usize; 2]) {
        for deliveries in rounds {
            let len = self.answered.len();
            (0..deliveries).for_each(|n| self.answered[n % len] += 1);
        }
    }

    fn offered(&mut self, dealt: Vec<Dealt>) -> Vec<Dealt> {
        for (n, fate, _) in &dealt {
            let body = n % self.answered.len();
            match fate {
                Fate::Answered(200) => self.answered[body] += 1,
                // Refused: nothing was taken. Whoever got no answer cannot know.
                Fate::Answered(_) | Fate::Unsent => {}
                Fate::Broken => self.unknown[body] += 1,
            }
        }
        dealt
    }

    /// Returns how many alerts count less often than they were answered for, or are not there at all,
    /// and how many more often than they were sent.
    fn compare(&self, daemon: &Daemon, batch: usize) -> (f64, f64) {
        let mut counted = vec![0; self.answered.len() * batch];
        for alert in all(&mut daemon.client(), "/api/v1/alerts").unwrap() {
            let pod = alert["labels"]["pod"].as_str().and_then(|pod| pod.rsplit('-').next());
            // The canary has none.
            let Some(n) = pod.and_then(|n| n.parse::<usize>().ok()) else { continue };
            counted[n] = alert["occurrences"].as_u64().unwrap();
        }
        let of = |n: usize| (self.answered[n / batch], self.unknown[n / batch]);
        let wrong = |is_wrong: fn(u64, (u64, u64)) -> bool| {
            counted.iter().enumerate().filter(|(n, count)| is_wrong(**count, of(*n))).count() as f64
        };
        (
            wrong(|count, (answered, _)| count < answered),
            wrong(|count, (answered, unknown)| count > answered + unknown),
        )
    }
}

/// Somebody who notes something at an incident five times a second, and is timed.
struct People {
    halt: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl People {
    fn start(daemon: &Daemon) -> Self {
        let incidents = all(&mut daemon.client(), "/api/v1/incidents").unwrap();
        let ids: Vec<String> =
            incidents.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        let halt = Arc::new(AtomicBool::new(false));
        let (stop, address) = (Arc::clone(&halt), daemon.address);
        Self { halt, thread: std::thread::spawn(move || acknowledge(address, &ids, &stop)) }
    }

    /// Returns how long the answers took, in order of size.
    fn stop(self) -> Vec<Duration> {
        self.halt.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn acknowledge(address: SocketAddr, ids: &[String], halt: &AtomicBool) -> Vec<Duration> {
    let mut client = Client::new(address);
    let mut took = Vec::new();
    for id in ids.iter().cycle() {
        if halt.load(Ordering::Relaxed) {
            break;
        }
        let began = clock::monotonic();
        let answer = client.post(&format!("/api/v1/incidents/{id}/ack"), r#"{"by":"mia"}"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
        took.push(clock::monotonic().saturating_sub(began));
        pause(Duration::from_millis(200));
    }
    took.sort_unstable();
    took
}

/// Returns after how many seconds a second of a quiet day is as those before: all answered 200, and 99
/// of 100 within twice the time it took then, or 20 ms where that is more.
fn recovery(
    daemon: &Daemon,
    quiet: Offer,
    bodies: &Arc<Vec<String>>,
    said: &mut Said,
    p99_before: f64,
) -> f64 {
    let began = clock::monotonic();
    let passed = || clock::monotonic().saturating_sub(began).as_secs_f64();
    let second = Offer { span: Duration::from_secs(1), ..quiet };
    while passed() < 60.0 {
        let since = passed();
        let body = |n: usize| Cow::Borrowed(&*bodies[n % bodies.len()]);
        let dealt = said.offered(traffic::offer(daemon.address, second, &body));
        let well = traffic::count(&dealt, |fate| fate == Fate::Answered(200)) == dealt.len();
        if well && traffic::milliseconds(&dealt, 0.99) <= (2.0 * p99_before).max(20.0) {
            return since;
        }
    }
    f64::INFINITY
}
