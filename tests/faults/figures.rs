//! How much is done: little by default, what is promised with `FAULTS=full`, anything by name.

use std::time::Duration;

use incidentd::clock;

#[expect(clippy::disallowed_methods, reason = "full figures are for people who wait")]
fn named(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// True when the figures are those that are promised.
pub fn are_full() -> bool {
    named("FAULTS").is_some_and(|size| size == "full")
}

/// Returns the figure of this name: what the environment says, else the one for the size of the run.
pub fn figure(name: &str, small: usize, full: usize) -> usize {
    let otherwise = if are_full() { full } else { small };
    named(name).map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, must be a number"))
    })
}

/// Numbers that look random and are the same every time (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    /// A span from `least` up to twice of it.
    pub fn about(&mut self, least: Duration) -> Duration {
        least
            + Duration::from_micros(self.below(usize::try_from(least.as_micros()).unwrap()) as u64)
    }
}

/// Returns the smallest of the spans that 99 of 100 do not exceed.
pub fn p99(spans: &mut [Duration]) -> Duration {
    spans.sort_unstable();
    let last = spans.len().saturating_sub(1);
    spans.get(last * 99 / 100).copied().unwrap_or_default()
}

/// How long it is since the moment `began`, as [`clock::monotonic`] tells it.
pub fn since(began: Duration) -> Duration {
    clock::monotonic().saturating_sub(began)
}

/// Takes what went well; what did not ends the test, with where it stood.
pub fn must<T>(result: Result<T, String>, stood: &str) -> T {
    result.unwrap_or_else(|what| panic!("{stood}: {what}"))
}
