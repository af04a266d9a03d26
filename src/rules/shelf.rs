//! The rules filed under one field: by its value, by texts in its value, or by its presence.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::handles::By;
use super::index::Map;

/// The rules filed under one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    by_value: Map<Vec<usize>>,
    by_part: Option<Parts>,
    /// Rules that could match whatever the value is, if there is one.
    any_value: Vec<usize>,
}

/// Rules filed by texts: all texts are looked for in one pass over the value.
#[derive(Clone, Debug)]
struct Parts {
    finder: AhoCorasick,
    /// By the number of the text.
    rules: Vec<Vec<usize>>,
}

impl Shelf {
    /// Adds the rules that could match a value; one can be added more than once.
    pub(super) fn find(&self, value: &str, found: &mut Vec<usize>) {
        found.extend(&self.any_value);
        found.extend(self.by_value.get(value).into_iter().flatten());
        if let Some(parts) = &self.by_part {
            for hit in parts.finder.find_overlapping_iter(value) {
                found.extend(parts.rules.get(hit.pattern().as_usize()).into_iter().flatten());
            }
        }
    }
}

/// A shelf that is being filled.
#[derive(Debug, Default)]
pub(super) struct Draft {
    shelf: Shelf,
    parts: BTreeMap<Vec<u8>, Vec<usize>>,
}

impl Draft {
    /// Files a rule.
    pub(super) fn put(&mut self, rule: usize, by: &By<'_>) {
        match by {
            By::Values(values) => {
                for value in values {
                    self.shelf.by_value.entry((*value).into()).or_default().push(rule);
                }
            }
            By::Parts(parts) => {
                for part in parts {
                    self.parts.entry(part.clone()).or_default().push(rule);
                }
            }
            By::Presence => self.shelf.any_value.push(rule),
        }
    }

    /// Makes the shelf that is searched.
    pub(super) fn finish(self) -> Shelf {
        let Self { mut shelf, parts } = self;
        if parts.is_empty() {
            return shelf;
        }
        match AhoCorasick::new(parts.keys()) {
            Ok(finder) => {
                shelf.by_part = Some(Parts { finder, rules: parts.into_values().collect() });
            }
            // More texts than it can number: their rules are tried on every value.
            Err(_) => shelf.any_value.extend(parts.into_values().flatten()),
        }
        shelf
    }
}
