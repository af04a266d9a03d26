//! What is counted of the stream of changes.

use prometheus::{Error, IntCounter, IntGauge, Registry};

use super::metrics::{counter, gauge};

/// The stream of changes.
#[derive(Debug)]
pub struct Stream {
    /// Clients that follow it.
    pub clients: IntGauge,
    /// Clients that were told to look at everything anew; a new one is told so, too.
    pub resyncs: IntCounter,
    /// Clients that found no place.
    pub refused: IntCounter,
}

impl Stream {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            clients: gauge(
                registry,
                "incidentd_stream_clients",
                "Clients that follow the stream of changes.",
            )?,
            resyncs: counter(
                registry,
                "incidentd_stream_resyncs_total",
                "How often a client of the stream was told to look at everything anew; a new one is, too.",
            )?,
            refused: counter(
                registry,
                "incidentd_stream_refused_clients_total",
                "Clients that found no place in the stream.",
            )?,
        })
    }
}
