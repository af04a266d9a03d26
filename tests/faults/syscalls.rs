//! F-05: the n-th write or sync of the store fails, at the start and in the middle of the load: no
//! 2xx that is not true, an end that says why, and a start after it with all that was answered.
//!
//! The system calls are made to fail by strace; it counts them for each thread by itself, and only
//! those on files of the store.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use incidentd::clock;

use crate::Outcome;
use crate::common::{Sink, incidentd, wait_for};
use crate::figures::{figure, must, p99, since};
use crate::oracle::Oracle;
use crate::process::{Manner, Process, folder, has};

/// The calls that fail, each with its error.
const KINDS: [(&str, &str); 3] = [("fdatasync", "EIO"), ("write", "ENOSPC"), ("write", "EIO")];

/// Calls that a start makes on a new store, about; the first of them are failed at the start too.
const AT_START: usize = 60;

const LANES: usize = 2;

/// How long the daemon may take to end by itself: it gives those inside some seconds to finish.
const END_MAX: Duration = Duration::from_secs(10);

/// When the call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Start,
    Load,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    kind: (&'static str, &'static str),
    n: usize,
    moment: Moment,
}

#[derive(Debug, Default)]
struct Story {
    hits: usize,
    /// Fewer calls were made than were to succeed.
    misses: usize,
    answered: usize,
    ends: Vec<Duration>,
}

pub fn run() -> Outcome {
    if !has("strace") {
        return Outcome::LeftOut("no strace here".into());
    }
    if !may_trace() {
        return Outcome::LeftOut("this machine does not let processes be traced (ptrace)".into());
    }
    let (last, step) = (figure("FAIL_LAST", 300, 300), figure("FAIL_STEP", 25, 1));
    let mut failures = Vec::new();
    for n in (1..=last).step_by(step) {
        for kind in KINDS {
            failures.push(Failure { kind, n, moment: Moment::Load });
            if n <= AT_START {
                failures.push(Failure { kind, n, moment: Moment::Start });
            }
        }
    }
    let (count, queue, story) =
        (failures.len(), Mutex::new(failures), Mutex::new(Story::default()));
    let work = || {
        while let Some(failure) = { queue.lock().unwrap().pop() } {
            suffer(failure, &story);
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let Story { hits, misses, answered, mut ends } = story.into_inner().unwrap();
    assert!(hits * 2 > count, "only {hits} of {count} failures happened");
    let slowest = p99(&mut ends);
    Outcome::Held(format!(
        "{hits} failed calls ({misses} came too late to happen), {answered} requests answered 2xx: 0 lost, \
         0 false 2xx; ended by itself with a reason, p99 {} ms after; 0 of {hits} starts after it failed",
        slowest.as_millis()
    ))
}

fn may_trace() -> bool {
    let mut tracer = Command::new("strace");
    let output = tracer.args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

fn suffer(failure: Failure, story: &Mutex<Story>) {
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let oracle = Oracle::default();
    let stood = format!("{failure:?} in {}", dir.path().display());
    let ended = match failure.moment {
        Moment::Start => at_start(failure, dir.path()),
        Moment::Load => under_load(failure, dir.path(), &oracle),
    };
    let ended = must(ended, &stood);
    if failure.moment == Moment::Load {
        let (code, out, errors) = incidentd(dir.path(), &["db", "verify"]);
        assert_eq!(code, 0, "{failure:?}: {out}{errors}");
    }
    let (mut daemon, _) = must(Process::start(dir.path(), &Manner::default()), &stood);
    must(oracle.check(&mut daemon.client()), &stood);
    assert_eq!(daemon.stop().and_then(|status| status.code()), Some(0), "{}", daemon.log_end());
    let mut story = story.lock().unwrap();
    story.answered += oracle.answered();
    match ended {
        Some(took) => {
            story.hits += 1;
            story.ends.push(took);
        }
        None => story.misses += 1,
    }
}

/// Words that begin a tracer with this failure.
fn tracer(Failure { kind: (call, error), n, .. }: Failure, dir: &Path) -> Vec<String> {
    let inject = format!("inject={call}:error={error}:when={n}");
    let mut words: Vec<String> =
        ["strace", "-f", "-qqq", "-o", "/dev/null"].map(str::to_owned).to_vec();
    words.extend(["-e".into(), inject]);
    for path in files_of_store(dir) {
        words.extend(["-P".into(), path.display().to_string()]);
    }
    words
}

/// The files that the store has or is about to make.
fn files_of_store(dir: &Path) -> Vec<PathBuf> {
    let dir = dir.canonicalize().unwrap().join("data");
    let names = (0..60).flat_map(|n| {
        let of = |text: String| format!("store/{text}");
        [
            format!("{n:06}.log"),
            format!("MANIFEST-{n:06}"),
            format!("{n:06}.sst"),
            format!("{n:06}.dbtmp"),
        ]
        .map(of)
    });
    names.chain(["witness".into()]).map(|name| dir.join(name)).collect()
}

/// Lets a start fail, half of them on a store that has something; `None` when nothing failed.
fn at_start(failure: Failure, dir: &Path) -> Result<Option<Duration>, String> {
    if failure.n.is_multiple_of(2) {
        let (mut daemon, _) = Process::start(dir, &Manner::default())?;
        daemon.kill();
    }
    let mut before = tracer(failure, dir);
    // The tracer is then not the parent, so that the daemon's end is seen.
    before.insert(1, "-D".into());
    let began = clock::monotonic();
    let mut daemon = Process::spawn(dir, &Manner { before, ..Manner::default() });
    match daemon.wait_ready() {
        Ok(_) => {
            daemon.kill();
            Ok(None)
        }
        Err(status) => says_why(status, &daemon).map(|()| Some(since(began))),
    }
}

fn says_why(status: Option<std::process::ExitStatus>, daemon: &Process) -> Result<(), String> {
    let code = status.and_then(|status| status.code());
    let log = daemon.log_end();
    let says = ["Input/output error", "No space left on device"].iter().any(|it| log.contains(it));
    if matches!(code, Some(1 | 65)) && says && !log.contains("panicked") {
        return Ok(());
    }
    Err(format!("ended with {status:?}, expected 1 or 65 and the system's words:\n{log}"))
}

/// Lets a call fail in the middle of the load.
fn under_load(failure: Failure, dir: &Path, oracle: &Oracle) -> Result<Option<Duration>, String> {
    let (mut daemon, _) = Process::start(dir, &Manner::default())?;
    let mut strace = attach(failure, dir, daemon.pid());
    let requests = LANES * (failure.n + 50);
    oracle.load(daemon.address, LANES, &AtomicBool::new(false), requests);
    // The first request that got no answer was the one that waited for the call that failed.
    let began = clock::monotonic();
    let gone = oracle.answered() + oracle.refused() < requests;
    let status = if gone { daemon.wait_end(END_MAX) } else { None };
    let took = since(began);
    if status.is_none() {
        daemon.kill();
    }
    strace.wait().unwrap();
    if status.is_none() && gone {
        return Err(format!("is there {END_MAX:?} after a request was not answered"));
    }
    if gone { says_why(status, &daemon).map(|()| Some(took)) } else { Ok(None) }
}

/// Starts a tracer of all threads of a process and waits until it has them.
fn attach(failure: Failure, dir: &Path, pid: u32) -> Child {
    let words = tracer(failure, dir);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["-p", &pid.to_string()]).stderr(Stdio::null());
    let tracer = command.spawn().unwrap();
    wait_for("all threads to be traced", || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let has_all = tasks.flatten().all(|task| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            // The first call that counts may have come already, and the end with it.
            !status.contains("TracerPid:\t0\n") || status.contains("State:\tZ")
        });
        has_all.then_some(())
    });
    tracer
}
