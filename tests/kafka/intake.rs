//! What is produced, by whomever and however it is packed, becomes alerts and incidents.

use serde_json::json;

use crate::broker::Broker;
use crate::common::{Daemon, wait_for};
use crate::producer::{Record, kcat, produce, produce_with};
use crate::reader::{
    alerts_named, all, cluster, folder, metric, source, wait_for_alert, wait_long,
};

/// An alert in our own format.
pub fn alert(name: &str, n: usize) -> String {
    json!({"labels": {"alertname": name, "n": n.to_string(), "service": name}}).to_string()
}

/// Records of one partition, all of one alert name.
pub fn records(partition: i32, name: &str, numbers: core::ops::Range<usize>) -> Vec<Record> {
    let record = |n: usize| Record {
        partition: Some(partition),
        ..Record::new(format!("{name}-{n}"), alert(name, n))
    };
    numbers.map(record).collect()
}

/// Five codecs, three partitions, two producers; and what lag tools see of it.
pub fn records_of_every_producer_and_codec_become_incidents(broker: &Broker) {
    broker.make_topic("intake", 3);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (place, codec) in codecs.into_iter().enumerate() {
        let records = records(i32::try_from(place).unwrap() % 3, codec, 0..50);
        produce_with(broker, &[("compression.type", codec)], "intake", records);
    }
    let list = format!("[{},{}]", alert("kcat", 1), alert("kcat", 2));
    kcat(broker, "intake", &[&alert("kcat", 0), &list]);
    let settings = format!("{}{}", cluster("main", broker), source("log", "main", "intake"));
    let dir = folder(&settings);
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    wait_for("253 alerts", || {
        let alerts = all(&mut client, "/api/v1/alerts?filter=service%21%3D%22%22");
        Some(()).filter(|()| alerts.len() == 253)
    });
    for codec in codecs {
        assert_eq!(alerts_named(&mut client, codec).len(), 50, "{codec}");
    }
    let incidents = all(&mut client, "/api/v1/incidents");
    let members = incidents.iter().map(|it| it["members"].as_u64().unwrap());
    assert_eq!((incidents.len(), members.sum()), (6, 253_u64), "{incidents:#?}");
    wait_for("the metric of 253 alerts", || {
        let read = metric(&mut client, "incidentd_ingest_alerts_total", &["source=\"log\""]);
        Some(()).filter(|()| read > 252.5)
    });
    // Offsets are told to the group every few seconds.
    wait_for("a group without lag", || {
        let mut rows = broker.group("incidentd.log");
        rows.retain(|row| row.topic == "intake");
        let read: i64 = rows.iter().map(|row| row.offset).sum();
        let whole = rows.len() == 3 && rows.iter().all(|row| row.lag == 0);
        Some(()).filter(|()| whole && read == 252)
    });
    let listed = client.get("/api/v1/kafka").json();
    let lags = listed["items"].as_array().unwrap().iter().map(|it| it["lag"].as_u64());
    assert_eq!(lags.collect::<Vec<_>>(), [Some(0); 3], "{listed}");
    daemon.stop();
    produce(broker, "intake", records(1, "After", 0..5));
    let rows = broker.group("incidentd.log");
    let lag: i64 = rows.iter().filter(|row| row.topic == "intake").map(|row| row.lag).sum();
    assert_eq!(lag, 5, "what comes while nobody reads: {rows:?}");
}

/// A topic that becomes wider is read in all its breadth, without a restart.
pub fn partitions_that_are_added_are_read(broker: &Broker) {
    broker.make_topic("wider", 1);
    produce(broker, "wider", records(0, "Narrow", 0..5));
    let settings = format!("{}{}", cluster("main", broker), source("log", "main", "wider"));
    let dir = folder(&settings);
    let daemon = Daemon::start(dir.path());
    wait_for_alert(&daemon, "Narrow");
    broker.widen_topic("wider", 3);
    // A producer learns of them at once, the reader within a minute: from their beginning.
    produce(broker, "wider", records(1, "Second", 0..5));
    produce(broker, "wider", records(2, "Third", 0..5));
    let mut client = daemon.client();
    for name in ["Second", "Third"] {
        wait_long(&format!("the alerts {name}"), || {
            Some(()).filter(|()| alerts_named(&mut client, name).len() == 5)
        });
    }
}
