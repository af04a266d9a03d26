//! Finds the rules that could match an alert without looking at the others.
//!
//! Each rule is filed under one of its matchers: the values that one lets pass, if they can be
//! listed, else the mere presence of its field. An alert looks up each of its labels and each of
//! its CI's attributes once. Never decides that a rule does match.

use core::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::condition::Conditions;
use super::subject::{Field, Subject};

/// A map that is only asked for its keys, so its order shows nowhere. The keys come from rule
/// files, so nobody can choose them to collide.
type Map<V> = HashMap<Box<str>, V, FixedState>;

/// Rule numbers, filed by what an alert must have for the rule to match.
#[derive(Clone, Debug, Default)]
pub struct Index {
    labels: Map<Shelf>,
    attributes: Map<Shelf>,
    /// Rules that could match whatever an alert has.
    always: Vec<usize>,
}

/// The rules filed under one field.
#[derive(Clone, Debug, Default)]
struct Shelf {
    by_value: Map<Vec<usize>>,
    /// Rules that could match whatever the value is, if there is one.
    any_value: Vec<usize>,
}

impl Index {
    /// Files the rules with these conditions under their numbers, counted from 0 in the order given.
    /// All conditions of a rule must hold for it to match.
    pub fn build<'a>(rules: impl IntoIterator<Item = &'a Conditions>) -> Self {
        let rules: Vec<Vec<Handle<'_>>> = rules.into_iter().map(handles).collect();
        let popularity = Popularity::count(&rules);
        let mut index = Self::default();
        for (rule, handles) in rules.into_iter().enumerate() {
            match handles.into_iter().min_by_key(|handle| popularity.rank(handle)) {
                Some(handle) => index.put(rule, &handle),
                None => index.always.push(rule),
            }
        }
        index
    }

    fn put(&mut self, rule: usize, handle: &Handle<'_>) {
        let place = match handle.field {
            Field::Label(name) => self.labels.entry(name.clone()).or_default(),
            Field::Ci(name) => self.attributes.entry(name.clone()).or_default(),
        };
        match &handle.values {
            None => place.any_value.push(rule),
            Some(values) => {
                for value in values {
                    place.by_value.entry((*value).into()).or_default().push(rule);
                }
            }
        }
    }

    /// Returns the numbers of the rules that could match, ascending, each once. Every rule that does
    /// match is among them.
    pub fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.always.clone();
        gather(&self.labels, subject.all_labels(), &mut found);
        if !self.attributes.is_empty() {
            gather(&self.attributes, subject.all_attributes(), &mut found);
        }
        found.sort_unstable();
        found
    }
}

/// Adds the rules filed under any of the pairs. A rule has one field and a field one value, so none
/// is added twice.
fn gather<'a>(
    shelves: &Map<Shelf>,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    found: &mut Vec<usize>,
) {
    for (name, value) in pairs {
        if let Some(shelf) = shelves.get(name) {
            found.extend(&shelf.any_value);
            found.extend(shelf.by_value.get(value).into_iter().flatten());
        }
    }
}

/// A matcher by which a rule can be filed: it refuses the empty value, so its field must be there.
struct Handle<'a> {
    field: &'a Field,
    /// The values it lets pass, if they can be listed.
    values: Option<Vec<&'a str>>,
}

fn handles(conditions: &Conditions) -> Vec<Handle<'_>> {
    let refuses_nothing = conditions.matchers().filter(|matcher| !matcher.test().passes(""));
    refuses_nothing
        .map(|matcher| Handle { field: matcher.field(), values: matcher.test().values() })
        .collect()
}

/// How many rules could be filed under each value of each field.
struct Popularity<'a>(BTreeMap<&'a Field, BTreeMap<&'a str, usize>>);

impl<'a> Popularity<'a> {
    fn count(rules: &[Vec<Handle<'a>>]) -> Self {
        let mut counts: BTreeMap<&Field, BTreeMap<&str, usize>> = BTreeMap::new();
        for handle in rules.iter().flatten() {
            for value in handle.values.iter().flatten() {
                *counts.entry(handle.field).or_default().entry(value).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// Orders handles from the best: a value that few rules share, of a field of which rules know
    /// many values (an alert's name tells more than its severity). Mere presence comes last.
    fn rank(&self, handle: &Handle<'_>) -> (usize, Reverse<usize>) {
        let Some((counts, values)) = self.0.get(handle.field).zip(handle.values.as_ref()) else {
            return (usize::MAX, Reverse(0));
        };
        let shared = values.iter().filter_map(|value| counts.get(value)).max();
        (shared.copied().unwrap_or(0), Reverse(counts.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Condition;
    use super::super::parser::parse;
    use super::super::subject::tests::pdu;
    use super::*;
    use crate::model::labels::Labels;
    use proptest::prelude::*;

    fn rule(line: &str) -> Conditions {
        Conditions::new(vec![Condition::new(parse(line).unwrap())])
    }

    fn candidates(rules: &[Conditions], pairs: &[(&str, &str)], severity: &str) -> Vec<usize> {
        let labels = Labels::build(&mut pairs.to_vec()).unwrap();
        Index::build(rules).candidates(&Subject::new(&labels, severity, None))
    }

    #[test]
    fn an_alert_meets_only_rules_that_ask_for_what_it_has() {
        let rules = [
            rule("a=1"),
            rule("a=~\"2|1\""),
            rule("a=~\"1|\""),
            rule("a=~\"1.*\""),
            rule("a!=2"),
            rule("a!=\"\""),
            rule(""),
            rule("severity=critical"),
            rule("ci.class=pdu"),
        ];
        assert_eq!(candidates(&rules, &[("a", "1")], ""), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(candidates(&rules, &[("a", "2")], ""), [1, 2, 3, 4, 5, 6]);
        assert_eq!(candidates(&rules, &[("b", "1")], "critical"), [2, 4, 6, 7]);
        assert_eq!(candidates(&rules, &[("severity", "critical")], "minor"), [2, 4, 6]);
    }

    #[test]
    fn a_thousand_rules_for_other_alerts_are_not_looked_at() {
        // Every rule asks for the severity first and for nothing rarer than its alert's name.
        let rules: Vec<_> = (0..1000)
            .map(|n| {
                rule(&format!("severity=critical, team!=\"\", alertname=~\"Down{n}|Slow{n}\""))
            })
            .collect();
        let pairs = [("alertname", "Slow7"), ("team", "x")];
        assert_eq!(candidates(&rules, &pairs, "critical"), [7]);
        assert_eq!(candidates(&rules, &pairs[1..], "critical"), [0; 0]);
    }

    #[test]
    fn of_two_values_equally_rare_the_one_of_the_more_telling_field_counts() {
        let rules = [
            rule("severity=critical, alertname=A"),
            rule("severity=minor, alertname=B"),
            rule("alertname=C"),
        ];
        assert_eq!(candidates(&rules, &[("alertname", "Z")], "critical"), [0; 0]);
    }

    #[test]
    fn a_value_that_few_rules_share_counts_more_than_a_field_with_many_values() {
        let rules = ["a=1", "a=1", "a=2", "a=3", "a=1, b=1"].map(rule);
        assert_eq!(candidates(&rules, &[("a", "1")], ""), [0, 1]);
    }

    const NAMES: [&str; 6] = ["a", "b", "ci", "severity", "ci.class", "ci.rack"];
    const VALUES: [&str; 5] = ["", "x", "y", "pdu", "pdu-1"];

    fn any_rule() -> impl Strategy<Value = Conditions> {
        let operand = prop_oneof![
            prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
            prop::sample::subsequence(&VALUES[..], 1..4).prop_map(|values| values.join("|")),
            Just("[a-x].*".to_owned()),
        ];
        let matcher = (
            prop::sample::select(&NAMES[..]),
            prop::sample::select(&["=", "!=", "=~", "!~"][..]),
            operand,
        )
            .prop_map(|(name, operator, operand)| format!("{name}{operator}\"{operand}\""));
        let line = prop::collection::vec(matcher, 0..3)
            .prop_map(|all| Condition::new(parse(&all.join(",")).unwrap()));
        prop::collection::vec(line, 0..3).prop_map(Conditions::new)
    }

    proptest! {
        #[test]
        fn no_rule_that_matches_is_missed(
            rules in prop::collection::vec(any_rule(), 0..12),
            values in prop::array::uniform6(prop::sample::select(&VALUES[..])),
            bound in any::<bool>(),
        ) {
            let [a, b, ci_label, severity_label, severity, rack] = values;
            let labels = Labels::build(&mut [("a", a), ("b", b), ("ci", ci_label), ("severity", severity_label)]).unwrap();
            let ci = pdu(&[("rack", rack)]);
            let subject = Subject::new(&labels, severity, bound.then_some(&ci));
            let candidates = Index::build(&rules).candidates(&subject);
            prop_assert!(candidates.is_sorted_by(|one, next| one < next), "{:?}", candidates);
            let holds = |rule: &usize| rules[*rule].all_hold(&subject);
            let found: Vec<_> = candidates.into_iter().filter(holds).collect();
            prop_assert_eq!(found, (0..rules.len()).filter(holds).collect::<Vec<_>>());
        }
    }
}
