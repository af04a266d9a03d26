//! What was probably meant by a name that is not known.
//!
//! Comparing costs the number of names on both sides; a file of nothing but unknown names must not
//! take minutes to be refused, so the comparisons of one load are counted.

use super::diagnostics::{Diagnostic, NAME_LEN_MAX, Span, nearest};
use super::source::SourceFile;

/// Pairs of characters compared in one load, some 20 ms: fifty misspelt names of ten among a
/// thousand others. What is misspelt beyond that is named without a guess.
const PAIRS_MAX: usize = 5_000_000;

/// Finds similar names, as long as it does not take too much.
#[derive(Debug)]
pub(super) struct Suggestions {
    left: usize,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { left: PAIRS_MAX }
    }
}

impl Suggestions {
    /// Returns the known name that differs least from what was given, if it differs little.
    pub(super) fn nearest<'a>(
        &mut self,
        given: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<&'a str> {
        let len = |name: &str| name.len().min(NAME_LEN_MAX);
        let pairs = known.clone().map(|name| len(name) * len(given)).sum();
        self.left = self.left.checked_sub(pairs)?;
        nearest(given, known)
    }
}

/// Says of a name that stands where the problem is which other one was probably meant.
pub(super) fn meant(problem: Diagnostic, file: &SourceFile, given: &str, near: &str) -> Diagnostic {
    let at = find(file, problem.span, given, near);
    let problem = problem.help(format!("did you mean `{near}`?"));
    match at {
        Some((span, replacement)) => problem.fix(span, replacement),
        None => problem,
    }
}

/// Finds what has to be changed in a scalar for `near` to stand where `given` does. A rule's name may
/// be written without its namespace.
fn find<'n>(
    file: &SourceFile,
    scalar: Span,
    given: &str,
    near: &'n str,
) -> Option<(Span, &'n str)> {
    let written = scalar.of(&file.text);
    let once = |name: &str| {
        let mut found = written.match_indices(name).map(|(at, _)| at);
        let at = found.next().filter(|_| !name.is_empty())?;
        found.next().is_none().then(|| scalar.part(at, name.len()))
    };
    if let Some(span) = once(given) {
        return Some((span, near));
    }
    let (namespace, name) = given.rsplit_once('/')?;
    let local = near.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/'));
    Some((once(name)?, local.unwrap_or(near)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_scalar_that_is_wrong_is_found() {
        for (written, given, near, expected) in [
            ("platfrom", "platfrom", "platform", Some(("platfrom", "platform"))),
            ("'team:shpo'", "shpo", "shop", Some(("shpo", "shop"))),
            ("strock", "shop/strock", "shop/stock", Some(("strock", "stock"))),
            ("strock", "shop/strock", "ship/stock", Some(("strock", "ship/stock"))),
            // In which of two places it is wrong is not known, nor what an escape stands for.
            ("'a:a'", "a", "b", None),
            ("\"\\x61b\"", "ab", "abc", None),
        ] {
            let file = SourceFile { name: String::new(), text: written.into() };
            let span = Span { start: 0, end: written.len() };
            let found = find(&file, span, given, near);
            let found = found.map(|(span, replacement)| (span.of(written), replacement));
            assert_eq!(found, expected, "{written}");
        }
    }

    #[test]
    fn a_file_of_unknown_names_gets_guesses_for_some_of_them() {
        let mut suggestions = Suggestions::default();
        let known = ["when"; 1_000];
        let mut guess = || suggestions.nearest("wehn", known.into_iter());
        for _ in 0..PAIRS_MAX / (known.len() * 16) {
            assert_eq!(guess(), Some("when"));
        }
        assert_eq!(guess(), None);
    }
}
