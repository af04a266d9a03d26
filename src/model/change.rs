//! Planned changes: what is going to be done to which CIs, when, and by whom.

use core::fmt;

use super::time::Timestamp;

/// A planned change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number in the tool it comes from, `CHG-123`; changes are told apart by it.
    pub number: Box<str>,
    /// Names of the CIs it is done to, sorted, each once.
    pub cis: Vec<Box<str>>,
    /// When it begins, inclusive.
    pub starts_at: Timestamp,
    /// When it ends, exclusive.
    pub ends_at: Timestamp,
    /// How far it has got.
    pub state: ChangeState,
    /// Who answers for it; may be empty.
    pub owner: Box<str>,
    /// What is done, in one line; may be empty.
    pub summary: Box<str>,
    /// Which topic says so, `kafka/NAME`; empty where it came otherwise.
    pub source: Box<str>,
}

/// How far a change has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeState {
    /// It is asked for.
    Planned,
    /// It may be done.
    Approved,
    /// It is being done.
    InProgress,
    /// It is over.
    Done,
    /// It will not be done.
    Cancelled,
}

super::priority::words!(
    ChangeState,
    Planned = "planned",
    Approved = "approved",
    InProgress = "in_progress",
    Done = "done",
    Cancelled = "cancelled"
);

impl Change {
    /// True while it is to be reckoned with: its time has come and it is not called off or over.
    pub fn is_active(&self, now: Timestamp) -> bool {
        let is_meant = match self.state {
            ChangeState::Planned | ChangeState::Approved | ChangeState::InProgress => true,
            ChangeState::Done | ChangeState::Cancelled => false,
        };
        is_meant && self.starts_at <= now && now < self.ends_at
    }
}
