//! How far partitions of Kafka topics are read.

use std::sync::Arc;

use prost::Message;

use super::{Malformed, Row, Word, numbered};
use crate::model::partition::{Edge, Halted, Partition, Position};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

numbered!(Edge: Beginning = 1, End = 2);

/// How far one is read.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct PositionMessage {
    #[prost(string, tag = "1")]
    cluster: String,
    #[prost(uint64, tag = "2")]
    next: u64,
    #[prost(fixed64, optional, tag = "3")]
    mark: Option<u64>,
    #[prost(uint32, tag = "4")]
    turn: u32,
    #[prost(bool, tag = "5")]
    is_late: bool,
    #[prost(int64, optional, tag = "6")]
    halted_at: Option<i64>,
    #[prost(string, tag = "7")]
    halted_because: String,
    #[prost(uint64, tag = "8")]
    minute: u64,
    #[prost(uint32, tag = "9")]
    good: u32,
    #[prost(uint32, tag = "10")]
    bad: u32,
    /// 0 for none.
    #[prost(uint32, tag = "11")]
    edge: u32,
}

impl Row for Position {
    const FAMILY: Family = Family::Positions;
    type Message = PositionMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        let Partition { source, topic, number } = &self.partition;
        schema::relation(source, topic, &number.to_string())
    }

    fn message(&self) -> PositionMessage {
        PositionMessage {
            cluster: String::from(&*self.cluster),
            next: self.next,
            mark: self.mark,
            turn: self.turn,
            is_late: self.is_late,
            halted_at: self.halted.as_ref().map(|it| it.at.millis()),
            halted_because: self.halted.as_ref().map_or("", |it| &it.why).into(),
            minute: self.minute,
            good: self.good,
            bad: self.bad,
            edge: self.edge.map_or(0, Word::number),
        }
    }

    fn restore(key: &[u8], message: PositionMessage) -> Result<Self, Malformed> {
        let damaged = || Malformed::Damaged("its key names no partition".into());
        let [source, topic, number] = schema::read_relation(key).ok_or_else(damaged)?;
        let number = number.parse().map_err(|_| damaged())?;
        let halted = message.halted_at.map(|at| Halted {
            at: Timestamp::from_millis(at),
            why: message.halted_because.into(),
        });
        Ok(Self {
            partition: Partition { source: Arc::from(source), topic: Arc::from(topic), number },
            cluster: message.cluster.into(),
            next: message.next,
            edge: (message.edge != 0).then(|| Edge::of(message.edge)).transpose()?,
            mark: message.mark,
            turn: message.turn,
            is_late: message.is_late,
            halted,
            minute: message.minute,
            good: message.good,
            bad: message.bad,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_a_position_stay_as_they_are() {
        let position = Position {
            partition: Partition { source: "s".into(), topic: "t".into(), number: 12 },
            cluster: "c".into(),
            next: 258,
            edge: Some(Edge::End),
            mark: Some(1),
            turn: 3,
            is_late: true,
            halted: Some(Halted { at: Timestamp::from_millis(2), why: "why".into() }),
            minute: 4,
            good: 5,
            bad: 6,
        };
        let value = b"\x01\x0a\x01c\x10\x82\x02\x19\x01\0\0\0\0\0\0\0\x20\x03(\x010\x02:\x03why\
            @\x04H\x05P\x06X\x02";
        frozen(&position, b"s\0t\x0012", value);
    }
}
