//! `incidentd rules`: the rules that a running daemon decides by.

use clap::Subcommand;
use serde_json::Value;

use crate::http::operate::Reloaded;

use super::failure::Failure;
use super::{Session, known_error, print};

/// What to do with the rules.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Load the rule files again; bad ones change nothing
    Reload,
    /// Write a rule that knows the cause of an incident from now on
    KnownError {
        /// The incident, for example INC-7
        incident: String,
    },
}

/// Does it.
///
/// # Errors
/// All findings, when the rules cannot be used; else as the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Reload => reload(session).await,
        Command::KnownError { incident } => known_error(session, &incident).await,
    }
}

async fn known_error(session: &Session, incident: &str) -> Result<(), Failure> {
    let answer = session.connect()?.get(&["api", "v1", "incidents", incident], &[]).await?;
    session.show(&answer, |answer| {
        print::data(known_error::rule_of(&answer.read()?)?.trim_end());
        Ok(())
    })
}

async fn reload(session: &Session) -> Result<(), Failure> {
    let answer = session.connect()?.post(&["-", "reload"], &Value::Null).await?;
    session.show(&answer, |answer| {
        let Reloaded { version, rules, files, same } = answer.read()?;
        let same = if same { ", the same as before" } else { "" };
        session
            .say(&format!("{rules} rules of {files} files are in force, version {version}{same}"));
        Ok(())
    })
}
