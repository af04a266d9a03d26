//! Section `[quarantine]`: how much of what cannot be read or handled is kept.

use super::section::Section;

/// How much of what cannot be read or handled is kept.
#[derive(Clone, Copy, Debug)]
pub struct Quarantine {
    /// Records.
    pub records_max: u32,
    /// Bytes of all of them.
    pub bytes_max: usize,
}

pub(super) fn read(section: &mut Section<'_>) -> Quarantine {
    Quarantine {
        records_max: section.number("records_max", 1..=1_000_000),
        bytes_max: section.size("bytes_max", 1 << 20..=16 << 30),
    }
}
