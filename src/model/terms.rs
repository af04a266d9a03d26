//! What an incident is held to beside its policy: an agreement, a person's word on its priority, a
//! promised update, and who wants to hear of it.

use core::fmt;
use core::time::Duration;

use super::priority::{Priority, words};
use super::progress::StateName;
use super::time::Timestamp;

/// Who can hear of one incident beside whoever was called for it.
pub const SUBSCRIBERS_MAX: usize = 100;

/// What an incident is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The service agreement whose limits hold.
    pub agreement: Option<Box<str>>,
    /// The priority that a person gave it.
    pub by_hand: Option<ByHand>,
    /// The update that was promised.
    pub promise: Option<Promise>,
    /// The state it is in, and how long it may be.
    pub in_state: Option<InState>,
    /// The supplier that it waits for, where they have a limit.
    pub supplier: Option<Supplier>,
    /// Teams and contacts who hear of it without being called.
    pub subscribers: Vec<Box<str>>,
}

/// A priority that holds until it is lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// What.
    pub priority: Priority,
    /// Who says so.
    pub by: Box<str>,
    /// Why.
    pub because: Box<str>,
    /// The most pressing that was computed since, of which its holder was told.
    pub told: Option<Priority>,
}

/// When those who were told hear next, by somebody's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Whose.
    pub by: Box<str>,
    /// When it is due.
    pub due_at: Timestamp,
    /// From one update to the next.
    pub every: Duration,
    /// Who was reminded that it is overdue.
    pub reminded: Reminded,
}

/// How long an incident has been in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InState {
    /// The state.
    pub state: StateName,
    /// Since when.
    pub since: Timestamp,
    /// When it has been in it for too long; `None` without a limit, and once somebody was told.
    pub due_at: Option<Timestamp>,
    /// When somebody was told.
    pub told_at: Option<Timestamp>,
}

/// The supplier that an incident waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supplier {
    /// Since when.
    pub since: Timestamp,
    /// When they have to be done; `None` once somebody was told that they are late.
    pub due_at: Option<Timestamp>,
}

/// Who was reminded that an update is overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reminded {
    /// Nobody yet.
    Nobody,
    /// Whoever promised it.
    Holder,
    /// Their lead as well.
    Lead,
}

words!(Reminded, Nobody = "nobody", Holder = "holder", Lead = "lead");

impl Promise {
    /// Returns when the next is to be reminded: at the time that was promised whoever promised it,
    /// half as long again later their lead.
    pub fn next_due(&self) -> Option<Timestamp> {
        match self.reminded {
            Reminded::Nobody => Some(self.due_at),
            Reminded::Holder => Some(self.due_at.plus(self.every / 2)),
            Reminded::Lead => None,
        }
    }
}
