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

impl core::str::FromStr for Seal {
    type Err = NotASeal;

    /// Reads 64 hexadecimal digits in any case.
    fn from_str(text: &str) -> Result<Self, NotASeal> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut seal = Self::default();
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != seal.0.len() || !rest.is_empty() {
            return Err(NotASeal(text.into()));
        }
        for (byte, [high, low]) in seal.0.iter_mut().zip(pairs) {
            let read = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low);
            *byte = read.ok_or_else(|| NotASeal(text.into()))?;
        }
        Ok(seal)
    }
}

/// The text is no seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no seal, expected 64 hexadecimal digits")]
pub struct NotASeal(pub String);

/// A chain of entries as far as it was followed; begins before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Place of the last entry that was followed.
    pub seq: u64,
    /// Its seal.
    pub seal: Seal,
}

/// Where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Another entry follows than the next.
    #[error("entry {expected} is missing: entry {found} follows entry {before}", before = .expected - 1)]
    Missing {
        /// The place that is empty.
        expected: u64,
        /// The entry that came instead.
        found: u64,
    },
    /// Its seal is not that of its content behind the entry before.
    #[error("entry {0} was changed, or the one before it was: its seal does not fit")]
    Changed(u64),
}

impl Chain {
    /// Follows the chain to the next entry.
    ///
    /// # Errors
    /// When that is not the next entry, or its seal does not fit.
    pub fn follow(&mut self, entry: &AuditEntry) -> Result<(), Broken> {
        let expected = self.seq + 1;
        if entry.seq != expected {
            return Err(Broken::Missing { expected, found: entry.seq });
        }
        if entry.seal != entry.seal_after(self.seal) {
            return Err(Broken::Changed(entry.seq));
        }
        *self = Self { seq: entry.seq, seal: entry.seal };
        Ok(())
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

    fn chain(length: u64) -> Vec<AuditEntry> {
        let mut before = Seal::default();
        let sealed = |seq| {
            let mut entry = entry(|it| it.seq = seq);
            entry.seal = entry.seal_after(before);
            before = entry.seal;
            entry
        };
        (1..=length).map(sealed).collect()
    }

    fn follow(entries: &[AuditEntry]) -> Result<Chain, Broken> {
        let mut chain = Chain::default();
        entries.iter().try_for_each(|entry| chain.follow(entry)).map(|()| chain)
    }

    #[test]
    fn a_chain_breaks_at_the_first_entry_that_was_changed_removed_or_moved() {
        let whole = chain(4);
        assert_eq!(follow(&whole), Ok(Chain { seq: 4, seal: whole[3].seal }));
        let mut changed = whole.clone();
        changed[1].by = "eve".into();
        assert_eq!(follow(&changed), Err(Broken::Changed(2)));
        changed[1].seal = changed[1].seal_after(whole[0].seal);
        assert_eq!(follow(&changed), Err(Broken::Changed(3)), "sealed anew");
        let mut removed = whole.clone();
        removed.remove(2);
        assert_eq!(follow(&removed), Err(Broken::Missing { expected: 3, found: 4 }));
        let mut moved = whole;
        moved.swap(0, 1);
        assert_eq!(follow(&moved), Err(Broken::Missing { expected: 1, found: 2 }));
    }

    #[test]
    fn a_seal_reads_back_as_it_was_written() {
        let seal = entry(|_| ()).seal_after(Seal::default());
        let text = seal.to_string();
        assert_eq!(text.parse(), Ok(seal));
        assert_eq!(text.to_uppercase().parse(), Ok(seal));
        let short: String = text.chars().skip(1).collect();
        for bad in ["", "57", &short, &format!("{text}0"), &text.replace('5', "g")] {
            assert!(bad.parse::<Seal>().is_err(), "{bad}");
        }
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
