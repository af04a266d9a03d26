//! A process that plays some inputs of one target and says what it found.
//!
//! Lines: `at NUMBER` before a batch, `found WORDS`, and `done` with five figures. What takes longer
//! than the limit is played again, and counts by the processor's time, not the clock's; what makes the
//! process grow is looked for input by input, each from where the process then stands.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use incidentd::clock;
use incidentd::model::labels::{FNV_OFFSET, fnv};
use rustix::time::{ClockId, clock_gettime};

use crate::mutate::Mill;
use crate::targets::{Play, TARGETS, Target};

/// Inputs between two looks at the memory and at the clock.
pub const BATCH: u64 = 256;

const TIME_MAX: Duration = Duration::from_millis(100);
const GROWTH_MAX_KIB: u64 = 64 << 10;

/// After this long without an end an input counts as one that never ends.
const HANGS: Duration = Duration::from_secs(20);

/// How much is played.
#[derive(Clone, Copy, Debug)]
pub enum Span {
    Inputs(u64),
    Seconds(u64),
}

impl Span {
    /// What is left for each of some workers.
    pub fn of(self, workers: u64) -> Self {
        match self {
            Self::Inputs(inputs) => Self::Inputs(inputs.div_ceil(workers)),
            Self::Seconds(_) => self,
        }
    }
}

/// Which numbers a worker plays.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub first: u64,
    pub step: u64,
    pub span: Span,
}

impl Share {
    pub fn words(&self) -> [String; 4] {
        let (count, unit) = match self.span {
            Span::Inputs(count) => (count, "inputs"),
            Span::Seconds(count) => (count, "seconds"),
        };
        [self.first.to_string(), self.step.to_string(), count.to_string(), unit.to_owned()]
    }

    fn read(words: &[String]) -> Self {
        let number = |at: usize| words[at].parse().unwrap();
        let is_time = words.get(3).is_some_and(|unit| unit == "seconds");
        let span = if is_time { Span::Seconds(number(2)) } else { Span::Inputs(number(2)) };
        Self { first: number(0), step: number(1), span }
    }
}

/// The number that is being played, for the watchdog; `u64::MAX` for none.
static NOW: AtomicU64 = AtomicU64::new(u64::MAX);

/// What panicked since it was last asked for, also where the program caught it itself.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

struct Worker {
    target: &'static Target,
    mill: Mill,
    play: Play,
    inputs: u64,
    taken: u64,
    slowest: (Duration, u64),
}

pub fn main(words: &[String]) -> ExitCode {
    let [name, rest @ ..] = words else { panic!("expected: play TARGET FIRST STEP COUNT") };
    let target = TARGETS.iter().find(|target| target.name == *name);
    let target = target.unwrap_or_else(|| panic!("`{name}` is no target"));
    let share = Share::read(rest);
    set_hook(Box::new(|what| {
        *PANIC.lock().unwrap() = Some(what.to_string());
    }));
    std::thread::spawn(move || watch(target));
    let mut worker = Worker {
        target,
        mill: mill(target),
        play: (target.play)(),
        inputs: 0,
        taken: 0,
        slowest: (Duration::ZERO, share.first),
    };
    let found = worker.work(share);
    let Worker { inputs, taken, slowest: (took, slowest), .. } = worker;
    say(&format!("done {inputs} {taken} {} {slowest} {}", took.as_micros(), found.grown_kib));
    if found.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mill(target: &Target) -> Mill {
    Mill::new((target.seeds)(), target.grammar, fnv(FNV_OFFSET, target.name.as_bytes()))
}

/// Writes an input to a file and says where.
pub fn keep(target: &Target, number: u64) -> String {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{}-{number}", target.name));
    std::fs::write(&path, mill(target).input(number)).unwrap();
    path.display().to_string()
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

#[derive(Default)]
struct Found {
    count: u64,
    grown_kib: u64,
}

impl Worker {
    fn work(&mut self, share: Share) -> Found {
        let mut found = Found::default();
        let began = clock::monotonic();
        let mut base = anew();
        let mut number = share.first;
        loop {
            let left = match share.span {
                Span::Inputs(count) => count - self.inputs,
                Span::Seconds(s) => {
                    let goes_on = clock::monotonic() - began < Duration::from_secs(s);
                    if goes_on { BATCH } else { 0 }
                }
            };
            if left == 0 || found.count > 0 {
                return found;
            }
            say(&format!("at {number}"));
            let batch: Vec<u64> =
                (number..).step_by(share.step as usize).take(left.min(BATCH) as usize).collect();
            if !batch.iter().all(|number| self.one(*number)) {
                found.count += 1;
            }
            number = batch.last().map_or(number, |last| last + share.step);
            let grown = peak_kib().saturating_sub(base);
            if grown > GROWTH_MAX_KIB {
                found.count += self.who_grows(&batch);
                base = anew();
            } else {
                found.grown_kib = found.grown_kib.max(grown);
            }
        }
    }

    /// Plays one input; false when it is something that must not be.
    fn one(&mut self, number: u64) -> bool {
        let input = self.mill.input(number);
        NOW.store(number, Ordering::Relaxed);
        let began = clock::monotonic();
        let taken = catch_unwind(AssertUnwindSafe(|| (self.play)(&input)));
        let mut took = clock::monotonic() - began;
        self.inputs += 1;
        self.taken += u64::from(taken.is_ok_and(|taken| taken));
        if let Some(what) = PANIC.lock().unwrap().take() {
            let what = what.replace('\n', "; ");
            return self.found(number, &what);
        }
        // Others may have had the processor meanwhile.
        if took > self.slowest.0 {
            let again = (0..2).map(|_| self.processor_time(&input));
            took = took.min(again.min().unwrap_or_default());
        }
        NOW.store(u64::MAX, Ordering::Relaxed);
        self.slowest = self.slowest.max((took, number));
        took <= TIME_MAX || self.found(number, &format!("took {} ms", took.as_millis()))
    }

    fn processor_time(&mut self, input: &[u8]) -> Duration {
        let began = thread_time();
        // Whether it panics is known.
        drop(catch_unwind(AssertUnwindSafe(|| (self.play)(input))));
        thread_time() - began
    }

    fn found(&self, number: u64, what: &str) -> bool {
        say(&format!("found number {number}, {}: {what}", keep(self.target, number)));
        false
    }

    /// Plays a batch again, and measures each by itself.
    fn who_grows(&mut self, batch: &[u64]) -> u64 {
        let mut count = 0;
        for number in batch {
            let input = self.mill.input(*number);
            let base = anew();
            drop(catch_unwind(AssertUnwindSafe(|| (self.play)(&input))));
            let grown = peak_kib().saturating_sub(base);
            if grown > GROWTH_MAX_KIB {
                self.found(*number, &format!("took {} MiB", grown / 1_024));
                count += 1;
            }
        }
        count
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Has the system forget the largest memory of this process so far, and returns what it has now.
fn anew() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak_kib()
}

/// The largest memory of this process since it was last forgotten.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Ends the process when one input never ends.
fn watch(target: &Target) {
    let mut since = (u64::MAX, clock::monotonic());
    loop {
        std::thread::park_timeout(Duration::from_secs(1));
        let (number, now) = (NOW.load(Ordering::Relaxed), clock::monotonic());
        if number != since.0 {
            since = (number, now);
        } else if number != u64::MAX && now - since.1 > HANGS {
            say(&format!("found number {number}, {}: does not end", keep(target, number)));
            std::process::exit(1);
        }
    }
}
