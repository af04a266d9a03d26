//! A seeded simulation: the production engine with a disk of maps, crashed between any two steps,
//! fed duplicates, late messages and clocks that jump.
//!
//! A failure names its seed; `SEED=123 cargo test --test sim` plays that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![expect(unreachable_pub, reason = "the modules of a test program")]

mod bulletins;
mod invariants;
mod plan;
mod run;
mod topic;
mod year;

use incidentd::lab::image::Image;

use run::{Crashes, digest, essence, play};

/// Seeds that every run of the tests plays.
const SEEDS: u64 = 1_000;

#[expect(clippy::disallowed_methods, reason = "the seed of one failure to play again")]
fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    }
}

#[test]
fn invariants_hold_after_every_step_of_every_seed() {
    for seed in seeds() {
        let end = play(seed, Crashes::None);
        assert!(end.steps > 0, "seed {seed} does nothing");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in seeds() {
        let (once, again) = (play(seed, Crashes::Lost), play(seed, Crashes::Lost));
        assert_eq!(digest(&once.image), digest(&again.image), "seed {seed}");
    }
}

#[test]
fn a_crash_before_a_commit_changes_nothing_once_the_sender_tries_again() {
    let mut count = 0;
    for seed in seeds() {
        let crashed = play(seed, Crashes::Lost);
        count += crashed.crashes;
        same(seed, &play(seed, Crashes::None).image, &crashed.image);
    }
    assert!(count > 0, "no seed crashed");
}

#[test]
fn a_crash_after_a_commit_repeats_an_event_and_leaves_what_matters_as_it_was() {
    let mut count = 0;
    for seed in seeds() {
        let crashed = play(seed, Crashes::Unanswered);
        count += crashed.crashes;
        let calm = play(seed, Crashes::None);
        same(seed, &essence(&calm.image), &essence(&crashed.image));
    }
    assert!(count > 0, "no seed crashed");
}

/// Compares two images and shows only the lines that differ.
fn same(seed: u64, calm: &Image, crashed: &Image) {
    if calm == crashed {
        return;
    }
    let (calm, crashed) = (format!("{calm:#?}"), format!("{crashed:#?}"));
    let lines = calm.lines().zip(crashed.lines()).enumerate();
    let differ = lines.filter(|(_, (calm, crashed))| calm != crashed);
    let shown: Vec<String> =
        differ.take(20).map(|(n, (calm, crashed))| format!("{n}: {calm} | {crashed}")).collect();
    panic!("seed {seed} differs:\n{}", shown.join("\n"));
}
