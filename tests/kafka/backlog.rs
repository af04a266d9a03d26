//! A long backlog that is read at full speed holds up neither people nor timers, and its length costs
//! no memory.
//!
//! `KAFKA_BACKLOG` is the number of records, each of [`ALERTS_EACH`] alerts.

use std::time::Duration;

use incidentd::clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::common::{Client, Daemon, Sink, pause, peak_bytes, wait_for};
use crate::intake::alert;
use crate::producer::{Record, produce};
use crate::reader::{all, cluster, figure, folder, source};

/// Alerts of a record.
const ALERTS_EACH: usize = 20;

/// Records that name all alerts of the log once.
const ROUND: usize = 250;

/// Incidents that people acknowledge meanwhile.
const QUESTIONS: usize = 400;

/// Seconds after its beginning at which somebody is told of an incident, one by one.
const STEPS: core::ops::RangeInclusive<i64> = 1..=32;

/// Records that may be read while somebody waits for an acknowledgement: a few batches.
const WAIT_MAX: u64 = 4_000;

/// How late a step may be while the daemon runs.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What a backlog of any length may cost beyond what its alerts cost: the buffers of the store (64 MiB)
/// and its cache (32), what is fetched ahead (16), and batches on their way.
const GROWTH_MAX: u64 = 160 << 20;

/// Record `n`: the same alerts come again and again.
fn record(n: usize) -> Record {
    let first = n % ROUND * ALERTS_EACH;
    let padding = "what is wrong here, at length. ".repeat(4);
    let alerts: Vec<Value> = (first..first + ALERTS_EACH)
        .map(|n| {
            let labels = json!({
                "alertname": "Deluge", "n": n.to_string(), "service": format!("deluge-{}", n % 10)
            });
            json!({"labels": labels, "annotations": {"description": padding}})
        })
        .collect();
    let partition = Some(i32::from(n % 2 == 1));
    Record { partition, ..Record::new(n.to_string(), Value::from(alerts).to_string()) }
}

/// Somebody is told every second of what is critical.
fn rules() -> String {
    let steps: Vec<String> =
        STEPS.map(|second| format!("{{after: {second}s, notify: 'contact:ops'}}")).collect();
    format!(
        "
version: 1
namespace: backlog
contacts:
  ops: {{channels: [sink], page_budget: {{pages: 1000, within: 1h}}}}
defaults: {{contact: ops}}
policies:
  every_second: {{functional: [{}]}}
rules:
  - name: watched
    owner: nobody
    summary: Whoever is on call hears of it every second.
    when: ['alertname=\"Watched\"']
    group: {{by: [alertname], window: 1h}}
    incident: {{policy: every_second}}
",
        steps.join(", ")
    )
}

/// Records of the topic that are committed.
fn committed(client: &mut Client) -> u64 {
    let positions = client.get("/api/v1/kafka").json();
    positions["items"].as_array().unwrap().iter().map(|it| it["next"].as_u64().unwrap_or(0)).sum()
}

/// Starts with the alerts of the log known, incidents to acknowledge, and nothing more to read.
fn prepared(broker: &Broker, sink: &Sink) -> (tempfile::TempDir, Daemon) {
    let channel = format!(
        "[channels.sink]\nkind = \"webhook\"\nurl = \"http://{}/\"\nallow_private = true\n",
        sink.address
    );
    let settings = [channel, cluster("main", broker), source("log", "main", "backlog-long")];
    let dir = folder(&settings.concat());
    std::fs::write(dir.path().join("rules/backlog.yaml"), rules()).unwrap();
    produce(broker, "backlog-long", (0..ROUND).map(record));
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    for n in 0..QUESTIONS {
        let answer = client.post("/ingest/native", &alert(&format!("Question{n}"), n));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    wait_for("the first round", || Some(()).filter(|()| committed(&mut client) == ROUND as u64));
    assert_eq!(daemon.stop(), Some(0), "{}", daemon.log());
    (dir, daemon)
}

/// Acknowledges one incident after the other until the log is read, and returns how long each
/// acknowledgement took, and the most records that were read while somebody waited for one.
fn acknowledge(daemon: &Daemon, incidents: &[String], end: u64) -> (Vec<Duration>, u64) {
    let (mut client, mut reader) = (daemon.client(), daemon.client());
    let (mut took, mut most) = (Vec::new(), 0);
    let mut before = committed(&mut reader);
    for id in incidents {
        let asked = clock::monotonic();
        let answer = client.post(&format!("/api/v1/incidents/{id}/ack"), r#"{"by": "mia"}"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let waited = clock::monotonic().saturating_sub(asked);
        let after = committed(&mut reader);
        if after >= end {
            break;
        }
        took.push(waited);
        most = most.max(after - before);
        pause(Duration::from_millis(20));
        before = committed(&mut reader);
    }
    took.sort();
    (took, most)
}

/// How late each step of the incident was taken that has been due so far.
fn lateness(incident: &Value) -> Vec<Duration> {
    let at = |entry: &Value| entry["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let timeline = incident["timeline"].as_array().unwrap();
    let opened = at(timeline.iter().find(|it| it["what"] == "opened").unwrap());
    let steps = timeline.iter().filter(|it| it["what"] == "escalated_functional");
    let late = steps.zip(STEPS).map(|(step, second)| {
        let due = opened + jiff::SignedDuration::from_secs(second);
        // None is early.
        at(step).duration_since(due).try_into().unwrap()
    });
    late.collect()
}

/// While it is read, one acknowledgement follows the other, and somebody is to be told every second.
pub fn a_backlog_holds_up_neither_people_nor_timers_and_takes_no_memory(broker: &Broker) {
    broker.make_topic("backlog-long", 2);
    let sink = Sink::start();
    let (_dir, mut daemon) = prepared(broker, &sink);
    let calm = peak_of_a_start(&mut daemon);
    let records = figure("KAFKA_BACKLOG", 40_000).max(2 * ROUND);
    produce(broker, "backlog-long", (ROUND..records).map(record));
    daemon.restart();
    let mut client = daemon.client();
    let watched = json!({"labels": {"alertname": "Watched", "severity": "critical"}});
    assert_eq!(client.post("/ingest/native", &watched.to_string()).status, 200);
    let open = all(&mut client, "/api/v1/incidents?filter=alertname%3D~%22Question.*%22");
    let ids: Vec<String> = open.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    let began = clock::monotonic();
    let (took, most) = acknowledge(&daemon, &ids, records as u64);
    wait_for("the end", || Some(()).filter(|()| committed(&mut client) == records as u64));
    let lasted = clock::monotonic().saturating_sub(began);
    let watched = all(&mut client, "/api/v1/incidents?filter=alertname%3D%22Watched%22").remove(0);
    let watched = client.get(&format!("/api/v1/incidents/{}", watched["id"].as_str().unwrap()));
    let late = lateness(&watched.json());
    let growth = peak_bytes(daemon.pid()).saturating_sub(calm);
    println!(
        "a backlog of {records} records, {ALERTS_EACH} alerts each, was read in {lasted:.1?}; meanwhile \
         {} acknowledgements took {:?} at the median and {:?} at most, none while more than {most} \
         records were read; {} steps were taken at most {:?} late; {} MiB more memory",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
        late.len(),
        late.iter().max().copied().unwrap_or_default(),
        growth >> 20,
    );
    assert!(took.len() >= 10, "a backlog that is read too soon proves nothing: {}", took.len());
    assert!(most < WAIT_MAX, "acknowledged behind {most} of {records} records");
    let due = usize::try_from(lasted.saturating_sub(TOLERANCE).as_secs()).unwrap();
    assert!(late.len() >= due.min(STEPS.count()), "{due} steps were due: {late:?}");
    assert!(late.iter().all(|late| *late <= TOLERANCE), "{late:?}");
    assert!(growth < GROWTH_MAX, "{growth} bytes more than without a backlog");
}

/// Starts without anything to read, stops again, and returns the peak of its memory.
fn peak_of_a_start(daemon: &mut Daemon) -> u64 {
    daemon.restart();
    let calm = peak_bytes(daemon.pid());
    assert_eq!(daemon.stop(), Some(0), "{}", daemon.log());
    calm
}
