//! `incidentd config`: the settings with their defaults, and those in force.

use std::path::PathBuf;

use clap::Subcommand;

use crate::settings::{DEFAULTS, Overrides, load};

use super::failure::Failure;
use super::{Session, print};

/// What to show of the settings.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print every setting with its default and the reason for it
    Default,
    /// Print the settings in force here
    Show {
        /// Settings file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Does it.
///
/// # Errors
/// When settings are invalid; all problems are told.
pub fn run(_: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Default => {
            print::data(DEFAULTS.trim_end());
            Ok(())
        }
        Command::Show { config } => match load(config.as_deref(), &Overrides::default()) {
            Ok(settings) => {
                print::data(format_args!("{settings:#?}"));
                Ok(())
            }
            Err(problems) => {
                problems.iter().for_each(print::talk);
                let count = problems.len();
                Err(Failure::Configuration(format!("{count} problems in the settings")))
            }
        },
    }
}
