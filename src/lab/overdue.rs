//! Scenarios of clocks that got shorter than the time that passed: each ladder calls once, for the
//! highest step that is overdue, and says how late that is.

use super::story::{Story, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::timeline::Happening;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

const RULES: &str = "
teams:
  one: {members: [ann], manager: boss}
  two: {members: [bob]}
  three: {members: [eva]}
contacts:
  ann: {channels: [log]}
  bob: {channels: [log]}
  eva: {channels: [log]}
  boss: {channels: [log]}
  head: {channels: [log]}
defaults: {team: one}
priorities:
  limits: {P1: {response: 20m, resolution: 90m}, P3: {response: 8h, resolution: 5d}}
policies:
  default:
    functional:
      - {after: 0s, notify: assigned}
      - {at: 25%, notify: 'team:two'}
      - {at: 50%, notify: 'team:three'}
      - {at: 75%, notify: LAST}
    hierarchical:
      - {at: 50%, notify: manager}
      - {at: 100%, notify: 'contact:head'}
    resolution:
      - {at: 25%, notify: manager}
      - {at: 50%, notify: RESOLUTION}
    acceptance: []
";

fn raised(last: &str, resolution: &str) -> Story {
    let rules = RULES.replace("LAST", last).replace("RESOLUTION", resolution);
    let rules = rules.replace("    acceptance: []\n", "");
    let mut story = Story::under(&rules);
    story.fire(0, &[("alertname", "Slow"), ("severity", "critical")]);
    let priority = |priority, at_s: u64, story: &mut Story| {
        let (incident, by, note) = (RecordId(1), "mia".into(), "it is worse".into());
        let command = Command::Prioritise { priority: Some(priority) };
        let order = Order { incident, by, expected: None, note, command };
        handled(&story.world.event(&Event::Handle(order), after(at_s)));
    };
    priority(Priority::P3, 0, &mut story);
    priority(Priority::P1, HOUR, &mut story);
    story
}

fn called(story: &Story) -> Vec<String> {
    let late = story.world.sent().iter().filter(|it| it.created_at == after(HOUR));
    let asks = late.filter(|it| it.kind != NoticeKind::Update);
    asks.map(|it| format!("{} {}: {}", it.kind, it.contact, it.because)).collect()
}

#[test]
fn each_ladder_calls_once_for_its_highest_overdue_step_and_says_how_late_it_is() {
    let mut story = raised("'team:two'", "manager");
    let calls = called(&story);
    let late = |what: &str, late: &str| {
        calls.iter().filter(|it| it.starts_with(what) && it.contains(late)).count()
    };
    assert_eq!(
        late("page bob: unanswered for 1h", "functional escalation, 45m late"),
        1,
        "{calls:?}"
    );
    assert_eq!(late("page head: unanswered for 1h", "hierarchical escalation, 40m late"), 1);
    assert_eq!(late("page boss: not resolved after 1h", ""), 1);
    assert_eq!(late("page eva", ""), 0, "a lower step");
    assert_eq!(calls.iter().filter(|it| !it.contains("raised")).count(), 3, "{calls:?}");
    let before = story.world.pages().count();
    story.wait(HOUR + 10 * MINUTE);
    assert_eq!(story.world.pages().count(), before, "what was overdue is not made up for");
}

#[test]
fn ladders_that_are_late_together_call_a_person_once() {
    let story = raised("assigned", "assigned");
    let calls = called(&story);
    let ann: Vec<&String> = calls.iter().filter(|it| it.contains(" ann: ")).collect();
    let [one] = &*ann else { panic!("{calls:?}") };
    assert!(one.contains("raised from P3 to P1"), "{one}");
    assert!(one.contains("unanswered for 1h (functional escalation, 45m late)"), "{one}");
    for what in [Happening::EscalatedFunctional, Happening::EscalatedResolution] {
        let told = story.happened(1).into_iter().filter(|it| *it == what).count();
        assert!(told >= 1, "each step is on the timeline: {what}");
    }
}

#[test]
fn what_was_held_back_for_long_calls_as_what_is_new() {
    use crate::model::labels::Labels;
    use crate::model::silence::{Silence, SilenceId, SilenceMatcher};
    let rules = RULES.replace("LAST", "'team:two'").replace("RESOLUTION", "manager");
    let mut story = Story::under(&rules.replace("    acceptance: []\n", ""));
    let matcher = SilenceMatcher {
        name: "alertname".into(),
        value: "Slow".into(),
        is_regex: false,
        is_equal: true,
    };
    let silence = Silence {
        id: SilenceId(1),
        matchers: vec![matcher],
        cis: Vec::new(),
        rule: None,
        source: None,
        starts_at: after(0),
        ends_at: after(3 * HOUR),
        updated_at: after(0),
        created_by: "mia".into(),
        comment: "x".into(),
        annotations: Labels::empty(),
    };
    story.world.event(&Event::Silence { silence, replaces: None }, after(0));
    story.fire(1, &[("alertname", "Slow"), ("severity", "critical")]);
    story.wait(3 * HOUR + 1);
    let pages: Vec<_> = story.world.pages().map(|it| &*it.contact).collect();
    assert_eq!(pages, ["ann"]);
}
