//! Notices that are pending or dead.

use prost::Message;

use super::{Malformed, Row, Word, keyed, numbered};
use crate::model::incident::RecordId;
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

numbered!(NoticeKind: Page = 1, Ticket = 2, Update = 3);
numbered!(NoticeState: Pending = 1, Dead = 2);

/// A notice.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct NoticeMessage {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    target: String,
    #[prost(string, tag = "3")]
    contact: String,
    #[prost(string, repeated, tag = "4")]
    channels: Vec<String>,
    #[prost(uint32, tag = "5")]
    channel: u32,
    #[prost(string, tag = "6")]
    because: String,
    #[prost(int64, tag = "7")]
    created_at: i64,
    #[prost(uint32, tag = "8")]
    state: u32,
    #[prost(int64, tag = "9")]
    due_at: i64,
    #[prost(uint32, tag = "10")]
    attempts: u32,
    #[prost(string, tag = "11")]
    last_error: String,
    #[prost(uint64, repeated, tag = "12")]
    also: Vec<u64>,
    #[prost(uint32, tag = "13")]
    also_more: u32,
}

impl Row for Notice {
    const FAMILY: Family = Family::Notices;
    type Message = NoticeMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::place(self.id.incident.0, self.id.seq)
    }

    fn message(&self) -> NoticeMessage {
        NoticeMessage {
            kind: self.kind.number(),
            target: String::from(&*self.target),
            contact: String::from(&*self.contact),
            channels: self.channels.iter().map(|name| String::from(&**name)).collect(),
            channel: self.channel,
            because: self.because.clone(),
            created_at: self.created_at.millis(),
            state: self.state.number(),
            due_at: self.due_at.millis(),
            attempts: self.attempts,
            last_error: self.last_error.clone(),
            also: self.also.iter().map(|incident| incident.0).collect(),
            also_more: self.also_more,
        }
    }

    fn restore(key: &[u8], message: NoticeMessage) -> Result<Self, Malformed> {
        let (incident, seq) = keyed(schema::read_place(key))?;
        Ok(Self {
            id: NoticeId { incident: RecordId(incident), seq },
            kind: NoticeKind::of(message.kind)?,
            target: message.target.into(),
            contact: message.contact.into(),
            channels: message.channels.into_iter().map(Into::into).collect(),
            channel: message.channel,
            because: message.because,
            also: message.also.into_iter().map(RecordId).collect(),
            also_more: message.also_more,
            created_at: Timestamp::from_millis(message.created_at),
            state: NoticeState::of(message.state)?,
            due_at: Timestamp::from_millis(message.due_at),
            attempts: message.attempts,
            last_error: message.last_error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_a_notice_stay_as_they_are() {
        let notice = Notice {
            id: NoticeId { incident: RecordId(1042), seq: 3 },
            kind: NoticeKind::Page,
            target: "team".into(),
            contact: "ann".into(),
            channels: vec!["chat".into(), "sms".into()],
            channel: 1,
            because: "why".into(),
            also: Vec::new(),
            also_more: 0,
            created_at: Timestamp::from_millis(2),
            state: NoticeState::Dead,
            due_at: Timestamp::from_millis(3),
            attempts: 4,
            last_error: "refused".into(),
        };
        let value =
            b"\x01\x08\x01\x12\x04team\x1a\x03ann\"\x04chat\"\x03sms(\x012\x03why8\x02@\x02\
            H\x03P\x04Z\x07refused";
        let key = b"\x00\x00\x00\x00\x00\x00\x04\x12\x00\x00\x00\x03";
        // Also what was stored before a notice could tell of several incidents.
        frozen(&notice, key, value);
        let digest = Notice { also: vec![RecordId(7), RecordId(1042)], ..notice };
        frozen(&digest, key, &[value.as_slice(), b"b\x03\x07\x92\x08"].concat());
        let long = Notice { also_more: 5, ..digest };
        frozen(&long, key, &[value.as_slice(), b"b\x03\x07\x92\x08h\x05"].concat());
    }
}
