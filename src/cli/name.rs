//! The argument `--as`: in whose name a command acts.

use clap::Args;

/// In whose name a command acts.
#[derive(Clone, Debug, Args)]
pub struct Name {
    /// In whose name
    #[arg(
        long = "as",
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        default_value = "cli"
    )]
    pub(super) by: String,
}
