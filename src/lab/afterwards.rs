//! Scenarios of what is written on records that are over, by people who may have read them too early.

use super::story::{DISK, Story, after, handled};
use crate::engine::event::{Command, Event, Order, Refusal, Reply};
use crate::model::incident::{Happening, Incident, RecordId};
use crate::model::sheet::{Edit, Field};

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
fn a_subordinate_names_its_incident() {
    let mut story = closed();
    let record = Incident { parent: Some(RecordId(7)), ..story.incident(1).clone() };
    let reply = story.world.event(&write(&record, "problem", "P"), after(3));
    assert!(matches!(reply, Reply::Refused(Refusal::Subordinate { .. })), "{reply:?}");
}
