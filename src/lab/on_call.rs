//! Who is called: the person who has the shift when a step falls due, not when the incident began;
//! whoever stands in by command; and by which channels each hears of it.

use std::sync::Arc;

use super::story::{DISK, Story, after};
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Event, StandIn};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::lab::world::World;
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::timeline::Happening;
use crate::rules::{RuleSet, SourceFile, load};

/// Shifts change at 10:00 in Berlin, which is when the story begins.
const RULES: &str = "
version: 1
contacts: {anna: {channels: log}, bert: {channels: log}, carla: {channels: log}}
rotations:
  shop:
    zone: Europe/Berlin
    layers:
      - members: [anna, bert]
        every: 1d
        handover: {at: '10:10'}
        start: 2026-01-04
        hours: {zone: Europe/Berlin, between: ['09:00', '11:00']}
teams:
  shop: {members: [carla, anna], on_call: shop}
defaults: {team: shop}
policies:
  default:
    functional:
      - {after: 0s, notify: assigned}
      - {after: 20m, notify: assigned}
      - {after: 2h, notify: 'team:shop'}
";

fn rules(text: &str) -> Arc<RuleSet> {
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

fn under(text: &str) -> Story {
    let ctx = Context::new(rules(text), Arc::new(Topology::empty()), Limits::default());
    Story { world: World::new(ctx, after(0)), source: "test".into() }
}

fn story() -> Story {
    under(RULES)
}

#[test]
fn each_step_calls_whoever_has_the_shift_and_says_when_nobody_has() {
    let mut story = story();
    story.fire(0, DISK);
    story.wait(9_000);
    let pages: Vec<_> =
        story.world.pages().map(|it| (&*it.target, &*it.contact, &*it.because)).collect();
    let hole = "nobody is on call in rotation shop, you are the team's first";
    assert_eq!(
        pages,
        [
            ("shop", "anna", "new incident, assigned to you"),
            ("shop", "bert", "unanswered for 20m (functional escalation)"),
            ("shop", "carla", &*format!("unanswered for 2h (functional escalation); {hole}")),
        ]
    );
    let timeline = story.world.image().timeline_of(RecordId(1));
    let notices = timeline.filter(|entry| entry.what == Happening::Notice);
    assert_eq!(notices.filter(|entry| entry.text.contains(hole)).count(), 1);
}

#[test]
fn an_update_goes_to_whoever_has_the_shift_now() {
    let mut story = story();
    story.fire(0, DISK);
    story.clear(700, DISK);
    story.wait(3_600);
    let sent: Vec<_> = story.world.sent().iter().map(|it| (it.kind, &*it.contact)).collect();
    assert_eq!(sent, [(NoticeKind::Page, "anna"), (NoticeKind::Update, "bert")]);
}

fn stand_in(team: &str, contact: &str, (from_s, until_s): (u64, u64)) -> StandIn {
    let (team, contact) = (team.into(), contact.into());
    StandIn { team, from: after(from_s), until: after(until_s), contact }
}

fn put(story: &mut Story, at_s: u64, stand_ins: Vec<StandIn>) -> Reply {
    let event = Event::PlanOverrides { stand_ins, by: "mia".into(), note: "ill".into() };
    story.world.event(&event, after(at_s))
}

fn called(story: &Story) -> Vec<&str> {
    story.world.pages().map(|it| &*it.contact).collect()
}

#[test]
fn who_stands_in_by_command_is_called_and_the_last_word_counts() {
    let mut story = story();
    put(&mut story, 0, vec![stand_in("shop", "bert", (0, 3_600))]);
    put(&mut story, 1, vec![stand_in("shop", "carla", (600, 3_600))]);
    story.fire(2, DISK);
    story.wait(1_300);
    assert_eq!(called(&story), ["bert", "carla"]);
    let reply =
        story.world.event(&Event::DropOverride { number: 1, by: "mia".into() }, after(1_400));
    assert_eq!(reply, Reply::Done);
    let trail = story.world.image().audit.values().map(|it| format!("{} {}", it.action, it.object));
    let made = "override on call shop";
    assert_eq!(trail.collect::<Vec<_>>(), [made, made, "drop override shop"]);
}

#[test]
fn an_override_survives_a_restart_and_is_forgotten_a_month_after_its_end() {
    let mut story = story();
    put(&mut story, 0, vec![stand_in("shop", "bert", (0, 3_600))]);
    story.world.restart(after(60));
    story.fire(61, DISK);
    assert_eq!(called(&story), ["bert"]);
    let month = 30 * 86_400;
    story.wait(month);
    assert_eq!(story.world.image().overrides.len(), 1);
    story.wait(month + 7_200);
    assert_eq!(story.world.image().overrides.len(), 0);
}

#[test]
fn an_override_whose_person_is_gone_from_the_rules_calls_whoever_has_the_shift() {
    let mut story = story();
    put(&mut story, 0, vec![stand_in("shop", "bert", (0, 90_000))]);
    let without = RULES.replace(" bert: {channels: log},", "").replace("[anna, bert]", "[anna]");
    story.world.reload(rules(&without), after(60));
    story.fire(61, DISK);
    assert_eq!(called(&story), ["anna"]);
    story.world.reload(rules(RULES), after(120));
    story.wait(1_300);
    assert_eq!(called(&story), ["anna", "bert"], "with the contact it is back");
}

#[test]
fn an_override_that_makes_no_sense_is_refused_whole() {
    let mut story = story();
    for (stand_ins, says) in [
        (vec![stand_in("web", "anna", (0, 60))], "no team:web in the rule files; known: shop"),
        (vec![stand_in("shop", "dora", (0, 60))], "no contact:dora in the rule files"),
        (
            vec![stand_in("shop", "anna", (0, 60)), stand_in("shop", "anna", (9, 9))],
            "before it begins",
        ),
        (vec![stand_in("shop", "anna", (0, 1)); 1_001], "more than 1000 overrides"),
    ] {
        let Reply::Refused(refusal) = put(&mut story, 1, stand_ins) else { panic!("{says}") };
        assert!(refusal.to_string().contains(says), "{refusal}");
        assert_eq!(story.world.image().overrides.len(), 0);
    }
    let unknown = story.world.event(&Event::DropOverride { number: 7, by: "mia".into() }, after(2));
    assert_eq!(unknown, Reply::Refused(Refusal::UnknownOverride(7)));
}

/// Contacts with other channels for what is urgent, members who take turns, and layers that follow the
/// sun: each of them decides who hears of an incident, and by what.
const PREFERENCES: &str = "
version: 1
namespace: t
contacts:
  anna: {channels: [room, mail], urgent: [phone, room]}
  bert: {channels: log}
  carla: {channels: log}
rotations:
  sun:
    zone: UTC
    layers:
      - {members: [carla], every: 1d, handover: {at: '00:00'}, start: 2026-01-01}
      - {members: [anna], every: 1d, handover: {at: '00:00'}, start: 2026-01-01, hours: {zone: Europe/Berlin, between: ['08:00', '16:00']}}
      - {members: [bert], every: 1d, handover: {at: '00:00'}, start: 2026-01-01, hours: {zone: America/New_York, between: ['10:00', '18:00']}}
teams:
  sun: {members: [carla], on_call: sun}
  ring: {members: [anna, bert, carla], turns: by_incident}
defaults: {team: sun}
rules:
  - {name: ring, owner: ring, when: ['team=\"ring\"'], group: {by: [n]}, incident: {assign: ring}}
policies: {default: {functional: [{after: 0s, notify: assigned}, {after: 12h, notify: assigned, repeat: 12h}]}}
";

#[test]
fn a_page_goes_by_what_is_urgent_and_a_ticket_by_the_rest_each_with_its_fail_over() {
    let mut story = under(PREFERENCES);
    story.world.hold_deliveries();
    story.fire(0, DISK);
    story.fire(1, &[("alertname", "Slow"), ("severity", "info")]);
    let notices = story.world.image().notices.values();
    let by: Vec<_> = notices.map(|it| (it.kind, &*it.contact, it.channels.join(" "))).collect();
    assert_eq!(
        by,
        [
            (NoticeKind::Page, "anna", "phone room".into()),
            (NoticeKind::Ticket, "anna", "room mail".into())
        ]
    );
    let id = story.world.image().notices.keys().next().copied().unwrap();
    let failed =
        Event::Failed { notice: id, channel: "phone".into(), error: "410".into(), retry_in: None };
    story.world.event(&failed, after(2));
    let notice = &story.world.image().notices[&id];
    assert_eq!(notice.channel_name(), "room", "the next one at once");
}

#[test]
fn members_take_turns_and_layers_follow_the_sun() {
    let mut story = under(PREFERENCES);
    for n in ["1", "2", "3", "4"] {
        story.fire(
            0,
            &[("alertname", "Down"), ("team", "ring"), ("n", n), ("severity", "critical")],
        );
    }
    assert_eq!(called(&story), ["bert", "carla", "anna", "bert"], "by the number of the incident");
    let mut story = under(PREFERENCES);
    // From Monday at 10:00 in Berlin: her hours, those of New York, the night.
    for (at_s, n) in [(0, "1"), (7 * 3_600, "2"), (15 * 3_600, "3")] {
        story.fire(at_s, &[("alertname", "Down"), ("n", n), ("severity", "critical")]);
    }
    let first: Vec<_> =
        story.world.pages().filter(|it| it.id.seq == 1).map(|it| &*it.contact).collect();
    assert_eq!(first, ["anna", "bert", "carla"]);
}
