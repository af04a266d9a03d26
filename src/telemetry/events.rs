//! Metrics of events about incidents, on their way to other systems.

use prometheus::{Error, IntCounter, IntGauge, Registry};

use super::metrics::{counter, gauge};

/// Events about incidents.
#[derive(Debug)]
pub struct Events {
    /// Events that wait to be published.
    pub waiting: IntGauge,
    /// When the oldest of them happened, in seconds since 1970; 0 when none waits.
    pub oldest: IntGauge,
    /// Events that Kafka took.
    pub published: IntCounter,
    /// Times that Kafka did not take what it was given.
    pub failed: IntCounter,
    /// Events that were given up for lack of room or because they were too old.
    pub dropped: IntCounter,
}

impl Events {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let gauge = |name, help| gauge(registry, name, help);
        let counter = |name, help| counter(registry, name, help);
        Ok(Self {
            waiting: gauge(
                "incidentd_events_waiting",
                "Events about incidents that wait to be published.",
            )?,
            oldest: gauge(
                "incidentd_events_oldest_timestamp_seconds",
                "When the oldest event that waits happened, in seconds since 1970; 0 when none waits.",
            )?,
            published: counter("incidentd_events_published_total", "Events that Kafka took.")?,
            failed: counter(
                "incidentd_events_failures_total",
                "Times that Kafka did not take what it was given; it is sent again.",
            )?,
            dropped: counter(
                "incidentd_events_dropped_total",
                "Events that were given up unpublished: too many waited, or for too long.",
            )?,
        })
    }
}
