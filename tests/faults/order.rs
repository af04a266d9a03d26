//! F-04: each 2xx leaves after the sync that covers it, shown by the order of the system calls.
//!
//! strace shows one after the other what the daemon reads from its sockets, writes to its log, syncs
//! and answers. Each request holds a token that is seen in three places: in what is read, in what is
//! written to the log, and by the socket in the answer. An answer whose token was not in the log, by a
//! write that ended before a sync began that succeeded before the answer was begun, is a violation.
//! Kills cannot show that: the system keeps what a killed process has written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::Outcome;
use crate::common::{Client, Sink, wait_for};
use crate::figures::figure;
use crate::process::{Manner, Process, folder, has};

const LANES: usize = 8;

/// A token: `tk`, eight digits, `z`.
const TOKEN: usize = 11;

const CALLS: &str = "trace=fdatasync,fsync,write,writev,pwrite64,sendto,recvfrom,read";

pub fn run() -> Outcome {
    the_judge_sees_what_is_wrong();
    if !has("strace") {
        return Outcome::LeftOut("no strace here".into());
    }
    let answers = figure("ANSWERS", 4_000, 100_000);
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let pipe = dir.path().join("trace");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (mut daemon, _) = Process::start(dir.path(), &Manner::default()).unwrap();
    let mut strace = attach(&daemon, &pipe);
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || Judge::of(BufReader::new(File::open(pipe).unwrap())))
    };
    if !is_traced(&mut strace, daemon.pid()) {
        return Outcome::LeftOut("this machine does not let processes be traced (ptrace)".into());
    }
    let answered = ask(daemon.address, answers);
    daemon.kill();
    strace.wait().unwrap();
    let judge = reader.join().unwrap();
    assert!(judge.early.is_empty(), "answered before they were synced: {:?}", judge.early);
    assert_eq!(answered, answers, "answered 2xx");
    assert_eq!(judge.answers, answered, "seen in the trace");
    let Judge { answers, syncs, .. } = judge;
    Outcome::Held(format!(
        "{answers} answers 2xx, each after the sync that covers it; {syncs} syncs of the log, each for \
         {:.1} of them",
        answers as f64 / syncs as f64
    ))
}

fn attach(daemon: &Process, pipe: &Path) -> Child {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qqq", "-s", "10000000", "-e", CALLS, "-e", "signal=none", "-o"]);
    strace.arg(pipe).args(["-p", &daemon.pid().to_string()]).stderr(Stdio::null());
    strace.spawn().unwrap()
}

/// Waits until all threads are traced; false when the tracer ended instead.
fn is_traced(strace: &mut Child, pid: u32) -> bool {
    wait_for("all threads to be traced", || {
        if strace.try_wait().unwrap().is_some() {
            return Some(false);
        }
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let traced = tasks.flatten().all(|task| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n")
        });
        traced.then_some(true)
    })
}

/// Sends so many requests, each with its token; returns how many were answered 2xx.
fn ask(address: SocketAddr, requests: usize) -> usize {
    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lane = || {
        let mut client = Client::new(address);
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= requests {
                return;
            }
            let token = format!("tk{n:08}z");
            let (alert, service) = ((n % 2_000).to_string(), format!("s-{}", n % 20));
            // Twice: the log may divide one of them.
            let body = json!({
                "labels": {"alertname": "Load", "n": alert, "service": service, "severity": "warning"},
                "annotations": {"first": token, "second": token},
            });
            let answer = client.exchange("POST", "/ingest/native", &body.to_string());
            if answer.is_ok_and(|answer| answer.status == 200) {
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| (0..LANES).for_each(|_| drop(scope.spawn(lane))));
    answered.into_inner()
}

/// What the lines of a trace say so far.
#[derive(Debug, Default)]
struct Judge {
    /// The last token read from each socket.
    asked: BTreeMap<String, u32>,
    /// Tokens in the log by writes that ended, and those that a sync covers.
    written: BTreeSet<u32>,
    synced: BTreeSet<u32>,
    /// Calls that have begun and not ended, by thread.
    begun: BTreeMap<String, Call>,
    answers: usize,
    syncs: usize,
    /// Tokens that were answered too early.
    early: Vec<u32>,
}

/// A call that has begun.
#[derive(Debug)]
enum Call {
    Read { socket: String },
    Write { tokens: BTreeSet<u32> },
    Sync { covers: BTreeSet<u32> },
    Other,
}

impl Judge {
    fn of(trace: impl BufRead) -> Self {
        let mut judge = Self::default();
        for line in trace.split(b'\n') {
            judge.line(&String::from_utf8_lossy(&line.unwrap()));
        }
        judge
    }

    fn line(&mut self, line: &str) {
        let Some((thread, call)) = line.split_once(' ') else { return };
        let call = call.trim_start();
        let open = call.ends_with("<unfinished ...>");
        let begun = if call.starts_with("<...") {
            self.begun.remove(thread)
        } else {
            Some(self.begin(call))
        };
        match begun {
            Some(begun) if open => drop(self.begun.insert(thread.to_owned(), begun)),
            Some(begun) => self.end(begun, call),
            None => {}
        }
    }

    /// What is known when the call begins. An answer is judged here: it may arrive before its call ends.
    fn begin(&mut self, call: &str) -> Call {
        let (name, rest) = call.split_once('(').unwrap_or((call, ""));
        let of = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let Some((path, _)) = of else { return Call::Other };
        let is_log = path.ends_with(".log");
        match name {
            "fdatasync" | "fsync" if is_log => {
                Call::Sync { covers: std::mem::take(&mut self.written) }
            }
            "write" | "pwrite64" | "writev" if is_log => Call::Write { tokens: tokens(rest) },
            "recvfrom" | "read" if path.starts_with("socket:") => {
                Call::Read { socket: path.to_owned() }
            }
            "writev" | "write" | "sendto" if rest.contains("HTTP/1.1 200") => {
                self.answer(path);
                Call::Other
            }
            _ => Call::Other,
        }
    }

    fn end(&mut self, begun: Call, line: &str) {
        let failed = line.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with('-'));
        match begun {
            Call::Read { socket } => {
                if let Some(token) = tokens(line).pop_first() {
                    self.asked.insert(socket, token);
                }
            }
            Call::Write { tokens } if !failed => self.written.extend(tokens),
            Call::Sync { covers } if !failed => {
                self.syncs += 1;
                self.synced.extend(covers);
            }
            Call::Write { .. } | Call::Sync { .. } | Call::Other => {}
        }
    }

    fn answer(&mut self, socket: &str) {
        let Some(token) = self.asked.remove(socket) else { return };
        self.answers += 1;
        if !self.synced.remove(&token) {
            self.early.push(token);
        }
    }
}

/// Returns the tokens in a text.
fn tokens(text: &str) -> BTreeSet<u32> {
    let found = text.match_indices("tk").filter_map(|(at, _)| {
        let digits = text.get(at + 2..at + TOKEN)?.strip_suffix('z')?;
        digits.parse().ok()
    });
    found.collect()
}

/// A trace as it should be, and what becomes of it when a line is missing or moved.
fn the_judge_sees_what_is_wrong() {
    let trace = "\
        1 recvfrom(9<socket:[7]>, \"POST .. tk00000001z\", 99, 0, NULL, NULL) = 30\n\
        2 write(14</data/store/000004.log>, \"\\7tk00000001z\", 12) = 12\n\
        2 fdatasync(14</data/store/000004.log> <unfinished ...>\n\
        1 recvfrom(8<socket:[6]>,  <unfinished ...>\n\
        2 <... fdatasync resumed>) = 0\n\
        1 <... recvfrom resumed>\"\", 16, 0, NULL, NULL) = 0\n\
        1 writev(9<socket:[7]>, [{iov_base=\"HTTP/1.1 200 OK\"}], 1) = 15";
    let early = |lines: &[&str]| {
        let judge = Judge::of(lines.join("\n").as_bytes());
        assert_eq!(judge.answers, 1);
        judge.early.len()
    };
    let lines: Vec<&str> = trace.lines().map(str::trim).collect();
    assert_eq!(early(&lines), 0);
    let without = |gone: &[usize]| -> Vec<&str> {
        let kept = lines.iter().enumerate().filter(|(n, _)| !gone.contains(n));
        kept.map(|(_, line)| *line).collect()
    };
    for gone in [&[1][..], &[2, 4], &[4]] {
        assert_eq!(early(&without(gone)), 1, "without lines {gone:?}");
    }
    let mut moved = lines.clone();
    moved.swap(1, 2);
    assert_eq!(early(&moved), 1, "synced before it was written");
    let failed: Vec<&str> = lines
        .iter()
        .map(|line| {
            if line.contains("fdatasync resumed") {
                "2 <... fdatasync resumed>) = -1 EIO"
            } else {
                line
            }
        })
        .collect();
    assert_eq!(early(&failed), 1, "a sync that failed");
}
