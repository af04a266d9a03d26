//! F-07 and F-08: the store's files are cut short or have a bit flipped. Each damage is harmless,
//! refused at the start or found in reading; never is a store opened that silently holds other things.
//!
//! Two stores: one was stopped in order, so that the witness knows its last commit and every loss is
//! refused; one was killed, so that the witness is up to half a second old. Of the latter the end that
//! the witness does not know of may be taken for the torn end of a log: that is counted by itself, and
//! it must be an end: what was there before it, and nothing else. The start of the daemon is done in
//! this process, as the daemon does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use incidentd::daemon::data_dir::{DataDir, Loss};
use incidentd::store::Options;

use crate::Outcome;
use crate::common::Sink;
use crate::figures::{Dice, figure};
use crate::oracle::Oracle;
use crate::process::{Manner, Process, folder};

/// Bytes of a block of RocksDB's log, and of the header of each record in it.
const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;

/// Bytes of the end of the log that is cut at each of them.
const TAIL: usize = 4 << 10;

/// What a start finds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// It is refused.
    Refused(String),
    /// It begins, and a record or block is found to be damaged.
    Unreadable(String),
    /// It holds this, up to this commit.
    Holds { batch: u64, hash: String },
}

/// A store that a daemon left.
struct Left {
    dir: tempfile::TempDir,
    /// What it holds undamaged.
    whole: Found,
    /// What it held at each earlier commit that the witness does not know of.
    earlier: BTreeMap<u64, String>,
}

/// A folder in memory, where there is one: nothing here needs to last.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = memory.is_dir().then(|| tempfile::tempdir_in(memory).ok()).flatten();
    made.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if !is_chatter(&path) {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// True for what RocksDB writes for people and does not read.
fn is_chatter(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("LOG"))
}

/// Starts on a data folder as the daemon does and reads all of it.
fn look(root: &Path) -> Found {
    let at = |name| root.join(name);
    let dir = DataDir {
        root: root.to_owned(),
        store: at("store"),
        witness: at("witness"),
        backups: at("backups"),
        held: at("outbox-held"),
        link_key: at("link-key"),
    };
    let options = Options { block_cache_bytes: 1 << 20, ..Options::default() };
    let store = match dir.open(&options, Loss::Refuse) {
        Ok((store, _)) => store,
        Err(error) => return Found::Refused(error.to_string()),
    };
    if let Err(error) = store.load() {
        return Found::Unreadable(error.to_string());
    }
    match store.verify() {
        Ok(report) if report.wrong == 0 => Found::Holds { batch: report.batch, hash: report.hash },
        Ok(report) => Found::Unreadable(report.problems.join("; ")),
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

/// Lets a daemon fill a store over a restart, so that there are tables and a log, and ends it.
fn leave(how: &str) -> Left {
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let oracle = Oracle::default();
    let requests = figure("DAMAGE_REQUESTS", 100, 200);
    for last in [false, true] {
        let (mut daemon, _) = Process::start(dir.path(), &Manner::default()).unwrap();
        oracle.load(daemon.address, 1, &AtomicBool::new(false), requests);
        if last && how == STOPPED {
            assert_eq!(daemon.stop().and_then(|it| it.code()), Some(0), "{}", daemon.log_end());
        } else {
            daemon.kill();
        }
    }
    let mut left = Left { dir, whole: Found::Refused(String::new()), earlier: BTreeMap::new() };
    left.whole = left.damaged(|_| {});
    assert!(matches!(left.whole, Found::Holds { .. }), "{:?}", left.whole);
    left.earlier = left.all_earlier();
    left
}

impl Left {
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Returns what a start finds after this damage to a copy.
    fn damaged(&self, damage: impl FnOnce(&Path)) -> Found {
        let scratch = scratch();
        let root = scratch.path().join("data");
        copy(&self.data(), &root);
        damage(&root);
        look(&root)
    }

    /// The store's files with this ending, the newest last.
    fn files(&self, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let names = std::fs::read_dir(self.data().join("store")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
        names.sort();
        names.into_iter().map(|name| Path::new("store").join(name)).collect()
    }

    fn log(&self) -> PathBuf {
        self.files(|name| name.ends_with(".log")).pop().unwrap()
    }

    /// Cuts the log at the end of each commit, from the last one back, until a start is refused.
    fn all_earlier(&self) -> BTreeMap<u64, String> {
        let log = self.log();
        let bytes = std::fs::read(self.data().join(&log)).unwrap();
        let mut earlier = BTreeMap::new();
        for end in ends(&bytes).into_iter().rev().skip(1) {
            match self.damaged(|root| cut(&root.join(&log), end)) {
                Found::Holds { batch, hash } => drop(earlier.insert(batch, hash)),
                Found::Refused(_) => break,
                found @ Found::Unreadable(_) => panic!("cut at {end}: {found:?}"),
            }
        }
        earlier
    }

    /// Judges what was found after a damage.
    fn judge(&self, found: &Found) -> Result<Verdict, String> {
        match found {
            Found::Refused(why) if why.is_empty() => Err("refused without a reason".into()),
            Found::Refused(_) => Ok(Verdict::Refused),
            Found::Unreadable(_) => Ok(Verdict::Unreadable),
            _ if *found == self.whole => Ok(Verdict::Harmless),
            Found::Holds { batch, hash } if self.earlier.get(batch) == Some(hash) => {
                Ok(Verdict::Unwitnessed)
            }
            Found::Holds { .. } => Err(format!("SILENTLY WRONG: {found:?}, not {:?}", self.whole)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Harmless,
    Refused,
    Unreadable,
    /// Commits are gone that the witness does not know of.
    Unwitnessed,
}

fn cut(path: &Path, length: usize) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length as u64).unwrap();
}

/// Returns where each whole record of a log ends.
fn ends(log: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 0);
    while at + HEADER <= log.len() {
        let left = BLOCK - at % BLOCK;
        if left < HEADER {
            at += left;
            continue;
        }
        let length = usize::from(u16::from_le_bytes([log[at + 4], log[at + 5]]));
        at += HEADER + length;
        // Whole in one piece, or the last piece.
        if matches!(log[at - HEADER - length + 6], 1 | 4) && at <= log.len() {
            ends.push(at);
        }
    }
    ends
}

type Counts = BTreeMap<(&'static str, Verdict), usize>;

fn told(counts: &Counts, of: &'static str) -> String {
    let count = |verdict| counts.get(&(of, verdict)).copied().unwrap_or(0);
    format!(
        "{} harmless, {} refused, {} found in reading, {} ended before what the witness does not know",
        count(Verdict::Harmless),
        count(Verdict::Refused),
        count(Verdict::Unreadable),
        count(Verdict::Unwitnessed)
    )
}

const STOPPED: &str = "stopped in order";
const KILLED: &str = "killed";

/// Does all damages, two at a time, and counts the verdicts.
fn judge_all<D: Sync>(
    damages: &[D],
    judge: impl Fn(&D) -> (&'static str, Result<Verdict, String>) + Sync,
) -> Counts {
    let (next, counts) = (Mutex::new(damages.iter()), Mutex::new(Counts::new()));
    let work = || {
        while let Some(damage) = { next.lock().unwrap().next() } {
            let (of, verdict) = judge(damage);
            let verdict = verdict.unwrap_or_else(|what| panic!("{of}: {what}"));
            *counts.lock().unwrap().entry((of, verdict)).or_default() += 1;
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    counts.into_inner().unwrap()
}

/// Cuts the log at each byte of its end.
pub fn torn() -> Outcome {
    let step = figure("TORN_STEP", 64, 1);
    let (stopped, killed) = (leave(STOPPED), leave(KILLED));
    let mut damages = Vec::new();
    for (name, left) in [(STOPPED, &stopped), (KILLED, &killed)] {
        let length = left.data().join(left.log()).metadata().unwrap().len();
        let length = usize::try_from(length).unwrap();
        damages.extend(
            (length.saturating_sub(TAIL)..length).rev().step_by(step).map(|at| (name, left, at)),
        );
    }
    let counts = judge_all(&damages, |(name, left, at)| {
        let found = left.damaged(|root| cut(&root.join(left.log()), *at));
        (name, left.judge(&found).map_err(|what| format!("log cut at byte {at}: {what}")))
    });
    assert_eq!(counts.get(&(STOPPED, Verdict::Unwitnessed)), None, "the witness knows the end");
    Outcome::Held(format!(
        "the log cut at {} lengths; {STOPPED}: {}; {KILLED}: {}; 0 silently wrong",
        damages.len(),
        told(&counts, STOPPED),
        told(&counts, KILLED)
    ))
}

/// A bit that is flipped: of a file, at a byte.
struct Flip {
    file: PathBuf,
    at: usize,
    bit: u8,
}

/// Flips bits, two thirds in the store that was stopped in order; as many in each kind of file.
pub fn flipped() -> Outcome {
    let flips = figure("FLIPS", 150, 2_000);
    let mut dice = Dice(figure("SEED", 1, 1) as u64);
    let (stopped, killed) = (leave(STOPPED), leave(KILLED));
    let mut damages = Vec::new();
    for n in 0..flips {
        let (name, left) = if n % 3 == 2 { (KILLED, &killed) } else { (STOPPED, &stopped) };
        damages.push((name, left, choose(left, n / 3, &mut dice)));
    }
    let counts = judge_all(&damages, |(name, left, flip)| {
        let Flip { file, at, bit } = flip;
        let found = left.damaged(|root| {
            let path = root.join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[*at] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
        });
        let place = || format!("{} byte {at} bit {bit}", file.display());
        (name, left.judge(&found).map_err(|what| format!("{}: {what}", place())))
    });
    assert_eq!(counts.get(&(STOPPED, Verdict::Unwitnessed)), None, "the witness knows the end");
    Outcome::Held(format!(
        "{flips} bits in logs, tables, manifests and the witness; {STOPPED}: {}; {KILLED}: {}; 0 \
         silently wrong",
        told(&counts, STOPPED),
        told(&counts, KILLED)
    ))
}

fn choose(left: &Left, n: usize, dice: &mut Dice) -> Flip {
    let files = match n % 4 {
        0 => left.files(|name| name.ends_with(".log")),
        1 => left.files(|name| name.ends_with(".sst")),
        2 => left.files(|name| name.starts_with("MANIFEST")),
        _ => [left.files(|name| name == "CURRENT"), vec!["witness".into()]].concat(),
    };
    let length =
        |file: &PathBuf| usize::try_from(left.data().join(file).metadata().unwrap().len()).unwrap();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| length(file) > 0).collect();
    let file = files[dice.below(files.len())].clone();
    let at = dice.below(length(&file));
    Flip { file, at, bit: u8::try_from(dice.below(8)).unwrap() }
}
