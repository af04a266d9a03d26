//! Scenarios of major incidents.

use super::story::{DISK, Story, after, handled};
use crate::engine::event::{Command, Ending, Event, Order, Reply};
use crate::model::incident::{Happening, RecordId, StateName};
use crate::model::notice::NoticeKind;
use crate::model::sheet::Edit;

const DAY: u64 = 86_400;

const RULES: &str = "
contacts: {boss: {channels: [log]}, dora: {channels: [log]}}
teams: {dc: {members: [dora]}}
defaults: {team: dc}
majors: {priorities: [P1], management: [boss]}
rules: [{name: p1, owner: dc, when: 'alertname=\"Fire\"', group: {by: [site]}, incident: {priority: P1}}]
";

const FIRE: &[(&str, &str)] = &[("alertname", "Fire"), ("severity", "critical")];

fn refused(reply: Reply) -> String {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    refusal.to_string()
}

fn silent(story: &mut Story, at_s: u64, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(1), "mia".into(), String::new());
    story
        .world
        .event(&Event::Handle(Order { incident, by, expected: None, note, command }), after(at_s))
}

#[test]
fn management_hears_of_a_major_incident_before_those_who_are_on_call() {
    let mut story = Story::under(RULES);
    story.fire(0, FIRE);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 boss", "INC-1 dc"]);
    let major = story.incident(1).major.clone().unwrap();
    assert_eq!((&*major.by, &*major.because), ("rules", "its priority is P1"));
    let mut other = Story::under(RULES);
    other.fire(0, DISK);
    assert_eq!(other.told(NoticeKind::Page), ["INC-1 dc"], "P3 is none");
    assert!(!other.incident(1).is_major());
}

#[test]
fn a_person_declares_any_and_what_is_stood_down_no_rule_declares_again() {
    let mut story = Story::under(RULES);
    story.fire(0, DISK);
    assert!(refused(silent(&mut story, 1, Command::DeclareMajor)).contains("say why"));
    handled(&story.order(2, 1, Command::DeclareMajor));
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 dc", "INC-1 boss"]);
    let again = refused(story.order(3, 1, Command::DeclareMajor));
    assert_eq!(again, "INC-1 is a major incident already");
    handled(&story.order(4, 1, Command::StandDown));
    assert_eq!(
        refused(story.order(5, 1, Command::StandDown)),
        "INC-1 is no major incident already"
    );
    assert!(story.happened(1).contains(&Happening::Major));
    let mut pressing = Story::under(RULES);
    pressing.fire(0, FIRE);
    handled(&pressing.order(1, 1, Command::StandDown));
    pressing.fire(2, &[("alertname", "Fire"), ("severity", "critical"), ("n", "2")]);
    assert!(!pressing.incident(1).is_major(), "a person said so");
}

#[test]
fn a_major_incident_is_not_closed_without_a_review() {
    let mut story = Story::under(RULES);
    story.fire(0, FIRE);
    story.clear(1, FIRE);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    story.wait(30 * DAY);
    assert_eq!(story.incident(1).progress.name(), StateName::Resolved, "not by itself");
    assert!(refused(story.order(30 * DAY, 1, Command::Close)).starts_with("INC-1 needs review"));
    let review = Edit::read("review", "bought an extinguisher").unwrap();
    handled(&story.order(30 * DAY + 1, 1, Command::Set(vec![review])));
    story.wait(30 * DAY + 1);
    assert_eq!(story.incident(1).progress.name(), StateName::Closed, "nothing is left to do");
}
