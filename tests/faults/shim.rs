//! The loss of power: `power.c` writes down what the daemon does to its files, and this takes back,
//! once the daemon is killed, what was not synced.
//!
//! Stricter than a file system of today: names that were made, moved or removed come back to what they
//! were unless their folder was synced, also those of files that were synced themselves.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::figures::Dice;
use crate::process::Manner;

/// A "disk" whose power can be cut, in a folder of its own.
#[derive(Debug)]
pub struct Disk {
    library: PathBuf,
    root: PathBuf,
    shadow: PathBuf,
    journal: PathBuf,
}

/// What becomes of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// None is there.
    Gone,
    /// Some are, up to the middle of a write.
    Torn,
    /// The file is as long as it was, with zeros.
    Zeros,
}

/// What becomes of names whose folder was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Kept,
    TakenBack,
}

impl Disk {
    /// Compiles the library and makes the folder; `None` where there is no C compiler.
    pub fn new(dir: &Path) -> Option<Self> {
        let library = dir.join("power.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/power.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        let built = cc.args(["-ldl", "-lpthread"]).status().ok()?;
        assert!(built.success(), "{cc:?}");
        let (root, shadow, journal) = (dir.join("disk"), dir.join("shadow"), dir.join("journal"));
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir(&shadow).unwrap();
        Some(Self { library, root, shadow, journal })
    }

    /// How to start a daemon on it whose writes are not watched.
    pub fn unwatched(&self) -> Manner {
        let data = self.root.join("data").display().to_string();
        Manner { args: vec!["--data-dir".into(), data], ..Manner::default() }
    }

    /// How to start a daemon on it; a `lie` is the ending of files that only seem to be synced.
    pub fn watched(&self, lie: Option<&str>) -> Manner {
        let mut env = vec![
            ("LD_PRELOAD", self.library.clone()),
            ("POWER_ROOT", self.root.clone()),
            ("POWER_SHADOW", self.shadow.clone()),
            ("POWER_JOURNAL", self.journal.clone()),
        ];
        env.extend(lie.map(|ending| ("POWER_LIE", ending.into())));
        Manner { env, ..self.unwatched() }
    }

    /// Takes back what was not synced; nobody may have the files open. Returns the bytes of it, and
    /// the names.
    pub fn lose(&self, bytes: Bytes, names: Names, dice: &mut Dice) -> (u64, usize) {
        let text = std::fs::read_to_string(&self.journal).unwrap();
        let mut log = Log::default();
        for (at, line) in text.lines().enumerate() {
            log.read(at, line);
        }
        let found = self.files();
        let mut lost = 0;
        for (inode, file) in &log.files {
            if let Some(path) = found.get(inode) {
                lost += file.lose(path, bytes, dice);
            }
        }
        let taken_back = if names == Names::TakenBack { log.names.len() } else { 0 };
        for (_, _, change) in log.names.iter().rev().take(taken_back) {
            change.take_back();
        }
        std::fs::remove_file(&self.journal).unwrap();
        std::fs::remove_dir_all(&self.shadow).unwrap();
        std::fs::create_dir(&self.shadow).unwrap();
        (lost, taken_back)
    }

    /// All files by inode, the removed ones too.
    fn files(&self) -> BTreeMap<u64, PathBuf> {
        let (mut files, mut folders) =
            (BTreeMap::new(), vec![self.root.clone(), self.shadow.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let it = path.metadata().unwrap();
                if it.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(it.ino(), path);
                }
            }
        }
        files
    }
}

/// A write that was not synced yet.
#[derive(Debug)]
struct Write {
    at: usize,
    offset: u64,
    length: u64,
    /// What it replaced.
    old: Vec<u8>,
}

impl Write {
    fn end(&self) -> u64 {
        self.offset + self.length
    }
}

#[derive(Debug, Default)]
struct Unsynced {
    /// Where the synced bytes end; `None` before the first write.
    end: Option<u64>,
    writes: Vec<Write>,
}

impl Unsynced {
    fn sync(&mut self, began: usize) {
        for write in self.writes.iter().filter(|write| write.at < began) {
            self.end = Some(self.end.unwrap_or(0).max(write.end()));
        }
        self.writes.retain(|write| write.at > began);
    }

    fn lose(&self, path: &Path, bytes: Bytes, dice: &mut Dice) -> u64 {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let length = file.metadata().unwrap().len();
        let synced = self.end.unwrap_or(length).min(length);
        if bytes == Bytes::Zeros {
            let rest = usize::try_from(length - synced).unwrap();
            file.write_all_at(&vec![0; rest], synced).unwrap();
            return rest as u64;
        }
        let kept = if bytes == Bytes::Torn { dice.below(self.writes.len() + 1) } else { 0 };
        for write in self.writes[kept..].iter().rev() {
            file.write_all_at(&write.old, write.offset).unwrap();
        }
        let mut end = self.writes[..kept].iter().map(Write::end).fold(synced, u64::max);
        if let Some(torn) = self.writes.get(kept).filter(|_| bytes == Bytes::Torn) {
            let part = dice.below(usize::try_from(torn.length).unwrap() + 1) as u64;
            end = end.max(torn.offset + part);
        }
        file.set_len(end.min(length)).unwrap();
        length - end.min(length)
    }
}

/// A name that was made, moved or removed.
#[derive(Debug)]
enum Change {
    Made(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, saved: Option<PathBuf> },
    Removed { path: PathBuf, saved: PathBuf },
}

impl Change {
    /// The folder whose sync makes it last.
    fn folder(&self) -> &Path {
        let (Self::Made(path) | Self::Renamed { to: path, .. } | Self::Removed { path, .. }) = self;
        path.parent().unwrap()
    }

    fn take_back(&self) {
        match self {
            Self::Made(path) if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
            Self::Made(path) if path.exists() => std::fs::remove_file(path).unwrap(),
            Self::Removed { path, saved } if !path.exists() => {
                std::fs::hard_link(saved, path).unwrap();
            }
            // It was killed before it happened.
            Self::Made(_) | Self::Removed { .. } => {}
            Self::Renamed { from, .. } if from.exists() => {}
            Self::Renamed { from, to, saved } => {
                std::fs::rename(to, from).unwrap();
                if let Some(saved) = saved {
                    std::fs::hard_link(saved, to).unwrap();
                }
            }
        }
    }
}

/// What was not synced at the end of a journal.
#[derive(Debug, Default)]
struct Log {
    files: BTreeMap<u64, Unsynced>,
    names: Vec<(usize, PathBuf, Change)>,
    /// Where the sync of each thread began.
    began: BTreeMap<String, usize>,
}

impl Log {
    fn read(&mut self, at: usize, line: &str) {
        let fields: Vec<&str> = line.split('\t').collect();
        let path = |field: usize| PathBuf::from(fields[field]);
        match fields[0] {
            "W" => self.write(at, &fields),
            "B" | "b" => drop(self.began.insert(fields[1].to_owned(), at)),
            "S" => {
                let began = self.began[fields[1]];
                self.files.entry(fields[2].parse().unwrap()).or_default().sync(began);
            }
            "s" => {
                let (began, folder) = (self.began[fields[1]], path(2));
                self.names.retain(|(at, of, _)| *at > began || *of != folder);
            }
            "N" => self.name(at, Change::Made(path(2))),
            "M" | "L" => self.name(at, Change::Made(path(1))),
            "R" => {
                let saved = Some(path(3)).filter(|saved| saved != Path::new("-"));
                self.name(at, Change::Renamed { from: path(1), to: path(2), saved });
            }
            "U" if fields[2] == "-" => {}
            "U" => self.name(at, Change::Removed { path: path(1), saved: path(2) }),
            _ => panic!("the test does not know how to take back: {line}"),
        }
    }

    fn name(&mut self, at: usize, change: Change) {
        self.names.push((at, change.folder().to_owned(), change));
    }

    fn write(&mut self, at: usize, fields: &[&str]) {
        let number = |field: usize| fields[field].parse::<u64>().unwrap();
        let (inode, offset, length, before) = (number(1), number(2), number(3), number(4));
        let hex = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let old = match fields[5] {
            "-" => Vec::new(),
            digits => digits.as_bytes().chunks(2).map(hex).collect(),
        };
        let file = self.files.entry(inode).or_default();
        file.end.get_or_insert(before);
        file.writes.push(Write { at, offset, length, old });
    }
}
