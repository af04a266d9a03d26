//! The timeline of an incident: what happened to it, when, and why.

use core::fmt;

use super::alert::Path;
use super::priority::words;
use super::time::Timestamp;

/// What happened to an incident; the kind of a timeline entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// It was opened.
    Opened,
    /// Members were added.
    Joined,
    /// Members started to fire again.
    Refired,
    /// Another alert explains it now.
    RootChanged,
    /// Another incident became its subordinate.
    Adopted,
    /// It became another incident's subordinate.
    Merged,
    /// Members went on to incidents of their own.
    Split,
    /// Its priority changed.
    Priority,
    /// A team got it.
    Assigned,
    /// A step sideways fell due.
    EscalatedFunctional,
    /// A step upwards fell due.
    EscalatedHierarchical,
    /// A step of the resolution clock fell due.
    EscalatedResolution,
    /// A step of an acceptance clock fell due.
    EscalatedAcceptance,
    /// Its first notice waits for a cause.
    Waiting,
    /// A notice was planned.
    Notice,
    /// A notice was delivered.
    Delivered,
    /// An attempt to deliver a notice failed.
    Failed,
    /// A notice was given up.
    Dead,
    /// A notice was not sent, because it was no longer needed.
    Withheld,
    /// Somebody acknowledged it.
    Acknowledged,
    /// An acknowledgement lapsed.
    AckExpired,
    /// Members stopped firing.
    Cleared,
    /// It was resolved.
    Resolved,
    /// It came back.
    Reopened,
    /// It was closed.
    Closed,
    /// It is like an earlier incident.
    Recurrence,
    /// Somebody wrote something down.
    Noted,
    /// Somebody took it.
    Claimed,
    /// Work waits.
    Held,
    /// Work goes on.
    HoldEnded,
    /// Somebody gave an acknowledgement back.
    Unacknowledged,
    /// All that fires of it is silenced or inhibited.
    Quieted,
    /// It is held back no more.
    Raised,
    /// It is taken for a known error, or no longer.
    KnownError,
    /// A planned change began on its root, or on what that depends on; or changes that were planned
    /// otherwise since make another CI the first suspect.
    Change,
    /// It became a storm.
    StormBegan,
    /// Its storm is over.
    StormEnded,
    /// Alerts of it began in the order of a rule's steps.
    Sequence,
    /// Another incident may be the same.
    Perhaps,
    /// Somebody wrote on its record.
    Written,
    /// Somebody says that it is of another category.
    Reclassified,
    /// Somebody says how long they worked on it.
    Timed,
    /// A person reported it.
    Reported,
    /// Somebody was asked whether it is over.
    Asked,
    /// Somebody says that it is over.
    Confirmed,
    /// Somebody says that it is not over.
    Rejected,
    /// Its alerts were looked at after somebody resolved it.
    Verified,
    /// It was a false alarm.
    Cancelled,
    /// It is a major incident, or none any more.
    Major,
    /// A response plan was copied onto it.
    Plan,
    /// An item of its plan was done.
    Ticked,
    /// Somebody got a role.
    Role,
    /// It is watched after its resolution, or no longer.
    Watched,
    /// Its review wants something to be done, or that is done.
    Action,
    /// Something that its review wants is overdue.
    ActionOverdue,
    /// It was given back as misrouted.
    Returned,
    /// Further teams were called to help.
    Convened,
    /// One of them confirmed that they do.
    Accepted,
    /// Somebody said how it stands.
    Updated,
    /// An update that was promised is overdue.
    UpdateOverdue,
    /// Who hears of it is others than before.
    Subscribed,
    /// The supplier that it waits for is late.
    SupplierOverdue,
    /// It has been in one state for too long.
    StateOverdue,
    /// A step of its policy does not hold for it.
    PassedOver,
}

words!(
    Happening,
    Opened = "opened",
    Joined = "joined",
    Refired = "refired",
    RootChanged = "root_changed",
    Adopted = "adopted",
    Merged = "merged",
    Split = "split",
    Priority = "priority",
    Assigned = "assigned",
    EscalatedFunctional = "escalated_functional",
    EscalatedHierarchical = "escalated_hierarchical",
    EscalatedResolution = "escalated_resolution",
    EscalatedAcceptance = "escalated_acceptance",
    Waiting = "waiting",
    Notice = "notice",
    Delivered = "delivered",
    Failed = "failed",
    Dead = "dead",
    Withheld = "withheld",
    Acknowledged = "acknowledged",
    AckExpired = "ack_expired",
    Cleared = "cleared",
    Resolved = "resolved",
    Reopened = "reopened",
    Closed = "closed",
    Recurrence = "recurrence",
    Noted = "noted",
    Claimed = "claimed",
    Held = "held",
    HoldEnded = "hold_ended",
    Unacknowledged = "unacknowledged",
    Quieted = "quieted",
    Raised = "raised",
    KnownError = "known_error",
    Change = "change",
    StormBegan = "storm_began",
    StormEnded = "storm_ended",
    Sequence = "sequence",
    Perhaps = "perhaps",
    Written = "written",
    Reclassified = "reclassified",
    Timed = "timed",
    Reported = "reported",
    Asked = "asked",
    Confirmed = "confirmed",
    Rejected = "rejected",
    Verified = "verified",
    Cancelled = "cancelled",
    Major = "major",
    Plan = "plan",
    Ticked = "ticked",
    Role = "role",
    Watched = "watched",
    Action = "action",
    ActionOverdue = "action_overdue",
    Returned = "returned",
    Convened = "convened",
    Accepted = "accepted",
    Updated = "updated",
    UpdateOverdue = "update_overdue",
    Subscribed = "subscribed",
    SupplierOverdue = "supplier_overdue",
    StateOverdue = "state_overdue",
    PassedOver = "passed_over"
);

/// One entry of a timeline: one per kind of event and batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
    /// How many events of the batch it stands for.
    pub count: u32,
    /// The reason of the first of them, in words.
    pub text: String,
    /// The way through the topology that decided it, where one did.
    pub path: Option<Path>,
}
