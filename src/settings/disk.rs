//! Section `[disk]`: what is done when the disk runs full.

use super::section::Section;

/// What is done when the disk runs full, in bytes free for the daemon; 0 for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Below it no deliveries are taken.
    pub soft: u64,
    /// Below it what is old is forgotten early.
    pub hard: u64,
}

pub(super) fn read(section: &mut Section<'_>) -> Disk {
    let mut size = |key| section.size(key, 0..=1 << 40) as u64;
    let disk = Disk { soft: size("soft_free"), hard: size("hard_free") };
    if disk.hard > disk.soft {
        let message =
            format!("found {} bytes, expected at most soft_free, {}", disk.hard, disk.soft);
        section.refuse("K005", "hard_free", message, "make it smaller, or soft_free larger");
    }
    disk
}
