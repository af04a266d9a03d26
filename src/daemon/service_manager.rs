//! Tells the service manager how it is: ready, stopping, alive. Without one nothing happens.
//!
//! Alive is told only after a commit went through the engine, so that a daemon that listens but no
//! longer decides is restarted. There is a commit at least every ten seconds.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::wait_for;

/// Between two words: the manager waits for half a minute.
const PAUSE: Duration = Duration::from_secs(1);

/// Says that requests are served.
pub(super) fn ready(address: SocketAddr) {
    info!(%address, "ready");
    tell(NotifyState::Ready);
}

/// Says that the end has begun.
pub(super) fn stopping() {
    info!("stopping");
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "the service manager could not be told");
    }
}

/// Hears when the service manager or a person asks the daemon to stop.
pub(super) struct StopAsked {
    terminate: Signal,
    interrupt: Signal,
}

impl StopAsked {
    /// Hears from now on; before, to be asked is to be killed. So it is called before anybody can see
    /// that the daemon is ready.
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until it was asked.
    pub(super) async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Says after commits that the daemon is alive, if the service manager waits for that.
pub(super) async fn keep_alive(mut durable: watch::Receiver<u64>, stopped: watch::Receiver<bool>) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    info!(patience_ms = patience.as_millis(), "the service manager watches");
    let stopped = wait_for(stopped);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            changed = durable.changed() => match changed {
                Ok(()) => tell(NotifyState::Watchdog),
                Err(_) => return,
            },
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
