//! The audit trail: who did what, each entry sealed with a hash over itself and the one before.
//!
//! A changed, removed or reordered entry breaks every seal behind it. What a chain cannot show is
//! its own truncation: keep the newest seal elsewhere, too.

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::time::Timestamp;

/// A SHA-256 (FIPS 180-4) over an entry and the seal before it; all zero before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seal(pub [u8; 32]);

/// Writes 64 hexadecimal digits.
impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Something a person or a tool did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counted from 1 without a gap.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
    /// What, in one word or two: `acknowledge`, `silence`, `cmdb import`.
    pub action: Box<str>,
    /// To what: a number, an id, a name; may be empty.
    pub object: Box<str>,
    /// The rest, in words; may be empty.
    pub detail: String,
    /// Covers everything above and the seal of the entry before.
    pub seal: Seal,
}

impl AuditEntry {
    /// Computes what its seal has to be behind `before`.
    pub fn seal_after(&self, before: Seal) -> Seal {
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at.millis().to_be_bytes());
        for text in [&*self.by, &*self.action, &*self.object, &*self.detail] {
            // The length first, so that no text can pass for two.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Seal(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(change: impl FnOnce(&mut AuditEntry)) -> AuditEntry {
        let mut entry = AuditEntry {
            seq: 1,
            at: Timestamp::from_millis(5),
            by: "ann".into(),
            action: "close".into(),
            object: "INC-1".into(),
            detail: "done".into(),
            seal: Seal::default(),
        };
        change(&mut entry);
        entry
    }

    #[test]
    fn every_change_of_an_entry_changes_its_seal() {
        let sealed = entry(|_| ()).seal_after(Seal::default());
        let changes: [fn(&mut AuditEntry); 7] = [
            |it| it.seq = 2,
            |it| it.at = Timestamp::from_millis(6),
            |it| it.by = "bob".into(),
            |it| it.action = "open".into(),
            |it| it.object = "INC-2".into(),
            |it| it.detail = "not done".into(),
            |it| (it.by, it.action) = ("anncl".into(), "ose".into()),
        ];
        for change in changes {
            assert_ne!(entry(change).seal_after(Seal::default()), sealed);
        }
        assert_ne!(entry(|_| ()).seal_after(sealed), sealed);
    }

    #[test]
    fn the_seal_of_an_entry_stays_as_it_is() {
        let seal = entry(|_| ()).seal_after(Seal::default());
        assert_eq!(
            seal.to_string(),
            "57831661d03998f301b4deaa23a2ec3f426436770565682661693a5a47d40f71"
        );
    }
}
