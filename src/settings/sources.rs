//! Sections `[sources.NAME]`: who sends alerts, and how they are read.

use core::time::Duration;

use super::section::Section;
use crate::ingest::Format;

/// A configured sender.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// What it sends.
    pub format: Format,
    /// How long its alerts fire after their last word, where it names no end.
    pub lease: Duration,
}

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn read(section: &mut Section<'_>) -> Source {
    let format = section.word("format", Format::Native);
    let lease = if section.has("lease") {
        section.duration("lease", Duration::from_mins(1)..=30 * 24 * HOUR)
    } else {
        match format {
            Format::Alertmanager | Format::Native => 24 * HOUR,
            Format::AlertmanagerApi => Duration::from_mins(5),
        }
    };
    Source { format, lease }
}
