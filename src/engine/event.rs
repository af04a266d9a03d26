//! What can happen to the engine, and what it answers.

use core::time::Duration;
use std::sync::Arc;

use crate::model::alert::Occurrence;
use crate::model::delivery::DeliveryId;
use crate::model::incident::{IncidentId, StateName};
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeId;
use crate::model::quarantine::{QuarantineId, Unhandled};
use crate::model::time::Timestamp;

/// Everything that can change the state, in one closed list.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source sent alerts.
    Received {
        /// The source's name.
        source: Arc<str>,
        /// Its alerts in their order.
        occurrences: Vec<Occurrence>,
    },
    /// A person answered an incident.
    Acknowledge {
        /// Which.
        incident: IncidentId,
        /// Who.
        by: Box<str>,
        /// For how long; the priority's own time when not given.
        hold: Option<Duration>,
        /// What they said; may be empty.
        note: String,
    },
    /// A person says that service is restored.
    Resolve {
        /// Which.
        incident: IncidentId,
        /// Who.
        by: Box<str>,
        /// What they said; may be empty.
        note: String,
    },
    /// A channel took a notice.
    Delivered {
        /// Which.
        notice: NoticeId,
        /// The channel's name.
        channel: Box<str>,
    },
    /// A channel did not take a notice.
    Failed {
        /// Which.
        notice: NoticeId,
        /// The channel's name.
        channel: Box<str>,
        /// Why, in words.
        error: String,
        /// How long to wait before the next attempt; `None` when this channel will never take it.
        retry_in: Option<Duration>,
    },
    /// A notice was not sent because nobody needs it any more.
    Withheld {
        /// Which.
        notice: NoticeId,
        /// Why, in words.
        because: String,
    },
    /// An event under an id its sender gave: happens once, whatever is sent again.
    Once {
        /// Which delivery or command.
        delivery: DeliveryId,
        /// What is to happen.
        event: Box<Event>,
    },
    /// Something came that could not be read or handled.
    Quarantine(Box<Unhandled>),
    /// A record of the quarantine could be read after all: its alerts come in, and it leaves.
    Replay {
        /// Which.
        id: QuarantineId,
        /// The source's name.
        source: Arc<str>,
        /// Its alerts in their order.
        occurrences: Vec<Occurrence>,
    },
    /// A person says that a record of the quarantine is of no use.
    DropQuarantined(QuarantineId),
    /// The rules or the topology of the context are others than before.
    Reconfigured,
    /// Time passed.
    Tick,
}

/// The engine's answer to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What became of received alerts.
    Received(Received),
    /// An incident was acknowledged until then.
    Acknowledged {
        /// End of the acknowledgement, exclusive.
        until: Timestamp,
    },
    /// It is done.
    Done,
    /// It was done before, under the same id; nothing changed.
    Duplicate,
    /// It is kept in the quarantine.
    Quarantined(QuarantineId),
    /// It was not done, and nothing changed.
    Refused(Refusal),
}

/// What became of the alerts of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Episodes that began.
    pub began: u32,
    /// Episodes that ended.
    pub ended: u32,
    /// Occurrences that changed an alert otherwise: its lease, text or severity.
    pub updated: u32,
    /// Occurrences that were only counted: repeated or late messages.
    pub repeated: u32,
    /// Alerts beyond what the source may hold; they are in the quarantine.
    pub overflowed: u32,
    /// The record of the quarantine that holds those.
    pub quarantined: Option<QuarantineId>,
    /// Alerts that could not be taken: index in the delivery, then why.
    pub refused: Vec<(u32, Refused)>,
}

/// Why one alert could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Other labels with the same 64-bit fingerprint are held already.
    #[error("labels have the fingerprint {fingerprint} of another alert, {other}; change a label")]
    Collision {
        /// The fingerprint of both.
        fingerprint: Fingerprint,
        /// The labels of the alert that has it.
        other: String,
    },
}

/// Why a person's wish was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No incident in memory has this number: it never existed or is closed.
    #[error("{0} is not open")]
    NotOpen(IncidentId),
    /// It is a subordinate: its incident has to be named.
    #[error("{incident} is part of {parent}; name {parent} instead")]
    Subordinate {
        /// What was named.
        incident: IncidentId,
        /// What it belongs to.
        parent: IncidentId,
    },
    /// The state does not allow it.
    #[error("{incident} is {state} and cannot be {wish}; allowed from here: {allowed}")]
    NotAllowed {
        /// What was named.
        incident: IncidentId,
        /// Its state.
        state: StateName,
        /// What was wished for.
        wish: &'static str,
        /// What would be allowed.
        allowed: &'static str,
    },
    /// The quarantine does not hold it: it never did, or it left.
    #[error("the quarantine holds no record {0}; `quarantine ls` lists what it holds")]
    NotQuarantined(QuarantineId),
}
