//! Scenarios of the upkeep: what is old is forgotten, what is at hand is not.

use core::time::Duration;
use std::sync::Arc;

use super::world::World;
use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::{Event, Forgotten, PastEpisode, Reply};
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::{RecordId, StateName};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);
const DAY: Duration = Duration::from_hours(24);

pub(super) fn world() -> World {
    let topology = Arc::new(Topology::empty());
    let ctx = Context::new(Arc::new(RuleSet::builtin()), topology, Limits::default());
    World::new(ctx, START)
}

/// Lets a source say that this alert fires, or is over.
pub(super) fn say(
    world: &mut World,
    (source, name): (&str, &str),
    fires: bool,
    at: Timestamp,
) -> Reply {
    let labels = Labels::build(&mut [("alertname", name)]).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let firing = Signal::Firing { until: at.plus(DAY), explicit: false };
    let occurrence = Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal: if fires { firing } else { Signal::Resolved { at } },
        starts_at: at,
        severity: None,
        details: Arc::new(details),
    };
    let event = Event::Received { source: source.into(), occurrences: vec![occurrence] };
    world.event(&event, at)
}

fn forget(world: &mut World, incidents: &[u64], episodes: &[PastEpisode]) -> Forgotten {
    let incidents = incidents.iter().copied().map(RecordId).collect();
    let at = world.now();
    match world.event(&Event::Forget { incidents, episodes: episodes.into() }, at) {
        Reply::Forgotten(done) => done,
        other @ (Reply::Received(_)
        | Reply::Acknowledged { .. }
        | Reply::Done
        | Reply::Refused(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_closed_incident_is_forgotten_with_all_that_belongs_to_it_and_an_open_one_is_not() {
    let mut world = world();
    say(&mut world, ("t", "Old"), true, START);
    say(&mut world, ("t", "Old"), false, START.plus(Duration::from_mins(1)));
    say(&mut world, ("t", "Open"), true, START.plus(30 * DAY));
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
    say(&mut world, ("t", "Next"), true, now);
    assert!(world.image().incidents.contains_key(&RecordId(3)));
}

#[test]
fn an_episode_of_an_incident_at_hand_or_of_the_present_stays() {
    let mut world = world();
    say(&mut world, ("t", "Flaps"), true, START);
    let alert = *world.image().alerts.keys().next().unwrap();
    let present = PastEpisode { alert, episode: 1, incident: None };
    let at_hand = PastEpisode { alert, episode: 7, incident: Some(RecordId(1)) };
    let done = forget(&mut world, &[], &[present, at_hand]);
    assert_eq!(done, Forgotten { incidents: 0, episodes: 0, refused: 2 });
}
