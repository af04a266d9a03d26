//! When to try again: exponential from 1 s to 5 min with full jitter. Pure.

use core::time::Duration;

/// The spread of the first retry; it doubles with every further one.
const FIRST: Duration = Duration::from_secs(1);

/// The widest spread.
const WIDEST: Duration = Duration::from_mins(5);

/// The longest wait a receiver may ask for; beyond it a wrong header would silence a channel.
const ASKED_MAX: Duration = Duration::from_hours(1);

/// Returns how long to wait after a failure that `attempts` others came before: anything from 0 to
/// the spread, by `roll` (the jitter keeps many notices from coming back as one wave; AWS
/// Architecture Blog, "Exponential Backoff And Jitter"), but no less than the receiver asked for.
pub(super) fn retry_in(attempts: u32, roll: u32, asked: Option<Duration>) -> Duration {
    let spread = FIRST.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(WIDEST);
    let jittered = spread.mul_f64(f64::from(roll) / f64::from(u32::MAX));
    if planted!("retry too early") {
        return jittered;
    }
    jittered.max(asked.unwrap_or_default().min(ASKED_MAX))
}

/// Rolls dice: the `SplitMix64` generator of Steele, Lea and Flood (2014). Not for secrets.
#[derive(Debug)]
pub(super) struct Rolls(u64);

impl Rolls {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_doubles_from_a_second_to_five_minutes() {
        for (attempts, seconds) in
            [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (31, 300), (32, 300), (u32::MAX, 300)]
        {
            let most = retry_in(attempts, u32::MAX, None);
            assert_eq!(most, Duration::from_secs(seconds), "after {attempts}");
            assert_eq!(retry_in(attempts, 0, None), Duration::ZERO);
        }
        assert_eq!(retry_in(2, u32::MAX / 2, None).as_millis(), 2_000);
    }

    #[test]
    fn a_receiver_is_never_tried_before_the_time_it_asked_for() {
        for (roll, asked_s, wait_s) in [(0, 7, 7), (u32::MAX, 7, 64), (0, 7_200, 3_600)] {
            let wait = retry_in(6, roll, Some(Duration::from_secs(asked_s)));
            assert_eq!(wait, Duration::from_secs(wait_s));
        }
    }

    #[test]
    fn rolls_are_those_of_splitmix64() {
        // First outputs for seed 1234567, upper halves; from the reference implementation.
        let mut rolls = Rolls::new(1_234_567);
        assert_eq!(rolls.next(), (6_457_827_717_110_365_317_u64 >> 32) as u32);
        assert_eq!(rolls.next(), (3_203_168_211_198_807_973_u64 >> 32) as u32);
    }
}
