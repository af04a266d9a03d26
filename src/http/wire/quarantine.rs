//! The shapes of the quarantine.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// A record in a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QuarantineRecord)]
pub struct Record {
    /// Its number.
    pub id: u64,
    /// When it came.
    pub at: Time,
    /// The source that sent it.
    pub source: String,
    /// The format it was read in.
    pub format: String,
    /// `unreadable`, `panicked` or `overflowed`.
    pub cause: String,
    /// The reason in words.
    pub reason: String,
    /// The content type that the sender stated.
    pub content_type: String,
    /// Bytes of its body.
    pub bytes: usize,
    /// Where it stood, when it came from Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Origin>,
}

/// Where a record of Kafka stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = KafkaOrigin)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition's number within the topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
}

/// A record with what was sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QuarantineWhole)]
pub struct Whole {
    /// What the listing shows.
    #[serde(flatten)]
    pub record: Record,
    /// What was sent, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What was sent, in base64, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// A record that was dropped.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QuarantineDropped)]
pub struct Dropped {
    /// Its number.
    pub id: u64,
}
