//! `incidentd replay`: recorded alerts through a set of rules, or through two of them.
//!
//! Lines are read one by one and played at once, so that a month of alerts need not fit into memory.

mod git;
mod lines;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::cmdb::{Rows, Topology, import};
use crate::ingest;
use crate::lab::replay::{Comparison, Replay, compare};
use crate::model::time::Timestamp;
use crate::rules::render::{Form, render};
use crate::rules::{RuleSet, Severity, SourceFile, duration, load};

use super::failure::Failure;
use super::{Output, Session, files, print};
use lines::{Lines, Skip};

/// The arguments of `replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Recorded alerts, a JSON object a line: the journal's, Alertmanager's alerts or webhook
    /// messages; `-` reads standard input
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<PathBuf>,
    /// Ask the daemon for what it recorded since then: 2h ago, or a time
    #[arg(long, value_name = "SPAN|TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// And until then
    #[arg(long, value_name = "SPAN|TIME", value_parser = moment, requires = "from",
        conflicts_with = "file")]
    to: Option<Timestamp>,
    /// Rule files
    #[arg(long, default_value = "rules/base", value_name = "FILE|DIR")]
    rules: PathBuf,
    /// The CMDB; with --from the daemon's when left out, else none
    #[arg(long, value_name = "FILE")]
    cmdb: Option<PathBuf>,
    /// Other rules to compare with, as the old ones; `git:REV` is --rules at that revision
    #[arg(long, value_name = "FILE|DIR|git:REV")]
    against: Option<String>,
    /// Fail when the new rules would have missed a P1 or P2
    #[arg(long, requires = "against")]
    fail_on_missed: bool,
    /// Leave out lines that cannot be read
    #[arg(long)]
    skip_bad: bool,
}

/// Reads `2h` (ago) or a time.
fn moment(text: &str) -> Result<Timestamp, String> {
    let ago = duration(text).map(|span| Clock::start(None).now().minus(span));
    ago.or_else(|| ingest::date_time(text).filter(|_| !text.is_empty()))
        .ok_or_else(|| "expected a span as in 2h or a time like 2026-11-21T22:00:00Z".into())
}

/// Plays it.
///
/// # Errors
/// When rules, CMDB or lines cannot be read; when something is missed and that is to fail.
pub async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let new = rules(&files::read(core::slice::from_ref(&args.rules))?)?;
    let old = args.against.as_deref().map(|against| old_rules(against, args)).transpose()?;
    let topology = Arc::new(topology(session, args).await?);
    let play = |rules| Replay::new(rules, Arc::clone(&topology));
    let mut lines = Lines::new(old.into_iter().chain([new]).map(play).collect());
    match (&args.file, args.from) {
        (Some(file), _) => lines.file(file)?,
        (None, Some(from)) => lines.journal(&session.connect()?, from, args.to).await?,
        (None, None) => {}
    }
    lines.judge(if args.skip_bad { Skip::Bad } else { Skip::Nothing })?;
    let mut outcomes = lines.into_replays().into_iter().map(Replay::finish);
    let (Some(first), second) = (outcomes.next(), outcomes.next()) else { return Ok(()) };
    let Some(second) = second else {
        match session.output {
            Output::Json => print::data(show::outcome(&first)),
            Output::Table => show::table(session, &first),
        }
        return Ok(());
    };
    let comparison = compare(&first, &second);
    match session.output {
        Output::Json => print::data(show::comparison(&comparison)),
        Output::Table => show::side_by_side(&comparison).iter().for_each(print::data),
    }
    verdict(&comparison, args)
}

fn verdict(comparison: &Comparison, args: &Args) -> Result<(), Failure> {
    if args.fail_on_missed && !comparison.missed.is_empty() {
        return Err(Failure::Findings(String::new()));
    }
    Ok(())
}

/// Loads rules, or says all that is wrong with them.
fn rules(files: &[SourceFile]) -> Result<Arc<RuleSet>, Failure> {
    let mut loaded = load(files);
    if let Some(rules) = loaded.set {
        return Ok(Arc::new(rules));
    }
    loaded.diagnostics.retain(|found| found.severity == Severity::Error);
    print::talk(render(Form::Human, &loaded.diagnostics, files).trim_end());
    let message = format!("{} errors in the rules; nothing was played", loaded.diagnostics.len());
    Err(Failure::Configuration(message))
}

fn old_rules(against: &str, args: &Args) -> Result<Arc<RuleSet>, Failure> {
    match against.strip_prefix("git:") {
        Some(revision) => rules(&git::read(revision, &args.rules)?),
        None => rules(&files::read(&[PathBuf::from(against)])?),
    }
}

async fn topology(session: &Session, args: &Args) -> Result<Topology, Failure> {
    let (text, name) = match (&args.cmdb, args.from) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            (text, file.display().to_string())
        }
        (None, Some(_)) => {
            let path = ["api", "v1", "cmdb", "export"];
            let answer = session.connect()?.get(&path, &[("format", "json")]).await?;
            (answer.0, "the daemon's CMDB".into())
        }
        (None, None) => return Ok(Topology::empty()),
    };
    let rows = match import::read_any(&text, &name) {
        Ok(rows) => rows,
        Err(_) if args.cmdb.is_none() && is_empty(&text) => Rows::default(),
        Err(problems) => return Err(refused(&problems)),
    };
    Topology::build(1, &rows).map_err(|problems| refused(&problems))
}

/// True for the export of a CMDB that holds nothing, which is no file to import.
fn is_empty(export: &str) -> bool {
    let cis = serde_json::from_str::<serde_json::Value>(export).ok();
    let cis = cis.as_ref().and_then(|it| it.get("cis")).and_then(serde_json::Value::as_object);
    cis.is_none_or(serde_json::Map::is_empty)
}

fn refused(problems: &[impl core::fmt::Display]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::Configuration(lines.join("\n"))
}
