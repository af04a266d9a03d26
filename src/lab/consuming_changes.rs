//! Scenarios of planned changes that come by a topic: a table, each row of which counts once.

use super::consuming::{START, after, world};
use super::world::World;
use crate::engine::event::{Consumed, Content, Event, Record, Rest};
use crate::engine::reply::{Consumption, Reply};
use crate::model::change::{Change, ChangeState};
use crate::model::partition::Partition;

fn partition() -> Partition {
    Partition { source: "itsm".into(), topic: "changes".into(), number: 0 }
}

fn change(number: &str, source: &str, ends_s: u64) -> Change {
    Change {
        number: number.into(),
        cis: vec!["a".into()],
        starts_at: START,
        ends_at: after(ends_s),
        state: ChangeState::Approved,
        owner: "".into(),
        summary: "".into(),
        source: source.into(),
    }
}

/// A row as the topic has it.
fn planned(offset: u64, number: &str, ends_s: u64) -> Record {
    let change = Some(Box::new(change(number, "kafka/itsm", ends_s)));
    let content = Content::Planned { number: number.into(), change };
    Record { offset, mark: offset, content }
}

fn gone(offset: u64, number: &str) -> Record {
    let content = Content::Planned { number: number.into(), change: None };
    Record { offset, mark: offset, content }
}

fn consume(world: &mut World, records: Vec<Record>, at_s: u64) -> Consumption {
    let (partition, cluster) = (partition(), "c".into());
    let batch = Consumed { partition, cluster, turn: 0, first: 10, is_late: false, records };
    let reply = world.event(&Event::Consumed(Box::new(batch)), after(at_s));
    let Reply::Consumed(done) = reply else { panic!("{reply:?}") };
    *done
}

fn plan(world: &mut World, changes: Vec<Change>, rest: Rest, at_s: u64) {
    world.event(&Event::PlanChanges { changes, rest, by: "mia".into() }, after(at_s));
}

/// The changes that are stored, each with whose it is and when it ends.
fn stored(world: &World) -> Vec<String> {
    let all = world.image().planned.values();
    let words = all.map(|it| {
        format!("{} of {} until {}", it.number, it.source, it.ends_at.since(START).as_secs())
    });
    words.collect()
}

#[test]
fn the_last_record_of_a_number_is_the_change_and_no_value_takes_it_back() {
    let mut world = world();
    let rows = || vec![planned(10, "C-1", 60), planned(11, "C-2", 60), planned(12, "C-1", 90)];
    assert_eq!(consume(&mut world, rows(), 0).next, 13);
    let whole = ["C-1 of kafka/itsm until 90", "C-2 of kafka/itsm until 60"];
    assert_eq!(stored(&world), whole);
    let audit = world.image().audit.len();
    let again = consume(&mut world, rows(), 1);
    assert_eq!((again.next, again.repeated), (13, 3));
    world.restart(after(2));
    assert_eq!(consume(&mut world, rows(), 2).repeated, 3, "so after a restart");
    assert_eq!((stored(&world), world.image().audit.len()), (whole.map(Into::into).into(), audit));
    consume(&mut world, vec![gone(13, "C-1"), gone(14, "C-9")], 3);
    assert_eq!(stored(&world), ["C-2 of kafka/itsm until 60"]);
    let deeds: Vec<_> = world.image().audit.values().map(|it| (&*it.by, &*it.detail)).collect();
    let expected = [
        ("kafka/itsm", "2 added, 1 changed, 0 removed"),
        ("kafka/itsm", "0 added, 0 changed, 1 removed"),
    ];
    assert_eq!(deeds, expected);
}

#[test]
fn a_topic_takes_back_its_own_and_a_file_of_all_there_is_leaves_it() {
    let mut world = world();
    plan(&mut world, vec![change("C-1", "", 60), change("C-2", "", 60)], Rest::Stays, 0);
    consume(&mut world, vec![gone(10, "C-1"), planned(11, "C-3", 60)], 1);
    assert_eq!(stored(&world).len(), 3, "C-1 is not the topic's");
    plan(&mut world, vec![change("C-1", "", 60)], Rest::Goes, 2);
    assert_eq!(stored(&world), ["C-1 of  until 60", "C-3 of kafka/itsm until 60"]);
    // Whoever speaks of it last has it.
    consume(&mut world, vec![planned(12, "C-1", 70)], 3);
    plan(&mut world, vec![change("C-3", "", 80)], Rest::Stays, 4);
    consume(&mut world, vec![gone(13, "C-1"), gone(14, "C-3")], 5);
    assert_eq!(stored(&world), ["C-3 of  until 80"]);
}

#[test]
fn what_is_long_over_is_passed_over_and_too_many_halt_the_partition_before_them() {
    let mut world = world();
    let month = 31 * 86_400;
    let done = consume(&mut world, vec![planned(10, "old", 60)], month);
    assert_eq!((done.next, stored(&world).len()), (11, 0));
    let all = (0..10_000).map(|n| planned(11 + n, &format!("C-{n}"), 2 * month));
    assert!(!consume(&mut world, all.collect(), month).is_halted);
    let done = consume(
        &mut world,
        vec![planned(10_011, "C-1", 60), planned(10_012, "X", 60 + month)],
        month,
    );
    assert_eq!((done.next, done.is_halted), (10_012, true), "a known one has its place");
    let halted = world.image().positions[&partition()].halted.clone().unwrap();
    assert!(halted.why.contains("more than 10000 planned changes"), "{}", halted.why);
}
