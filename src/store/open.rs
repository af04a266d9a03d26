//! Opens the store: its folder, its lock, RocksDB's settings, the version of the schema.

use std::fs::{DirBuilder, File, Permissions, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, WriteBatch,
};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::codec::{self, Malformed, meta::SchemaMessage};
use super::commit::Listed;
use super::schema::{FAMILIES, Family, META_SCHEMA, VERSION};
use super::{Options, Store, StoreError, commit, framing};
use crate::engine::changes::Counters;

impl Store {
    /// Opens the store in the folder `dir`, which belongs to it alone, and makes it if need be.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it, a newer version wrote it, or RocksDB
    /// cannot show that the data is whole.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        make_private(dir).map_err(|source| StoreError::Folder { dir: dir.into(), source })?;
        let settings = settings(options).map_err(|error| refused(dir, error))?;
        framing::check(dir)?;
        refuse_unknown_families(dir, &settings)?;
        let families = FAMILIES
            .map(|family| ColumnFamilyDescriptor::new(family.name(), tuned(&settings, family)));
        let db = DB::open_cf_descriptors(&settings, dir, families)
            .map_err(|error| refused(dir, error))?;
        let store = Self { db, dir: dir.into(), listed: Listed::default() };
        match store.version()? {
            Some(VERSION) => return Ok(store),
            Some(_) => store.give_slots()?,
            None => {}
        }
        store.write_version()?;
        Ok(store)
    }

    /// Opens the store in the folder `dir` only to look at it: nothing of it is changed.
    ///
    /// # Errors
    /// As for [`Store::open`], and when there is none.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        if let Some(holder) = File::open(dir.join("LOCK")).ok().and_then(|lock| holder(&lock)) {
            return Err(StoreError::Locked { dir: dir.into(), holder: Some(holder) });
        }
        let settings = settings(&Options::default()).map_err(|error| refused(dir, error))?;
        framing::check(dir)?;
        refuse_unknown_families(dir, &settings)?;
        refuse_missing_families(dir, &settings)?;
        let families = FAMILIES
            .map(|family| ColumnFamilyDescriptor::new(family.name(), tuned(&settings, family)));
        let db = DB::open_cf_descriptors_read_only(&settings, dir, families, false)
            .map_err(|error| refused(dir, error))?;
        let store = Self { db, dir: dir.into(), listed: Listed::default() };
        match store.version()? {
            Some(VERSION) | None => Ok(store),
            Some(_) => Err(StoreError::Older { dir: dir.into() }),
        }
    }

    /// Returns the version of the schema, which is none that is not known; nothing for a new store.
    fn version(&self) -> Result<Option<u32>, StoreError> {
        let view = self.view();
        match view.meta::<SchemaMessage>(META_SCHEMA)? {
            Some(schema) if schema.version > VERSION => Err(StoreError::Newer {
                dir: self.dir.clone(),
                what: format!("schema version {} (known: up to {VERSION})", schema.version),
            }),
            Some(schema) => Ok(Some(schema.version)),
            None if view.counters()? != Counters::default() => {
                let reason = Malformed::Damaged("it is missing".into());
                Err(StoreError::record(Family::Meta, META_SCHEMA, reason))
            }
            None => Ok(None),
        }
    }

    fn write_version(&self) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let mut value = Vec::new();
        codec::encode(&SchemaMessage { version: VERSION }, &mut value);
        batch.put_cf(self.family(Family::Meta), META_SCHEMA, &value);
        self.db.write_opt(batch, &commit::synced()).map_err(StoreError::Commit)
    }
}

/// The folder holds what senders wrote about the inside of a company: it is its owner's alone.
fn make_private(dir: &Path) -> io::Result<()> {
    const MODE: u32 = 0o700;
    DirBuilder::new().recursive(true).mode(MODE).create(dir)?;
    if dir.metadata()?.permissions().mode() & 0o777 == MODE {
        return Ok(());
    }
    set_permissions(dir, Permissions::from_mode(MODE))
}

/// RocksDB would refuse them as well, but without saying that a newer version made them.
fn refuse_unknown_families(dir: &Path, settings: &rocksdb::Options) -> Result<(), StoreError> {
    if !dir.join("CURRENT").exists() {
        return Ok(());
    }
    let names = DB::list_cf(settings, dir).map_err(|error| refused(dir, error))?;
    let known = |name: &str| name == "default" || FAMILIES.iter().any(|f| f.name() == name);
    match names.into_iter().find(|name| !known(name)) {
        Some(name) => {
            Err(StoreError::Newer { dir: dir.into(), what: format!("the column family `{name}`") })
        }
        None => Ok(()),
    }
}

/// Families that came later are made where the store is opened to be written.
fn refuse_missing_families(dir: &Path, settings: &rocksdb::Options) -> Result<(), StoreError> {
    let names = DB::list_cf(settings, dir).map_err(|error| refused(dir, error))?;
    let is_there = |family: &Family| names.iter().any(|name| name == family.name());
    if FAMILIES.iter().all(is_there) { Ok(()) } else { Err(StoreError::Older { dir: dir.into() }) }
}

/// What has no setter. A table at the bottom is written anew as soon as a reader lets go of a snapshot
/// that was younger than it, which drops what only that reader saw; readers come and go all the time,
/// so that every table would be written twice. After an hour much of it has been replaced anyway.
const BY_NAME: &str = "bottommost_file_compaction_delay=3600";

/// Why each: `reliability` comes before speed, and speed before disk space.
fn settings(options: &Options) -> Result<rocksdb::Options, rocksdb::Error> {
    let mut settings = rocksdb::Options::default().get_options_from_string(BY_NAME)?;
    settings.create_if_missing(true);
    settings.create_missing_column_families(true);

    // The default mode, PointInTime, drops acknowledged batches behind a damaged one in silence.
    // This mode forgives only a torn end, which no one was told of, and needs logs not recycled.
    settings.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    if planted!("damaged log forgiven") {
        settings.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
    }
    settings.set_recycle_log_file_num(0);
    // A missing or shortened log is noticed at the start.
    settings.set_track_and_verify_wals_in_manifest(true);
    // Without it RocksDB does not count a failed write as an error.
    settings.set_paranoid_checks(true);
    settings.set_max_total_wal_size(options.wal_bytes_max);

    settings.set_db_write_buffer_size(options.write_buffer_bytes);
    // Most families are small: the usual arena block of 1 MiB each would eat up the buffer.
    settings.set_arena_block_size(64 << 10);
    settings.set_compression_type(DBCompressionType::Lz4);
    settings.set_bottommost_compression_type(DBCompressionType::Zstd);
    settings.set_block_based_table_factory(&tables(options));
    // Far below the usual limit of 1,024 open files, most of which are for connections.
    settings.set_max_open_files(256);
    settings.set_max_background_jobs(2);

    // RocksDB's own log is for its makers: keep a little of it.
    settings.set_keep_log_file_num(4);
    settings.set_max_log_file_size(4 << 20);
    settings.set_stats_dump_period_sec(0);
    Ok(settings)
}

/// What is held is written anew before long, and lies in the order in which it came: a table of it can
/// go down the levels as it is, unless it is to be packed more tightly there, which costs more
/// processor time than all else that flush and compaction do. What is kept for long is.
fn tuned(settings: &rocksdb::Options, family: Family) -> rocksdb::Options {
    let mut settings = settings.clone();
    if matches!(family, Family::Alerts | Family::Touches | Family::Slots) {
        settings.set_bottommost_compression_type(DBCompressionType::Lz4);
    }
    settings
}

fn tables(options: &Options) -> BlockBasedOptions {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&Cache::new_lru_cache(options.block_cache_bytes));
    tables.set_block_size(8 << 10);
    tables.set_bloom_filter(10.0, false);
    // Indexes and filters count against the cache too; in parts, because one of a large file does
    // not fit into a shard of a small cache and would be read again for every record.
    tables.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    tables.set_partition_filters(true);
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tables.set_pin_top_level_index_and_filter(true);
    tables
}

fn refused(dir: &Path, source: rocksdb::Error) -> StoreError {
    let text: &str = source.as_ref();
    let dir = dir.to_path_buf();
    // Both wordings are those of `PosixFileSystem::LockFile`. For a lock of our own the file must
    // not be touched: closing any handle of it would give the lock up (POSIX).
    if text.contains("lock hold by current process") {
        return StoreError::Locked { dir, holder: Some(std::process::id()) };
    }
    if text.contains("While lock file") {
        let holder = File::open(dir.join("LOCK")).ok().and_then(|lock| holder(&lock));
        return StoreError::Locked { dir, holder };
    }
    StoreError::Open { dir, source }
}

/// The process that has a lock on the file; `None` when it cannot be seen from here (in another
/// container) or has just let go.
fn holder(lock: &File) -> Option<u32> {
    let wish = Flock::from(FlockType::WriteLock);
    let held = fcntl_getlk(lock, &wish).ok()??;
    held.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
}

#[cfg(test)]
impl Store {
    /// Opens a store of any version and leaves it what it is.
    pub(super) fn open_as_it_is(dir: &Path) -> Self {
        let settings = settings(&Options::default()).unwrap();
        let db = DB::open_cf(&settings, dir, FAMILIES.map(Family::name)).unwrap();
        Self { db, dir: dir.into(), listed: Listed::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::engine::changes::Changes;
    use crate::model::time::Timestamp;
    use crate::store::Store;

    /// Names the folder to the process that is to hold the lock.
    const FOLDER: &str = "INCIDENTD_TEST_STORE";

    fn open(dir: &Path) -> Result<Store, StoreError> {
        Store::open(dir, &Options::default())
    }

    fn refusal(dir: &Path) -> String {
        open(dir).unwrap_err().to_string()
    }

    fn batch(number: u64) -> Changes {
        let now = Timestamp::from_millis(0);
        let counters = Counters { next_record: 1, batch: number, now, ..Counters::default() };
        Changes { counters, ..Changes::default() }
    }

    #[test]
    fn the_folder_is_made_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data/store");
        let mode = || dir.metadata().unwrap().permissions().mode() & 0o777;
        drop(open(&dir).unwrap());
        assert_eq!(mode(), 0o700);
        set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        drop(open(&dir).unwrap());
        assert_eq!(mode(), 0o700);
    }

    #[test]
    fn no_table_is_written_anew_because_a_reader_has_gone() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()).unwrap());
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        // What RocksDB says it goes by.
        let written = files.filter(|path| name(path).starts_with("OPTIONS-")).max().unwrap();
        let options = std::fs::read_to_string(written).unwrap();
        assert_eq!(options.matches(BY_NAME).count(), FAMILIES.len());
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let wording = format!("{}: cannot be made a private folder", file.path().display());
        assert!(refusal(file.path()).starts_with(&wording), "{}", refusal(file.path()));
    }

    #[test]
    fn a_store_in_use_is_refused_by_the_number_of_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        for _ in 0..2 {
            let wording = format!("in use by process {}; stop that one first", std::process::id());
            assert!(refusal(dir.path()).contains(&wording), "{}", refusal(dir.path()));
        }
        drop(store);
        open(dir.path()).unwrap();
    }

    /// Holds the store while its input is open, when it is started by the test below.
    #[test]
    fn another_process_is_named_too() {
        #[expect(clippy::disallowed_methods, reason = "no setting: this test starts itself")]
        if let Ok(dir) = std::env::var(FOLDER) {
            let _store = open(Path::new(&dir)).unwrap();
            writeln!(io::stdout(), "\nholding").unwrap();
            io::stdin().read_to_end(&mut Vec::new()).unwrap();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::open::tests::another_process_is_named_too", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let holding = lines.any(|line| line.unwrap() == "holding");
        let refusal = refusal(dir.path());
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success() && holding);
        let wording = format!("in use by process {}; stop", holder.id());
        assert!(refusal.contains(&wording), "{refusal}");
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let newer = [1, 0x08, 3];
        store.db.put_cf(store.family(Family::Meta), META_SCHEMA, newer).unwrap();
        drop(store);
        let refused = refusal(dir.path());
        assert!(refused.contains("has schema version 3 (known: up to 2), which this"), "{refused}");

        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path()).unwrap();
        store.db.create_cf("tenants", &rocksdb::Options::default()).unwrap();
        drop(store);
        let refused = refusal(dir.path());
        assert!(refused.contains("has the column family `tenants`, which this"), "{refused}");
    }

    #[test]
    fn a_store_without_its_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        store.commit(&batch(1), &[]).unwrap();
        store.db.delete_cf(store.family(Family::Meta), META_SCHEMA).unwrap();
        drop(store);
        let refused = refusal(dir.path());
        assert!(
            refused.contains("record meta/736368656d61: is damaged: it is missing"),
            "{refused}"
        );
    }

    /// The only log of a store, as it was left by a process that was killed.
    fn killed_after(batches: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let (live, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(live.path()).unwrap();
        for number in 1..=batches {
            store.commit(&batch(number), &[]).unwrap();
        }
        for entry in std::fs::read_dir(live.path()).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
        }
        let log = |path: &std::path::PathBuf| {
            path.extension().is_some_and(|e| e == "log") && path.metadata().unwrap().len() > 0
        };
        let files = std::fs::read_dir(copy.path()).unwrap().map(|entry| entry.unwrap().path());
        let log = files.filter(log).last().unwrap();
        (copy, log)
    }

    #[test]
    fn a_torn_end_of_the_log_is_forgiven_and_damage_before_it_is_not() {
        let (dir, _) = killed_after(9);
        assert_eq!(open(dir.path()).unwrap().view().counters().unwrap().batch, 9);

        let (dir, log) = killed_after(9);
        let whole = std::fs::read(&log).unwrap();
        std::fs::write(&log, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(open(dir.path()).unwrap().view().counters().unwrap().batch, 8);

        let (dir, log) = killed_after(9);
        let mut damaged = std::fs::read(&log).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(&log, damaged).unwrap();
        let refused = refusal(dir.path());
        assert!(refused.contains("cannot be opened: Corruption"), "{refused}");
    }
}
