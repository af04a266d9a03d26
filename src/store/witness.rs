//! The witness: a file of 64 bytes beside the store that says how far the store had come.
//!
//! Recovery cannot know of commits that are gone with the file they were in: an old copy of the
//! store opens without a complaint. The witness remembers the store's identity and the last commit
//! that was on stable storage, at most a second old; a store that ends before it is refused. Two
//! slots are written in turn, so that a torn write costs the older word only.

use core::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Identifies a store for its whole life, its backups included: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a witness says: this store had this commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The store.
    pub id: StoreId,
    /// Its last commit that was on stable storage.
    pub batch: u64,
}

/// What was found in the place of the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Testimony {
    /// There is no file.
    Missing,
    /// Neither slot can be read.
    Damaged,
    /// The newer readable slot.
    Mark(Mark),
}

/// Why a store cannot be proven whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// It ends before the witness.
    #[error(
        "ends at commit {stored}, but commit {witnessed} was on stable storage: {} are lost",
        witnessed - stored
    )]
    Behind {
        /// The store's last commit.
        stored: u64,
        /// The witness's.
        witnessed: u64,
    },
    /// It is another store than the witness saw, or none at all.
    #[error(
        "is not the store that the witness saw, which had come to commit {witnessed}; this one ends at commit {stored}"
    )]
    Replaced {
        /// The store's last commit.
        stored: u64,
        /// The witness's.
        witnessed: u64,
    },
    /// The witness is gone, so nobody can tell.
    #[error(
        "ends at commit {stored}, and the witness that could say whether that is all is missing"
    )]
    Missing {
        /// The store's last commit.
        stored: u64,
    },
    /// The witness cannot be read, so nobody can tell.
    #[error(
        "ends at commit {stored}, and the witness that could say whether that is all is damaged"
    )]
    Damaged {
        /// The store's last commit.
        stored: u64,
    },
}

/// Compares a store, its identity where it has one and its last commit, with the witness. Returns
/// the identity it goes on with; `None` when it needs one.
///
/// The first start writes the witness before the identity, so a store without one beside a witness
/// of commit 0 is a first start that was cut off.
///
/// # Errors
/// When the store cannot be proven whole.
pub fn judge(
    id: Option<StoreId>,
    stored: u64,
    witness: Testimony,
) -> Result<Option<StoreId>, Loss> {
    match (id, witness) {
        (None, Testimony::Missing) => Ok(None),
        (None, Testimony::Mark(Mark { id, batch: 0 })) => Ok(Some(id)),
        (Some(id), Testimony::Mark(mark)) if mark.id == id => {
            let witnessed = mark.batch;
            if stored < witnessed && !planted!("witness not believed") {
                Err(Loss::Behind { stored, witnessed })
            } else {
                Ok(Some(id))
            }
        }
        (_, Testimony::Mark(mark)) => Err(Loss::Replaced { stored, witnessed: mark.batch }),
        (Some(_), Testimony::Missing) => Err(Loss::Missing { stored }),
        (_, Testimony::Damaged) => Err(Loss::Damaged { stored }),
    }
}

const SLOT: usize = 32;

/// Returns 16 bytes of identity, 8 of the commit's number, 8 of checksum.
fn slot(mark: Mark) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    let (body, checksum) = slot.split_at_mut(24);
    let (id, batch) = body.split_at_mut(16);
    id.copy_from_slice(&mark.id.0);
    batch.copy_from_slice(&mark.batch.to_be_bytes());
    checksum.copy_from_slice(&sum(body));
    slot
}

fn read_slot(slot: &[u8; SLOT]) -> Option<Mark> {
    let (body, checksum) = slot.split_first_chunk::<24>()?;
    let (id, batch) = body.split_first_chunk::<16>()?;
    let batch = u64::from_be_bytes(batch.try_into().ok()?);
    (checksum == sum(body)).then_some(Mark { id: StoreId(*id), batch })
}

/// The first 8 bytes of SHA-256 over what it is for and the body.
fn sum(body: &[u8]) -> [u8; 8] {
    let digest = Sha256::new().chain_update(b"incidentd witness 1").chain_update(body).finalize();
    let mut sum = [0; 8];
    sum.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    sum
}

/// The witness file.
#[derive(Debug)]
pub struct Witness {
    file: File,
    path: PathBuf,
    id: StoreId,
    /// The slot that holds the older word.
    next: u64,
}

impl Witness {
    /// Reads what the file at `path` says.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn read(path: &Path) -> io::Result<Testimony> {
        match std::fs::read(path) {
            Ok(bytes) => {
                Ok(latest(&bytes).map_or(Testimony::Damaged, |(_, mark)| Testimony::Mark(mark)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Testimony::Missing),
            Err(error) => Err(error),
        }
    }

    /// Makes the file say `mark` and nothing else, and holds it open for the words to come.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn start(path: &Path, mark: Mark) -> io::Result<Self> {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options?;
        let mut witness = Self { file, path: path.into(), id: mark.id, next: 0 };
        witness.note(mark.batch)?;
        witness.note(mark.batch)?;
        witness.file.set_len(2 * SLOT as u64)?;
        witness.file.sync_all()?;
        if let Some(folder) = path.parent() {
            // An empty parent is the working directory.
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()?;
        }
        Ok(witness)
    }

    /// Says that this commit is on stable storage; is itself on it when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, batch: u64) -> io::Result<()> {
        let mark = Mark { id: self.id, batch };
        self.file.write_all_at(&slot(mark), self.next * SLOT as u64)?;
        self.file.sync_data()?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the newest readable slot with its place.
fn latest(bytes: &[u8]) -> Option<(usize, Mark)> {
    let (slots, _) = bytes.as_chunks::<SLOT>();
    let readable =
        slots.iter().take(2).enumerate().filter_map(|(at, slot)| Some((at, read_slot(slot)?)));
    readable.max_by_key(|(_, mark)| mark.batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::hex;

    const A: StoreId = StoreId([7; 16]);
    const B: StoreId = StoreId([8; 16]);

    #[test]
    fn a_store_that_ends_before_its_witness_or_is_another_is_refused() {
        let mark = |id, batch| Testimony::Mark(Mark { id, batch });
        for (id, stored, witness, verdict) in [
            (None, 0, Testimony::Missing, Ok(None)),
            (None, 9, Testimony::Missing, Ok(None)), // written before there were witnesses
            (None, 0, mark(A, 0), Ok(Some(A))),      // a first start that was cut off
            (Some(A), 5, mark(A, 5), Ok(Some(A))),
            (Some(A), 6, mark(A, 5), Ok(Some(A))), // committed after the last word
            (Some(A), 4, mark(A, 5), Err(Loss::Behind { stored: 4, witnessed: 5 })),
            (Some(B), 9, mark(A, 5), Err(Loss::Replaced { stored: 9, witnessed: 5 })),
            (None, 0, mark(A, 5), Err(Loss::Replaced { stored: 0, witnessed: 5 })),
            (Some(A), 5, Testimony::Missing, Err(Loss::Missing { stored: 5 })),
            (Some(A), 5, Testimony::Damaged, Err(Loss::Damaged { stored: 5 })),
            (None, 0, Testimony::Damaged, Err(Loss::Damaged { stored: 0 })),
        ] {
            assert_eq!(judge(id, stored, witness), verdict, "{id:?} {stored} {witness:?}");
        }
        let text = Loss::Behind { stored: 4, witnessed: 6 }.to_string();
        assert!(
            text.starts_with("ends at commit 4, but commit 6 was") && text.ends_with("2 are lost")
        );
    }

    #[test]
    fn the_bytes_of_a_slot_stay_as_they_are() {
        let slot = slot(Mark { id: A, batch: 258 });
        assert_eq!(hex(&slot), "0707070707070707070707070707070700000000000001025e414217eb55d46a");
    }

    #[test]
    fn one_torn_slot_costs_one_word_and_two_cost_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("witness");
        assert_eq!(Witness::read(&path).unwrap(), Testimony::Missing);
        let mut witness = Witness::start(&path, Mark { id: A, batch: 0 }).unwrap();
        for batch in 1..=5 {
            witness.note(batch).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len(), 64);
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Witness::read(&path).unwrap()
        };
        assert_eq!(said(&whole), Testimony::Mark(Mark { id: A, batch: 5 }));
        for at in 0..64 {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            let newest = latest(&whole).unwrap().0;
            let batch = if at / SLOT == newest { 4 } else { 5 };
            assert_eq!(said(&torn), Testimony::Mark(Mark { id: A, batch }), "byte {at}");
            torn[(at + SLOT) % 64] ^= 1;
            assert_eq!(said(&torn), Testimony::Damaged, "byte {at}");
        }
        assert_eq!(said(&whole[..40]), Testimony::Mark(Mark { id: A, batch: 5 }));
        assert_eq!(said(b""), Testimony::Damaged);
        let mark = Mark { id: B, batch: 3 };
        Witness::start(&path, mark).unwrap();
        assert_eq!(Witness::read(&path).unwrap(), Testimony::Mark(mark));
    }
}
