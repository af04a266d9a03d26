//! Makes copies of the running store: on request, and by itself as often as the settings say. Keeps
//! the newest ones.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::wait_for;
use crate::clock::{self, Clock};
use crate::http::operate::{BackupMade, Calls};
use crate::model::time::Timestamp;
use crate::settings::backup::Backup;
use crate::store::upkeep::folder_bytes;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// The longest sleep: the clock that sleeping uses stands still while the machine does.
const SLEEP: Duration = Duration::from_mins(1);

/// How soon after a start one may be made: not while the load of a start is on.
const FIRST: Duration = Duration::from_mins(10);

/// The task that makes backups.
pub(super) struct Backups {
    pub(super) store: Arc<Store>,
    pub(super) folder: PathBuf,
    pub(super) settings: Backup,
    pub(super) clock: Arc<Clock>,
    pub(super) metrics: Arc<Metrics>,
}

/// What came of one: where it is, or why there is none.
type Answer = Result<BackupMade, String>;

impl Backups {
    /// Makes backups on calls and by the schedule until the daemon stops.
    pub(super) async fn run(self, mut calls: Calls<Answer>, stopped: watch::Receiver<bool>) {
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        let every = self.settings.every;
        let started = self.clock.now();
        let first = started.plus(every.min(FIRST));
        let mut next = newest(&self.folder).map_or(first, |made| first.max(made.plus(every)));
        if let Some(made) = newest(&self.folder) {
            self.metrics.backup.last_success.set(made.millis() / 1_000);
        }
        loop {
            let wait =
                if every.is_zero() { SLEEP } else { next.since(self.clock.now()).min(SLEEP) };
            let reply = tokio::select! {
                () = &mut stopped => return,
                Some(reply) = calls.recv() => Some(reply),
                () = tokio::time::sleep(wait) => None,
            };
            let due = !every.is_zero() && self.clock.now() >= next;
            if reply.is_none() && !due {
                continue;
            }
            let answer = self.make().await;
            next = self.clock.now().plus(every);
            if let Some(reply) = reply {
                // Whoever asked may have gone away; the backup stays.
                drop(reply.send(answer));
            }
        }
    }

    async fn make(&self) -> Answer {
        let (store, folder, keep) =
            (Arc::clone(&self.store), self.folder.clone(), self.settings.keep);
        let made = spawn_blocking(move || make(&store, &folder, keep as usize)).await;
        let made = made.unwrap_or_else(|panic| Err(panic.to_string()));
        match &made {
            Ok(made) => {
                self.metrics.backup.last_success.set(clock::wall().millis() / 1_000);
                info!(path = made.path, batch = made.batch, bytes = made.bytes, "a backup is made");
            }
            Err(error) => {
                self.metrics.backup.failures.inc();
                error!(error, "a backup could not be made");
            }
        }
        made
    }
}

/// Copies the store into a new folder below `folder` and removes all but the newest `keep`.
///
/// # Errors
/// In words.
pub fn make(store: &Store, folder: &Path, keep: usize) -> Answer {
    let said = |error: StoreError| error.to_string();
    let of = |error: std::io::Error| format!("{}: {error}", folder.display());
    let batch = store.view().counters().map_err(said)?.batch;
    std::fs::create_dir_all(folder).map_err(of)?;
    let to = folder.join(name(clock::wall(), batch));
    store.checkpoint(&to).map_err(said)?;
    let bytes = folder_bytes(&to).map_err(of)?;
    let mut all = backups(folder).map_err(of)?;
    all.truncate(all.len().saturating_sub(keep));
    for old in all {
        std::fs::remove_dir_all(folder.join(old)).map_err(of)?;
    }
    Ok(BackupMade { path: to.display().to_string(), batch, bytes })
}

/// Returns a name whose order is that of the time: `20261121T140632.120Z-42`.
fn name(now: Timestamp, batch: u64) -> String {
    let time: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{time}-{batch}")
}

/// True for what [`name`] makes; anything else in the folder is not ours.
fn is_name(name: &str) -> bool {
    let Some((time, batch)) = name.split_once('-') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    time.len() == 20 && time.ends_with('Z') && time.get(..8).is_some_and(digits) && digits(batch)
}

/// Returns the names of the backups in a folder, the oldest first.
fn backups(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_name(name)));
    }
    names.sort();
    Ok(names)
}

/// Returns when the newest backup in a folder was made.
fn newest(folder: &Path) -> Option<Timestamp> {
    let name = backups(folder).ok()?.pop()?;
    let made = folder.join(name).metadata().ok()?.modified().ok()?;
    let age = made.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH.plus(age))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    #[test]
    fn only_the_newest_are_kept_and_nothing_else_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store"), &Options::default()).unwrap();
        let folder = dir.path().join("backups");
        std::fs::create_dir(&folder).unwrap();
        std::fs::create_dir(folder.join("mine-1")).unwrap();
        let old = |ms| name(Timestamp::from_millis(ms), 1);
        for ms in [1_000, 2_000, 3_000] {
            std::fs::create_dir(folder.join(old(ms))).unwrap();
        }
        let made = make(&store, &folder, 2).unwrap();
        assert!(made.bytes > 0);
        let left = backups(&folder).unwrap();
        assert_eq!((left.len(), &left[0]), (2, &old(3_000)));
        assert!(made.path.ends_with(&left[1]) && folder.join("mine-1").exists());
        assert!(newest(&folder).is_some());
    }

    #[test]
    fn names_are_in_the_order_of_time() {
        let time = Timestamp::from_millis(1_795_269_992_120);
        assert_eq!(name(time, 42), "20261121T140632.120Z-42");
        for (text, ours) in
            [("20261121T140632.120Z-42", true), ("mine-1", false), ("20261121T140632.120Z-", false)]
        {
            assert_eq!(is_name(text), ours, "{text}");
        }
    }
}
