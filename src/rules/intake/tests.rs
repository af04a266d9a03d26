use proptest::prelude::*;

use super::super::subject::tests::pdu;
use super::super::{SourceFile, load};
use super::*;
use crate::model::time::Timestamp;

/// Loads what follows the namespace `t`; what is told, where it is no good.
fn loaded(text: &str) -> Result<RuleSet, Vec<String>> {
    let text = format!("version: 1\nnamespace: t\n{text}");
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
    let told = loaded.diagnostics.iter();
    let told = told
        .map(|it| format!("{} {}:{} {}; {}", it.code.id, it.line, it.column, it.message, it.help));
    loaded.set.ok_or_else(|| told.collect())
}

fn rules(text: &str) -> RuleSet {
    loaded(&format!("rules:\n{text}")).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::build(&mut pairs.to_vec()).unwrap()
}

#[test]
fn an_alert_is_left_out_by_the_first_rule_that_matches_what_was_sent() {
    let set = rules(
        "  - {name: a, when: [env=staging], unless: [alertname=Money], drop: {reason: no one}}\n\
         \x20 - {name: b, when: [ci.class=pdu, rack=~R1.], drop: {reason: rack moves}}\n\
         \x20 - {name: c, when: ['x!=\"\"'], enrich: {labels: {env: staging}}}\n",
    );
    let ci = pdu(&[]);
    for (pairs, ci, expected) in [
        (&[("env", "staging")][..], None, Some("dropped by t/a: no one")),
        (&[("env", "staging"), ("alertname", "Money")], None, None),
        (&[("env", "production")], None, None),
        (&[("rack", "R12")], Some(&ci), Some("dropped by t/b: rack moves")),
        (&[("rack", "R12")], None, None),
        (&[("x", "1")], None, None),
    ] {
        let labels = labels(pairs);
        let dropped = set.dropped(&Subject::new(&labels, "", ci));
        assert_eq!(dropped.map(|it| it.to_string()).as_deref(), expected, "{pairs:?}");
    }
}

#[test]
fn a_rule_adds_what_is_not_there_and_replaces_only_where_it_says_so() {
    let rules = loaded(
        "lookups: {sites: {fra1: {city: Frankfurt}, nyc2: New York}}\n\
         rules:\n\
         - {name: a-site, when: ['site!=\"\"'], enrich: {labels: {city: '{{ lookup(\"sites\", labels.site).city }}'}}}\n\
         - {name: b-name, when: ['site!=\"\"'], enrich: {labels: {city: '{{ lookup(\"sites\", labels.site) }}'}}}\n\
         - {name: c-sev, when: [site=~.+], enrich: {severity: minor, category: '{{ ci.class }}', links: {w: 'x/{{ ci }}'}}}\n\
         - {name: d-city, when: [city=Frankfurt], enrich: {severity: major, labels: {country: de}, links: {w: other}}}\n\
         - {name: e-force, when: [force=1], enrich: {override: true, severity: critical, labels: {site: '', city: Rome}}}\n",
    )
    .unwrap();
    let ci = pdu(&[]);
    for (pairs, severity, expected) in [
        (&[("other", "x")][..], "", None),
        (&[("site", "fra1")], "", Some("city=Frankfurt country=de severity=minor")),
        (&[("site", "nyc2")], "", Some("city=New York severity=minor")),
        (&[("site", "syd3")], "", Some("severity=minor")),
        (&[("site", "fra1"), ("city", "Hanau")], "page", Some("")),
        (&[("site", "fra1"), ("city", "")], "page", Some("city=Frankfurt country=de")),
        (&[("city", "Frankfurt")], "page", Some("country=de")),
        (
            &[("site", "fra1"), ("city", "Hanau"), ("force", "1")],
            "page",
            Some("city=Rome severity=critical"),
        ),
    ] {
        let labels = labels(pairs);
        let sent = Subject::new(&labels, severity, Some(&ci));
        let added = rules.enrich(&sent);
        let text = added.as_deref().map(|added| {
            let mut all: Vec<String> =
                added.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            all.extend(added.severity.as_deref().map(|severity| format!("severity={severity}")));
            all.join(" ")
        });
        assert_eq!(text.as_deref(), expected, "{pairs:?}");
        let Some(added) = added else { continue };
        let seen = added.over(sent);
        for (name, value) in &added.labels {
            assert_eq!(seen.written(name), Some(&**value));
        }
        assert_eq!(seen.written("force"), labels.get("force"), "what was sent is still there");
        let all = added.all_labels(&labels);
        let names = |pairs: &[(Box<str>, Box<str>)]| pairs.iter().map(|(n, _)| n.clone()).collect();
        let mut expected: BTreeSet<Box<str>> = names(&added.labels);
        expected.extend(labels.iter().map(|(name, _)| name.into()));
        assert!(all.iter().map(|(name, _)| name).eq(expected.iter().map(|name| &**name)));
        assert!(all.iter().all(|(name, value)| seen.written(name) == Some(value)));
        if labels.get("site").is_some() {
            let links = [("w".into(), "x/pdu-1".into())];
            assert_eq!((added.category.as_deref(), &added.links[..]), (Some("pdu"), &links[..]));
        }
    }
}

#[test]
fn a_failing_template_adds_nothing_and_says_why() {
    let set = rules(
        "  - {name: a, when: ['a!=\"\"'], enrich: {labels: {b: '{{ labels.a | float }}', c: d}}}\n",
    );
    let labels = labels(&[("a", "x")]);
    let added = set.enrich(&Subject::new(&labels, "", None)).unwrap();
    assert_eq!(added.labels, [("c".into(), "d".into())]);
    let [flaw] = &added.flaws[..] else { panic!("{:?}", added.flaws) };
    assert!(flaw.starts_with("rule t/a cannot set b: invalid operation"), "{flaw}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_remedy() {
    let known = |rest: &str| format!("known_error: {{id: KE-1, workaround: w, {rest}}}");
    // What stands in the rule, the place that is shown, and what is told.
    for (what, place, told) in [
        ("drop: {}".to_owned(), "{}", "R0102 `drop` needs `reason`"),
        ("drop: {reason: ''}".into(), "reason", "R0107 a drop rule without a reason; say why"),
        (
            "drop: {reason: x}, incident: {urgency: high}".into(),
            "incident",
            "R0228 `incident` in a rule of kind `drop`; take it away",
        ),
        (
            "enrich: {override: true}".into(),
            "override",
            "R0102 a rule that adds nothing; give it one of",
        ),
        (
            "enrich: {labels: {severity: x}}".into(),
            "severity",
            "R0221 a rule cannot set the label `severity`; write it beside",
        ),
        (
            "enrich: {labels: {ci: x}}".into(),
            "ci: x",
            "R0221 a rule cannot set the label `ci`; an alert is bound",
        ),
        (
            "enrich: {severity: '{{ root.x }}'}".into(),
            "root",
            "R0204 unknown field `root` in a template; a label is `labels.root`, an attribute of its CI `ci.root`",
        ),
        (
            "enrich: {severity: '{{ lookup(\"sites\", labels.a) }}'}".into(),
            "sites",
            "R0202 table `sites` is not defined; no table is defined",
        ),
        (
            "enrich: {severity: '{{ lookup(labels.a, 1) }}'}".into(),
            "lookup",
            "R0220 the table of a lookup is not written out; write its name in quotes",
        ),
        (
            "group: {by: a}, incident: {title: '{{ lookup(\"sites\", 1) }}'}".into(),
            "sites",
            "R0202 table `sites` is not defined",
        ),
        ("known_error: {workaround: w}".into(), "workaround", "R0102 `known_error` needs `id`"),
        (
            known("hours: {zone: UTC, between: ['01:00', '02:00']}"),
            "{zone",
            "R0222 `hours` has no effect without `keep_quiet`; add   keep_quiet",
        ),
        (known("expires: tomorrow"), "tomorrow", "R0107 `tomorrow` is no date"),
        (known("keep_quiet: {max_per_day: 100}"), "100", "R0107 `100` is out of range"),
        (known("keep_quiet: {max_age: 8d}"), "8d", "R0107 `8d` is out of range"),
    ] {
        let line = format!("  - {{name: r, owner: o, when: [a=1], {what}}}");
        let found = loaded(&format!("rules:\n{line}\n")).unwrap_err();
        let column = line.find(place).unwrap() + 1;
        let told = told.replacen(' ', &format!(" 4:{column} "), 1);
        assert!(found.iter().any(|it| it.starts_with(&told)), "{told}: {found:#?}");
    }
    for (section, told) in [
        ("lookups: {sites: [a]}", "R0107 3:18 found a list"),
        ("lookups: {sites: {fra1: [a]}}", "R0107 3:25 found a list"),
        ("lookups: {sites: {fra1: {a: {b: c}}}}", "R0107 3:29 found a mapping"),
    ] {
        let found = loaded(section).unwrap_err();
        assert!(found.iter().any(|it| it.starts_with(told)), "{section}: {found:#?}");
    }
}

#[test]
fn a_known_error_is_warned_of_a_fortnight_before_its_last_day_ends() {
    let text = "version: 1\nnamespace: t\nrules:\n  - {name: r, owner: o, when: [a=1], known_error: {id: KE-1, workaround: w, fixed_in: ledger 7.4, \
                expires: 2027-03-31, hours: {zone: Europe/Berlin, between: ['01:00', '02:00']}, keep_quiet: {}}}\n";
    let files = [SourceFile { name: "t.yaml".into(), text: text.into() }];
    let set = load(&files).set.unwrap();
    // The 31st ends at midnight in Berlin, 22:00 UTC.
    let time = |text: &str| {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    };
    for (now, told) in [
        ("2027-03-17T21:59:59Z", None),
        ("2027-03-17T22:00:00Z", Some("known error KE-1 expires in 14 days (2027-03-31)")),
        ("2027-03-30T12:00:00Z", Some("known error KE-1 expires in 1 day (2027-03-31)")),
        ("2027-03-31T21:59:59Z", Some("known error KE-1 expires today (2027-03-31)")),
        ("2027-03-31T22:00:00Z", Some("known error KE-1 has expired (2027-03-31)")),
    ] {
        let found = set.expiring(&files, time(now));
        assert_eq!(found.first().map(|it| &*it.message), told, "{now}");
        let is_over = set.rules[0].kind.known_error().unwrap().is_over(time(now));
        assert_eq!(is_over, told.is_some_and(|told| told.contains("has expired")), "{now}");
        for it in found {
            assert_eq!(
                (it.code.id, it.line, it.severity),
                ("R0305", 4, super::super::Severity::Warning)
            );
            assert_eq!(
                it.help,
                "extend `expires`, or delete the rule once ledger 7.4 is everywhere"
            );
        }
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "severity"];
const VALUES: [&str; 3] = ["x", "y", ""];

/// A rule that sets what others may ask for.
fn any_rule() -> impl Strategy<Value = String> {
    let matcher = (
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&["=", "!=", "=~"][..]),
        prop::sample::select(&VALUES[..]),
    )
        .prop_map(|(name, operator, value)| format!("'{name}{operator}\"{value}\"'"));
    let set = (prop::sample::select(&NAMES[..]), prop::sample::select(&VALUES[..]));
    (prop::collection::vec(matcher, 1..3), set, any::<bool>()).prop_map(
        |(when, (name, value), overrides)| {
            let what = match name {
                "severity" => format!("severity: '{value}'"),
                name => format!("labels: {{{name}: '{value}'}}"),
            };
            format!("when: [{}], enrich: {{{what}, override: {overrides}}}", when.join(", "))
        },
    )
}

proptest! {
    #[test]
    fn the_index_finds_every_rule_also_by_what_rules_before_it_set(
        all in prop::collection::vec(any_rule(), 0..8),
        sent in prop::collection::vec(prop::sample::select(&VALUES[..]), 4),
    ) {
        let lines = all.iter().enumerate().map(|(n, rule)| format!("  - {{name: r{n}, {rule}}}"));
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        let set = if all.is_empty() { RuleSet::builtin() } else { rules(&text) };
        let pairs: Vec<(&str, &str)> =
            NAMES[..3].iter().copied().zip(sent.iter().copied()).filter(|(_, v)| !v.is_empty()).collect();
        let labels = labels(&pairs);
        let subject = Subject::new(&labels, sent[3], None);
        // The same without an index.
        let mut naive = Added::default();
        for rule in &set.rules {
            let before = naive.clone();
            let seen = before.over(subject);
            if rule.matches(&seen) {
                let enrich = enrich(rule).unwrap();
                Step { rules: &set, rule, enrich, subject: seen }.take(&mut naive);
            }
        }
        let found = set.enrich(&subject).map(|added| *added).unwrap_or_default();
        prop_assert_eq!(found, naive);
    }
}
