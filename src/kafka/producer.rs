//! Hands records to a topic and says for each what became of it.
//!
//! librdkafka queues, batches and tries again; a thread of its own waits for the brokers. A record is
//! taken only when every replica that has to have it has it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::watch;

use super::client::{ClientError, Link, Watch, configure};
use crate::settings::topic::Topic;

/// What is promised of the records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Those of one key come in their order: librdkafka tries for as long as it takes, and where one
    /// is lost all behind it are, too.
    InOrder,
    /// Each comes within this time, or counts as lost.
    Within(Duration),
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Records of one key are in one partition.
    pub key: &'a str,
    /// What it says.
    pub payload: &'a [u8],
    /// Names with values.
    pub headers: &'a [(&'a str, &'a str)],
}

/// A record that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Why, as librdkafka has it.
    pub code: Option<RDKafkaErrorCode>,
    /// Why, with what to do. Holds no address and no secret.
    pub error: ClientError,
}

impl Lost {
    /// True when it was refused because too many wait.
    pub fn is_full(&self) -> bool {
        self.code == Some(RDKafkaErrorCode::QueueFull)
    }
}

/// Called once with what became of a record.
type Told = Box<dyn FnOnce(Result<(), KafkaError>) + Send + Sync>;

/// What librdkafka carries along with a record.
pub struct Receipt(Told);

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

impl ProducerContext for Watch {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        let result = match result {
            Ok(_) => {
                self.answered();
                Ok(())
            }
            Err((error, _)) => Err(error.clone()),
        };
        (receipt.0)(result);
    }
}

/// A topic that can be written to.
pub struct Producer {
    inner: ThreadedProducer<Watch>,
    cluster: Arc<str>,
    topic: Box<str>,
    link: watch::Receiver<Link>,
}

impl Producer {
    /// Begins to look for the brokers; whether there are any is not known yet.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(to: &Topic, promise: Promise) -> Result<Self, ClientError> {
        let mut config = configure(&to.cluster, &to.reached)?;
        config.set("acks", "all");
        match promise {
            Promise::InOrder => {
                config.set("enable.idempotence", "true");
                // Without it a record could be lost and the one behind it be taken.
                config.set("enable.gapless.guarantee", "true");
                config.set("message.timeout.ms", "0");
            }
            Promise::Within(timeout) => {
                config.set("message.timeout.ms", timeout.as_millis().max(1).to_string());
            }
        }
        let watch = Watch::new(&to.cluster, &to.reached);
        let link = watch.link();
        let made: Result<ThreadedProducer<Watch>, _> = config.create_with_context(watch);
        let inner = made.map_err(|error| ClientError::of_creation(&to.cluster, &error))?;
        let (cluster, topic) = (Arc::clone(&to.cluster), to.topic.clone());
        Ok(Self { inner, cluster, topic, link })
    }

    /// Says whether the brokers answer.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Queues a record; `told` is called from another thread when it is known what became of it.
    ///
    /// # Errors
    /// When it cannot be queued; `told` is not called then.
    pub fn send(
        &self,
        record: Record<'_>,
        told: impl FnOnce(Result<(), Lost>) + Send + Sync + 'static,
    ) -> Result<(), Lost> {
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        let (cluster, topic) = (Arc::clone(&self.cluster), self.topic.clone());
        let receipt = Receipt(Box::new(move |result| {
            told(result.map_err(|error| lost(&cluster, &topic, &error)));
        }));
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(receipt))
            .key(record.key)
            .payload(record.payload)
            .headers(headers);
        let refused = |(error, _): (KafkaError, _)| lost(&self.cluster, &self.topic, &error);
        self.inner.send(record).map_err(refused)
    }

    /// Asks the brokers for the topic. Blocks for up to `timeout`.
    ///
    /// # Errors
    /// When none answers in time, or the topic cannot be used.
    pub fn look(&self, timeout: Duration) -> Result<(), String> {
        let of = |error: &KafkaError| {
            ClientError::of(&self.cluster, Some(&self.topic), error, "").to_string()
        };
        let found = self.inner.client().fetch_metadata(Some(&self.topic), timeout);
        // What the client said of the way to the brokers tells more than that none answered.
        let found = found.map_err(|error| match &*self.link.borrow() {
            Link::Down(why) => why.clone(),
            Link::Connecting | Link::Up => of(&error),
        })?;
        let wrong = found.topics().iter().find_map(MetadataTopic::error);
        let is_empty = found.topics().iter().all(|topic| topic.partitions().is_empty());
        let missing = is_empty.then_some(RDKafkaErrorCode::UnknownTopicOrPartition);
        match wrong.map(Into::into).or(missing) {
            Some(code) => Err(of(&KafkaError::MetadataFetch(code))),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, topic, .. } = self;
        f.debug_struct("Producer").field("cluster", cluster).field("topic", topic).finish()
    }
}

fn lost(cluster: &str, topic: &str, error: &KafkaError) -> Lost {
    let code = error.rdkafka_error_code();
    Lost { code, error: ClientError::of(cluster, Some(topic), error, "") }
}
