//! `incidentd db`: looks after the store: verify, back up, restore, pack, measure.
//!
//! All but `backup` work on a folder that no daemon uses.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::daemon::backups;
use crate::daemon::data_dir::{DataDir, Loss};
use crate::http::operate::BackupMade;
use crate::settings::{self, Overrides, Settings};
use crate::store::upkeep::copy_files;
use crate::store::verify::Report;
use crate::store::witness::{Mark, Testimony, Witness};
use crate::store::{Options, Store, StoreError};

use super::client::Answer;
use super::failure::Failure;
use super::print::{self, Table};
use super::{Session, wait};

/// What to do with the store.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Read everything with its checksums, and check what records say of each other
    Verify {
        /// Folder of a backup; the store itself when left out
        folder: Option<PathBuf>,
        /// Where the store is
        #[command(flatten)]
        place: Place,
    },
    /// Copy the running daemon's store
    Backup {
        /// Copy a store that no daemon uses
        #[arg(long)]
        offline: bool,
        /// Where the store is
        #[command(flatten)]
        place: Place,
    },
    /// Put a backup in the place of a store that is gone
    Restore {
        /// Folder of the backup
        backup: PathBuf,
        /// Where the store is
        #[command(flatten)]
        place: Place,
    },
    /// Pack the store into as few files as it needs
    Compact {
        /// Where the store is
        #[command(flatten)]
        place: Place,
    },
    /// Show what each column family holds
    Stats {
        /// Folder of a backup; the store itself when left out
        folder: Option<PathBuf>,
        /// Where the store is
        #[command(flatten)]
        place: Place,
    },
}

/// Where the store is.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Settings file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn settings(&self) -> Result<Settings, Failure> {
        let data_dir = self.data_dir.as_deref().map(|dir| dir.display().to_string());
        let overrides = Overrides { data_dir, ..Overrides::default() };
        settings::load(self.config.as_deref(), &overrides).map_err(|problems| {
            problems.iter().for_each(print::talk);
            Failure::of_settings(problems.len())
        })
    }

    fn dir(&self) -> Result<DataDir, Failure> {
        self.settings().map(|settings| DataDir::of(&settings))
    }
}

/// Does it.
///
/// # Errors
/// When the store cannot be used or is not whole.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify { folder, place } => verify(session, &folder_of(folder, &place)?),
        Command::Backup { offline: false, .. } => wait(ask_for_backup(session)),
        Command::Backup { offline: true, place } => back_up(session, &place),
        Command::Restore { backup, place } => restore(session, &backup, &place.dir()?),
        Command::Compact { place } => compact(session, &place),
        Command::Stats { folder, place } => stats(session, &folder_of(folder, &place)?),
    }
}

fn folder_of(folder: Option<PathBuf>, place: &Place) -> Result<PathBuf, Failure> {
    folder.map_or_else(|| place.dir().map(|dir| dir.store), Ok)
}

fn refused(error: &StoreError) -> Failure {
    Failure::Store(error.to_string())
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::Store(format!("{}: {error}", path.display()))
}

fn show(session: &Session, answer: &Value, people: &str) -> Result<(), Failure> {
    session.show(&Answer(answer.to_string()), |_| {
        session.say(people);
        Ok(())
    })
}

fn verify(session: &Session, folder: &Path) -> Result<(), Failure> {
    let store = Store::open_to_read(folder).map_err(|error| refused(&error))?;
    let found = whole(&store, folder)?;
    let answer = json!({
        "folder": folder, "batch": found.batch, "records": found.records, "hash": found.hash,
    });
    let Report { batch, records, hash, .. } = found;
    let text = format!(
        "{}: whole; {records} records up to commit {batch}\nstate hash {hash}",
        folder.display()
    );
    show(session, &answer, &text)
}

/// Reads a store from end to end and refuses it unless everything in it is right.
fn whole(store: &Store, folder: &Path) -> Result<Report, Failure> {
    let found = store.verify().map_err(|error| refused(&error))?;
    if found.wrong == 0 {
        return Ok(found);
    }
    found.problems.iter().for_each(print::talk);
    Err(Failure::Store(format!(
        "{}: {} of {} records are wrong; restore the last backup that `incidentd db verify` finds whole",
        folder.display(),
        found.wrong,
        found.records
    )))
}

async fn ask_for_backup(session: &Session) -> Result<(), Failure> {
    let answer = session.connect()?.post(&["api", "v1", "backup"], &Value::Null).await?;
    session.show(&answer, |answer| {
        session.say(&told(&answer.read()?));
        Ok(())
    })
}

fn told(made: &BackupMade) -> String {
    let BackupMade { path, batch, bytes } = made;
    format!("{path}: {bytes} bytes up to commit {batch}")
}

fn back_up(session: &Session, place: &Place) -> Result<(), Failure> {
    let settings = place.settings()?;
    let dir = DataDir::of(&settings);
    let opened = dir.open(&Options::default(), Loss::Refuse);
    let (store, _) = opened.map_err(|error| refused(&error))?;
    let made = backups::make(&store, &dir.backups, settings.backup.keep as usize);
    let made = made.map_err(Failure::Store)?;
    show(session, &json!(made), &told(&made))
}

fn restore(session: &Session, backup: &Path, dir: &DataDir) -> Result<(), Failure> {
    if dir.store.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Conflict(format!(
            "{}: is not empty; move it aside first, it may hold what the backup does not",
            dir.store.display()
        )));
    }
    let source = Store::open_to_read(backup).map_err(|error| refused(&error))?;
    let before = whole(&source, backup)?;
    let id = source.identity().map_err(|error| refused(&error))?.ok_or_else(|| {
        Failure::Store(format!("{}: has no identity: no daemon ever ran on it", backup.display()))
    })?;
    drop(source);
    let known = Witness::read(&dir.witness).map_err(failed(&dir.witness))?;
    dir.make().map_err(failed(&dir.root))?;
    let arriving = dir.root.join("store.arriving");
    if arriving.exists() {
        std::fs::remove_dir_all(&arriving).map_err(failed(&arriving))?;
    }
    let copied = copy_files(backup, &arriving);
    let bytes = copied.map_err(|(path, error)| failed(&path)(error))?;
    let after = Store::open_to_read(&arriving).map_err(|error| refused(&error))?.verify();
    if after.map_err(|error| refused(&error))?.hash != before.hash {
        return Err(Failure::Store(format!("{}: is not as it was copied", arriving.display())));
    }
    dir.hold().map_err(failed(&dir.held))?;
    let mark = Mark { id, batch: before.batch };
    Witness::start(&dir.witness, mark).map_err(failed(&dir.witness))?;
    std::fs::rename(&arriving, &dir.store).map_err(failed(&dir.store))?;
    std::fs::File::open(&dir.root).and_then(|root| root.sync_all()).map_err(failed(&dir.root))?;
    let lost = match known {
        Testimony::Mark(last) if last.id == id => last.batch.saturating_sub(before.batch),
        Testimony::Mark(_) | Testimony::Missing | Testimony::Damaged => 0,
    };
    let answer = json!({
        "store": dir.store, "batch": before.batch, "bytes": bytes, "hash": before.hash,
        "commits_lost": lost, "outbox": "held",
    });
    show(session, &answer, &farewell(dir, &before, lost))
}

fn farewell(dir: &DataDir, restored: &Report, lost: u64) -> String {
    let lost = match lost {
        0 => String::new(),
        1 => "\n1 later commit is lost".into(),
        many => format!("\n{many} later commits are lost"),
    };
    format!(
        "{}: restored up to commit {}, state hash {}{lost}\n\
         the outbox is held: start the daemon, look at what is open, then `incidentd notify release`",
        dir.store.display(),
        restored.batch,
        restored.hash
    )
}

fn compact(session: &Session, place: &Place) -> Result<(), Failure> {
    let dir = place.dir()?;
    let opened = dir.open(&Options::default(), Loss::Refuse);
    let (store, _) = opened.map_err(|error| refused(&error))?;
    let disk = |store: &Store| {
        let sizes = store.sizes().map_err(|error| refused(&error))?;
        Ok::<u64, Failure>(sizes.iter().map(|size| size.disk_bytes).sum())
    };
    let before = disk(&store)?;
    store.compact();
    let after = disk(&store)?;
    let answer = json!({"before_bytes": before, "after_bytes": after});
    let text = format!("{}: {before} bytes of tables before, {after} after", dir.store.display());
    show(session, &answer, &text)
}

fn stats(session: &Session, folder: &Path) -> Result<(), Failure> {
    let store = Store::open_to_read(folder).map_err(|error| refused(&error))?;
    let sizes = store.sizes().map_err(|error| refused(&error))?;
    let rows: Vec<Value> = sizes
        .iter()
        .map(|it| json!({"family": it.family, "keys": it.keys, "bytes": it.bytes, "disk_bytes": it.disk_bytes}))
        .collect();
    session.show(&Answer(json!({"items": rows}).to_string()), |_| {
        let mut table = Table::new(&["FAMILY", "KEYS", "BYTES", "ON DISK"]);
        for it in &sizes {
            let numbers = [it.keys, it.bytes, it.disk_bytes].map(|number| number.to_string());
            table.row(core::iter::once(it.family.to_owned()).chain(numbers));
        }
        let keys: u64 = sizes.iter().map(|it| it.keys).sum();
        let bytes: u64 = sizes.iter().map(|it| it.bytes).sum();
        session.list(table, &format!("{keys} records, {bytes} bytes"));
        Ok(())
    })
}
