//! The plain working week, Monday to Friday in UTC: sums instead of a search. Every incident that can
//! wait is counted by it unless somebody says otherwise, and in a storm that is asked ten thousand
//! times a second.

use core::time::Duration;

use crate::model::time::Timestamp;

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
const WORK_MS: i64 = 5 * DAY_MS;

/// From a Monday to the beginning of 1970, a Thursday.
const TO_MONDAY_MS: i64 = 3 * DAY_MS;

/// Returns the week of a time and how much of its work lies before it.
fn place(at: Timestamp) -> (i64, i64) {
    let ms = at.millis().saturating_add(TO_MONDAY_MS);
    (ms.div_euclid(WEEK_MS), ms.rem_euclid(WEEK_MS).min(WORK_MS))
}

/// Returns when so much working time has passed.
pub(super) fn after(start: Timestamp, working: Duration) -> Timestamp {
    let span = i64::try_from(working.as_millis()).unwrap_or(i64::MAX);
    if span == 0 {
        return start;
    }
    let (week, done) = place(start);
    let total = done.saturating_add(span);
    // What ends with a week ends on Friday, not on the Monday after it.
    let (weeks, rest) = ((total - 1) / WORK_MS, (total - 1) % WORK_MS + 1);
    let ms = week.saturating_add(weeks).saturating_mul(WEEK_MS).saturating_add(rest);
    Timestamp::from_millis(ms.saturating_sub(TO_MONDAY_MS))
}

/// Returns how much working time lies between two points in time.
pub(super) fn between(from: Timestamp, until: Timestamp) -> Duration {
    let worked = |at| {
        let (week, done) = place(at);
        week * WORK_MS + done
    };
    let ms = worked(until).saturating_sub(worked(from));
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::Calendar;

    proptest! {
        #[test]
        fn the_sums_are_what_a_search_finds(
            start in 1_700_000_000_000_i64..1_900_000_000_000,
            span_min in 0_u64..200_000,
        ) {
            let (start, span) = (Timestamp::from_millis(start), Duration::from_mins(span_min));
            let calendar = Calendar::working_days();
            let end = after(start, span);
            prop_assert_eq!(end, calendar.search_after(start, span));
            prop_assert_eq!(between(start, end), calendar.search_between(start, end));
            prop_assert_eq!(between(start, end), span);
            prop_assert_eq!(calendar.after(start, span), end);
        }
    }
}
