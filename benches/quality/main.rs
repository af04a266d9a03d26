//! What becomes of recorded alerts whose true incidents are known, and how far that depends on the
//! recording and on each constant of the policy. Issue 5 sets the targets.
//!
//! `make quality`, or `cargo bench --profile dev --bench quality -- DATA SCORER`: DATA holds a folder
//! for each recording (alerts.jsonl, topology.json, truth.json), SCORER is the script that agrees on
//! the figures. `pace=2 calm=0` behind them tries other constants, without the last table.
//! Ends badly when a target is missed, well where there is nothing to measure.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints and may panic"
)]

mod groups;
mod score;
mod scorer;
mod session;
mod set;
mod tables;
mod variants;

use std::path::Path;
use std::process::ExitCode;

use incidentd::clock;

use crate::set::Set;
use crate::tables::{Policy, Tables};

fn main() -> ExitCode {
    let began = clock::monotonic();
    let arguments = std::env::args().skip(1).filter(|it| !it.starts_with('-'));
    let (changed, paths): (Vec<String>, Vec<String>) = arguments.partition(|it| it.contains('='));
    let [data, scorer] = [("../shared/data", 0), ("../shared/tools/score_clusters.py", 1)]
        .map(|(usual, at)| paths.get(at).map_or(usual, |path| &**path));
    let sets = read(Path::new(data));
    if sets.len() < 3 {
        println!("quality: {data} does not hold the three recordings: left out");
        return ExitCode::SUCCESS;
    }
    let mut policy = Policy::default();
    for change in &changed {
        policy.change(change);
    }
    let compared = scorer::compare(&sets, &policy, Path::new(data), Path::new(scorer));
    println!("{compared}");
    let tables = Tables::measure(groups::all(&sets), &policy);
    let missed = tables.print(&policy);
    if changed.is_empty() {
        tables.print_sensitivity(&policy);
    }
    println!("\nmeasured in {:.0} s", clock::monotonic().saturating_sub(began).as_secs_f64());
    if missed > 0 && changed.is_empty() {
        println!("quality: {missed} targets of issue 5 missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Reads the recordings that are there: single faults, two systems at once, two faults at once.
fn read(data: &Path) -> Vec<Set> {
    let folders = ["nezha-ob", "nezha-ob-overlay", "nezha-ob-concurrent"].map(|it| data.join(it));
    folders.iter().filter(|it| it.join("truth.json").exists()).map(|it| Set::read(it)).collect()
}
