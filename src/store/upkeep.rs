//! Looks after a store as a whole: copies it, measures it, packs it, names it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{IteratorMode, WaitForCompactOptions, WriteBatch};

use super::codec::{self, meta::IdentityMessage};
use super::schema::{FAMILIES, Family, META_IDENTITY};
use super::witness::StoreId;
use super::{Malformed, Store, StoreError, commit, read};

/// How much a column family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its name.
    pub family: &'static str,
    /// Records.
    pub keys: u64,
    /// Bytes of keys and values before compression.
    pub bytes: u64,
    /// Bytes of its table files; what is only in the log is not counted.
    pub disk_bytes: u64,
}

impl Store {
    /// Copies the store as it is now into the folder `to`, which must not exist: by hard links where
    /// it is on the same file system. The copy is on stable storage when this returns.
    ///
    /// # Errors
    /// When it cannot be made; nothing is left in its place.
    pub fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |source| StoreError::Backup { to: to.into(), source };
        let checkpoint = Checkpoint::new(&self.db).map_err(failed)?;
        checkpoint.create_checkpoint(to).map_err(failed)
    }

    /// Counts what each family holds; reads every record.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn sizes(&self) -> Result<Vec<Size>, StoreError> {
        FAMILIES.into_iter().map(|family| self.size(family)).collect()
    }

    fn size(&self, family: Family) -> Result<Size, StoreError> {
        let (mut keys, mut bytes) = (0, 0);
        for entry in self.view().entries(family, read::bulk(), IteratorMode::Start) {
            let (key, value) = entry?;
            keys += 1;
            bytes += (key.len() + value.len()) as u64;
        }
        let files = "rocksdb.total-sst-files-size";
        let disk = self.db.property_int_value_cf(self.family(family), files);
        let disk_bytes = disk.map_err(StoreError::Read)?.unwrap_or(0);
        Ok(Size { family: family.name(), keys, bytes, disk_bytes })
    }

    /// Packs every family into as few files as it needs, and gives back what deleted records held.
    pub fn compact(&self) {
        for family in FAMILIES {
            self.db.compact_range_cf::<&[u8], &[u8]>(self.family(family), None, None);
        }
    }

    /// Flushes what was written so far, and waits until nothing of it is being compacted. For whoever
    /// measures what the next commit costs: a buffer that one commit has filled is else flushed when the
    /// next one comes.
    ///
    /// # Errors
    /// When that failed.
    pub fn settle(&self) -> Result<(), StoreError> {
        let mut options = WaitForCompactOptions::default();
        options.set_flush(true);
        self.db.wait_for_compact(&options).map_err(StoreError::Commit)
    }

    /// Returns the identity of the store; `None` before it was given one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn identity(&self) -> Result<Option<StoreId>, StoreError> {
        let Some(message) = self.view().meta::<IdentityMessage>(META_IDENTITY)? else {
            return Ok(None);
        };
        let id = message.id.as_slice().try_into().map_err(|_| {
            let reason = Malformed::Damaged("it has another length".into());
            StoreError::record(Family::Meta, META_IDENTITY, reason)
        });
        id.map(|id| Some(StoreId(id)))
    }

    /// Gives the store its identity.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn identify(&self, id: StoreId) -> Result<(), StoreError> {
        let (mut batch, mut value) = (WriteBatch::default(), Vec::new());
        codec::encode(&IdentityMessage { id: id.0.into() }, &mut value);
        batch.put_cf(self.family(Family::Meta), META_IDENTITY, &value);
        self.db.write_opt(batch, &commit::synced()).map_err(StoreError::Commit)
    }

    /// Returns the folder of the store.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Copies a backup's files into the folder `to`, which is made, and returns their bytes. All of it
/// is on stable storage when this returns.
///
/// # Errors
/// When a file cannot be read or written; names it.
pub fn copy_files(from: &Path, to: &Path) -> Result<u64, (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    std::fs::create_dir(to).map_err(at(to))?;
    let mut bytes = 0;
    for entry in std::fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        // Not: the log and the lock that looking at the backup made.
        let Some(name) = path.file_name().filter(|name| belongs(&name.to_string_lossy())) else {
            continue;
        };
        let target = to.join(name);
        bytes += std::fs::copy(&path, &target).map_err(at(&path))?;
        File::open(&target).and_then(|file| file.sync_all()).map_err(at(&target))?;
    }
    File::open(to).and_then(|folder| folder.sync_all()).map_err(at(to))?;
    Ok(bytes)
}

fn belongs(name: &str) -> bool {
    !(name == "LOCK" || name.starts_with("LOG"))
}

/// Returns the bytes of the files in a folder.
///
/// # Errors
/// When it cannot be read.
pub fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
