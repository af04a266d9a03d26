//! Keeps what the engine changed in RocksDB, and gives it back.
//!
//! The only importer of `rocksdb`. It decides nothing: [`Store::commit`] writes the engine's
//! changes as one synced batch or not at all, [`Store::load`] returns what the engine goes on from,
//! and [`Store::view`] answers questions from what is committed. Every call blocks on the disk, so
//! none belongs on a runtime's worker thread.
//!
//! Read `schema` (families and keys), then `codec` (values), then `commit`.

use core::fmt;
use std::path::PathBuf;

use rocksdb::{ColumnFamily, DB};

mod codec;
mod commit;
mod framing;
mod load;
mod migrate;
mod old;
mod open;
mod overlay;
mod query;
mod read;
mod schema;
pub mod upkeep;
pub mod verify;
pub mod view;
pub mod witness;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod dice;

pub use codec::Malformed;
pub use view::View;

use schema::Family;

/// An open store. One process at a time has it; one thread at a time may commit.
pub struct Store {
    db: DB,
    dir: PathBuf,
    /// On which lists the incidents are that were written since the start.
    listed: commit::Listed,
}

/// How much of the machine the store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of unflushed records held in memory, all families together.
    pub write_buffer_bytes: usize,
    /// Bytes of blocks, indexes and filters cached for reading, all families together.
    pub block_cache_bytes: usize,
    /// Bytes of write-ahead log after which the oldest records are flushed; bounds what a start
    /// has to replay.
    pub wal_bytes_max: u64,
}

/// 32 MiB of records and 32 MiB of cache leave most of the 500 MB of a million active alerts to the
/// engine; 64 MiB of records take alerts in no faster. 128 MiB of log are replayed in about a second.
impl Default for Options {
    fn default() -> Self {
        Self { write_buffer_bytes: 32 << 20, block_cache_bytes: 32 << 20, wal_bytes_max: 128 << 20 }
    }
}

/// The store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or made private.
    #[error("{}: cannot be made a private folder (mode 0700) for the store: {source}", dir.display())]
    Folder {
        /// The store's folder.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error(
        "{}: in use by {}; stop that one first, or name another data folder",
        dir.display(),
        holder.map_or("another process".into(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The store's folder.
        dir: PathBuf,
        /// Who has it, where the system tells.
        holder: Option<u32>,
    },
    /// A newer incidentd wrote it, in a way this one does not know.
    #[error("{}: has {what}, which this version of incidentd does not know; run the version that wrote it, or a later one", dir.display())]
    Newer {
        /// The store's folder.
        dir: PathBuf,
        /// What is not known.
        what: String,
    },
    /// An older incidentd wrote it, and it is only to be looked at.
    #[error("{}: was written by an older version of incidentd; look at it, or restore it, with that one: this one brings it up to date where it is served", dir.display())]
    Older {
        /// The store's folder.
        dir: PathBuf,
    },
    /// RocksDB does not open it.
    #[error("{}: cannot be opened: {source}; if files are damaged or missing, restore the last backup", dir.display())]
    Open {
        /// The store's folder.
        dir: PathBuf,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// The manifest or a log has a record that none of ours can have.
    #[error("{}: the record at byte {at} is damaged; restore the last backup (incidentd db restore)", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: u64,
    },
    /// A record cannot be read.
    #[error("cannot be read: {0}")]
    Read(rocksdb::Error),
    /// A record is not what this version can understand.
    #[error("record {family}/{key}: {reason}")]
    Record {
        /// The column family.
        family: &'static str,
        /// The key in hexadecimal digits.
        key: String,
        /// What is wrong with it.
        reason: Malformed,
    },
    /// The CMDB is not what this version can use.
    #[error("the stored topology cannot be used: {0}")]
    Topology(String),
    /// A store lies where only the folder of the store should.
    #[error("{dir}: holds a store itself, which belongs one folder deeper: mv {dir} {dir}.old && mkdir {dir} && mv {dir}.old {to}", dir = dir.display(), to = to.display())]
    Misplaced {
        /// The data folder.
        dir: PathBuf,
        /// Where the store belongs.
        to: PathBuf,
    },
    /// It cannot be proven whole.
    #[error("{}: {loss}; restore the last backup (incidentd db restore), or go on without what is lost: incidentd serve --accept-loss", dir.display())]
    Lost {
        /// The store's folder.
        dir: PathBuf,
        /// What speaks against it.
        loss: witness::Loss,
    },
    /// The witness cannot be read or written.
    #[error("{}: the witness cannot be {}: {source}", path.display(), what)]
    Witness {
        /// Its file.
        path: PathBuf,
        /// What failed: `read` or `written`.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A backup cannot be made.
    #[error("{}: no backup can be made there: {source}", to.display())]
    Backup {
        /// Its folder.
        to: PathBuf,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// A batch was not, or perhaps not, written. The process has to end: only recovery at the next
    /// start can tell which.
    #[error("the batch could not be committed: {0}")]
    Commit(rocksdb::Error),
}

impl StoreError {
    fn record(family: Family, key: &[u8], reason: Malformed) -> Self {
        Self::Record { family: family.name(), key: schema::hex(key), reason }
    }
}

impl Store {
    /// Returns what names this database and no other, for as long as it lives: letters, digits, `-`.
    ///
    /// # Errors
    /// When RocksDB does not tell.
    pub fn installation(&self) -> Result<String, StoreError> {
        let id = self.db.get_db_identity().map_err(StoreError::Read)?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        Ok(id.into_iter().filter(plain).map(char::from).collect())
    }

    #[expect(clippy::expect_used, reason = "opening creates every family of the schema")]
    fn family(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("every family is opened with the store")
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}
