//! A mock cluster of librdkafka that goes away, moves its leaders, fails its answers and sends garbage:
//! the reader goes on or halts with an alarm, and no record is lost, doubled or jumped over.
//!
//! `KAFKA_AWAY_S` makes the absences longer, `KAFKA_MOVES` the moves of the leader more.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Error};
use serde_json::Value;

use super::kafka::{Mock, alert, folder, members, positions, read_up_to, write};
use super::story::incidents;
use crate::common::{Client, Daemon, incidentd, pause, wait_for};

/// A cluster that comes back is found at once, and one that is away is asked for hundreds of times.
const IMPATIENT: &str = "[kafka.clusters.main.options]\n\"reconnect.backoff.max.ms\" = 10\n\"reconnect.backoff.ms\" = 5\n";

#[expect(clippy::disallowed_methods, reason = "full figures are for people who wait")]
fn figure(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// A producer whose records come once and in order, however often it has to try.
fn patient(mock: &Mock) -> ThreadedProducer<DefaultProducerContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", mock.bootstrap_servers()).set("enable.idempotence", "true");
    config.set("reconnect.backoff.max.ms", "200").set("message.timeout.ms", "600000");
    config.create_with_context(DefaultProducerContext).unwrap()
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    numbers: impl IntoIterator<Item = usize>,
) {
    for n in numbers {
        let value = alert(n, &format!("s-{}", n / 100));
        let record = BaseRecord::<str, str>::to("alerts").partition(0).payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
}

/// Each of so many alerts of the topic is held, and each came once; so many others came by web hook.
fn assert_each_once(client: &mut Client, alerts: usize, hooks: usize) {
    // Of a backlog, incidents are opened when all of it is read: a moment after its last record.
    wait_for("its incidents", || (members(client) == (alerts + hooks) as u64).then_some(()));
    let mut of = |outcome: &str| {
        let text = client.get("/metrics").body;
        let name = "incidentd_ingest_alerts_total";
        let start = format!("{name}{{outcome=\"{outcome}\",source=\"metrics\"}} ");
        let found = text.lines().find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("no {start}: {text}")).parse::<usize>().unwrap()
    };
    // It is counted when the answer is there, which is a moment after the commit.
    wait_for("the count", || (of("began") == alerts).then_some(()));
    assert_eq!((of("repeated"), of("updated")), (0, 0));
}

#[test]
fn a_cluster_that_goes_away_again_and_again_loses_nothing_and_holds_up_no_web_hook() {
    const ROUNDS: usize = 4;
    let away = Duration::from_secs(figure("KAFKA_AWAY_S", 2));
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let dir = folder(&mock, IMPATIENT);
    let mut daemon = Daemon::start(dir.path());
    let (mut client, producer) = (daemon.client(), patient(&mock));
    for round in 0..ROUNDS {
        let begin = round * 500;
        send(&producer, begin..begin + 250);
        let some = u64::try_from(begin + 10).unwrap();
        wait_for("the middle of the stream", || {
            positions(&mut client).iter().any(|it| it["next"].as_u64() > Some(some)).then_some(())
        });
        mock.broker_down(1).unwrap();
        send(&producer, begin + 250..begin + 500);
        for hook in 0..10 {
            pause(away / 10);
            let answer = client.post("/ingest/native", &alert(round * 10 + hook, "hook"));
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        assert_eq!(client.get("/readyz").status, 200, "a daemon without Kafka is ready");
        mock.broker_up(1).unwrap();
        producer.flush(Duration::from_mins(1)).unwrap();
        read_up_to(&mut client, u64::try_from(begin + 500).unwrap());
    }
    assert_each_once(&mut client, ROUNDS * 500, ROUNDS * 10);
    daemon.stop();
    let log = daemon.log();
    assert!(!log.contains("is made anew"), "the client goes on by itself: {log}");
}

#[test]
fn a_leader_that_moves_costs_no_record() {
    let moves = figure("KAFKA_MOVES", 20);
    let mock = Mock::new(3).unwrap();
    mock.create_topic("alerts", 1, 3).unwrap();
    let dir = folder(&mock, IMPATIENT);
    let mut daemon = Daemon::start(dir.path());
    let (mut client, producer) = (daemon.client(), patient(&mock));
    for step in 0..moves {
        let begin = usize::try_from(step * 50).unwrap();
        send(&producer, begin..begin + 50);
        let leader = i32::try_from(1 + step % 3).unwrap();
        mock.partition_leader("alerts", 0, Some(leader)).unwrap();
    }
    producer.flush(Duration::from_mins(1)).unwrap();
    read_up_to(&mut client, moves * 50);
    assert_each_once(&mut client, usize::try_from(moves * 50).unwrap(), 0);
    daemon.stop();
}

/// Whatever answers fail with, the records behind them come, each once.
#[test]
fn errors_of_brokers_cost_time_and_no_record() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let dir = folder(&mock, IMPATIENT);
    let mut daemon = Daemon::start(dir.path());
    let (mut client, producer) = (daemon.client(), patient(&mock));
    let transport = Error::RD_KAFKA_RESP_ERR__TRANSPORT;
    let fetch = [
        Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Error::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        Error::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        Error::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
        Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        Error::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        Error::RD_KAFKA_RESP_ERR_UNKNOWN,
        transport,
    ];
    let others = [
        Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Error::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        transport,
    ];
    let cases = [
        (Api::Fetch, &fetch[..]),
        (Api::Metadata, &others),
        (Api::ListOffsets, &others),
        (Api::OffsetCommit, &others),
    ];
    let mut sent = 0;
    for (api, errors) in cases {
        for error in errors {
            mock.request_errors(api, &[*error]);
            send(&producer, sent..sent + 25);
            producer.flush(Duration::from_mins(1)).unwrap();
            sent += 25;
            read_up_to(&mut client, sent as u64);
        }
    }
    assert!(positions(&mut client).iter().all(|it| it["state"] != "halted"));
    // And all at once, while it starts.
    daemon.kill();
    for (api, errors) in cases {
        mock.request_errors(api, errors);
    }
    send(&producer, sent..sent + 25);
    daemon.restart();
    producer.flush(Duration::from_mins(1)).unwrap();
    let mut client = daemon.client();
    read_up_to(&mut client, (sent + 25) as u64);
    assert_eq!(members(&mut client), sent as u64 + 25, "each alert once");
    daemon.stop();
}

fn quarantined(client: &mut Client) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/quarantine?limit=1000{cursor}")).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn of_a_long_log_one_in_a_hundred_is_garbage_and_just_that_is_quarantined() {
    const ALL: usize = 20_000;
    let is_garbage = |n: usize| n % 100 == 37;
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let value = |n: usize| {
        let mut value = alert(n % 1_000, "a");
        // Half of it, bytes that are no text, and what is no alert, in turn.
        match n / 100 % 3 {
            _ if !is_garbage(n) => {}
            0 => value.truncate(value.len() / 2),
            1 => "\u{1}garbage".clone_into(&mut value),
            _ => "{\"labels\": {}}".clone_into(&mut value),
        }
        value
    };
    write(&mock, "alerts", (0..ALL).map(value));
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    read_up_to(&mut client, ALL as u64);
    let kept = quarantined(&mut client);
    let offsets: Vec<_> = kept.iter().map(|it| it["kafka"]["offset"].as_u64().unwrap()).collect();
    let garbage: Vec<_> = (0..ALL).filter(|n| is_garbage(*n)).map(|n| n as u64).collect();
    assert_eq!(offsets, garbage);
    for it in &kept {
        let said = format!("topic alerts, partition 0, offset {}: ", it["kafka"]["offset"]);
        let reason = it["reason"].as_str().unwrap().strip_prefix(&said);
        assert!(reason.is_some_and(|it| !it.is_empty()) && it["cause"] == "unreadable", "{it}");
    }
    assert_eq!(members(&mut client), 990, "the others are taken");
    daemon.stop();
}

#[test]
fn a_log_that_is_mostly_garbage_halts_and_says_how_much_is_left() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic("alerts", 1, 1).unwrap();
    let value = |n: usize| if n % 5 < 3 { "garbage".to_owned() } else { alert(n, "a") };
    write(&mock, "alerts", (0..1_000).map(value));
    let dir = folder(&mock, "");
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let halted = wait_for("the halt", || {
        positions(&mut client)
            .into_iter()
            .find(|it| it["state"] == "halted" && it["lag"] != Value::Null)
    });
    let next = halted["next"].as_u64().unwrap();
    assert_eq!(next, 32, "behind the twentieth bad one: {halted}");
    assert_eq!(halted["lag"], 1_000 - next, "{halted}");
    assert_eq!(quarantined(&mut client).len(), 20);
    let open = incidents(&mut client, "");
    assert!(open.iter().any(|it| it["title"].as_str().unwrap().contains("alerts/0")), "{open:?}");
    let server = format!("http://{}", daemon.address);
    let (code, out, _) = incidentd(dir.path(), &["--server", &server, "kafka", "ls"]);
    assert!(code == 0 && out.contains("LAG") && out.contains(" 968 "), "{out}");
    daemon.stop();
}
