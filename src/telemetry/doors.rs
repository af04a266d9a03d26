//! Metrics of the doors: connections, refusals, what comes twice, and the quarantine.

use core::fmt;

use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::metrics::{add, family, gauge, refs};
use crate::engine::changes::Changes;
use crate::model::priority::words;
use crate::model::quarantine::Cause;

/// What happens at the doors.
#[derive(Debug)]
pub struct Doors {
    /// Open connections.
    pub connections: IntGauge,
    /// Bytes of deliveries that wait for their commit.
    pub waiting_bytes: IntGauge,
    /// Records in the quarantine.
    pub quarantine_records: IntGauge,
    /// Bytes in the quarantine.
    pub quarantine_bytes: IntGauge,
    /// Deadlines that cannot be handled and are left out.
    pub parked_deadlines: IntGauge,
    closed: IntCounterVec,
    refused: IntCounterVec,
    reloads: IntCounterVec,
    duplicates: IntCounter,
    quarantined: IntCounterVec,
    pushed_out: IntCounter,
}

/// Why a connection was closed by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// There were as many as there may be.
    Full,
    /// Its address had as many as it may.
    AddressFull,
    /// No request came in time, or nothing was taken or said for long.
    Idle,
    /// TLS could not be agreed on.
    Tls,
}

/// Why a request was turned away before it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It shows no credential.
    NoCredential,
    /// Nobody has the credential it shows, or its signature is wrong.
    WrongCredential,
    /// Its credential does not allow it.
    Forbidden,
    /// A password over a line that others can read.
    Plain,
    /// Its address showed too many wrong credentials.
    Guessing,
    /// Its body did not come, or is too long, where it has to be read for its signature.
    Unread,
    /// Its source sends too many.
    TooMany,
    /// As much is delivered as may wait.
    NoRoom,
}

/// How a reload of the certificate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// The new one is in force.
    Accepted,
    /// It cannot be used; the old one stays.
    Refused,
}

words!(Closed, Full = "full", AddressFull = "address_full", Idle = "idle", Tls = "tls");
words!(
    Refusal,
    NoCredential = "no_credential",
    WrongCredential = "wrong_credential",
    Forbidden = "forbidden",
    Plain = "plain",
    Guessing = "guessing",
    Unread = "unread",
    TooMany = "too_many",
    NoRoom = "no_room"
);
words!(Certificate, Accepted = "accepted", Refused = "refused");

impl Doors {
    pub(super) fn new(registry: &Registry, sources: &[&str]) -> Result<Self, Error> {
        use Refusal as R;
        let closed = [Closed::Full, Closed::AddressFull, Closed::Idle, Closed::Tls];
        let refusals = [
            R::NoCredential,
            R::WrongCredential,
            R::Forbidden,
            R::Plain,
            R::Guessing,
            R::Unread,
            R::TooMany,
            R::NoRoom,
        ];
        let causes =
            [Cause::Unreadable, Cause::Panicked, Cause::Overflowed].map(|it| it.to_string());
        let gauge = |name, help| gauge(registry, name, help);
        let counter = |name, help| add(registry, IntCounter::new(name, help)?);
        let by = |(name, help): (&str, &str), label: &str, values: &[String]| {
            family(registry, Opts::new(name, help), [(label, &refs(values))])
        };
        Ok(Self {
            connections: gauge("incidentd_http_connections", "Open connections.")?,
            waiting_bytes: gauge(
                "incidentd_http_waiting_bytes",
                "Bytes of deliveries that wait for their commit.",
            )?,
            quarantine_records: gauge(
                "incidentd_quarantine_records",
                "Records of what could not be read or handled.",
            )?,
            quarantine_bytes: gauge("incidentd_quarantine_bytes", "Bytes of those records.")?,
            parked_deadlines: gauge(
                "incidentd_engine_parked_deadlines",
                "Deadlines that could not be handled and are left out until a restart.",
            )?,
            closed: by(
                ("incidentd_http_closed_connections_total", "Connections closed by us, by reason."),
                "reason",
                &closed.map(|it| it.to_string()),
            )?,
            refused: by(
                ("incidentd_http_refused_requests_total", "Requests turned away, by reason."),
                "reason",
                &refusals.map(|it| it.to_string()),
            )?,
            reloads: by(
                ("incidentd_http_certificate_reloads_total", "Reloads of the certificate."),
                "result",
                &[Certificate::Accepted, Certificate::Refused].map(|it| it.to_string()),
            )?,
            duplicates: counter(
                "incidentd_ingest_duplicate_deliveries_total",
                "Deliveries and commands that came again under the same id.",
            )?,
            quarantined: family(
                registry,
                Opts::new(
                    "incidentd_quarantine_quarantined_total",
                    "Records made, by source and cause.",
                ),
                [("source", sources), ("cause", &refs(&causes))],
            )?,
            pushed_out: counter(
                "incidentd_quarantine_pushed_out_total",
                "Records that the quarantine lost for lack of room.",
            )?,
        })
    }

    /// Counts a connection that we closed.
    pub fn closed(&self, why: Closed) {
        self.closed.with_label_values(&[&why.to_string()]).inc();
    }

    /// Counts a request that was turned away.
    pub fn refused(&self, why: Refusal) {
        self.refused.with_label_values(&[&why.to_string()]).inc();
    }

    /// Counts a reload of the certificate.
    pub fn reloaded(&self, result: Certificate) {
        self.reloads.with_label_values(&[&result.to_string()]).inc();
    }

    /// Counts what came again.
    pub fn duplicate(&self) {
        self.duplicates.inc();
    }

    /// Counts what a commit did to the quarantine.
    pub fn committed(&self, changes: &Changes) {
        for record in &changes.quarantined {
            let labels = [&*record.what.source, &record.what.cause.to_string()];
            self.quarantined.with_label_values(&labels).inc();
        }
        self.pushed_out.inc_by(changes.quarantine_pushed_out.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_at_zero() {
        let registry = Registry::new();
        let doors = Doors::new(&registry, &["native"]).unwrap();
        let count = |registry: &Registry| {
            registry.gather().iter().map(|f| f.get_metric().len()).sum::<usize>()
        };
        assert_eq!(count(&registry), 5 + 4 + 8 + 2 + 1 + 3 + 1);
        doors.refused(Refusal::Guessing);
        assert_eq!(count(&registry), 24);
    }
}
