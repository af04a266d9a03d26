//! Finds in the manifest and in the logs what RocksDB would read again and again, without end.
//!
//! Both consist of records, each with its kind in the head. A reader that meets a kind which only logs
//! that are used a second time have, behind a record of another kind, does not go past it
//! (`ReadPhysicalRecord` in RocksDB 11.8 leaves it where it is; facebook/rocksdb#11968 is of the same
//! sort). One bit of the kind of any record is enough, and the start would take a processor for ever
//! and say nothing. No log of ours is used again, so each such record is damage: it is looked for before
//! RocksDB opens anything.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::StoreError;

/// Bytes of a block; no record lies in two.
const BLOCK: usize = 32 << 10;

/// Bytes of a head: checksum, length of what follows with the low byte first, kind.
const HEAD: usize = 7;

/// The kinds of logs that are used again: a whole record or a part of one, sizes of timestamps, and what
/// is said of the log before (`db/log_format.h`).
const REUSED: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// Refuses a store in whose manifest or logs RocksDB would be caught. What cannot be read is left to it,
/// and what is gone by then another process has put away.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    let manifest = fs::read_to_string(dir.join("CURRENT")).unwrap_or_default();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_manifest = path.file_name().is_some_and(|name| *name == *manifest.trim_end());
        if !is_manifest && path.extension().is_none_or(|it| it != "log") {
            continue;
        }
        let caught_at = File::open(&path).and_then(caught_at);
        if let Ok(Some(at)) = caught_at {
            return Err(StoreError::Damaged { path, at });
        }
    }
    Ok(())
}

/// Returns where the first record of such a kind begins. Lengths that lead nowhere are left to RocksDB,
/// which goes on with the next block, too.
fn caught_at(mut log: impl Read) -> io::Result<Option<u64>> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut begin = 0;
    loop {
        block.clear();
        if log.by_ref().take(BLOCK as u64).read_to_end(&mut block)? == 0 {
            return Ok(None);
        }
        let mut rest = block.as_slice();
        while let Some(([.., low, high, kind], behind)) = rest.split_first_chunk::<HEAD>() {
            if REUSED.contains(kind) {
                return Ok(Some(begin + (block.len() - rest.len()) as u64));
            }
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            // Room that was made and not written yet has neither.
            let next = behind.get(length..).filter(|_| (length, *kind) != (0, 0));
            let Some(next) = next else { break };
            rest = next;
        }
        begin += block.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::changes::Changes;
    use crate::store::{Options, Store};

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let [low, high] = length.to_le_bytes();
        let mut record = vec![1, 2, 3, 4, low, high, kind];
        record.resize(HEAD + usize::from(length), 5);
        record
    }

    #[test]
    fn a_record_is_found_by_its_head_in_any_block() {
        let small = record(1, 100);
        let whole = record(2, u16::try_from(BLOCK - HEAD).unwrap());
        let [short, tight] =
            [2 * HEAD, 2 * HEAD - 1].map(|less| record(3, u16::try_from(BLOCK - less).unwrap()));
        let found = |parts: &[&[u8]]| caught_at(parts.concat().as_slice()).unwrap();
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[&small, &small, &small[..50]]), None);
        for kind in REUSED {
            assert_eq!(found(&[&small, &record(kind, 3)]), Some(107));
            assert_eq!(found(&[&whole, &small, &record(kind, 0)]), Some(BLOCK as u64 + 107));
            // The end of a block has room for a head, or is none.
            assert_eq!(found(&[&short, &[kind; HEAD]]), Some((BLOCK - HEAD) as u64));
            assert_eq!(found(&[&tight, &[kind; HEAD - 1], &small]), None);
            // What a length hides is not looked for, nor is what was not written.
            assert_eq!(found(&[&[0; 4], &[255, 255, 1], &[kind; 90]]), None);
            assert_eq!(found(&[&[0; HEAD], &record(kind, 3)]), None);
        }
    }

    /// Without the check it never ends: RocksDB takes the record of the manifest again and again.
    #[test]
    fn a_store_that_would_catch_rocksdb_is_refused_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), &Options::default());
        open().unwrap().commit(&Changes::default(), &[]).unwrap();
        let ending = |of: &str| {
            let is = |path: &std::path::PathBuf| path.to_string_lossy().contains(of);
            fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().path()).find(is).unwrap()
        };
        for path in [ending("MANIFEST"), ending(".log")] {
            let whole = fs::read(&path).unwrap();
            let second = HEAD + usize::from(u16::from_le_bytes([whole[4], whole[5]]));
            let mut damaged = whole.clone();
            damaged[second + HEAD - 1] ^= 4;
            fs::write(&path, damaged).unwrap();
            let refused = open().err().unwrap().to_string();
            assert!(refused.contains(&format!("at byte {second}")), "{refused}");
            let refused = Store::open_to_read(dir.path()).err().unwrap().to_string();
            assert!(refused.contains(&*path.to_string_lossy()), "{refused}");
            fs::write(&path, whole).unwrap();
        }
        open().unwrap();
    }
}
