//! kill -9 in the middle of the load: what was answered is there, once, and clocks go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use incidentd::clock;
use incidentd::model::labels::Labels;

use super::story::incidents;
use crate::common::{Client, Daemon, Sink, wait_for};

const ALERTS: usize = 100_000;
const BATCH: usize = 500;
const KILLS: usize = 3;

const RULES: &str = "
version: 1
namespace: crash
contacts: {oncall: {channels: [sink], page_budget: {pages: 1000, within: 1h}}}
defaults: {contact: oncall}
policies:
  default:
    functional: [{after: 0s, notify: assigned}, {after: 8s, notify: assigned}]
    hierarchical: []
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 1h}
";

fn body(batch: usize) -> String {
    let alert = |n: usize| {
        format!(
            r#"{{"labels": {{"alertname": "Load", "n": "{n}", "service": "s-{}", "severity": "critical"}}}}"#,
            n / 5_000
        )
    };
    let alerts: Vec<String> = (batch * BATCH..(batch + 1) * BATCH).map(alert).collect();
    format!("[{}]", alerts.join(","))
}

/// Posts batches until the daemon is gone or all are posted; returns the ones that were answered.
fn post_some(mut client: Client, from: usize, count: &AtomicUsize) -> BTreeSet<usize> {
    let mut answered = BTreeSet::new();
    for batch in from..ALERTS / BATCH {
        match client.try_send("POST", "/ingest/native", &body(batch)) {
            Ok(answer) if answer.status == 200 => {
                count.fetch_add(1, Ordering::Relaxed);
                answered.insert(batch)
            }
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => return answered,
        };
    }
    answered
}

#[test]
fn every_alert_answered_before_a_kill_is_there_and_no_incident_twice() {
    let sink = Sink::start();
    let dir = super::story::folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    let began = clock::monotonic();
    let mut answered = BTreeSet::new();
    for kill in 0..KILLS {
        let from = answered.last().map_or(0, |last| last + 1);
        let address = daemon.address;
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let poster = std::thread::spawn(move || post_some(Client::new(address), from, &counted));
        let enough = 5 + 10 * kill;
        wait_for("the load", || {
            Some(()).filter(|()| count.load(Ordering::Relaxed) >= enough || poster.is_finished())
        });
        daemon.kill();
        answered.extend(poster.join().unwrap());
        assert!(answered.len() < ALERTS / BATCH, "kill {kill} came when all was posted");
        // The one that was under way may or may not be there; its sender sends it again.
        daemon.crash();
    }
    let from = answered.last().map_or(0, |last| last + 1);
    answered.extend(post_some(daemon.client(), from, &AtomicUsize::new(0)));
    assert_eq!(answered.len(), ALERTS / BATCH, "every batch was answered in the end");

    let mut client = daemon.client();
    let open = incidents(&mut client, "?limit=1000");
    let services: BTreeSet<String> = open.iter().map(|it| it["key"].to_string()).collect();
    assert_eq!(
        (open.len(), services.len()),
        (ALERTS / 5_000, ALERTS / 5_000),
        "one for each service"
    );
    let members: u64 = open.iter().map(|it| it["members"].as_u64().unwrap()).sum();
    assert_eq!(members, ALERTS as u64, "every alert is there, once");
    for n in (0..ALERTS).step_by(997) {
        let (n, service) = (n.to_string(), format!("s-{}", n / 5_000));
        let mut pairs = [
            ("alertname", "Load"),
            ("n", n.as_str()),
            ("service", &service),
            ("severity", "critical"),
        ];
        let fingerprint = Labels::build(&mut pairs).unwrap().fingerprint();
        let answer = client.get(&format!("/api/v1/alerts/{fingerprint}"));
        assert_eq!(answer.status, 200, "alert {n}: {}", answer.body);
    }
    // Each incident was told of twice, by the first step and by the one after 8 s, never before; a
    // page that was under way at a kill may come again, under the same id.
    wait_for("the second step of every incident", || {
        let pages = sink.taken("page");
        let ids: BTreeSet<String> = pages.iter().map(|page| page["id"].to_string()).collect();
        Some(()).filter(|()| ids.len() == 2 * open.len())
    });
    let waited = clock::monotonic().saturating_sub(began);
    assert!(waited >= Duration::from_secs(8), "a step came early");
    daemon.stop();
}
