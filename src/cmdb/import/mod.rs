//! From the text of a CMDB file to checked rows.
//!
//! `files` takes one or more files in any form: ours (here), CSV (`csv`), Kubernetes' objects
//! (`kubernetes`). A further form is a file of its own that makes a draft, and a line in
//! `files::Format`. Ours has two spellings of its CIs: a mapping of names, or a list of objects with
//! an `id` (what other tools export); `record` reads one CI or one relation. CIs are read one by one, so that a large file is never held as
//! a tree. All problems are found before any is reported.

pub(super) mod csv;
mod files;
mod fixture;
mod kubernetes;
mod node;
mod record;
mod sections;

use core::marker::PhantomData;

use serde::Deserializer;
use serde_saphyr::DuplicateKeyPolicy;

use super::check::Draft;
use super::merge;
use super::places::Places;
use super::problem::{Place, Problem, shorten};
use super::rows::Rows;
use super::topology::Topology;
use crate::model::time::Timestamp;
pub use files::{File, Format, Mode, Request, SOURCE, import, read_any};
pub(super) use files::{filled_in, source_of};
pub use fixture::Fixture;
use node::Json;
pub use record::read_record;
use sections::Sections;

/// JSON up to this size is read a second time, slowly, to say where its problems are.
const PLACED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The code of a text that cannot be read at all.
const SYNTAX: &str = "C001";

/// Reads a CMDB file, YAML or JSON by its content; `file` is its name in the problems.
///
/// JSON is read some three times faster than YAML: use it for more than a hundred thousand CIs.
///
/// # Errors
/// Everything that is wrong with it, in order of the places; JSON beyond 16 MiB without places.
pub fn read(text: &str, file: &str) -> Result<Rows, Vec<Problem>> {
    read_by(text, file, &|draft| check(draft).and_then(some_ci))
}

/// Reads a file of changes and returns `base` with them; `file` is its name in the problems.
///
/// A CI in the file is added, or gets the class, attributes and labels that are given and keeps the
/// others; relations and relation types are added. Nothing is taken away but what stands under
/// `remove: {cis: […], relations: […]}`: a CI with its relations. What is not there any more is
/// removed already. Relations in the file that do not tell when their source last said so are
/// confirmed `now`.
///
/// # Errors
/// As [`read`]; a file without any change is one.
pub fn read_changes(
    text: &str,
    file: &str,
    base: &Topology,
    now: Timestamp,
) -> Result<Rows, Vec<Problem>> {
    read_by(text, file, &|draft| merge::merge(base, draft, now))
}

/// Reads a file as [`read`] does and tells where everything was written; in any form this takes the
/// time of YAML.
///
/// # Errors
/// As [`read`].
pub fn read_placed(text: &str, file: &str) -> Result<(Rows, Places), Vec<Problem>> {
    let placed = |draft: Draft| {
        let places = Places::of(&draft);
        Ok((check(draft).and_then(some_ci)?, places))
    };
    read_yaml(text, &placed).map_err(|problems| in_file(problems, file))
}

/// Reads a text in either form and lets `finish` check it.
fn read_by<T>(text: &str, file: &str, finish: Finish<'_, T>) -> Result<T, Vec<Problem>> {
    let json = text.trim_start().starts_with('{').then(|| read_json(text, finish));
    let read = match json {
        Some(Ok(rows)) => Ok(rows),
        Some(Err(problems)) if text.len() > PLACED_BYTES_MAX => Err(problems),
        // Flow-style YAML begins like JSON.
        Some(Err(problems)) if problems.iter().any(|problem| problem.code == SYNTAX) => {
            read_yaml(text, finish)
        }
        // Only the YAML reader knows places.
        Some(Err(problems)) => Err(read_yaml(text, finish).err().unwrap_or(problems)),
        None => read_yaml(text, finish),
    };
    read.map_err(|problems| in_file(problems, file))
}

/// What is done with a text that could be read.
type Finish<'a, T> = &'a dyn Fn(Draft) -> Result<T, Vec<Problem>>;

fn in_file(mut problems: Vec<Problem>, file: &str) -> Vec<Problem> {
    for problem in &mut problems {
        problem.file = file.into();
    }
    problems
}

/// Refuses a file without CIs: nobody means to lose a whole CMDB.
fn some_ci(rows: Rows) -> Result<Rows, Vec<Problem>> {
    if !rows.cis.is_empty() {
        return Ok(rows);
    }
    let message = "the file holds no CI".into();
    let help = "write them as `cis: {name: {class: …}}`".into();
    Err(vec![Problem::new(Place::default(), "C011", "cis", message).help(help)])
}

/// Checks what a rule file holds as the CMDB of a test; the problems name no file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn rows(fixture: &Fixture) -> Result<Rows, Vec<Problem>> {
    check(fixture.draft())
}

fn check(draft: Draft) -> Result<Rows, Vec<Problem>> {
    draft.check().map(|(_, rows)| rows)
}

fn read_json<T>(text: &str, finish: Finish<'_, T>) -> Result<T, Vec<Problem>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let sections = deserializer.deserialize_any(Sections::<Json>(PhantomData));
    let fixture = sections.and_then(|fixture| deserializer.end().map(|()| fixture));
    finish(fixture.map_err(|error| vec![json_syntax(&error)])?.draft())
}

fn json_syntax(error: &serde_json::Error) -> Problem {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let place = Place { line: small(error.line()), column: small(error.column()) };
    let placed = format!(" at line {} column {}", place.line, place.column);
    syntax(place, &error.to_string(), &placed)
}

/// Reports a text that cannot be read; `placed` is how the parser writes the place.
fn syntax(place: Place, message: &str, placed: &str) -> Problem {
    let message = message.strip_suffix(placed).unwrap_or(message);
    let help = "a CMDB is one YAML document or one JSON object with `cis` and `relations`".into();
    Problem::new(place, SYNTAX, "", message.into()).help(help)
}

fn read_yaml<T>(text: &str, finish: Finish<'_, T>) -> Result<T, Vec<Problem>> {
    match parse_yaml(text, DuplicateKeyPolicy::Error) {
        Ok(fixture) => finish(fixture.respelled(text).draft()),
        Err(problem) => {
            // The parser stops at the first key that is given twice: look for the other problems.
            let Ok(fixture) = parse_yaml(text, DuplicateKeyPolicy::LastWins) else {
                return Err(vec![problem]);
            };
            let mut problems = finish(fixture.draft()).err().unwrap_or_default();
            let place = |problem: &Problem| (problem.line, problem.column);
            if !problems.iter().any(|other| place(other) == place(&problem)) {
                problems.push(problem);
                problems.sort();
            }
            Err(problems)
        }
    }
}

fn parse_yaml(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Fixture, Problem> {
    // A value needs at least a byte, so only aliases can pass the bound on nodes: they are for
    // sharing an attribute or two, not for multiplying a CMDB.
    let budget = serde_saphyr::budget! {
        max_events: text.len().saturating_mul(2).saturating_add(1000),
        max_nodes: text.len().saturating_add(1000),
        max_depth: 16,
        max_documents: 1,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        duplicate_keys: duplicate_keys,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|location| node::place(&location)).unwrap_or_default();
        let error = error.without_snippet();
        if let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error {
            let key = key.as_deref().unwrap_or("a key");
            return Problem::new(place, "C003", key, format!("`{}` is given twice", shorten(key)));
        }
        let placed = format!(" at line {}, column {}", place.line, place.column);
        syntax(place, &error.to_string(), &placed)
    })
}

#[cfg(test)]
mod tests;
