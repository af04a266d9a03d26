//! What rules are credited with.

use prost::Message;

use super::{Malformed, Row};
use crate::model::credit::{Counts, Credit, Credits};
use crate::model::time::Timestamp;
use crate::store::schema::Family;

/// What came of a rule; its name is the key.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct CreditsMessage {
    #[prost(int64, tag = "1")]
    last: i64,
    #[prost(uint64, tag = "2")]
    matched: u64,
    #[prost(uint64, tag = "3")]
    opened: u64,
    #[prost(uint64, tag = "4")]
    absorbed: u64,
    #[prost(uint64, tag = "5")]
    spared: u64,
    #[prost(uint64, tag = "6")]
    held_back: u64,
    #[prost(uint64, tag = "7")]
    split: u64,
    #[prost(uint64, tag = "8")]
    would_absorb: u64,
    #[prost(uint64, tag = "9")]
    would_hold_back: u64,
}

impl Row for Credits {
    const FAMILY: Family = Family::Rules;
    type Message = CreditsMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.rule.as_bytes()
    }

    fn message(&self) -> CreditsMessage {
        let counts = &self.counts;
        CreditsMessage {
            last: self.last.millis(),
            matched: counts.of(Credit::Matched),
            opened: counts.of(Credit::Opened),
            absorbed: counts.of(Credit::Absorbed),
            spared: counts.of(Credit::Spared),
            held_back: counts.of(Credit::HeldBack),
            split: counts.of(Credit::Split),
            would_absorb: counts.of(Credit::WouldAbsorb),
            would_hold_back: counts.of(Credit::WouldHoldBack),
        }
    }

    fn restore(key: &[u8], of: CreditsMessage) -> Result<Self, Malformed> {
        let rule = core::str::from_utf8(key).map_err(|e| Malformed::Damaged(e.to_string()))?;
        // In the order of `CREDITS`.
        let counts = [
            of.matched,
            of.opened,
            of.absorbed,
            of.spared,
            of.held_back,
            of.split,
            of.would_absorb,
            of.would_hold_back,
        ];
        let last = Timestamp::from_millis(of.last);
        Ok(Self { rule: rule.into(), last, counts: Counts(counts) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_credits_stay_as_they_are() {
        let credits = Credits {
            rule: "dc/power".into(),
            last: Timestamp::from_millis(9),
            counts: Counts([1, 2, 3, 4, 5, 6, 7, 8]),
        };
        let value = b"\x01\x08\x09\x10\x01\x18\x02\x20\x03\x28\x04\x30\x05\x38\x06\x40\x07\x48\x08";
        frozen(&credits, b"dc/power", value);
    }
}
