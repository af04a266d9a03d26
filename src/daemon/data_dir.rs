//! The data folder: what lies where in it, and whether what lies there is whole.
//!
//! ```text
//! <storage.dir>/store         RocksDB
//! <storage.dir>/witness       how far the store had come (or storage.witness)
//! <storage.dir>/backups/…     copies of the store (or backup.dir)
//! <storage.dir>/outbox-held   exists while nothing is sent after a restore
//! ```

use std::path::PathBuf;

use tracing::error;

use crate::settings::Settings;
use crate::store::witness::{Mark, StoreId, Witness, judge};
use crate::store::{Options, Store, StoreError};

/// What lies where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    /// The folder of all.
    pub root: PathBuf,
    /// RocksDB's own folder.
    pub store: PathBuf,
    /// The witness.
    pub witness: PathBuf,
    /// The folder of the backups.
    pub backups: PathBuf,
    /// Exists while nothing is sent.
    pub held: PathBuf,
}

/// What to do with a store that cannot be proven whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Refuse it.
    #[default]
    Refuse,
    /// Go on with what is there.
    Accept,
}

impl DataDir {
    /// Returns where the settings say that everything is.
    pub fn of(settings: &Settings) -> Self {
        let root = settings.storage.dir.clone();
        let in_root = |name| root.join(name);
        Self {
            store: in_root("store"),
            witness: settings.storage.witness.clone().unwrap_or_else(|| in_root("witness")),
            backups: settings.backup.dir.clone().unwrap_or_else(|| in_root("backups")),
            held: in_root("outbox-held"),
            root,
        }
    }

    /// Opens the store, and its witness if it is whole by that.
    ///
    /// # Errors
    /// When it cannot be opened, or not be proven whole.
    pub fn open(&self, options: &Options, loss: Loss) -> Result<(Store, Witness), StoreError> {
        if self.root.join("CURRENT").exists() {
            let (dir, to) = (self.root.clone(), self.store.clone());
            return Err(StoreError::Misplaced { dir, to });
        }
        let unreadable = |source| self.unusable("read", source);
        let testimony = Witness::read(&self.witness).map_err(unreadable)?;
        if !self.store.join("CURRENT").exists() && loss == Loss::Refuse {
            // Before one is made: an empty store would be in the way of a restored one.
            let refuse = |loss| StoreError::Lost { dir: self.store.clone(), loss };
            judge(None, 0, testimony).map_err(refuse)?;
        }
        let store = Store::open(&self.store, options)?;
        let (known, batch) = (store.identity()?, store.view().counters()?.batch);
        let id = match judge(known, batch, testimony) {
            Ok(id) => id,
            Err(loss_found) if loss == Loss::Refuse => {
                return Err(StoreError::Lost { dir: self.store.clone(), loss: loss_found });
            }
            Err(accepted) => {
                let store = self.store.display();
                error!(%store, loss = %accepted, "started all the same: the loss is accepted");
                known
            }
        };
        let id = id.map_or_else(|| self.new_id(), Ok)?;
        // The witness first: a store with an identity always has one.
        let witness = Witness::start(&self.witness, Mark { id, batch })
            .map_err(|source| self.unusable("written", source))?;
        if known != Some(id) {
            store.identify(id)?;
        }
        Ok((store, witness))
    }

    fn new_id(&self) -> Result<StoreId, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|error| self.unusable("written", std::io::Error::other(error.to_string())))?;
        Ok(StoreId(id))
    }

    fn unusable(&self, what: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Witness { path: self.witness.clone(), what, source }
    }

    /// True while nothing is to be sent.
    pub fn is_held(&self) -> bool {
        self.held.exists()
    }

    /// Holds the outbox from the next start on.
    ///
    /// # Errors
    /// When the mark cannot be made.
    pub fn hold(&self) -> std::io::Result<()> {
        let why = "Restored from a backup. Notices are sent again after \
                   `incidentd notify release`, or `incidentd serve --release-outbox`.\n";
        std::fs::write(&self.held, why)?;
        std::fs::File::open(&self.held)?.sync_all()
    }

    /// Lets the outbox go.
    ///
    /// # Errors
    /// When the mark cannot be removed.
    pub fn release(&self) -> std::io::Result<()> {
        match std::fs::remove_file(&self.held) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::changes::{Changes, Counters};

    fn layout(root: &Path) -> DataDir {
        let at = |name| root.join(name);
        DataDir {
            root: root.into(),
            store: at("store"),
            witness: at("witness"),
            backups: at("backups"),
            held: at("outbox-held"),
        }
    }

    fn commit(dir: &DataDir, batch: u64) {
        let (store, mut witness) = dir.open(&Options::default(), Loss::Refuse).unwrap();
        let counters = Counters { batch, ..Counters::default() };
        store.commit(&Changes { counters, ..Changes::default() }, &[]).unwrap();
        witness.note(batch).unwrap();
    }

    fn refusal(dir: &DataDir) -> String {
        dir.open(&Options::default(), Loss::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn a_store_that_lost_commits_or_its_witness_is_refused_until_the_loss_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        let dir = layout(root.path());
        commit(&dir, 5);
        let old = root.path().join("old");
        let (store, _) = dir.open(&Options::default(), Loss::Refuse).unwrap();
        store.checkpoint(&old).unwrap();
        drop(store);
        commit(&dir, 9);

        // The old copy in the place of the store.
        std::fs::remove_dir_all(&dir.store).unwrap();
        std::fs::rename(&old, &dir.store).unwrap();
        let text = refusal(&dir);
        for says in ["ends at commit 5, but commit 9", "4 are lost", "db restore", "--accept-loss"]
        {
            assert!(text.contains(says), "{says}: {text}");
        }
        // No store at all.
        std::fs::rename(&dir.store, &old).unwrap();
        assert!(refusal(&dir).contains("had come to commit 9; this one ends at commit 0"));
        assert!(!dir.store.exists(), "an empty store was made");
        std::fs::rename(&old, &dir.store).unwrap();
        // No witness.
        let kept = std::fs::read(&dir.witness).unwrap();
        std::fs::remove_file(&dir.witness).unwrap();
        assert!(refusal(&dir).contains("is missing"));
        std::fs::write(&dir.witness, kept).unwrap();

        dir.open(&Options::default(), Loss::Accept).unwrap();
        dir.open(&Options::default(), Loss::Refuse).unwrap();
    }

    #[test]
    fn a_store_in_the_place_of_the_data_folder_is_refused_with_the_way_to_move_it() {
        let root = tempfile::tempdir().unwrap();
        drop(Store::open(root.path(), &Options::default()).unwrap());
        assert!(refusal(&layout(root.path())).contains("mv"), "{}", refusal(&layout(root.path())));
    }
}
