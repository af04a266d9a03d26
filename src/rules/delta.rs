//! What is other in one rule set than in another: a reload looks only at that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::set::{Rule, RuleSet};

/// What is other in a rule set than in the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesDelta {
    /// Names of the rules that are new, gone, or say something else; shadows included.
    pub rules: BTreeSet<Arc<str>>,
    /// True when another section than `rules` says something else.
    pub sections: bool,
    /// True when what is derived of every alert, or over time, can be other all over: what alerts are
    /// counted as, how urgent they are, or what is expected to be heard of.
    pub all: bool,
}

impl RulesDelta {
    /// Compares two rule sets.
    pub fn between(old: &RuleSet, new: &RuleSet) -> Self {
        let (before, after) = (said(old), said(new));
        let others = |one: &BTreeMap<_, u64>, other: &BTreeMap<Arc<str>, u64>| {
            let differs = |(name, said): &(&Arc<str>, &u64)| other.get(*name) != Some(*said);
            one.iter().filter(differs).map(|(name, _)| Arc::clone(name)).collect::<BTreeSet<_>>()
        };
        let rules = &others(&before, &after) | &others(&after, &before);
        let expects = |set: &RuleSet| {
            let mut expecting = set.rules.iter().filter(|rule| rule.kind.absence().is_some());
            expecting.any(|rule| rules.contains(&rule.name))
        };
        let asks = |set: &RuleSet| set.asks_around() || !set.counters().is_empty();
        let all = [old, new].into_iter().any(|set| asks(set) || expects(set))
            || old.priorities.urgency != new.priorities.urgency;
        Self { rules, sections: old.sections != new.sections, all }
    }
}

fn said(set: &RuleSet) -> BTreeMap<Arc<str>, u64> {
    let all = set.rules.iter().chain(set.shadows());
    all.map(|rule: &Rule| (Arc::clone(&rule.name), rule.said)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn set(text: &str) -> RuleSet {
        let text = format!("version: 1\nnamespace: t\n{text}\n");
        load(&[SourceFile { name: "t.yaml".into(), text }]).set.unwrap()
    }

    #[test]
    fn what_is_said_counts_and_not_where() {
        let old = "rules: [{name: a, owner: x, when: 'a=\"1\"', group: {by: [b]}}, {name: b, owner: x, when: 'a=\"2\"', enrich: {category: network}}]";
        for (new, rules, sections, all) in [
            (old.to_owned(), &[][..], false, false),
            (format!("# a comment\n\n{old}"), &[], false, false),
            (old.replace("a=\"2\"", "a=\"3\""), &["t/b"], false, false),
            (old.replace("name: b", "name: c"), &["t/b", "t/c"], false, false),
            (old.replace("a=\"2\"', ", "a=\"2\"', shadow: true, "), &["t/b"], false, false),
            (format!("lifecycle: {{linger: 5s}}\n{old}"), &[], true, false),
            (format!("priorities: {{urgency: {{page: high}}}}\n{old}"), &[], true, true),
            (
                old.replace("group: {by: [b]}", "absence: {for: 5m, alertname: S}"),
                &["t/a"],
                false,
                true,
            ),
            (
                old.replace("'a=\"2\"'", "[{count: {of: alerts, at_least: 3}}]")
                    .replace("enrich: {category: network}", "group: {by: [c]}"),
                &["t/b"],
                false,
                true,
            ),
        ] {
            let delta = RulesDelta::between(&set(old), &set(&new));
            let names: Vec<&str> = delta.rules.iter().map(|name| &**name).collect();
            assert_eq!((&*names, delta.sections, delta.all), (rules, sections, all), "{new}");
            let back = RulesDelta::between(&set(&new), &set(old));
            assert_eq!(back, delta, "{new}");
        }
    }
}
