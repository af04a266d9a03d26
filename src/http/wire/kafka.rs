//! The shapes of what is read from Kafka.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// How far a partition is read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = KafkaPosition)]
pub struct Position {
    /// The source that reads it.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// The partition's number within the topic.
    pub partition: u32,
    /// The offset of the next record that counts.
    pub next: u64,
    /// Records that are not read yet: offsets between `next` and the end; left out while no broker
    /// says where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// The id of the cluster; empty until it is known.
    pub cluster: String,
    /// `reading`, `late` while it reads a backlog, `moving` while a person has sent it to one of its
    /// ends and no broker has said where that is, or `halted`.
    pub state: String,
    /// Since when it is halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted_at: Option<Time>,
    /// Why, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far everything is read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = KafkaPositions)]
pub struct Positions {
    /// By source, topic and partition.
    pub items: Vec<Position>,
    /// When this was read.
    pub now: Time,
}

/// A wish that a partition is read on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = KafkaSeek,
         example = json!({"source": "metrics", "topic": "alerts", "partition": 0, "by": "m.ito"}))]
#[serde(deny_unknown_fields)]
pub struct Seek {
    /// The source that reads it.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: u32,
    /// `beginning`, `end` or an offset; from where it stands when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(beginning|end|[0-9]{1,19})$")]
    pub to: Option<String>,
    /// Who says so.
    #[schema(min_length = 1, max_length = 128, pattern = "\\S")]
    pub by: String,
}

/// From where it is read on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = KafkaSought)]
pub struct Sought {
    /// `alerts/0 of source metrics`.
    pub partition: String,
    /// The offset, once it is known; the one where it stood when it is sent to one of its ends.
    pub next: u64,
}
