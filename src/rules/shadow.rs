//! Rules that are never asked, because another one takes all their alerts.
//!
//! Only `group` rules: of several that match, the first takes the alert, while every `topology` rule
//! counts. Says nothing that is not certain; see `reach` for what is.

use std::collections::BTreeMap;

use super::line::Line;
use super::matcher::Matcher;
use super::reach::Reach;
use super::rule::Draft;
use super::set::Rule;
use super::source::SourceFile;
use super::subject::Field;

/// Pairs of rules that are compared in one load, some 50 ms: seven hundred rules with nothing but
/// patterns on one label are compared completely, and of more rules some are not.
const PAIRS_MAX: usize = 250_000;

/// A rule that is never asked, and the one that is asked instead, by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shadowed {
    pub(super) rule: usize,
    pub(super) by: usize,
}

/// Finds the rules that are never asked. `order` is the order in which rules are asked.
pub(super) fn find(rules: &[(&SourceFile, Draft)], order: &[usize]) -> Vec<Shadowed> {
    let mut found = Vec::new();
    let mut shelves = Shelves::default();
    let mut left = PAIRS_MAX;
    for rule in order.iter().copied() {
        let Some((_, Draft { rule: it, .. })) = rules.get(rule) else { continue };
        if it.kind.group().is_none() {
            continue;
        }
        let Some(reach) = Reach::of(it.when.matchers()) else { continue };
        let candidates = shelves.candidates(&reach);
        let covers =
            |by: &usize| rules.get(*by).is_some_and(|(_, by)| covers(&by.rule, it, &reach));
        let by = candidates.into_iter().take(left).inspect(|_| left -= 1).find(covers);
        match by {
            // Who stands in the shadow throws none: the one in front of it is named.
            Some(by) => found.push(Shadowed { rule, by }),
            None => shelves.put(rule, &it.when.matchers().collect::<Vec<_>>()),
        }
    }
    found
}

/// True when `by` certainly matches whatever `rule` does, whose `when` is `reach`.
fn covers(by: &Rule, rule: &Rule, reach: &Reach<'_>) -> bool {
    let spared = |line: &Line| {
        // What `by` leaves out, `rule` does not get either.
        let Some(line) = line.plain() else { return rule.unless.lines().contains(line) };
        let narrow = Reach::of(line.matchers().iter());
        let left_out = |other| narrow.as_ref().is_some_and(|narrow| narrow.implies_all(other));
        reach.excludes(line) || rule.unless.lines().iter().filter_map(Line::plain).any(left_out)
    };
    let asked = |line: &Line| match line.plain() {
        Some(plain) => reach.implies_all(plain),
        None => rule.when.lines().contains(line),
    };
    by.when.lines().iter().all(asked) && by.unless.lines().iter().all(spared)
}

/// Rules by what an alert must have for them to match.
#[derive(Debug, Default)]
struct Shelves<'r> {
    values: BTreeMap<&'r Field, BTreeMap<&'r str, Vec<usize>>>,
    /// Rules whose matchers list no values, by the field of the first one.
    patterns: BTreeMap<&'r Field, Vec<usize>>,
}

impl<'r> Shelves<'r> {
    fn put(&mut self, rule: usize, matchers: &[&'r Matcher]) {
        let listed = matchers.iter().find_map(|m| Some((m.field(), m.test().values()?)));
        if let Some((field, values)) = listed {
            let by_value = self.values.entry(field).or_default();
            for value in values {
                by_value.entry(value).or_default().push(rule);
            }
        } else if let Some(first) = matchers.first() {
            self.patterns.entry(first.field()).or_default().push(rule);
        }
    }

    /// Returns the rules that could cover one with this reach: those on whose shelf all its values
    /// are, so also the first.
    fn candidates(&self, reach: &Reach<'_>) -> Vec<usize> {
        let mut found = Vec::new();
        for (field, values) in reach.fields() {
            let listed = values.and_then(|values| self.values.get(field)?.get(*values.first()?));
            found.extend(listed.into_iter().chain(self.patterns.get(field)).flatten());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{SourceFile, load};

    /// Loads rules `a`, `b`, … with these fields and returns who shadows whom.
    fn shadows(rules: &[&str]) -> Vec<String> {
        let mut text = String::from("version: 1\nnamespace: n\nrules:\n");
        for (name, fields) in ["a", "b", "c"].iter().zip(rules) {
            let kind = if fields.contains("topology") { "" } else { ", group: {by: a}" };
            text.extend([format!("  - {{name: {name}, owner: x, {fields}{kind}}}\n")]);
        }
        let files = [SourceFile { name: "f".into(), text }];
        let found = load(&files).diagnostics;
        assert!(found.iter().all(|d| d.severity == crate::rules::Severity::Warning), "{found:?}");
        let found = found.into_iter().filter(|d| d.code.id == "R0208");
        found.map(|d| d.message).collect()
    }

    #[test]
    fn a_rule_whose_alerts_another_one_takes_is_named() {
        let said = |text: &str| vec![text.to_owned()];
        let b = said("rule `n/b` is never asked: `n/a` takes all its alerts");
        for (rules, expected) in [
            (&[r#"when: 'a=~"x|y"'"#, r#"when: 'a="x"'"#][..], b.clone()),
            (&[r#"when: 'a="x"'"#, r#"when: 'a="x"'"#], b.clone()),
            (&[r#"when: 'a="x"'"#, r#"when: ['b="y"', 'a="x"']"#], b.clone()),
            (&[r#"when: 'a=~"x.*"'"#, r#"when: 'a="x1"'"#], b.clone()),
            (&[r#"when: 'a!=""'"#, r#"when: 'a=~"x.*"'"#], b.clone()),
            (&[r#"when: 'a=~"x.*"'"#, r#"when: 'a=~"x.*", b="y"'"#], b.clone()),
            (&[r#"when: 'a="x"', unless: 'c="z"'"#, r#"when: 'a="x", c="y"'"#], b.clone()),
            (
                &[r#"when: 'a="x"', unless: 'c="z"'"#, r#"when: 'a="x"', unless: 'c=~"y|z"'"#],
                b.clone(),
            ),
            // A shadow is named once, by the one who throws it.
            (
                &[r#"when: 'a!=""'"#, r#"when: 'a="x"', after: c"#, r#"when: 'a="x"'"#],
                vec![b[0].clone(), "rule `n/c` is never asked: `n/a` takes all its alerts".into()],
            ),
            (
                &[r#"when: 'a="x"', after: b"#, r#"when: 'a=~"x|y"'"#],
                said("rule `n/a` is never asked: `n/b` takes all its alerts"),
            ),
            // Not, or not for certain.
            (&[r#"when: 'a="x"'"#, r#"when: 'a=~"x|y"'"#], vec![]),
            (&[r#"when: 'a="x"', unless: 'c="z"'"#, r#"when: 'a="x"'"#], vec![]),
            (
                &[r#"when: 'a="x"', unless: 'c=~"y|z"'"#, r#"when: 'a="x"', unless: 'c="z"'"#],
                vec![],
            ),
            (&[r#"when: 'a="x", b="y"'"#, r#"when: 'a="x"'"#], vec![]),
            (&[r#"when: 'a=~"x.*"'"#, r#"when: 'a=~"x1.*"'"#], vec![]),
            (&[r#"when: 'a=~"x|y"'"#, r#"when: 'a="x"', before: a"#], vec![]),
            (&[r#"when: 'a="x"'"#, r#"when: 'a="x"', topology: {follow: [powers]}"#], vec![]),
            (&[r#"when: 'a="x"', topology: {follow: [powers]}"#, r#"when: 'a="x"'"#], vec![]),
        ] {
            assert_eq!(shadows(rules), expected, "{rules:?}");
        }
    }
}
