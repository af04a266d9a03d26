//! Notices: planned messages to people, delivered at least once under a stable id.

use core::fmt;

use super::incident::{IncidentId, RecordId};
use super::priority::words;
use super::time::Timestamp;

/// The name of the source and of the channel that are the daemon's own: what the one sends, the other
/// receives.
pub const CANARY: &str = "canary";

/// The number that no incident has: the canary's notices are no incident's.
pub const CANARY_INCIDENT: IncidentId = RecordId(0);

/// Incidents that a digest names. It is written anew with each page that it spares, so that in a storm
/// of incidents a longer list would cost more than the pages.
pub const ALSO_MAX: usize = 100;

/// Identifies a notice for ever: the incident and the notice's place among that incident's notices.
/// Receivers get it as an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId {
    /// The incident it is about.
    pub incident: IncidentId,
    /// Counted from 1 within the incident.
    pub seq: u32,
}

/// Writes `INC-1042/3`.
impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.incident, self.seq)
    }
}

impl core::str::FromStr for NoticeId {
    type Err = super::incident::NotARecord;

    /// Reads `INC-1042/3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || super::incident::NotARecord(text.into());
        let (incident, seq) = text.split_once('/').ok_or_else(refused)?;
        Ok(Self { incident: incident.parse()?, seq: seq.parse().map_err(|_| refused())? })
    }
}

/// What a notice asks of the one who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// Interrupts a person, who is to answer.
    Page,
    /// Asks for work without interrupting anybody.
    Ticket,
    /// Amends an earlier notice: adopted, raised, resolved.
    Update,
}

words!(NoticeKind, Page = "page", Ticket = "ticket", Update = "update");

/// Where a notice is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeState {
    /// To be sent, or sent again.
    Pending,
    /// Given up; listed until somebody looks at it.
    Dead,
}

words!(NoticeState, Pending = "pending", Dead = "dead");

/// One planned message to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// What it asks for.
    pub kind: NoticeKind,
    /// The team or person it is for, as the policy or the assignment named it.
    pub target: Box<str>,
    /// The person it goes to.
    pub contact: Box<str>,
    /// Names of that person's channels in order of preference; at least one.
    pub channels: Vec<Box<str>>,
    /// Which of `channels` is tried now.
    pub channel: u32,
    /// Why this person gets it, in words.
    pub because: String,
    /// Further incidents told with it, by number, at most [`ALSO_MAX`]: a digest. Empty in every other
    /// notice.
    pub also: Vec<IncidentId>,
    /// What it tells of beside these, counted only: messages that were spared, or incidents.
    pub also_more: u32,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Where it is on its way.
    pub state: NoticeState,
    /// When it may be tried (again).
    pub due_at: Timestamp,
    /// Attempts so far, all channels together.
    pub attempts: u32,
    /// The last failure, in words; empty before one.
    pub last_error: String,
}

impl Notice {
    /// Returns the name of the channel to try now.
    pub fn channel_name(&self) -> &str {
        self.channels.get(self.channel as usize).map_or("", |name| name)
    }
}
