//! The single records of the family `meta`, and recurrences.

use prost::Message;

use super::{Malformed, Row, keyed};
use crate::cmdb::{Change, HISTORY_MAX};
use crate::engine::changes::{Counters, Recurrence};
use crate::model::incident::RecordId;
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// The version of the schema.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct SchemaMessage {
    #[prost(uint32, tag = "1")]
    pub(in crate::store) version: u32,
}

/// The version of the stored topology.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct TopologyMessage {
    #[prost(uint64, tag = "1")]
    pub(in crate::store) version: u64,
    /// The last changes, the oldest first.
    #[prost(message, repeated, tag = "2")]
    history: Vec<ChangeMessage>,
}

/// A change of the CMDB.
#[derive(Clone, PartialEq, Message)]
struct ChangeMessage {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(int64, tag = "2")]
    at: i64,
    #[prost(string, tag = "3")]
    by: String,
    #[prost(string, tag = "4")]
    what: String,
    #[prost(uint64, tag = "5")]
    cis_added: u64,
    #[prost(uint64, tag = "6")]
    cis_removed: u64,
    #[prost(uint64, tag = "7")]
    attributes: u64,
    #[prost(uint64, tag = "8")]
    relations_added: u64,
    #[prost(uint64, tag = "9")]
    relations_removed: u64,
    #[prost(uint64, tag = "10")]
    relations_changed: u64,
    #[prost(uint64, tag = "11")]
    confirmed: u64,
}

impl TopologyMessage {
    /// Makes this change the last one.
    pub(in crate::store) fn add(&mut self, change: &Change) {
        self.version = change.version;
        let surplus = (self.history.len() + 1).saturating_sub(HISTORY_MAX);
        self.history.drain(..surplus);
        self.history.push(ChangeMessage {
            version: change.version,
            at: change.at.millis(),
            by: change.by.to_string(),
            what: change.what.to_string(),
            cis_added: change.cis_added,
            cis_removed: change.cis_removed,
            attributes: change.attributes,
            relations_added: change.relations_added,
            relations_removed: change.relations_removed,
            relations_changed: change.relations_changed,
            confirmed: change.confirmed,
        });
    }

    /// Returns the last changes, the newest first.
    pub(in crate::store) fn history(self) -> Vec<Change> {
        let change = |message: ChangeMessage| Change {
            version: message.version,
            at: Timestamp::from_millis(message.at),
            by: message.by.into(),
            what: message.what.into(),
            cis_added: message.cis_added,
            cis_removed: message.cis_removed,
            attributes: message.attributes,
            relations_added: message.relations_added,
            relations_removed: message.relations_removed,
            relations_changed: message.relations_changed,
            confirmed: message.confirmed,
        };
        self.history.into_iter().rev().map(change).collect()
    }
}

/// Who this store is.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct IdentityMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::store) id: Vec<u8>,
}

/// The counters.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct CountersMessage {
    #[prost(uint64, tag = "1")]
    next_record: u64,
    #[prost(uint64, tag = "2")]
    batch: u64,
    #[prost(int64, tag = "3")]
    now: i64,
    #[prost(string, repeated, tag = "4")]
    sources: Vec<String>,
    #[prost(uint64, tag = "5")]
    audited: u64,
    /// 32 bytes; absent before the first entry of the audit trail.
    #[prost(bytes = "vec", tag = "6")]
    seal: Vec<u8>,
    #[prost(uint64, tag = "20")]
    quarantined: u64,
    #[prost(uint64, tag = "30")]
    journaled: u64,
    #[prost(int64, tag = "40")]
    listening_since: i64,
    #[prost(uint64, tag = "50")]
    bulletins: u64,
}

impl From<&Counters> for CountersMessage {
    fn from(counters: &Counters) -> Self {
        Self {
            next_record: counters.next_record,
            batch: counters.batch,
            now: counters.now.millis(),
            sources: counters.sources.iter().map(|name| String::from(&**name)).collect(),
            audited: counters.audited,
            seal: super::audit::stored(counters.seal),
            quarantined: counters.quarantined,
            journaled: counters.journaled,
            listening_since: counters.listening_since.millis(),
            bulletins: counters.bulletins,
        }
    }
}

impl TryFrom<CountersMessage> for Counters {
    type Error = Malformed;

    fn try_from(message: CountersMessage) -> Result<Self, Malformed> {
        Ok(Self {
            next_record: message.next_record,
            batch: message.batch,
            now: Timestamp::from_millis(message.now),
            sources: message.sources.into_iter().map(Into::into).collect(),
            audited: message.audited,
            seal: super::audit::seal(&message.seal)?,
            quarantined: message.quarantined,
            journaled: message.journaled,
            listening_since: Timestamp::from_millis(message.listening_since),
            bulletins: message.bulletins,
        })
    }
}

/// The last incident with a signature.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct RecurrenceMessage {
    #[prost(uint64, tag = "1")]
    incident: u64,
    #[prost(int64, tag = "2")]
    resolved_at: i64,
}

impl Row for (u64, Recurrence) {
    const FAMILY: Family = Family::Recurrences;
    type Message = RecurrenceMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.0)
    }

    fn message(&self) -> RecurrenceMessage {
        let Recurrence { incident, resolved_at } = self.1;
        RecurrenceMessage { incident: incident.0, resolved_at: resolved_at.millis() }
    }

    fn restore(key: &[u8], message: RecurrenceMessage) -> Result<Self, Malformed> {
        let recurrence = Recurrence {
            incident: RecordId(message.incident),
            resolved_at: Timestamp::from_millis(message.resolved_at),
        };
        Ok((keyed(schema::read_number(key))?, recurrence))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{frozen, frozen_value};
    use super::*;
    use crate::model::audit::Seal;

    #[test]
    fn the_bytes_of_single_records_and_recurrences_stay_as_they_are() {
        let counters = Counters {
            next_record: 1043,
            batch: 300,
            now: Timestamp::from_millis(1_700_000_000_001),
            sources: vec!["am".into(), "native".into()],
            audited: 7,
            seal: Seal([b'*'; 32]),
            quarantined: 3,
            journaled: 5,
            listening_since: Timestamp::from_millis(6),
            bulletins: 9,
        };
        frozen_value(
            &CountersMessage::from(&counters),
            b"\x01\x08\x93\x08\x10\xac\x02\x18\x81\xd0\x95\xff\xbc1\"\x02am\"\x06native\
            (\x072\x20********************************\xa0\x01\x03\xf0\x01\x05\xc0\x02\x06\x90\x03\x09",
        );
        frozen_value(&SchemaMessage { version: 1 }, b"\x01\x08\x01");
        let mut topology = TopologyMessage { version: 7, history: Vec::new() };
        frozen_value(&topology, b"\x01\x08\x07");
        let change = Change {
            version: 8,
            at: Timestamp::from_millis(1_700_000_000_001),
            by: "mia".into(),
            what: "merge a".into(),
            cis_added: 1,
            cis_removed: 2,
            attributes: 3,
            relations_added: 4,
            relations_removed: 5,
            relations_changed: 6,
            confirmed: 7,
        };
        topology.add(&change);
        frozen_value(
            &topology,
            b"\x01\x08\x08\x12\x25\x08\x08\x10\x81\xd0\x95\xff\xbc\x31\x1a\x03mia\x22\x07merge a\
              \x28\x01\x30\x02\x38\x03\x40\x04\x48\x05\x50\x06\x58\x07",
        );
        assert_eq!(topology.history(), [change]);
        frozen_value(&IdentityMessage { id: vec![7, 255] }, b"\x01\x0a\x02\x07\xff");
        let resolved_at = Timestamp::from_millis(1_700_000_000_001);
        let recurrence = Recurrence { incident: RecordId(1042), resolved_at };
        frozen(
            &(258, recurrence),
            b"\x00\x00\x00\x00\x00\x00\x01\x02",
            b"\x01\x08\x92\x08\x10\x81\xd0\x95\xff\xbc1",
        );
    }
}
