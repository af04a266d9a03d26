//! What can happen to the engine, and what it answers.

use core::time::Duration;
use std::sync::Arc;

use crate::model::alert::Occurrence;
use crate::model::incident::{IncidentId, StateName};
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeId;
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
    /// What is over is old enough to be forgotten.
    Forget {
        /// Closed incidents, with their members, timelines and notices.
        incidents: Vec<IncidentId>,
        /// Past episodes.
        episodes: Vec<PastEpisode>,
    },
    /// The rules or the topology of the context are others than before.
    Reconfigured,
    /// Time passed.
    Tick,
}

/// A past episode of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastEpisode {
    /// The alert.
    pub alert: Fingerprint,
    /// The episode's number.
    pub episode: u32,
    /// The incident it belonged to.
    pub incident: Option<IncidentId>,
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
    /// What became of what was to be forgotten.
    Forgotten(Forgotten),
    /// It is done.
    Done,
    /// It was not done, and nothing changed.
    Refused(Refusal),
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Incidents.
    pub incidents: u32,
    /// Episodes.
    pub episodes: u32,
    /// Of both, those that are still at hand and stay.
    pub refused: u32,
}

impl Forgotten {
    /// Adds what came after it.
    pub fn add(&mut self, more: Self) {
        self.incidents += more.incidents;
        self.episodes += more.episodes;
        self.refused += more.refused;
    }
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
    /// The source holds as many alerts as it may.
    #[error(
        "source {source_name} holds {limit} alerts already, its limit; raise limits.alerts_per_source or find the label that varies"
    )]
    TooMany {
        /// The source's name.
        source_name: Arc<str>,
        /// The limit.
        limit: u32,
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
}
