//! Tests of the tests: each way in which one can fail says what, where and why.

use super::*;
use crate::rules::edit::rewrite;
use crate::rules::{SourceFile, load};

const RULES: &str = r#"
version: 1
namespace: t
teams:
  dc: {members: dora}
  web: {members: wim}
contacts:
  dora: {channels: log}
  wim: {channels: log}
rules:
  - name: power
    owner: dc
    when: ['alertname="PduOut"', 'ci.class="pdu"']
    topology: {follow: [powers], max_hops: 2, lookback: 1m}
    incident: {title: 'Power lost: {{ dependants | length }} dependants', category: power}
  - name: fixed
    owner: web
    when: 'alertname="Login"'
    unless: 'site="lab"'
    group: {by: [site]}
    incident: {priority: P1}
priorities:
  impact:
    high: {tier: 1}
  page: {priorities: [P1, P2], urgency: high}
tests:
  - name: t
    cmdb:
      cis: {pdu-1: {class: pdu}, srv-1: {class: server}, srv-2: {class: server}}
      relations: [pdu-1 -powers-> srv-1]
    timeline:
      - {at: 0s, fire: 'alertname="Down", ci="srv-1", severity="major"'}
      - {at: 10s, fire: 'alertname="PduOut", ci="pdu-1", severity="major"'}
      - {at: 20s, fire: 'alertname="Down", ci="srv-2", severity="warning"'}
"#;

fn file(rest: &str) -> SourceFile {
    SourceFile { name: "t.yaml".into(), text: format!("{}{rest}", RULES.trim_start()) }
}

fn outcome(file: &SourceFile) -> Outcome {
    let loaded = load(core::slice::from_ref(file));
    let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    run(&loaded.tests[0], &Arc::new(rules), &mut Coverage::default())
}

/// Plays the test with more steps and expectations, and writes down what differs.
fn differences(rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for found in outcome(&file(rest)).findings {
        for Mismatch { field, expected, got, because } in found.mismatches {
            lines.push(format!("{}: {field} {expected} / {got}", found.about));
            lines.extend(because.into_iter().map(|Reason { text, place }| {
                let place = place.map(|place| format!(" <- {place}")).unwrap_or_default();
                format!("  {text}{place}")
            }));
        }
    }
    lines
}

fn expect(incidents: &str) -> Vec<String> {
    differences(&format!("    expect: [{{at: 30s, incidents_include: [{incidents}]}}]\n"))
}

#[test]
fn a_wrong_field_says_what_came_and_why() {
    for (wanted, expected) in [
        ("{root: pdu-1, rule: power, category: power, team: dc, quiet: false}", &[][..]),
        (
            "{root: pdu-1, members: [pdu-1]}",
            &[
                "INC-1 (pdu-1): members [pdu-1] / [pdu-1, srv-1]",
                "  srv-1: dependant of pdu-1, 1 hop, 10s before it, 94 % likely <- t.yaml:10",
            ],
        ),
        (
            "{root: srv-2, members: [srv-1, srv-2]}",
            &[
                "INC-3 (srv-2): members [srv-1, srv-2] / [srv-2]",
                "  srv-1: dependant of pdu-1, 1 hop, 10s before it, 94 % likely, in INC-1 (pdu-1) <- t.yaml:10",
            ],
        ),
    ] {
        assert_eq!(expect(wanted), expected, "{wanted}");
    }
}

#[test]
fn every_field_is_compared_and_can_hit_and_miss() {
    let rows = [
        ("rule: null", "rule: fixed"),
        ("title: Down srv-2", "title: other"),
        ("members: [srv-2]", "members: []"),
        ("subordinates: 0", "subordinates: 1"),
        ("pages: []", "pages: [dc, dc]"),
        ("tickets: [default]", "tickets: []"),
        ("impact: low", "impact: high"),
        ("urgency: medium", "urgency: high"),
        ("priority: P4", "priority: P1"),
        ("state: new", "state: resolved"),
        ("team: null", "team: web"),
        ("category: null", "category: power"),
        ("quiet: false", "quiet: true"),
        ("because: [opened, nothing_open_explained]", "because: [opened, planned]"),
    ];
    let mut lines: Vec<String> = rows
        .into_iter()
        .flat_map(|(hit, miss)| {
            let hit = expect(&format!("{{root: srv-2, {hit}}}"));
            assert_eq!(hit, [""; 0]);
            expect(&format!("{{root: srv-2, {miss}}}"))
        })
        .collect();
    let told = lines.pop().unwrap();
    let begin = "INC-3 (srv-2): because planned / opened: Down srv-2: nothing open explained it; ";
    assert!(told.starts_with(begin), "{told}");
    let sum = "P4 = impact low (no service reached) × urgency medium";
    assert_eq!(
        lines,
        [
            "INC-3 (srv-2): rule t/fixed / none",
            "  t/fixed does not match srv-2: alertname=\"Login\" (value \"Down\") <- t.yaml:15",
            "  opened at 20s: Down srv-2: nothing open explained it",
            "INC-3 (srv-2): title other / Down srv-2",
            "INC-3 (srv-2): members [] / [srv-2]",
            "  srv-2: opened the incident",
            "INC-3 (srv-2): subordinates 1 / 0",
            "  opened at 20s: Down srv-2: nothing open explained it",
            "INC-3 (srv-2): pages [dc, dc] / []",
            &format!("  {sum}, which makes a ticket <- t.yaml:24"),
            "INC-3 (srv-2): tickets [] / [default]",
            "  ticket to default at 20s of INC-3: new incident, assigned to you",
            "INC-3 (srv-2): impact high / low",
            &format!("  {sum} <- t.yaml:22"),
            "INC-3 (srv-2): urgency high / medium",
            &format!("  {sum} <- t.yaml:21"),
            "INC-3 (srv-2): priority P1 / P4",
            &format!("  {sum} <- t.yaml:21"),
            "INC-3 (srv-2): state resolved / new",
            "  opened at 20s: Down srv-2: nothing open explained it",
            "INC-3 (srv-2): team web / none",
            "INC-3 (srv-2): category power / none",
            "INC-3 (srv-2): quiet true / false",
        ]
    );
}

#[test]
fn a_missing_and_an_extra_incident_are_named() {
    let lines: Vec<String> = [
        "incidents: [{root: pdu-1}, {root: srv-1}, {root: srv-2}]",
        "incidents_include: [{root: pdu-1}, {root: srv-2}, {root: nosuch}]",
        "incidents: [{root: pdu-1}]",
        "incidents: []",
        "pages_total: 0, tickets_total: 2",
        "incidents: [{root: srv-2}, {root: pdu-1}], pages_total: 1, tickets_total: 1",
        "incidents: [{state: new}, {root: pdu-1}]",
    ]
    .into_iter()
    .flat_map(|expected| differences(&format!("    expect: [{{at: 30s, {expected}}}]\n")))
    .collect();
    assert_eq!(
        lines,
        [
            "missing: incident one with the root srv-1 / none like it among INC-1 (pdu-1), INC-3 (srv-2)",
            "  srv-1: dependant of pdu-1, 1 hop, 10s before it, 94 % likely, in INC-1 (pdu-1) <- t.yaml:10",
            "missing: incident one with the root nosuch / none like it among INC-1 (pdu-1), INC-3 (srv-2)",
            "  no alert of nosuch has fired by then",
            "INC-3 (srv-2): incident none / \"Down srv-2\"",
            "  opened at 20s: Down srv-2: nothing open explained it",
            "INC-1 (pdu-1): incident none / \"Power lost: 1 dependants\"",
            "  root_changed at 10s: PduOut pdu-1 explains Down srv-1: rule t/power, pdu-1 -powers-> srv-1 <- t.yaml:10",
            "INC-3 (srv-2): incident none / \"Down srv-2\"",
            "  opened at 20s: Down srv-2: nothing open explained it",
            "all incidents: pages_total 0 / 1",
            "  page to default at 0s of INC-1: new incident, assigned to you",
            "all incidents: tickets_total 2 / 1",
            "  ticket to default at 20s of INC-3: new incident, assigned to you"
        ]
    );
}

#[test]
fn an_unknown_name_in_a_step_is_refused_with_those_that_are_known() {
    let lines: Vec<String> = [
        "ack: {root: nosuch}",
        "merge: {root: srv-2, into: nosuch}",
        "split: {root: pdu-1, members: [nosuch]}",
        "reopen: {root: srv-2}",
        "close: {root: srv-2}",
        "assign: {root: srv-2, to: manager}",
    ]
    .into_iter()
    .flat_map(|step| {
        differences(&format!("      - {{at: 25s, {step}}}\n    expect: [{{at: 30s}}]\n"))
    })
    .collect();
    assert_eq!(
        lines,
        [
            "timeline: step it to be possible / no open incident has the root nosuch; there is pdu-1, srv-2",
            "timeline: step it to be possible / no open incident has the root nosuch; there is pdu-1, srv-2",
            "timeline: step it to be possible / INC-1 has no member nosuch",
            "timeline: step it to be possible / INC-3 is new and cannot be reopened; allowed from here: acknowledged, noted, claimed, assigned, escalated, returned, convened, prioritised, updated, subscribed, unsubscribed, resolved, merged, split, set, reclassified, timed, cancelled, declared major, stood down, checked, given a role, given an action, rid of an action",
            "timeline: step it to be possible / INC-3 is new and cannot be closed; allowed from here: acknowledged, noted, claimed, assigned, escalated, returned, convened, prioritised, updated, subscribed, unsubscribed, resolved, merged, split, set, reclassified, timed, cancelled, declared major, stood down, checked, given a role, given an action, rid of an action",
            "timeline: step it to be possible / no manager in the rule files; known: dc, web"
        ]
    );
}

#[test]
fn everything_that_people_do_can_be_played() {
    let mut found = Vec::new();
    for (steps, expected) in [
        (
            "ack: {root: srv-2, by: anna, for: 1m}",
            "{root: srv-2, state: acknowledged, because: [anna]}",
        ),
        ("claim: {root: srv-2, by: anna}", "{root: srv-2, state: in_progress}"),
        ("claim: {root: srv-2}|unack: {root: srv-2}", "{root: srv-2, state: new}"),
        (
            "ack: {root: srv-2}|hold: {root: srv-2, waits_for: user, for: 2h}",
            "{root: srv-2, state: on_hold}",
        ),
        ("note: {root: srv-2, by: anna, text: looks odd}", "{root: srv-2, because: [looks_odd]}"),
        ("assign: {root: srv-2, to: 'team:web'}", "{root: srv-2, team: web}"),
        ("resolve: {root: srv-2}", "{root: srv-2, state: resolved}"),
        ("resolve: {root: srv-2}|reopen: {root: srv-2}", "{root: srv-2, state: new}"),
        (
            "clear: 'ci=\"srv-2\"'|resolve: {root: srv-2}|close: {root: srv-2}",
            "{root: srv-2, state: closed}",
        ),
        ("merge: {root: srv-2, into: pdu-1}", "{root: pdu-1, members: [pdu-1, srv-1, srv-2]}"),
        (
            "split: {root: pdu-1, members: [srv-1]}",
            "{root: srv-1}, {root: pdu-1, members: [pdu-1]}",
        ),
        (
            "silence: {matchers: 'alertname=\"Down\"', for: 1h, by: anna}",
            "{root: srv-2, quiet: true}, {root: pdu-1, quiet: false}",
        ),
        (
            "silence: {ci: pdu-1, for: 1h}",
            "{root: srv-2, quiet: false}, {root: pdu-1, quiet: true}",
        ),
    ] {
        let steps_of = steps.split('|').enumerate();
        let lines: Vec<String> =
            steps_of.map(|(n, step)| format!("      - {{at: {}s, {step}}}\n", 21 + n)).collect();
        let lines = lines.concat();
        let test = format!("{lines}    expect: [{{at: 30s, incidents_include: [{expected}]}}]\n");
        found.extend(differences(&test).into_iter().map(|line| format!("{steps}: {line}")));
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_rule_that_was_expected_says_which_matcher_kept_it_out() {
    let test = r#"      - {at: 21s, fire: 'alertname="Login", site="lab"'}
      - {at: 22s, fire: 'alertname="Login", site="fra"'}
    expect:
      - at: 30s
        incidents_include: [{root: Login, rule: fixed, priority: P1}, {root: Login, rule: fixed}]
"#;
    assert_eq!(
        differences(test),
        [
            "INC-4 (Login): rule t/fixed / none",
            "  t/fixed does not match Login: unless site=\"lab\" (value \"lab\") <- t.yaml:15",
            "  opened at 21s: Login: nothing open explained it",
        ]
    );
}

#[test]
fn what_an_update_writes_passes_and_nothing_else_is_changed() {
    let wrong = r#"    expect:
      # first
      - at: 15s
        incidents:                      # complete
          - root: pdu-1                 # the cause
            members: [pdu-1]            # too few
            priority: P1
            pages: # nobody
              - web
              - dc
          # gone soon
          - root: srv-1
            title: "not there"
      - {at: 30s, pages_total: 9, incidents: [{root: 'pdu-1', title: 'Power "lost"', team: null}]}
"#;
    let right = r"    expect:
      # first
      - at: 15s
        incidents:                      # complete
          - root: pdu-1                 # the cause
            members: [pdu-1, srv-1]            # too few
            priority: P3
            pages: # nobody
              - default
          # gone soon
      - {at: 30s, pages_total: 1, incidents: [{root: 'pdu-1', title: 'Power lost: 1 dependants', team: dc}, {root: srv-2, members: [srv-2], pages: []}]}
";
    let before = file(wrong);
    let failed = outcome(&before);
    let after = rewrite(&before, &failed.edits).unwrap();
    assert_eq!(after.refused, []);
    assert_eq!(after.text, file(right).text);
    let again = SourceFile { name: before.name.clone(), text: after.text };
    assert_eq!(outcome(&again).findings, []);
    assert_eq!(outcome(&again).edits, []);
}

#[test]
fn what_no_value_would_make_right_is_not_rewritten() {
    for (expected, why) in [
        ("{root: srv-2, because: [nonsense]}", "a text that was told cannot be guessed"),
        ("{root: a}, {root: b}, {root: c}", "no incident is left that it could mean"),
    ] {
        let test = format!("    expect: [{{at: 30s, incidents_include: [{expected}]}}]\n");
        let findings = outcome(&file(&test)).findings;
        assert_eq!(findings.last().unwrap().unmendable, why, "{expected}");
    }
}

#[test]
fn each_matcher_is_covered_when_it_was_seen_both_ways() {
    let file = file("    expect: [{at: 30s}]\n");
    let loaded = load(core::slice::from_ref(&file));
    let rules = Arc::new(loaded.set.unwrap());
    let mut coverage = Coverage::default();
    assert_eq!(coverage.count(&rules), (0, 8));
    run(&loaded.tests[0], &rules, &mut coverage);
    assert_eq!(coverage.count(&rules), (6, 8));
    let gaps: Vec<_> = coverage
        .gaps(&rules)
        .into_iter()
        .map(|it| {
            (it.list, it.matcher, it.never_true, it.never_false, it.span.of(&file.text).to_owned())
        })
        .collect();
    assert_eq!(
        gaps,
        [
            ("when", "alertname=\"Login\"".into(), true, false, "'alertname=\"Login\"'".into()),
            ("unless", "site=\"lab\"".into(), true, false, "'site=\"lab\"'".into()),
        ]
    );
}

const DESK: &str = "version: 1
namespace: t
teams:
  one: {members: ann, next: two}
  two: {members: bob, line: 2}
  help: {members: eva}
contacts: {ann: {channels: log}, bob: {channels: log}, eva: {channels: log}}
defaults: {team: one}
closing: {require: [{fields: solution}]}
tests:
  - name: t
    timeline:
      - {at: 0s, report: {title: Slow, ci: shop, by: mia, contact: ann, category: web, fields: {location: fra1}}}
";

/// Plays the desk's test with these steps, and says what the timeline lacks or what was refused.
fn played(steps: &str, state: &str, because: &str) -> Vec<String> {
    let expect = format!("{{root: shop, state: {state}, because: ['{because}']}}");
    let text = format!("{DESK}{steps}    expect: [{{at: 1h, incidents_include: [{expect}]}}]\n");
    let file = SourceFile { name: "t.yaml".into(), text };
    let findings = outcome(&file).findings;
    let all = findings.into_iter().flat_map(|it| it.mismatches);
    all.map(|it| format!("{} {} / {}", it.field, it.expected, it.got)).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_step_of_the_desk_can_be_played_and_be_refused() {
    let resolved = "      - {at: 1m, resolve: {root: shop, fields: {solution: x}}}\n";
    for (before, step, state, because, refused) in [
        ("", "note: {root: shop, text: hm}", "new", "mia", None),
        ("", "escalate: {root: shop, text: hard}", "new", "to two by tester: hard", None),
        ("", "escalate: {root: shop}", "new", "", Some("say why it is escalated")),
        ("", "escalate: {root: shop, to: 'team:help', text: x}", "new", "to help by tester", None),
        (
            "      - {at: 1m, escalate: {root: shop, text: x}}\n",
            "return: {root: shop, text: not ours}",
            "new",
            "to one by tester: not ours; misrouted by tester",
            None,
        ),
        ("", "return: {root: shop, text: x}", "new", "", Some("was nobody\'s before")),
        (
            "",
            "convene: {root: shop, teams: [help, two], link: 'https://m/1', text: big}",
            "new",
            "the call is at https://m/1",
            None,
        ),
        ("", "priority: {root: shop, to: P1, text: big}", "new", "P1", None),
        ("", "update: {root: shop, text: on it}", "new", "tester: on it", None),
        ("", "update: {root: shop}", "new", "", Some("a note needs a text")),
        ("", "subscribe: {root: shop, who: 'team:help'}", "new", "help hears of it,", None),
        (
            "",
            "unsubscribe: {root: shop, who: 'team:help'}",
            "new",
            "help hears of it no more",
            None,
        ),
        (
            "",
            "set: {root: shop, fields: {location: ams1}}",
            "new",
            "location is ams1 (was fra1)",
            None,
        ),
        (
            "",
            "set: {root: shop, fields: {closure_code: x}}",
            "new",
            "",
            Some("closure_code is `x`"),
        ),
        ("", "classify: {root: shop, category: net, text: dns}", "new", "from web to net", None),
        ("", "time: {root: shop, for: 45m}", "new", "45m by tester", None),
        ("", "cancel: {root: shop, text: a test}", "cancelled", "false alarm", None),
        ("", "cancel: {root: shop}", "new", "", Some("say why it is cancelled")),
        ("", "declare_major: {root: shop, text: all down}", "new", "all down", None),
        (
            "      - {at: 1m, declare_major: {root: shop, text: x}}\n",
            "stand_down: {root: shop, text: half is up}",
            "new",
            "half is up",
            None,
        ),
        ("", "resolve: {root: shop}", "new", "", Some("needs solution before it is resolved")),
        (
            resolved,
            "confirm: {root: shop, by: mia, satisfaction: 4}",
            "closed",
            "satisfaction is 4",
            None,
        ),
        ("", "confirm: {root: shop, by: mia}", "new", "", Some("cannot be confirmed")),
        (
            resolved,
            "reject: {root: shop, by: mia, text: still slow}",
            "new",
            "not over, says mia",
            None,
        ),
        (resolved, "reject: {root: shop, by: mia}", "resolved", "", Some("say why it is rejected")),
    ] {
        let steps = format!("{before}      - {{at: 2m, {step}}}\n");
        let found = played(&steps, state, because);
        match refused {
            None => assert!(found.is_empty(), "{step}: {found:?}"),
            Some(why) => assert!(found.iter().any(|it| it.contains(why)), "{step}: {found:?}"),
        }
    }
}

#[test]
fn what_people_learn_afterwards_is_still_written_and_nothing_else() {
    let closed = "      - {at: 1m, resolve: {root: shop, fields: {solution: x}}}\n      \
                  - {at: 2m, confirm: {root: shop, by: mia}}\n";
    for (fields, because, refused) in [
        (
            "{root_cause: hardware, problem: PRB-7}",
            "root_cause is hardware, problem is PRB-7",
            None,
        ),
        ("{satisfaction: 5}", "satisfaction is 5", None),
        ("{follow_up: buy disks, evidence: dump.gz}", "follow_up is buy disks", None),
        ("{root_cause: gremlins}", "", Some("root_cause is `gremlins`, expected one of")),
        (
            "{location: ams1, satisfaction: 5}",
            "",
            Some(
                "INC-1 is closed: location cannot be written any more, only satisfaction, \
                 follow_up, root_cause, problem, evidence",
            ),
        ),
    ] {
        let steps = format!("{closed}      - {{at: 3m, set: {{root: shop, fields: {fields}}}}}\n");
        let found = played(&steps, "closed", because);
        match refused {
            None => assert!(found.is_empty(), "{fields}: {found:?}"),
            Some(why) => assert!(found.iter().any(|it| it.contains(why)), "{fields}: {found:?}"),
        }
    }
}
