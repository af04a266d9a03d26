//! Section `[storage]`: where and how the daemon stores.

use std::path::PathBuf;

use super::section::Section;

/// Where and how the daemon stores.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The data folder.
    pub dir: PathBuf,
    /// The witness file; in the data folder when not set.
    pub witness: Option<PathBuf>,
    /// Memory for writes that are not yet in a table file, in bytes.
    pub write_buffer: usize,
    /// Memory for blocks read from disk, in bytes.
    pub block_cache: usize,
    /// How large the write-ahead log may grow, in bytes.
    pub wal_max: usize,
}

pub(super) fn read(section: &mut Section<'_>) -> Storage {
    Storage {
        dir: section.path("dir"),
        witness: section.has("witness").then(|| section.path("witness")),
        write_buffer: section.size("write_buffer", 1 << 20..=4 << 30),
        block_cache: section.size("block_cache", 1 << 20..=64 << 30),
        wal_max: section.size("wal_max", 8 << 20..=64 << 30),
    }
}
