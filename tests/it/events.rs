//! Other systems follow incidents through a topic of Kafka: in order, at least once, over a kill and
//! over a broker that is away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;

use crate::common::{Client, Daemon, incidentd, wait_for};

const TOPIC: &str = "incidents";
const NOTICES: &str = "notices";
const PARTITIONS: i32 = 3;

const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [desk]}}
defaults: {contact: oncall}
lifecycle: {linger: 1s}
";

type Mock = MockCluster<'static, DefaultProducerContext>;

fn broker() -> Mock {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    mock.create_topic(NOTICES, PARTITIONS, 1).unwrap();
    mock
}

fn folder(mock: &Mock) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!(
        "[http]\npublic_url = \"https://i.example\"\n\
         [kafka.clusters.main]\nbrokers = [\"{}\"]\n\
         [events]\ncluster = \"main\"\ntopic = \"{TOPIC}\"\n\
         [channels.desk]\nkind = \"kafka\"\ncluster = \"main\"\ntopic = \"{NOTICES}\"\n",
        mock.bootstrap_servers()
    );
    std::fs::write(dir.path().join("config.toml"), settings).unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/it.yaml"), RULES).unwrap();
    dir
}

/// Somebody who reads a topic from its beginning.
struct Follower {
    consumer: BaseConsumer,
    /// All that was read, in the order of its partition.
    records: Vec<(String, Value)>,
}

impl Follower {
    fn of(mock: &Mock, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", mock.bootstrap_servers())
            .set("group.id", "follower")
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            from.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&from).unwrap();
        Self { consumer, records: Vec::new() }
    }

    /// Reads on until `done` says so of what was read.
    fn until<T>(&mut self, what: &str, done: impl Fn(&[(String, Value)]) -> Option<T>) -> T {
        wait_for(what, || {
            while let Some(record) = self.consumer.poll(Duration::from_millis(50)) {
                // A broker that is away for a while is an error that passes.
                let Ok(record) = record else { continue };
                let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
                self.records
                    .push((key, serde_json::from_slice(record.payload().unwrap()).unwrap()));
            }
            done(&self.records)
        })
    }
}

/// Returns the types of the events of each incident in the order in which they first came; fails where
/// an id comes again with something else, or out of order.
fn types(records: &[(String, Value)]) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, &Value> = BTreeMap::new();
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, event) in records {
        assert_eq!(event["subject"], **key);
        let id = event["id"].to_string();
        if let Some(before) = seen.insert(id.clone(), event) {
            assert_eq!(before, event, "{id} came again and says something else");
            continue;
        }
        let sequence = event["sequence"].as_str().unwrap();
        let before = last.insert(key, sequence);
        assert!(before.is_none_or(|before| before < sequence), "{id} came after {before:?}");
        let kind = event["type"].as_str().unwrap();
        let kind = kind.strip_prefix("incidentd.incident.").unwrap().strip_suffix(".v1").unwrap();
        types.entry(key.clone()).or_default().push(kind.into());
    }
    types
}

fn fire(client: &mut Client, name: &str, status: &str) {
    let alert = format!(
        r#"{{"labels": {{"alertname": "{name}", "severity": "critical"}}, "status": "{status}"}}"#
    );
    let answer = client.post("/ingest/native", &alert);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn ends_with(records: &[(String, Value)], count: usize, kind: &str) -> Option<()> {
    let types = types(records);
    let ended = types.values().filter(|of| of.iter().any(|it| it == kind)).count();
    (ended == count).then_some(())
}

#[test]
fn events_survive_a_kill_while_the_broker_is_away_and_come_in_order_under_their_ids() {
    let mock = broker();
    let dir = folder(&mock);
    let mut daemon = Daemon::start(dir.path());
    let mut follower = Follower::of(&mock, TOPIC);
    let mut client = daemon.client();
    for n in 1..=10 {
        fire(&mut client, &format!("A{n}"), "firing");
    }
    follower.until("ten openings", |records| ends_with(records, 10, "opened"));
    mock.broker_down(-1).unwrap();
    for n in 1..=10 {
        let path = format!("/api/v1/incidents/INC-{n}/acknowledge");
        let answer = client.post(&path, r#"{"by": "mia", "for": "30m"}"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let told = wait_for("the daemon's noticing that the broker is away", || {
        let answer = client.get("/readyz");
        assert_eq!(answer.status, 200, "a broker that is away is no reason not to be ready");
        let line = answer.body.lines().find(|line| line.starts_with("events: ")).map(str::to_owned);
        line.filter(|line| line.contains("no broker answers"))
    });
    assert!(told.contains("waiting, "), "{told}");
    daemon.crash();
    let mut client = daemon.client();
    for n in 1..=10 {
        fire(&mut client, &format!("A{n}"), "resolved");
    }
    daemon.crash();
    mock.broker_up(-1).unwrap();
    follower.until("ten resolutions", |records| ends_with(records, 10, "resolved"));
    for (incident, of) in types(&follower.records) {
        let place = |kind: &str| of.iter().position(|it| it == kind).unwrap();
        let order = ["opened", "acknowledged", "resolved"].map(place);
        assert!(order.is_sorted() && order[0] == 0, "{incident}: {of:?}");
    }
    // Whoever takes the last event of an incident knows what the API says.
    let mut client = daemon.client();
    let last: BTreeMap<&str, &Value> =
        follower.records.iter().map(|(key, event)| (&**key, event)).collect();
    for (incident, event) in last {
        let shown = client.get(&format!("/api/v1/incidents/{incident}")).json();
        let told = &event["data"]["incident"];
        for field in ["state", "title", "priority", "members", "firing", "version"] {
            assert_eq!(told[field], shown[field], "{incident}: {field}");
        }
        assert_eq!(told["url"], format!("https://i.example/api/v1/incidents/{incident}"));
    }
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_page_is_a_record_of_the_topic_that_its_channel_names() {
    let mock = broker();
    let dir = folder(&mock);
    let daemon = Daemon::start(dir.path());
    let mut follower = Follower::of(&mock, NOTICES);
    fire(&mut daemon.client(), "DiskFull", "firing");
    let page = follower.until("a page", |records| records.first().cloned());
    assert_eq!((&*page.0, &page.1["kind"]), ("INC-1", &Value::from("page")));
    assert_eq!(page.1["incident"]["id"], "INC-1");
    let tested = incidentd(
        dir.path(),
        &["-s", &format!("http://{}", daemon.address), "notify", "test", "oncall"],
    );
    assert_eq!(tested.0, 0, "{tested:?}");
    follower.until("a test", |records| records.iter().find(|it| it.1["kind"] == "test").cloned());
}

/// Returns what `doctor` says of channels and events.
fn doctor(dir: &Path) -> BTreeSet<(String, String)> {
    let args = ["doctor", "--config", "config.toml", "--rules", "rules", "-o", "json"];
    let (_, out, errors) = incidentd(dir, &args);
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    let items = found["items"].as_array().unwrap().iter();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let of = items.filter(|it| ["channels", "events"].contains(&it["check"].as_str().unwrap()));
    of.map(|it| (text(it, "level"), text(it, "message"))).collect()
}

#[test]
fn doctor_says_whether_the_topics_can_be_reached() {
    let mock = broker();
    let dir = folder(&mock);
    let good = doctor(dir.path());
    assert!(good.iter().all(|(level, _)| level == "ok") && good.len() == 2, "{good:?}");
    mock.broker_down(-1).unwrap();
    let bad = doctor(dir.path());
    assert!(bad.iter().all(|(level, _)| level == "error") && bad.len() == 2, "{bad:?}");
    assert!(bad.iter().any(|(_, text)| text.starts_with("events: topic `incidents` of main: ")));
}
