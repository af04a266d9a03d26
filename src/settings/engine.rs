//! Section `[engine]`: how much waits for the engine.

use super::section::Section;

/// How much waits for the engine.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Deliveries, commands and reports that may wait.
    pub mailbox_max: u32,
    /// Alerts that one commit may hold.
    pub batch_max_alerts: u32,
}

pub(super) fn read(section: &mut Section<'_>) -> Engine {
    Engine {
        mailbox_max: section.number("mailbox_max", 1..=1_000_000),
        batch_max_alerts: section.number("batch_max_alerts", 1..=1_000_000),
    }
}
