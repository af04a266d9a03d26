//! Timeline entries.

use prost::Message;

use super::member::PathMessage;
use super::{Malformed, Row, Word, keyed, numbered};
use crate::model::incident::{IncidentId, RecordId};
use crate::model::time::Timestamp;
use crate::model::timeline::{Entry, Happening};
use crate::store::schema::{self, Family};

numbered!(Happening:
    Opened = 1,
    Joined = 2,
    Refired = 3,
    RootChanged = 4,
    Adopted = 5,
    Merged = 6,
    Split = 7,
    Priority = 8,
    Assigned = 9,
    EscalatedFunctional = 10,
    Waiting = 11,
    Notice = 12,
    Delivered = 13,
    Failed = 14,
    Dead = 15,
    Withheld = 16,
    Acknowledged = 17,
    AckExpired = 18,
    Cleared = 19,
    Resolved = 20,
    Reopened = 21,
    Closed = 22,
    Recurrence = 23,
    EscalatedHierarchical = 24,
    EscalatedResolution = 25,
    Noted = 26,
    Claimed = 27,
    Held = 28,
    HoldEnded = 29,
    Unacknowledged = 30,
    Quieted = 31,
    Raised = 32,
    KnownError = 60,
    Change = 40,
    StormBegan = 50,
    StormEnded = 51,
    Sequence = 52,
    Perhaps = 53,
    EscalatedAcceptance = 80,
    Returned = 81,
    Convened = 82,
    Accepted = 83,
    Updated = 84,
    UpdateOverdue = 85,
    Subscribed = 86,
    PassedOver = 87,
    SupplierOverdue = 88,
    StateOverdue = 89,
    Written = 100,
    Reclassified = 101,
    Timed = 102,
    Reported = 103,
    Asked = 104,
    Confirmed = 105,
    Rejected = 106,
    Verified = 107,
    Cancelled = 108,
    Major = 109,
    Plan = 120,
    Ticked = 121,
    Role = 122,
    Watched = 123,
    Action = 124,
    ActionOverdue = 125,
);

/// An entry.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct EntryMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(uint32, tag = "2")]
    what: u32,
    #[prost(uint32, tag = "3")]
    count: u32,
    #[prost(string, tag = "4")]
    text: String,
    #[prost(message, optional, tag = "5")]
    path: Option<PathMessage>,
}

impl Row for (IncidentId, u32, Entry) {
    const FAMILY: Family = Family::Timeline;
    type Message = EntryMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::place(self.0.0, self.1)
    }

    fn message(&self) -> EntryMessage {
        let entry = &self.2;
        EntryMessage {
            at: entry.at.millis(),
            what: entry.what.number(),
            count: entry.count,
            text: entry.text.clone(),
            path: entry.path.as_ref().map(Into::into),
        }
    }

    fn restore(key: &[u8], message: EntryMessage) -> Result<Self, Malformed> {
        let (incident, place) = keyed(schema::read_place(key))?;
        let entry = Entry {
            at: Timestamp::from_millis(message.at),
            what: Happening::of(message.what)?,
            count: message.count,
            text: message.text,
            path: message.path.map(TryInto::try_into).transpose()?,
        };
        Ok((RecordId(incident), place, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;
    use crate::model::alert::Path;

    #[test]
    fn the_bytes_of_an_entry_stay_as_they_are() {
        let steps = vec![("powers".into(), "srv".into()), ("hosts".into(), "vm".into())];
        let entry = Entry {
            at: Timestamp::from_millis(1_700_000_000_001),
            what: Happening::Joined,
            count: 12,
            text: "why".into(),
            path: Some(Path { from: "pdu".into(), steps }),
        };
        frozen(
            &(RecordId(1042), 7, entry),
            b"\x00\x00\x00\x00\x00\x00\x04\x12\x00\x00\x00\x07",
            b"\x01\x08\x81\xd0\x95\xff\xbc1\x10\x02\x18\x0c\"\x03why*\x1d\n\x03pdu\x12\x06powers\x12\x03srv\x12\x05hosts\x12\x02vm",
        );
    }
}
