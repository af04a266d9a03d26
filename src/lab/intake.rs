//! Scenarios of the intake: what is left out, and what is added, is so for every stage after it.

use super::story::{Story, after, received, rules_of};
use crate::engine::event::Event;
use crate::engine::reply::{Received, Reply};
use crate::model::incident::RecordId;
use crate::model::labels::Labels;
use crate::model::priority::Urgency;
use crate::model::silence::{Silence, SilenceId, SilenceMatcher};

const DROP: &str = "
rules:
  - {name: staging, owner: ops, when: [env=staging], drop: {reason: nobody is on call}}
";

const STAGING: &[(&str, &str)] = &[("alertname", "NodeDown"), ("env", "staging")];

fn dropped(reply: &Reply) -> Vec<(&str, u32)> {
    let Reply::Received(Received { dropped, .. }) = reply else { panic!("{reply:?}") };
    dropped.iter().map(|(rule, count)| (&**rule, *count)).collect()
}

#[test]
fn of_an_alert_that_is_left_out_nothing_is_kept_but_a_count() {
    let mut story = Story::under(DROP);
    let reply = story.fire(0, STAGING);
    assert_eq!((received(&reply), dropped(&reply)), ((0, 0, 0, 0), vec![("t/staging", 1)]));
    let reply = story.clear(60, STAGING);
    assert_eq!(dropped(&reply), [("t/staging", 1)], "its end is of no use either");
    assert!(story.world.image().alerts.is_empty() && story.open().is_empty());
    let reply = story.fire(61, &[("alertname", "NodeDown"), ("env", "production")]);
    assert_eq!((received(&reply), dropped(&reply)), ((1, 0, 0, 0), vec![]));
}

#[test]
fn an_alert_that_fires_when_the_rule_appears_goes_on_until_its_end() {
    let mut story = Story::under("rules: []");
    story.fire(0, STAGING);
    story.world.reload(rules_of(DROP), after(10));
    assert_eq!(received(&story.fire(20, STAGING)), (0, 0, 1, 0), "a heartbeat");
    assert_eq!(received(&story.clear(30, STAGING)), (0, 1, 0, 0));
    assert_eq!(dropped(&story.fire(600, STAGING)), [("t/staging", 1)], "the next episode is not");
    assert_eq!(received(&story.clear(610, STAGING)), (0, 0, 0, 1), "its alert is still known");
    story.wait(7_200);
    assert_eq!(story.open(), [0; 0]);
}

const ENRICH: &str = "
lookups: {owners: {db: {team: dba, level: critical}}}
rules:
  - name: owner
    owner: ops
    when: ['app!=\"\"']
    enrich:
      labels: {team: '{{ lookup(\"owners\", labels.app).team }}'}
      severity: '{{ lookup(\"owners\", labels.app).level }}'
      category: 'app {{ labels.app }}'
      links: {wiki: 'https://wiki.example/{{ labels.app }}'}
  - name: team
    owner: ops
    when: ['team!=\"\"']
    group: {by: [team]}
    incident: {title: 'trouble of {{ labels.team }}', assign: '{{ labels.team }}'}
";

const DB: &[(&str, &str)] = &[("alertname", "Slow"), ("app", "db")];
const WEB: &[(&str, &str)] = &[("alertname", "Slow"), ("app", "web")];

#[test]
fn what_is_added_counts_for_groups_urgency_title_and_team() {
    let mut story = Story::under(ENRICH);
    story.fire(0, DB);
    story.fire(1, &[("alertname", "Full"), ("team", "dba")]);
    story.fire(2, WEB);
    assert_eq!(story.open(), [1, 3]);
    let it = story.incident(1);
    assert_eq!((&*it.title, it.team.as_deref(), it.members), ("trouble of dba", Some("dba"), 2));
    assert_eq!((it.assessment.urgency, it.category.as_deref()), (Urgency::High, Some("app db")));
    let it = story.incident(3);
    assert_eq!(
        (it.rule.as_deref(), it.assessment.urgency),
        (None, Urgency::Low),
        "no table has it"
    );
    let row = &story.world.image().alerts[&Labels::build(&mut DB.to_vec()).unwrap().fingerprint()];
    assert_eq!(row.labels, Labels::build(&mut DB.to_vec()).unwrap(), "it is kept as it was sent");
    let help = story.world.context().help(story.incident(1), Some(row));
    assert_eq!(help.links, [("wiki".into(), "https://wiki.example/db".into())]);
}

/// Silences alerts with `team="dba"` from the start on.
fn silence_dba(story: &mut Story) {
    let matcher = SilenceMatcher {
        name: "team".into(),
        value: "dba".into(),
        is_regex: false,
        is_equal: true,
    };
    let silence = Silence {
        id: SilenceId(1),
        matchers: vec![matcher],
        cis: vec![],
        rule: None,
        source: None,
        starts_at: after(0),
        ends_at: after(86_400),
        updated_at: after(0),
        created_by: "mia".into(),
        comment: "planned".into(),
        annotations: Labels::empty(),
    };
    story.world.event(&Event::Silence { silence, replaces: None }, after(0));
}

#[test]
fn a_silence_holds_what_has_its_label_from_a_rule_only() {
    let mut story = Story::under(ENRICH);
    silence_dba(&mut story);
    story.fire(1, DB);
    assert!(story.open().is_empty());
    story.world.restart(after(2));
    story.fire(3, &[("alertname", "Other"), ("app", "db")]);
    assert!(story.open().is_empty());
}

#[test]
fn a_reload_that_adds_other_labels_changes_what_a_silence_holds() {
    let mut story = Story::under("rules: []");
    silence_dba(&mut story);
    story.fire(1, DB);
    assert_eq!((story.open(), story.incident(1).quiet), (vec![1], false));
    story.world.reload(rules_of(ENRICH), after(10));
    assert!(story.incident(1).quiet);
    story.world.reload(rules_of("rules: []"), after(20));
    assert!(!story.incident(1).quiet);
}

#[test]
fn a_sender_that_changes_the_severity_has_rules_asked_again() {
    let rules = "
rules:
  - {name: page, owner: ops, when: [severity=page], enrich: {severity: critical, override: true}}
";
    let mut story = Story::under(rules);
    let mut send = |at_s, severity: &str| {
        let labels = Labels::build(&mut [("alertname", "Slow")]).unwrap();
        let occurrence = crate::model::alert::Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal: crate::model::alert::Signal::Firing { until: after(9_000), explicit: false },
            starts_at: after(0),
            severity: Some(severity.into()),
            details: crate::model::alert::Details {
                annotations: Labels::empty(),
                generator_url: "".into(),
            }
            .into(),
        };
        let source = std::sync::Arc::clone(&story.source);
        story.world.event(&Event::Received { source, occurrences: vec![occurrence] }, after(at_s));
        story.incident(1).assessment.urgency
    };
    assert_eq!(send(0, "warning"), Urgency::Medium);
    assert_eq!(send(1, "page"), Urgency::High);
    assert_eq!(send(2, "warning"), Urgency::Medium);
}

#[test]
fn a_template_that_fails_says_so_once_an_episode() {
    let rules = "
rules:
  - {name: sum, owner: ops, when: [a!=\"\"], enrich: {labels: {b: '{{ labels.a | float }}'}}}
";
    let mut story = Story::under(rules);
    let labels = [("alertname", "Slow"), ("a", "x")];
    story.fire(0, &labels);
    story.fire(60, &labels);
    let said = story.world.image().timeline_of(RecordId(1));
    let said = said.filter(|entry| entry.text.starts_with("rule t/sum cannot set b: "));
    assert_eq!(said.count(), 1);
}
