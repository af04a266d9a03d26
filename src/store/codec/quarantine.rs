//! What could not be read or handled.

use prost::Message;

use super::{Malformed, Row, Word, keyed, numbered};
use crate::model::quarantine::{
    Cause, Origin, QuarantineHead, QuarantineId, Quarantined, Unhandled,
};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

numbered!(Cause: Unreadable = 1, Panicked = 2, Overflowed = 3);

/// A record of the quarantine.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct QuarantineMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    format: String,
    #[prost(uint32, tag = "4")]
    cause: u32,
    #[prost(string, tag = "5")]
    reason: String,
    #[prost(string, tag = "6")]
    content_type: String,
    #[prost(bytes = "vec", tag = "7")]
    body: Vec<u8>,
    /// Follows from the others; here so that it can be read without them.
    #[prost(uint64, tag = "8")]
    size: u64,
    #[prost(message, optional, tag = "9")]
    origin: Option<OriginMessage>,
}

/// Where a record of Kafka stood.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct OriginMessage {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(uint32, tag = "2")]
    partition: u32,
    #[prost(uint64, tag = "3")]
    offset: u64,
}

/// The part of it that the engine holds.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct HeadMessage {
    #[prost(string, tag = "2")]
    source: String,
    #[prost(uint64, tag = "8")]
    size: u64,
}

impl HeadMessage {
    /// Takes it back out of its stored form.
    pub(in crate::store) fn restore(self, key: &[u8]) -> Result<QuarantineHead, Malformed> {
        let id = QuarantineId(keyed(schema::read_number(key))?);
        Ok(QuarantineHead { id, source: self.source.into(), size: self.size })
    }
}

impl Row for Quarantined {
    const FAMILY: Family = Family::Quarantine;
    type Message = QuarantineMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.id.0)
    }

    fn message(&self) -> QuarantineMessage {
        let what = &self.what;
        QuarantineMessage {
            at: self.at.millis(),
            source: String::from(&*what.source),
            format: String::from(&*what.format),
            cause: what.cause.number(),
            reason: what.reason.clone(),
            content_type: String::from(&*what.content_type),
            body: what.body.to_vec(),
            size: what.size(),
            origin: what.origin.as_ref().map(|it| OriginMessage {
                topic: String::from(&*it.topic),
                partition: it.partition,
                offset: it.offset,
            }),
        }
    }

    fn restore(key: &[u8], message: QuarantineMessage) -> Result<Self, Malformed> {
        Ok(Self {
            id: QuarantineId(keyed(schema::read_number(key))?),
            at: Timestamp::from_millis(message.at),
            what: Unhandled {
                source: message.source.into(),
                format: message.format.into(),
                cause: Cause::of(message.cause)?,
                reason: message.reason,
                content_type: message.content_type.into(),
                body: message.body.into(),
                origin: message.origin.map(|it| Origin {
                    topic: it.topic.into(),
                    partition: it.partition,
                    offset: it.offset,
                }),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::super::{decode, encode};
    use super::*;

    fn record() -> Quarantined {
        let what = Unhandled {
            source: "shop".into(),
            format: "native".into(),
            cause: Cause::Panicked,
            reason: "why".into(),
            content_type: "text/x".into(),
            body: [b'{', 0xFF][..].into(),
            origin: None,
        };
        Quarantined { id: QuarantineId(258), at: Timestamp::from_millis(2), what }
    }

    #[test]
    fn the_bytes_of_a_record_stay_as_they_are() {
        let value =
            b"\x01\x08\x02\x12\x04shop\x1a\x06native \x02*\x03why2\x06text/x:\x02{\xff@\x0b";
        let key = b"\x00\x00\x00\x00\x00\x00\x01\x02";
        frozen(&record(), key, value);
        let mut record = record();
        record.what.origin = Some(Origin { topic: "t".into(), partition: 3, offset: 300 });
        let value = [&value[..], b"J\x08\x0a\x01t\x10\x03\x18\xac\x02"].concat();
        frozen(&record, key, &value);
    }

    #[test]
    fn a_head_is_read_without_the_body() {
        let mut bytes = Vec::new();
        encode(&record().message(), &mut bytes);
        let head = decode::<HeadMessage>(&bytes).unwrap().restore(&schema::number(258));
        assert_eq!(head, Ok(record().head()));
    }
}
