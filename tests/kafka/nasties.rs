//! Logs that are no longer what they were: what was not read is gone, or the topic is another. The
//! partition halts, an incident of our own says so, and a person decides.

use std::path::Path;

use serde_json::Value;

use crate::broker::Broker;
use crate::common::{Client, Daemon, incidentd, wait_for};
use crate::intake::records;
use crate::producer::produce;
use crate::reader::{alerts_named, cluster, folder, metric, source, wait_for_alert, wait_long};

/// Returns the alert of our own that says that a partition is not read on, while it fires.
fn alarm(client: &mut Client, partition: &str) -> Option<Value> {
    let of = format!("{partition} of source log");
    let all = alerts_named(client, "IncidentdKafkaPartitionHalted");
    all.into_iter().find(|it| it["state"] == "firing" && it["labels"]["instance"] == of)
}

fn wait_for_alarm(client: &mut Client, partition: &str) -> Value {
    wait_long(&format!("an alarm about {partition}"), || alarm(client, partition))
}

fn halted(client: &mut Client) -> f64 {
    metric(client, "incidentd_kafka_halted_partitions", &["source=\"log\""])
}

fn seek(daemon: &Daemon, topic: &str, partition: &str, to: &str) {
    let server = format!("http://{}", daemon.address);
    let args = ["--server", &server, "kafka", "seek", "log", "--topic", topic];
    let place = ["--partition", partition, "--to", to, "--as", "mia"];
    let (code, said, error) = incidentd(Path::new("."), &[&args[..], &place[..]].concat());
    assert_eq!(code, 0, "{said}{error}");
}

fn started(broker: &Broker, topic: &str, partitions: i32) -> (tempfile::TempDir, Daemon) {
    broker.make_topic(topic, partitions);
    let settings = format!("{}{}", cluster("main", broker), source("log", "main", topic));
    let dir = folder(&settings);
    let daemon = Daemon::start(dir.path());
    (dir, daemon)
}

/// Retention has taken what was not read yet: nobody jumps over it unseen. The other partition is read
/// on, and a seek by a person goes on with what is left.
pub fn what_retention_took_unread_halts_its_partition(broker: &Broker) {
    let (_dir, mut daemon) = started(broker, "truncated", 2);
    produce(broker, "truncated", records(0, "Before", 0..10));
    produce(broker, "truncated", records(1, "Beside", 0..10));
    wait_for_alert(&daemon, "Before");
    wait_for_alert(&daemon, "Beside");
    daemon.stop();
    produce(broker, "truncated", records(0, "Gone", 0..10));
    produce(broker, "truncated", records(0, "Left", 0..10));
    produce(broker, "truncated", records(1, "Later", 0..10));
    broker.truncate("truncated", 0, 20);
    daemon.restart();

    let mut client = daemon.client();
    let said = wait_for_alarm(&mut client, "truncated/0").to_string();
    assert!(said.contains("10 records") && said.contains("kafka seek"), "{said}");
    wait_for_alert(&daemon, "Later");
    wait_for("the lag of what is halted", || {
        let listed = client.get("/api/v1/kafka").json();
        let is_told =
            |it: &Value| it["partition"] == 0 && it["state"] == "halted" && it["lag"] == 20;
        listed["items"].as_array().unwrap().iter().any(is_told).then_some(())
    });
    assert!((halted(&mut client) - 1.0).abs() < 0.1, "one of the two");
    assert!(alerts_named(&mut client, "Left").is_empty(), "nothing is jumped over");
    daemon.crash();
    let mut client = daemon.client();
    wait_for_alarm(&mut client, "truncated/0");
    assert!(alerts_named(&mut client, "Left").is_empty(), "nor after a restart");

    seek(&daemon, "truncated", "0", "beginning");
    wait_for("what is left", || {
        Some(()).filter(|()| alerts_named(&mut client, "Left").len() == 10)
    });
    assert!(alerts_named(&mut client, "Gone").is_empty());
    wait_for("the alarm's end", || {
        Some(()).filter(|()| alarm(&mut client, "truncated/0").is_none())
    });
    wait_for("the metric's end", || Some(()).filter(|()| halted(&mut client) < 0.1));
}

/// A topic that was deleted and made anew under the reader's eyes is another topic, whether it is
/// shorter than what was read or longer.
pub fn a_topic_made_anew_halts_until_a_person_decides(broker: &Broker) {
    for (topic, count) in [("anew-short", 4), ("anew-long", 14)] {
        let (_dir, daemon) = started(broker, topic, 1);
        produce(broker, topic, records(0, "First", 0..10));
        wait_for_alert(&daemon, "First");
        remake(broker, topic, count);
        go_on_by_hand(&daemon, topic, count);
    }
}

/// The same while the reader is away.
pub fn a_topic_made_anew_behind_the_readers_back_halts_too(broker: &Broker) {
    for (topic, count) in [("behind-short", 4), ("behind-long", 14)] {
        let (_dir, mut daemon) = started(broker, topic, 1);
        produce(broker, topic, records(0, "First", 0..10));
        wait_for_alert(&daemon, "First");
        daemon.stop();
        remake(broker, topic, count);
        daemon.restart();
        go_on_by_hand(&daemon, topic, count);
    }
}

/// Nothing of the new topic is read before a person says so.
fn go_on_by_hand(daemon: &Daemon, topic: &str, count: usize) {
    let mut client = daemon.client();
    wait_for_alarm(&mut client, &format!("{topic}/0"));
    assert!(alerts_named(&mut client, "Second").is_empty(), "{topic}: it is another topic");
    seek(daemon, topic, "0", "beginning");
    wait_for("the new topic", || {
        Some(()).filter(|()| alerts_named(&mut client, "Second").len() == count)
    });
}

/// Deletes a topic and makes another of its name, with so many records.
fn remake(broker: &Broker, topic: &str, count: usize) {
    broker.delete_topic(topic);
    wait_for("the old topic's end", || Some(()).filter(|()| broker.try_to_make_topic(topic, 1)));
    produce(broker, topic, records(0, "Second", 0..count));
}
