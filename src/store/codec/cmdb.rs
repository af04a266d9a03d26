//! The rows of the CMDB.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

use super::alert::{labels, share};
use super::{Malformed, Row, Word, keyed, numbered};
use crate::cmdb::{CiRow, End, Facts, RelationRow, RelationType};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

numbered!(End: From = 1, To = 2);

/// A CI.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct CiMessage {
    #[prost(string, tag = "1")]
    class: String,
    #[prost(btree_map = "string, string", tag = "2")]
    attributes: BTreeMap<String, String>,
    #[prost(bytes = "bytes", tag = "3")]
    labels: Bytes,
}

/// What is known of a relation; its ends and type are in its key. A relation of an older release has
/// no facts, which is what the empty message says.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct RelationMessage {
    #[prost(string, tag = "1")]
    source: String,
    #[prost(int64, optional, tag = "2")]
    valid_from: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    valid_until: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    seen_at: Option<i64>,
}

/// A relation type.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct RelationTypeMessage {
    #[prost(string, tag = "1")]
    converse: String,
    #[prost(uint32, tag = "2")]
    suffers: u32,
}

fn name(key: &[u8]) -> Result<&str, Malformed> {
    core::str::from_utf8(key).map_err(|_| Malformed::Damaged("its name is no text".into()))
}

impl Row for CiRow {
    const FAMILY: Family = Family::Cis;
    type Message = CiMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.name.as_bytes()
    }

    fn message(&self) -> CiMessage {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| (name.to_string(), value.to_string()));
        CiMessage {
            class: String::from(&*self.class),
            attributes: attributes.collect(),
            labels: share(&self.labels),
        }
    }

    fn restore(key: &[u8], message: CiMessage) -> Result<Self, Malformed> {
        Ok(Self {
            name: name(key)?.into(),
            class: message.class.into(),
            attributes: message.attributes.into_iter().collect(),
            labels: labels(&message.labels, "labels")?,
        })
    }
}

impl Row for RelationRow {
    const FAMILY: Family = Family::Relations;
    type Message = RelationMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::relation(&self.from, &self.relation, &self.to)
    }

    fn message(&self) -> RelationMessage {
        let facts = self.facts.as_deref();
        let time = |time: fn(&Facts) -> Option<Timestamp>| Some(time(facts?)?.millis());
        RelationMessage {
            source: facts.map(|facts| facts.source.to_string()).unwrap_or_default(),
            valid_from: time(|facts| facts.valid_from),
            valid_until: time(|facts| facts.valid_until),
            seen_at: time(|facts| facts.seen_at),
        }
    }

    fn restore(key: &[u8], message: RelationMessage) -> Result<Self, Malformed> {
        let [from, relation, to] = keyed(schema::read_relation(key))?;
        let facts = Facts {
            source: message.source.into(),
            valid_from: message.valid_from.map(Timestamp::from_millis),
            valid_until: message.valid_until.map(Timestamp::from_millis),
            seen_at: message.seen_at.map(Timestamp::from_millis),
        };
        let facts = (!facts.is_empty()).then(|| facts.into());
        Ok(Self { from: from.into(), relation: relation.into(), to: to.into(), facts })
    }
}

impl Row for RelationType {
    const FAMILY: Family = Family::RelationTypes;
    type Message = RelationTypeMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.name.as_bytes()
    }

    fn message(&self) -> RelationTypeMessage {
        RelationTypeMessage {
            converse: String::from(&*self.converse),
            suffers: self.suffers.number(),
        }
    }

    fn restore(key: &[u8], message: RelationTypeMessage) -> Result<Self, Malformed> {
        let suffers = End::of(message.suffers)?;
        Ok(Self { name: name(key)?.into(), converse: message.converse.into(), suffers })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;
    use crate::model::labels::Labels;

    #[test]
    fn the_bytes_of_the_cmdb_stay_as_they_are() {
        let ci = CiRow {
            name: "srv".into(),
            class: "server".into(),
            attributes: [("owner", "dc"), ("rack", "R12")].into_iter().collect(),
            labels: Labels::build(&mut [("node", "srv")]).unwrap(),
        };
        frozen(&ci, b"srv", b"\x01\n\x06server\x12\x0b\n\x05owner\x12\x02dc\x12\x0b\n\x04rack\x12\x03R12\x1a\t\x04node\x03srv");
        let mut relation = RelationRow::new("pdu", "powers", "srv");
        frozen(&relation, b"pdu\x00powers\x00srv", b"\x01");
        let facts = Facts {
            source: "netbox".into(),
            valid_from: Some(Timestamp::from_millis(1)),
            valid_until: Some(Timestamp::from_millis(300)),
            seen_at: Some(Timestamp::from_millis(0)),
        };
        relation.facts = Some(facts.into());
        frozen(
            &relation,
            b"pdu\x00powers\x00srv",
            b"\x01\x0a\x06netbox\x10\x01\x18\xac\x02\x20\x00",
        );
        let (name, converse) = ("feeds".into(), "fed_by".into());
        frozen(
            &RelationType { name, converse, suffers: End::To },
            b"feeds",
            b"\x01\n\x06fed_by\x10\x02",
        );
    }
}
