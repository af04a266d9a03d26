//! What is wrong with rule files, where, and how to mend it.
//!
//! It knows no rule; `lines` finds the places, `render` and `sarif` write diagnostics for people,
//! editors and machines.

use std::collections::BTreeMap;

use super::codes::Code;
use super::lines::Lines;
use super::source::SourceFile;

/// A stretch of a text in bytes, half-open; both ends may lie anywhere, [`Span::of`] is total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns the stretch of `text`; empty where it does not lie within it.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// Returns the stretch of `len` bytes from `offset` within this one.
    #[must_use]
    pub fn part(self, offset: usize, len: usize) -> Self {
        let start = (self.start + offset).min(self.end);
        Self { start, end: (start + len).min(self.end) }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// The rules can be used, and somebody should look.
    Warning,
}

impl Severity {
    /// Returns its name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The stretch of the file it is about.
    pub span: Span,
    /// What was found, in one line.
    pub message: String,
    /// What was expected; stands beside the stretch. May be empty.
    pub label: String,
    /// How to mend it, in words. May be empty.
    pub help: String,
    /// The change that mends it, where one is known.
    pub fix: Option<Fix>,
    /// The other place, when two conflict.
    pub related: Option<Related>,
}

/// A change of the file a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The stretch that goes.
    pub span: Span,
    /// What comes in its place.
    pub replacement: String,
}

/// Another place that has to do with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The stretch.
    pub span: Span,
    /// What is there.
    pub label: String,
}

impl Diagnostic {
    /// Makes an error about a stretch of a file. It has no line and column until [`place`] is asked
    /// for those of all findings at once.
    pub(super) fn error(
        code: Code,
        file: &SourceFile,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            file: file.name.clone(),
            line: 0,
            column: 0,
            span,
            message: message.into(),
            label: String::new(),
            help: String::new(),
            fix: None,
            related: None,
        }
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Says what was expected.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Says which change mends it.
    #[must_use]
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// Names the other place.
    #[must_use]
    pub(super) fn related(
        mut self,
        file: &SourceFile,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        let file = file.name.clone();
        self.related = Some(Related { file, line: 0, column: 0, span, label: label.into() });
        self
    }
}

/// Gives all findings their lines and columns; reads each file once.
pub(super) fn place(diagnostics: &mut [Diagnostic], files: &[&SourceFile]) {
    let texts: BTreeMap<&str, &str> = files.iter().map(|f| (&*f.name, &*f.text)).collect();
    let mut known: BTreeMap<&str, Lines<'_>> = BTreeMap::new();
    let mut find = |name: &str, span: Span| {
        let Some((name, text)) = texts.get_key_value(name) else { return (1, 1) };
        known.entry(name).or_insert_with(|| Lines::of(text)).position(span.start)
    };
    for found in diagnostics {
        (found.line, found.column) = find(&found.file, found.span);
        if let Some(other) = &mut found.related {
            (other.line, other.column) = find(&other.file, other.span);
        }
    }
}

/// Returns the known name that differs least from what was given, if it differs little.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = given.chars().count().div_ceil(3).min(3);
    // A name that is longer or shorter by more characters differs by more; bytes tell that much.
    let is_like = |name: &&str| name.len().abs_diff(given.len()) <= limit * char::MAX_LEN_UTF8;
    known
        .into_iter()
        .filter(is_like)
        .map(|name| (edits(given, name), name))
        .filter(|(edits, _)| (1..=limit).contains(edits))
        .min()
        .map(|(_, name)| name)
}

/// Longest name that is compared, in characters; the work is its square.
pub(super) const NAME_LEN_MAX: usize = 64;

/// Counts the insertions, deletions, changes and swaps of neighbours that lead from `a` to `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(NAME_LEN_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut above = None;
    for (i, x) in a.chars().take(NAME_LEN_MAX).enumerate() {
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, y) in b.iter().copied().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let change = at(&last, j) + usize::from(x != y);
            let mut best = change.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if above == Some(y) && left == Some(x) && j > 0 {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
            left = Some(y);
        }
        above = Some(x);
        before = core::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let known = ["when", "unless", "summary", "follow", "max_hops"];
        for (given, name) in [
            ("wehn", Some("when")),
            ("folow", Some("follow")),
            ("maxhops", Some("max_hops")),
            ("sumary", Some("summary")),
            ("when", None),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), name, "{given}");
        }
    }
}
