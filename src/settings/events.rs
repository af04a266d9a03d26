//! Section `[events]`: where other systems are told of incidents, and how much may wait.

use core::time::Duration;

use super::section::Section;
use super::topic::{self, Topic};

/// How other systems are told of incidents.
#[derive(Clone, Debug)]
pub struct Events {
    /// Where events go; `None` for nowhere.
    pub to: Option<Topic>,
    /// Events that may wait.
    pub waiting_max: u32,
    /// How long each may wait.
    pub waiting_for: Duration,
}

pub(super) fn read(section: &mut Section<'_>) -> Events {
    let wanted = ["cluster", "topic"].map(|key| section.has(key)).contains(&true);
    let to = if wanted { topic::read(section) } else { None };
    Events {
        to,
        waiting_max: section.number("waiting_max", 1_000..=10_000_000),
        waiting_for: section
            .duration("waiting_for", Duration::from_mins(1)..=Duration::from_hours(90 * 24)),
    }
}
