//! Records in from a mock cluster of librdkafka, with the real daemon: read, refused, killed, moved.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::Value;

use super::story::incidents;
use crate::common::{Client, Daemon, incidentd, wait_for};

pub(super) type Mock = MockCluster<'static, DefaultProducerContext>;

const RULES: &str = "
version: 1
namespace: kafka
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 1h}
";

pub(super) fn producer(mock: &Mock) -> ThreadedProducer<DefaultProducerContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", mock.bootstrap_servers()).set("linger.ms", "5");
    config.create_with_context(DefaultProducerContext).unwrap()
}

/// Writes records to partition 0 of a topic, in order.
pub(super) fn write(mock: &Mock, topic: &str, values: impl IntoIterator<Item = String>) {
    let producer = producer(mock);
    for value in values {
        let record = BaseRecord::<str, str>::to(topic).partition(0).payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

pub(super) fn folder(mock: &Mock, more: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/kafka.yaml"), RULES).unwrap();
    let brokers = mock.bootstrap_servers();
    let config = format!(
        "[kafka.clusters.main]\nbrokers = '{brokers}'\n\
         [sources.metrics]\nformat = 'native'\ncluster = 'main'\ntopics = ['alerts']\n\
         start = 'beginning'\n{more}"
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    dir
}

pub(super) fn alert(n: usize, service: &str) -> String {
    format!(r#"{{"labels": {{"alertname": "Load", "n": "{n}", "service": "{service}"}}}}"#)
}

pub(super) fn positions(client: &mut Client) -> Vec<Value> {
    let answer = client.get("/api/v1/kafka").json();
    answer["items"].as_array().unwrap().clone()
}

/// Waits until partition 0 of the topic is read up to this offset.
pub(super) fn read_up_to(client: &mut Client, next: u64) {
    wait_for(&format!("offset {next}"), || {
        positions(client).iter().any(|it| it["next"] == next).then_some(())
    });
}

pub(super) fn members(client: &mut Client) -> u64 {
    let open = incidents(client, "?limit=1000");
    open.iter().map(|it| it["members"].as_u64().unwrap()).sum()
}

#[test]
fn records_become_incidents_and_garbage_goes_to_the_quarantine_and_to_the_dead_letters() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    mock.create_topic("alerts.dlq", 1, 1).unwrap();
    let structured = format!(
        r#"{{"specversion": "1.0", "id": "7", "source": "/a", "type": "t", "data": {}}}"#,
        alert(2, "b")
    );
    let producer = producer(&mock);
    let kind = Header { key: "content-type", value: Some("application/cloudevents+json") };
    for (value, headers) in [
        (alert(1, "a"), OwnedHeaders::new()),
        (structured.clone(), OwnedHeaders::new().insert(kind.clone())),
        (structured, OwnedHeaders::new().insert(kind)),
        ("{\"labels\"".into(), OwnedHeaders::new()),
        (String::new(), OwnedHeaders::new()),
    ] {
        let record =
            BaseRecord::<str, str>::to("alerts").partition(0).payload(&value).headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();

    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    read_up_to(&mut client, 5);
    assert_eq!(incidents(&mut client, "").len(), 2, "one for each service");
    let kept = client.get("/api/v1/quarantine").json();
    let kept = kept["items"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let reason = kept[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("topic alerts, partition 0, offset 3: "), "{reason}");
    let origin = serde_json::json!({"topic": "alerts", "partition": 0, "offset": 3});
    assert_eq!(kept[0]["kafka"], origin, "{kept:?}");
    let server = format!("http://{}", daemon.address);
    for (args, within) in [(&["ls"][..], "/items/0/kafka"), (&["show", "1"], "/kafka")] {
        let all = [&["--server", &server, "-o", "json", "quarantine"], args].concat();
        let (code, out, said) = incidentd(dir.path(), &all);
        assert_eq!(code, 0, "{said}");
        let shown: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(shown.pointer(within), Some(&origin), "{out}");
    }

    let consumer: rdkafka::consumer::BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", mock.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset("alerts.dlq", 0, rdkafka::Offset::Beginning).unwrap();
    rdkafka::consumer::Consumer::assign(&consumer, &list).unwrap();
    wait_for("the dead letter", || {
        use rdkafka::message::{Headers, Message};
        let letter = consumer.poll(Duration::from_millis(100))?.ok()?;
        assert_eq!(letter.payload(), Some(&b"{\"labels\""[..]));
        let headers = letter.headers().unwrap();
        let found: Vec<_> = headers.iter().map(|it| (it.key.to_owned(), it.value)).collect();
        assert!(found.contains(&("incidentd_offset".into(), Some(&b"3"[..]))), "{found:?}");
        Some(())
    });

    let ready = client.get("/readyz").body;
    assert!(ready.contains("kafka source metrics: connected"), "{ready}");
    let metrics = client.get("/metrics").body;
    for line in [
        "incidentd_kafka_records_total{outcome=\"unreadable\",source=\"metrics\"} 1",
        "incidentd_kafka_connected{source=\"metrics\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_kill_in_the_middle_of_a_log_loses_nothing_and_doubles_nothing() {
    const ALL: usize = 30_000;
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    for part in 0..3 {
        let numbers = part * ALL / 3..(part + 1) * ALL / 3;
        write(&mock, "alerts", numbers.map(|n| alert(n, &format!("s-{}", n / 1_000))));
        let mut client = daemon.client();
        let begun = u64::try_from(part * ALL / 3).unwrap();
        wait_for("some records", || {
            positions(&mut client).iter().any(|it| it["next"].as_u64() > Some(begun)).then_some(())
        });
        daemon.crash();
    }
    let mut client = daemon.client();
    read_up_to(&mut client, ALL as u64);
    assert_eq!(members(&mut client), ALL as u64, "each alert once");
    let open = incidents(&mut client, "?limit=1000");
    assert_eq!(open.len(), ALL / 1_000);
    let one = client.get("/api/v1/alerts?limit=5").json();
    for alert in one["items"].as_array().unwrap() {
        assert_eq!(alert["occurrences"], 1, "{alert}");
    }
    daemon.stop();
}

#[test]
fn a_daemon_whose_brokers_are_away_takes_webhooks_and_reads_on_when_they_are_back() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    write(&mock, "alerts", [alert(1, "a")]);
    mock.broker_down(1).unwrap();
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let taken = client.post("/ingest/native", &alert(2, "b"));
    assert_eq!(taken.status, 200, "{taken:?}");
    let ready = client.get("/readyz");
    assert_eq!(ready.status, 200);
    assert!(ready.body.contains("kafka source metrics: not connected"), "{}", ready.body);
    wait_for("the reason in the log", || daemon.log().contains("no broker answers").then_some(()));
    mock.broker_up(1).unwrap();
    read_up_to(&mut client, 1);
    write(&mock, "alerts", [alert(3, "c")]);
    read_up_to(&mut client, 2);
    assert_eq!(incidents(&mut client, "").len(), 3);
    daemon.stop();
}

#[test]
fn poison_halts_a_partition_until_a_person_moves_it() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    read_up_to(&mut client, 0);
    write(&mock, "alerts", (0..60).map(|_| "garbage".to_owned()).chain([alert(1, "a")]));
    let halted = wait_for("the halt", || {
        positions(&mut client).into_iter().find(|it| it["state"] == "halted")
    });
    assert_eq!(halted["next"], 20, "{halted}");
    let open = incidents(&mut client, "");
    assert!(open[0]["title"].as_str().unwrap().contains("alerts/0"), "{open:?}");
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| {
        let all = [&["--server", &server, "kafka"], args].concat();
        incidentd(dir.path(), &all)
    };
    let (code, out, _) = run(&["ls"]);
    assert_eq!(code, 0);
    assert!(out.contains("halted"), "{out}");
    let to = ["seek", "metrics", "--topic", "alerts", "--partition", "0", "--as", "mia", "--to"];
    let (code, _, said) = run(&[&to[..], &["60"]].concat());
    assert_eq!(code, 0, "{said}");
    read_up_to(&mut client, 61);
    let (code, _, said) = run(&[&to[..], &["beginning"]].concat());
    assert_eq!(code, 0, "{said}");
    wait_for("another halt", || {
        positions(&mut client).into_iter().find(|it| it["state"] == "halted")
    });
    let (code, _, said) = run(&["resume", "metrics", "--as", "mia"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = run(&[&to[..], &["end"]].concat());
    assert_eq!(code, 0, "{said}");
    read_up_to(&mut client, 61);
    daemon.stop();
}

#[test]
fn a_topic_that_was_made_anew_halts_with_the_remedy_and_another_topic_goes_on() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    write(&mock, "alerts", (0..5).map(|n| alert(n, "a")));
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    read_up_to(&mut daemon.client(), 5);
    daemon.stop();
    // Another cluster is what a topic made anew looks like.
    let other = Mock::new(1).unwrap();
    other.create_topic("alerts", 1, 1).unwrap();
    write(&other, "alerts", (0..9).map(|n| alert(n, "b")));
    let config = std::fs::read_to_string(dir.path().join("config.toml")).unwrap();
    let config = config.replace(&mock.bootstrap_servers(), &other.bootstrap_servers());
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    daemon.restart();
    let mut client = daemon.client();
    let halted = wait_for("the halt", || {
        positions(&mut client).into_iter().find(|it| it["state"] == "halted")
    });
    let why = halted["why"].as_str().unwrap();
    let remedy = "incidentd kafka seek metrics --topic alerts --partition 0 --to";
    assert!(why.contains(remedy), "{why}");
    assert_eq!(halted["next"], 5, "nothing is jumped over");
    daemon.stop();
}
