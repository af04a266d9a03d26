//! Which matchers of rules were ever true, and ever false, for an alert that fired in a test.
//!
//! Evaluates the rules a second time, beside the engine, which pays nothing for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::diagnostics::Span;
use crate::rules::{RuleSet, Subject};

/// What was seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By the place of the rule in the set, then by its matchers in the order of their lines.
    rules: BTreeMap<usize, Vec<Seen>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    held: bool,
    failed: bool,
}

/// A matcher that was not put to the test, or only half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The rule's name.
    pub rule: Arc<str>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// Where its line of matchers stands in the file.
    pub span: Span,
    /// The list it stands in: `when`, `unless`, or one of the rule's kind.
    pub list: &'static str,
    /// The matcher.
    pub matcher: String,
    /// True when it never held.
    pub never_true: bool,
    /// True when it never failed.
    pub never_false: bool,
}

impl Coverage {
    /// Lets every rule judge an alert that fires.
    pub fn see(&mut self, rules: &RuleSet, subject: &Subject<'_>) {
        for (at, rule) in rules.rules.iter().enumerate() {
            let seen = self.rules.entry(at).or_default();
            if !seen.is_empty() && seen.iter().all(|it| it.held && it.failed) {
                continue;
            }
            let lists = rule.conditions();
            let lines = lists.iter().flat_map(|(_, list)| list.placed());
            let verdicts = lines.flat_map(|(_, line)| line.verdicts(subject));
            for (n, verdict) in verdicts.enumerate() {
                if n == seen.len() {
                    seen.push(Seen::default());
                }
                if let Some(seen) = seen.get_mut(n) {
                    seen.held |= verdict.holds;
                    seen.failed |= !verdict.holds;
                }
            }
        }
    }

    /// Returns how many verdicts, two for each matcher, were seen, and how many there are.
    pub fn count(&self, rules: &RuleSet) -> (usize, usize) {
        let gaps = self.gaps(rules);
        let unseen: usize =
            gaps.iter().map(|it| usize::from(it.never_true) + usize::from(it.never_false)).sum();
        let all = 2 * rules.rules.iter().map(matchers).sum::<usize>();
        (all - unseen, all)
    }

    /// Lists what was not put to the test, in the order of the files.
    pub fn gaps(&self, rules: &RuleSet) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (at, rule) in rules.rules.iter().enumerate() {
            let mut seen = self.rules.get(&at).into_iter().flatten();
            for (list, lines) in rule.conditions() {
                for (span, line) in lines.placed() {
                    for matcher in line.leaves() {
                        let Seen { held, failed } = seen.next().copied().unwrap_or_default();
                        if held && failed {
                            continue;
                        }
                        gaps.push(Gap {
                            rule: Arc::clone(&rule.name),
                            file: Arc::clone(&rule.place.file),
                            span,
                            list,
                            matcher,
                            never_true: !held,
                            never_false: !failed,
                        });
                    }
                }
            }
        }
        gaps.sort_by(|a, b| (&a.file, a.span).cmp(&(&b.file, b.span)));
        gaps
    }
}

fn matchers(rule: &crate::rules::Rule) -> usize {
    let lists = rule.conditions();
    lists.iter().flat_map(|(_, list)| list.placed()).map(|(_, line)| line.leaves().len()).sum()
}
