//! What a consumer is told beside records: its log, its errors, and how far partitions reach.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::watch;
use tracing::debug;

use super::client::Watch;

/// The offset that the next record of each partition gets, by topic and number.
pub(super) type Ends = BTreeMap<(Arc<str>, u32), u64>;

/// Listens to one consumer.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) watch: Watch,
    pub(super) ends: watch::Sender<Ends>,
}

impl ClientContext for Ear {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.watch.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.trouble(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = Ends::new();
        #[expect(clippy::iter_over_hash_type, reason = "the order is that of the map they go into")]
        for (topic, of) in statistics.topics {
            let topic: Arc<str> = topic.into();
            for (number, partition) in of.partitions {
                // Both are negative when nothing is known.
                let found = u32::try_from(number).ok().zip(u64::try_from(partition.hi_offset).ok());
                ends.extend(found.map(|(number, end)| ((Arc::clone(&topic), number), end)));
            }
        }
        self.ends.send_replace(ends);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.watch.token()
    }
}

impl ConsumerContext for Ear {
    /// What the group remembers is for tools; the engine's own positions count.
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            debug!(%error, "the group's offsets cannot be noted; tools show an older lag");
        }
    }
}
