//! Changes of alerts' states, to be played again.

use prost::Message;
use prost::bytes::Bytes;

use super::{Malformed, Row, begin, keyed, wire};
use crate::model::journal::JournalEntry;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// What changed; time and place are in the key.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct JournalMessage {
    #[prost(string, tag = "1")]
    source: String,
    /// See [`Labels::packed`].
    #[prost(bytes = "bytes", tag = "2")]
    labels: Bytes,
    #[prost(string, optional, tag = "3")]
    severity: Option<String>,
    #[prost(int64, tag = "4")]
    starts_at: i64,
    #[prost(int64, optional, tag = "5")]
    ended_at: Option<i64>,
}

impl Row for JournalEntry {
    const FAMILY: Family = Family::Journal;
    type Message = JournalMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::moment(self.at, self.seq)
    }

    fn message(&self) -> JournalMessage {
        JournalMessage {
            source: String::from(&*self.source),
            labels: Bytes::copy_from_slice(self.labels.packed().as_bytes()),
            severity: self.severity.as_deref().map(String::from),
            starts_at: self.starts_at.millis(),
            ended_at: self.ended_at.map(Timestamp::millis),
        }
    }

    fn write(&self, into: &mut Vec<u8>) {
        begin(into);
        wire::text(1, &*self.source, into);
        wire::labels(2, &self.labels, into);
        wire::optional_text(3, self.severity.as_deref(), into);
        wire::number(4, self.starts_at.millis().cast_unsigned(), into);
        wire::optional(5, self.ended_at.map(|at| at.millis().cast_unsigned()), into);
    }

    fn restore(key: &[u8], message: JournalMessage) -> Result<Self, Malformed> {
        let (at, seq) = keyed(schema::read_moment(key))?;
        let labels = core::str::from_utf8(&message.labels).ok().and_then(Labels::from_packed);
        let damaged = || Malformed::Damaged("its labels cannot be read".into());
        Ok(Self {
            seq,
            at,
            source: message.source.into(),
            labels: labels.ok_or_else(damaged)?,
            severity: message.severity.map(Into::into),
            starts_at: Timestamp::from_millis(message.starts_at),
            ended_at: message.ended_at.map(Timestamp::from_millis),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_an_entry_stay_as_they_are() {
        let entry = JournalEntry {
            seq: 7,
            at: Timestamp::from_millis(1_700_000_000_001),
            source: "am".into(),
            labels: Labels::build(&mut [("a", "1")]).unwrap(),
            severity: Some("major".into()),
            starts_at: Timestamp::from_millis(2),
            ended_at: Some(Timestamp::from_millis(3)),
        };
        let key = b"\x80\0\x01\x8b\xcf\xe5h\x01\0\0\0\0\0\0\0\x07";
        let value = b"\x01\n\x02am\x12\x04\x01a\x011\x1a\x05major \x02(\x03";
        frozen(&entry, key, value);
    }
}
