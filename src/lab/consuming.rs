//! Scenarios of records of Kafka: each once, poison, a partition that is halted, a backlog.

use core::time::Duration;
use std::sync::Arc;

use super::world::World;
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Consumed, Content, Event, Record};
use crate::engine::refusal::Refusal;
use crate::engine::reply::{Consumption, Reply};
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::delivery::DeliveryId;
use crate::model::labels::Labels;
use crate::model::partition::{Edge, Goal, Partition, Position};
use crate::model::quarantine::{Cause, Origin, Unhandled};
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

pub(super) const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

const LIMITS: Limits = Limits {
    alerts_per_source: 1_000,
    deliveries: 1_000,
    deliveries_for: Duration::from_hours(24),
    quarantine: 1_000,
    quarantine_bytes: 1 << 20,
    bulletins: None,
};

/// A daemon with the built-in rules and no CMDB.
pub(super) fn world() -> World {
    let rules = Arc::new(RuleSet::builtin());
    World::new(Context::new(rules, Arc::new(Topology::empty()), LIMITS), START)
}

pub(super) fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn partition() -> Partition {
    Partition { source: "metrics".into(), topic: "alerts".into(), number: 3 }
}

fn occurrence(name: &str, signal: Signal, at_s: u64) -> Occurrence {
    let labels = Labels::build(&mut [("alertname", name), ("severity", "critical")]).unwrap();
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal,
        starts_at: after(at_s),
        severity: None,
        details: Arc::new(Details { annotations: Labels::empty(), generator_url: Box::default() }),
    }
}

/// A record at an offset that says that something fires, since `at_s`.
fn fires(offset: u64, name: &str, at_s: u64) -> Record {
    let signal = Signal::Firing { until: after(86_400), explicit: true };
    taken(offset, occurrence(name, signal, at_s))
}

fn clears(offset: u64, name: &str, at_s: u64) -> Record {
    taken(offset, occurrence(name, Signal::Resolved { at: after(at_s) }, 0))
}

fn taken(offset: u64, occurrence: Occurrence) -> Record {
    let content = Content::Alerts { occurrences: vec![occurrence], delivery: None };
    Record { offset, mark: offset, content }
}

fn garbage(offset: u64) -> Record {
    let what = Unhandled {
        source: "metrics".into(),
        format: "native".into(),
        cause: Cause::Unreadable,
        reason: format!("topic alerts, partition 3, offset {offset}: no JSON"),
        content_type: "".into(),
        body: [b'x'][..].into(),
        origin: Some(Origin { topic: "alerts".into(), partition: 3, offset }),
    };
    Record { offset, mark: offset, content: Content::Unreadable(Box::new(what)) }
}

fn batch(records: Vec<Record>) -> Consumed {
    let partition = partition();
    Consumed { partition, cluster: "c".into(), turn: 0, first: 10, is_late: false, records }
}

fn consume(world: &mut World, batch: Consumed, at_s: u64) -> Consumption {
    let reply = world.event(&Event::Consumed(Box::new(batch)), after(at_s));
    let Reply::Consumed(done) = reply else { panic!("{reply:?}") };
    *done
}

fn position(world: &World) -> &Position {
    &world.image().positions[&partition()]
}

/// Names of the alerts of ours that fire.
fn own(world: &World) -> Vec<String> {
    let rows = world.image().alerts.values().filter(|row| row.state.fires());
    let names = rows.filter_map(|row| row.labels.get("alertname"));
    names.filter(|name| name.starts_with("Incidentd")).map(Into::into).collect()
}

#[test]
fn a_record_counts_once_whatever_is_read_again() {
    let mut world = world();
    let records = || vec![fires(10, "A", 0), fires(11, "B", 0)];
    let first = consume(&mut world, batch(records()), 0);
    assert_eq!((first.next, first.received.began, first.repeated), (12, 2, 0));
    let image = world.image().clone();
    let again = consume(&mut world, batch(records()), 1);
    assert_eq!((again.next, again.received.began, again.repeated), (12, 0, 2));
    assert_eq!(world.image().alerts, image.alerts);
    let more = [records(), vec![fires(14, "C", 0)]].concat();
    let more = consume(&mut world, batch(more), 2);
    assert_eq!(
        (more.next, more.received.began, more.repeated),
        (15, 1, 2),
        "an offset may be missing"
    );
    world.restart(after(3));
    let again = consume(&mut world, batch(vec![fires(14, "C", 0)]), 3);
    assert_eq!((again.next, again.repeated), (15, 1), "so after a restart");
    assert_eq!((position(&world).mark, &*position(&world).cluster), (Some(14), "c"));
}

#[test]
fn a_partition_begins_where_it_was_found_and_empty_records_move_it_on() {
    let mut world = world();
    assert_eq!(consume(&mut world, batch(Vec::new()), 0).next, 10);
    let nothing = Record { offset: 10, mark: 1, content: Content::Nothing };
    let done = consume(&mut world, Consumed { first: 99, ..batch(vec![nothing]) }, 1);
    assert_eq!((done.next, done.unreadable), (11, 0), "what it began with counts no more");
}

#[test]
fn an_event_under_one_id_counts_once_at_two_offsets() {
    let mut world = world();
    let with_id = |offset| {
        let mut record = fires(offset, "A", 0);
        if let Content::Alerts { delivery, .. } = &mut record.content {
            *delivery = Some(DeliveryId::of("source metrics", "7"));
        }
        record
    };
    let done = consume(&mut world, batch(vec![with_id(10), with_id(11)]), 0);
    assert_eq!((done.received.began, done.repeated, done.next), (1, 1, 12));
}

#[test]
fn what_cannot_be_read_is_kept_and_some_of_it_stops_nothing() {
    let mut world = world();
    let mixed = (10..60).map(|n| if n % 3 == 0 { garbage(n) } else { fires(n, "A", 0) });
    let done = consume(&mut world, batch(mixed.collect()), 0);
    assert_eq!((done.next, done.unreadable, done.is_halted), (60, 16, false));
    assert_eq!(world.image().quarantine.len(), 16);
    let first = world.image().quarantine.values().next().unwrap();
    assert_eq!(first.what.reason, "topic alerts, partition 3, offset 12: no JSON");
    assert!(own(&world).is_empty());
}

#[test]
fn what_is_beyond_the_limit_is_kept_with_where_it_stood() {
    let limits = Limits { alerts_per_source: 1, ..LIMITS };
    let rules = Arc::new(RuleSet::builtin());
    let mut world = World::new(Context::new(rules, Arc::new(Topology::empty()), limits), START);
    let done = consume(&mut world, batch(vec![fires(10, "A", 0), fires(11, "B", 0)]), 0);
    assert_eq!((done.received.began, done.received.overflowed), (1, 1));
    let kept: Vec<_> = world.image().quarantine.values().map(|it| it.what.origin.clone()).collect();
    assert_eq!(kept, [Some(Origin { topic: "alerts".into(), partition: 3, offset: 11 })]);
}

#[test]
fn more_than_half_bad_within_a_minute_halts_the_partition_until_a_person_resumes_it() {
    let mut world = world();
    let records: Vec<Record> = (10..50).map(garbage).collect();
    let done = consume(&mut world, batch(records.clone()), 0);
    assert_eq!((done.next, done.unreadable, done.is_halted), (30, 20, true), "at the twentieth");
    assert_eq!(own(&world), ["IncidentdKafkaPartitionHalted"]);
    let halted = position(&world).halted.clone().unwrap();
    assert!(halted.why.starts_with("20 of 20 records within a minute"), "{}", halted.why);

    let dropped = consume(&mut world, batch(records.clone()), 1);
    assert_eq!((dropped.next, dropped.unreadable, dropped.is_halted), (30, 0, true));
    world.restart(after(2));
    world.advance(after(7 * 86_400));
    assert_eq!(own(&world).len(), 1, "it fires until somebody acts");

    let seek = |to| Event::Seek { partition: partition(), to, by: "mia".into() };
    let week = 7 * 86_400;
    world.event(&seek(Goal::Here), after(week));
    assert!(own(&world).is_empty() && position(&world).halted.is_none());
    let old = consume(&mut world, batch(records.clone()), week + 1);
    assert_eq!((old.next, old.turn), (30, 2), "what was read before the halt counts for nothing");
    let new = Consumed { turn: 2, ..batch(vec![fires(30, "A", 0)]) };
    assert_eq!(consume(&mut world, new, week + 2).next, 31);
    let audit: Vec<_> = world.image().audit.values().map(|it| (&*it.by, &*it.action)).collect();
    assert_eq!(audit, [("mia", "resume partition")]);
}

#[test]
fn bad_records_of_different_minutes_are_not_added_up() {
    let mut world = world();
    for (minute, offset) in [(0, 10), (1, 29), (2, 48)] {
        let records = (offset..offset + 19).map(garbage).collect();
        let done = consume(&mut world, batch(records), minute * 60);
        assert!(!done.is_halted, "minute {minute}");
    }
}

#[test]
fn a_partition_is_moved_by_a_person_only_and_says_so() {
    let mut world = world();
    consume(&mut world, batch(vec![fires(10, "A", 0)]), 0);
    let why = "gone; say from where to go on".to_owned();
    let halt = Event::Halt { partition: partition(), why };
    world.event(&halt, after(1));
    world.event(&halt, after(2));
    assert_eq!((position(&world).turn, own(&world).len()), (1, 1), "halted once");
    let seek = |to| Event::Seek { partition: partition(), to, by: "mia".into() };
    world.event(&seek(Goal::Offset(500)), after(3));
    let it = position(&world);
    assert_eq!((it.next, it.mark, &*it.cluster, it.turn), (500, None, "", 2));
    world.event(&seek(Goal::Edge(Edge::Beginning)), after(4));
    assert_eq!((position(&world).next, position(&world).edge), (500, Some(Edge::Beginning)));
    let found = Consumed { turn: 3, first: 400, ..batch(Vec::new()) };
    assert_eq!(consume(&mut world, found, 5).next, 400, "the brokers say where that is");
    assert_eq!((position(&world).edge, &*position(&world).cluster), (None, "c"));

    let nowhere = Partition { number: 9, ..partition() };
    let refused = world
        .event(&Event::Seek { partition: nowhere, to: Goal::Here, by: "mia".into() }, after(6));
    let words = "alerts/9 of source metrics".to_owned();
    assert_eq!(refused, Reply::Refused(Refusal::UnknownPartition(words)));
}

/// A backlog of an hour: A and B come and go, C stays.
fn backlog() -> Consumed {
    let records = vec![
        fires(10, "A", 0),
        fires(11, "B", 60),
        clears(12, "A", 300),
        fires(13, "C", 400),
        clears(14, "B", 600),
    ];
    Consumed { is_late: true, ..batch(records) }
}

#[test]
fn a_backlog_wakes_nobody_for_what_ended_within_it_and_tells_the_rest_once_it_is_read() {
    let mut world = world();
    let mut first = backlog();
    let rest = first.records.split_off(3);
    consume(&mut world, first, 3_600);
    world.advance(after(3_610));
    assert!(world.sent().is_empty(), "{:?}", world.sent());
    consume(&mut world, Consumed { is_late: true, ..batch(rest) }, 3_620);
    world.advance(after(3_640));
    assert!(world.sent().is_empty(), "{:?}", world.sent());
    assert!(position(&world).is_late);
    consume(&mut world, batch(Vec::new()), 3_640);
    world.advance(after(3_650));
    let told: Vec<_> = world.sent().iter().map(|notice| notice.id.incident).collect();
    assert_eq!(told.len(), 1, "{:?}", world.sent());
    let incident = &world.image().incidents[&told[0]];
    assert_eq!(incident.title, "C");
    assert!(!position(&world).is_late);
    let episodes = world.image().alerts.values().filter(|row| row.state.episode == 1).count();
    assert_eq!(episodes, 3, "all of it is recorded");
}

#[test]
fn a_backlog_that_does_not_end_keeps_pages_for_a_quarter_of_an_hour_at_most() {
    let mut world = world();
    consume(&mut world, backlog(), 3_600);
    world.advance(after(3_600 + 15 * 60 - 1));
    assert!(world.sent().is_empty());
    world.advance(after(3_600 + 15 * 60));
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn what_another_source_says_is_told_at_once() {
    let mut world = world();
    consume(&mut world, backlog(), 3_600);
    let signal = Signal::Firing { until: after(86_400), explicit: true };
    let occurrences = vec![occurrence("D", signal, 3_600)];
    world.event(&Event::Received { source: "hook".into(), occurrences }, after(3_601));
    world.advance(after(3_602));
    assert_eq!(world.sent().len(), 1);
}
