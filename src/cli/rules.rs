//! `incidentd rules`: the rules that a running daemon decides by.

use clap::Subcommand;
use serde_json::Value;

use crate::http::operate::Reloaded;

use super::Session;
use super::failure::Failure;

/// What to do with the rules.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Load the rule files again; bad ones change nothing
    Reload,
}

/// Does it.
///
/// # Errors
/// All findings, when the rules cannot be used; else as the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let Command::Reload = command;
    let answer = session.connect()?.post(&["-", "reload"], &Value::Null).await?;
    session.show(&answer, |answer| {
        let Reloaded { version, rules, files, same } = answer.read()?;
        let same = if same { ", the same as before" } else { "" };
        session
            .say(&format!("{rules} rules of {files} files are in force, version {version}{same}"));
        Ok(())
    })
}
