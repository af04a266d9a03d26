//! Scenarios of redundancy, of the validity of relations, and of hours of service.

use std::sync::Arc;

use super::story::{START, Story, after, rules_of};
use super::world::World;
use crate::cmdb::{Topology, import};
use crate::engine::context::{Context, Limits};
use crate::model::alert::Join;
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::priority::{Loss, Priority, Urgency};
use crate::model::timeline::Happening;

const RULES: &str = "
calendars:
  office: {zone: UTC, hours: [{days: [mon, tue, wed, thu, fri], from: '10:00', to: '18:00'}]}
rules:
  - name: power
    when: ['ci.class=\"pdu\"', 'alertname=\"OutputOff\"']
    topology: {follow: [powers, hosts, runs], max_hops: 4, lookback: 5m}
";

const CMDB: &str = "
cis:
  strip-a: {class: pdu}
  strip-b: {class: pdu}
  srv-1: {class: server, needs: {powered_by: any}}
  srv-2: {class: server}
  shop: {class: service, tier: 1, users: 1200}
  ledger: {class: service, tier: 1, hours: office}
relations: [strip-a -powers-> srv-1, strip-b -powers-> srv-1, srv-1 -runs-> shop,
            srv-2 -runs-> ledger]
";

const A: &[(&str, &str)] =
    &[("alertname", "OutputOff"), ("ci", "strip-a"), ("severity", "critical")];
const B: &[(&str, &str)] =
    &[("alertname", "OutputOff"), ("ci", "strip-b"), ("severity", "critical")];
const SRV1: &[(&str, &str)] =
    &[("alertname", "NodeDown"), ("ci", "srv-1"), ("severity", "warning")];
const SHOP: &[(&str, &str)] = &[("alertname", "Errors"), ("ci", "shop"), ("severity", "warning")];
const SRV2: &[(&str, &str)] =
    &[("alertname", "NodeDown"), ("ci", "srv-2"), ("severity", "critical")];

fn context(rules: &str, cmdb: &str) -> Context {
    let rows = import::read(cmdb, "cmdb.yaml").unwrap();
    let topology = Topology::new(1, rows).unwrap();
    Context::new(rules_of(rules), Arc::new(topology), Limits::default())
}

fn story(rules: &str) -> Story {
    Story { world: World::new(context(rules, CMDB), START), source: "test".into() }
}

fn timeline(story: &Story, id: u64, what: Happening) -> Vec<String> {
    let entries = story.world.image().timeline_of(RecordId(id));
    entries.filter(|entry| entry.what == what).map(|entry| entry.text.clone()).collect()
}

#[test]
fn the_loss_of_one_of_two_is_a_ticket_of_low_urgency_that_says_so() {
    let mut story = story(RULES);
    story.fire(0, A);
    let incident = story.incident(1);
    let found = &incident.assessment;
    assert_eq!(
        found.sum,
        "P4 = impact low (no service reached; redundancy lost: srv-1 has 1 of 2 powered_by left) \
         × urgency low (only redundancy is lost)"
    );
    assert_eq!((found.loss, found.priority, found.pages), (Loss::Redundancy, Priority::P4, false));
    assert_eq!(incident.title, "Redundancy lost: OutputOff strip-a");
    assert_eq!(timeline(&story, 1, Happening::Priority), std::slice::from_ref(&found.sum));
    story.wait(10_000);
    assert_eq!((story.told(NoticeKind::Ticket).len(), story.told(NoticeKind::Page).len()), (1, 0));
}

#[test]
fn how_urgent_lost_redundancy_is_comes_from_the_rules() {
    for (given, urgency) in
        [("low", Urgency::Low), ("medium", Urgency::Medium), ("high", Urgency::High)]
    {
        let mut story = story(&format!("{RULES}\npriorities: {{redundancy_lost: {given}}}\n"));
        story.fire(0, A);
        assert_eq!(story.incident(1).assessment.urgency, urgency, "{given}");
        assert_eq!(story.incident(1).assessment.loss, Loss::Redundancy, "{given}");
    }
}

#[test]
fn the_second_loss_joins_the_first_and_raises_it_to_a_page() {
    let mut story = story(RULES);
    story.fire(0, A);
    story.fire(60, B);
    assert_eq!(story.open(), [1]);
    let last = Join::LastLeg { rule: "t/power".into(), ci: "srv-1".into() };
    assert_eq!(story.join(1, 2), &last);
    let incident = story.incident(1);
    assert_eq!(incident.assessment.loss, Loss::Service);
    assert_eq!(incident.title, "OutputOff strip-a and 1 more alert");
    let priorities = timeline(&story, 1, Happening::Priority);
    assert_eq!(
        priorities[1],
        "P4 → P1 = impact high (service shop, tier 1; 1200 users) × urgency high; \
         it is no longer only redundancy that is lost"
    );
    assert_eq!(story.told(NoticeKind::Page).len(), 1);
    // And back: the strip that has power again is the redundancy that was lost first.
    story.clear(120, B);
    assert_eq!(story.incident(1).assessment.loss, Loss::Redundancy);
    story.world.restart(after(130));
    assert_eq!(story.incident(1).assessment.loss, Loss::Redundancy);
}

#[test]
fn one_loss_of_two_explains_nothing_behind_what_stands_and_both_do() {
    let mut story = story(RULES);
    story.fire(0, A);
    story.fire(10, SHOP);
    assert_eq!(story.open(), [1, 2], "srv-1 stands: strip-a is not why the shop errs");
    story.fire(20, B);
    assert_eq!(story.open(), [1], "now it is, and what began before is taken over");
    story.fire(30, SRV1);
    let Join::Dependant { path, .. } = story.join(1, 4) else { panic!("{:?}", story.join(1, 4)) };
    assert_eq!(path.to_string(), "strip-a -powers-> srv-1");
}

#[test]
fn a_weakened_ci_that_fails_by_itself_is_hit() {
    let with_group = RULES.replace(
        "rules:\n",
        "rules:\n  - {name: all, when: ['ci!=\"\"'], group: {by: [severity], window: 1h}}\n",
    );
    let mut story = story(&with_group.replace("severity=\"warning\"", ""));
    story.fire(0, A);
    let srv1 = &[("alertname", "NodeDown"), ("ci", "srv-1"), ("severity", "critical")];
    story.fire(10, srv1);
    assert_eq!(story.open(), [1]);
    let found = &story.incident(1).assessment;
    assert_eq!(found.sum, "P1 = impact high (service shop, tier 1; 1200 users) × urgency high");
    assert_eq!(found.loss, Loss::Service);
}

#[test]
fn a_relation_is_followed_until_its_last_instant_and_not_after() {
    // START is 09:00.
    let cmdb = CMDB.replace(
        "strip-b -powers-> srv-1,",
        "{relation: strip-b -powers-> srv-1, source: netbox, valid_until: 2026-01-05T09:10:00Z},",
    );
    let world = World::new(context(RULES, &cmdb), START);
    let mut story = Story { world, source: "test".into() };
    assert_eq!(story.world.context().topology.next_bound(), Some(after(600)));
    story.fire(0, A);
    assert_eq!(story.incident(1).assessment.loss, Loss::Redundancy);
    story.wait(599);
    assert_eq!(story.incident(1).assessment.loss, Loss::Redundancy, "a second before");
    story.wait(600);
    let incident = story.incident(1);
    assert_eq!(incident.assessment.priority, Priority::P1, "{}", incident.assessment.sum);
    assert_eq!((incident.assessment.loss, incident.topology_version), (Loss::Service, 2));
    assert!(!story.told(NoticeKind::Page).is_empty(), "nothing else stands under srv-1");
}

#[test]
fn a_service_outside_its_hours_can_wait_until_they_begin() {
    let mut story = story(RULES);
    story.fire(0, SRV2);
    let sum =
        "P3 = impact high (service ledger, tier 1) × urgency low (outside the hours of ledger)";
    assert_eq!(story.incident(1).assessment.sum, sum);
    assert_eq!(story.told(NoticeKind::Page).len(), 0);
    story.wait(3_599);
    assert_eq!(story.told(NoticeKind::Page).len(), 0, "a second before ten");
    story.world.restart(after(3_599));
    story.wait(3_600);
    assert_eq!(story.incident(1).assessment.priority, Priority::P1);
    assert!(!story.told(NoticeKind::Page).is_empty(), "at ten");
    story.fire(3_700, SHOP);
    assert_eq!(story.incident(2).assessment.until, None, "the shop has no hours");
}
