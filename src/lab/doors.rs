//! Scenarios of what comes twice, too much, or cannot be handled.

use core::time::Duration;
use std::sync::Arc;

use super::world::World;
use crate::cmdb::Topology;
use crate::engine::State;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::own;
use crate::engine::refusal::Refusal;
use crate::engine::reply::{Received, Reply};
use crate::ingest::{self, Format, Terms, decode};
use crate::model::alert::{Occurrence, Signal};
use crate::model::delivery::DeliveryId;
use crate::model::quarantine::{Cause, QuarantineId, Unhandled};
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

const LIMITS: Limits = Limits {
    alerts_per_source: 2,
    deliveries: 3,
    deliveries_for: Duration::from_hours(24),
    quarantine: 3,
    quarantine_bytes: 1 << 20,
    bulletins: None,
};

fn context(limits: Limits) -> Context {
    Context::new(Arc::new(RuleSet::builtin()), Arc::new(Topology::empty()), limits)
}

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn alert(name: &str, at: Timestamp) -> Occurrence {
    own::occurrence(name, ("host", "a"), "", at)
}

fn received(source: &str, names: &[&str], at_s: u64) -> Event {
    let occurrences = names.iter().map(|name| alert(name, after(at_s))).collect();
    Event::Received { source: source.into(), occurrences }
}

fn once(id: &str, event: Event) -> Event {
    Event::Once { delivery: DeliveryId::of("s", id), event: Box::new(event) }
}

fn garbage(source: &str, len: usize) -> Event {
    Event::Quarantine(Box::new(Unhandled {
        source: source.into(),
        format: "native".into(),
        cause: Cause::Unreadable,
        reason: String::new(),
        content_type: "".into(),
        body: vec![b'x'; len].into(),
        origin: None,
    }))
}

fn world() -> World {
    World::new(context(LIMITS), START)
}

fn ids(world: &World) -> Vec<u64> {
    world.image().quarantine.keys().map(|id| id.0).collect()
}

#[test]
fn a_delivery_that_comes_again_changes_nothing_for_a_day() {
    let mut world = world();
    let began = Reply::Received(Received { began: 1, ..Received::default() });
    let delivery = |at_s| once("1", received("s", &["A"], at_s));
    assert_eq!(world.event(&delivery(0), after(0)), began);
    let before = world.image().alerts.clone();
    assert_eq!(world.event(&delivery(60), after(60)), Reply::Duplicate);
    assert_eq!(world.image().alerts, before);
    assert!(matches!(
        world.event(&once("2", received("s", &["A"], 60)), after(60)),
        Reply::Received(_)
    ));
    assert_eq!(world.event(&delivery(86_399), after(86_399)), Reply::Duplicate);
    assert_eq!(world.event(&delivery(86_400), after(86_400)), began, "a day later it is forgotten");
}

#[test]
fn what_was_refused_may_be_tried_again_under_the_same_id() {
    let mut world = world();
    let wish = once("1", Event::DropQuarantined(QuarantineId(1)));
    let refused = Reply::Refused(Refusal::NotQuarantined(QuarantineId(1)));
    assert_eq!(world.event(&wish, after(0)), refused);
    world.event(&garbage("s", 1), after(1));
    assert_eq!(world.event(&wish, after(2)), Reply::Done);
    assert_eq!(world.event(&wish, after(3)), Reply::Duplicate);
}

#[test]
fn so_many_deliveries_are_remembered_and_the_oldest_is_forgotten_first() {
    let mut world = world();
    for id in ["1", "2", "3", "4"] {
        world.event(&once(id, received("s", &["A"], 0)), after(0));
    }
    assert_eq!(world.image().deliveries.len(), 3);
    for at in 1..5 {
        world.event(&once(&at.to_string(), received("s", &["A"], at)), after(at));
    }
    let remembered: Vec<_> = world.image().deliveries.values().copied().collect();
    assert_eq!(remembered.len(), 3);
}

#[test]
fn deliveries_and_quarantine_are_the_same_after_a_restart() {
    let mut world = world();
    world.event(&once("1", received("s", &["A"], 0)), after(0));
    world.event(&garbage("s", 40), after(0));
    let mut state = State::restore(world.image().saved(), world.context(), after(1));
    assert_eq!(state.quarantined(), (1, 40));
    let again = once("1", received("s", &["A"], 1));
    assert_eq!(state.apply(&context(LIMITS), &again, after(1)), Reply::Duplicate);
    let next = state.apply(&context(LIMITS), &garbage("s", 1), after(1));
    assert_eq!(next, Reply::Quarantined(QuarantineId(2)));
}

#[test]
fn a_source_beyond_its_limit_raises_one_incident_and_loses_nothing() {
    let mut world = world();
    let reply = world.event(&received("s", &["A", "B", "C", "D"], 0), after(0));
    let expected = Received {
        began: 2,
        overflowed: 2,
        quarantined: Some(QuarantineId(1)),
        ..Received::default()
    };
    assert_eq!(reply, Reply::Received(expected));
    world.event(&received("s", &["E"], 60), after(60));
    assert_eq!(world.image().incidents.len(), 3, "A, B and the one of the overflow");
    let own = |name: &str| {
        world.image().alerts.values().find(|row| row.labels.get("alertname") == Some(name))
    };
    let overflow = own("IncidentdSourceOverflow").unwrap();
    assert_eq!(overflow.labels.get("source"), Some("s"));
    assert_eq!(overflow.state.occurrences, 2);

    let record = &world.image().quarantine[&QuarantineId(1)].what;
    assert_eq!(
        (record.cause, &*record.source, &*record.format),
        (Cause::Overflowed, "s", "native")
    );
    let terms = Terms {
        received: after(1),
        lease: Duration::from_hours(1),
        limits: &ingest::Limits::default(),
    };
    let decoded = decode(Format::Native, &record.body, &terms).unwrap();
    let names: Vec<_> = decoded.occurrences.iter().map(|it| it.labels.get("alertname")).collect();
    assert_eq!(names, [Some("C"), Some("D")]);

    world.advance(after(60 + 15 * 60));
    assert!(!world.image().alerts.values().any(|row| row.state.fires()), "it ends by itself");
}

#[test]
fn another_source_is_not_hurt_by_the_overflow_of_one() {
    let mut world = world();
    world.event(&received("s", &["A", "B", "C"], 0), after(0));
    let reply = world.event(&received("t", &["X", "Y"], 1), after(1));
    assert_eq!(reply, Reply::Received(Received { began: 2, ..Received::default() }));
}

#[test]
fn a_full_quarantine_pushes_out_the_oldest_of_whoever_takes_most_room() {
    let limits = Limits { quarantine_bytes: 100, ..LIMITS };
    let mut world = World::new(context(limits), START);
    world.event(&garbage("quiet", 5), after(0));
    for at in 1..5 {
        world.event(&garbage("loud", 10), after(at));
    }
    assert_eq!(ids(&world), [1, 4, 5], "by count");
    world.event(&garbage("loud", 90), after(6));
    assert_eq!(ids(&world), [1, 6], "by bytes");
    world.event(&garbage("huge", 200), after(7));
    assert_eq!(ids(&world), [7], "what just came stays, whatever its size");
    assert_eq!(world.image().counters.quarantined, 7);
}

#[test]
fn a_record_is_replayed_once() {
    let mut world = world();
    world.event(&garbage("s", 5), after(0));
    let occurrences = vec![alert("A", after(1))];
    let id = QuarantineId(1);
    let replay = Event::Replay { id, source: "s".into(), occurrences };
    let began = Reply::Received(Received { began: 1, ..Received::default() });
    assert_eq!(world.event(&replay, after(1)), began);
    assert!(ids(&world).is_empty());
    let refused = Reply::Refused(Refusal::NotQuarantined(id));
    assert_eq!(world.event(&replay, after(2)), refused);
    assert_eq!(world.event(&Event::DropQuarantined(id), after(2)), refused);
}

#[test]
fn what_is_written_in_our_format_reads_as_it_was() {
    let firing = alert("A", after(0));
    let over = Occurrence {
        signal: Signal::Resolved { at: after(5) },
        severity: None,
        ..alert("B", after(0))
    };
    let limits = ingest::Limits::default();
    let terms = Terms { received: after(9), lease: Duration::from_hours(1), limits: &limits };
    let body = ingest::write([&firing, &over]);
    let decoded = decode(Format::Native, &body, &terms).unwrap();
    let Signal::Firing { until, .. } = firing.signal else { panic!("it fires") };
    let firing = Occurrence { signal: Signal::Firing { until, explicit: true }, ..firing };
    assert_eq!(decoded.occurrences, [firing, over]);
}
