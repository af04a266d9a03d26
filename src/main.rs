//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use incidentd::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
