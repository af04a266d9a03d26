//! Metrics of the upkeep: copies of the store, what is forgotten, the canary, the disk.

use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::metrics::{add, counter, family, gauge};
use crate::engine::reply::Forgotten;
use crate::model::time::Timestamp;

/// Copies of the store.
#[derive(Debug)]
pub struct Backup {
    /// When the last one was made, in seconds since 1970; 0 when there is none.
    pub last_success: IntGauge,
    /// How many could not be made.
    pub failures: IntCounter,
}

/// What is forgotten because it is old.
#[derive(Debug)]
pub struct Retention {
    forgotten: IntCounterVec,
}

/// Room on the disk of the data folder.
#[derive(Debug)]
pub struct Disk {
    free_bytes: IntGauge,
    zone: IntGaugeVec,
}

/// The alert of our own that goes the whole way.
#[derive(Debug)]
pub struct Canary {
    last_success: IntGauge,
    heartbeats: IntCounterVec,
}

/// The zones of the disk, by name.
const ZONES: [&str; 3] = ["normal", "soft", "hard"];

impl Backup {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            last_success: gauge(
                registry,
                "incidentd_backup_last_success_timestamp_seconds",
                "When the store was last copied, in seconds since 1970; 0 when there is no copy.",
            )?,
            failures: counter(
                registry,
                "incidentd_backup_failures_total",
                "Copies of the store that could not be made.",
            )?,
        })
    }
}

impl Retention {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let forgotten = Opts::new(
            "incidentd_retention_forgotten_records_total",
            "What was forgotten because it is old: incidents with all that belongs to them, episodes.",
        );
        let what = ["incidents", "episodes"];
        Ok(Self { forgotten: family(registry, forgotten, [("what", &what[..])])? })
    }

    /// Counts what the engine let go.
    pub fn forgotten(&self, done: &Forgotten) {
        for (what, count) in [("incidents", done.incidents), ("episodes", done.episodes)] {
            self.forgotten.with_label_values(&[what]).inc_by(count.into());
        }
    }
}

impl Canary {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let beats = Opts::new(
            "incidentd_canary_heartbeats_total",
            "Words to the monitor elsewhere, by whether it heard them.",
        );
        Ok(Self {
            last_success: gauge(
                registry,
                "incidentd_canary_last_success_timestamp_seconds",
                "When the canary last came through, in seconds since 1970; 0 before the first.",
            )?,
            heartbeats: family(registry, beats, [("result", &["sent", "failed"][..])])?,
        })
    }

    /// Notes that one came through at `now`, by the wall clock.
    pub fn came(&self, now: Timestamp) {
        self.last_success.set(now.millis() / 1_000);
    }

    /// Counts a word to the monitor elsewhere.
    pub fn beat<E>(&self, heard: &Result<(), E>) {
        let result = if heard.is_ok() { "sent" } else { "failed" };
        self.heartbeats.with_label_values(&[result]).inc();
    }
}

impl Disk {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let zone = Opts::new("incidentd_disk_zone", "1 for the zone the disk is in, 0 for others.");
        let zone = add(registry, IntGaugeVec::new(zone, &["zone"])?)?;
        for name in ZONES {
            zone.get_metric_with_label_values(&[name])?;
        }
        let free = "Bytes that the daemon may still write on the disk of its data folder.";
        Ok(Self { free_bytes: gauge(registry, "incidentd_disk_free_bytes", free)?, zone })
    }

    /// Notes what was seen; `zone` is one of normal, soft, hard.
    pub fn seen(&self, free: u64, zone: &str) {
        self.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        for name in ZONES {
            self.zone.with_label_values(&[name]).set(i64::from(name == zone));
        }
    }
}
