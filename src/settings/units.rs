//! Sizes and durations as people write them: `64MiB`, `10s`. One number, one unit, no space.

use core::fmt;
use core::time::Duration;

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of time in milliseconds.
const SPANS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a size in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    counted(text, &SIZES)
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Option<Duration> {
    counted(text, &SPANS).map(Duration::from_millis)
}

fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes bytes in the largest unit that divides them.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(self.0, &SIZES, f)
    }
}

/// Writes a duration in the largest unit that divides it.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &SPANS, f)
    }
}

fn write_in(count: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Every unit divides zero: the usual one is the best.
    let units = if count == 0 { units.get(3..4).unwrap_or(units) } else { units };
    match units.iter().find(|(_, factor)| count.is_multiple_of(*factor)) {
        Some((name, factor)) => write!(f, "{}{name}", count / factor),
        None => write!(f, "{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (text, bytes) in [
            ("0B", Some(0)),
            ("512B", Some(512)),
            ("64MiB", Some(64 << 20)),
            ("2GiB", Some(2 << 30)),
            ("17179869184GiB", None),
            ("64", None),
            ("64MB", None),
            ("64 MiB", None),
            ("-1B", None),
            ("1.5MiB", None),
            ("MiB", None),
            ("", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
        assert_eq!(Size(1 << 20).to_string(), "1MiB");
        assert_eq!(Size(1500).to_string(), "1500B");
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        for (text, ms) in [
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("7d", Some(604_800_000)),
            ("1h30m", None),
            ("10", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text), ms.map(Duration::from_millis), "{text}");
        }
        assert_eq!(Span(Duration::from_secs(90)).to_string(), "90s");
        assert_eq!(
            (Span(Duration::ZERO).to_string(), Size(0).to_string()),
            ("0s".into(), "0B".into())
        );
        assert_eq!(Span(Duration::from_hours(24)).to_string(), "1d");
    }
}
