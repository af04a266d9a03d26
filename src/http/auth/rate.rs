//! Holds a source to so many deliveries a second, with a second's worth at once.

use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};

const SECOND_NS: u64 = 1_000_000_000;

/// The generic cell rate algorithm in one number: when the next delivery would be due if all came
/// evenly, in nanoseconds of the monotonic clock.
#[derive(Debug)]
pub struct Rate {
    per_second: u32,
    due_ns: AtomicU64,
}

impl Rate {
    /// Allows `per_second` deliveries; 0 allows any number.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, due_ns: AtomicU64::new(0) }
    }

    /// Takes one delivery at `now`; false when it is too many.
    pub fn take(&self, now: Duration) -> bool {
        let Some(step) = SECOND_NS.checked_div(u64::from(self.per_second)) else { return true };
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX / 2);
        let next = |due: u64| {
            let due = due.max(now_ns) + step;
            (due <= now_ns + SECOND_NS).then_some(due)
        };
        self.due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_time_makes_room_again() {
        let rate = Rate::new(4);
        let at = Duration::from_millis;
        let taken = |now| (0..9).filter(|_| rate.take(now)).count();
        assert_eq!(taken(at(5_000)), 4);
        assert_eq!(taken(at(5_249)), 0);
        assert_eq!(taken(at(5_250)), 1);
        assert_eq!(taken(at(9_000)), 4);
        assert!((0..9).all(|_| Rate::new(0).take(at(1))));
    }
}
