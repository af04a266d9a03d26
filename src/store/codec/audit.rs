//! Entries of the audit trail.

use prost::Message;

use super::{Malformed, Row, keyed};
use crate::model::audit::{AuditEntry, Seal};
use crate::model::time::Timestamp;
use crate::store::schema::{self, Family};

/// An entry.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct AuditMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    action: String,
    #[prost(string, tag = "4")]
    object: String,
    #[prost(string, tag = "5")]
    detail: String,
    #[prost(bytes = "vec", tag = "6")]
    seal: Vec<u8>,
}

/// Returns the stored form of a seal: nothing for the one before the first entry.
pub(super) fn stored(seal: Seal) -> Vec<u8> {
    if seal == Seal::default() { Vec::new() } else { seal.0.to_vec() }
}

/// Reads a seal.
pub(super) fn seal(bytes: &[u8]) -> Result<Seal, Malformed> {
    if bytes.is_empty() {
        return Ok(Seal::default());
    }
    let refused = |_| Malformed::Damaged(format!("a seal of {} bytes", bytes.len()));
    bytes.try_into().map(Seal).map_err(refused)
}

impl Row for AuditEntry {
    const FAMILY: Family = Family::Audit;
    type Message = AuditMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        schema::number(self.seq)
    }

    fn message(&self) -> AuditMessage {
        AuditMessage {
            at: self.at.millis(),
            by: String::from(&*self.by),
            action: String::from(&*self.action),
            object: String::from(&*self.object),
            detail: self.detail.clone(),
            seal: stored(self.seal),
        }
    }

    fn restore(key: &[u8], message: AuditMessage) -> Result<Self, Malformed> {
        Ok(Self {
            seq: keyed(schema::read_number(key))?,
            at: Timestamp::from_millis(message.at),
            by: message.by.into(),
            action: message.action.into(),
            object: message.object.into(),
            detail: message.detail,
            seal: seal(&message.seal)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_an_audit_entry_stay_as_they_are() {
        let entry = AuditEntry {
            seq: 258,
            at: Timestamp::from_millis(5),
            by: "ann".into(),
            action: "closed".into(),
            object: "INC-1".into(),
            detail: "done".into(),
            seal: Seal([b'*'; 32]),
        };
        let value = b"\x01\x08\x05\x12\x03ann\x1a\x06closed\x22\x05INC-1*\x04done2\x20\
            ********************************";
        frozen(&entry, b"\0\0\0\0\0\0\x01\x02", value);
    }
}
