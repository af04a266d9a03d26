//! Watches how much room the disk has, and acts before there is none: a full disk would end the
//! daemon in the middle of a commit.
//!
//! Below the soft limit deliveries are refused with 503 and senders keep them; people's answers,
//! timers and notices go on. Below the hard limit what is old is forgotten early.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::wait_for;
use crate::http::operate::Room;
use crate::settings::disk::Disk;
use crate::telemetry::metrics::Metrics;

/// How often it looks: at 100 MB a second the smallest sensible soft limit lasts so long.
const EVERY: Duration = Duration::from_secs(2);

/// How much room there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// Enough.
    #[default]
    Normal,
    /// Below the soft limit.
    Soft,
    /// Below the hard limit.
    Hard,
}

impl Zone {
    /// Decides by the free bytes. A zone that was entered is left only with a tenth more than its
    /// limit, so that what is freed and filled again does not make it flap.
    pub fn of(free: u64, limits: Disk, before: Self) -> Self {
        let below = |limit: u64, inside: Self| {
            let back = if before >= inside { limit / 10 } else { 0 };
            free < limit.saturating_add(back)
        };
        if below(limits.hard, Self::Hard) {
            Self::Hard
        } else if below(limits.soft, Self::Soft) {
            Self::Soft
        } else {
            Self::Normal
        }
    }

    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// True when a start makes sense: below half of the soft limit even recovery may not have the room
/// that it needs.
pub fn may_start(free: u64, limits: Disk) -> bool {
    free >= limits.soft / 2
}

/// Returns the bytes that this process may still write on the disk of a folder.
///
/// # Errors
/// When the system does not tell.
pub fn free(folder: &std::path::Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The task that watches.
pub(super) struct Watchman {
    pub(super) folder: PathBuf,
    pub(super) limits: Disk,
    pub(super) metrics: Arc<Metrics>,
    /// For those who act.
    pub(super) zone: watch::Sender<Zone>,
    /// For the doors.
    pub(super) room: watch::Sender<Room>,
}

impl Watchman {
    /// Watches until the daemon stops.
    pub(super) async fn run(self, stopped: watch::Receiver<bool>) {
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        loop {
            self.look().await;
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn look(&self) {
        let folder = self.folder.clone();
        let free = match spawn_blocking(move || free(&folder)).await {
            Ok(Ok(free)) => free,
            Ok(Err(error)) => return warn!(%error, "the room on the disk cannot be seen"),
            Err(panic) => return error!(%panic, "looking at the disk panicked"),
        };
        let before = *self.zone.borrow();
        let zone = Zone::of(free, self.limits, before);
        self.metrics.disk.seen(free, zone.name());
        if zone != before {
            match zone {
                Zone::Normal => info!(free, "the disk has room again; deliveries are taken"),
                Zone::Soft => error!(
                    free,
                    limit = self.limits.soft,
                    "the disk runs full; deliveries are refused until there is room"
                ),
                Zone::Hard => error!(
                    free,
                    limit = self.limits.hard,
                    "the disk is almost full; what is old is forgotten early"
                ),
            }
            self.zone.send_replace(zone);
        }
        self.room.send_replace(Room { zone: zone.name(), free, refuses: zone != Zone::Normal });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_entered_below_its_limit_and_left_with_a_tenth_more() {
        use Zone::{Hard, Normal, Soft};
        let limits = Disk { soft: 1_000, hard: 500 };
        for (free, before, zone) in [
            (1_000, Normal, Normal),
            (999, Normal, Soft),
            (500, Normal, Soft),
            (499, Normal, Hard),
            (0, Normal, Hard),
            (1_000, Soft, Soft),
            (1_099, Soft, Soft),
            (1_100, Soft, Normal),
            (549, Hard, Hard),
            (550, Hard, Soft),
            (1_099, Hard, Soft),
            (1_100, Hard, Normal),
        ] {
            assert_eq!(Zone::of(free, limits, before), zone, "{free} after {before:?}");
        }
        let never = Disk { soft: 0, hard: 0 };
        assert_eq!(Zone::of(0, never, Normal), Normal);
    }

    #[test]
    fn a_start_needs_half_of_the_soft_limit() {
        let limits = Disk { soft: 1_000, hard: 500 };
        for (free, may) in [(499, false), (500, true), (5_000, true)] {
            assert_eq!(may_start(free, limits), may, "{free}");
        }
        assert!(may_start(0, Disk { soft: 0, hard: 0 }));
    }
}
