//! The only file that reads a clock.
//!
//! [`Clock`] tells logical time: what everything else takes as `now`. It advances with the boot
//! clock, which counts through suspend and which nobody can set, and is slewed towards the wall
//! clock by at most a tenth of the time that passes; so it never stops, never goes back, and a wall
//! clock that jumps fires no deadline early. [`Slew`] is that arithmetic without the clocks.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};

use crate::model::time::Timestamp;

/// A difference between wall clock and boot clock that changes by more than this between two
/// readings is a step: somebody set the clock. NTP slews by at most 0.5 ms a second.
const STEP: Duration = Duration::from_secs(5);

/// Of the time that passes, one part in this many may be used to approach the wall clock.
const SLEW_PARTS: i128 = 10;

/// Logical time and its distance from the clocks it was read from. Pure: the readings are arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slew {
    /// Logical time, in nanoseconds since 1970: whole milliseconds would lose the slewing of
    /// readings that lie close together.
    logical_ns: i128,
    boot: Duration,
    wall: Timestamp,
    steps: u64,
}

impl Slew {
    /// Starts at the wall clock, or at the last persisted time where the wall clock is behind it:
    /// time that passed while the daemon was down counts. Being behind by a step counts as one.
    pub fn start(last: Option<Timestamp>, boot: Duration, wall: Timestamp) -> Self {
        let start = last.map_or(wall, |last| last.max(wall));
        let steps = u64::from(start.since(wall) > STEP);
        Self { logical_ns: nanos(start), boot, wall, steps }
    }

    /// Advances to new readings of both clocks and returns logical time.
    ///
    /// `boot` that is not later than the last reading passes for no time.
    pub fn advance(&mut self, boot: Duration, wall: Timestamp) -> Timestamp {
        let elapsed = boot.saturating_sub(self.boot);
        let elapsed_ns = elapsed.as_nanos().cast_signed();
        let jump_ns = nanos(wall) - nanos(self.wall) - elapsed_ns;
        if jump_ns.unsigned_abs() > STEP.as_nanos() {
            self.steps += 1;
        }
        let most = elapsed_ns / SLEW_PARTS;
        let ahead_ns = nanos(wall) - (self.logical_ns + elapsed_ns);
        self.logical_ns += elapsed_ns + ahead_ns.clamp(-most, most);
        self.boot += elapsed;
        self.wall = wall;
        self.now()
    }

    /// Returns how often the wall clock was set by more than five seconds.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn now(&self) -> Timestamp {
        let ms = self.logical_ns.div_euclid(1_000_000);
        Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

fn nanos(time: Timestamp) -> i128 {
    i128::from(time.millis()) * 1_000_000
}

/// Logical time of this process; shared by `Arc`.
#[derive(Debug)]
pub struct Clock(Mutex<Slew>);

impl Clock {
    /// Starts the clock, not before the last persisted time.
    pub fn start(last: Option<Timestamp>) -> Self {
        Self(Mutex::new(Slew::start(last, boot(), wall())))
    }

    /// Returns logical time: never less than any call before it.
    pub fn now(&self) -> Timestamp {
        // The clocks are read under the lock, so that readings enter in their order.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).advance(boot(), wall())
    }

    /// Returns how often the wall clock was seen to be set by more than five seconds; an alarm.
    pub fn steps(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).steps()
    }
}

/// Returns time since some fixed point, for measuring spans; stands still in suspend.
pub fn monotonic() -> Duration {
    span(ClockId::Monotonic)
}

/// Returns the wall clock: for what leaves the process (logs, signatures), never for a decision.
pub fn wall() -> Timestamp {
    Timestamp::EPOCH.plus(span(ClockId::Realtime))
}

fn boot() -> Duration {
    span(ClockId::Boottime)
}

/// A reading before the clock's zero (a wall clock set before 1970) counts as zero.
fn span(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn logical_time_starts_at_the_later_of_the_wall_clock_and_the_last_persisted_time() {
        for (last, wall, start, steps) in [
            (None, 1_000, 1_000, 0),
            (Some(400), 1_000, 1_000, 0),
            (Some(1_000), 1_000, 1_000, 0),
            (Some(6_000), 1_000, 6_000, 0),
            (Some(6_001), 1_000, 6_001, 1),
        ] {
            let slew = Slew::start(last.map(at), Duration::ZERO, at(wall));
            assert_eq!((slew.now(), slew.steps()), (at(start), steps), "{last:?} {wall}");
        }
    }

    #[test]
    fn logical_time_follows_the_wall_clock_by_a_tenth_of_the_time_that_passes() {
        // Started at 0 with the wall clock at `wall0`; after `boot` ms the wall clock shows `wall`.
        for (last, boot, wall, logical, steps) in [
            (0, 1_000, 1_000, 1_000, 0),        // in step
            (0, 1_000, 1_050, 1_050, 0),        // a little fast: caught up
            (0, 1_000, 5_000, 1_100, 0),        // far ahead: a tenth faster
            (0, 1_000, -3_000, 900, 0),         // behind: a tenth slower, never still
            (0, 1_000, 1_000 + HOUR, 1_100, 1), // set forward: no jump, an alarm
            (0, 1_000, 1_000 - HOUR, 900, 1),   // set back
            (0, 1_000, 6_000, 1_100, 0),        // five seconds exactly are no step
            (0, 1_000, 6_001, 1_100, 1),
            (0, 0, 4_000, 0, 0),                  // no time passed
            (0, 5 * HOUR, 5 * HOUR, 5 * HOUR, 0), // resumed after suspend: both went on
        ] {
            let mut slew = Slew::start(Some(at(last)), Duration::ZERO, at(0));
            let now = slew.advance(Duration::from_millis(boot.unsigned_abs()), at(wall));
            assert_eq!((now, slew.steps()), (at(logical), steps), "boot {boot} wall {wall}");
        }
    }

    #[test]
    fn readings_a_microsecond_apart_are_slewed_no_less() {
        let mut slew = Slew::start(None, Duration::ZERO, at(0));
        for us in 1..=1_000_000 {
            slew.advance(Duration::from_micros(us), at(4_000));
        }
        assert_eq!(slew.now(), at(1_100));
    }

    #[test]
    fn a_step_is_counted_once_while_it_is_made_good() {
        let mut slew = Slew::start(None, Duration::ZERO, at(0));
        let mut last = at(0);
        for minute in 1..=700 {
            let boot = Duration::from_secs(minute * 60);
            let now =
                slew.advance(boot, Timestamp::EPOCH.plus(boot).minus(Duration::from_hours(1)));
            assert!(now > last, "logical time stood still at minute {minute}");
            last = now;
        }
        assert_eq!(slew.steps(), 1);
        assert_eq!(last, at(640 * 60_000), "an hour is made good within eleven hours");
    }

    #[test]
    fn a_boot_clock_that_goes_back_passes_for_no_time() {
        let mut slew = Slew::start(None, Duration::from_secs(10), at(0));
        assert_eq!(slew.advance(Duration::from_secs(9), at(0)), at(0));
        assert_eq!(slew.advance(Duration::from_secs(11), at(1_000)), at(1_000));
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::start(Some(at(i64::MAX / 2)));
        let first = clock.now();
        assert!(first >= at(i64::MAX / 2) && clock.now() >= first);
        assert_eq!(clock.steps(), 1);
        assert!(monotonic() <= monotonic());
    }
}
