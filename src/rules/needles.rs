//! Finds texts without which a regular expression cannot match, so that rules can be filed by them.
//!
//! Never wrong, but not always useful: what is found is in every value that matches, and where
//! nothing is found, the value must be tried.

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};

use super::translate::translate;

/// Texts that one pattern may be filed under.
const NEEDLES_MAX: usize = 64;
/// Bytes of a text that are looked for; more would only cost memory.
const NEEDLE_LEN_MAX: usize = 24;
/// Characters of a set that are written out.
const CLASS_MAX: usize = 4;
/// Parts of a pattern from which texts are tried to begin.
const STARTS_MAX: usize = 16;

/// Texts of which at least one is in every value that matches.
type Needles = Vec<Vec<u8>>;

/// Returns such texts for a pattern in Go's syntax, none of them empty.
pub(super) fn needles(pattern: &str) -> Option<Needles> {
    let hir = regex_syntax::parse(&translate(pattern).ok()?).ok()?;
    let mut found = required(&hir)?;
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn required(hir: &Hir) -> Option<Needles> {
    let inside = match hir.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(required).reduce(better),
        HirKind::Alternation(branches) => {
            let all: Option<Vec<Needles>> = branches.iter().map(required).collect();
            all.map(Vec::into_iter).map(|all| all.flatten().collect()).filter(usable)
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_) => None,
    };
    let starts: Vec<Needles> = match hir.kind() {
        HirKind::Concat(parts) => {
            let from = |start| Hir::concat(parts.iter().skip(start).cloned().collect());
            (0..parts.len().min(STARTS_MAX)).filter_map(|start| beginnings(&from(start))).collect()
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Alternation(_) => beginnings(hir).into_iter().collect(),
    };
    inside.into_iter().chain(starts).reduce(better)
}

/// Returns the texts with which a match begins.
fn beginnings(hir: &Hir) -> Option<Needles> {
    let mut extractor = Extractor::new();
    extractor.limit_class(CLASS_MAX).limit_literal_len(NEEDLE_LEN_MAX).limit_total(NEEDLES_MAX);
    let found = extractor.extract(hir);
    let texts = found.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect();
    Some(texts).filter(usable)
}

fn usable(needles: &Needles) -> bool {
    let lengths = 1..=NEEDLES_MAX;
    lengths.contains(&needles.len()) && needles.iter().all(|needle| !needle.is_empty())
}

/// Returns the ones that are found in fewer values: the shortest counts, then how many there are.
fn better(one: Needles, other: Needles) -> Needles {
    let shortest = |needles: &Needles| needles.iter().map(Vec::len).min().unwrap_or(0);
    let rank = |needles: &Needles| (shortest(needles), core::cmp::Reverse(needles.len()));
    if rank(&other) > rank(&one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_must_be_in_a_value_is_found() {
        for (pattern, expected) in [
            ("db-.*", &["db-"][..]),
            (".*-db", &["-db"]),
            (".*disk.*full", &["disk"]),
            ("(Node|Disk).+", &["Disk", "Node"]),
            ("(Node|Disk)?Down[0-9]+", &["Down"]),
            ("node-(1|2)[0-9]*", &["node-1", "node-2"]),
            ("[0-9]+(,[0-9]+)+", &[","]),
            ("(?i)x.*", &["X", "x"]),
            (".*(?i:ab)[0-9]*", &["AB", "Ab", "aB", "ab"]),
            ("a{3}.*", &["aaa"]),
            ("a)|(?:b.*", &["a", "b"]),
            ("abcdefghijklmnopqrstuvwxyz.*", &["abcdefghijklmnopqrstuvwx"]),
        ] {
            let found = needles(pattern).unwrap_or_default();
            let found: Vec<_> =
                found.iter().map(|one| core::str::from_utf8(one).unwrap()).collect();
            assert_eq!(found, expected, "{pattern}");
        }
        for pattern in [".*", ".+", "[a-z]+[0-9]+", "(Node|.*)x*", "(a|b*)", r"\d{4}"] {
            assert_eq!(needles(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_value_that_matches_is_without_them(
            pattern in "([ab]|\\.\\*|\\.|\\(a\\|b\\)|\\(\\?i\\)|\\(a|\\|b\\)|[*+?]|\\{2\\}|\\[ab\\]|\\||\\\\b|\\^|\\$|é){1,8}",
            value in "[abABé]{0,8}",
        ) {
            let Ok(compiled) = Pattern::new(&pattern) else { return Ok(()) };
            let Some(needles) = needles(&pattern) else { return Ok(()) };
            let contained = needles.iter().any(|needle| {
                value.as_bytes().windows(needle.len()).any(|part| part == needle)
            });
            prop_assert!(contained || !compiled.matches(&value), "{needles:?}");
        }
    }
}
