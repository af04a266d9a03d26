//! How much of what senders deliver may wait for its commit at a time.
//!
//! A delivery takes room for its body from when that has come until its answer. One for which there is
//! none is answered 503 at once: so memory is bounded however many send, and whoever is let in is
//! answered before he gives up. A body takes none while it comes: whoever dribbles would keep it from
//! others. What people do takes none: it is small, and matters most when everything else is too much.

use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::IntGauge;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;

use super::error::Problem;
use crate::clock;

/// The unit in which room is taken, in bytes.
const UNIT: usize = 1 << 10;

/// How often the log says that there is no room.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The room for deliveries.
#[derive(Debug)]
pub(super) struct Room {
    units: u32,
    free: Semaphore,
    /// Shows the bytes that are taken.
    gauge: IntGauge,
    /// Deliveries refused so far.
    refused: AtomicU64,
    /// From when on the log may say so again, in milliseconds of the monotonic clock.
    told_again_at: AtomicU64,
}

/// The room that one delivery has until this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    permit: SemaphorePermit<'a>,
    gauge: &'a IntGauge,
}

impl Place<'_> {
    fn bytes(&self) -> i64 {
        i64::try_from(self.permit.num_permits() * UNIT).unwrap_or(i64::MAX)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gauge.sub(self.bytes());
    }
}

impl Room {
    /// Makes room for bodies of so many bytes in all; `gauge` shows how many are taken.
    pub(super) fn new(bytes: usize, gauge: IntGauge) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let free = Semaphore::new(units as usize);
        Self { units, free, gauge, refused: AtomicU64::new(0), told_again_at: AtomicU64::new(0) }
    }

    /// Takes room for a body of so many bytes; one that is larger than all of it takes all of it.
    ///
    /// # Errors
    /// When there is not as much, with what the sender is told.
    pub(super) fn take(&self, bytes: usize) -> Result<Place<'_>, Problem> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let taken = self.free.try_acquire_many(units.clamp(1, self.units));
        let permit = taken.map_err(|_| self.refuse(clock::monotonic()))?;
        let place = Place { permit, gauge: &self.gauge };
        self.gauge.add(place.bytes());
        Ok(place)
    }

    /// Counts a refusal; every now and then the log says how many there were.
    fn refuse(&self, now: Duration) -> Problem {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let again = now.saturating_add(u64::try_from(TOLD_EVERY.as_millis()).unwrap_or(u64::MAX));
        let due = |at: u64| (at <= now).then_some(again);
        if self.told_again_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            let bytes = self.units as usize * UNIT;
            let message = "more is delivered than can be taken; senders are told to come again";
            warn!(refused, bytes, "{message}");
        }
        Problem::unavailable(
            "as many deliveries wait for their commit as may (http.waiting_max_bytes); try again soon",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(units: usize) -> (Room, IntGauge) {
        let gauge = IntGauge::new("g", "g").unwrap();
        (Room::new(units * UNIT, gauge.clone()), gauge)
    }

    #[test]
    fn room_is_taken_in_whole_units_and_given_back() {
        let (room, gauge) = room(4);
        let (one, three) = (room.take(1).unwrap(), room.take(3 * UNIT).unwrap());
        assert_eq!(gauge.get(), 4 << 10);
        assert!(room.take(0).is_err(), "an empty body takes a unit, too");
        drop(one);
        assert_eq!(room.take(UNIT + 1).unwrap_err().status.as_u16(), 503, "two are needed");
        drop(three);
        assert_eq!(gauge.get(), 0);
        assert!(room.take(4 * UNIT).is_ok());
    }

    #[test]
    fn a_body_larger_than_all_room_takes_all_of_it() {
        let (room, _) = room(2);
        let all = room.take(3 * UNIT).unwrap();
        assert!(room.take(1).is_err());
        drop(all);
        assert!(room.take(1).is_ok());
    }
}
