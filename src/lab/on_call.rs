//! Who is called: the person who has the shift when a step falls due, not when the incident began.

use std::sync::Arc;

use super::story::{DISK, Story, after};
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::lab::world::World;
use crate::model::incident::{Happening, RecordId};
use crate::model::notice::NoticeKind;
use crate::rules::{SourceFile, load};

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

fn story() -> Story {
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: RULES.into() }]);
    let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let ctx = Context::new(Arc::new(rules), Arc::new(Topology::empty()), Limits::default());
    Story { world: World::new(ctx, after(0)), source: "test".into() }
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
