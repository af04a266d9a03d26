//! Says when something in a folder may have changed. Never more than a hint: what is told and how
//! often differs between file systems, so whoever gets one looks at the files.

use core::time::Duration;
use std::path::PathBuf;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::warn;

/// How long it has to be quiet before the files are looked at: an editor, `git checkout` and
/// Kubernetes' swap of its `..data` link all make several changes one after the other.
const QUIET: Duration = Duration::from_millis(500);

/// A watched folder, with all below it.
pub(super) struct Watch {
    folder: Option<PathBuf>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches the folder, if there is one, and puts a hint into `hints` when something happens.
    pub(super) fn new(folder: Option<PathBuf>, hints: mpsc::Sender<()>) -> Self {
        let handler = move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, changes_something) {
                // Full: the hint before this one has not been taken yet, which serves as well.
                hints.try_send(()).ok();
            }
        };
        let watcher = folder.as_ref().and_then(|_| match notify::recommended_watcher(handler) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                warn!(%error, "changes of rule files go unnoticed; SIGHUP loads them");
                None
            }
        });
        let mut watch = Self { folder, watcher };
        watch.renew();
        watch
    }

    /// Watches what lies under the folder's name now: it may be another folder than before.
    pub(super) fn renew(&mut self) {
        let (Some(folder), Some(watcher)) = (&self.folder, &mut self.watcher) else { return };
        // It was not watched, or is gone; then there is nothing to give up.
        drop(watcher.unwatch(folder));
        if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
            let folder = folder.display();
            warn!(%folder, %error, "changes of rule files go unnoticed; SIGHUP loads them");
        }
    }

    /// Waits until no hint has come for half a second.
    pub(super) async fn settle(&self, hints: &mut mpsc::Receiver<()>) {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, hints.recv()).await {}
    }
}

/// Reading a file is told as well, and would make every look at the files the cause of the next.
fn changes_something(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(how) => how == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn reading_a_file_is_no_change_of_it() {
        for (kind, hint) in [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), false),
            (EventKind::Access(AccessKind::Read), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), true),
            (EventKind::Create(CreateKind::File), true),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), true),
            (EventKind::Remove(RemoveKind::Any), true),
        ] {
            assert_eq!(changes_something(&Event::new(kind)), hint, "{kind:?}");
        }
    }
}
