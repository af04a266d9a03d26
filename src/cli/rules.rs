//! `incidentd rules`: the rules that a running daemon decides by.

use clap::Subcommand;
use serde_json::Value;

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
        let loaded: Value = answer.read()?;
        let (rules, files) = (&loaded["rules"], &loaded["files"]);
        let version = loaded["version"].as_str().unwrap_or("");
        let same = if loaded["same"] == true { ", the same as before" } else { "" };
        session
            .say(&format!("{rules} rules of {files} files are in force, version {version}{same}"));
        Ok(())
    })
}
