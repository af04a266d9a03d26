//! What leaves for a topic: events of incidents, in order and each with an id of its own whatever
//! becomes of the daemon, and notices of a channel.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::broker::Broker;
use crate::common::{Daemon, wait_for};
use crate::producer::{Record, consume};
use crate::reader::{RULES, cluster, folder};

/// Incidents that are opened, acknowledged and resolved, some before a kill, some after.
const INCIDENTS: usize = 20;

fn post(daemon: &Daemon, path: &str, body: &str) {
    let answer = daemon.client().post(path, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

fn open(daemon: &Daemon, n: usize) {
    let alert = format!(r#"{{"labels": {{"alertname": "Out", "service": "out-{n}"}}}}"#);
    post(daemon, "/ingest/native", &alert);
}

fn event(record: &Record) -> Value {
    serde_json::from_str(&record.value).unwrap_or_else(|error| panic!("{error}: {record:?}"))
}

/// The daemon is killed in the middle; what was not told yet is told after, under the same id.
pub fn events_leave_in_order_with_ids_that_stay(broker: &Broker) {
    broker.make_topic("events", 1);
    let settings = "[events]\ncluster = \"main\"\ntopic = \"events\"\n";
    let dir = folder(&format!("{}{settings}", cluster("main", broker)));
    let mut daemon = Daemon::start(dir.path());
    (0..INCIDENTS / 2).for_each(|n| open(&daemon, n));
    daemon.crash();
    (INCIDENTS / 2..INCIDENTS).for_each(|n| open(&daemon, n));
    for n in 1..=INCIDENTS {
        let path = format!("/api/v1/incidents/INC-{n}");
        post(&daemon, &format!("{path}/ack"), r#"{"by": "mia", "for": "30m"}"#);
        post(&daemon, &format!("{path}/resolve"), r#"{"by": "mia"}"#);
    }
    let last = |all: &[Record]| {
        let resolved = |record: &Record| event(record)["type"] == "incidentd.incident.resolved.v1";
        all.iter().filter(|record| resolved(record)).count()
    };
    let mut records = Vec::new();
    wait_for("an event for each end", || {
        records = consume(broker, "events", records.len().max(1));
        Some(()).filter(|()| last(&records) >= INCIDENTS)
    });

    let mut told = BTreeMap::<String, Vec<String>>::new();
    let mut ids = BTreeSet::new();
    for record in &records {
        let event = event(record);
        assert_eq!(event["specversion"], "1.0", "{event:#}");
        assert_eq!(event["subject"], record.key, "the key keeps an incident's events in order");
        // What was under way at the kill may come again under the id it had.
        if ids.insert(event["id"].as_str().unwrap().to_owned()) {
            let kind = event["type"].as_str().unwrap().to_owned();
            told.entry(record.key.clone()).or_default().push(kind);
        }
    }
    assert_eq!(told.len(), INCIDENTS, "{told:#?}");
    for (incident, kinds) in told {
        let places = ["opened", "acknowledged", "resolved"].map(|what| {
            let kind = format!("incidentd.incident.{what}.v1");
            let at: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at] == kind).collect();
            assert_eq!(at.len(), 1, "{incident} was {what} once: {kinds:?}");
            at[0]
        });
        assert!(places[0] == 0 && places.is_sorted(), "{incident}: {kinds:?}");
    }
}

/// A contact that is reached by a topic gets its pages there.
pub fn a_page_leaves_by_a_topic(broker: &Broker) {
    broker.make_topic("pages", 1);
    let settings = "[channels.bus]\nkind = \"kafka\"\ncluster = \"main\"\ntopic = \"pages\"\n";
    let dir = folder(&format!("{}{settings}", cluster("main", broker)));
    let contacts = "contacts: {oncall: {channels: [bus]}}\ndefaults: {contact: oncall}\n";
    std::fs::write(dir.path().join("rules/kafka.yaml"), format!("{RULES}{contacts}")).unwrap();
    let daemon = Daemon::start(dir.path());
    let alert = r#"{"labels": {"alertname": "Out", "service": "out", "severity": "critical"}}"#;
    post(&daemon, "/ingest/native", alert);
    let notice = event(&consume(broker, "pages", 1)[0]);
    assert_eq!((&notice["kind"], &notice["incident"]["id"]), (&"page".into(), &"INC-1".into()));
    assert_eq!(notice["contact"], "oncall");
}
