//! Finds the rules that could match an alert without looking at the others.
//!
//! Each rule is filed under one of its matchers: the values that one lets pass, if they can be
//! listed; else texts that its pattern cannot match without; else the mere presence of its field.
//! Under `any:` that is one matcher of each line. An alert looks up each of its labels and each of
//! its CI's attributes once. Never decides that a rule does match. Read `handles`, `needles` and
//! `shelf` next.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::condition::Conditions;
use super::handles::{Need, Popularity, needs};
use super::shelf::{Draft, Shelf};
use super::subject::{Field, Subject};

/// Attributes that rules ask for one by one. Mostly it is the class, and all others of a CI lie in a
/// place of their own that then need not be read.
const ATTRIBUTES_FEW: usize = 3;

/// A map that is asked for its keys, or for all of which the order does not matter: so its own shows
/// nowhere. The keys come from rule files, so nobody can choose them to collide.
pub(super) type Map<V> = HashMap<Box<str>, V, FixedState>;

/// Rule numbers, filed by what an alert must have for the rule to match.
#[derive(Clone, Debug, Default)]
pub struct Index {
    labels: Shelves,
    attributes: Shelves,
    /// Rules that could match whatever an alert has.
    always: Vec<usize>,
}

impl Index {
    /// Files the rules with these conditions under their numbers, counted from 0 in the order given.
    /// All lines of a rule must hold for it to match.
    pub fn build<'a>(rules: impl IntoIterator<Item = &'a Conditions>) -> Self {
        let rules: Vec<Vec<Need<'_>>> = rules.into_iter().map(needs).collect();
        let popularity = Popularity::count(&rules);
        let mut shelves: BTreeMap<&Field, Draft> = BTreeMap::new();
        let mut always = Vec::new();
        for (rule, needs) in rules.iter().enumerate() {
            match popularity.best(needs) {
                Some((_, handles)) => {
                    for handle in handles {
                        shelves.entry(handle.field).or_default().put(rule, &handle.by);
                    }
                }
                None => always.push(rule),
            }
        }
        let mut index = Self { always, ..Self::default() };
        for (field, draft) in shelves {
            match field {
                Field::Label(name) => index.labels.insert(name, draft.finish()),
                Field::Ci(name) => index.attributes.insert(name, draft.finish()),
                Field::Service(_) => {}
            }
        }
        index
    }

    /// Returns the numbers of the rules that could match, ascending, each once. Every rule that does
    /// match is among them.
    pub fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.always.clone();
        gather(&self.labels, subject.all_labels(), &mut found);
        if self.attributes.by_name.len() <= ATTRIBUTES_FEW {
            #[expect(clippy::iter_over_hash_type, reason = "what is found is sorted")]
            for (name, shelf) in &self.attributes.by_name {
                let value = subject.attribute(name);
                if !value.is_empty() {
                    shelf.find(value, &mut found);
                }
            }
        } else {
            gather(&self.attributes, subject.all_attributes(), &mut found);
        }
        found.sort_unstable();
        // A rule with several texts or lines can be found by more than one of them.
        found.dedup();
        found
    }
}

/// Shelves by the names of their fields.
#[derive(Clone, Debug, Default)]
struct Shelves {
    by_name: Map<Shelf>,
    /// A bit for each name there is, see [`bit`]. Rules ask for few of the names that alerts and CIs
    /// have; the others are hardly looked up.
    known: u64,
}

impl Shelves {
    fn insert(&mut self, field: &str, filed: Shelf) {
        self.known |= bit(field);
        self.by_name.insert(field.into(), filed);
    }

    fn get(&self, name: &str) -> Option<&Shelf> {
        if self.known & bit(name) == 0 { None } else { self.by_name.get(name) }
    }
}

/// One of 64 bits, by the length of a name and how it begins and ends.
fn bit(name: &str) -> u64 {
    let byte = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or(0));
    let (first, last) = (byte(name.as_bytes().first()), byte(name.as_bytes().last()));
    let length = u32::try_from(name.len() % 64).unwrap_or(0);
    1 << ((first + 7 * last + 13 * length) % u64::BITS)
}

/// Adds the rules filed under any of the pairs.
fn gather<'a>(
    shelves: &Shelves,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    found: &mut Vec<usize>,
) {
    if shelves.by_name.is_empty() {
        return;
    }
    for (name, value) in pairs {
        if let Some(shelf) = shelves.get(name) {
            shelf.find(value, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Condition;
    use super::super::line::Line;
    use super::super::parser::parse_rules;
    use super::super::subject::tests::{Hurt, pdu};
    use super::*;
    use crate::model::labels::Labels;
    use proptest::prelude::*;

    fn rule(line: &str) -> Conditions {
        Conditions::new(vec![Condition::new(parse_rules(line).unwrap())])
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
        assert_eq!(candidates(&rules, &[("a", "2")], ""), [1, 2, 4, 5, 6]);
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
    fn a_thousand_patterns_for_other_alerts_are_not_looked_at() {
        let rules: Vec<_> = (0..1000)
            .map(|n| match n % 4 {
                0 => rule(&format!("alertname=~\"Node.*Down{n}x\"")),
                1 => rule(&format!("severity=critical, alertname=~\"(?i:disk){n}x.*\"")),
                2 => rule(&format!("alertname=~\".*(Full{n}x|Slow{n}x)[0-9]+\", team!=\"\"")),
                _ => rule(&format!("alertname=~\"(Kafka{n}x|Zookeeper{n}x).*\"")),
            })
            .collect();
        for (alertname, expected) in [
            ("NodeExporterDown8x", &[8][..]),
            ("DISK9xFull", &[9]),
            ("DbSlow10x5", &[10]),
            ("ZookeeperKafka11x", &[11]),
            ("Other", &[]),
        ] {
            let pairs = [("alertname", alertname), ("team", "x")];
            assert_eq!(candidates(&rules, &pairs, "critical"), expected, "{alertname}");
        }
    }

    #[test]
    fn alternatives_are_filed_under_each_of_their_lines() {
        let line = |text: &str| Line::from(Condition::new(parse_rules(text).unwrap()));
        let any = |lines: Vec<Line>| Line::Any(Conditions::new(lines));
        let list = |lines: Vec<Line>| Conditions::new(lines);
        let rules = [
            list(vec![any(vec![line("a=1"), line("b=~\"2.*\", c!=\"\"")])]),
            // A line without anything that must be there.
            list(vec![any(vec![line("a=1"), line("b!=2")])]),
            // The value that few share is the better one.
            list(vec![any(vec![line("a=1"), line("b=2")]), line("c=3")]),
            list(vec![Line::All(list(vec![line("a=1"), line("c=4")]))]),
            list(vec![Line::Not(list(vec![line("a=1")]))]),
            list(vec![line("c in (5, 6)")]),
            list(vec![line("d > 1")]),
        ];
        for (pairs, expected) in [
            (&[("a", "1")][..], &[0, 1, 4][..]),
            (&[("b", "2x")], &[0, 1, 4]),
            (&[("b", "3")], &[1, 4]),
            (&[("a", "1"), ("b", "2")], &[0, 1, 4]),
            (&[("c", "3")], &[1, 2, 4]),
            (&[("c", "4")], &[1, 3, 4]),
            (&[("c", "6")], &[1, 4, 5]),
            (&[("d", "0")], &[1, 4, 6]),
        ] {
            assert_eq!(candidates(&rules, pairs, ""), expected, "{pairs:?}");
        }
    }

    #[test]
    fn attributes_are_found_however_many_rules_ask_for() {
        let rules =
            ["ci.class=pdu", "ci.rack=7", "ci.tier=1", "ci.a=x", "ci.b=\"\"", "ci.name=pdu-1"];
        let ci = pdu(&[("rack", "7"), ("tier", "2"), ("a", "x")]);
        let labels = Labels::build(&mut [("a", "1")]).unwrap();
        for (count, expected) in [(2, &[0, 1][..]), (3, &[0, 1]), (6, &[0, 1, 3, 4, 5])] {
            let rules: Vec<_> = rules.iter().take(count).map(|line| rule(line)).collect();
            let index = Index::build(&rules);
            assert_eq!(
                index.candidates(&Subject::new(&labels, "", Some(&ci))),
                expected,
                "{count}"
            );
        }
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

    const NAMES: [&str; 9] =
        ["a", "b", "ci", "severity", "ci.class", "ci.rack", "ci.tier", "ci.name", "service.tier"];
    const VALUES: [&str; 7] = ["", "x", "y", "pdu", "pdu-1", "7", "70"];

    fn any_matcher() -> impl Strategy<Value = String> {
        let name = || prop::sample::select(&NAMES[..]);
        let some = || prop::sample::subsequence(&VALUES[..], 1..4);
        let operand = prop_oneof![
            prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
            some().prop_map(|values| values.join("|")),
            prop::sample::select(
                &["[a-x].*", ".*d.*", "(?i)P.*", "7.", "(x|p)+du(-1)?", "x*", ".*-1|y"][..]
            )
            .prop_map(str::to_owned),
        ];
        let operator = prop::sample::select(&["=", "!=", "=~", "!~"][..]);
        let order = prop::sample::select(&["<", "<=", ">", ">="][..]);
        let plain = (name(), operator, operand);
        let list = (name(), prop::sample::select(&["in", "not in"][..]), some());
        prop_oneof![
            4 => plain.prop_map(|(name, sign, operand)| format!("{name}{sign}\"{operand}\"")),
            1 => list.prop_map(|(name, word, all)| format!("{name} {word} (\"{}\")", all.join("\", \""))),
            1 => (name(), order).prop_map(|(name, order)| format!("{name} {order} 7")),
        ]
    }

    fn any_line() -> impl Strategy<Value = Line> {
        let matchers = prop::collection::vec(any_matcher(), 0..3)
            .prop_map(|all| Line::from(Condition::new(parse_rules(&all.join(",")).unwrap())));
        matchers.prop_recursive(3, 12, 3, |line| {
            (0..3u8, prop::collection::vec(line, 0..3)).prop_map(|(kind, lines)| {
                let lines = Conditions::new(lines);
                match kind {
                    0 => Line::Any(lines),
                    1 => Line::All(lines),
                    _ => Line::Not(lines),
                }
            })
        })
    }

    proptest! {
        #[test]
        fn no_rule_that_matches_is_missed(
            rules in prop::collection::vec(prop::collection::vec(any_line(), 0..3), 0..12),
            values in prop::array::uniform6(prop::sample::select(&VALUES[..])),
            bound in any::<bool>(),
        ) {
            let rules: Vec<_> = rules.into_iter().map(Conditions::new).collect();
            let [a, b, ci_label, severity_label, severity, rack] = values;
            let labels = Labels::build(&mut [("a", a), ("b", b), ("ci", ci_label), ("severity", severity_label)]).unwrap();
            let ci = pdu(&[("rack", rack), ("tier", "7")]);
            let hurt = Hurt([&ci]);
            let subject = Subject::new(&labels, severity, bound.then_some(&ci));
            let subject = if bound { subject.amid(&hurt) } else { subject };
            let candidates = Index::build(&rules).candidates(&subject);
            prop_assert!(candidates.is_sorted_by(|one, next| one < next), "{:?}", candidates);
            let holds = |rule: &usize| rules[*rule].all_hold(&subject);
            let found: Vec<_> = candidates.into_iter().filter(holds).collect();
            prop_assert_eq!(found, (0..rules.len()).filter(holds).collect::<Vec<_>>());
        }

        #[test]
        fn a_rule_that_matches_an_alert_could_match_one_on_its_ci(
            lines in prop::collection::vec(any_line(), 0..3),
            values in prop::array::uniform4(prop::sample::select(&VALUES[..])),
        ) {
            let [a, b, severity, rack] = values;
            let labels = Labels::build(&mut [("a", a), ("b", b)]).unwrap();
            let ci = pdu(&[("rack", rack), ("tier", "7")]);
            let hurt = Hurt([&ci]);
            let rule = Conditions::new(lines);
            let subject = Subject::new(&labels, severity, Some(&ci)).amid(&hurt);
            prop_assert!(rule.could_hold_on(&ci) || !rule.all_hold(&subject));
        }
    }
}
