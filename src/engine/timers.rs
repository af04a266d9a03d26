//! What falls due when. Deadlines are fields of records; this queue only says where to look next.
//!
//! An entry may be out of date: whoever takes one looks at the record before acting. Public for the
//! benchmark `clocks`.

use core::fmt;
use std::collections::BTreeSet;

use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;

/// The record to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A lease ends or an ended alert is to be forgotten.
    Alert(Fingerprint),
    /// A deadline of an incident.
    Incident(IncidentId),
    /// A silence begins, ends, or is to be forgotten.
    Silence(SilenceId),
    /// A rule opens a window.
    Windows,
    /// Something expected may not have been heard of for too long, by the hash of its key.
    Watch(u64),
}

/// A deadline whose handling broke the engine: it is left out until the daemon starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parked(Timer);

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Timer::Alert(alert) => write!(f, "alert {alert}"),
            Timer::Incident(id) => id.fmt(f),
            Timer::Silence(id) => write!(f, "silence {id}"),
            Timer::Windows => f.write_str("the windows of rules"),
            Timer::Watch(key) => write!(f, "watch {key:016x}"),
        }
    }
}

/// Entries by time, ties in the order of the records.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeSet<(Timestamp, Timer)>,
    parked: BTreeSet<Parked>,
    running: Option<Timer>,
}

impl Timers {
    /// Adds an entry, unless its record is left out.
    pub fn set(&mut self, at: Timestamp, timer: Timer) {
        if !self.parked.contains(&Parked(timer)) {
            self.queue.insert((at, timer));
        }
    }

    /// Takes an entry away, if it is there.
    pub fn unset(&mut self, at: Timestamp, timer: Timer) {
        self.queue.remove(&(at, timer));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes the first entry that is due at `now`, and notes that it is being handled.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        self.running = None;
        let due = if self.next()? <= now && !planted!("deadline missed") {
            self.queue.pop_first()
        } else {
            None
        };
        self.running = due.map(|(_, timer)| timer);
        due
    }

    /// Returns the entry in whose handling the engine broke, if it was one.
    pub(super) fn culprit(&self) -> Option<Parked> {
        self.running.map(Parked)
    }

    /// Leaves a record's deadlines out from now on.
    pub(super) fn park(&mut self, parked: Parked) {
        self.queue.retain(|(_, timer)| *timer != parked.0);
        self.parked.insert(parked);
    }

    /// Forgets all entries; what is parked stays so.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }
}
