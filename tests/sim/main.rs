//! A seeded simulation: the production engine and its clock with a disk of maps, channels that refuse,
//! stay away, answer late or twice, senders that repeat, overtake and are cut off, and a Kafka log.
//!
//! The process dies between any two steps: of what it decided, all or some writes in their order are on
//! the disk or none is, answered by nobody. Beside it the machine sleeps, the wall clock is set, and the
//! daemon is stopped for a while.
//!
//! A failure names its seed, and the other seeds are played all the same; `SEED=123 cargo test --test sim`
//! plays that one alone. `SEEDS=10000 cargo test --locked --test sim a_seed -- --nocapture` plays so many, on
//! all processors, and prints a hash of what they left, which is the same in every profile: `make same`
//! compares two.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic"
)]
#![expect(unreachable_pub, reason = "the modules of a test program")]

mod bulletins;
mod channels;
mod clocks;
mod invariants;
mod plan;
mod run;
mod topic;
mod year;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use incidentd::lab::image::Image;

use run::{Crashes, digest, essence, play, watched};

/// Seeds that every run of the tests plays.
const SEEDS: u64 = 1_000;

#[expect(clippy::disallowed_methods, reason = "the seed of one failure to play again, or how many")]
fn named(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, must be a number")))
}

/// What became of the stories of some seeds.
#[derive(Default)]
struct Sum {
    steps: u64,
    lost: u64,
    unanswered: u64,
    /// Over all that was stored at the end of each, whatever the order of the seeds.
    hash: u64,
    /// Those that do not hold what they should.
    broken: BTreeSet<u64>,
}

/// Broken seeds after which a worker plays no more: what breaks nearly all need not be told of each.
const BROKEN_MAX: usize = 10;

/// Of so many seeds one is played again, to the same bytes.
const AGAIN_EVERY: u64 = 8;

/// Plays each seed without a crash, with crashes before a commit, and with crashes after one; every
/// eighth once more. The invariants are looked at after every step of all.
#[test]
fn a_seed_holds_its_invariants_is_repeatable_and_survives_crashes() {
    let seeds = match named("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..named("SEEDS").unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || sum.broken.len() == BROKEN_MAX {
                return sum;
            }
            // What broke is said where it does; the other seeds are played all the same.
            if catch_unwind(AssertUnwindSafe(|| survive(seed, &mut sum))).is_err() {
                sum.broken.insert(seed);
            }
        }
    };
    let sums: Vec<Sum> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|it| it.join().expect("a seed that breaks is caught")).collect()
    });
    let (mut steps, mut lost, mut unanswered, mut hash) = (0, 0, 0, 0);
    let mut broken = BTreeSet::new();
    for mut sum in sums {
        (steps, lost, unanswered) =
            (steps + sum.steps, lost + sum.lost, unanswered + sum.unanswered);
        hash ^= sum.hash;
        broken.append(&mut sum.broken);
    }
    let count = seeds.end - seeds.start;
    // Seen with `--nocapture`: the same words in every profile, on every machine.
    println!(
        "{count} seeds, {steps} steps, {lost} crashes before a commit, {unanswered} after one: {hash:016x}"
    );
    assert!(broken.is_empty(), "broken seeds, each told above: {broken:?}");
    assert!(count == 1 || lost > 0 && unanswered > 0, "no seed crashed");
}

fn survive(seed: u64, sum: &mut Sum) {
    let calm = play(seed, Crashes::None);
    assert!(calm.steps > 0, "seed {seed} does nothing");
    let lost = play(seed, Crashes::Lost);
    if seed.is_multiple_of(AGAIN_EVERY) {
        let again = play(seed, Crashes::Lost);
        assert!(lost.image == again.image, "seed {seed} is not the same when it is played again");
        sum.steps += again.steps;
    }
    let unanswered = play(seed, Crashes::Unanswered);
    if calm.image != lost.image {
        tell_apart(seed, Crashes::Lost, &Image::clone);
    }
    if essence(&calm.image) != essence(&unanswered.image) {
        tell_apart(seed, Crashes::Unanswered, &essence);
    }
    sum.steps += calm.steps + lost.steps + unanswered.steps;
    sum.lost += lost.crashes;
    sum.unanswered += unanswered.crashes;
    sum.hash ^= digest(&unanswered.image).rotate_left((seed % 64) as u32);
}

/// Finds the steps of the plan from which on what is stored is another with crashes than without, to the
/// end, and says how; `of` takes away what may differ.
fn tell_apart(seed: u64, crashes: Crashes, of: &dyn Fn(&Image) -> Image) {
    let mut calm = Vec::new();
    watched(seed, Crashes::None, &mut |_, image| calm.push(of(image)));
    let mut calm = calm.into_iter();
    let mut found = None;
    watched(seed, crashes, &mut |steps, image| {
        let calm = calm.next().expect("both play the same plan");
        let other = of(image);
        if calm == other {
            found = None;
        } else {
            found.get_or_insert_with(|| (format!("{steps:#?}"), calm, other));
        }
    });
    let (steps, calm, other) = found.expect("the ends differ");
    let (calm, other) = (format!("{calm:#?}"), format!("{other:#?}"));
    let calm: Vec<&str> = calm.lines().collect();
    let differ = calm.iter().zip(other.lines()).enumerate().filter(|(_, (a, b))| **a != *b);
    let shown: Vec<String> = differ
        .take(20)
        .map(|(n, (a, b))| format!("{}: {} | {}", place(&calm[..=n]), a.trim(), b.trim()))
        .collect();
    panic!("seed {seed}, {crashes:?}, differs from {steps} on:\n{}", shown.join("\n"));
}

/// Says in what the last of these lines stands, by what is indented less.
fn place(lines: &[&str]) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut way = Vec::new();
    let mut inner = lines.last().map_or(0, |line| depth(line));
    for line in lines.iter().rev().filter(|line| line.ends_with(['{', '(', '['])) {
        if depth(line) < inner {
            inner = depth(line);
            way.push(line.trim().trim_end_matches(['{', '(', '[', ' ']));
        }
    }
    way.reverse();
    way.join(" ")
}
