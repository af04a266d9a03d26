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
                "  srv-1: dependant of pdu-1, 1 hop, 10s before it <- t.yaml:10",
            ],
        ),
        (
            "{root: srv-2, members: [srv-1, srv-2]}",
            &[
                "INC-3 (srv-2): members [srv-1, srv-2] / [srv-2]",
                "  srv-1: dependant of pdu-1, 1 hop, 10s before it, in INC-1 (pdu-1) <- t.yaml:10",
            ],
        ),
    ] {
        assert_eq!(expect(wanted), expected, "{wanted}");
    }
}
