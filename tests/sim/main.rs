//! A seeded simulation: the production engine with a disk of maps, crashed between any two steps,
//! fed duplicates, late messages and clocks that jump.
//!
//! A failure names its seed; `SEED=123 cargo test --test sim` plays that one alone. `SEEDS=10000 cargo
//! test --locked --test sim a_seed -- --nocapture` plays so many, on all processors, and prints a hash of
//! what they left, which is the same in every profile.
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
mod invariants;
mod plan;
mod run;
mod topic;
mod year;

use std::num::NonZero;
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
}

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
            if seed >= seeds.end {
                return sum;
            }
            survive(seed, &mut sum);
        }
    };
    let sums: Vec<Sum> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|it| it.join().expect("what broke is said above")).collect()
    });
    let (mut steps, mut lost, mut unanswered, mut hash) = (0, 0, 0, 0);
    for sum in sums {
        (steps, lost, unanswered) =
            (steps + sum.steps, lost + sum.lost, unanswered + sum.unanswered);
        hash ^= sum.hash;
    }
    let count = seeds.end - seeds.start;
    // Seen with `--nocapture`: the same words in every profile, on every machine.
    println!(
        "{count} seeds, {steps} steps, {lost} crashes before a commit, {unanswered} after one: {hash:016x}"
    );
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

/// Finds the step of the plan after which what is stored is another with crashes than without, and says
/// how; `of` takes away what may differ.
fn tell_apart(seed: u64, crashes: Crashes, of: &dyn Fn(&Image) -> Image) {
    let mut calm = Vec::new();
    watched(seed, Crashes::None, &mut |_, image| calm.push(of(image)));
    let mut calm = calm.into_iter().enumerate();
    watched(seed, crashes, &mut |step, image| {
        let (number, calm) = calm.next().expect("both play the same plan");
        let (calm, other) = (format!("{calm:#?}"), format!("{:#?}", of(image)));
        let lines = calm.lines().zip(other.lines()).enumerate();
        let differ = lines.filter(|(_, (calm, other))| calm != other);
        let shown: Vec<String> =
            differ.take(20).map(|(n, (calm, other))| format!("{n}: {calm} | {other}")).collect();
        assert!(
            shown.is_empty(),
            "seed {seed}, {crashes:?}, differs after step {number} of the plan, {step:#?}:\n{}",
            shown.join("\n")
        );
    });
    panic!("seed {seed}, {crashes:?}, differs in something that is not shown");
}
