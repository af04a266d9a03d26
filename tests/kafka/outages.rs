//! A cluster goes away and comes back, and the reader does: nothing is lost, nothing is taken twice,
//! and the others notice nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use incidentd::clock;
use serde_json::Value;

use crate::broker::Broker;
use crate::common::{Daemon, pause, wait_for};
use crate::intake::{alert, records};
use crate::producer::{Record, produce, produce_to};
use crate::reader::{alerts_named, cluster, figure, folder, metric, source, wait_for_alert};

/// Records that are on their way each time the broker is killed.
const STREAM: usize = 10_000;

/// Records a second while nothing is wrong, in the test of catching up.
const LIVE: u32 = 500;

/// Seconds for which the reader is away there.
const AWAY_S: u32 = 20;

/// How much faster than that a backlog has to be read.
const CATCH_UP: f64 = 5.0;

fn occurrences(alerts: &[Value]) -> u64 {
    alerts.iter().map(|it| it["occurrences"].as_u64().unwrap()).sum()
}

/// The last record of each of two partitions.
fn ends() -> impl Iterator<Item = Record> {
    records(0, "End0", 0..1).into_iter().chain(records(1, "End1", 0..1))
}

/// Both are read side by side; while one is killed in the middle of a stream, again and again, the
/// other and the web hooks go on; when it is back, the rest of the stream is read, once.
pub fn of_two_clusters_one_goes_away_mid_stream_and_comes_back(here: &Broker) {
    let mut there = Broker::start();
    here.make_topic("here", 1);
    there.make_topic("there", 2);
    let settings = [
        cluster("here", here),
        cluster("there", &there),
        source("near", "here", "here"),
        source("far", "there", "there"),
    ];
    let dir = folder(&settings.concat());
    let daemon = Daemon::start(dir.path());
    produce(here, "here", records(0, "Near", 0..10));
    produce(&there, "there", records(0, "Far", 0..10));
    wait_for_alert(&daemon, "Near");
    wait_for_alert(&daemon, "Far");

    let absences = figure("KAFKA_ABSENCES", 2);
    for absence in 0..absences {
        goes_away(&mut there, here, &daemon, absence);
    }
    produce(&there, "there", ends());
    let mut client = daemon.client();
    wait_for_alert(&daemon, "End0");
    wait_for_alert(&daemon, "End1");
    let stream = alerts_named(&mut client, "Stream");
    let all = absences * STREAM;
    assert_eq!((stream.len(), occurrences(&stream)), (all, all as u64), "each once");
    assert_eq!(occurrences(&alerts_named(&mut client, "Near")), 10, "and each of the other");
}

/// Kills the broker in the middle of a stream, and starts it again while it goes on.
fn goes_away(there: &mut Broker, here: &Broker, daemon: &Daemon, absence: usize) {
    let address = there.open.to_string();
    std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let records = (absence * STREAM..(absence + 1) * STREAM).flat_map(|n| {
                pause(Duration::from_micros(200));
                records(i32::from(n % 2 == 1), "Stream", n..n + 1)
            });
            produce_to(&address, &[("message.timeout.ms", "900000")], "there", records);
        });
        let mut client = daemon.client();
        wait_for("the middle of the stream", || {
            let read = metric(&mut client, "incidentd_ingest_alerts_total", &["source=\"far\""]);
            let read = read - f64::from(u32::try_from(absence * STREAM).unwrap());
            Some(()).filter(|()| read > 1_000.0)
        });
        there.kill();
        let answer = client.post("/ingest/native", &alert("Hook", absence));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let meanwhile = format!("Meanwhile{absence}");
        produce(here, "here", records(0, &meanwhile, 0..10));
        wait_for_alert(daemon, &meanwhile);
        wait_for("the cluster's being missed", || {
            let up = metric(&mut client, "incidentd_kafka_connected", &["source=\"far\""]);
            Some(()).filter(|()| up < 0.5)
        });
        let up = metric(&mut client, "incidentd_kafka_connected", &["source=\"near\""]);
        assert!(up > 0.5, "the other is up");
        let ready = client.get("/readyz");
        assert_eq!(ready.status, 200, "a daemon without Kafka is ready: {}", ready.body);
        assert!(ready.body.contains("far: not connected"), "{}", ready.body);
        pause(Duration::from_secs(figure("KAFKA_AWAY_S", 0) as u64));
        there.start_again();
        stream.join().unwrap();
    });
    // The records of the stream before are read when those of the next one are waited for.
    let sent = (absence + 1) * STREAM;
    wait_for("the rest of the stream", || {
        let read =
            metric(&mut daemon.client(), "incidentd_ingest_alerts_total", &["source=\"far\""]);
        Some(()).filter(|()| read >= f64::from(u32::try_from(sent).unwrap()))
    });
}

/// The reader is away while its senders go on; what has piled up is read at several times their rate,
/// while they still go on.
pub fn a_backlog_is_read_at_five_times_the_live_rate(broker: &Broker) {
    broker.make_topic("backlog", 2);
    let settings = format!("{}{}", cluster("main", broker), source("log", "main", "backlog"));
    let dir = folder(&settings);
    let mut daemon = Daemon::start(dir.path());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (began, mut sent) = (clock::monotonic(), 0);
            while !over.load(Ordering::Relaxed) {
                let passed = clock::monotonic().saturating_sub(began).as_millis();
                let due = usize::try_from(passed * u128::from(LIVE) / 1_000).unwrap();
                produce(
                    broker,
                    "backlog",
                    (sent..due).flat_map(|n| records(i32::from(n % 2 == 1), "Live", n..n + 1)),
                );
                sent = due;
                pause(Duration::from_millis(100));
            }
            sent
        });
        wait_for_alert(&daemon, "Live");
        daemon.kill();
        pause(Duration::from_secs(AWAY_S.into()));
        daemon.restart();
        let mut client = daemon.client();
        let mut look = || {
            let read = metric(&mut client, "incidentd_ingest_alerts_total", &["source=\"log\""]);
            let lag = metric(&mut client, "incidentd_kafka_lag_records", &["source=\"log\""]);
            (clock::monotonic().as_secs_f64(), read, lag)
        };
        let first = wait_for("the first of the backlog", || Some(look()).filter(|it| it.1 > 0.0));
        let last = wait_for("the end of the backlog", || {
            Some(look()).filter(|it| it.1 > f64::from(AWAY_S * LIVE) && it.2 < f64::from(LIVE))
        });
        over.store(true, Ordering::Relaxed);
        // What the first look saw was read before it.
        let rate = last.1 / (last.0 - first.0).max(0.05);
        println!("a backlog of {:.0} records was read at {rate:.0} a second", last.1);
        assert!(rate >= CATCH_UP * f64::from(LIVE), "{rate:.0} a second, {LIVE} come in");
        let sent = sender.join().unwrap();
        produce(broker, "backlog", ends());
        wait_for_alert(&daemon, "End0");
        wait_for_alert(&daemon, "End1");
        let live = alerts_named(&mut client, "Live");
        assert_eq!((live.len(), occurrences(&live)), (sent, sent as u64), "each once");
    });
}
