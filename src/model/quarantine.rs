//! What came in and could not be read or handled: kept as it was, until somebody looks.

use core::fmt;
use std::sync::Arc;

use super::priority::words;
use super::time::Timestamp;

/// Identifies one record of the quarantine; assigned in order of arrival, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineId(pub u64);

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why something is in the quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The body is not what its source's format says.
    Unreadable,
    /// Handling it broke the engine: a fault of incidentd.
    Panicked,
    /// Its source holds as many alerts as it may.
    Overflowed,
}

words!(Cause, Unreadable = "unreadable", Panicked = "panicked", Overflowed = "overflowed");

/// Where a record of Kafka stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number within the topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
}

/// Something that could not be read or handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhandled {
    /// The source that sent it.
    pub source: Arc<str>,
    /// The format in which `body` is written.
    pub format: Box<str>,
    /// The kind of reason.
    pub cause: Cause,
    /// The reason in words.
    pub reason: String,
    /// The content type that the sender stated; may be empty.
    pub content_type: Box<str>,
    /// The bytes as they came; what was read already is written again in our own format.
    pub body: Arc<[u8]>,
    /// Where it stood, when it came from Kafka.
    pub origin: Option<Origin>,
}

impl Unhandled {
    /// Returns how many bytes it takes in the quarantine.
    pub fn size(&self) -> u64 {
        (self.body.len() + self.reason.len() + self.content_type.len()) as u64
    }
}

/// A record of the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub id: QuarantineId,
    /// When it came.
    pub at: Timestamp,
    /// What it is.
    pub what: Unhandled,
}

impl Quarantined {
    /// Returns what the engine keeps in memory of it.
    pub fn head(&self) -> QuarantineHead {
        QuarantineHead {
            id: self.id,
            source: Arc::clone(&self.what.source),
            size: self.what.size(),
        }
    }
}

/// What the engine keeps in memory of a record of the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineHead {
    /// Its number.
    pub id: QuarantineId,
    /// The source that sent it.
    pub source: Arc<str>,
    /// Its bytes in the quarantine.
    pub size: u64,
}
