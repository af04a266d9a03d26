//! Values as they lie in the store: one format byte, then a protobuf message.
//!
//! One file per kind of record: its messages, fields numbered by hand, and the way there and back.
//! A number once given is never given to something else; a new field gets a new number and reads as
//! absent from old values. When that does not suffice the format byte grows, and the reader of the
//! old form stays. Each file freezes the bytes of its records in a test.
//!
//! Numbers of enumerated words begin at 1, so that 0 is always "not written".

use prost::Message;

use super::schema::Family;

pub(super) mod alert;
pub(super) mod assignment;
pub(super) mod audit;
pub(super) mod bulletin;
mod cause;
pub(super) mod change;
mod clocks;
pub(super) mod cmdb;
pub(super) mod credit;
pub(super) mod delivery;
pub(super) mod incident;
pub(super) mod journal;
pub(super) mod learned;
pub(super) mod member;
pub(super) mod meta;
pub(super) mod notice;
pub(super) mod on_call;
pub(super) mod policy;
pub(super) mod position;
mod priority;
mod progress;
pub(super) mod quarantine;
mod review;
mod sheet;
pub(super) mod silence;
pub(super) mod terms;
pub(super) mod timeline;
mod wire;

/// The newest format this version reads, and the one it writes.
const FORMAT: u8 = 1;

/// Why a record cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Its format is newer.
    #[error(
        "has format {0}, and {FORMAT} is the newest this version of incidentd reads; run the version that wrote it, or a later one"
    )]
    NewerFormat(u8),
    /// It has a word that a newer version added.
    #[error(
        "has a {what} numbered {number}, which this version of incidentd does not know; run the version that wrote it, or a later one"
    )]
    NewerWord {
        /// The kind of word.
        what: &'static str,
        /// Its number.
        number: u32,
    },
    /// No version wrote it so.
    #[error("is damaged: {0}; restore the last backup")]
    Damaged(String),
}

impl Malformed {
    fn missing(field: &str) -> Self {
        Self::Damaged(format!("`{field}` is missing"))
    }
}

/// A record of one family.
pub(super) trait Row: Sized {
    /// Where it is.
    const FAMILY: Family;
    /// Its stored form.
    type Message: Message + Default;

    /// Its key.
    fn key(&self) -> impl AsRef<[u8]>;

    /// Puts it into its stored form.
    fn message(&self) -> Self::Message;

    /// Takes it back out of its stored form.
    fn restore(key: &[u8], message: Self::Message) -> Result<Self, Malformed>;

    /// Writes its value into `into`, whose former content is gone; the bytes of its stored form,
    /// however it comes by them.
    fn write(&self, into: &mut Vec<u8>) {
        encode(&self.message(), into);
    }

    /// Reads a whole record.
    fn read(key: &[u8], value: &[u8]) -> Result<Self, Malformed> {
        Self::restore(key, decode(value)?)
    }
}

/// Writes a value into `into`, whose former content is gone.
#[expect(clippy::expect_used, reason = "a vector grows as needed")]
pub(super) fn encode(message: &impl Message, into: &mut Vec<u8>) {
    begin(into);
    message.encode(into).expect("a vector has room for every message");
}

/// Begins a value in `into`, whose former content is gone, for the fields that follow.
fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(FORMAT);
}

/// Reads a value.
pub(super) fn decode<M: Message + Default>(value: &[u8]) -> Result<M, Malformed> {
    match value.split_first() {
        Some((&FORMAT, payload)) => {
            M::decode(payload).map_err(|error| Malformed::Damaged(error.to_string()))
        }
        Some((&format, _)) if format > FORMAT => Err(Malformed::NewerFormat(format)),
        _ => Err(Malformed::Damaged("it has no format".into())),
    }
}

/// Takes what `restore` cannot do without.
fn required<T>(field: Option<T>, name: &str) -> Result<T, Malformed> {
    field.ok_or_else(|| Malformed::missing(name))
}

/// Takes a part of a key.
pub(super) fn keyed<T>(part: Option<T>) -> Result<T, Malformed> {
    part.ok_or_else(|| Malformed::Damaged("its key has another length".into()))
}

/// A word of a closed list, stored as its number.
pub(super) trait Word: Copy {
    fn number(self) -> u32;
    fn of(number: u32) -> Result<Self, Malformed>;
}

macro_rules! numbered {
    ($type:ident: $($variant:ident = $number:literal),+ $(,)?) => {
        impl $crate::store::codec::Word for $type {
            fn number(self) -> u32 {
                match self { $(Self::$variant => $number),+ }
            }

            fn of(number: u32) -> Result<Self, $crate::store::codec::Malformed> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    0 => Err($crate::store::codec::Malformed::missing(stringify!($type))),
                    _ => Err($crate::store::codec::Malformed::NewerWord { what: stringify!($type), number }),
                }
            }
        }
    };
}
use numbered;

#[cfg(test)]
mod tests {
    use core::fmt::Debug;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::cmdb::{CiRow, End, RelationRow};
    use crate::engine::changes::{AlertRow, Counters, MemberRow};
    use crate::model::alert::{AlertState, Slot};
    use crate::model::audit::AuditEntry;
    use crate::model::bulletin::{Bulletin, BulletinField, BulletinKind};
    use crate::model::credit::Credits;
    use crate::model::delivery::DeliveryId;
    use crate::model::escalation::{Policy, PolicyHash};
    use crate::model::incident::{Incident, RecordId};
    use crate::model::journal::JournalEntry;
    use crate::model::labels::Fingerprint;
    use crate::model::learned::{LearnedKey, LearnedRow};
    use crate::model::notice::{Notice, NoticeKind, NoticeState};
    use crate::model::partition::{Edge, Position};
    use crate::model::priority::{Impact, Priority, Urgency};
    use crate::model::progress::WaitsFor;
    use crate::model::quarantine::{Cause, Quarantined};
    use crate::model::silence::Silence;
    use crate::model::time::Timestamp;
    use crate::model::timeline::{Entry, Happening};
    use crate::store::dice::Dice;

    /// Compares a record with its frozen bytes, both ways.
    pub(super) fn frozen<R: Row + PartialEq + Debug>(row: &R, key: &[u8], value: &[u8]) {
        assert_eq!(row.key().as_ref().escape_ascii().to_string(), key.escape_ascii().to_string());
        frozen_value(&row.message(), value);
        same(row);
    }

    /// Compares a message with its frozen bytes.
    pub(super) fn frozen_value(message: &impl Message, value: &[u8]) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        assert_eq!(bytes.escape_ascii().to_string(), value.escape_ascii().to_string());
    }

    /// Writes a record, be it by way of its message or not, and reads it again.
    pub(super) fn same<R: Row + PartialEq + Debug>(row: &R) {
        let (mut bytes, mut written) = (Vec::new(), vec![0xFF]);
        encode(&row.message(), &mut bytes);
        row.write(&mut written);
        assert_eq!(written.escape_ascii().to_string(), bytes.escape_ascii().to_string(), "{row:?}");
        assert_eq!(&R::read(row.key().as_ref(), &bytes).unwrap(), row);
    }

    proptest! {
        #[test]
        fn every_row_comes_back_as_it_was(seed: u64) {
            let dice = &mut Dice(seed);
            same(&dice.alert());
            same(&dice.state());
            same(&alert::SlotOf { alert: Fingerprint(dice.next()), slot: Slot(7) });
            let past = dice.alert();
            let state = AlertState { slot: Slot::default(), ..past.state.clone() };
            same(&alert::Episode(AlertRow { state, ..past }));
            same(&dice.incident());
            same(&dice.member());
            same(&(RecordId(dice.number()), 7, dice.entry()));
            same(&dice.notice());
            same(&dice.policy());
            same(&dice.recurrence());
            same(&dice.journal());
            same(&dice.delivery());
            same(&dice.position());
            same(&dice.quarantined());
            same(&dice.learned());
            same(&dice.ci("srv-0412"));
            same(&dice.relation_type());
            let counters = dice.counters();
            let message = meta::CountersMessage::from(&counters);
            prop_assert_eq!(Counters::try_from(message).unwrap(), counters);
            same(&dice.silence());
            same(&dice.audit());
            same(&dice.credits());
            same(&dice.bulletin());
        }

        #[test]
        fn no_value_is_too_bad_to_be_refused(value: Vec<u8>, key in proptest::collection::vec(any::<u8>(), 0..20)) {
            fn read<R: Row>(key: &[u8], value: &[u8]) {
                for value in [value, &[&[FORMAT], value].concat()] {
                    R::read(key, value).ok();
                }
            }
            read::<AlertRow>(&key, &value);
            read::<AlertState>(&key, &value);
            read::<alert::SlotOf>(&key, &value);
            read::<Incident>(&key, &value);
            read::<MemberRow>(&key, &value);
            read::<(RecordId, u32, Entry)>(&key, &value);
            read::<Notice>(&key, &value);
            read::<(PolicyHash, Arc<Policy>)>(&key, &value);
            read::<Silence>(&key, &value);
            read::<AuditEntry>(&key, &value);
            read::<JournalEntry>(&key, &value);
            read::<(DeliveryId, Timestamp)>(&key, &value);
            read::<Position>(&key, &value);
            read::<Quarantined>(&key, &value);
            read::<(LearnedKey, LearnedRow)>(&key, &value);
            read::<Credits>(&key, &value);
            read::<Bulletin>(&key, &value);
            read::<CiRow>(&key, &value);
            read::<RelationRow>(&key, &value);
        }
    }

    /// Numbers are taken from 1 without a gap, and each says the same both ways.
    fn counted<W: Word>(last: u32) {
        for number in 1..=last {
            assert_eq!(W::of(number).map(W::number), Ok(number));
        }
        assert!(matches!(W::of(0), Err(Malformed::Damaged(_))));
        assert!(
            matches!(W::of(last + 1), Err(Malformed::NewerWord { number, .. }) if number == last + 1)
        );
    }

    #[test]
    fn every_word_has_its_number_and_unknown_numbers_are_refused() {
        counted::<Impact>(3);
        counted::<Urgency>(3);
        counted::<Priority>(4);
        counted::<Happening>(32);
        counted::<WaitsFor>(3);
        counted::<NoticeKind>(3);
        counted::<NoticeState>(2);
        counted::<Cause>(3);
        counted::<BulletinKind>(12);
        counted::<BulletinField>(16);
        counted::<End>(2);
        counted::<Edge>(2);
    }

    #[test]
    fn a_value_of_another_format_is_refused_with_the_remedy() {
        for (value, wording) in [
            (&[2, 0][..], "has format 2, and 1 is the newest this version of incidentd reads; run"),
            (&[0, 0], "is damaged: it has no format; restore"),
            (&[], "is damaged: it has no format; restore"),
            (&[1, 0xFF], "is damaged: failed to decode"),
        ] {
            let error = decode::<meta::SchemaMessage>(value).unwrap_err().to_string();
            assert!(error.starts_with(wording), "{error}");
        }
    }
}
