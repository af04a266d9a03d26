//! Counts wrong credentials by address, so that guessing is slow and the log is not flooded.
//!
//! A table of fixed size without locks: an address has one slot, by a hash nobody outside can
//! predict. Two addresses in one slot share it until the minute is over.

use core::hash::BuildHasher;
use core::time::Duration;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 4_096;

/// Failures of a minute after which an address is no longer listened to.
const FAILURES_MAX: u64 = 100;

/// Wrong credentials of the present minute.
#[derive(Debug)]
pub struct Failures {
    /// Minute in the upper half, count in the lower.
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Failures {
    /// Begins with none.
    pub fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, hasher: RandomState::new() }
    }

    /// True when this address gave too many wrong credentials within the minute of `now`.
    pub fn is_blocked(&self, ip: IpAddr, now: Duration) -> bool {
        let value = self.slot(ip).map_or(0, |slot| slot.load(Ordering::Relaxed));
        value >> 32 == minute(now) && value & u64::from(u32::MAX) >= FAILURES_MAX
    }

    /// Notes a wrong credential.
    pub fn note(&self, ip: IpAddr, now: Duration) {
        let Some(slot) = self.slot(ip) else { return };
        let next = |value: u64| {
            let same = value >> 32 == minute(now);
            Some(if same { value + 1 } else { minute(now) << 32 | 1 })
        };
        // The closure never refuses, so there is nothing to report.
        slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok();
    }

    fn slot(&self, ip: IpAddr) -> Option<&AtomicU64> {
        // A customer of an IPv6 provider has at least a whole /64.
        let network = match ip.to_canonical() {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
        };
        let place = self.hasher.hash_one(network) % SLOTS as u64;
        self.slots.get(usize::try_from(place).ok()?)
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self::new()
    }
}

/// Counted from 1, so that an empty slot is of no minute.
fn minute(now: Duration) -> u64 {
    (now.as_secs() / 60 + 1) & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_is_shut_out_for_the_rest_of_the_minute() {
        let failures = Failures::new();
        let [guesser, neighbour]: [IpAddr; 2] =
            ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
        let at = Duration::from_secs;
        for _ in 0..99 {
            failures.note(guesser, at(7));
        }
        assert!(!failures.is_blocked(guesser, at(7)));
        failures.note(neighbour, at(59));
        assert!(failures.is_blocked(guesser, at(59)), "one network is one guesser");
        assert!(!failures.is_blocked(guesser, at(60)));
        failures.note(guesser, at(60));
        assert!(!failures.is_blocked(guesser, at(60)), "counted anew");
    }
}
