//! Whole files: the shipped ones are good, rules are what their files say, and no text at all
//! upsets the loader.

use core::time::Duration;

use proptest::prelude::*;

use super::render::{Form, render};
use super::*;
use crate::cmdb::{CiRow, Topology};
use crate::model::labels::Labels;

const POWER: &str = include_str!("../../rules/examples/power.yaml");
const INHIBIT: &str = include_str!("../../rules/examples/inhibit.yaml");
const MAINTENANCE: &str = include_str!("../../rules/examples/maintenance.yaml");
const ON_CALL: &str = include_str!("../../rules/examples/on-call.yaml");
const BASE: [(&str, &str); 3] = [
    ("base/defaults.yaml", include_str!("../../rules/base/defaults.yaml")),
    ("base/group.yaml", include_str!("../../rules/base/group.yaml")),
    ("base/topology.yaml", include_str!("../../rules/base/topology.yaml")),
];

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.into(), text: text.into() }
}

fn base() -> Vec<SourceFile> {
    BASE.iter().map(|(name, text)| file(name, text)).collect()
}

/// Loads a text that must be good.
fn good(text: &str) -> RuleSet {
    let files = [file("f.yaml", text)];
    let loaded = load(&files);
    loaded.set.unwrap_or_else(|| panic!("{}", render(Form::Human, &loaded.diagnostics, &files)))
}

#[test]
fn the_shipped_rules_are_flawless_and_tested() {
    let mut files = base();
    files.push(file("examples/power.yaml", POWER));
    files.push(file("examples/inhibit.yaml", INHIBIT));
    files.push(file("examples/maintenance.yaml", MAINTENANCE));
    files.push(file("examples/on-call.yaml", ON_CALL));
    let loaded = load(&files);
    assert_eq!(render(Form::Human, &loaded.diagnostics, &files), "");
    assert_eq!(loaded.set.unwrap().rules.len(), loaded.rules);
    assert!(loaded.tests.len() > loaded.rules);
}

#[test]
fn every_kind_that_holds_back_needs_what_it_says() {
    for (rule, problem) in [
        ("inhibit: {}", "R0225 `inhibit` has neither `source` nor"),
        ("inhibit: {source: 'a=\"b\"', sources: [{when: 'a=\"b\"'}]}", "R0225 `inhibit` has both"),
        ("inhibit: {sources: [{equal: a}]}", "R0102 a source needs `when`"),
        ("inhibit: {source: 'a=\"b\"', topology: {max_hops: 9}}", "R0107 `9` is out of range"),
        ("inhibit: {source: 'a=\"b\"', topology: {follow: power}}", "R0206 relation `power`"),
        (
            "inhibit: {source: 'a=\"b\"'}, incident: {urgency: low}",
            "R0228 `incident` in a rule of kind `inhibit`",
        ),
        ("quiet: {}", "R0227 `quiet` says 0 times when it is"),
        (
            "quiet: {from: 2026-01-01T00:00:00Z, to: 2026-01-01T00:00:00Z}",
            "R0107 the window ends before",
        ),
        ("quiet: {from: 2026-01-01T00:00:00Z}", "R0102 `quiet` needs `to`"),
        ("quiet: {from: today, to: 2026-01-01T00:00:00Z}", "R0107 `today` is no point in time"),
        ("quiet: {changes: {}, every: {}}", "R0227 `quiet` says 2 times"),
        ("quiet: {changes: {states: [open]}}", "R0107 unknown value `open`"),
        ("quiet: {changes: {}, ci: a}", "R0227 `quiet` has `ci` beside `changes`"),
        (
            "quiet: {every: {days: [sat], at: '24:00', for: 1h, zone: UTC}}",
            "R0107 found the text `24:00`",
        ),
        (
            "quiet: {every: {days: [sat, sun], at: '02:00', for: 25h, zone: UTC}}",
            "R0107 a window is still open",
        ),
        ("quiet: {every: {days: sat, at: '02:00', for: 7d, zone: UTC}}", ""),
        (
            "quiet: {every: {days: sat, at: '02:00', for: 1h, zone: Europe/Berln}}",
            "R0213 time zone",
        ),
    ] {
        let text = format!(
            "version: 1\nnamespace: n\nrules:\n  - {{name: r, owner: o, when: 'x=\"1\"', {rule}}}\n"
        );
        let found = load(&[file("f.yaml", &text)]).diagnostics;
        let told = found.iter().find(|it| it.code != codes::NO_TEST);
        let told = told.map(|it| format!("{} {}", it.code.id, it.message)).unwrap_or_default();
        assert!(
            told.starts_with(problem) && told.is_empty() == problem.is_empty(),
            "{rule}: {told}"
        );
    }
}

#[test]
fn the_examples_of_the_reference_load() {
    let reference = include_str!("../../rules/README.md");
    let blocks = reference.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let (kinds, whole): (Vec<&str>, Vec<&str>) =
        blocks.into_iter().partition(|block| block.starts_with("rules:\n"));
    for kind in &kinds {
        good(&format!("version: 1\nnamespace: n\n{kind}"));
    }
    assert_eq!(kinds.len(), 2);
    let desk = ["priorities:\n", "agreements:\n", "routing:\n"];
    let (desk, whole): (Vec<&str>, Vec<&str>) =
        whole.into_iter().partition(|block| desk.iter().any(|start| block.starts_with(start)));
    for part in &desk {
        let teams = ["noc", "network", "vendor", "desk"].map(|it| format!("{it}: {{members: a}}"));
        good(&format!(
            "version: 1\ncontacts: {{a: {{channels: log}}}}\nteams: {{{}}}\n\
             calendars: {{office: {{zone: UTC}}, around-the-clock: {{zone: UTC}}}}\n{part}",
            teams.join(", ")
        ));
    }
    assert_eq!(desk.len(), 3);
    let [
        rule,
        condition,
        tests,
        sections,
        cmdb,
        times,
        binding,
        mapping,
        closing,
        reports,
        majors,
        plans,
    ] = whole[..]
    else {
        panic!("{} examples", whole.len())
    };
    let rows = crate::cmdb::import::read(cmdb, "rules/README.md");
    assert_eq!(rows.map(|rows| (rows.cis.len(), rows.relations.len())), Ok((4, 3)));
    let condition = condition.replace('\n', "\n    ");
    let condition = good(&format!(
        "version: 1\nnamespace: c\nrules:\n  - name: c\n    group: {{by: ci}}\n    {condition}"
    ));
    assert_eq!(condition.rules[0].verdicts(&Subject::new(&Labels::empty(), "", None)).len(), 8);
    let platform = "  platform: {members: anna}\n  service-desk: {members: anna}\n";
    let sections = sections.replace("teams:\n", &format!("teams:\n{platform}"));
    let contacts = ["bert", "carla", "boss"].map(|name| format!("  {name}: {{channels: mail}}\n"));
    let contacts = contacts.concat();
    let sections = sections.replace("contacts:\n", &format!("contacts:\n{contacts}"));
    let set =
        good(&format!("{rule}{tests}{sections}{times}{mapping}{closing}{reports}{majors}{plans}"));
    assert_eq!(set.reporting.domains, ["example.com".into()]);
    assert_eq!((set.rules.len(), set.teams.len(), set.binding.len()), (1, 3, 1));
    assert_eq!((set.closing.require.len(), set.majors.management.len()), (2, 1));
    assert_eq!(set.plans.len(), 2);
    assert_eq!((set.calendars.len(), set.rotations.len(), set.mappings.len()), (2, 1, 1));
    let keys = good(&format!("version: 1\nnamespace: b\n{binding}")).binding.clone();
    assert_eq!(keys.last().map(|key| key.normalise.len()), Some(4));
}

#[test]
fn the_kinds_in_the_reference_can_be_copied_into_a_rule() {
    let reference = include_str!("../../rules/README.md");
    let parts = reference.split("```yaml rule\n").skip(1);
    let parts: Vec<&str> = parts.filter_map(|rest| rest.split("```").next()).collect();
    assert!(parts.len() >= 3, "{parts:?}");
    for part in parts {
        good(&format!("version: 1\nnamespace: t\nrules:\n  - name: r\n{part}"));
    }
}

#[test]
fn what_is_applied_first_cannot_ask_what_is_around() {
    for (kind, line, refused) in [
        ("drop: {reason: x}", "count: {of: ci, at_least: 2}", true),
        ("drop: {reason: x}", "any: ['service.tier=1']", true),
        ("drop: {reason: x}", "any: ['ci.tier=1']", false),
        ("group: {by: ci}", "count: {of: ci, at_least: 2}", false),
    ] {
        for list in ["when: ", "when: a=1\n    unless: "] {
            let text = format!(
                "version: 1\nnamespace: n\nrules:\n  - name: r\n    owner: x\n    {kind}\n    {list}{{{line}}}\n"
            );
            let loaded = load(&[file("f.yaml", &text)]);
            let codes: Vec<_> = loaded.diagnostics.iter().map(|it| it.code.id).collect();
            assert_eq!(codes.contains(&"R0109"), refused, "{text}: {codes:?}");
        }
    }
}

#[test]
fn the_shipped_defaults_are_those_in_force() {
    let written: String = BASE[0]
        .1
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with("  ") || line.starts_with(|c: char| c.is_alphabetic()))
        .flat_map(|line| [line, "\n"])
        .collect();
    let (written, built_in) = (good(&written), RuleSet::builtin());
    assert_eq!(written.priorities, built_in.priorities);
    assert_eq!(written.lifecycle, built_in.lifecycle);
    assert_eq!(written.binding, built_in.binding);
    assert_eq!(written.closing, built_in.closing);
    assert_eq!(written.majors, built_in.majors);
    assert_eq!(written.policies, built_in.policies);
    assert_eq!(written.contacts, built_in.contacts);
    assert_eq!(written.default_contact, built_in.default_contact);
}

#[test]
fn the_documented_relations_are_those_of_the_cmdb() {
    for name in check::RELATIONS {
        assert!(!Topology::empty().relations([name].into_iter()).is_empty(), "{name}");
    }
}

#[test]
fn a_topology_rule_is_what_its_file_says() {
    let set = good(POWER);
    let rule = set.find("datacenter/rack-power").unwrap();
    assert_eq!(rule.place.to_string(), "f.yaml:6");
    assert_eq!((rule.owner.as_deref(), rule.incident.urgency.is_some()), (Some("dc-ops"), true));
    assert_eq!(rule.resolve.when, ResolveWhen::RootClears);
    assert_eq!(rule.resolve.linger, Some(Duration::from_mins(10)));
    let Kind::Topology(kind) = &rule.kind else { panic!("{:?}", rule.kind) };
    assert_eq!(
        (kind.max_hops, kind.wait, kind.lookback),
        (4, Duration::from_secs(30), Duration::from_mins(5))
    );

    let ci = |class: &str, tier: &str| CiRow {
        name: "x".into(),
        class: class.into(),
        attributes: [("tier", tier)].into_iter().collect(),
        labels: Labels::empty(),
    };
    let labels = Labels::build(&mut [("alertname", "PduOutputOff")]).unwrap();
    for (class, tier, severity, matches, never) in [
        ("pdu", "1", "critical", true, true),
        ("pdu", "2", "critical", true, false),
        ("pdu", "1", "major", true, false),
        ("server", "1", "critical", false, true),
    ] {
        let ci = ci(class, tier);
        let subject = Subject::new(&labels, severity, Some(&ci));
        assert_eq!(set.matching(&subject).len(), usize::from(matches), "{class}");
        assert_eq!(rule.could_root(&ci), matches, "{class}");
        assert_eq!(kind.never_absorbs(&subject), never, "{class} {tier} {severity}");
    }
    let subject = Subject::new(&labels, "", None);
    let verdicts = rule.verdicts(&subject);
    let told: Vec<_> = verdicts.iter().map(|v| (&*v.matcher, &*v.value, v.holds)).collect();
    let first = (r#"alertname=~"PduOutputOff|PduUnreachable""#, "PduOutputOff", true);
    assert_eq!(told, [first, (r#"ci.class="pdu""#, "", false)]);
}

#[test]
fn rules_are_asked_by_name_unless_they_say_otherwise() {
    let rule = |name: &str, order: &str| {
        format!("  - {{name: {name}, when: 'x!=\"\"', group: {{by: [x]}}{order}}}\n")
    };
    for (orders, expected) in [
        (["", "", ""], "n/a n/b n/c"),
        ([", after: [c]", "", ""], "n/b n/c n/a"),
        (["", "", ", before: [a]"], "n/b n/c n/a"),
        ([", after: n/b", ", after: c", ""], "n/c n/b n/a"),
    ] {
        let rules: String = ["a", "b", "c"].iter().zip(orders).map(|(n, o)| rule(n, o)).collect();
        let set = good(&format!("version: 1\nnamespace: n\nrules:\n{rules}"));
        let labels = Labels::build(&mut [("x", "1")]).unwrap();
        let subject = Subject::new(&labels, "", None);
        let names: Vec<&str> = set.matching(&subject).iter().map(|rule| &*rule.name).collect();
        assert_eq!(names.join(" "), expected, "{orders:?}");
    }
}

#[test]
fn unless_takes_out_what_any_of_its_lines_matches() {
    let set = good(
        "version: 1\nnamespace: n\nrules:\n  - name: r\n    when: 'a=\"1\"'\n    unless: ['b=\"1\", c=\"1\"', 'd=\"1\"']\n    group: {by: a}\n",
    );
    for (pairs, matches) in [
        (vec![("a", "1")], true),
        (vec![("a", "1"), ("b", "1")], true),
        (vec![("a", "1"), ("b", "1"), ("c", "1")], false),
        (vec![("a", "1"), ("d", "1")], false),
        (vec![("a", "2")], false),
    ] {
        let labels = Labels::build(&mut pairs.clone()).unwrap();
        let subject = Subject::new(&labels, "", None);
        assert_eq!(set.matching(&subject).len(), usize::from(matches), "{pairs:?}");
    }
}

#[test]
fn the_version_is_the_content_and_not_the_order_of_the_files() {
    let mut files = base();
    let version = |files: &[SourceFile]| load(files).set.unwrap().version;
    let first = version(&files);
    files.reverse();
    assert_eq!(version(&files), first);
    files[0].text.push('\n');
    assert_ne!(version(&files), first);
    assert_ne!(RuleSet::builtin().version, first);
}

#[test]
fn people_and_policies_are_found_where_they_are_named() {
    let set = good(
        "version: 1\ndefaults: {team: shop, contact: anna}\nteams:\n  shop: {members: anna, next: platform}\n  platform: {line: 2, members: [bert, anna], manager: bert}\ncontacts:\n  anna: {channels: phone}\n  bert: {channels: [phone, mail]}\npolicies:\n  default: {functional: [{after: 0s, notify: 'contact:bert'}, {at: 50%, reassign: next_line}]}\n",
    );
    assert_eq!((set.default_team.as_deref(), &*set.default_contact), (Some("shop"), "anna"));
    assert_eq!((set.teams["shop"].line, set.teams["platform"].line), (1, 2));
    assert_eq!(*set.teams["platform"].members, ["bert".into(), "anna".into()]);
    assert_eq!(set.policy_of(None).functional.len(), 2);
    assert!(set.policy_of(None).hierarchical.is_empty());
}

#[test]
fn generated_alerts_are_written_out_in_order_of_time() {
    let text = "version: 1\ntests:\n  - name: t\n    start: 2026-11-21T02:00:00+01:00[Europe/Berlin]\n    generate:\n      - {every: 10s, times: 3, fire: 'ci=\"sw-{{ n }}\"', clear_after: 15s}\n    timeline: [{at: 20s, clear: 'ci=~\"sw-.*\"'}, {at: 5s, fire: 'a=\"b\"', severity: high}]\n    expect: []\n";
    let case = load(&[file("t.yaml", text)]).tests.remove(0);
    assert_eq!(case.start.to_string(), "2026-11-21T01:00:00.000Z");
    let steps: Vec<String> = case
        .timeline
        .iter()
        .map(|step| {
            let what = match &step.action {
                testcase::TestAction::Fire { labels, severity: None } => format!("+{labels}"),
                testcase::TestAction::Fire { labels, severity: Some(s) } => {
                    format!("+{labels} {s}")
                }
                testcase::TestAction::Clear(testcase::Cleared::Exactly(l)) => format!("-{l}"),
                testcase::TestAction::Clear(testcase::Cleared::Matching(_)) => "-".into(),
                testcase::TestAction::Change(_)
                | testcase::TestAction::Report(_)
                | testcase::TestAction::Handle { .. }
                | testcase::TestAction::Silence(_) => "?".into(),
            };
            format!("{}s {what}", step.at.as_secs())
        })
        .collect();
    assert_eq!(
        steps,
        [
            "0s +ci=\"sw-1\"",
            "5s +a=\"b\" high",
            "10s +ci=\"sw-2\"",
            "15s -ci=\"sw-1\"",
            "20s -",
            "20s +ci=\"sw-3\"",
            "25s -ci=\"sw-2\"",
            "35s -ci=\"sw-3\"",
        ]
    );
}

#[test]
fn a_test_begins_at_a_time_of_its_zone_also_when_clocks_are_changed() {
    let start = |text: &str| {
        let text = format!("version: 1\ntests:\n  - {{name: t, start: '{text}', expect: []}}\n");
        let loaded = load(&[file("t.yaml", &text)]);
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        (loaded.tests[0].start.to_string(), errors)
    };
    for (text, utc) in [
        ("2026-11-21T02:00:00+01:00[Europe/Berlin]", "2026-11-21T01:00:00.000Z"),
        ("2026-11-21T02:00:00[Europe/Berlin]", "2026-11-21T01:00:00.000Z"),
        ("2026-11-21T02:00:00+01:00", "2026-11-21T01:00:00.000Z"),
        // The hour that comes twice, first in summer time.
        ("2026-10-25T02:30:00+02:00[Europe/Berlin]", "2026-10-25T00:30:00.000Z"),
        ("2026-10-25T02:30:00+01:00[Europe/Berlin]", "2026-10-25T01:30:00.000Z"),
        // The hour that does not come: the clock that was not changed is meant.
        ("2026-03-29T02:30:00[Europe/Berlin]", "2026-03-29T01:30:00.000Z"),
        ("2026-03-29T03:30:00+02:00[Europe/Berlin]", "2026-03-29T01:30:00.000Z"),
    ] {
        assert_eq!(start(text), (utc.into(), 0), "{text}");
    }
    for text in [
        "2026-07-01T12:00:00+01:00[Europe/Berlin]",
        "2026-07-01T12:00:00[Europe/Berlim]",
        "2026-07-01T12:00:00",
        "tomorrow",
    ] {
        assert_eq!(start(text).1, 1, "{text}");
    }
}

#[test]
fn a_step_behind_the_last_expectation_is_pointed_out() {
    let text = "version: 1\ntests:\n  - name: t\n    timeline:\n      - {at: 2m, fire: 'a=\"b\"'}\n      - {at: 1m, fire: 'a=\"c\"'}\n    generate:\n      - {every: 1m, times: 9, fire: 'n=\"{{ n }}\"'}\n    expect: [{at: 1m, pages_total: 0}]\n";
    let files = [file("t.yaml", text)];
    let found = load(&files).diagnostics;
    let unplayed: Vec<_> = found.iter().filter(|d| d.code == codes::UNPLAYED).collect();
    assert_eq!(unplayed.len(), 1, "{found:?}");
    assert_eq!((unplayed[0].line, unplayed[0].severity), (5, Severity::Warning));
}

#[test]
fn what_people_do_in_a_test_is_read_or_refused_with_what_is_missing() {
    let read = |step: &str| {
        let text = format!(
            "version: 1\nteams: {{a: {{members: default}}}}\ntests:\n  - {{name: t, timeline: [{{at: 0s, {step}}}], expect: [{{at: 0s}}]}}\n"
        );
        let files = [file("t.yaml", &text)];
        let found = load(&files).diagnostics;
        let errors = found.iter().filter(|d| d.severity == Severity::Error);
        errors.map(|d| format!("{} {}", d.code.id, d.message)).collect::<Vec<_>>().join("; ")
    };
    for (step, error) in [
        ("ack: {root: x, by: anna, for: 30m}", ""),
        ("unack: {root: x}", ""),
        ("note: {root: x, text: seen}", ""),
        ("note: {root: x}", "R0102 `note` needs `text`"),
        ("claim: {root: x}", ""),
        ("claim: {by: x}", "R0102 `claim` needs `root`"),
        ("assign: {root: x, to: 'team:a'}", ""),
        ("assign: {root: x, to: 'team:b'}", "R0202 team `b` is not defined"),
        ("hold: {root: x, waits_for: change, for: 2h}", ""),
        ("hold: {root: x, waits_for: luck, for: 2h}", "R0107 unknown value `luck`"),
        ("hold: {root: x, waits_for: user}", "R0102 `hold` needs `for`"),
        ("resolve: {root: x}", ""),
        ("resolve: {root: x, for: 2h}", "R0101 unknown field `for` in `resolve`"),
        ("reopen: {root: x}", ""),
        ("close: {root: x}", ""),
        ("merge: {root: x, into: y}", ""),
        ("merge: {root: x}", "R0102 `merge` needs `into`"),
        ("split: {root: x, members: [y]}", ""),
        ("silence: {matchers: 'a=\"b\"', for: 2h, by: anna}", ""),
        ("silence: {ci: pdu-1, for: 2h}", ""),
        ("silence: {for: 2h}", "R0102 `silence` needs `matchers`, `ci` or both"),
        (
            "silence: {matchers: 'ci.class=pdu', for: 2h}",
            "R0107 a silence cannot ask for attributes of a CI",
        ),
        ("claim: {root: x}, close: {root: x}", "R0107 a step does 2 things"),
        ("severity: major", "R0107 a step does 0 things"),
    ] {
        assert_eq!(read(step), error, "{step}");
    }
}

#[test]
fn the_other_forms_name_the_same_place() {
    let files = [file("fields.yaml", include_str!("../../tests/data/rules/syntax-twice.yaml"))];
    let diagnostics = load(&files).diagnostics;
    assert_eq!(
        render(Form::Short, &diagnostics, &files),
        "fields.yaml:3:1: error[R0002]: key `namespace` is given twice; keep one of them, or make them one list; first given here: fields.yaml:2:1\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&render(Form::Json, &diagnostics, &files)).unwrap();
    assert_eq!(json[0]["code"], "R0002");
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&3.into(), &1.into()));
    assert!(render(Form::Coloured, &diagnostics, &files).contains("\u{1b}["));
}

/// A change of a text: a piece of it cut out, and another put in its place.
fn mutated(text: &str, from: prop::sample::Index, len: usize, with: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let from = from.index(chars.len());
    let to = (from + len).min(chars.len());
    chars[..from].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&chars[to..]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_change_of_a_file_upsets_the_loader(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(vec![
            "", " ", "\n", "\t", ":", "'", "\"", "{{", "}}", "{% for x in y %}", "[", "]", "{", "}", "- ", "&a ", "*a",
            "!t ", "null", "~", "#", "\\", "(", "=~", "9999999999999999999", "-1", "0s", "ü", "\u{0}", "|\n", ">",
            "<<: *strip", "? ", "%",
        ])), 1..6),
    ) {
        let mut text = [POWER, BASE[1].1, BASE[2].1, include_str!("../../tests/data/rules/references.yaml")][which].to_owned();
        for (from, len, with) in changes {
            text = mutated(&text, from, len, with);
        }
        let files = [file("f.yaml", &text)];
        let loaded = load(&files);
        let failed = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
        prop_assert_eq!(loaded.set.is_none(), failed);
        for d in &loaded.diagnostics {
            prop_assert!(d.line > 0 && d.column > 0, "{d:?}");
            prop_assert!(d.span.end <= text.len(), "{d:?}");
            prop_assert!(!d.message.is_empty() && !d.message.contains('\n'), "{d:?}");
        }
        for form in [Form::Human, Form::Short, Form::Json] {
            prop_assert_eq!(render(form, &loaded.diagnostics, &files).is_empty(), loaded.diagnostics.is_empty() && form != Form::Json);
        }
    }
}
