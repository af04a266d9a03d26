//! The whole path beside a real Alertmanager in one run: HTTP in, decoded, bound to the CMDB,
//! deduplicated, judged by rules of all kinds, correlated, prioritised, committed with sync, answered.
//!
//! Both servers are real processes on folders of their own, share the machine with the senders, and
//! get the same bytes; incidentd is measured once more with its own form. 99 of 100 new alerts join an
//! incident. Alertmanager is Debian's package; without it its column stays empty.
//!
//! `make bench`, or `cargo bench --profile dev --bench http -- --help`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../estate.rs"]
mod estate;
#[path = "../load.rs"]
mod load;
#[path = "../ours.rs"]
mod ours;
#[path = "../probe.rs"]
mod probe;
mod receiver;
mod server;
mod table;
#[path = "../traffic.rs"]
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use common::Client;
use incidentd::clock;
use load::{Form, Shape};
use receiver::{MARK, Receiver};
use server::Server;
use table::{Better, Column, Table};

use Better::{Less, More};

/// Loads incidentd and a real Alertmanager on this machine and prints what each can do.
#[derive(Debug, Parser)]
struct Options {
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Alerts that are not the same
    #[arg(long, default_value_t = 100_000)]
    distinct: usize,
    /// The same once more with so many; 0 for no
    #[arg(long, default_value_t = 1_000_000)]
    sustained: usize,
    /// Alerts of one delivery
    #[arg(long, default_value_t = load::BATCH)]
    batch: usize,
    /// Labels of an alert, from 10
    #[arg(long, default_value_t = load::LABELS)]
    labels: usize,
    /// Senders at a time
    #[arg(long, value_delimiter = ',', default_values_t = [4, 16])]
    connections: Vec<usize>,
    /// How long known alerts are sent again, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Alerts whose way to a person is timed, one after the other
    #[arg(long, default_value_t = 300)]
    pages: usize,
    /// Rules of incidentd, of all kinds
    #[arg(long, default_value_t = 200)]
    rules: usize,
    /// CIs of incidentd's CMDB
    #[arg(long, default_value_t = 10_000)]
    cis: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A round of one column.
struct Round<'a> {
    options: &'a Options,
    column: Column,
    program: &'a str,
    receiver: &'a Receiver,
    table: &'a mut Table,
}

fn main() {
    let options = Options::parse();
    let theirs = server::alertmanager();
    let name = theirs.as_ref().map_or_else(
        || "Alertmanager (not installed)".to_owned(),
        |(_, version)| format!("Alertmanager {version}"),
    );
    println!(
        "{} distinct alerts of {} labels, {} a delivery; incidentd with {} rules and {} CIs; median of {} rounds (least–most)\n",
        options.distinct, options.labels, options.batch, options.rules, options.cis, options.rounds
    );
    let receiver = Receiver::start();
    let mut table = Table::default();
    for _ in 0..options.rounds {
        for column in [Column::Alertmanager, Column::SameApi, Column::Native] {
            let program = match (&theirs, column) {
                (None, Column::Alertmanager) => continue,
                (theirs, _) => theirs.as_ref().map_or("", |(program, _)| program),
            };
            let (options, receiver) = (&options, &receiver);
            Round { options, column, program, receiver, table: &mut table }.run();
        }
    }
    table.print(&name);
}

impl Round<'_> {
    fn run(&mut self) {
        for connections in self.options.connections.clone() {
            self.flood(connections);
        }
        self.lone();
        self.page();
        if self.options.sustained > 0 {
            self.sustained();
        }
    }

    fn start(&self) -> Server {
        match self.column {
            Column::Alertmanager => Server::theirs(self.program, self.receiver.address),
            Column::SameApi | Column::Native => Server::ours(self.options, self.receiver.address),
        }
    }

    fn path(&self) -> &'static str {
        match self.column {
            Column::Alertmanager | Column::SameApi => "/api/v2/alerts",
            Column::Native => "/ingest/native",
        }
    }

    fn bodies(&self, distinct: usize, group: usize) -> Arc<Vec<String>> {
        let form = match self.column {
            Column::Alertmanager | Column::SameApi => Form::Alertmanager,
            Column::Native => Form::Native,
        };
        let &Options { batch, labels, cis, .. } = self.options;
        let shape = Shape { form, batch, group, labels, cis };
        Arc::new((0..distinct / batch).map(|delivery| shape.body(delivery)).collect())
    }

    fn add(&mut self, name: &str, better: Better, target: impl Into<Option<f64>>, figure: f64) {
        self.table.add((name, better, target.into()), self.column, figure);
    }

    /// All alerts new, then the same again for some seconds.
    fn flood(&mut self, connections: usize) {
        let server = self.start();
        let bodies = self.bodies(self.options.distinct, 100);
        let few = connections <= 4;
        let again = Duration::from_secs(self.options.seconds);
        for (what, span, rate, cpu) in
            [("new alerts", Duration::ZERO, 130e3, 12.0), ("heartbeats", again, 250e3, 5.0)]
        {
            let before = probe::cpu_seconds(server.pid());
            let sent = traffic::post(server.address, self.path(), &bodies, connections, span);
            let alerts = (sent.deliveries * self.options.batch) as f64;
            let processor = (probe::cpu_seconds(server.pid()) - before) / alerts * 1e6;
            let place = format!("{connections} connections");
            self.add(&format!("{what}/s, {place}"), More, rate, alerts / sent.seconds);
            let target = (span == Duration::ZERO).then_some(if few { 4.0 } else { 25.0 });
            let p99 = sent.milliseconds(0.99);
            self.add(&format!("{what}, {place}: p99 of the answer, ms"), Less, target, p99);
            if few {
                self.add(&format!("CPU s for 1M {what}"), Less, cpu, processor);
            }
        }
        if few {
            let name = format!("MB with {} active", self.options.distinct);
            let target = (self.options.distinct == 100_000).then_some(110.0);
            self.add(&name, Less, target, probe::resident(server.pid()) as f64 / 1e6);
        }
    }

    /// Every alert opens an incident of its own.
    fn lone(&mut self) {
        let server = self.start();
        let bodies = self.bodies(self.options.distinct / 5, 1);
        let sent = traffic::post(server.address, self.path(), &bodies, 4, Duration::ZERO);
        let alerts = (sent.deliveries * self.options.batch) as f64;
        self.add("new alerts/s, each an incident", More, None, alerts / sent.seconds);
    }

    /// One alert after the other, from its being sent to the message that a person gets.
    fn page(&mut self) {
        let server = self.start();
        let mut client = Client::new(server.address);
        let mut times: Vec<Duration> = (0..self.options.pages)
            .map(|n| {
                let body = format!(
                    r#"[{{"labels":{{"alertname":"{MARK}","service":"timed-{n}","severity":"critical"}}}}]"#
                );
                let began = clock::monotonic();
                assert_eq!(client.post(self.path(), &body).status, 200);
                let came = self.receiver.pages.recv_timeout(common::PATIENCE).unwrap();
                came.saturating_sub(began)
            })
            .collect();
        times.sort_unstable();
        for (name, share, target) in [("p50", 0.5, 1.0), ("p99", 0.99, 3.0)] {
            let Some(time) = times.get((times.len() as f64 * share) as usize) else { return };
            let name = format!("one alert to its message, {name}, ms");
            self.add(&name, Less, target, time.as_secs_f64() * 1e3);
        }
    }

    /// Many alerts, and what is left of them after a kill.
    fn sustained(&mut self) {
        let mut server = self.start();
        let distinct = self.options.sustained;
        let bodies = self.bodies(distinct, 100);
        let sent = traffic::post(server.address, self.path(), &bodies, 4, Duration::ZERO);
        let alerts = (sent.deliveries * self.options.batch) as f64;
        let million = distinct == 1_000_000;
        let at = |target: f64| million.then_some(target);
        self.add(
            &format!("{distinct} new alerts/s, sustained"),
            More,
            at(100e3),
            alerts / sent.seconds,
        );
        let held = probe::resident(server.pid()) as f64 / 1e6;
        self.add(&format!("MB with {distinct} active"), Less, at(500.0), held);
        if let Some(took) = server.recovery() {
            let name = format!("kill -9 with {distinct} active, s until ready");
            self.add(&name, Less, at(4.0), took.as_secs_f64());
        }
    }
}
