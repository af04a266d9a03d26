//! Column families and keys.
//!
//! Numbers in keys are big-endian, so that the order of the bytes is the order of the numbers and a
//! prefix is a range. A value never repeats its key. Values are described in `codec`.
//!
//! | family | key | value |
//! |---|---|---|
//! | `meta` | a word: `schema`, `counters`, `topology`, `identity` | version of this table; the engine's counters; version and last changes of the CMDB; who this store is |
//! | `alerts` | slot u32 | an alert that is held: labels, text, CI, state |
//! | `touches` | slot u32 | a newer state of an alert; counts while its revision is the higher one |
//! | `slots` | fingerprint u64 | where an alert is held |
//! | `episodes` | fingerprint u64, episode u32 | an alert as it was at the end of that episode |
//! | `incidents` | incident u64 | an incident, subordinate and closed ones too |
//! | `open` | incident u64 | nothing; it is open and no subordinate |
//! | `unclosed` | incident u64 | nothing; it is not closed |
//! | `followed` | incident u64 | nothing; something that its review wants is still to be done |
//! | `members` | incident u64, record u64 | what is attached to the incident under that number, and why |
//! | `records` | record u64 | the incident that an alert's record is attached to |
//! | `timeline` | incident u64, place u32 | an entry |
//! | `notices` | incident u64, place u32 | a notice that is pending or dead |
//! | `policies` | hash of the content u64 | an escalation policy |
//! | `recurrences` | signature u64 | the last resolved incident with it |
//! | `silences` | id u128 | a silence |
//! | `changes` | number | a planned change |
//! | `overrides` | number u64 | who stands in on call, by a person's word |
//! | `audit` | place u64 | an entry of the audit trail |
//! | `journal` | time i64 with its sign turned, place u64 | a change of an alert's state |
//! | `deliveries` | half of a SHA-256 | when a delivery or command of that identity was done |
//! | `positions` | source, 0x00, topic, 0x00, number | how far a partition of a Kafka topic is read |
//! | `quarantine` | number u64 | what could not be read or handled, as it came |
//! | `learned` | `a`, `u`, `n` name, `s` source, `p` hash u64 | what correlation learned of all, of alerts without a CI, of a name, a source, a place |
//! | `bulletins` | place u64 | what other systems are to be told of an incident |
//! | `rules` | name | how often a rule matched, and what came of it |
//! | `cis` | name | class, attributes and labels of a CI |
//! | `relations` | from, 0x00, relation, 0x00, to | nothing |
//! | `relation_types` | name | converse and direction |
//!
//! Slots are small numbers given in the order in which alerts come: to put a record where its
//! neighbours are takes RocksDB a fifth of what it takes at a place that is as good as random, as a
//! fingerprint is, and what comes in order need not be sorted again by compaction.
//!
//! In the key of a relation, and likewise of a position, the bytes 0x00 and 0x01 of a name are written as 0x01 0x01 and
//! 0x01 0x02, so that 0x00 ends a name and the order stays.

use core::fmt::Write;

use crate::model::alert::Slot;
use crate::model::time::Timestamp;

/// The version of the table above. It grows when a version that knows only the old table would
/// misread or lose something; a store of a newer version is refused.
pub(super) const VERSION: u32 = 2;

/// Keys of `meta`.
pub(super) const META_SCHEMA: &[u8] = b"schema";
pub(super) const META_COUNTERS: &[u8] = b"counters";
pub(super) const META_TOPOLOGY: &[u8] = b"topology";
pub(super) const META_IDENTITY: &[u8] = b"identity";

/// The column families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Meta,
    Alerts,
    Touches,
    Slots,
    Episodes,
    Incidents,
    Open,
    Unclosed,
    Followed,
    Members,
    Records,
    Timeline,
    Notices,
    Policies,
    Recurrences,
    Silences,
    Changes,
    Overrides,
    Audit,
    Journal,
    Deliveries,
    Positions,
    Quarantine,
    Learned,
    Bulletins,
    Rules,
    Cis,
    Relations,
    RelationTypes,
}

/// All of them.
pub(super) const FAMILIES: [Family; 29] = [
    Family::Meta,
    Family::Alerts,
    Family::Touches,
    Family::Slots,
    Family::Episodes,
    Family::Incidents,
    Family::Open,
    Family::Unclosed,
    Family::Followed,
    Family::Members,
    Family::Records,
    Family::Timeline,
    Family::Notices,
    Family::Policies,
    Family::Recurrences,
    Family::Silences,
    Family::Changes,
    Family::Overrides,
    Family::Audit,
    Family::Journal,
    Family::Deliveries,
    Family::Positions,
    Family::Quarantine,
    Family::Learned,
    Family::Bulletins,
    Family::Rules,
    Family::Cis,
    Family::Relations,
    Family::RelationTypes,
];

impl Family {
    /// Its name in RocksDB.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Alerts => "alerts",
            Self::Touches => "touches",
            Self::Slots => "slots",
            Self::Episodes => "episodes",
            Self::Incidents => "incidents",
            Self::Open => "open",
            Self::Unclosed => "unclosed",
            Self::Followed => "followed",
            Self::Members => "members",
            Self::Records => "records",
            Self::Timeline => "timeline",
            Self::Notices => "notices",
            Self::Policies => "policies",
            Self::Recurrences => "recurrences",
            Self::Silences => "silences",
            Self::Changes => "changes",
            Self::Overrides => "overrides",
            Self::Audit => "audit",
            Self::Journal => "journal",
            Self::Deliveries => "deliveries",
            Self::Positions => "positions",
            Self::Quarantine => "quarantine",
            Self::Learned => "learned",
            Self::Bulletins => "bulletins",
            Self::Rules => "rules",
            Self::Cis => "cis",
            Self::Relations => "relations",
            Self::RelationTypes => "relation_types",
        }
    }
}

/// The key of one number.
pub(super) fn number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The key of a slot.
pub(super) fn slot(slot: Slot) -> [u8; 4] {
    slot.0.to_be_bytes()
}

/// The key of a number and a place below it.
pub(super) fn place(number: u64, place: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    tail.copy_from_slice(&place.to_be_bytes());
    key
}

/// The key of a number below a number.
pub(super) fn pair(upper: u64, lower: u64) -> [u8; 16] {
    ((u128::from(upper) << 64) | u128::from(lower)).to_be_bytes()
}

/// The key of a place in time.
pub(super) fn moment(at: Timestamp, place: u64) -> [u8; 16] {
    pair(at.millis().cast_unsigned() ^ SIGN, place)
}

/// Turned, negative numbers come before the others.
const SIGN: u64 = 1 << 63;

/// Reads a key made by [`moment`].
pub(super) fn read_moment(key: &[u8]) -> Option<(Timestamp, u64)> {
    let (turned, place) = read_pair(key)?;
    Some((Timestamp::from_millis((turned ^ SIGN).cast_signed()), place))
}

/// The key of a relation.
pub(super) fn relation(from: &str, relation: &str, to: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(from.len() + relation.len() + to.len() + 2);
    for (place, name) in [from, relation, to].into_iter().enumerate() {
        if place > 0 {
            key.push(0);
        }
        for byte in name.bytes() {
            match byte {
                0 | 1 => key.extend([1, byte + 1]),
                _ => key.push(byte),
            }
        }
    }
    key
}

/// Reads a key made by [`number`].
pub(super) fn read_number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// Reads a key made by [`slot`].
pub(super) fn read_slot(key: &[u8]) -> Option<Slot> {
    key.try_into().ok().map(u32::from_be_bytes).map(Slot)
}

/// Reads a key made by [`place`].
pub(super) fn read_place(key: &[u8]) -> Option<(u64, u32)> {
    let (head, tail) = key.split_first_chunk()?;
    Some((u64::from_be_bytes(*head), u32::from_be_bytes(tail.try_into().ok()?)))
}

/// Reads a key made by [`pair`].
pub(super) fn read_pair(key: &[u8]) -> Option<(u64, u64)> {
    let (head, tail) = key.split_first_chunk()?;
    Some((u64::from_be_bytes(*head), u64::from_be_bytes(tail.try_into().ok()?)))
}

/// Reads a key made by [`relation`].
pub(super) fn read_relation(key: &[u8]) -> Option<[String; 3]> {
    let names: Vec<String> = key.split(|byte| *byte == 0).map(read_name).collect::<Option<_>>()?;
    names.try_into().ok()
}

fn read_name(written: &[u8]) -> Option<String> {
    let mut bytes = written.iter();
    let mut name = Vec::with_capacity(written.len());
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            1 => bytes.next()?.checked_sub(1).filter(|byte| *byte < 2)?,
            _ => *byte,
        });
    }
    String::from_utf8(name).ok()
}

/// Writes a key for people.
pub(super) fn hex(key: &[u8]) -> String {
    key.iter().fold(String::with_capacity(2 * key.len()), |mut text, byte| {
        // Writing to a `String` cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn family_names_are_those_of_the_table_and_differ() {
        let names: Vec<_> = FAMILIES.iter().map(|family| family.name()).collect();
        let rows: Vec<_> = include_str!("schema.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
            .collect();
        assert_eq!(names, rows);
    }

    #[test]
    fn a_key_of_another_length_is_not_read() {
        for length in (0..20).filter(|length| ![4, 8, 12, 16].contains(length)) {
            let key = vec![1; length];
            assert_eq!((read_number(&key), read_place(&key), read_pair(&key)), (None, None, None));
            assert_eq!(read_slot(&key), None);
        }
        for bad in ["", "a", "a\0b", "a\0b\0c\0d", "a\0b\0\u{1}", "a\0b\0\u{1}\u{3}"] {
            assert_eq!(read_relation(bad.as_bytes()), None, "{bad:?}");
        }
    }

    /// A number whose neighbours in order lie across the boundaries of its bytes.
    fn any_number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64).prop_map(|(number, shift)| number >> shift)
    }

    proptest! {
        #[test]
        fn the_order_of_keys_is_the_order_of_what_they_say(
            a in (any_number(), any_number(), any::<u32>()),
            b in (any_number(), any_number(), any::<u32>()),
            same in any::<bool>(),
        ) {
            let b = if same { (a.0, b.1, b.2) } else { b };
            prop_assert_eq!(number(a.0).cmp(&number(b.0)), a.0.cmp(&b.0));
            prop_assert_eq!(slot(Slot(a.2)).cmp(&slot(Slot(b.2))), a.2.cmp(&b.2));
            let at = |number: u64| Timestamp::from_millis(number.cast_signed());
            prop_assert_eq!(moment(at(a.0), a.1).cmp(&moment(at(b.0), b.1)), (at(a.0), a.1).cmp(&(at(b.0), b.1)));
            prop_assert_eq!(pair(a.0, a.1).cmp(&pair(b.0, b.1)), (a.0, a.1).cmp(&(b.0, b.1)));
            prop_assert_eq!(place(a.0, a.2).cmp(&place(b.0, b.2)), (a.0, a.2).cmp(&(b.0, b.2)));
            prop_assert!(pair(a.0, a.1).starts_with(&number(a.0)));
            prop_assert!(place(a.0, a.2).starts_with(&number(a.0)));
        }

        #[test]
        fn relations_lie_in_the_order_of_their_names(
            a in ("[\0\u{1}\u{2}a]{0,3}", "[\0\u{1}\u{2}a]{0,3}", "[\0\u{1}\u{2}a]{0,3}"),
            b in ("[\0\u{1}\u{2}a]{0,3}", "[\0\u{1}\u{2}a]{0,3}", "[\0\u{1}\u{2}a]{0,3}"),
        ) {
            prop_assert_eq!(relation(&a.0, &a.1, &a.2).cmp(&relation(&b.0, &b.1, &b.2)), a.cmp(&b));
        }

        #[test]
        fn every_key_is_read_back(n in any_number(), m in any_number(), p: u32,
            from in "[\0\u{1}a-z]{0,9}", to in "[\0\u{1}a-z]{0,9}") {
            prop_assert_eq!(read_number(&number(n)), Some(n));
            prop_assert_eq!(read_slot(&slot(Slot(p))), Some(Slot(p)));
            let at = Timestamp::from_millis(n.cast_signed());
            prop_assert_eq!(read_moment(&moment(at, m)), Some((at, m)));
            prop_assert_eq!(read_place(&place(n, p)), Some((n, p)));
            prop_assert_eq!(read_pair(&pair(n, m)), Some((n, m)));
            let key = relation(&from, "powers", &to);
            prop_assert_eq!(read_relation(&key), Some([from, "powers".into(), to]));
        }
    }
}
