//! Scenarios of what is written on records that are over, by people who may have read them too early.

use super::story::{DISK, Story, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, RecordId};
use crate::model::sheet::{Edit, Field};
use crate::model::timeline::Happening;

fn closed() -> Story {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(2, 1, Command::Cancel));
    story
}

fn write(record: &Incident, name: &str, value: &str) -> Event {
    let edits = vec![Edit::read(name, value).unwrap()];
    let (by, note, command) = ("mia".into(), String::new(), Command::Set(edits));
    let order = Order { incident: record.id, by, expected: None, note, command };
    Event::Afterwards { record: Box::new(record.clone()), order }
}

#[test]
fn what_was_read_before_the_last_change_is_outdated_and_loses_nothing() {
    let mut story = closed();
    let early = story.incident(1).clone();
    handled(&story.world.event(&write(&early, "satisfaction", "5"), after(10)));
    let first = story.incident(1).clone();
    assert_eq!((first.revision, first.version), (early.revision + 1, early.version + 1));
    assert_eq!(story.world.event(&write(&early, "evidence", "x"), after(11)), Reply::Outdated);
    handled(&story.world.event(&write(&first, "evidence", "x"), after(12)));
    let record = story.incident(1);
    assert_eq!(record.sheet.get(Field::Satisfaction), Some("5"));
    assert_eq!(record.sheet.get(Field::Evidence), Some("x"));
    let written = story.happened(1).iter().filter(|it| **it == Happening::Written).count();
    assert_eq!(written, 2);
    assert!(story.open().is_empty(), "it is not held again");
    story.world.restart(after(20));
    let record = story.incident(1).clone();
    handled(&story.world.event(&write(&record, "problem", "PRB-1"), after(30)));
}

#[test]
fn what_is_forgotten_does_not_come_back_and_what_is_held_is_not_written_past_the_engine() {
    let mut story = closed();
    let record = story.incident(1).clone();
    let forget =
        Event::Forget { incidents: vec![RecordId(1)], episodes: Vec::new(), journal_before: None };
    story.world.event(&forget, after(10));
    assert_eq!(story.world.event(&write(&record, "problem", "P"), after(11)), Reply::Outdated);
    assert!(!story.world.image().incidents.contains_key(&RecordId(1)));
    let mut story = Story::new();
    story.fire(0, DISK);
    let open = story.incident(1).clone();
    assert_eq!(story.world.event(&write(&open, "problem", "P"), after(1)), Reply::Outdated);
}

#[test]
fn a_review_wants_something_else_though_nothing_of_it_was_open() {
    let rules = "contacts: {dana: {channels: [log]}}\nteams: {dc: {members: [dana]}}\n\
                 defaults: {team: dc}\n";
    let mut story = Story::under(rules);
    story.fire(0, DISK);
    story.clear(1, DISK);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    handled(&story.order(3, 1, Command::Close));
    let record = story.incident(1).clone();
    let add = |note: &str, owner: &str| {
        let owner = Target::Contact(owner.into());
        let command = Command::AddAction { text: "strip".into(), owner, due_at: after(86_400) };
        let order = Order {
            incident: RecordId(1),
            by: "mia".into(),
            expected: None,
            note: note.into(),
            command,
        };
        Event::Afterwards { record: Box::new(record.clone()), order }
    };
    let refused = story.world.event(&add("", "dana"), after(10));
    assert_eq!(refused, Reply::Refused(Refusal::NoReason { wish: "given an action" }));
    let unknown = story.world.event(&add("it came back", "ghost"), after(11));
    assert!(matches!(unknown, Reply::Refused(Refusal::UnknownTarget { .. })), "{unknown:?}");
    assert_eq!(story.world.followed(), 0, "what was refused leaves nothing");
    handled(&story.world.event(&add("it came back", "dana"), after(12)));
    handled(&story.world.event(&add("", "dana"), after(13)));
    assert_eq!(story.incident(1).actions.len(), 2, "the second joins the first");
    story.world.restart(after(20));
    story.wait(86_400);
    let reminded = |it: &&Happening| **it == Happening::ActionOverdue;
    assert_eq!(story.happened(1).iter().filter(reminded).count(), 2, "it reminds");
    for (at_s, number) in [(90_000, 1), (90_001, 2)] {
        handled(&story.order(at_s, 1, Command::FinishAction { number }));
    }
    assert_eq!(story.world.followed(), 0);
    assert_eq!(story.world.event(&add("again", "dana"), after(90_002)), Reply::Outdated);
}

#[test]
fn a_subordinate_names_its_incident() {
    let mut story = closed();
    let record = Incident { parent: Some(RecordId(7)), ..story.incident(1).clone() };
    let reply = story.world.event(&write(&record, "problem", "P"), after(3));
    assert!(matches!(reply, Reply::Refused(Refusal::Subordinate { .. })), "{reply:?}");
}
