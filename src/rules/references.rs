//! What sections have to do with each other beyond that every name must be defined: teams that pass
//! incidents on in a circle, policies that nobody uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::codes;
use super::diagnostics::Diagnostic;
use super::policies;
use super::reader::{Noun, Reader};
use super::sections::Team;
use super::set::Rule;
use crate::model::escalation::Policy;

/// Notes circles of next lines: an incident that nobody answers would come round for ever, and never
/// reach anybody new.
pub(super) fn check(reader: &mut Reader<'_>, teams: &BTreeMap<Box<str>, Team>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for name in teams.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut next = Some(&**name);
        while let Some(team) = next.filter(|team| seen.insert(team)) {
            path.push(team);
            next = teams.get(team).and_then(|team| team.next.as_deref());
        }
        // What was seen from another team was told there.
        let Some(back) = next.and_then(|team| path.iter().position(|it| *it == team)) else {
            continue;
        };
        let circle = path.split_off(back);
        let (Some(first), Some(last)) = (circle.first(), circle.last()) else { continue };
        let Some(spot) = reader.defined_at(Noun::Team, last) else { continue };
        let message = format!("team `{last}` passes incidents back to `{first}`");
        let problem = Diagnostic::error(codes::CIRCLE, spot.file, spot.span, message)
            .label(format!("{} -> {first}", circle.join(" -> ")))
            .help("leave `next` out at the last line");
        reader.diagnostics.push(problem);
    }
}

/// Notes policies that no rule names.
pub(super) fn warn<'r>(
    reader: &mut Reader<'_>,
    rules: impl Iterator<Item = &'r Rule>,
    known: &BTreeMap<Box<str>, Arc<Policy>>,
) {
    let used: BTreeSet<&str> = rules.filter_map(|rule| rule.incident.policy.as_deref()).collect();
    for name in known.keys().filter(|name| &***name != policies::DEFAULT) {
        let Some(spot) = reader.defined_at(Noun::Policy, name) else { continue };
        if used.contains(&**name) {
            continue;
        }
        let message = format!("policy `{name}` is used by no rule");
        let problem = Diagnostic::error(codes::UNUSED_POLICY, spot.file, spot.span, message)
            .help(format!("name it in a rule, `incident: {{policy: {name}}}`, or take it out"));
        reader.diagnostics.push(problem.warning());
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{SourceFile, load};

    fn told(text: &str) -> Vec<(&'static str, String)> {
        let text = format!("version: 1\ncontacts: {{anna: {{channels: log}}}}\n{text}\n");
        let found = load(&[SourceFile { name: "f.yaml".into(), text }]).diagnostics;
        found.into_iter().map(|d| (d.code.id, format!("{} {}", d.message, d.label))).collect()
    }

    #[test]
    fn a_circle_of_next_lines_is_told_once_with_its_way() {
        let team = |name: &str, next: &str| format!("{name}: {{members: anna, next: {next}}}");
        let last = |name: &str| format!("{name}: {{members: anna}}");
        let teams = |teams: &[String]| format!("teams: {{{}}}", teams.join(", "));
        for (text, expected) in [
            (teams(&[team("a", "b"), team("b", "c"), last("c")]), &[][..]),
            (teams(&[team("a", "c"), team("b", "c"), last("c")]), &[]),
            (
                teams(&[team("a", "b"), team("b", "c"), team("c", "b"), team("d", "a")]),
                &["team `c` passes incidents back to `b` b -> c -> b"],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(|it| ("R0212", (*it).to_owned())).collect();
            assert_eq!(told(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_policy_that_no_rule_names_is_warned_of() {
        let policy = "functional: [{after: 0s, notify: assigned}]";
        let rule = "namespace: n\nrules: [{name: r, owner: o, when: 'a=\"b\"', group: {by: a}, \
                    incident: {policy: fast}}]\ntests: [{name: t, expect: \
                    [{at: 0s, incidents_include: [{rule: n/r}]}]}]\n";
        for (text, warned) in [
            (format!("policies: {{fast: {{{policy}}}}}"), true),
            (format!("{rule}policies: {{fast: {{{policy}}}}}"), false),
            (format!("policies: {{default: {{{policy}}}}}"), false),
        ] {
            let expected = ("R0309", "policy `fast` is used by no rule ".to_owned());
            assert_eq!(told(&text), if warned { vec![expected] } else { Vec::new() }, "{text}");
        }
    }
}
