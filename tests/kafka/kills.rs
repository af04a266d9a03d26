//! kill -9 at random points of a long log: the state is that of a reader that was never killed.

use incidentd::clock;
use serde_json::json;

use crate::broker::Broker;
use crate::common::{Client, Daemon, PATIENCE};
use crate::intake;
use crate::producer::{Record, produce_with};
use crate::reader::{Essence, all, cluster, configure, figure, folder, source, wait_for_alert};

/// Alerts of the log; each is spoken of `records / ALERTS` times.
const ALERTS: usize = 20_000;

/// Partitions of the topic; all that is said of an alert is in one.
const PARTITIONS: usize = 4;

/// Of so many records one is garbage.
const GARBAGE: usize = 1_000;

/// True for garbage: never the same alert's twice in a row.
fn is_garbage(n: usize) -> bool {
    (n + n / ALERTS) % GARBAGE == GARBAGE - 1
}

/// Record `n` of the log: twice firing, once resolved, again and again, so that a record that is lost
/// or taken twice shows in what is counted.
fn record(n: usize) -> Record {
    let (alert, round) = (n % ALERTS, n / ALERTS);
    let partition = alert % PARTITIONS;
    let labels = json!({
        "alertname": "Load", "n": alert.to_string(), "severity": "warning",
        "service": format!("service-{partition}-{}", alert / 1_000),
    });
    let status = if round % 3 == 2 { "resolved" } else { "firing" };
    let mut value = json!({"labels": labels, "status": status}).to_string();
    if is_garbage(n) {
        value.truncate(value.len() / 2);
    }
    let partition = Some(i32::try_from(partition).unwrap());
    Record { partition, ..Record::new(alert.to_string(), value) }
}

/// The last record of each partition.
fn ends() -> impl Iterator<Item = Record> {
    (0..PARTITIONS).map(|partition| Record {
        partition: Some(i32::try_from(partition).unwrap()),
        ..Record::new("end", intake::alert(&format!("End{partition}"), partition))
    })
}

fn wait_for_the_end(daemon: &Daemon) {
    (0..PARTITIONS).for_each(|partition| drop(wait_for_alert(daemon, &format!("End{partition}"))));
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Records that are read and committed, of all partitions.
fn committed(client: &mut Client) -> usize {
    let positions = client.get("/api/v1/kafka").json();
    let next = positions["items"].as_array().unwrap().iter().map(|it| it["next"].as_u64().unwrap());
    usize::try_from(next.sum::<u64>()).unwrap()
}

/// Waits without a pause: a piece of the log is read in some milliseconds.
fn wait_at_once(what: &str, mut is_done: impl FnMut() -> bool) {
    let began = clock::monotonic();
    while !is_done() {
        let waited = clock::monotonic().saturating_sub(began);
        assert!(waited < PATIENCE, "{what} was not reached in {waited:?}");
    }
}

/// Options of a reader that takes its time, about ten thousand records a second: of a log that is read
/// at once nothing is left to be in the middle of.
const SLOWLY: &str = "[kafka.clusters.main.options]
\"queued.min.messages\" = 10
\"fetch.queue.backoff.ms\" = 2
\"fetch.message.max.bytes\" = 4096
";

/// The log grows by a piece while the reader is dead, so that every life has something to be in the
/// middle of; it is killed as soon as it has committed up to a random record of what it has to read.
pub fn a_reader_killed_at_random_points_holds_what_one_that_was_not_holds(broker: &Broker) {
    let (records, kills) = (figure("KAFKA_RECORDS", 60_000), figure("KAFKA_KILLS", 20));
    broker.make_topic("kills", i32::try_from(PARTITIONS).unwrap());
    let source = source("log", "main", "kills");
    let limits = "[limits]\nalerts_per_source = 1000000\n";
    let settings = |options: &str| format!("{limits}{}{options}{source}", cluster("main", broker));
    let dir = folder(&settings(SLOWLY));
    let mut daemon = Daemon::start(dir.path());
    let (mut dice, mut amid, mut written) = (Dice(records as u64), 0, 0);
    for kill in 1..=kills {
        daemon.kill();
        let until = records * kill / (kills + 1);
        produce_in_pieces(broker, (written..until).map(record));
        written = until;
        daemon.restart();
        let mut client = daemon.client();
        let unread = written.saturating_sub(committed(&mut client));
        let goal = written - usize::try_from(dice.below(unread.max(1) as u64)).unwrap();
        wait_at_once("the goal", || committed(&mut client) >= goal);
        amid += usize::from(committed(&mut client) < written);
    }
    configure(dir.path(), &settings(""));
    daemon.crash();
    produce_in_pieces(broker, (written..records).map(record).chain(ends()));
    wait_for_the_end(&daemon);
    let killed = Essence::of(&daemon);
    daemon.stop();
    assert!(amid * 10 >= kills * 8, "only {amid} of {kills} kills were amid the log");

    let dir = folder(&settings(""));
    let began = clock::monotonic();
    let daemon = Daemon::start(dir.path());
    wait_for_the_end(&daemon);
    let took = clock::monotonic().saturating_sub(began).as_secs_f64();
    let whole = Essence::of(&daemon);
    let garbage = (0..records).filter(|n| is_garbage(*n)).count();
    assert_eq!(whole.quarantined.len(), garbage, "each piece of garbage, once");
    assert_eq!(whole.alerts.len(), ALERTS.min(records) + PARTITIONS);
    let incidents = all(&mut daemon.client(), "/api/v1/incidents");
    assert!(!incidents.is_empty());
    let (hash, expected) = (killed.hash(), whole.hash());
    assert!(hash == expected, "{}", difference(&killed, &whole));
    println!(
        "{kills} kills, {amid} of them amid the log of {records} records: state hash {hash}; \
         read in one go in {took:.1} s: the same"
    );
}

/// Writes records so that no answer of the broker holds many.
fn produce_in_pieces(broker: &Broker, records: impl Iterator<Item = Record>) {
    produce_with(broker, &[("batch.num.messages", "20")], "kills", records);
}

/// Says where two readers differ first.
fn difference(killed: &Essence, whole: &Essence) -> String {
    let alert = killed.alerts.iter().find(|(id, it)| whole.alerts.get(*id) != Some(it));
    if let Some((id, alert)) = alert {
        return format!("alert {alert:#} after kills, {:#?} without", whole.alerts.get(id));
    }
    let incident = killed.incidents.iter().find(|(id, it)| whole.incidents.get(*id) != Some(it));
    if let Some((key, incident)) = incident {
        return format!("{key}: {incident:#} after kills, {:#?} without", whole.incidents.get(key));
    }
    let change = killed.journal.iter().find(|(id, it)| whole.journal.get(*id) != Some(it));
    if let Some((id, changes)) = change {
        return format!("{id}: {changes:?} after kills, {:?} without", whole.journal.get(id));
    }
    let of = |essence: &Essence| essence.quarantined.clone();
    format!("quarantined {:#?} after kills, {:#?} without", of(killed), of(whole))
}
