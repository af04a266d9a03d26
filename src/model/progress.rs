//! The state of an incident, and what it waits for on hold.

use core::fmt;

use super::priority::words;
use super::time::Timestamp;

/// The states an incident can be in; see [`Progress`] for what each carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// Nobody has answered yet.
    New,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody works on it.
    InProgress,
    /// Work waits for somebody or something else.
    OnHold,
    /// Service is restored; it may yet be reopened.
    Resolved,
    /// Over for good.
    Closed,
    /// It was no incident: a false alarm.
    Cancelled,
}

impl StateName {
    /// True when nothing can happen to it any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

words!(
    StateName,
    New = "new",
    Acknowledged = "acknowledged",
    InProgress = "in_progress",
    OnHold = "on_hold",
    Resolved = "resolved",
    Closed = "closed",
    Cancelled = "cancelled"
);

/// What an incident on hold waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitsFor {
    /// A supplier.
    Supplier,
    /// A change.
    Change,
    /// A user's answer.
    User,
}

words!(WaitsFor, Supplier = "supplier", Change = "change", User = "user");

/// How far people have got with an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has answered yet; the response clock runs.
    New,
    /// Somebody has seen it; the response clock is stopped until the acknowledgement expires.
    Acknowledged {
        /// Who.
        by: Box<str>,
        /// When it lapses, exclusive.
        until: Timestamp,
    },
    /// Somebody works on it: claimed it, or had it when it came back.
    InProgress {
        /// Who.
        by: Box<str>,
        /// When it lapses, exclusive.
        until: Timestamp,
    },
    /// Work waits; the resolution clock is stopped until then.
    OnHold {
        /// Who has it.
        by: Box<str>,
        /// What for.
        waits_for: WaitsFor,
        /// When work goes on by itself, exclusive.
        until: Timestamp,
    },
    /// Service is restored.
    Resolved {
        /// When.
        at: Timestamp,
        /// Who said so; `None` when all alerts cleared by themselves.
        by: Option<Box<str>>,
        /// Who had acknowledged it before.
        had: Option<Box<str>>,
    },
    /// Over for good.
    Closed {
        /// When.
        at: Timestamp,
    },
    /// It was no incident: a false alarm.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Who said so.
        by: Box<str>,
    },
}

impl Progress {
    /// Returns the name of the state.
    pub fn name(&self) -> StateName {
        match self {
            Self::New => StateName::New,
            Self::Acknowledged { .. } => StateName::Acknowledged,
            Self::InProgress { .. } => StateName::InProgress,
            Self::OnHold { .. } => StateName::OnHold,
            Self::Resolved { .. } => StateName::Resolved,
            Self::Closed { .. } => StateName::Closed,
            Self::Cancelled { .. } => StateName::Cancelled,
        }
    }

    /// True while somebody has, or should have, work with it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::New
            | Self::Acknowledged { .. }
            | Self::InProgress { .. }
            | Self::OnHold { .. } => true,
            Self::Resolved { .. } | Self::Closed { .. } | Self::Cancelled { .. } => false,
        }
    }

    /// Returns who has it, until when: it comes back to the queue or goes on by itself then.
    pub fn holder(&self) -> Option<(&str, Timestamp)> {
        match self {
            Self::Acknowledged { by, until }
            | Self::InProgress { by, until }
            | Self::OnHold { by, until, .. } => Some((by, *until)),
            Self::New | Self::Resolved { .. } | Self::Closed { .. } | Self::Cancelled { .. } => {
                None
            }
        }
    }
}
