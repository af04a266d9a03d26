//! What is wrong with a CMDB, said so that it can be put right.
//!
//! | code | what |
//! |---|---|
//! | C001 | the text is no YAML or JSON, or has another shape than a CMDB |
//! | C002 | warning: CIs suffer from each other in a circle, through one relation type |
//! | C003 | a CI, an attribute or a relation type is given twice |
//! | C004 | warning: CIs lose their last source of power or their last host |
//! | C005 | a relation names an unknown type |
//! | C006 | a relation names an unknown CI |
//! | C007 | a relation leads from a CI to itself |
//! | C008 | the text of a relation cannot be read |
//! | C009 | a limit is passed |
//! | C010 | a relation type is declared wrongly |
//! | C011 | a field is missing, unknown or of another kind |
//! | C012 | warning: a CI has no relation |
//! | C013 | warning: a service has no owner or no tier |
//! | C014 | warning: names differ only in upper and lower case |
//! | C015 | warning: several CIs are recognised by the same values, so alerts bind to none of them |
//! | C016 | a name holds a control character |
//! | C020 | the header of a table cannot be used |
//! | C021 | a record of a table cannot be read |
//! | C022 | an object of Kubernetes cannot be read |
//! | C023 | a cluster's name cannot be used, or no file is Kubernetes' |
//! | C030 | what a relation says of its source, validity or age is wrong |
//! | C031 | an attribute that means something has a value that means nothing |
//! | C032 | warning: a CI needs of a relation type more than it has, or has none of it |
//! | C033 | warning: a CI has hours that no calendar of the rules is named like |
//! | C034 | warning: a relation that came by topic waits for a CI or for its type |
//! | C035 | warning: a service names users whom the rules do not reach |
//!
//! Errors refuse a CMDB as a whole; warnings are found by `lint` in one that is in order.

use core::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The CMDB is refused.
    Error,
    /// The CMDB can be used; somebody should look.
    Warning,
}

impl Level {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding in a CMDB; text comes from outside, so nothing here is trusted or repeated in full.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as it was named to us; empty for a topology that comes from no file.
    pub file: String,
    /// Line from 1; 0 when it is not known.
    pub line: u32,
    /// Column from 1; 0 when it is not known.
    pub column: u32,
    /// See the table in this module's header.
    pub code: &'static str,
    /// The CI, relation or field in question.
    pub item: String,
    /// What was found and what was expected.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

/// Problems of one import that are told: nobody reads more, and a large file that is wrong in every
/// line would take many times its size.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// Puts problems in order and says where there would be more of them than are told.
pub(super) fn told(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    if problems.len() > PROBLEMS_MAX {
        problems.truncate(PROBLEMS_MAX);
        let message = format!("more than {PROBLEMS_MAX} things are wrong; these are the first");
        let help = "correct them and try again".into();
        problems.push(Problem::new(Place::default(), "C009", "problems", message).help(help));
    }
    problems
}

/// Where something was written; both are 0 when that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Problem {
    /// Reports `message` on `item`, without a file and without help.
    pub(super) fn new(place: Place, code: &'static str, item: &str, message: String) -> Self {
        let Place { line, column } = place;
        let item = shorten(item);
        let (file, help) = (String::new(), String::new());
        Self { file, line, column, code, item, message, help }
    }

    /// Says how bad it is, which follows from its code.
    pub fn level(&self) -> Level {
        match self.code {
            "C002" | "C004" | "C012" | "C013" | "C014" | "C015" | "C032" | "C033" | "C034"
            | "C035" => Level::Warning,
            _ => Level::Error,
        }
    }

    /// Adds what to do.
    pub(super) fn help(self, help: String) -> Self {
        Self { help, ..self }
    }
}

/// Writes `shop.yaml:4:7: error[C006]: …`, without the parts that are not known.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
        }
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.file.is_empty() || self.line > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{}[{}]: {}", self.level().word(), self.code, self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

/// Returns the beginning of a text from outside, short enough for a message.
pub(super) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Finds the candidate most like `wanted`, the first of equals; none when nothing is alike.
pub(super) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.chars().take(128).collect();
    let mut limit = (wanted.len() / 3).clamp(1, 3);
    let mut best = None;
    for candidate in candidates {
        if candidate.len().abs_diff(wanted.len()) > limit * 4 {
            continue;
        }
        let distance = edits(&wanted, candidate);
        if distance < limit || (distance == limit && best.is_none()) {
            (limit, best) = (distance, Some(candidate));
        }
    }
    best
}

/// Counts the insertions, deletions and replacements that turn `a` into `b` (Levenshtein).
fn edits(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (ca, cell) in a.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(*ca != cb);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_with_fewest_edits() {
        let names = ["powers", "powered_by", "hosts", "runs"];
        for (wanted, found) in [
            ("power", Some("powers")),
            ("powerd_by", Some("powered_by")),
            ("host", Some("hosts")),
            ("rusn", None),
            ("run", Some("runs")),
            ("connects", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, names.into_iter()), found, "{wanted}");
        }
    }

    #[test]
    fn a_problem_names_only_what_it_knows() {
        let place = Place { line: 4, column: 7 };
        let mut problem = Problem::new(place, "C006", "vm", "no CI `vm`".into());
        assert_eq!(problem.to_string(), "4:7: error[C006]: no CI `vm`");
        problem = problem.help("did you mean `vm-1`?".into());
        problem.file = "a.yaml".into();
        assert_eq!(
            problem.to_string(),
            "a.yaml:4:7: error[C006]: no CI `vm`; did you mean `vm-1`?"
        );
        (problem.line, problem.help) = (0, String::new());
        assert_eq!(problem.to_string(), "a.yaml: error[C006]: no CI `vm`");
    }
}
