//! The channel `kafka`: a notice as a record of a topic, in the JSON that webhooks get. Its key is the
//! incident, so that the notices of one incident are in one partition.

use core::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::channel::{Failure, Message, Taken};
use super::post::{json, passing};
use super::webhook::body;
use crate::kafka::client::ClientError;
use crate::kafka::producer::{Lost, Producer, Promise, Record};
use crate::settings::channels::Kafka as Setting;

/// A topic.
#[derive(Debug)]
pub(super) struct Kafka {
    producer: Producer,
    timeout: Duration,
}

impl Kafka {
    pub(super) fn new(setting: &Setting) -> Result<Self, ClientError> {
        let producer = Producer::new(&setting.to, Promise::Within(setting.timeout))?;
        Ok(Self { producer, timeout: setting.timeout })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let id = message.notice.id.to_string();
        let key = message.notice.id.incident.to_string();
        let payload = json(&body(message))?;
        let headers = [("content-type", "application/json"), ("idempotency-key", &*id)];
        let record = Record { key: &key, payload: &payload, headers: &headers };
        let (tell, told) = oneshot::channel();
        // Nobody listens any more after the time-out.
        let sent = self.producer.send(record, move |result| drop(tell.send(result)));
        sent.map_err(|lost| self.judge(&lost))?;
        match tokio::time::timeout(self.timeout, told).await {
            Ok(Ok(Ok(()))) => Ok(Taken::said("taken by Kafka".into())),
            Ok(Ok(Err(lost))) => Err(self.judge(&lost)),
            Ok(Err(_)) | Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> Failure {
        passing(format!("not taken within {:?}", self.timeout))
    }

    /// Tells what will never be taken from what may be later.
    fn judge(&self, lost: &Lost) -> Failure {
        match lost.code {
            Some(Code::MessageTimedOut) => self.late(),
            Some(
                Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::MessageSizeTooLarge
                | Code::InvalidTopic
                | Code::InvalidRecord
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition,
            ) => Failure::Refused(lost.error.to_string()),
            _ => passing(lost.error.to_string()),
        }
    }
}
