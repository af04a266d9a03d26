//! Overrides of who is on call.

use prost::Message;

use super::{Malformed, Row, keyed};
use crate::model::on_call::Override;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// An override.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct OverrideMessage {
    #[prost(string, tag = "1")]
    team: String,
    #[prost(int64, tag = "2")]
    from: i64,
    #[prost(int64, tag = "3")]
    until: i64,
    #[prost(string, tag = "4")]
    contact: String,
    #[prost(string, tag = "5")]
    by: String,
    #[prost(int64, tag = "6")]
    made_at: i64,
    #[prost(string, tag = "7")]
    note: String,
}

impl Row for Override {
    const FAMILY: Family = Family::Overrides;
    type Message = OverrideMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.number)
    }

    fn message(&self) -> OverrideMessage {
        OverrideMessage {
            team: String::from(&*self.team),
            from: self.from.millis(),
            until: self.until.millis(),
            contact: String::from(&*self.contact),
            by: String::from(&*self.by),
            made_at: self.made_at.millis(),
            note: String::from(&*self.note),
        }
    }

    fn restore(key: &[u8], message: OverrideMessage) -> Result<Self, Malformed> {
        Ok(Self {
            number: keyed(schema::read_number(key))?,
            team: message.team.into(),
            from: Timestamp::from_millis(message.from),
            until: Timestamp::from_millis(message.until),
            contact: message.contact.into(),
            by: message.by.into(),
            made_at: Timestamp::from_millis(message.made_at),
            note: message.note.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_an_override_stay_as_they_are() {
        let it = Override {
            number: 7,
            team: "shop".into(),
            from: Timestamp::from_millis(1),
            until: Timestamp::from_millis(2),
            contact: "anna".into(),
            by: "mia".into(),
            made_at: Timestamp::from_millis(3),
            note: "ill".into(),
        };
        let value = b"\x01\x0a\x04shop\x10\x01\x18\x02\x22\x04anna\x2a\x03mia\x30\x03\x3a\x03ill";
        frozen(&it, &schema::number(7), value);
    }
}
