//! Says when files may have changed. Never more than a hint: what is told and how
//! often differs between file systems, so whoever gets one looks at the files.

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long it has to be quiet before the files are looked at: an editor, `git checkout` and
/// Kubernetes' swap of its `..data` link all make several changes one after the other.
const QUIET: Duration = Duration::from_millis(500);

/// Watched folders and files.
pub struct Watch {
    paths: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    trouble: fn(&dyn fmt::Display),
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Watch {
    /// Watches folders with all below them, and files, and puts a hint into `hints` when something
    /// happens to one. Where that is not possible it says so through `trouble`, and no hint comes.
    pub fn new(
        paths: Vec<PathBuf>,
        hints: mpsc::Sender<()>,
        trouble: fn(&dyn fmt::Display),
    ) -> Self {
        let handler = move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, changes_something) {
                // Full: the hint before this one has not been taken yet, which serves as well.
                hints.try_send(()).ok();
            }
        };
        let started = (!paths.is_empty()).then(|| notify::recommended_watcher(handler));
        let watcher = match started.transpose() {
            Ok(watcher) => watcher,
            Err(error) => {
                trouble(&error);
                None
            }
        };
        let mut watch = Self { paths, watcher, trouble };
        watch.renew();
        watch
    }

    /// Watches what lies under the names now: a folder may be another one than before.
    pub fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for path in &self.paths {
            // An editor puts another file in a file's place: its folder is told of that.
            let (folder, mode) = match path.parent().filter(|_| path.is_file()) {
                Some(folder) if folder.as_os_str().is_empty() => {
                    (Path::new("."), RecursiveMode::NonRecursive)
                }
                Some(folder) => (folder, RecursiveMode::NonRecursive),
                None => (&**path, RecursiveMode::Recursive),
            };
            // It was not watched, or is gone; then there is nothing to give up.
            drop(watcher.unwatch(folder));
            if let Err(error) = watcher.watch(folder, mode) {
                (self.trouble)(&format_args!("{}: {error}", folder.display()));
            }
        }
    }

    /// Waits until no hint has come for half a second.
    pub async fn settle(&self, hints: &mut mpsc::Receiver<()>) {
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
