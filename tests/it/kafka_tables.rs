//! Topics that are tables, of CIs and relations and of planned changes, from a mock cluster of librdkafka
//! with the real daemon: read, killed, taken back, and what does not go.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::Value;

use super::story::incidents;
use crate::common::{Client, Daemon, incidentd, wait_for};

type Mock = MockCluster<'static, DefaultProducerContext>;

const RULES: &str = "
version: 1
namespace: tables
rules:
  - name: strip
    owner: nobody
    summary: A strip explains what hangs off it.
    when: ['ci.class=\"pdu\"']
    topology: {follow: [powers], max_hops: 2}
";

/// A key with its value, or nothing where it is taken back.
type Row<'a> = (&'a str, Option<&'a str>);

/// Writes rows to partition 0 of a topic, in order.
fn write(mock: &Mock, topic: &str, rows: &[Row<'_>]) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", mock.bootstrap_servers()).set("linger.ms", "5");
    let producer: ThreadedProducer<DefaultProducerContext> =
        config.create_with_context(DefaultProducerContext).unwrap();
    for (key, value) in rows {
        let mut record = BaseRecord::<str, str>::to(topic).partition(0).key(key);
        record.payload = *value;
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

fn cluster() -> Mock {
    let mock = Mock::new(1).unwrap();
    for topic in ["cis", "relations", "changes"] {
        mock.create_topic(topic, 1, 1).unwrap();
    }
    mock
}

fn folder(mock: &Mock) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/tables.yaml"), RULES).unwrap();
    let brokers = mock.bootstrap_servers();
    let config = format!(
        "[kafka.clusters.main]\nbrokers = '{brokers}'\n\
         [sources.inventory]\ncarries = 'cmdb'\ncluster = 'main'\ntopics = ['cis', 'relations']\n\
         [sources.itsm]\ncarries = 'changes'\ncluster = 'main'\ntopics = ['changes']\n"
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    dir
}

/// Waits until partition 0 of the topic is read up to this offset.
fn read_up_to(client: &mut Client, topic: &str, next: u64) {
    wait_for(&format!("offset {next} of {topic}"), || {
        let answer = client.get("/api/v1/kafka").json();
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().any(|it| it["topic"] == topic && it["next"] == next).then_some(())
    });
}

fn counts(client: &mut Client) -> (Value, Value) {
    let answer = client.get("/api/v1/cmdb").json();
    (answer["cis"].clone(), answer["relations"].clone())
}

fn history(client: &mut Client) -> Vec<Value> {
    client.get("/api/v1/cmdb/history").json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_topology_by_topic_binds_alerts_survives_a_kill_and_goes_by_tombstones() {
    let mock = cluster();
    // Relations first: what they speak of has not come yet.
    write(&mock, "relations", &[("pdu -powers-> srv", Some("{}")), ("x -hosts-> srv", Some("{}"))]);
    let dir = folder(&mock);
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    read_up_to(&mut client, "relations", 2);
    let server = format!("http://{}", daemon.address);
    let lint = |wanted: &str| {
        let (_, out, _) = incidentd(dir.path(), &["-s", &server, "cmdb", "lint"]);
        assert!(out.contains(wanted), "{out}");
    };
    lint("`pdu -powers-> srv` waits for CI `pdu` and CI `srv`");
    daemon.crash();
    let ci = |class: &str, name: &str| {
        format!(r#"{{"class": "{class}", "labels": {{"instance": "{name}"}}}}"#)
    };
    let (pdu, srv) = (ci("pdu", "pdu"), ci("server", "srv"));
    write(
        &mock,
        "cis",
        &[
            ("pdu", Some(&pdu)),
            ("srv", Some(&srv)),
            ("old", Some(r#"{"class": "vm"}"#)),
            ("old", None),
        ],
    );
    let mut client = daemon.client();
    read_up_to(&mut client, "cis", 4);
    assert_eq!(counts(&mut client), (2.into(), 2.into()));
    lint("`x -hosts-> srv` waits for CI `x`");
    let shown = client.get("/api/v1/cmdb/cis/srv").json();
    assert_eq!(shown["attributes"]["source"], "kafka/inventory", "{shown}");

    for name in ["pdu", "srv"] {
        let alert = format!(r#"{{"labels": {{"alertname": "Down", "instance": "{name}"}}}}"#);
        assert_eq!(client.post("/ingest/native", &alert).status, 200);
    }
    let open = incidents(&mut client, "");
    assert_eq!((open.len(), &open[0]["members"]), (1, &2.into()), "{open:?}");

    daemon.kill();
    write(&mock, "cis", &[("pdu", None)]);
    daemon.restart();
    let mut client = daemon.client();
    read_up_to(&mut client, "cis", 5);
    assert_eq!(client.get("/api/v1/cmdb/cis/pdu").status, 404);
    assert_eq!(counts(&mut client), (1.into(), 2.into()), "both relations wait");
    let newest = &history(&mut client)[0];
    assert_eq!(
        (&newest["by"], &newest["what"]),
        (&"kafka/inventory".into(), &"1 records of cis".into()),
        "{newest}"
    );
    let metrics = client.get("/metrics").body;
    for line in [
        "incidentd_kafka_cmdb_rows_total{outcome=\"removed\",source=\"inventory\"} 1",
        "incidentd_kafka_waiting_relations{source=\"inventory\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let ready = client.get("/readyz").body;
    assert!(ready.contains("kafka source inventory: connected"), "{ready}");
    let (code, out, _) = incidentd(dir.path(), &["-s", &server, "kafka", "ls"]);
    assert!(code == 0 && out.contains("inventory") && out.contains("itsm"), "{out}");
    wait_for("the audit trail", || {
        let (_, out, _) = incidentd(dir.path(), &["-s", &server, "audit", "ls"]);
        (out.contains("kafka/inventory") && out.contains("1 removed")).then_some(())
    });
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_first_read_of_many_rows_is_a_few_changes_and_bad_ones_are_set_aside() {
    const ALL: usize = 3_000;
    let mock = cluster();
    let keys: Vec<String> = (0..ALL).map(|n| format!("vm-{n:05}")).collect();
    let mut rows: Vec<Row<'_>> =
        keys.iter().map(|key| (key.as_str(), Some(r#"{"class": "vm"}"#))).collect();
    rows.push(("", Some(r#"{"class": "vm"}"#)));
    rows.push(("vm-x", Some(r#"{"id": "vm-y", "class": "vm"}"#)));
    rows.push(("vm-z", Some(r#"{"rack": "R1"}"#)));
    write(&mock, "cis", &rows);
    let dir = folder(&mock);
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    read_up_to(&mut client, "cis", ALL as u64 + 3);
    assert_eq!(counts(&mut client).0, ALL);
    let changes = history(&mut client).len();
    assert!(changes <= 3, "{changes} changes");
    let kept = client.get("/api/v1/quarantine").json();
    let kept = kept["items"].as_array().unwrap().clone();
    let mut reasons: Vec<&str> = kept.iter().map(|it| it["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    let says =
        ["it has no key", "its `id` is `vm-y`, its key is `vm-x`", "CI `vm-z` needs a class"];
    assert_eq!(reasons.len(), says.len(), "{reasons:?}");
    for (reason, says) in reasons.iter().zip(says) {
        assert!(reason.starts_with("topic cis, partition 0, offset 300"), "{reason}");
        assert!(reason.contains(says), "{reason}");
    }
    let id = &kept[0]["id"];
    let replayed = client.post(&format!("/api/v1/quarantine/{id}/replay"), "");
    assert!(replayed.status == 409 && replayed.body.contains("writing it there again"));
    assert_eq!(client.post("/ingest/inventory", "{}").status, 404, "nothing can be posted");
    daemon.stop();
}

#[test]
fn planned_changes_by_topic_are_a_table_too() {
    let mock = cluster();
    let change = |to: &str| {
        format!(
            r#"{{"cis": ["srv"], "from": "2026-01-01T00:00:00Z", "to": "{to}", "state": "approved"}}"#
        )
    };
    let (one, two) = (change("2036-01-01T00:00:00Z"), change("2037-01-01T00:00:00Z"));
    write(
        &mock,
        "changes",
        &[("CHG-1", Some(&one)), ("CHG-2", Some(&one)), ("CHG-2", Some(&two)), ("CHG-1", None)],
    );
    let dir = folder(&mock);
    let mut daemon = Daemon::start(dir.path());
    read_up_to(&mut daemon.client(), "changes", 4);
    daemon.crash();
    let mut client = daemon.client();
    let changes = client.get("/api/v1/changes").json();
    let changes = changes["items"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["number"], "CHG-2");
    assert!(changes[0]["to"].as_str().unwrap().starts_with("2037"), "{changes:?}");
    daemon.stop();
}
