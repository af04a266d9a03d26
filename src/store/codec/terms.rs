//! What an incident is held to beside its policy: a part of its record.

use core::time::Duration;

use prost::Message;

use super::{Malformed, Word, numbered};
use crate::model::priority::Priority;
use crate::model::progress::StateName;
use crate::model::terms::{ByHand, InState, Promise, Reminded, Supplier, Terms};
use crate::model::time::Timestamp;

numbered!(Reminded: Nobody = 1, Holder = 2, Lead = 3);

/// What an incident is held to.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TermsMessage {
    #[prost(string, optional, tag = "1")]
    agreement: Option<String>,
    #[prost(message, optional, tag = "2")]
    by_hand: Option<ByHandMessage>,
    #[prost(message, optional, tag = "3")]
    promise: Option<PromiseMessage>,
    #[prost(string, repeated, tag = "4")]
    subscribers: Vec<String>,
    #[prost(message, optional, tag = "5")]
    supplier: Option<SupplierMessage>,
    #[prost(message, optional, tag = "6")]
    in_state: Option<InStateMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct InStateMessage {
    #[prost(uint32, tag = "1")]
    state: u32,
    #[prost(int64, tag = "2")]
    since: i64,
    #[prost(int64, optional, tag = "3")]
    due_at: Option<i64>,
    #[prost(int64, optional, tag = "4")]
    told_at: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct SupplierMessage {
    #[prost(int64, tag = "1")]
    since: i64,
    #[prost(int64, optional, tag = "2")]
    due_at: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct ByHandMessage {
    #[prost(uint32, tag = "1")]
    priority: u32,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, tag = "3")]
    because: String,
    #[prost(uint32, optional, tag = "4")]
    told: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct PromiseMessage {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(int64, tag = "2")]
    due_at: i64,
    #[prost(uint64, tag = "3")]
    every_ms: u64,
    #[prost(uint32, tag = "4")]
    reminded: u32,
}

impl From<&Terms> for TermsMessage {
    fn from(terms: &Terms) -> Self {
        Self {
            agreement: terms.agreement.as_deref().map(String::from),
            by_hand: terms.by_hand.as_ref().map(|it| ByHandMessage {
                priority: it.priority.number(),
                by: String::from(&*it.by),
                because: String::from(&*it.because),
                told: it.told.map(Word::number),
            }),
            promise: terms.promise.as_ref().map(|it| PromiseMessage {
                by: String::from(&*it.by),
                due_at: it.due_at.millis(),
                every_ms: u64::try_from(it.every.as_millis()).unwrap_or(u64::MAX),
                reminded: it.reminded.number(),
            }),
            subscribers: terms.subscribers.iter().map(ToString::to_string).collect(),
            in_state: terms.in_state.map(|it| InStateMessage {
                state: it.state.number(),
                since: it.since.millis(),
                due_at: it.due_at.map(Timestamp::millis),
                told_at: it.told_at.map(Timestamp::millis),
            }),
            supplier: terms.supplier.map(|it| SupplierMessage {
                since: it.since.millis(),
                due_at: it.due_at.map(Timestamp::millis),
            }),
        }
    }
}

impl TryFrom<TermsMessage> for Terms {
    type Error = Malformed;

    fn try_from(message: TermsMessage) -> Result<Self, Malformed> {
        let by_hand = |it: ByHandMessage| -> Result<ByHand, Malformed> {
            Ok(ByHand {
                priority: Priority::of(it.priority)?,
                by: it.by.into(),
                because: it.because.into(),
                told: it.told.map(Priority::of).transpose()?,
            })
        };
        let promise = |it: PromiseMessage| -> Result<Promise, Malformed> {
            Ok(Promise {
                by: it.by.into(),
                due_at: Timestamp::from_millis(it.due_at),
                every: Duration::from_millis(it.every_ms),
                reminded: Reminded::of(it.reminded)?,
            })
        };
        let in_state = |it: InStateMessage| -> Result<InState, Malformed> {
            Ok(InState {
                state: StateName::of(it.state)?,
                since: Timestamp::from_millis(it.since),
                due_at: it.due_at.map(Timestamp::from_millis),
                told_at: it.told_at.map(Timestamp::from_millis),
            })
        };
        Ok(Self {
            in_state: message.in_state.map(in_state).transpose()?,
            agreement: message.agreement.map(Into::into),
            by_hand: message.by_hand.map(by_hand).transpose()?,
            promise: message.promise.map(promise).transpose()?,
            subscribers: message.subscribers.into_iter().map(Into::into).collect(),
            supplier: message.supplier.map(|it| Supplier {
                since: Timestamp::from_millis(it.since),
                due_at: it.due_at.map(Timestamp::from_millis),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen_value;
    use super::*;

    #[test]
    fn the_bytes_of_terms_stay_as_they_are() {
        let terms = Terms {
            agreement: Some("gold".into()),
            by_hand: Some(ByHand {
                priority: Priority::P2,
                by: "mia".into(),
                because: "why".into(),
                told: Some(Priority::P1),
            }),
            promise: Some(Promise {
                by: "ann".into(),
                due_at: Timestamp::from_millis(9),
                every: Duration::from_millis(10),
                reminded: Reminded::Holder,
            }),
            subscribers: vec!["net".into()],
            in_state: Some(InState {
                state: StateName::OnHold,
                since: Timestamp::from_millis(13),
                due_at: Some(Timestamp::from_millis(14)),
                told_at: Some(Timestamp::from_millis(15)),
            }),
            supplier: Some(Supplier {
                since: Timestamp::from_millis(11),
                due_at: Some(Timestamp::from_millis(12)),
            }),
        };
        let message = TermsMessage::from(&terms);
        let value = b"\x01\x0a\x04gold\x12\x0e\x08\x02\x12\x03mia\x1a\x03why \x01\
            \x1a\x0b\x0a\x03ann\x10\x09\x18\x0a \x02\"\x03net*\x04\x08\x0b\x10\x0c2\x08\x08\x04\x10\x0d\x18\x0e \x0f";
        frozen_value(&message, value);
        assert_eq!(Terms::try_from(message), Ok(terms));
    }
}
