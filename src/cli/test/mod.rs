//! `incidentd test`: plays the tests inside rule files on the production engine.
//!
//! `report` writes what came of them for people, `junit` for programs; `update` puts what came of
//! them into the files, `watch` plays again when the files change.

mod junit;
mod report;
mod update;
mod watch;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock;
use crate::lab::rule_tests::coverage::Coverage;
use crate::lab::rule_tests::{self, Outcome};
use crate::rules::render::{Form, render};
use crate::rules::{Loaded, RuleSet, Severity, SourceFile, TestCase, load};

pub(super) use report::finding;

use super::failure::Failure;
use super::{Session, files, print};

/// The arguments of `test`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Rule files and folders of them; tests are played with all their rules together
    #[arg(default_value = "rules/base", value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Play only tests whose name has this in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what came of them into the expectations that failed
    #[arg(long, conflicts_with = "watch")]
    update: bool,
    /// Write the results to this file, as XML for CI servers (`JUnit`)
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// List the matchers that were never true or never false
    #[arg(long)]
    coverage: bool,
    /// Play again whenever one of the files changes
    #[arg(long)]
    watch: bool,
}

/// What came of all tests.
struct Report {
    rules: Arc<RuleSet>,
    results: Vec<(Outcome, Duration)>,
    skipped: usize,
    coverage: Coverage,
}

impl Report {
    fn failed(&self) -> usize {
        self.results.iter().filter(|(outcome, _)| !outcome.passed()).count()
    }
}

/// Plays the tests.
///
/// # Errors
/// When rules are invalid or a test fails.
pub fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    if args.watch {
        return super::wait(watch::run(session, args));
    }
    once(session, args, &files::read(&args.paths)?)
}

/// Plays the tests in these files, and does with the results what the arguments say.
fn once(session: &Session, args: &Args, files: &[SourceFile]) -> Result<(), Failure> {
    let mut report = play(args, files)?;
    let updated;
    let mut files = files;
    if args.update && update::update(session, files, &report)? {
        updated = files::read(&args.paths)?;
        files = &updated;
        report = play(args, files)?;
    }
    for (outcome, took) in &report.results {
        report::lines(outcome, took.as_millis(), &args.paths).iter().for_each(print::data);
    }
    if args.coverage {
        report::gaps(&report, files).iter().for_each(print::data);
    }
    if let Some(path) = &args.junit {
        let text = junit::write(&report.results);
        std::fs::write(path, text)
            .map_err(|error| Failure::Findings(format!("{}: {error}", path.display())))?;
    }
    session.say(&report::summary(&report, files));
    if report.failed() > 0 { Err(Failure::Findings(String::new())) } else { Ok(()) }
}

fn play(args: &Args, files: &[SourceFile]) -> Result<Report, Failure> {
    let (rules, tests) = compiled(files)?;
    let wanted =
        |test: &&TestCase| args.filter.as_deref().is_none_or(|filter| test.name.contains(filter));
    let mut coverage = Coverage::default();
    let mut results = Vec::new();
    for test in tests.iter().filter(wanted) {
        let began = clock::monotonic();
        let outcome = rule_tests::run(test, &rules, &mut coverage);
        results.push((outcome, clock::monotonic().saturating_sub(began)));
    }
    let skipped = tests.len() - results.len();
    Ok(Report { rules, results, skipped, coverage })
}

/// Compiles the rules, without which no test can be played.
pub(super) fn compiled(files: &[SourceFile]) -> Result<(Arc<RuleSet>, Vec<TestCase>), Failure> {
    let Loaded { set, tests, mut diagnostics, .. } = load(files);
    if let Some(rules) = set {
        return Ok((Arc::new(rules), tests));
    }
    diagnostics.retain(|found| found.severity == Severity::Error);
    print::talk(render(Form::Human, &diagnostics, files).trim_end());
    let message = format!("{} errors in the rules; no test was played", diagnostics.len());
    Err(Failure::Configuration(message))
}
