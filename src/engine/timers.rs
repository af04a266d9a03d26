//! What falls due when. Deadlines are fields of records; this queue only says where to look next.
//!
//! An entry may be out of date: whoever takes one looks at the record before acting.

use std::collections::BTreeSet;

use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;

/// The record to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A lease ends or an ended alert is to be forgotten.
    Alert(Fingerprint),
    /// A deadline of an incident.
    Incident(IncidentId),
    /// A silence begins, ends, or is to be forgotten.
    Silence(SilenceId),
}

/// Entries by time, ties in the order of the records.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn unset(&mut self, at: Timestamp, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the first entry that is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        if self.next()? <= now { self.0.pop_first() } else { None }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
