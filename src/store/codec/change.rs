//! Planned changes.

use prost::Message;

use super::{Malformed, Row, Word, numbered};
use crate::model::change::{Change, ChangeState};
use crate::model::time::Timestamp;
use crate::store::schema::Family;

numbered!(ChangeState: Planned = 1, Approved = 2, InProgress = 3, Done = 4, Cancelled = 5,);

/// A planned change.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct ChangeMessage {
    #[prost(string, repeated, tag = "1")]
    cis: Vec<String>,
    #[prost(int64, tag = "2")]
    starts_at: i64,
    #[prost(int64, tag = "3")]
    ends_at: i64,
    #[prost(uint32, tag = "4")]
    state: u32,
    #[prost(string, tag = "5")]
    owner: String,
    #[prost(string, tag = "6")]
    summary: String,
    #[prost(string, tag = "7")]
    source: String,
}

impl Row for Change {
    const FAMILY: Family = Family::Changes;
    type Message = ChangeMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.number.as_bytes()
    }

    fn message(&self) -> ChangeMessage {
        ChangeMessage {
            cis: self.cis.iter().map(|ci| String::from(&**ci)).collect(),
            starts_at: self.starts_at.millis(),
            ends_at: self.ends_at.millis(),
            state: self.state.number(),
            owner: String::from(&*self.owner),
            summary: String::from(&*self.summary),
            source: String::from(&*self.source),
        }
    }

    fn restore(key: &[u8], message: ChangeMessage) -> Result<Self, Malformed> {
        let number = core::str::from_utf8(key)
            .map_err(|_| Malformed::Damaged("its key is no text".into()))?;
        Ok(Self {
            number: number.into(),
            cis: message.cis.into_iter().map(Into::into).collect(),
            starts_at: Timestamp::from_millis(message.starts_at),
            ends_at: Timestamp::from_millis(message.ends_at),
            state: ChangeState::of(message.state)?,
            owner: message.owner.into(),
            summary: message.summary.into(),
            source: message.source.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_a_change_stay_as_they_are() {
        let change = Change {
            number: "CHG-1".into(),
            cis: vec!["a".into(), "b".into()],
            starts_at: Timestamp::from_millis(1),
            ends_at: Timestamp::from_millis(2),
            state: ChangeState::InProgress,
            owner: "net".into(),
            summary: "cable".into(),
            source: "".into(),
        };
        let value = b"\x01\x0a\x01a\x0a\x01b\x10\x01\x18\x02\x20\x03\x2a\x03net\x32\x05cable";
        frozen(&change, b"CHG-1", value);
        let change = Change { source: "kafka/t".into(), ..change };
        let value = [&value[..], b"\x3a\x07kafka/t"].concat();
        frozen(&change, b"CHG-1", &value);
    }
}
