//! How far a partition of a Kafka topic is read, and why it is not read on.

use core::fmt;
use std::sync::Arc;

use super::priority::words;
use super::time::Timestamp;

/// One partition of a topic, as one source reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The source that reads it; two may read the same topic, each at its own place.
    pub source: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// Its number within the topic.
    pub number: u32,
}

/// Writes `alerts/3 of source metrics`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} of source {}", self.topic, self.number, self.source)
    }
}

/// How far a partition is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which.
    pub partition: Partition,
    /// The id of the cluster that it was read from; empty when the next one will do.
    pub cluster: Box<str>,
    /// The offset of the next record that counts.
    pub next: u64,
    /// Which end of the partition `next` is to be, once the brokers have said where that is.
    pub edge: Option<Edge>,
    /// A hash of the record before `next`, to notice a topic that was made anew; nothing when it was
    /// not read.
    pub mark: Option<u64>,
    /// Grows when the partition is halted or a person moves it: what was read before that counts for
    /// nothing.
    pub turn: u32,
    /// True while what it holds is older than [`LATE`] and there is more to come.
    pub is_late: bool,
    /// Why it is not read on, and since when.
    pub halted: Option<Halted>,
    /// Which minute since 1970 `good` and `bad` are counted in.
    pub minute: u64,
    /// Records of that minute that could be read.
    pub good: u32,
    /// Records of that minute that could not.
    pub bad: u32,
}

impl Position {
    /// Returns it with what it is looked up by.
    pub fn keyed(&self) -> (Partition, Self) {
        (self.partition.clone(), self.clone())
    }
}

/// An end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// The oldest record there is.
    Beginning,
    /// The next record that comes.
    End,
}

words!(Edge, Beginning = "beginning", End = "end");

/// From where a partition is read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// From where it stands.
    Here,
    /// From this offset.
    Offset(u64),
    /// From one of its ends.
    Edge(Edge),
}

/// That a partition is not read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halted {
    /// Since when.
    pub at: Timestamp,
    /// Why, in words, and what to do.
    pub why: Box<str>,
}

/// A record that is older than this when it is read is from a backlog.
pub const LATE: core::time::Duration = core::time::Duration::from_mins(1);
