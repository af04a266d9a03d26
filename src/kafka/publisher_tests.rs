use std::collections::BTreeMap;
use std::sync::Mutex;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;

use super::*;
use crate::mailbox::{Letter, mailbox};
use crate::model::bulletin::{BulletinKind, Flags, Outline};
use crate::model::incident::RecordId;
use crate::model::priority::{Impact, Priority, Urgency};
use crate::model::progress::StateName;
use crate::model::time::Timestamp;
use crate::settings::kafka::Cluster;

const TOPIC: &str = "incidents";
const PARTITIONS: i32 = 3;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

type Mock = MockCluster<'static, DefaultProducerContext>;
type Store = Arc<Mutex<BTreeMap<u64, Bulletin>>>;

fn broker() -> Mock {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    mock
}

fn bulletin(seq: u64, incident: u64) -> Bulletin {
    Bulletin {
        seq,
        incident: RecordId(incident),
        kind: BulletinKind::Changed,
        at: Timestamp::from_millis(7),
        by: None,
        changed: Vec::new(),
        happened: Vec::new(),
        version: 1,
        revision: 1,
        outline: Outline {
            state: StateName::New,
            title: "t".into(),
            priority: Priority::P3,
            impact: Impact::Low,
            urgency: Urgency::Low,
            category: None,
            team: None,
            assignee: None,
            holder: None,
            ci: None,
            parent: None,
            members: 1,
            firing: 1,
            flags: Flags::default(),
            known_error: None,
            opened_at: Timestamp::EPOCH,
        },
    }
}

/// `count` bulletins of five incidents in turn.
fn waiting(count: u64) -> Store {
    let all = (1..=count).map(|seq| (seq, bulletin(seq, 1 + seq % 5)));
    Arc::new(Mutex::new(all.collect()))
}

/// A publisher with all it talks to but the broker.
struct Stage {
    store: Store,
    /// The most that was read beyond what was published.
    ahead: Arc<Mutex<usize>>,
    state: watch::Receiver<Publishing>,
    held: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    publisher: tokio::task::JoinHandle<()>,
    durable: watch::Sender<u64>,
}

impl Stage {
    fn start(mock: &Mock, store: Store) -> Self {
        Self::held(mock, store, watch::channel(false).0)
    }

    fn held(mock: &Mock, store: Store, held: watch::Sender<bool>) -> Self {
        let cluster = Cluster {
            brokers: vec![mock.bootstrap_servers()],
            tls: None,
            sasl: None,
            options: BTreeMap::new(),
        };
        let to = Topic { cluster: "main".into(), reached: Arc::new(cluster), topic: TOPIC.into() };
        let (letters_in, mut letters) = mailbox(8);
        let (state_in, state) = watch::channel(Publishing::Off);
        let (durable_in, durable) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
        let (shelf, ahead) = (Arc::clone(&store), Arc::new(Mutex::new(0)));
        let most = Arc::clone(&ahead);
        let parts = Parts {
            to,
            origin: Origin::new("7e57", None),
            reader: Arc::new(move |after, limit| {
                let shelf = shelf.lock().unwrap();
                let found: Vec<_> =
                    shelf.range(after + 1..).take(limit).map(|(_, it)| it.clone()).collect();
                if let Some(last) = found.last() {
                    let beyond = shelf.range(..=last.seq).count();
                    let mut most = most.lock().unwrap();
                    *most = beyond.max(*most);
                }
                Ok(found)
            }),
            mailbox: letters_in,
            durable,
            held: held.subscribe(),
            state: state_in,
            metrics: Arc::clone(&metrics),
            stopped,
        };
        let engine = Arc::clone(&store);
        tokio::spawn(async move {
            while let Some(Letter { work, reply }) = letters.recv().await {
                let Work::Event(Event::Published { bulletins }) = work else { panic!("{work:?}") };
                let mut left = engine.lock().unwrap();
                left.retain(|seq, _| !bulletins.contains(seq));
                drop(reply.send(crate::engine::reply::Reply::Done));
            }
        });
        let publisher = tokio::spawn(Publisher::new(parts).unwrap().run());
        Self { store, ahead, state, held, stop, metrics, publisher, durable: durable_in }
    }

    async fn is(&mut self, wanted: impl Fn(&Publishing) -> bool) {
        let state = tokio::time::timeout(PATIENCE, self.state.wait_for(wanted)).await;
        drop(state.expect("in time").expect("the publisher runs"));
    }

    /// Waits until nothing is left to publish.
    async fn is_done(&self) {
        let empty = async {
            while !self.store.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, empty).await.expect("all is published in time");
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.publisher.await.unwrap();
        drop(self.durable);
    }
}

/// Reads `count` records from the beginning, or more if more are there.
fn read(mock: &Mock, count: usize) -> Vec<(i32, String, Value)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", mock.bootstrap_servers())
        .set("group.id", "t")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut found = Vec::new();
    while let Some(message) =
        consumer.poll(if found.len() < count { PATIENCE } else { Duration::from_millis(300) })
    {
        let message = message.unwrap();
        let header = message.headers().unwrap().get(0);
        assert_eq!(header.key, "content-type");
        assert_eq!(header.value, Some(cloudevent::CONTENT_TYPE.as_bytes()));
        let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
        let event = serde_json::from_slice(message.payload().unwrap()).unwrap();
        found.push((message.partition(), key, event));
    }
    found
}

/// Fails unless the events of each incident are in their order, each once; returns how many there are.
fn in_order(records: &[(i32, String, Value)]) -> usize {
    let mut last: BTreeMap<&str, (i32, &str)> = BTreeMap::new();
    for (partition, key, event) in records {
        assert_eq!(event["subject"], **key, "the key is the incident");
        let sequence = event["sequence"].as_str().unwrap();
        let number: u64 = sequence.parse().unwrap();
        assert_eq!(event["id"], format!("{key}/{number}/7"));
        if let Some((place, before)) = last.insert(key, (*partition, sequence)) {
            assert_eq!(place, *partition, "one incident, one partition");
            assert!(before < sequence, "{key}: {sequence} after {before}");
        }
    }
    records.len()
}

#[tokio::test]
async fn what_waits_is_published_in_the_order_of_each_incident_and_leaves() {
    let mock = broker();
    let mut stage = Stage::start(&mock, waiting(2_500));
    stage.is(|state| *state == Publishing::Flowing).await;
    stage.is_done().await;
    assert_eq!(in_order(&read(&mock, 2_500)), 2_500);
    assert_eq!(stage.metrics.events.published.get(), 2_500);
    assert!(*stage.ahead.lock().unwrap() <= WINDOW, "no more than fits is read ahead");
    stage.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_away_costs_nothing_but_time() {
    let mock = broker();
    mock.broker_down(-1).unwrap();
    let mut stage = Stage::start(&mock, waiting(1_200));
    stage.is(|state| matches!(state, Publishing::Stuck(why) if why.contains("no broker"))).await;
    assert_eq!(stage.store.lock().unwrap().len(), 1_200);
    mock.broker_up(-1).unwrap();
    stage.is_done().await;
    assert_eq!(in_order(&read(&mock, 1_200)), 1_200);
    stage.is(|state| *state == Publishing::Flowing).await;
    stage.stop().await;
}

#[tokio::test]
async fn what_is_lost_is_sent_again_with_all_behind_it_in_order() {
    let mock = broker();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Produce, &[denied]);
    let mut stage = Stage::start(&mock, waiting(600));
    let denied = |state: &Publishing| matches!(state, Publishing::Stuck(why) if why.contains("we may not use topic"));
    stage.is(denied).await;
    stage.is_done().await;
    // What was taken before the loss was known may come twice, under the same id.
    let mut records = read(&mock, 600);
    let mut seen = BTreeSet::new();
    records.retain(|(_, _, event)| seen.insert(event["id"].to_string()));
    assert_eq!(in_order(&records), 600);
    assert_eq!(stage.metrics.events.failed.get(), 1);
    stage.stop().await;
}

#[tokio::test]
async fn nothing_is_published_until_the_outbox_is_let_go() {
    let mock = broker();
    let mut stage = Stage::held(&mock, waiting(10), watch::channel(true).0);
    stage.is(|state| *state == Publishing::Held).await;
    assert_eq!(stage.store.lock().unwrap().len(), 10);
    stage.held.send_replace(false);
    stage.is_done().await;
    stage.stop().await;
}

#[tokio::test]
async fn a_publisher_that_is_stopped_while_no_broker_is_there_ends_and_loses_nothing() {
    let mock = broker();
    mock.broker_down(-1).unwrap();
    let stage = Stage::start(&mock, waiting(10));
    let store = Arc::clone(&stage.store);
    tokio::time::timeout(PATIENCE, stage.stop()).await.expect("it ends");
    assert_eq!(store.lock().unwrap().len(), 10);
}
