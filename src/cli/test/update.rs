//! `--update`: writes what came of the tests into the expectations that failed.
//!
//! A person then reads the difference: it is what changed in the engine's or the rules' behaviour.

use crate::rules::SourceFile;
use crate::rules::edit::{Edit, rewrite};

use super::super::failure::Failure;
use super::super::{Session, print};
use super::Report;

/// Mends the files; true when one was changed.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn update(
    session: &Session,
    files: &[SourceFile],
    report: &Report,
) -> Result<bool, Failure> {
    let mut changed = false;
    for file in files {
        let outcomes =
            || report.results.iter().map(|(it, _)| it).filter(|it| *it.file == *file.name);
        for found in outcomes().flat_map(|outcome| &outcome.findings) {
            if !found.unmendable.is_empty() {
                refuse(file, (found.line, found.column), found.unmendable);
            }
        }
        let edits: Vec<Edit> = outcomes().flat_map(|outcome| outcome.edits.clone()).collect();
        if edits.is_empty() {
            continue;
        }
        let failed = |why: String| Failure::Findings(format!("{}: {why}", file.name));
        let edited = rewrite(file, &edits).map_err(failed)?;
        for (line, column, why) in &edited.refused {
            refuse(file, (*line, *column), why);
        }
        if edited.made > 0 {
            std::fs::write(&file.name, &edited.text).map_err(|error| failed(error.to_string()))?;
            let plural = if edited.made == 1 { "expectation" } else { "expectations" };
            session.say(&format!("{}: {} {plural} rewritten", file.name, edited.made));
            changed = true;
        }
    }
    Ok(changed)
}

fn refuse(file: &SourceFile, (line, column): (u32, u32), why: &str) {
    print::talk(format_args!("{}:{line}:{column}: not rewritten: {why}", file.name));
}
