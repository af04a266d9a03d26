//! Limits that count working time: both clocks run by the calendar of the priority.

use core::time::Duration;
use std::sync::Arc;

use super::story::{Story, handled};
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::lab::world::World;
use crate::model::alert::Signal;
use crate::model::incident::RecordId;
use crate::model::progress::WaitsFor;
use crate::model::time::Timestamp;
use crate::rules::{SourceFile, load};

const RULES: &str = "
version: 1
contacts: {boss: {channels: log}}
calendars:
  office: {zone: Europe/Berlin, hours: [{days: [mon-fri], from: '09:00', to: '17:00'}]}
priorities:
  limits:
    P4: {response: 4h, resolution: 16h, calendar: office}
    P3: {response: 4h, resolution: 16h}
policies:
  default:
    functional: [{after: 0s, notify: assigned}, {at: 50%, notify: assigned}]
    hierarchical: [{at: 100%, notify: 'contact:boss', repeat: 3h}]
    resolution: [{at: 50%, notify: 'contact:boss'}]
";

fn time(text: &str) -> Timestamp {
    let text = format!("{text}:00+01:00");
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A story that begins on Friday, an hour before the office closes.
struct Office(Story);

impl Office {
    fn opens(severity: &str) -> Self {
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: RULES.into() }]);
        let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let ctx = Context::new(Arc::new(rules), Arc::new(Topology::empty()), Limits::default());
        let world = World::new(ctx, time("2026-11-20T16:00"));
        let mut story = Story { world, source: "test".into() };
        let labels = [("alertname", "Slow"), ("severity", severity)];
        let since = time("2026-11-20T16:00").since(super::story::START).as_secs();
        let until = time("2026-12-20T16:00");
        story.send(since, &labels, Signal::Firing { until, explicit: false }, since);
        Self(story)
    }

    fn order(&mut self, at: &str, command: Command) {
        let order = Order {
            incident: RecordId(1),
            by: "mia".into(),
            expected: None,
            note: "because".into(),
            command,
        };
        handled(&self.0.world.event(&Event::Handle(order), time(at)));
    }

    fn notices(&self) -> Vec<String> {
        let sent = self.0.world.sent().iter();
        sent.map(|it| format!("{} {}", it.created_at, it.contact)).collect()
    }
}

#[test]
fn steps_and_their_repeats_wait_for_the_office_to_open() {
    let mut office = Office::opens("info");
    office.0.world.advance(time("2026-11-24T12:00"));
    // Utc is an hour behind. 4 h: one on Friday, three on Monday; then every 3 h of the office.
    assert_eq!(
        office.notices(),
        [
            "2026-11-20T15:00:00.000Z default",
            "2026-11-23T09:00:00.000Z default",
            "2026-11-23T11:00:00.000Z boss",
            "2026-11-23T14:00:00.000Z boss",
            "2026-11-23T15:00:00.000Z boss",
            "2026-11-24T09:00:00.000Z boss",
        ]
    );
    let record = office.0.incident(1);
    assert_eq!(record.response.due_at, time("2026-11-23T12:00"));
    assert_eq!(record.resolution.due_at, time("2026-11-24T16:00"));
}

#[test]
fn without_a_calendar_the_weekend_counts() {
    let mut office = Office::opens("critical");
    office.0.world.advance(time("2026-11-20T20:30"));
    assert_eq!(office.0.incident(1).response.due_at, time("2026-11-20T20:00"));
    assert_eq!(office.0.incident(1).resolution.due_at, time("2026-11-21T08:00"));
}

#[test]
fn only_working_time_on_hold_is_given_back() {
    let mut office = Office::opens("info");
    let hold = |until| Command::Hold { waits_for: WaitsFor::Supplier, until: time(until) };
    let ack = || Command::Acknowledge { hold: Some(Duration::from_hours(200)), update_in: None };
    office.order("2026-11-20T16:10", ack());
    // From Friday, half an hour before the end, to Monday, an hour after the beginning.
    office.order("2026-11-20T16:30", hold("2026-11-23T10:00"));
    office.0.world.advance(time("2026-11-23T10:00"));
    let clock = &office.0.incident(1).resolution;
    assert_eq!(clock.stood_ms, 65 * 3_600_000 + 1_800_000, "all of it, as people see it");
    assert_eq!(clock.due_at, time("2026-11-25T09:30"), "an hour and a half later");
    // Held in the night: no working time is lost, and none is given.
    office.order("2026-11-23T18:00", hold("2026-11-23T23:00"));
    office.0.world.advance(time("2026-11-23T23:00"));
    assert_eq!(office.0.incident(1).resolution.due_at, time("2026-11-25T09:30"));
}

/// A story whose resolution limit is an hour, which the manager hears of, then again every two hours;
/// P1 always runs, P2 only in the office, whose hours the response clock does not know.
fn repeating() -> Story {
    Story::under(
        "
contacts: {a: {channels: log}, boss: {channels: log}}
teams: {one: {members: a, manager: boss}}
defaults: {team: one}
calendars:
  desk: {zone: UTC, hours: [{from: '09:00', to: '11:00'}, {from: '15:00', to: '17:00'}]}
priorities:
  limits:
    P1: {response: 1h, resolution: 1h}
    P3: {response: 1h, resolution: 1h, resolution_calendar: desk}
policies: {default: {resolution: [{at: 100%, notify: manager, repeat: 2h}]}}
",
    )
}

fn hours(story: &Story) -> Vec<u64> {
    let told = story.world.sent().iter().filter(|it| &*it.contact == "boss");
    told.map(|it| it.created_at.since(super::story::START).as_secs() / 3_600).collect()
}

#[test]
fn a_repeat_on_the_resolution_clock_goes_by_the_hours_of_that_clock() {
    let mut story = repeating();
    story.fire(0, super::story::DISK);
    story.wait(8 * 3_600);
    // From nine: at ten, then an hour until eleven and one from three on.
    assert_eq!(hours(&story), [1, 7]);
}

#[test]
fn a_repeat_that_waits_for_the_desk_comes_at_once_when_it_is_more_pressing() {
    let mut story = repeating();
    story.fire(0, super::story::DISK);
    story.wait(2 * 3_600);
    let raise = Command::Prioritise { priority: Some(crate::model::priority::Priority::P1) };
    handled(&story.order(4 * 3_600, 1, raise));
    story.wait(6 * 3_600);
    let pages = story.world.sent().iter().filter(|it| it.because.contains("not resolved"));
    let at: Vec<_> = pages
        .filter(|it| &*it.contact == "boss")
        .map(|it| it.created_at.since(super::story::START).as_secs() / 3_600)
        .collect();
    assert_eq!(at, [1, 4, 6], "two hours after the first, which is past, then every two");
}

#[test]
fn a_repeat_comes_a_whole_interval_after_a_hold() {
    let mut story = repeating();
    story.fire(0, super::story::DISK);
    let raise = Command::Prioritise { priority: Some(crate::model::priority::Priority::P1) };
    handled(&story.order(1, 1, raise));
    story.wait(2 * 3_600);
    let hold = Some(Duration::from_hours(20));
    handled(&story.order(2 * 3_600, 1, Command::Acknowledge { hold, update_in: None }));
    let until = super::story::after(5 * 3_600);
    let hold = Command::Hold { waits_for: WaitsFor::User, until };
    handled(&story.order(2 * 3_600, 1, hold));
    story.wait(9 * 3_600);
    let steps = story.world.sent().iter().filter(|it| it.because.contains("not resolved"));
    let at: Vec<_> =
        steps.map(|it| it.created_at.since(super::story::START).as_secs() / 3_600).collect();
    assert_eq!(at, [1, 7, 9], "not when the hold ended at five");
}
