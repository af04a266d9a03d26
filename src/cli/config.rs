//! `incidentd config`: the settings with their defaults, and those in force.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::settings::{DEFAULTS, Overrides, list};

use super::client::Answer;
use super::failure::Failure;
use super::{Session, print};

/// What to show of the settings.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print every setting with its default and the reason for it
    Default,
    /// Print the settings in force here, as TOML
    Show(Show),
}

/// What is to be in force.
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// Settings file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// As given to `serve`: data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// As given to `serve`: address to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// As given to `serve`: folder of the rule files
    #[arg(long, value_name = "DIR")]
    rules: Option<String>,
    /// Say of each where it was set: default, a file, environment or command line
    #[arg(long)]
    origin: bool,
}

/// Does it.
///
/// # Errors
/// When settings are invalid; all problems are told.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Default => {
            print::data(DEFAULTS.trim_end());
            Ok(())
        }
        Command::Show(args) => show(session, args),
    }
}

fn show(session: &Session, args: Show) -> Result<(), Failure> {
    let Show { config, data_dir, listen, rules, origin } = args;
    let entries = list(config.as_deref(), &Overrides { listen, data_dir, rules });
    let entries = entries.map_err(|problems| {
        problems.iter().for_each(print::talk);
        Failure::of_settings(problems.len())
    })?;
    let items: Vec<Value> = entries
        .iter()
        .map(|it| json!({"section": it.section, "key": it.key, "value": it.value, "origin": it.origin}))
        .collect();
    session.show(&Answer(json!({"items": items}).to_string()), |_| {
        let width = entries.iter().map(|it| it.to_string().chars().count()).max().unwrap_or(0);
        let mut section = "";
        for entry in &entries {
            if entry.section != section {
                if !section.is_empty() {
                    print::data("");
                }
                section = &entry.section;
                print::data(format_args!("[{section}]"));
            }
            let line = entry.to_string();
            if origin {
                print::data(format_args!("{line:width$}  # {}", entry.origin));
            } else {
                print::data(line);
            }
        }
        Ok(())
    })
}
