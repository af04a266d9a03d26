//! What becomes of an event: the answer for whoever brought it.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::refusal::{Refusal, Refused};
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeId;
use crate::model::priority::words;
use crate::model::progress::StateName;
use crate::model::quarantine::QuarantineId;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;

/// What became of records that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumption {
    /// The offset of the next record that counts.
    pub next: u64,
    /// The turn of the position.
    pub turn: u32,
    /// True when the partition is not to be read on.
    pub is_halted: bool,
    /// What became of the alerts of all records.
    pub received: Received,
    /// Records that went to the quarantine.
    pub unreadable: u32,
    /// Records that had come before.
    pub repeated: u32,
}

/// What became of a person's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// The incident it belongs to; nothing while it is held back.
    pub incident: Option<IncidentId>,
    /// Whether that was open before.
    pub how: Match,
    /// Why nobody is told, in words; empty otherwise.
    pub held_back: String,
}

/// What a report was to the incidents that were open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// None of them was about it.
    New,
    /// One of them was about the same.
    Same,
    /// One of them is likely to have its cause: it is a subordinate there.
    Similar,
}

words!(Match, New = "new", Same = "same", Similar = "similar");

/// The engine's answer to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What became of received alerts.
    Received(Received),
    /// A person's order was carried out.
    Handled(Handled),
    /// A person's report was taken.
    Reported(Filed),
    /// A silence is in force, or will be, under this id.
    Silenced(SilenceId),
    /// What became of the planned changes.
    Planned(Planned),
    /// People stand in under these numbers.
    Overridden(Vec<u64>),
    /// What became of notices that were given up.
    Retried(Retried),
    /// What became of what was to be forgotten.
    Forgotten(Forgotten),
    /// It is done.
    Done,
    /// It was not done, because it was made for other rules, another topology or another record than
    /// are in force.
    Outdated,
    /// It was done before, under the same id; nothing changed.
    Duplicate,
    /// What became of records of Kafka; where the partition stands.
    Consumed(Box<Consumption>),
    /// It is kept in the quarantine.
    Quarantined(QuarantineId),
    /// It was not done, and nothing changed.
    Refused(Refusal),
}

/// How many planned changes are others than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// New ones.
    pub added: u32,
    /// Those that are planned otherwise.
    pub changed: u32,
    /// Those that are planned no more.
    pub removed: u32,
}

/// What became of an incident that a person handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The incident; the one that survives a merger, the one that was split off.
    pub incident: IncidentId,
    /// Its state.
    pub state: StateName,
    /// Its version.
    pub version: u32,
    /// Who has it, until when.
    pub holder: Option<(Box<str>, Timestamp)>,
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
    /// Alerts that were left out, by the name of the rule that says so.
    pub dropped: BTreeMap<Arc<str>, u32>,
    /// Alerts beyond what the source may hold; they are in the quarantine.
    pub overflowed: u32,
    /// The record of the quarantine that holds those.
    pub quarantined: Option<QuarantineId>,
    /// Alerts that could not be taken: index in the delivery, then why.
    pub refused: Vec<(u32, Refused)>,
}

impl Received {
    /// Adds what became of another delivery; of those in the quarantine the last is named.
    pub fn add(&mut self, more: Self) {
        self.began += more.began;
        self.ended += more.ended;
        self.updated += more.updated;
        self.repeated += more.repeated;
        for (rule, count) in more.dropped {
            *self.dropped.entry(rule).or_default() += count;
        }
        self.overflowed += more.overflowed;
        self.quarantined = more.quarantined.or(self.quarantined);
        self.refused.extend(more.refused);
    }
}

/// Notices that were given up, after a person wanted them sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// To be sent once more.
    pub pending: Vec<NoticeId>,
    /// Put away: nobody has to answer any more.
    pub withheld: Vec<NoticeId>,
}
