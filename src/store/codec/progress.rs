//! The state of an incident.

use prost::{Message, Oneof};

use super::{Malformed, Word, numbered};
use crate::model::progress::{Progress, WaitsFor};
use crate::model::time::Timestamp;

numbered!(WaitsFor: Supplier = 1, Change = 2, User = 3);

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ProgressMessage {
    #[prost(message, tag = "2")]
    New(()),
    #[prost(message, tag = "3")]
    Acknowledged(HeldMessage),
    #[prost(message, tag = "4")]
    InProgress(HeldMessage),
    #[prost(message, tag = "5")]
    Resolved(ResolvedMessage),
    /// When.
    #[prost(int64, tag = "6")]
    Closed(i64),
    #[prost(message, tag = "34")]
    OnHold(OnHoldMessage),
    #[prost(message, tag = "84")]
    Cancelled(CancelledMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CancelledMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    by: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OnHoldMessage {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(uint32, tag = "2")]
    waits_for: u32,
    #[prost(int64, tag = "3")]
    until: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeldMessage {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(int64, tag = "2")]
    until: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResolvedMessage {
    #[prost(int64, tag = "1")]
    at: i64,
    #[prost(string, optional, tag = "2")]
    by: Option<String>,
    #[prost(string, optional, tag = "3")]
    had: Option<String>,
}

impl From<&Progress> for ProgressMessage {
    fn from(progress: &Progress) -> Self {
        let held =
            |by: &str, until: Timestamp| HeldMessage { by: by.into(), until: until.millis() };
        match progress {
            Progress::New => Self::New(()),
            Progress::Acknowledged { by, until } => Self::Acknowledged(held(by, *until)),
            Progress::InProgress { by, until } => Self::InProgress(held(by, *until)),
            Progress::OnHold { by, waits_for, until } => Self::OnHold(OnHoldMessage {
                by: String::from(&**by),
                waits_for: waits_for.number(),
                until: until.millis(),
            }),
            Progress::Resolved { at, by, had } => Self::Resolved(ResolvedMessage {
                at: at.millis(),
                by: by.as_deref().map(String::from),
                had: had.as_deref().map(String::from),
            }),
            Progress::Closed { at } => Self::Closed(at.millis()),
            Progress::Cancelled { at, by } => {
                Self::Cancelled(CancelledMessage { at: at.millis(), by: String::from(&**by) })
            }
        }
    }
}

impl TryFrom<ProgressMessage> for Progress {
    type Error = Malformed;

    fn try_from(message: ProgressMessage) -> Result<Self, Malformed> {
        Ok(match message {
            ProgressMessage::New(()) => Self::New,
            ProgressMessage::Acknowledged(HeldMessage { by, until }) => {
                Self::Acknowledged { by: by.into(), until: Timestamp::from_millis(until) }
            }
            ProgressMessage::InProgress(HeldMessage { by, until }) => {
                Self::InProgress { by: by.into(), until: Timestamp::from_millis(until) }
            }
            ProgressMessage::Resolved(ResolvedMessage { at, by, had }) => Self::Resolved {
                at: Timestamp::from_millis(at),
                by: by.map(Into::into),
                had: had.map(Into::into),
            },
            ProgressMessage::Closed(at) => Self::Closed { at: Timestamp::from_millis(at) },
            ProgressMessage::Cancelled(CancelledMessage { at, by }) => {
                Self::Cancelled { at: Timestamp::from_millis(at), by: by.into() }
            }
            ProgressMessage::OnHold(OnHoldMessage { by, waits_for, until }) => Self::OnHold {
                by: by.into(),
                waits_for: WaitsFor::of(waits_for)?,
                until: Timestamp::from_millis(until),
            },
        })
    }
}
