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
    /// Those of alerts, which come before all others that are due at the same time. By themselves,
    /// because there are so many, and one of another kind takes three times as much memory.
    alerts: BTreeSet<(Timestamp, Fingerprint)>,
    /// All others.
    queue: BTreeSet<(Timestamp, Timer)>,
    parked: BTreeSet<Parked>,
    running: Option<Timer>,
}

impl Timers {
    /// Adds an entry, unless its record is left out.
    pub fn set(&mut self, at: Timestamp, timer: Timer) {
        if self.parked.contains(&Parked(timer)) {
            return;
        }
        match timer {
            Timer::Alert(alert) => self.alerts.insert((at, alert)),
            other @ (Timer::Incident(_) | Timer::Silence(_) | Timer::Windows | Timer::Watch(_)) => {
                self.queue.insert((at, other))
            }
        };
    }

    /// Adds entries of alerts, unless their records are left out: in one go, and in half the memory.
    pub(super) fn set_all(&mut self, mut all: Vec<(Timestamp, Fingerprint)>) {
        all.retain(|(_, alert)| !self.parked.contains(&Parked(Timer::Alert(*alert))));
        self.alerts.append(&mut all.into_iter().collect());
    }

    /// Takes an entry away, if it is there.
    pub fn unset(&mut self, at: Timestamp, timer: Timer) {
        match timer {
            Timer::Alert(alert) => self.alerts.remove(&(at, alert)),
            other @ (Timer::Incident(_) | Timer::Silence(_) | Timer::Windows | Timer::Watch(_)) => {
                self.queue.remove(&(at, other))
            }
        };
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        let alert = self.alerts.first().map(|(at, _)| *at);
        alert.into_iter().chain(self.queue.first().map(|(at, _)| *at)).min()
    }

    fn pop_first(&mut self) -> Option<(Timestamp, Timer)> {
        let other = self.queue.first().map(|(at, _)| *at);
        let alert_is_first =
            self.alerts.first().is_some_and(|(at, _)| other.is_none_or(|other| *at <= other));
        if alert_is_first {
            let (at, alert) = self.alerts.pop_first()?;
            return Some((at, Timer::Alert(alert)));
        }
        self.queue.pop_first()
    }

    /// Takes the first entry that is due at `now`, and notes that it is being handled.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        self.running = None;
        let due = if self.next()? <= now && !planted!("deadline missed") {
            self.pop_first()
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
        if let Timer::Alert(parked) = parked.0 {
            self.alerts.retain(|(_, alert)| *alert != parked);
        }
        self.queue.retain(|(_, timer)| *timer != parked.0);
        self.parked.insert(parked);
    }

    /// Forgets all entries; what is parked stays so.
    pub(super) fn clear(&mut self) {
        self.alerts.clear();
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timer(kind: u8, number: u64) -> Timer {
        match kind {
            0 => Timer::Alert(Fingerprint(number)),
            1 => Timer::Incident(crate::model::incident::RecordId(number)),
            2 => Timer::Silence(SilenceId(number.into())),
            3 => Timer::Windows,
            _ => Timer::Watch(number),
        }
    }

    proptest! {
        #[test]
        fn all_kinds_are_one_queue_by_time_and_record(
            steps in prop::collection::vec((0..6_i64, 0..5_u8, 0..4_u64, 0..6_u8), 0..60),
        ) {
            let (mut timers, mut one) = (Timers::default(), BTreeSet::new());
            let mut parked = None;
            for (at, kind, number, step) in steps {
                let (at, timer) = (Timestamp::from_millis(at), timer(kind, number));
                match step {
                    0 => {
                        timers.unset(at, timer);
                        one.remove(&(at, timer));
                    }
                    1 => {
                        let due = one.first().is_some_and(|(first, _)| *first <= at);
                        let expected = if due { one.pop_first() } else { None };
                        prop_assert_eq!(timers.take_due(at), expected);
                    }
                    2 if parked.is_none() => {
                        timers.park(Parked(timer));
                        one.retain(|(_, other)| *other != timer);
                        parked = Some(timer);
                    }
                    3 => {
                        let all = [number, number + 1].map(|number| (at, Fingerprint(number)));
                        timers.set_all(all.into());
                        let all = all.map(|(at, alert)| (at, Timer::Alert(alert)));
                        one.extend(all.into_iter().filter(|(_, timer)| parked != Some(*timer)));
                    }
                    _ => {
                        timers.set(at, timer);
                        if parked != Some(timer) {
                            one.insert((at, timer));
                        }
                    }
                }
                prop_assert_eq!(timers.next(), one.first().map(|(at, _)| *at));
            }
        }
    }
}
