//! Two ways to put records into a topic, our own producer and `kcat`, and one to read them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::common::{PATIENCE, wait_for};

/// What is put into a topic.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Where to; by the key when `None`.
    pub partition: Option<i32>,
    /// What its partition depends on.
    pub key: String,
    /// What is said of the value.
    pub headers: Vec<(String, String)>,
    /// The value.
    pub value: String,
}

impl Record {
    /// A record without headers.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), ..Self::default() }
    }
}

/// Puts records into a topic, in order, and returns when the broker has them.
pub fn produce(broker: &Broker, topic: &str, records: impl IntoIterator<Item = Record>) {
    produce_with(broker, &[], topic, records);
}

/// Does so with some of librdkafka's options.
pub fn produce_with(
    broker: &Broker,
    options: &[(&str, &str)],
    topic: &str,
    records: impl IntoIterator<Item = Record>,
) {
    produce_to(&broker.open.to_string(), options, topic, records);
}

/// Does so where the broker may be away for a while.
pub fn produce_to(
    address: &str,
    options: &[(&str, &str)],
    topic: &str,
    records: impl IntoIterator<Item = Record>,
) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config.set("enable.idempotence", "true").set("linger.ms", "5");
    for (name, value) in options {
        config.set(*name, *value);
    }
    let producer: BaseProducer = config.create().unwrap();
    for record in records {
        send(&producer, topic, &record);
    }
    // The broker may be away for long.
    producer.flush(15 * PATIENCE).unwrap();
}

fn send(producer: &BaseProducer, topic: &str, record: &Record) {
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
        all.insert(Header { key, value: Some(value) })
    });
    let mut unsent = BaseRecord::to(topic).key(&record.key).payload(&record.value);
    unsent.partition = record.partition;
    unsent.headers = (!record.headers.is_empty()).then_some(headers);
    while let Err((error, back)) = producer.send(unsent) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full, "{record:?}");
        producer.poll(Duration::from_millis(10));
        unsent = back;
    }
}

/// Reads a topic of one partition from its beginning until it has so many records.
pub fn consume(broker: &Broker, topic: &str, count: usize) -> Vec<Record> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.open.to_string()).set("group.id", "test");
    let consumer: BaseConsumer = config.set("enable.auto.commit", "false").create().unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let mut records = Vec::new();
    wait_for(&format!("{count} records in {topic}"), || {
        while let Some(message) = consumer.poll(Duration::from_millis(50)) {
            records.push(received(&message.unwrap()));
        }
        Some(()).filter(|()| records.len() >= count)
    });
    records
}

/// Puts rows into a table: a key with its value, or nothing where it is taken back.
pub fn put_rows(broker: &Broker, topic: &str, rows: &[(&str, Option<&str>)]) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.open.to_string()).set("enable.idempotence", "true");
    let producer: BaseProducer = config.create().unwrap();
    for (key, value) in rows {
        let mut record = BaseRecord::<str, str>::to(topic).key(key);
        record.payload = *value;
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.poll(Duration::ZERO);
    }
    producer.flush(PATIENCE).unwrap();
}

fn received(message: &BorrowedMessage<'_>) -> Record {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|it| (it.key.to_owned(), text(it.value))).collect();
    let partition = Some(message.partition());
    Record { partition, key: text(message.key()), headers, value: text(message.payload()) }
}

/// Has `kcat` produce one record for each line, without keys.
pub fn kcat(broker: &Broker, topic: &str, lines: &[&str]) {
    let address = broker.open.to_string();
    let mut command = Command::new("kcat");
    command.args(["-P", "-b", &address, "-t", topic]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("kcat: {error}; .ci/kafka"));
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
