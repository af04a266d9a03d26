//! Tells others of records that could not be read: best effort, into `<topic>.dlq`. What counts is
//! the quarantine, which has them already.

use core::time::Duration;
use std::sync::Arc;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientContext, Message};
use tracing::{debug, warn};

use super::client::{ClientError, Watch};

/// How long those in flight may take when the daemon stops.
const FLUSH: Duration = Duration::from_secs(1);

/// A record that could not be read.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) topic: Arc<str>,
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) reason: String,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Where dead letters go; connects with the first.
pub(super) struct DeadLetters {
    config: ClientConfig,
    watch: Watch,
    producer: Option<ThreadedProducer<Courier>>,
}

/// Hears what became of dead letters.
struct Courier(Watch);

impl ClientContext for Courier {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.line(level, facility, text);
    }

    // Not: the state of the link. That of the consumer says it.
    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "dead letters");
    }

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
        self.0.token()
    }
}

impl rdkafka::producer::ProducerContext for Courier {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::producer::DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let topic = message.topic();
            debug!(%error, topic, "a dead letter was not taken; the quarantine has the record");
        }
    }
}

impl DeadLetters {
    pub(super) fn new(mut config: ClientConfig, watch: Watch) -> Self {
        // Whoever wants them has them within half a minute, or not at all.
        config.set("message.timeout.ms", "30000").set("queue.buffering.max.messages", "10000");
        Self { config, watch, producer: None }
    }

    /// Sends some on their way.
    pub(super) fn send(&mut self, letters: &[DeadLetter]) {
        if letters.is_empty() {
            return;
        }
        if self.producer.is_none() {
            match self.config.create_with_context(Courier(self.watch.clone())) {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => {
                    let error = ClientError::of_creation("dead letters", &error);
                    warn!(%error, "dead letters cannot be sent");
                    return;
                }
            }
        }
        let Some(producer) = &self.producer else { return };
        for letter in letters {
            let topic = format!("{}.dlq", letter.topic);
            let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
            let headers = [
                ("incidentd_topic", &*letter.topic),
                ("incidentd_partition", &*partition),
                ("incidentd_offset", &*offset),
                ("incidentd_reason", &*letter.reason),
            ];
            let headers = headers.into_iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header { key, value: Some(value) })
            });
            let record =
                BaseRecord::to(&topic).key(&letter.key).payload(&letter.value).headers(headers);
            if let Err((error, _)) = producer.send(record) {
                debug!(%error, topic, "a dead letter was not taken; the quarantine has the record");
            }
        }
    }
}

impl Drop for DeadLetters {
    fn drop(&mut self) {
        if let Some(producer) = &self.producer {
            // What is not taken by then is in the quarantine.
            producer.flush(FLUSH).ok();
        }
    }
}
