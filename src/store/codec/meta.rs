//! The single records of the family `meta`, and recurrences.

use prost::Message;

use super::{Malformed, Row, keyed};
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
    #[prost(uint64, tag = "20")]
    quarantined: u64,
}

impl From<&Counters> for CountersMessage {
    fn from(counters: &Counters) -> Self {
        Self {
            next_record: counters.next_record,
            batch: counters.batch,
            now: counters.now.millis(),
            sources: counters.sources.iter().map(|name| String::from(&**name)).collect(),
            quarantined: counters.quarantined,
        }
    }
}

impl From<CountersMessage> for Counters {
    fn from(message: CountersMessage) -> Self {
        Self {
            next_record: message.next_record,
            batch: message.batch,
            now: Timestamp::from_millis(message.now),
            sources: message.sources.into_iter().map(Into::into).collect(),
            quarantined: message.quarantined,
        }
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

    #[test]
    fn the_bytes_of_single_records_and_recurrences_stay_as_they_are() {
        let counters = Counters {
            next_record: 1043,
            batch: 300,
            now: Timestamp::from_millis(1_700_000_000_001),
            sources: vec!["am".into(), "native".into()],
            quarantined: 3,
        };
        frozen_value(
            &CountersMessage::from(&counters),
            b"\x01\x08\x93\x08\x10\xac\x02\x18\x81\xd0\x95\xff\xbc1\"\x02am\"\x06native\xa0\x01\x03",
        );
        frozen_value(&SchemaMessage { version: 1 }, b"\x01\x08\x01");
        frozen_value(&TopologyMessage { version: 7 }, b"\x01\x08\x07");
        let resolved_at = Timestamp::from_millis(1_700_000_000_001);
        let recurrence = Recurrence { incident: RecordId(1042), resolved_at };
        frozen(
            &(258, recurrence),
            b"\x00\x00\x00\x00\x00\x00\x01\x02",
            b"\x01\x08\x92\x08\x10\x81\xd0\x95\xff\xbc1",
        );
    }
}
