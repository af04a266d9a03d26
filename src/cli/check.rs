//! `incidentd check`: are these rule files right?

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::clock;
use crate::rules::Severity;
use crate::rules::load;
use crate::rules::render::{Form, render};

use super::failure::Failure;
use super::{Session, files, print};

/// The arguments of `check`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Rule files and folders of them
    #[arg(default_value = "rules/base", value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Fail on warnings, too
    #[arg(long)]
    deny_warnings: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the lines they are about
    Human,
    /// One line each, for editors
    Short,
    /// For programs
    Json,
    /// For code hosts: SARIF 2.1.0
    Sarif,
}

/// Checks the files as a whole.
///
/// # Errors
/// Findings, when the rules cannot be used, or have warnings that are denied.
pub fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let files = files::read(&args.paths)?;
    let mut loaded = load(&files);
    if let Some(set) = &loaded.set {
        loaded.diagnostics.extend(set.expiring(&files, clock::wall()));
        loaded.diagnostics.extend(set.gaps(&files, clock::wall()));
    }
    let form = match args.format {
        Format::Human if std::io::stdout().is_terminal() => Form::Coloured,
        Format::Human => Form::Human,
        Format::Short => Form::Short,
        Format::Json => Form::Json,
        Format::Sarif => Form::Sarif,
    };
    let found = render(form, &loaded.diagnostics, &files);
    if !found.is_empty() {
        print::data(found.trim_end());
    }
    let count = |severity| loaded.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if args.format == Format::Human {
        let (rules, tests) = (loaded.rules, loaded.tests.len());
        session.say(&summary([files.len(), rules, tests, errors, warnings]));
    }
    let denied = if args.deny_warnings { warnings } else { 0 };
    if errors + denied > 0 { Err(Failure::Findings(String::new())) } else { Ok(()) }
}

fn summary([files, rules, tests, errors, warnings]: [usize; 5]) -> String {
    let number = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    };
    format!(
        "{}, {}, {}: {}, {}",
        number(files, "file"),
        number(rules, "rule"),
        number(tests, "test"),
        number(errors, "error"),
        number(warnings, "warning")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_in_words() {
        assert_eq!(summary([6, 41, 58, 1, 0]), "6 files, 41 rules, 58 tests: 1 error, 0 warnings");
    }
}
