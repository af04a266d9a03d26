//! The tasks around the engine that keep an installation in order, each in a file of its own.
//!
//! None of them decides anything about incidents: they bring work to the mailbox, or look after the
//! disk. All of them end when the daemon stops.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::backups::Backups;
use super::canary::Canary;
use super::data_dir::DataDir;
use super::reload::{Reloader, RuleFiles, Ties};
use super::{Base, FINISH, disk, outbox, retention, service_manager, validity};
use crate::engine::context::Context;
use crate::http::operate::{BackupMade, Calls, Operations, Reloaded, Room, RulesRefused, call};
use crate::kafka::publisher::{Publisher, Publishing};
use crate::mailbox::Mailbox;
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

/// Canaries in a row that may be missed before the daemon does not count as ready.
const SILENCES: u32 = 3;

/// Where requests for what these tasks do arrive.
pub(super) struct Lines {
    room: watch::Sender<Room>,
    reload: Calls<Result<Reloaded, RulesRefused>>,
    backup: Calls<Result<BackupMade, String>>,
    release: Calls<Result<(), String>>,
}

/// Makes the ways from the doors to the tasks.
pub(super) fn lines(
    base: &Base<'_>,
    canary: watch::Receiver<Timestamp>,
    publishing: watch::Receiver<Publishing>,
) -> (Operations, Lines) {
    let ((reload_in, reload), (backup_in, backup)) = (call(), call());
    let (release_in, release) = call();
    let (room_in, room) = watch::channel(Room::default());
    let operations = Operations {
        reload: reload_in,
        backup: backup_in,
        release: release_in,
        room,
        canary,
        publishing,
        canary_silence: SILENCES * base.settings.canary.every,
    };
    (operations, Lines { room: room_in, reload, backup, release })
}

/// What the tasks work with, besides what most parts do.
pub(super) struct Parts {
    pub(super) lines: Lines,
    pub(super) mailbox: Mailbox,
    pub(super) rules: Arc<RuleSet>,
    pub(super) rule_files: RuleFiles,
    pub(super) dir: DataDir,
    /// Says whether the outbox is held.
    pub(super) held: watch::Sender<bool>,
    pub(super) canary: Canary,
    /// Tells other systems of incidents.
    pub(super) publisher: Option<Publisher>,
    /// The last commit.
    pub(super) durable: watch::Receiver<u64>,
    /// What is in force.
    pub(super) context: watch::Receiver<Arc<Context>>,
    /// Says when the daemon stops.
    pub(super) stopped: watch::Receiver<bool>,
}

/// The running tasks.
pub(super) struct Upkeep(JoinSet<()>);

impl Upkeep {
    /// Starts all tasks.
    pub(super) fn start(base: &Base<'_>, parts: Parts) -> Self {
        let Parts { lines, mailbox, rules, rule_files, dir, held, canary, durable, .. } = parts;
        let (context, stopped) = (parts.context, parts.stopped);
        let mut tasks = JoinSet::new();
        if let Some(publisher) = parts.publisher {
            tasks.spawn(publisher.run());
        }
        base.metrics.rules.accepted(rules.rules.len(), crate::clock::wall());
        let reloader = Reloader {
            files: rule_files,
            ties: Arc::new(Ties::of(base.settings)),
            mailbox: mailbox.clone(),
            metrics: Arc::clone(base.metrics),
            store: Arc::clone(base.store),
            context: context.clone(),
            in_force: rules.version,
        };
        tasks.spawn(reloader.run(lines.reload, stopped.clone()));
        let backups = Backups {
            store: Arc::clone(base.store),
            folder: dir.backups.clone(),
            settings: base.settings.backup.clone(),
            clock: Arc::clone(base.clock),
            metrics: Arc::clone(base.metrics),
        };
        tasks.spawn(backups.run(lines.backup, stopped.clone()));
        let (zone_in, zone) = watch::channel(disk::Zone::default());
        let watchman = disk::Watchman {
            folder: dir.root.clone(),
            limits: base.settings.disk,
            metrics: Arc::clone(base.metrics),
            zone: zone_in,
            room: lines.room,
        };
        tasks.spawn(watchman.run(stopped.clone()));
        let keeper = retention::Keeper {
            settings: base.settings.retention,
            store: Arc::clone(base.store),
            clock: Arc::clone(base.clock),
            mailbox: mailbox.clone(),
            metrics: Arc::clone(base.metrics),
            zone,
        };
        tasks.spawn(keeper.run(stopped.clone()));
        let clock = Arc::clone(base.clock);
        let store = Arc::clone(base.store);
        let bounds = validity::Watchman { store, clock, mailbox, context };
        tasks.spawn(bounds.run(stopped.clone()));
        tasks.spawn(canary.run(stopped.clone()));
        tasks.spawn(service_manager::keep_alive(durable, stopped.clone()));
        tasks.spawn(outbox::run(dir, held, lines.release, stopped));
        Self(tasks)
    }

    /// Waits until all have ended; the daemon has said that it stops.
    pub(super) async fn stop(mut self) {
        let all = async {
            while let Some(ended) = self.0.join_next().await {
                if let Err(panic) = ended {
                    error!(%panic, "a task of the upkeep had panicked");
                }
            }
        };
        if tokio::time::timeout(FINISH, all).await.is_err() {
            warn!("tasks of the upkeep were cut off");
            self.0.shutdown().await;
        }
    }
}
