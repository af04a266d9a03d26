//! Section `[retention]`: how long what is over is kept.

use core::time::Duration;

use super::section::Section;

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Incidents, from when they were closed.
    pub incidents: Duration,
    /// Past episodes of alerts, from when their end was heard.
    pub episodes: Duration,
    /// Entries of the journal.
    pub journal: Duration,
}

const DAY: Duration = Duration::from_hours(24);

/// The shortest time: for trials, where a week passes in an hour.
const MINUTE: Duration = Duration::from_mins(1);

pub(super) fn read(section: &mut Section<'_>) -> Retention {
    Retention {
        incidents: section.duration("incidents", MINUTE..=3_650 * DAY),
        episodes: section.duration("episodes", MINUTE..=3_650 * DAY),
        journal: section.duration("journal", MINUTE..=3_650 * DAY),
    }
}
