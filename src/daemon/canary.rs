//! Sends the canary and notes when it comes through.
//!
//! It goes the way of every alert: bytes of a format, mailbox, engine, commit, outbox, channel. What
//! it shows is that people would be called, not that anybody was.

use core::time::Duration;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::{info, warn};

use super::wait_for;
use crate::clock::{self, Clock};
use crate::engine::event::Event;
use crate::ingest::{Format, Limits, Terms, decode};
use crate::mailbox::{Mailbox, Work};
use crate::model::notice::CANARY;
use crate::model::time::Timestamp;
use crate::notify::heartbeat::Heartbeat;
use crate::telemetry::metrics::Metrics;

/// The alert, as a sender would write it.
const BODY: &[u8] = br#"{"labels": {"alertname": "IncidentdCanary"}}"#;

/// The task that sends it.
pub(super) struct Canary {
    /// How often; zero for never.
    pub(super) every: Duration,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) clock: Arc<Clock>,
    pub(super) mailbox: Mailbox,
    pub(super) metrics: Arc<Metrics>,
    /// When the one that came through last was received.
    pub(super) came: watch::Receiver<Timestamp>,
}

impl Canary {
    /// Sends one after the other until the daemon stops.
    pub(super) async fn run(mut self, stopped: watch::Receiver<bool>) {
        if self.every.is_zero() {
            return;
        }
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        let mut next = self.clock.now();
        loop {
            let wait = next.since(self.clock.now()).min(Duration::from_secs(1));
            tokio::select! {
                () = &mut stopped => return,
                Ok(()) = self.came.changed() => self.arrived().await,
                () = tokio::time::sleep(wait) => {}
            }
            if self.clock.now() >= next {
                next = self.clock.now().plus(self.every);
                self.send().await;
            }
        }
    }

    async fn send(&self) {
        let limits = Limits::default();
        let terms = Terms { received: self.clock.now(), lease: self.every, limits: &limits };
        let occurrences = match decode(Format::Native, BODY, &terms) {
            Ok(decoded) => decoded.occurrences,
            Err(error) => return warn!(%error, "the canary could not be read"),
        };
        let work = Work::Event(Event::Received { source: CANARY.into(), occurrences });
        if let Err(busy) = self.mailbox.submit(work).await {
            warn!(%busy, "the canary was not taken");
        }
    }

    async fn arrived(&self) {
        self.metrics.canary.came(clock::wall());
        let Some(heartbeat) = &self.heartbeat else { return };
        let beat = heartbeat.beat().await;
        self.metrics.canary.beat(&beat);
        if let Err(error) = beat {
            info!(error, "the heartbeat was not heard");
        }
    }
}
