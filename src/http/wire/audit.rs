//! The shapes of the audit trail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use crate::model::audit::{AuditEntry, Seal};

/// A part of the audit trail.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries in their order.
    pub items: Vec<Entry>,
    /// What to ask for `after` to get the next page; nothing on the last one.
    pub next: Option<u64>,
    /// How many entries there are.
    pub count: u64,
    /// The seal of the last of them, as 64 hexadecimal digits; zeros before the first.
    #[schema(value_type = String)]
    pub head: Seal,
    /// The daemon's time.
    pub now: Time,
}

/// Something a person or a tool did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// Counted from 1 without a gap.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Who.
    pub by: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// The rest, in words.
    pub detail: String,
    /// SHA-256 over the entry and the seal before it, as 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub seal: Seal,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { seq, at, by, action, object, detail, seal } = entry;
        let (by, action, object) = (by.into(), action.into(), object.into());
        Self { seq, at: Time(at), by, action, object, detail, seal }
    }
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { seq, at, by, action, object, detail, seal } = entry;
        let (by, action, object) = (by.into(), action.into(), object.into());
        Self { seq, at: at.0, by, action, object, detail, seal }
    }
}

impl Serialize for Seal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn an_entry_keeps_its_seal_on_the_way_through_json() {
        let mut entry = AuditEntry {
            seq: 7,
            at: Timestamp::from_millis(1_700_000_000_001),
            by: "ann".into(),
            action: "closed".into(),
            object: "INC-1".into(),
            detail: "done\n\"so\"".into(),
            seal: Seal::default(),
        };
        entry.seal = entry.seal_after(Seal([9; 32]));
        let text = serde_json::to_string(&Entry::from(entry.clone())).unwrap();
        let back: AuditEntry = serde_json::from_str::<Entry>(&text).unwrap().into();
        assert_eq!(back, entry);
        assert_eq!(back.seal_after(Seal([9; 32])), entry.seal);
    }
}
