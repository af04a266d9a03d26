//! Tries a cluster and the topics of its sources, for `incidentd doctor`: changes and reads nothing.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{self, ClientError, Link, Watch};
use crate::settings::kafka::Cluster;
use crate::settings::sources::Source;

/// How long the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long what they have against us may take to be told.
const MOMENT: Duration = Duration::from_millis(200);

/// Says of each cluster, and of each topic that is read from it, how it is or what is wrong. Takes
/// seconds where nobody answers.
pub fn examine(
    clusters: &BTreeMap<Arc<str>, Arc<Cluster>>,
    sources: &BTreeMap<Arc<str>, Source>,
) -> Vec<Result<String, String>> {
    let mut said = Vec::new();
    for (name, cluster) in clusters {
        let read = sources.iter().filter_map(|(source, it)| Some((source, it.kafka.as_ref()?)));
        let read = read.filter(|(_, it)| it.cluster == *name);
        let topics: Vec<(&str, &str)> = read
            .flat_map(|(source, it)| it.topics.iter().map(move |topic| (&**source, &**topic)))
            .collect();
        match brokers(name, cluster) {
            Ok((consumer, words)) => {
                said.push(Ok(words));
                said.extend(topics.into_iter().map(|of| topic(&consumer, name, of)));
            }
            Err(error) => said.push(Err(error)),
        }
    }
    said
}

/// Asks for the brokers of a cluster.
fn brokers(name: &str, cluster: &Cluster) -> Result<(BaseConsumer<Watch>, String), String> {
    let config = client::configure(name, cluster).map_err(|error| error.to_string())?;
    let watch = Watch::new(name, cluster);
    let link = watch.link();
    let consumer: BaseConsumer<Watch> = config
        .create_with_context(watch)
        .map_err(|error| ClientError::of_creation(name, &error).to_string())?;
    // A token is asked for when it is polled.
    consumer.poll(MOMENT);
    let metadata = consumer.fetch_metadata(Some("incidentd-doctor"), PATIENCE);
    consumer.poll(MOMENT);
    match metadata {
        Ok(found) => {
            let count = found.brokers().len();
            Ok((consumer, format!("kafka.clusters.{name}: {count} brokers answer")))
        }
        Err(error) => match &*link.borrow() {
            Link::Down(why) => Err(why.clone()),
            Link::Connecting | Link::Up => Err(ClientError::of(name, None, &error, "").to_string()),
        },
    }
}

/// Asks for the partitions of a topic.
fn topic(
    consumer: &BaseConsumer<Watch>,
    cluster: &str,
    (source, topic): (&str, &str),
) -> Result<String, String> {
    let refuse = |error: KafkaError| {
        let told = ClientError::of(cluster, Some(topic), &error, "");
        format!("sources.{source}: {told}")
    };
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(refuse)?;
    let found = metadata.topics().iter().find(|it| it.name() == topic);
    let error = match found {
        None => Some(RDKafkaErrorCode::UnknownTopic),
        Some(found) => found.error().map(Into::into),
    };
    match (error, found) {
        (None, Some(found)) => {
            let count = found.partitions().len();
            Ok(format!("sources.{source}: topic {topic} has {count} partitions"))
        }
        (error, _) => {
            let code = error.unwrap_or(RDKafkaErrorCode::UnknownTopic);
            Err(refuse(KafkaError::MetadataFetch(code)))
        }
    }
}
