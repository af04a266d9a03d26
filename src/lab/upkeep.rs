//! Scenarios of the upkeep: what is old is forgotten, what is at hand is not.

use core::time::Duration;
use std::sync::Arc;

use super::image::Image;
use super::world::World;
use crate::cmdb::Topology;
use crate::engine::State;
use crate::engine::changes::Saved;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Event, PastEpisode};
use crate::engine::reply::{Forgotten, Reply};
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::RecordId;
use crate::model::labels::Labels;
use crate::model::notice::CANARY_INCIDENT;
use crate::model::progress::StateName;
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const DAY: Duration = Duration::from_hours(24);

fn world() -> World {
    let topology = Arc::new(Topology::empty());
    let ctx = Context::new(Arc::new(RuleSet::builtin()), topology, Limits::default());
    World::new(ctx, START)
}

fn fire(world: &mut World, from: (&str, &str), at: Timestamp) -> Reply {
    let signal = Signal::Firing { until: at.plus(DAY), explicit: false };
    world.event(&alert(from, signal, at), at)
}

fn clear(world: &mut World, from: (&str, &str), at: Timestamp) -> Reply {
    world.event(&alert(from, Signal::Resolved { at }, at), at)
}

fn forget(world: &mut World, incidents: &[u64], episodes: &[PastEpisode]) -> Forgotten {
    let incidents = incidents.iter().copied().map(RecordId).collect();
    let at = world.now();
    let reply = world
        .event(&Event::Forget { incidents, episodes: episodes.into(), journal_before: None }, at);
    let Reply::Forgotten(done) = reply else { panic!("{reply:?}") };
    done
}

#[test]
fn a_closed_incident_is_forgotten_with_all_that_belongs_to_it_and_an_open_one_is_not() {
    let mut world = world();
    fire(&mut world, ("t", "Old"), START);
    clear(&mut world, ("t", "Old"), START.plus(Duration::from_mins(1)));
    fire(&mut world, ("t", "Open"), START.plus(30 * DAY));
    let (old, open) = (RecordId(1), RecordId(2));
    let state = |world: &World, id| world.image().incidents[&id].progress.name();
    assert_eq!((state(&world, old), state(&world, open)), (StateName::Closed, StateName::New));
    let past = world.image().episodes.keys().next().copied().unwrap();
    let past = PastEpisode { alert: past.0, episode: past.1, incident: Some(old) };

    let done = forget(&mut world, &[1, 2, 99], &[past]);
    assert_eq!(done, Forgotten { incidents: 1, episodes: 1, refused: 2 });
    let image = world.image();
    assert!(!image.incidents.contains_key(&old) && image.incidents.contains_key(&open));
    assert!(image.members.keys().all(|(id, _)| *id == open));
    assert!(image.timeline.keys().all(|(id, _)| *id == open));
    assert!(image.episodes.is_empty() && image.notices.is_empty());
    // Saying it once more is no harm, and the number is not given again.
    let done = forget(&mut world, &[1], &[past]);
    assert_eq!(done.refused, 0);
    let now = world.now();
    fire(&mut world, ("t", "Next"), now);
    assert!(world.image().incidents.contains_key(&RecordId(3)));
}

#[test]
fn an_episode_of_an_incident_at_hand_or_of_the_present_stays() {
    let mut world = world();
    fire(&mut world, ("t", "Flaps"), START);
    let alert = *world.image().alerts.keys().next().unwrap();
    let present = PastEpisode { alert, episode: 1, incident: None };
    let at_hand = PastEpisode { alert, episode: 7, incident: Some(RecordId(1)) };
    let done = forget(&mut world, &[], &[present, at_hand]);
    assert_eq!(done, Forgotten { incidents: 0, episodes: 0, refused: 2 });
}

#[test]
fn a_canary_goes_the_whole_way_and_touches_nothing() {
    let mut world = world();
    fire(&mut world, ("t", "Real"), START);
    let before = world.image().clone();
    let pages = world.pages().count();
    for minute in 1..=3 {
        let at = START.plus(Duration::from_secs(minute));
        let reply = fire(&mut world, ("canary", "IncidentdCanary"), at);
        assert!(matches!(reply, Reply::Received(it) if it.began == 1));
        let came: Vec<_> = world.sent().iter().filter(|it| it.channel_name() == "canary").collect();
        assert_eq!(came.len(), usize::try_from(minute).unwrap());
        assert!(came.iter().all(|it| it.id.incident == CANARY_INCIDENT));
        assert_eq!(came.last().unwrap().created_at, at);
    }
    let counters = before.counters.clone();
    let after = Image { counters: counters.clone(), ..world.image().clone() };
    assert_eq!(after, before, "nothing but the counters moved");
    assert_eq!(world.image().counters.next_record, counters.next_record);
    assert_eq!(world.pages().count(), pages);
}

#[test]
fn a_canary_that_is_stuck_gives_way_to_the_next() {
    let topology = Arc::new(Topology::empty());
    let ctx = Context::new(Arc::new(RuleSet::builtin()), topology, Limits::default());
    let mut state = State::restore(Saved::default(), &ctx, START);
    let mut image = Image::default();
    for second in 0..3 {
        let at = START.plus(Duration::from_secs(second));
        let signal = Signal::Firing { until: at.plus(DAY), explicit: false };
        state.apply(&ctx, &alert(("canary", "IncidentdCanary"), signal, at), at);
        image.apply(&state.drain(&ctx));
    }
    assert_eq!((image.notices.len(), state.notices().count()), (1, 1));
    assert_eq!(
        image.notices.values().next().unwrap().created_at,
        START.plus(Duration::from_secs(2))
    );
}

/// A delivery of one alert: source and name.
fn alert((source, name): (&str, &str), signal: Signal, at: Timestamp) -> Event {
    let labels = Labels::build(&mut [("alertname", name)]).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let occurrence = Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal,
        starts_at: at,
        severity: None,
        details: Arc::new(details),
    };
    Event::Received { source: source.into(), occurrences: vec![occurrence] }
}

/// The journal in short: source, severity, and whether it ended.
fn journal(world: &World) -> Vec<(&str, Option<&str>, bool)> {
    let entries = world.image().journal.values();
    entries.map(|it| (&*it.source, it.severity.as_deref(), it.ended_at.is_some())).collect()
}

#[test]
fn the_journal_has_what_changes_an_alert_and_no_heartbeat() {
    let mut world = world();
    let severe = |severity: &str, at: Timestamp| {
        let Event::Received { source, mut occurrences } =
            alert(("a", "X"), Signal::Firing { until: at.plus(DAY), explicit: false }, at)
        else {
            panic!("no delivery")
        };
        occurrences[0].severity = Some(severity.into());
        Event::Received { source, occurrences }
    };
    let second = |n| START.plus(Duration::from_secs(n));
    for (at, severity) in [(0, "minor"), (1, "minor"), (2, "major")] {
        world.event(&severe(severity, second(at)), second(at));
    }
    fire(&mut world, ("canary", "IncidentdCanary"), second(3));
    let changed = [("a", Some("minor"), false), ("a", Some("major"), false)];
    assert_eq!(journal(&world), changed);
    // A second source holds it, too: only the end of the last is its end.
    world.event(&severe("major", second(3)), second(3));
    fire(&mut world, ("b", "Y"), second(4));
    clear(&mut world, ("b", "Y"), second(5));
    world.advance(second(3).plus(DAY));
    let rest = [("b", None, false), ("b", None, true), ("a", Some("major"), true)];
    assert_eq!(journal(&world), [&changed[..], &rest].concat());
    let seqs: Vec<u64> = world.image().journal.keys().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
}

#[test]
fn what_is_old_in_the_journal_is_forgotten_and_no_number_is_given_again() {
    let mut world = world();
    for n in 0..4 {
        let at = START.plus(n * DAY);
        fire(&mut world, ("t", &n.to_string()), at);
    }
    let journal_before = Some(START.plus(2 * DAY));
    let (incidents, episodes) = (Vec::new(), Vec::new());
    let now = world.now();
    world.event(&Event::Forget { incidents, episodes, journal_before }, now);
    let fired: Vec<u64> = {
        let firing = world.image().journal.values().filter(|it| it.ended_at.is_none());
        firing.map(|it| it.at.since(START).as_secs() / 86_400).collect()
    };
    assert_eq!(fired, [2, 3]);
    fire(&mut world, ("t", "next"), now);
    let last = world.image().journal.keys().map(|(_, seq)| *seq).max();
    assert_eq!(last, Some(world.image().counters.journaled));
}
