//! The fault catalogue: the real daemon is killed, its disk fails, fills and forgets, its files are
//! damaged; a witness outside of it knows what it had answered for, and looks whether that is there.
//!
//! `make faults` runs it at the figures that are promised and prints the table; `cargo test --test
//! faults` at small ones; `cargo test --test faults -- WORD` what has the word in its name. What a
//! figure is called, and both values of it, stand where it is used: `figure("NAME", small, full)`.
//! `SEED` begins the dice of all of them.
//!
//! The oracle is `oracle`; the daemon under a tracer or a library is `process`. What a fault needs
//! and the machine does not give (mounts, tracing) is left out, and the table says so.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test program may panic and prints, knows the store's names, and figures are for people"
)]
#![expect(unreachable_pub, reason = "the modules of a test program")]

mod backups;
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod figures;
mod full_disk;
mod kills;
mod label_bomb;
mod oracle;
mod order;
mod power;
mod process;
mod shim;
mod slow_clients;
mod syscalls;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Duration;

use incidentd::clock;

use figures::{are_full, since};

/// What came out of a fault.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// What was promised holds; the figures.
    Held(String),
    /// The machine does not give what it needs.
    LeftOut(String),
}

/// A row of the catalogue: its number there, what it is, and the test.
type Fault = (&'static str, &'static str, fn() -> Outcome);

const CATALOGUE: &[Fault] = &[
    ("F-01", "kill -9 under load", kills::run),
    ("F-03", "power lost: unsynced writes and names gone", power::run),
    ("F-04", "each 2xx after the sync that covers it", order::run),
    ("F-05", "the n-th write or sync fails", syscalls::run),
    ("F-06", "a disk that is full", full_disk::run),
    ("F-07", "torn end of the log, byte by byte", damage::torn),
    ("F-08", "bits flipped in the store's files", damage::flipped),
    ("F-10", "backup and restore under load", backups::run),
    ("F-27", "sockets that dribble", slow_clients::run),
    ("F-32", "label bomb: one source, all alerts new", label_bomb::run),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let wanted = |(number, what, _): &&Fault| {
        words.is_empty() || words.iter().any(|word| number.contains(word) || what.contains(word))
    };
    let faults: Vec<&Fault> = CATALOGUE.iter().filter(wanted).collect();
    let size = if are_full() { "full" } else { "small" };
    println!("\nrunning {} faults at {size} figures", faults.len());
    let mut rows = Vec::new();
    let mut failed = 0;
    for (number, what, test) in faults {
        let began = clock::monotonic();
        let outcome = catch_unwind(test);
        let took = since(began);
        let (verdict, figures) = match outcome {
            Ok(Outcome::Held(figures)) => ("held", figures),
            Ok(Outcome::LeftOut(why)) => ("LEFT OUT", why),
            Err(_) => {
                failed += 1;
                ("FAILED", "see above".to_owned())
            }
        };
        println!("{number} {what}: {verdict}; {figures} ({:.1} s)", took.as_secs_f64());
        rows.push((number, what, verdict, figures, took));
    }
    print_table(&rows);
    println!("\nfault catalogue: {} of {} failed", failed, rows.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Row<'a> = (&'a &'static str, &'a &'static str, &'static str, String, Duration);

fn print_table(rows: &[Row<'_>]) {
    println!("\n| | fault | | figures | s |\n|---|---|---|---|---|");
    for (number, what, verdict, figures, took) in rows {
        println!("| {number} | {what} | {verdict} | {figures} | {:.0} |", took.as_secs_f64());
    }
}
