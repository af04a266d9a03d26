//! Scenarios of replays: where alerts end up, and what other rules would have missed.

use std::fmt::Write;
use std::sync::Arc;

use super::super::story::{CMDB, RULES};
use super::*;
use crate::cmdb::import;
use crate::ingest::recorded;
use crate::rules::{SourceFile, load};

fn rules(text: &str) -> Arc<RuleSet> {
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

/// A line: second, status, name, CI and severity.
type Said<'a> = (u64, &'a str, &'a str, &'a str, &'a str);

fn line((at, status, name, ci, severity): Said<'_>) -> String {
    let labels = format!(r#"{{"alertname":"{name}","ci":"{ci}","severity":"{severity}"}}"#);
    let time = |at: u64| Timestamp::from_millis(1_767_603_600_000).plus(Duration::from_secs(at));
    let (start, at) = (time(0), time(at));
    let began = if status == "firing" { at } else { start };
    let mut text = format!(r#"{{"labels":{labels},"status":"{status}","startsAt":"{began}""#);
    if status == "resolved" {
        write!(text, r#","endsAt":"{at}""#).unwrap();
    }
    text.push('}');
    text
}

fn play(rule_file: &str, said: &[Said<'_>]) -> Outcome {
    let topology = Topology::build(1, &import::read(CMDB, "cmdb.yaml").unwrap()).unwrap();
    let mut replay = Replay::new(rules(rule_file), Arc::new(topology));
    for (number, said) in said.iter().enumerate() {
        replay.feed(number as u64, &recorded::read(&line(*said)).unwrap());
    }
    replay.finish()
}

fn placed(outcome: &Outcome) -> Vec<(u64, Option<u64>, Option<u64>)> {
    outcome.alerts.iter().map(|it| (it.line, it.record, it.incident)).collect()
}

const POWER: &[Said<'_>] = &[
    (0, "firing", "NodeDown", "srv-1", "minor"),
    (5, "firing", "Disk", "nowhere", "critical"),
    (10, "firing", "PduOutputOff", "pdu-1", "major"),
    (20, "firing", "NodeDown", "srv-2", "minor"),
    (25, "firing", "NodeDown", "srv-2", "minor"),
    (400, "resolved", "PduOutputOff", "pdu-1", "major"),
    (400, "resolved", "NodeDown", "srv-1", "minor"),
    (400, "resolved", "NodeDown", "srv-2", "minor"),
];

#[test]
fn every_line_is_told_where_its_alert_ended_up_after_adoptions() {
    let outcome = play(RULES, POWER);
    let in_first = |line, record| (line, Some(record), Some(1));
    let expected = [
        in_first(0, 1),
        (1, Some(2), Some(2)),
        in_first(2, 3),
        in_first(3, 4),
        in_first(4, 4),
        in_first(5, 3),
        in_first(6, 1),
        in_first(7, 4),
    ];
    assert_eq!(placed(&outcome), expected);
    assert_eq!(outcome.began, 4);
    let [power, disk] = &*outcome.incidents else { panic!("{outcome:#?}") };
    assert_eq!((power.number, power.root.as_deref(), power.members), (1, Some("pdu-1"), 3));
    let suspects: Vec<&str> = power.suspects.iter().map(|ci| &**ci).collect();
    assert_eq!(suspects, ["pdu-1", "srv-1", "srv-2"], "the root before those it explains");
    // The rule lingers for a minute.
    let lasted = power.resolved_at.unwrap().since(power.opened_at);
    assert_eq!(lasted, Duration::from_secs(460));
    assert_eq!((disk.root.as_deref(), disk.resolved_at, disk.members), (None, None, 1));
    assert!(disk.suspects.is_empty());
}

#[test]
fn what_outlives_its_incident_is_told_with_the_one_it_went_to() {
    let mut said = POWER.to_vec();
    said.truncate(6);
    let outcome = play(RULES, &said);
    // The power is back, both servers still fire: an incident of their own each, under new records.
    assert_eq!(placed(&outcome)[0], (0, Some(5), Some(5)));
    assert_eq!(placed(&outcome)[3], (3, Some(6), Some(6)));
    let members: Vec<u64> = outcome.incidents.iter().map(|it| it.members).collect();
    assert_eq!(members, [1, 1, 1, 1], "{outcome:#?}");
}

#[test]
fn an_alert_that_fires_anew_is_another_episode() {
    let said = [
        (0, "firing", "X", "a", "minor"),
        (60, "resolved", "X", "a", "minor"),
        (10_000, "firing", "X", "a", "minor"),
    ];
    let outcome = play(RULES, &said);
    assert_eq!(
        placed(&outcome),
        [(0, Some(1), Some(1)), (1, Some(1), Some(1)), (2, Some(2), Some(2))]
    );
    assert_eq!(outcome.began, 2);
}

#[test]
fn the_end_in_the_journal_is_taken_from_whichever_source_it_comes() {
    let mut replay = Replay::new(rules(RULES), Arc::new(Topology::empty()));
    for (number, (source, status)) in [("a", "firing"), ("b", "resolved")].iter().enumerate() {
        let said = line((60 * number as u64, status, "X", "a", "minor"));
        let said = said.replacen('{', &format!(r#"{{"source":"{source}","#), 1);
        replay.feed(number as u64, &recorded::read(&said).unwrap());
    }
    assert!(replay.finish().incidents[0].resolved_at.is_some());
}

/// Everything about disks is one incident that calls nobody.
const HUSH: &str = "
  - name: hush
    owner: linux
    when: ['alertname=\"Disk\"']
    group: {by: [job], window: 1h}
    incident: {priority: P4}
";

#[test]
fn a_page_that_other_rules_would_not_have_sent_is_missed_and_the_way_back_is_new() {
    let said = [
        (0, "firing", "Disk", "shop", "warning"),
        (60, "firing", "Disk", "shop", "critical"),
        (120, "firing", "Ping", "nowhere", "minor"),
    ];
    let (before, after) = (play(RULES, &said), play(&format!("{RULES}{HUSH}"), &said));
    let comparison = compare(&before, &after);
    assert_eq!(comparison.before.pages, 2, "{before:#?}");
    let missed: Vec<_> = comparison.missed.iter().map(ToString::to_string).collect();
    assert_eq!(missed.len(), 2, "{comparison:#?}");
    assert!(missed[0].ends_with("in INC-1 of t/hush, which called nobody in time"), "{missed:?}");
    let back = compare(&after, &before);
    assert_eq!((back.missed.len(), back.new_pages.len()), (0, 2));
    let same = compare(&before, &before);
    assert!(same.missed.is_empty() && same.new_pages.is_empty());
    assert_eq!(same.before, same.after);
}
