//! A storm through the real daemon: a row of racks says 100,000 things in a minute, and one critical
//! alert that has nothing to do with it comes in the midst. Its page has to reach the receiver, what
//! people do has to be answered meanwhile, and the row has to be one incident.
//!
//! Deliveries come at a steady pace, whatever the answers (open loop). Ends badly when a bound is
//! broken. `cargo bench --profile dev --bench storm -- --help`
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
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use common::{Client, Daemon, Sink, all, pause, wait_for};
use incidentd::clock;
use ours::{DESK, Setup};
use serde_json::Value;
use traffic::{Fate, Offer};
use verdict::{Bound, Verdict};

/// Sends a storm to incidentd and looks what becomes of it.
#[derive(Debug, Parser)]
struct Options {
    /// Alerts of the storm, all distinct
    #[arg(long, default_value_t = 100_000)]
    alerts: usize,
    /// Over how many seconds they come
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Alerts of one delivery
    #[arg(long, default_value_t = 20)]
    batch: usize,
    /// CIs of the CMDB; a fifth of them is the row
    #[arg(long, default_value_t = 10_000)]
    cis: usize,
    /// Incidents open before the storm, which people acknowledge during it
    #[arg(long, default_value_t = 600)]
    open: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The name of the alert that has nothing to do with the storm.
const OUTSIDE: &str = "VaultOpen";

/// Senders at a time.
const CONNECTIONS: usize = 16;

/// What resident memory may be, of 100,000 active alerts with all that is shipped.
const MEMORY_MB_MAX: f64 = 512.0;

/// The row is a storm; what waits for people is an incident each.
const ROW: &str = concat!("version: 1\nnamespace: ops\n", include_str!("row-storm.yaml"));
const TICKETS: &str = "version: 1\nnamespace: desk\nrules:\n\
    \x20 - {name: ticket, owner: desk, when: 'ticket!=\"\"', group: {by: [ticket], window: 1h}}\n";

fn main() -> ExitCode {
    let options = Options::parse();
    let sink = Sink::start();
    let (_folder, daemon) = ours::start(&setup(&options), sink.address);
    let tickets = open_tickets(&daemon, options.open);
    let before = probe::sample(daemon.pid());
    let bodies = bodies(&options);

    let critical = send_critical(daemon.address, Duration::from_secs(options.seconds) * 3 / 5);
    let people = acknowledge(daemon.address, tickets, Duration::from_secs(options.seconds));
    let offer = Offer {
        path: "/ingest/native",
        rate: options.alerts as f64 / options.batch as f64 / options.seconds as f64,
        connections: CONNECTIONS,
        span: Duration::from_secs(options.seconds),
        patience: common::PATIENCE,
    };
    let cpu = probe::cpu_seconds(daemon.pid());
    let began = clock::monotonic();
    let dealt = traffic::offer(daemon.address, offer, &|n| Cow::Borrowed(&bodies[n]));
    let took = clock::monotonic().saturating_sub(began);
    let cpu = probe::cpu_seconds(daemon.pid()) - cpu;
    let (sent, acknowledged) = (critical.join().unwrap(), people.join().unwrap());
    let paged = wait_for("the page of the critical alert", || {
        let is_of = |page: &Value| page["incident"]["alerts"][0]["labels"]["alertname"] == OUTSIDE;
        sink.taken_at("page").into_iter().find(|(_, page)| is_of(page)).map(|(at, _)| at)
    });

    println!(
        "{} alerts in {} s, {} a delivery, {} CIs, {} incidents open before\n",
        options.alerts, options.seconds, options.batch, options.cis, options.open
    );
    let mut verdict = Verdict::default();
    let refused = traffic::count(&dealt, |fate| fate != Fate::Answered(200));
    verdict.add("deliveries", dealt.len() as f64, Bound::Free);
    verdict.add("deliveries not answered 200", refused as f64, Bound::Exactly(0.0));
    let late = took.as_secs_f64() - options.seconds as f64;
    verdict.add("s until all of the storm is answered, from its end", late, Bound::AtMost(1.0));
    let p99 = traffic::milliseconds(&dealt, 0.99);
    verdict.add("p99 of the answer to the storm, ms from when it was due", p99, Bound::Free);
    let page = paged.saturating_sub(sent).as_secs_f64();
    verdict.add("critical alert outside: s until its page is received", page, Bound::AtMost(5.0));
    let p99 = traffic::quantile(&acknowledged, 0.99) / 1e3;
    verdict.add("acknowledgements during the storm", acknowledged.len() as f64, Bound::Free);
    verdict.add("p99 of the answer to them, s", p99, Bound::AtMost(1.0));
    let peak = probe::resident_peak(daemon.pid()) as f64 / 1e6;
    verdict.add("CPU s of the daemon for the storm", cpu, Bound::Free);
    verdict.add("MB before the storm", before.resident as f64 / 1e6, Bound::Free);
    verdict.add("MB at the peak", peak, Bound::AtMost(MEMORY_MB_MAX));
    add_truth(&mut verdict, &daemon, &options, &sink);
    verdict.print()
}

fn setup(options: &Options) -> Setup {
    let mut rules = ours::shipped();
    rules.push(("row.yaml".into(), ROW.into()));
    rules.push(("tickets.yaml".into(), TICKETS.into()));
    rules.push(("desk.yaml".into(), ["version: 1\nnamespace: people\n", DESK].concat()));
    Setup { settings: String::new(), rules, cis: options.cis }
}

/// Opens incidents and returns their numbers.
fn open_tickets(daemon: &Daemon, count: usize) -> Vec<String> {
    let mut client = daemon.client();
    for n in 0..count {
        let alert = format!(
            r#"{{"labels":{{"alertname":"Queue{n}","ticket":"t-{n}","severity":"warning"}}}}"#
        );
        assert_eq!(client.post("/ingest/native", &alert).status, 200);
    }
    let incidents = all(&mut client, "/api/v1/incidents").unwrap();
    assert_eq!(incidents.len(), count, "an incident each");
    incidents.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// The deliveries of the storm: alerts of the row, each CI with one alert after another.
fn bodies(options: &Options) -> Vec<String> {
    let row = options.cis / 5;
    let body = |delivery: usize| {
        let mut text = String::from("[");
        for n in delivery * options.batch..((delivery + 1) * options.batch).min(options.alerts) {
            let comma = if text.len() == 1 { "" } else { "," };
            write!(
                text,
                r#"{comma}{{"labels":{{"alertname":"Alarm{}","ci":"ci-{:07}","row":"row-7","severity":"warning","team":"platform"}},"annotations":{{"summary":"out of service"}}}}"#,
                n / row,
                n % row
            )
            .unwrap();
        }
        text.push(']');
        text
    };
    (0..options.alerts.div_ceil(options.batch)).map(body).collect()
}

/// Sends the alert that has nothing to do with the storm; returns when.
fn send_critical(address: SocketAddr, after: Duration) -> JoinHandle<Duration> {
    std::thread::spawn(move || {
        let mut client = Client::new(address);
        pause(after);
        let body = format!(
            r#"{{"labels":{{"alertname":"{OUTSIDE}","ci":"vault","severity":"critical"}}}}"#
        );
        let sent = clock::monotonic();
        assert_eq!(client.post("/ingest/native", &body).status, 200);
        sent
    })
}

/// Acknowledges the incidents, evenly over the span; returns how long each answer took from when it
/// was due, in order of size.
fn acknowledge(
    address: SocketAddr,
    incidents: Vec<String>,
    span: Duration,
) -> JoinHandle<Vec<Duration>> {
    std::thread::spawn(move || {
        let mut client = Client::new(address);
        let began = clock::monotonic();
        let passed = || clock::monotonic().saturating_sub(began);
        let step = span / u32::try_from(incidents.len().max(1)).unwrap();
        let mut took = Vec::new();
        for (n, id) in incidents.iter().enumerate() {
            let due = step * u32::try_from(n).unwrap();
            pause(due.saturating_sub(passed()));
            let answer = client.post(&format!("/api/v1/incidents/{id}/ack"), r#"{"by":"mia"}"#);
            assert_eq!(answer.status, 200, "{}", answer.body);
            took.push(passed().saturating_sub(due));
        }
        took.sort_unstable();
        took
    })
}

/// Compares the incidents that there are with those that there should be.
fn add_truth(verdict: &mut Verdict, daemon: &Daemon, options: &Options, sink: &Sink) {
    let mut client = daemon.client();
    let incidents = all(&mut client, "/api/v1/incidents").unwrap();
    let of_storm: Vec<_> = incidents.iter().filter(|it| !it["storm"].is_null()).collect();
    let apart = incidents.len() - of_storm.len();
    verdict.add("incidents of the row", of_storm.len() as f64, Bound::Exactly(1.0));
    let bound = Bound::Exactly(options.alerts as f64);
    let firing: u64 = of_storm.iter().filter_map(|it| it["firing"].as_u64()).sum();
    verdict.add("alerts that fire in it", firing as f64, bound);
    let name = of_storm.first().and_then(|it| it["id"].as_str()).unwrap_or("none");
    let alerts = all(&mut client, "/api/v1/alerts").unwrap();
    // Those that came before there was a storm have incidents of their own, which became part of it.
    let mut leads = |record: &&str| {
        let answer = client.get(&format!("/api/v1/incidents/{record}"));
        answer.status == 200 && answer.json()["parent"] == name
    };
    let records = alerts.iter().map(|it| it["incident"].as_str().unwrap_or("none"));
    let records: BTreeSet<&str> = records.filter(|record| *record != name).collect();
    let of_it: BTreeSet<&str> = records.into_iter().filter(&mut leads).chain([name]).collect();
    let belongs = |alert: &&Value| of_it.contains(alert["incident"].as_str().unwrap_or("none"));
    let is_of_row = |alert: &&Value| alert["labels"]["row"] == "row-7";
    let members = alerts.iter().filter(is_of_row).filter(belongs).count();
    verdict.add("alerts of the row that lead to it", members as f64, bound);
    let strays = alerts.iter().filter(|it| !is_of_row(it)).filter(belongs).count();
    verdict.add("other alerts that lead to it", strays as f64, Bound::Exactly(0.0));
    let others = options.open + 1;
    verdict.add("incidents beside it", apart as f64, Bound::Exactly(others as f64));
    let storm_pages = wait_for("the page of the storm", || {
        let pages = sink.taken("page").iter().filter(|it| it["incident"]["id"] == name).count();
        (pages > 0).then_some(pages)
    });
    verdict.add("pages for the storm", storm_pages as f64, Bound::Exactly(1.0));
}
