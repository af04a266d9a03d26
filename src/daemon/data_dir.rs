//! The data folder: what lies where in it, and whether what lies there is whole.
//!
//! ```text
//! <storage.dir>/store         RocksDB
//! <storage.dir>/witness       how far the store had come (or storage.witness)
//! <storage.dir>/backups/…     copies of the store (or backup.dir)
//! <storage.dir>/link-key      signs the links in messages; made at the first start that needs it
//! <storage.dir>/outbox-held   exists while nothing is sent after a restore
//! ```

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use tracing::error;

use crate::model::link::KEY_LEN;
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
    /// The key of links.
    pub link_key: PathBuf,
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
            link_key: in_root("link-key"),
            root,
        }
    }

    /// Makes the folder of all; what is made stays, whatever happens to the power.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.root)?;
        if self.store.join("CURRENT").exists() || planted!("folder not synced") {
            return Ok(());
        }
        // With the name of a folder all that is synced below it would be gone. What this process made
        // it may read as well; others made the rest.
        for folder in std::path::absolute(&self.root)?.ancestors() {
            match File::open(folder) {
                Ok(folder) => folder.sync_all()?,
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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

    /// Reads the key that signs links; makes one where there is none. Only its owner may read it.
    ///
    /// # Errors
    /// When it cannot be read or written, or is no key.
    pub fn link_key(&self) -> std::io::Result<[u8; KEY_LEN]> {
        let wrong = |_| {
            let what = format!("holds no {KEY_LEN} bytes; remove it, and links sent so far end");
            std::io::Error::new(ErrorKind::InvalidData, what)
        };
        match std::fs::read(&self.link_key) {
            Ok(bytes) => return bytes.as_slice().try_into().map_err(wrong),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut key = [0; KEY_LEN];
        getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
        // Under another name first: half a key would be refused at every start.
        let draft = self.link_key.with_extension("new");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&draft, &self.link_key)?;
        File::open(&self.root)?.sync_all()?;
        Ok(key)
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
        File::open(&self.held)?.sync_all()
    }

    /// Lets the outbox go.
    ///
    /// # Errors
    /// When the mark cannot be removed.
    pub fn release(&self) -> std::io::Result<()> {
        match std::fs::remove_file(&self.held) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
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
            link_key: at("link-key"),
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
    fn the_key_of_links_is_made_once_for_its_owner_alone_and_a_broken_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = layout(root.path());
        let key = dir.link_key().unwrap();
        assert_ne!(key, [0; KEY_LEN]);
        assert_eq!(dir.link_key().unwrap(), key, "links last through a restart");
        let mode = std::fs::metadata(&dir.link_key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&dir.link_key, [1; 31]).unwrap();
        assert!(dir.link_key().unwrap_err().to_string().contains("no 32 bytes"));
    }

    #[test]
    fn a_store_in_the_place_of_the_data_folder_is_refused_with_the_way_to_move_it() {
        let root = tempfile::tempdir().unwrap();
        drop(Store::open(root.path(), &Options::default()).unwrap());
        assert!(refusal(&layout(root.path())).contains("mv"), "{}", refusal(&layout(root.path())));
    }
}
