//! Clocks of an incident, and where its ladders stand.

use prost::Message;

use crate::model::escalation::Rung;
use crate::model::incident::{ResolutionClock, ResponseClock};
use crate::model::time::Timestamp;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResolutionMessage {
    #[prost(int64, tag = "1")]
    due_at: i64,
    #[prost(uint64, tag = "2")]
    stood_ms: u64,
    #[prost(int64, optional, tag = "3")]
    stands_since: Option<i64>,
    /// Beginnings and ends in turn.
    #[prost(int64, repeated, tag = "4")]
    stood: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseMessage {
    #[prost(int64, tag = "1")]
    started_at: i64,
    #[prost(int64, tag = "2")]
    due_at: i64,
    #[prost(int64, optional, tag = "3")]
    stopped_at: Option<i64>,
    #[prost(uint32, tag = "4")]
    round: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RungMessage {
    #[prost(uint32, tag = "1")]
    step: u32,
    #[prost(uint32, tag = "2")]
    repeats: u32,
    #[prost(int64, optional, tag = "3")]
    due_at: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    last_at: Option<i64>,
}

impl From<ResponseClock> for ResponseMessage {
    fn from(clock: ResponseClock) -> Self {
        Self {
            started_at: clock.started_at.millis(),
            due_at: clock.due_at.millis(),
            stopped_at: clock.stopped_at.map(Timestamp::millis),
            round: clock.round,
        }
    }
}

impl From<ResponseMessage> for ResponseClock {
    fn from(message: ResponseMessage) -> Self {
        Self {
            started_at: Timestamp::from_millis(message.started_at),
            due_at: Timestamp::from_millis(message.due_at),
            stopped_at: message.stopped_at.map(Timestamp::from_millis),
            round: message.round,
        }
    }
}

impl From<&ResolutionClock> for ResolutionMessage {
    fn from(clock: &ResolutionClock) -> Self {
        Self {
            due_at: clock.due_at.millis(),
            stood_ms: clock.stood_ms,
            stands_since: clock.stands_since.map(Timestamp::millis),
            stood: clock.stood.iter().flat_map(|(a, b)| [a.millis(), b.millis()]).collect(),
        }
    }
}

impl From<ResolutionMessage> for ResolutionClock {
    fn from(message: ResolutionMessage) -> Self {
        Self {
            due_at: Timestamp::from_millis(message.due_at),
            stood_ms: message.stood_ms,
            stands_since: message.stands_since.map(Timestamp::from_millis),
            stood: message
                .stood
                .as_chunks()
                .0
                .iter()
                .map(|[from, until]| {
                    (Timestamp::from_millis(*from), Timestamp::from_millis(*until))
                })
                .collect(),
        }
    }
}

impl From<Rung> for RungMessage {
    fn from(rung: Rung) -> Self {
        let due_at = rung.due_at.map(Timestamp::millis);
        let last_at = rung.last_at.map(Timestamp::millis);
        Self { step: rung.step, repeats: rung.repeats, due_at, last_at }
    }
}

impl From<RungMessage> for Rung {
    fn from(message: RungMessage) -> Self {
        let due_at = message.due_at.map(Timestamp::from_millis);
        let last_at = message.last_at.map(Timestamp::from_millis);
        Self { step: message.step, repeats: message.repeats, due_at, last_at }
    }
}
