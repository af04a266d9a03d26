//! Tries a cluster and the topics of its sources, for `incidentd doctor`: changes and reads nothing.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use tokio::runtime::Handle;

use super::client::{self, ClientError, Link, Watch};
use crate::settings::kafka::Cluster;
use crate::settings::sources::{Carries, Source};

/// How long the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The option of a topic that says what becomes of its old records.
const POLICY: &str = "cleanup.policy";

/// How long what they have against us may take to be told.
const MOMENT: Duration = Duration::from_millis(200);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is as it should be.
    Good(String),
    /// It works, and may lose something: what, and what to do.
    Doubtful(String, String),
    /// It does not work.
    Wrong(String),
}

/// Says of each cluster, and of each topic that is read from it, how it is or what is wrong. Takes
/// seconds where nobody answers.
pub fn examine(
    clusters: &BTreeMap<Arc<str>, Arc<Cluster>>,
    sources: &BTreeMap<Arc<str>, Source>,
) -> Vec<Found> {
    let mut said = Vec::new();
    for (name, cluster) in clusters {
        let read = sources.iter().filter_map(|(source, it)| Some((source, it.kafka.as_ref()?)));
        let read = read.filter(|(_, it)| it.cluster == *name);
        let topics: Vec<(&str, &str, Carries)> = read
            .flat_map(|(source, it)| {
                it.topics.iter().map(move |topic| (&**source, &**topic, it.carries))
            })
            .collect();
        match brokers(name, cluster) {
            Ok((consumer, words)) => {
                said.push(Found::Good(words));
                for (source, name_of, carries) in topics {
                    let found = topic(&consumer, name, (source, name_of));
                    let is_there = found.is_ok();
                    said.push(found.map_or_else(Found::Wrong, Found::Good));
                    if is_there && carries != Carries::Alerts {
                        said.extend(uncompacted((name, cluster), (source, name_of)));
                    }
                }
            }
            Err(error) => said.push(Found::Wrong(error)),
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

/// Asks whether a topic that is a table is kept as one; nothing where it is, or the brokers do not say.
fn uncompacted((name, cluster): (&str, &Cluster), (source, topic): (&str, &str)) -> Option<Found> {
    let config = client::configure(name, cluster).ok()?;
    let admin = config.create_with_context(Watch::new(name, cluster));
    let admin: AdminClient<Watch> = admin.ok()?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let of = [ResourceSpecifier::Topic(topic)];
    let asked = admin.describe_configs(&of, &options);
    let answer = Handle::try_current().ok()?.block_on(asked).ok()?;
    let told = answer.into_iter().next()?.ok()?;
    let policy = told.get(POLICY)?.value.clone()?;
    (!policy.split(',').any(|word| word.trim() == "compact")).then(|| {
        let what = format!("sources.{source}: topic {topic} is a table and has {POLICY} {policy}");
        let help = format!("set its {POLICY} to compact, or rows are lost with its retention");
        Found::Doubtful(what, help)
    })
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
