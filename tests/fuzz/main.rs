//! Inputs nobody means to send, millions of them, into everything that reads what others wrote: no
//! panic, none that takes more than 100 ms of the processor, none that takes more than 64 MiB.
//!
//! `make fuzz` plays ten million; `cargo test --test fuzz` some seconds of each target; `… -- WORD`
//! those with the word in their name. An input follows from its target and its number alone: what is
//! found is written to a file under `target/fuzz` and played again by `cargo test --test fuzz -- play
//! TARGET NUMBER 1 1`. Inputs begin as the project's own fixtures, and are changed token by token
//! (`mutate`), stored values field by field (`fields`).
//!
//! Each worker is a process of its own (`worker`): a stack that overflows takes nothing else along, and
//! the largest memory is that of one input at a time. `SEED` is the first number; `FUZZ_SECONDS` or
//! `FUZZ_INPUTS`, of all targets together, how long.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::exit,
    reason = "a test program may panic, prints and ends"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unchecked_time_subtraction,
    reason = "bytes are cut out of numbers, and figures are for people"
)]
#![expect(unreachable_pub, reason = "the modules of a test program")]

#[path = "../sim/clocks.rs"]
mod clocks;
mod fields;
mod mutate;
#[path = "../sim/plan.rs"]
mod plan;
mod seeds;
mod targets;
#[path = "../sim/topic.rs"]
mod topic;
mod worker;

use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use incidentd::clock;

use targets::{TARGETS, Target};
use worker::{BATCH, Share, Span};

/// The word before what a worker is to play.
const PLAY: &str = "play";

/// Seconds for each target, unless something else is asked for.
const SECONDS: u64 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    if words.first().is_some_and(|word| word == PLAY) {
        return worker::main(&words[1..]);
    }
    let wanted = |target: &&Target| {
        words.is_empty() || words.iter().any(|word| target.name.contains(word.as_str()))
    };
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    let shares: u64 = targets.iter().map(|target| target.share).sum();
    println!("\nrunning {} targets", targets.len());
    println!("\n| target | inputs | taken | a second | slowest | memory | found |");
    println!("|---|---|---|---|---|---|---|");
    let (mut all, mut found) = (0, 0);
    for target in targets {
        let span = match named("FUZZ_INPUTS") {
            Some(inputs) => Span::Inputs(inputs * target.share / shares),
            None => Span::Seconds(named("FUZZ_SECONDS").unwrap_or(SECONDS)),
        };
        let row = play(target, span);
        all += row.inputs;
        found += row.found;
        println!(
            "| {} | {} | {:.0} % | {} | {:.1} ms (number {}) | {} MiB | {} |",
            target.name,
            row.inputs,
            row.taken as f64 * 100.0 / row.inputs.max(1) as f64,
            row.inputs * 1_000 / row.took.as_millis().max(1) as u64,
            row.slowest_us as f64 / 1e3,
            row.slowest,
            row.grown_kib / 1_024,
            row.found,
        );
    }
    println!("\nfuzz: {all} inputs, {found} found");
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long, for people who wait")]
fn named(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, must be a number")))
}

/// What became of the inputs of a target.
#[derive(Default)]
struct Row {
    inputs: u64,
    taken: u64,
    slowest_us: u64,
    slowest: u64,
    grown_kib: u64,
    found: u64,
    took: Duration,
}

/// Plays a target on all processors.
fn play(target: &Target, span: Span) -> Row {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let first = named("SEED").unwrap_or(0);
    let began = clock::monotonic();
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let share = |n| Share { first: first + n, step: workers, span: span.of(workers) };
        let all: Vec<_> =
            (0..workers).map(|n| scope.spawn(move || hear(target, share(n)))).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let mut sum = Row { took: clock::monotonic().saturating_sub(began), ..Row::default() };
    for row in rows {
        sum.inputs += row.inputs;
        sum.taken += row.taken;
        sum.found += row.found;
        sum.grown_kib = sum.grown_kib.max(row.grown_kib);
        if row.slowest_us > sum.slowest_us {
            (sum.slowest_us, sum.slowest) = (row.slowest_us, row.slowest);
        }
    }
    sum
}

/// Starts a worker and hears what it says; one that dies has its last inputs played one by one.
fn hear(target: &Target, share: Share) -> Row {
    let mut row = Row::default();
    let mut at = share.first;
    let mut is_done = false;
    let mut child = command(target, &share).stdout(Stdio::piped()).spawn().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let mut words = line.splitn(2, ' ');
        let (kind, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match kind {
            "at" => at = rest.parse().unwrap(),
            "found" => {
                println!("FOUND in {}: {rest}", target.name);
                row.found += 1;
            }
            "done" => {
                let figures: Vec<u64> = rest.split(' ').map(|it| it.parse().unwrap()).collect();
                [row.inputs, row.taken, row.slowest_us, row.slowest, row.grown_kib] =
                    figures.try_into().unwrap();
                is_done = true;
            }
            _ => println!("{line}"),
        }
    }
    let status = child.wait().unwrap();
    if !is_done && row.found == 0 {
        row.found += 1;
        let dies = |n: &u64| {
            let alone = Share { first: *n, step: 1, span: Span::Inputs(1) };
            let ended =
                command(target, &alone).stdout(Stdio::null()).stderr(Stdio::null()).status();
            !ended.unwrap().success()
        };
        let number = (at..).step_by(share.step as usize).take(BATCH as usize).find(dies);
        let what = number.map(|n| format!("number {n}, {}", worker::keep(target, n)));
        let what = what.unwrap_or_else(|| format!("in the {BATCH} numbers from {at}, together"));
        println!("FOUND in {}: the process ended, {status}: {what}", target.name);
    }
    row
}

fn command(target: &Target, share: &Share) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([PLAY, target.name]).args(share.words()).stdin(Stdio::null());
    command
}
