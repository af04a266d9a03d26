//! `incidentd doctor`: what is wrong with this installation, and what to do about each.
//!
//! Changes nothing. `local` looks at this machine: settings, rules, the data folder; `server` asks
//! the running daemon; `reach` tries the ways to people without sending anything, `kafka` the brokers and topics.

mod kafka;
mod local;
mod reach;
mod server;

use core::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::settings::{self, Overrides};

use super::client::Answer;
use super::failure::Failure;
use super::{Session, print, wait};

/// The arguments of `doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Settings file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Folder of the rule files
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// It does not work, or will not when it is needed.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "ERROR",
        })
    }
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    level: Level,
    message: String,
    /// What to do; empty when it is as it should be.
    #[serde(skip_serializing_if = "String::is_empty")]
    remedy: String,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, message: message.into(), remedy: String::new() }
    }

    fn warning(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self { check, level: Level::Warning, message: message.into(), remedy: remedy.into() }
    }

    fn error(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self { check, level: Level::Error, message: message.into(), remedy: remedy.into() }
    }
}

/// Looks at everything.
///
/// # Errors
/// Findings, when anything is not as it should be.
pub fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let findings = wait(async { Ok(examine(session, args).await) })?;
    let bad = findings.iter().filter(|found| found.level != Level::Ok).count();
    let answer = Answer(json!({"items": findings, "findings": bad}).to_string());
    session.show(&answer, |_| {
        for found in &findings {
            tell(session, found);
        }
        Ok(())
    })?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::Findings("1 finding".into())),
        many => Err(Failure::Findings(format!("{many} findings"))),
    }
}

fn tell(session: &Session, found: &Finding) {
    if session.quiet && found.level == Level::Ok {
        return;
    }
    let Finding { check, level, message, remedy } = found;
    print::data(print::clean(&format!("{level:<8}{check:<11}{message}")));
    if !remedy.is_empty() {
        print::data(print::clean(&format!("{:19}→ {remedy}", "")));
    }
}

async fn examine(session: &Session, args: &Args) -> Vec<Finding> {
    let text = |path: &PathBuf| path.display().to_string();
    let overrides = Overrides {
        data_dir: args.data_dir.as_ref().map(text),
        rules: args.rules.as_ref().map(text),
        ..Overrides::default()
    };
    let mut findings = Vec::new();
    let settings = match settings::load(args.config.as_deref(), &overrides) {
        Ok(settings) => {
            findings.push(Finding::ok("settings", "every value is within its bounds"));
            Some(settings)
        }
        Err(problems) => {
            findings.extend(problems.iter().map(local::problem));
            None
        }
    };
    let runs = server::examine(session, &mut findings).await;
    if let Some(settings) = settings {
        findings.extend(local::examine(&settings, runs));
        findings.extend(reach::examine(&settings).await);
        findings.extend(kafka::examine(settings).await);
    }
    findings
}

/// Whether the daemon answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
}
