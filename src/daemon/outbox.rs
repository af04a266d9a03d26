//! Holds the outbox after a restore until somebody lets it go.
//!
//! What a backup calls open and unsent may be long over: nobody is to be called for it before a
//! person has looked.

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::data_dir::DataDir;
use super::wait_for;
use crate::http::operate::Calls;

/// Lets the outbox go when asked to, until the daemon stops.
pub(super) async fn run(
    dir: DataDir,
    held: watch::Sender<bool>,
    mut calls: Calls<Result<(), String>>,
    stopped: watch::Receiver<bool>,
) {
    if *held.borrow() {
        warn!(mark = %dir.held.display(), "the outbox is held after a restore: nobody is called; \
            compare what is open with what people know, then run `incidentd notify release`");
    }
    let stopped = wait_for(stopped);
    tokio::pin!(stopped);
    loop {
        let reply = tokio::select! {
            () = &mut stopped => return,
            Some(reply) = calls.recv() => reply,
        };
        let mark = dir.clone();
        let released = spawn_blocking(move || mark.release()).await;
        let released = released.map_err(|panic| panic.to_string());
        let released = released.and_then(|done| {
            done.map_err(|error| format!("{}: cannot be removed: {error}", dir.held.display()))
        });
        match &released {
            Ok(()) => {
                held.send_replace(false);
                info!("the outbox is released");
            }
            Err(error) => error!(error, "the outbox cannot be released"),
        }
        // Whoever asked may have gone away; what was done stays done.
        drop(reply.send(released));
    }
}
