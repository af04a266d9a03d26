//! The rows of the CMDB.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

use super::alert::{labels, share};
use super::{Malformed, Row, Word, keyed, numbered};
use crate::cmdb::{CiRow, End, RelationRow, RelationType};
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

/// A relation, all of which is in its key.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct RelationMessage {}

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
        RelationMessage {}
    }

    fn restore(key: &[u8], RelationMessage {}: RelationMessage) -> Result<Self, Malformed> {
        let [from, relation, to] = keyed(schema::read_relation(key))?;
        Ok(Self { from: from.into(), relation: relation.into(), to: to.into() })
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
        let relation =
            RelationRow { from: "pdu".into(), relation: "powers".into(), to: "srv".into() };
        frozen(&relation, b"pdu\x00powers\x00srv", b"\x01");
        let (name, converse) = ("feeds".into(), "fed_by".into());
        frozen(
            &RelationType { name, converse, suffers: End::To },
            b"feeds",
            b"\x01\n\x06fed_by\x10\x02",
        );
    }
}
