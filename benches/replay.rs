//! A replay from its lines: reading, the engine on 100 rules and a CMDB of 10,000 CIs, and what is
//! kept of it. Issue 4 asks for a million alerts in under 20 s.
//!
//! `cargo bench --profile dev --bench replay`, or with the number of alerts behind `--`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "load.rs"]
mod load;
#[path = "probe.rs"]
mod probe;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use incidentd::clock;
use incidentd::cmdb::{Topology, import};
use incidentd::ingest::recorded;
use incidentd::lab::replay::Replay;
use incidentd::model::time::Timestamp;
use incidentd::rules::{SourceFile, load as load_rules};

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

/// One CI in a hundred carries the others: racks of a power strip, hosts and their machines.
const RACKS: usize = 100;
const CIS: usize = 10_000;

/// Alerts that fire at a time: each lasts ten minutes.
const OPEN: usize = 300;

/// Time between two lines: a million of them are eleven days.
const STEP: Duration = Duration::from_secs(1);

/// Which alerts follow each other.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// Fifty of one rack, five kinds of them: as in a real storm, most join an incident.
    Bursts,
    /// One here, one there: nine in ten open an incident of their own.
    Lone,
}

fn main() {
    let alerts = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(1_000_000);
    let began = clock::monotonic();
    let (rules, topology) = (Arc::new(rules()), Arc::new(topology()));
    println!("100 rules and {CIS} CIs loaded in {:.2} s", since(began));
    for load in [Load::Bursts, Load::Lone] {
        measure(load, alerts, Replay::new(Arc::clone(&rules), Arc::clone(&topology)));
    }
}

fn measure(load: Load, alerts: usize, mut replay: Replay) {
    let lines: Vec<String> = (0..alerts).map(|n| line(load, n)).collect();
    let began = clock::monotonic();
    for (number, line) in lines.iter().enumerate() {
        replay.feed(number as u64, &recorded::read(line).unwrap());
    }
    let outcome = replay.finish();
    let took = since(began);
    let paged = outcome.incidents.iter().filter(|it| it.paged.is_some()).count();
    let (began, incidents) = (outcome.began, outcome.incidents.len());
    let megabytes = probe::resident(std::process::id()) >> 20;
    println!(
        "{load:?}: {alerts} lines in {took:.1} s, {:.0}/s: {began} episodes, {incidents} incidents, {paged} paged, {megabytes} MB",
        alerts as f64 / took,
    );
}

fn since(began: Duration) -> f64 {
    clock::monotonic().saturating_sub(began).as_secs_f64()
}

/// Four causes by the CMDB, the others groups; nine in ten have an equality matcher.
fn rules() -> incidentd::rules::RuleSet {
    let mut text = String::from("version: 1\nnamespace: bench\nrules:\n");
    for (name, class) in [("strip", "pdu"), ("host", "server")] {
        writeln!(text, "  - {{name: {name}, owner: o, when: ['alertname=\"Down\", ci.class=\"{class}\"'], topology: {{follow: [powers, hosts], wait: 30s}}, resolve: {{when: root_clears}}}}").unwrap();
    }
    for n in 0..98 {
        let matcher =
            if n % 10 == 9 { format!("=~\"Slow{n}.*\"") } else { format!("=\"Slow{n}\"") };
        writeln!(
            text,
            "  - {{name: g{n}, owner: o, when: ['alertname{matcher}'], group: {{by: [rack]}}}}"
        )
        .unwrap();
    }
    let files = [SourceFile { name: "bench.yaml".into(), text }];
    load_rules(&files).set.unwrap()
}

/// Strips power ten hosts each, every host carries nine machines.
fn topology() -> Topology {
    let mut text = String::from("{\"cis\": {");
    let mut relations = String::new();
    for ci in 0..CIS {
        let (class, below) = class(ci);
        let comma = if ci == 0 { "" } else { "," };
        write!(text, "{comma}\"ci-{ci}\": {{\"class\": \"{class}\"}}").unwrap();
        if let Some((above, relation)) = below {
            let comma = if relations.is_empty() { "" } else { "," };
            write!(relations, "{comma}\"ci-{above} -{relation}-> ci-{ci}\"").unwrap();
        }
    }
    write!(text, "}}, \"relations\": [{relations}]}}").unwrap();
    Topology::build(1, &import::read(&text, "bench.json").unwrap()).unwrap()
}

/// Returns a CI's class and what it hangs off.
fn class(ci: usize) -> (&'static str, Option<(usize, &'static str)>) {
    let per_rack = CIS / RACKS;
    let (rack, place) = (ci / per_rack * per_rack, ci % per_rack);
    match place {
        0 => ("pdu", None),
        _ if place % 11 == 1 => ("server", Some((rack, "powers"))),
        _ => ("vm", Some((rack + place - (place + 10) % 11, "hosts"))),
    }
}

/// Every other line says that an alert is over that began ten minutes before; a twentieth of the
/// alerts are causes.
fn line(load: Load, n: usize) -> String {
    let begins = n / 2;
    let over = n % 2 == 1 && begins >= OPEN;
    let alert = if over { begins - OPEN } else { begins };
    let (ci, kind) = match load {
        // A multiplier without a common divisor with the number of CIs goes round all of them.
        Load::Lone => (alert * 7_919 % CIS, (alert * 31 + alert % 20) % 100),
        Load::Bursts => {
            let (burst, place) = (alert / 50, alert % 50);
            (burst * 37 % RACKS * (CIS / RACKS) + 1 + place, (burst * 7 + place % 5) % 98)
        }
    };
    let (name, ci) = match alert % 20 {
        0 => ("Down".to_owned(), ci / 100 * 100),
        _ => (format!("Slow{kind}"), ci),
    };
    let time = |n: usize| START.plus(STEP * u32::try_from(n).unwrap()).to_string();
    let end = if over { format!(",\"endsAt\":\"{}\"", time(n)) } else { String::new() };
    format!(
        "{{\"labels\":{{\"alertname\":\"{name}\",\"ci\":\"ci-{ci}\",\"rack\":\"r{}\",\"job\":\"node\",\"severity\":\"{}\",\"region\":\"fra1\"}},\"annotations\":{{\"summary\":\"p99 latency is above 500 ms\"}},\"startsAt\":\"{}\"{end},\"status\":\"{}\"}}",
        ci / 100,
        if alert % 50 == 0 { "critical" } else { "warning" },
        time(2 * alert),
        if over { "resolved" } else { "firing" },
    )
}
