//! Section `[limits]`: what one sender may ask for. The size of a whole body is `http.body_max_bytes`.

use core::time::Duration;

use super::section::Section;

/// What one sender may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Alerts in one delivery.
    pub alerts: u32,
    /// Labels, and likewise annotations, of one alert.
    pub labels: u32,
    /// The longest name of either, in bytes.
    pub name_bytes: usize,
    /// The longest value of a label, in bytes.
    pub value_bytes: usize,
    /// The largest alert, annotations included, in bytes.
    pub alert_bytes: usize,
    /// How deep JSON may be nested.
    pub depth: u32,
    /// Alerts of one source that are held at a time.
    pub alerts_per_source: u32,
    /// Deliveries and commands whose ids are remembered.
    pub delivery_ids: u32,
    /// How long each is remembered.
    pub delivery_ids_for: Duration,
}

pub(super) fn read(section: &mut Section<'_>) -> Limits {
    Limits {
        alerts: section.number("alerts", 1..=100_000),
        labels: section.number("labels", 1..=1_024),
        name_bytes: section.size("name_bytes", 16..=4 << 10),
        // The upper bound stays below `model::labels::TEXT_LEN_MAX`.
        value_bytes: section.size("value_bytes", 64..=32 << 10),
        alert_bytes: section.size("alert_bytes", 1 << 10..=1 << 20),
        // serde_json stops at 128 by itself.
        depth: section.number("depth", 8..=100),
        alerts_per_source: section.number("alerts_per_source", 1..=100_000_000),
        delivery_ids: section.number("delivery_ids", 1..=100_000_000),
        delivery_ids_for: section
            .duration("delivery_ids_for", Duration::from_mins(1)..=Duration::from_hours(30 * 24)),
    }
}
