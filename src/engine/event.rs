//! What can happen to the engine, in one closed list.

use core::time::Duration;
use std::sync::Arc;

use super::order::{Filing, Order};
use super::rebind::Forecast;
use crate::model::alert::Occurrence;
use crate::model::change::Change;
use crate::model::delivery::DeliveryId;
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Fingerprint;
use crate::model::link::Action;
use crate::model::notice::NoticeId;
use crate::model::partition::{Goal, Partition};
use crate::model::quarantine::{QuarantineId, Unhandled};
use crate::model::silence::{Silence, SilenceId};
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
    /// A person handles an incident.
    Handle(Order),
    /// A person reports that something is wrong.
    Report(Box<Filing>),
    /// Somebody silences alerts, or changes a silence.
    Silence {
        /// The wish, under the id it gets where it becomes a silence of its own.
        silence: Silence,
        /// The silence it is to change.
        replaces: Option<SilenceId>,
    },
    /// Somebody ends a silence.
    Unsilence {
        /// Which.
        id: SilenceId,
        /// Who.
        by: Box<str>,
    },
    /// Changes are planned, or planned otherwise.
    PlanChanges {
        /// What is planned; of two with one number the later counts.
        changes: Vec<Change>,
        /// What becomes of those that are not named.
        rest: Rest,
        /// Who says so.
        by: Box<str>,
    },
    /// People are to have the shifts of teams, whatever the rotations say.
    PlanOverrides {
        /// Who, when; all of them or none.
        stand_ins: Vec<StandIn>,
        /// Who says so.
        by: Box<str>,
        /// Why; may be empty.
        note: Box<str>,
    },
    /// Somebody takes such an override back.
    DropOverride {
        /// Its number.
        number: u64,
        /// Who.
        by: Box<str>,
    },
    /// Somebody did something outside the engine that the audit trail has to tell.
    Audit {
        /// Who.
        by: Box<str>,
        /// What, in one word or two.
        action: Box<str>,
        /// To what; may be empty.
        object: Box<str>,
        /// The rest, in words; may be empty.
        detail: String,
    },
    /// A channel took a notice.
    Delivered {
        /// Which.
        notice: NoticeId,
        /// The channel's name.
        channel: Box<str>,
        /// What it wrote that has to follow the incident: the place, and the message there.
        thread: Option<(Box<str>, Box<str>)>,
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
    /// Other systems were told.
    Published {
        /// Places of the bulletins; those that are gone already are passed over.
        bulletins: Vec<u64>,
    },
    /// An event under an id its sender gave: happens once, whatever is sent again.
    Once {
        /// Which delivery or command.
        delivery: DeliveryId,
        /// What is to happen.
        event: Box<Event>,
    },
    /// A person answers a notice by one of its links, each of which is good once.
    ByLink {
        /// The notice that the link came with.
        notice: NoticeId,
        /// What the link is for.
        action: Action,
        /// What is to be done.
        order: Order,
    },
    /// A person writes on the record of an incident that is over, or wants something to be done.
    Afterwards {
        /// The record as it is stored.
        record: Box<Incident>,
        /// What is to be written, by [`Command::Set`](super::order::Command::Set),
        /// or done, by [`Command::AddAction`](super::order::Command::AddAction).
        order: Order,
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
    /// Records of a partition of a Kafka topic were read.
    Consumed(Box<Consumed>),
    /// A partition cannot be read on as it is, and waits for a person.
    Halt {
        /// Which.
        partition: Partition,
        /// Why, in words, and what to do.
        why: String,
    },
    /// A person lets a partition go on.
    Seek {
        /// Which.
        partition: Partition,
        /// From where.
        to: Goal,
        /// Who.
        by: Box<str>,
    },
    /// A person says that a record of the quarantine is of no use.
    DropQuarantined(QuarantineId),
    /// A person has notices that were given up sent once more.
    Retry {
        /// Which; those that are not given up (any more) are passed over.
        notices: Vec<NoticeId>,
        /// Who.
        by: Box<str>,
    },
    /// What is over is old enough to be forgotten.
    Forget {
        /// Closed incidents, with their members, timelines and notices.
        incidents: Vec<IncidentId>,
        /// Past episodes.
        episodes: Vec<PastEpisode>,
        /// Entries of the journal from before then; `None` for none.
        journal_before: Option<Timestamp>,
    },
    /// The topology of the context is another than before, and this is what it means for the alerts.
    TopologyChanged(Arc<Forecast>),
    /// The rules of the context are others than before, and this is what they mean for the alerts.
    RulesChanged(Arc<Forecast>),
    /// Time passed.
    Tick,
}

impl Event {
    /// Returns the alerts of a message and the source that sent it; those of Kafka's records are no
    /// message's.
    #[must_use]
    pub fn alerts(&self) -> Option<(&Arc<str>, &[Occurrence])> {
        match self {
            Self::Received { source, occurrences } | Self::Replay { source, occurrences, .. } => {
                Some((source, occurrences))
            }
            Self::Once { event, .. } => event.alerts(),
            Self::Handle(_)
            | Self::Report(_)
            | Self::ByLink { .. }
            | Self::Afterwards { .. }
            | Self::Silence { .. }
            | Self::Unsilence { .. }
            | Self::PlanChanges { .. }
            | Self::PlanOverrides { .. }
            | Self::DropOverride { .. }
            | Self::Audit { .. }
            | Self::Retry { .. }
            | Self::Forget { .. }
            | Self::TopologyChanged(_)
            | Self::RulesChanged(_)
            | Self::Delivered { .. }
            | Self::Failed { .. }
            | Self::Withheld { .. }
            | Self::Published { .. }
            | Self::Quarantine(_)
            | Self::Consumed(_)
            | Self::Halt { .. }
            | Self::Seek { .. }
            | Self::DropQuarantined(_)
            | Self::Tick => None,
        }
    }
}

/// A person who is to have the shift of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The team.
    pub team: Box<str>,
    /// When it begins, inclusive.
    pub from: Timestamp,
    /// When it ends, exclusive.
    pub until: Timestamp,
    /// The person.
    pub contact: Box<str>,
}

/// Records of one partition in the order of their offsets.
#[derive(Clone, Debug)]
pub struct Consumed {
    /// Which.
    pub partition: Partition,
    /// The id of the cluster.
    pub cluster: Box<str>,
    /// Which turn of the partition's position they were read in; those of another count for nothing.
    pub turn: u32,
    /// The offset to begin from where the partition was not read before, or was sent to one of its ends.
    pub first: u64,
    /// True when they are old: they are from a backlog.
    pub is_late: bool,
    /// What was read; may be nothing.
    pub records: Vec<Record>,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its offset.
    pub offset: u64,
    /// A hash of it.
    pub mark: u64,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Content {
    /// Alerts.
    Alerts {
        /// In their order.
        occurrences: Vec<Occurrence>,
        /// Under which id they are taken once, where the sender gave one.
        delivery: Option<DeliveryId>,
    },
    /// How a change is planned; nothing when it is planned no more.
    Planned {
        /// Its number.
        number: Box<str>,
        /// The change.
        change: Option<Box<Change>>,
    },
    /// It cannot be read.
    Unreadable(Box<Unhandled>),
    /// Nothing.
    Nothing,
}

/// What becomes of planned changes that are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They stay as they are.
    Stays,
    /// They are planned no more.
    Goes,
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
