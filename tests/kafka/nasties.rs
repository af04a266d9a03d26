//! Logs that are no longer what they were: what was not read is gone, or the topic is another. The
//! partition halts, an incident of our own says so, and a person decides.

use std::path::Path;

use serde_json::Value;

use crate::broker::Broker;
use crate::common::{Client, Daemon, incidentd, wait_for};
use crate::intake::records;
use crate::producer::produce;
use crate::reader::{
    alerts_named, all, cluster, folder, metric, source, wait_for_alert, wait_long,
};

/// Waits for an alert of our own that fires and names a topic, and returns it.
fn wait_for_alarm(client: &mut Client, topic: &str) -> Value {
    let is_it = |alert: &Value| {
        let name = alert["labels"]["alertname"].as_str().unwrap_or_default();
        name.starts_with("IncidentdKafka") && alert["labels"]["topic"] == topic
    };
    wait_long(&format!("an alarm about {topic}"), || {
        all(client, "/api/v1/alerts?state=firing").into_iter().find(is_it)
    })
}

fn halted(client: &mut Client) -> f64 {
    metric(client, "incidentd_kafka_halted_partitions", &["source=\"log\""])
}

fn seek(daemon: &Daemon, topic: &str, partition: &str, to: &str) {
    let server = format!("http://{}", daemon.address);
    let args = ["--server", &server, "kafka", "seek", "log", "--topic", topic];
    let place = ["--partition", partition, "--to", to];
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
    let alarm = wait_for_alarm(&mut client, "truncated");
    assert_eq!(alarm["labels"]["partition"], "0", "{alarm:#}");
    wait_for_alert(&daemon, "Later");
    assert!((halted(&mut client) - 1.0).abs() < 0.1, "one of the two");
    assert!(alerts_named(&mut client, "Left").is_empty(), "nothing is jumped over");
    daemon.crash();
    let mut client = daemon.client();
    wait_for_alarm(&mut client, "truncated");
    assert!(alerts_named(&mut client, "Left").is_empty(), "nor after a restart");

    seek(&daemon, "truncated", "0", "beginning");
    wait_for("what is left", || {
        Some(()).filter(|()| alerts_named(&mut client, "Left").len() == 10)
    });
    assert!(alerts_named(&mut client, "Gone").is_empty());
    wait_for("the alarm's end", || {
        let alerts = all(&mut client, "/api/v1/alerts?state=firing");
        Some(()).filter(|()| !alerts.iter().any(|it| it["labels"]["topic"] == "truncated"))
    });
    wait_for("the metric's end", || Some(()).filter(|()| halted(&mut client) < 0.1));
}

/// A topic that was deleted and made anew under the reader's eyes is another topic: its records have
/// offsets that were read before.
pub fn a_topic_made_anew_halts_until_a_person_decides(broker: &Broker) {
    let (_dir, daemon) = started(broker, "anew", 1);
    produce(broker, "anew", records(0, "First", 0..10));
    wait_for_alert(&daemon, "First");
    broker.delete_topic("anew");
    remake(broker, "anew");
    produce(broker, "anew", records(0, "Second", 0..4));

    let mut client = daemon.client();
    wait_for_alarm(&mut client, "anew");
    assert!(alerts_named(&mut client, "Second").is_empty(), "nothing is read of another topic");
    seek(&daemon, "anew", "0", "beginning");
    wait_for("the new topic", || {
        Some(()).filter(|()| alerts_named(&mut client, "Second").len() == 4)
    });
}

/// The same while the reader is away.
pub fn a_topic_made_anew_behind_the_readers_back_halts_too(broker: &Broker) {
    let (_dir, mut daemon) = started(broker, "behind", 1);
    produce(broker, "behind", records(0, "First", 0..10));
    wait_for_alert(&daemon, "First");
    daemon.stop();
    broker.delete_topic("behind");
    remake(broker, "behind");
    produce(broker, "behind", records(0, "Second", 0..4));
    daemon.restart();
    let mut client = daemon.client();
    wait_for_alarm(&mut client, "behind");
    assert!(alerts_named(&mut client, "Second").is_empty(), "nothing is read of another topic");
    seek(&daemon, "behind", "0", "beginning");
    wait_for("the new topic", || {
        Some(()).filter(|()| alerts_named(&mut client, "Second").len() == 4)
    });
}

/// Makes a topic whose name was another's a moment ago.
fn remake(broker: &Broker, topic: &str) {
    wait_for("the old topic's end", || Some(()).filter(|()| broker.try_to_make_topic(topic, 1)));
}
