//! Points in time. Reading a clock is the business of `crate::clock` alone.

use core::fmt;
use core::time::Duration;

/// A point in time in whole milliseconds since the Unix epoch (UTC); negative before it.
///
/// Milliseconds are what Prometheus and Alertmanager's API exchange; finer fractions of a sender
/// are cut off when they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Wraps `ms` milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Returns the milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns this time moved forward by `span`, at most to the end of the range.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// Returns this time moved back by `span`, at most to the start of the range.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// Returns how long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Writes RFC 3339 in UTC with three fractional digits, the form Alertmanager's API uses.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// Prints a span the way rule files write it: the two largest units, as in `1h30m`, `45s`, `0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief(pub Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        if total == 0 {
            return match self.0.subsec_millis() {
                0 => f.write_str("0s"),
                ms => write!(f, "{ms}ms"),
            };
        }
        let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
        let mut rest = total;
        let mut parts = 0;
        for (unit, seconds) in units {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                parts += 1;
            } else if parts > 0 {
                break;
            }
            if parts == 2 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_alertmanager_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_661_140_759_120, "2022-08-22T03:59:19.120Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(ms).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_the_range() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(Timestamp::EPOCH.since(last), Duration::ZERO);
        assert_eq!(last.since(Timestamp::EPOCH).as_millis(), i64::MAX as u128);
    }

    #[test]
    fn a_span_prints_its_two_largest_units() {
        for (seconds, text) in
            [(0, "0s"), (45, "45s"), (90, "1m30s"), (3_600, "1h"), (3_601, "1h"), (90_061, "1d1h")]
        {
            assert_eq!(Brief(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(Brief(Duration::from_millis(250)).to_string(), "250ms");
    }
}
