//! Section `[backup]`: copies of the store that the daemon makes by itself.

use core::time::Duration;
use std::path::PathBuf;

use super::section::Section;

/// Copies of the store that the daemon makes by itself.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where they go; beside the store when not set.
    pub dir: Option<PathBuf>,
    /// How often; zero for never.
    pub every: Duration,
    /// How many are kept.
    pub keep: u32,
}

pub(super) fn read(section: &mut Section<'_>) -> Backup {
    let backup = Backup {
        dir: section.has("dir").then(|| section.path("dir")),
        every: section.duration("every", Duration::ZERO..=30 * Duration::from_hours(24)),
        keep: section.number("keep", 1..=1_000),
    };
    if !backup.every.is_zero() && backup.every < Duration::from_mins(1) {
        let found = format!("found {} ms, expected 0s or at least 1m", backup.every.as_millis());
        section.refuse("K004", "every", found, "write 0s for never, or `24h`");
    }
    backup
}
