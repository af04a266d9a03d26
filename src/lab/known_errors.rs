//! Scenarios of known errors: quiet within bounds, and told of beyond them, whatever happens meanwhile.

use super::story::{Story, after, rules_of};
use crate::model::notice::NoticeKind;
use crate::model::timeline::Happening;

const RULES: &str = "
rules:
  - name: leak
    owner: ops
    when: ['alertname=Leak']
    unless: ['severity=critical']
    known_error:
      id: KE-1
      workaround: 'restart {{ labels.host }}'
      keep_quiet: {max_age: 1h, max_per_day: 2}
    incident: {title: 'KE-1 on {{ labels.host }}', priority: P4}
  - name: one-host
    owner: ops
    when: ['host!=\"\"']
    group: {by: [host], window: 30m}
";

const HOUR: u64 = 3_600;

const LEAK: &[(&str, &str)] = &[("alertname", "Leak"), ("host", "a"), ("severity", "warning")];
const CRITICAL: &[(&str, &str)] = &[("alertname", "Leak"), ("host", "a"), ("severity", "critical")];
const OTHER: &[(&str, &str)] = &[("alertname", "DiskFull"), ("host", "a"), ("severity", "warning")];

fn leak(host: &'static str) -> [(&'static str, &'static str); 2] {
    [("alertname", "Leak"), ("host", host)]
}

impl Story {
    fn is_quiet(&self, id: u64) -> bool {
        self.incident(id).quiet
    }

    /// Everything that the timeline of an incident says.
    fn reasons(&self, id: u64) -> String {
        let entries = self.world.image().timeline_of(crate::model::incident::RecordId(id));
        entries
            .map(|entry| format!("{}: {}", entry.what, entry.text))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[test]
fn a_known_error_is_quiet_until_its_age_is_exceeded_and_pages_then() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.wait(HOUR - 1);
    assert!(story.is_quiet(1) && story.world.sent().is_empty());
    assert_eq!(story.incident(1).title, "KE-1 on a");
    assert!(story.reasons(1).contains("known_error: KE-1 by rule t/leak: restart a\n"));
    story.wait(HOUR);
    assert!(!story.is_quiet(1));
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 ops"], "P4 or not");
    let because = &story.world.sent()[0].because;
    assert_eq!(because, "assigned to you now; known error exceeded: open for 1h, at most 1h");
    assert!(
        story
            .incident(1)
            .assessment
            .sum
            .ends_with("pages: known error exceeded: open for 1h, at most 1h")
    );
}

#[test]
fn what_clears_within_its_bounds_is_told_to_nobody() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.clear(600, LEAK);
    story.wait(30 * HOUR);
    assert!(story.world.sent().is_empty());
    assert!(story.happened(1).contains(&Happening::Closed));
}

#[test]
fn one_that_comes_too_often_in_a_day_pages_also_after_a_restart() {
    for restarts in [false, true] {
        let mut story = Story::under(RULES);
        for (n, host) in ["a", "b"].into_iter().enumerate() {
            story.fire(n as u64 * HOUR, &leak(host));
            story.clear(n as u64 * HOUR + 60, &leak(host));
        }
        if restarts {
            story.wait(2 * HOUR);
            story.world.restart(after(2 * HOUR));
        }
        // A day after the first it no longer counts, to the millisecond.
        story.fire(24 * HOUR - 1, &leak("c"));
        assert!(story.reasons(3).contains("known error exceeded: 3 times within 1d, at most 2"));
        assert!(!story.is_quiet(3));
        assert_eq!(story.told(NoticeKind::Page), ["INC-3 ops"]);
        story.fire(25 * HOUR, &leak("d"));
        assert!(story.is_quiet(4), "{}", story.reasons(4));
        story.fire(25 * HOUR + 1, &leak("e"));
        assert!(!story.is_quiet(5), "the third of the last 24 hours");
    }
}

#[test]
fn a_restart_keeps_the_quiet_and_its_end() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.world.restart(after(10));
    story.wait(HOUR - 1);
    assert!(story.is_quiet(1));
    story.wait(HOUR);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 ops"]);
}

#[test]
fn a_member_that_the_known_error_does_not_explain_ends_the_quiet() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.fire(60, &[("alertname", "Leak"), ("host", "a"), ("n", "2")]);
    assert!(story.is_quiet(1), "one more of the same");
    story.fire(120, OTHER);
    assert_eq!((story.open(), story.is_quiet(1)), (vec![1], false));
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 ops"]);
    let why = "known error exceeded: DiskFull DiskFull (warning) is not what KE-1 explains";
    assert!(
        story.reasons(1).contains(&why.replace("DiskFull DiskFull", "DiskFull")),
        "{}",
        story.reasons(1)
    );
}

#[test]
fn quiet_ends_when_unless_begins_to_hold() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.fire(60, CRITICAL);
    assert!(!story.is_quiet(1));
    assert!(story.reasons(1).contains("(critical) is not what KE-1 explains"));
    let mut story = Story::under(RULES);
    story.fire(0, CRITICAL);
    assert_eq!((story.incident(1).known_error.is_none(), story.is_quiet(1)), (true, false));
}

#[test]
fn an_incident_merged_into_a_quiet_one_ends_the_quiet_unless_it_is_the_same_error() {
    for (second, quiet) in [(&leak("b")[..], true), (&[("alertname", "DiskFull")][..], false)] {
        let mut story = Story::under(RULES);
        story.fire(0, LEAK);
        story.fire(1, second);
        let into = crate::model::incident::RecordId(1);
        story.order(2, 2, crate::engine::order::Command::Merge { into });
        assert_eq!((story.open(), story.is_quiet(1)), (vec![1], quiet));
    }
}

#[test]
fn a_reload_changes_the_bounds_or_ends_the_quiet() {
    let mut story = Story::under(RULES);
    story.fire(0, LEAK);
    story.world.reload(rules_of(&RULES.replace("max_age: 1h", "max_age: 2h")), after(60));
    story.wait(HOUR);
    assert!(story.is_quiet(1));
    story.world.reload(rules_of("rules: []"), after(HOUR + 60));
    assert!(!story.is_quiet(1));
    assert!(story.reasons(1).contains("raised: neither held back nor kept quiet as KE-1"));
    assert_eq!(story.told(NoticeKind::Page), Vec::<String>::new(), "an incident like any other");
    assert_eq!(story.told(NoticeKind::Ticket).len(), 1);
}

#[test]
fn without_keep_quiet_a_known_error_only_says_what_helps() {
    let mut story = Story::under(&RULES.replace("keep_quiet: {max_age: 1h, max_per_day: 2}", ""));
    story.fire(0, LEAK);
    assert!(!story.is_quiet(1));
    assert_eq!(story.told(NoticeKind::Ticket), ["INC-1 ops"]);
    let known = story.incident(1).known_error.clone().unwrap();
    assert_eq!((&*known.id, known.exceeded), ("KE-1", None));
}

#[test]
fn a_cause_that_comes_later_takes_the_known_error_away() {
    let mut story = Story::new();
    let text = format!(
        "{}\n  - name: node\n    owner: linux\n    when: ['alertname=NodeDown']\n    known_error: {{id: KE-2, workaround: wait, keep_quiet: {{max_age: 2h}}}}\n",
        super::story::RULES.trim_end().replace("version: 1\nnamespace: t\n", "")
    );
    story.world.reload(rules_of(&text), after(0));
    story.fire(10, super::story::SRV1);
    assert!(story.is_quiet(1));
    story.fire(20, super::story::PDU);
    assert_eq!((story.open(), story.is_quiet(1)), (vec![1], false));
    assert_eq!(story.incident(1).known_error, None);
    assert!(story.reasons(1).contains("no longer taken for KE-2: another alert explains it"));
}
