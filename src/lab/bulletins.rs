//! Scenarios of what other systems are told.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, PDU, SRV1, START, Story, after, handled, rule_set};
use super::world::World;
use crate::cmdb::{Topology, import};
use crate::engine::State;
use crate::engine::bulletins::BulletinLimits;
use crate::engine::changes::Changes;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending};
use crate::model::bulletin::Bulletin;
use crate::rules::RuleSet;

const HOUR: u64 = 3_600;

fn context(rules: Arc<RuleSet>, bulletins: Option<BulletinLimits>) -> Context {
    let rows = import::read(super::story::CMDB, "cmdb.yaml").unwrap();
    let limits = Limits { bulletins, ..Limits::default() };
    Context::new(rules, Arc::new(Topology::build(1, &rows).unwrap()), limits)
}

/// A story that other systems follow; `waiting_max` may wait, each for a day.
fn story(waiting_max: u32) -> Story {
    follow(BulletinLimits { waiting_max, waiting_for: Duration::from_hours(24) })
}

fn follow(limits: BulletinLimits) -> Story {
    let ctx = context(rule_set(), Some(limits));
    Story { world: World::new(ctx, START), source: "test".into() }
}

fn short(bulletin: &Bulletin) -> String {
    let Bulletin { incident, kind, changed, by, .. } = bulletin;
    let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
    let by = by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{incident} {kind}{by}: {}", changed.join(" ")).trim_end().to_owned()
}

/// What waits that was told after `seq`.
fn told(story: &Story, seq: u64) -> Vec<String> {
    story.world.image().bulletins.range(seq + 1..).map(|(_, it)| short(it)).collect()
}

fn seqs(story: &Story) -> Vec<u64> {
    story.world.image().bulletins.keys().copied().collect()
}

/// Fails unless lines that begin so were told in this order, others among them.
fn are_among(told: &[String], beginnings: &[&str]) {
    let mut left = told.iter();
    for beginning in beginnings {
        assert!(left.any(|line| line.starts_with(beginning)), "{beginning} is not in {told:#?}");
    }
}

fn publish(story: &mut Story, at_s: u64, seqs: &[u64]) {
    let bulletins = seqs.to_vec();
    story.world.event(&Event::Published { bulletins }, after(at_s));
}

#[test]
fn what_happens_to_an_incident_is_told_in_its_order_with_what_changed() {
    let waiting_for = Duration::from_hours(24 * 90);
    let mut story = follow(BulletinLimits { waiting_max: 100, waiting_for });
    story.fire(0, SRV1);
    story.fire(5, PDU);
    let first = &story.world.image().bulletins[&1];
    assert_eq!((&*first.outline.title, first.at), ("NodeDown srv-1", after(0)));
    handled(&story.ack(10, 1));
    handled(&story.order(20, 1, Command::Claim));
    handled(&story.order(30, 1, Command::Note));
    story.clear(40, SRV1);
    story.clear(50, PDU);
    story.wait(200);
    story.wait(30 * 24 * HOUR);
    let told = told(&story, 0);
    are_among(
        &told,
        &[
            "INC-1 opened:",
            "INC-1 joined: title priority urgency team ci members firing",
            "INC-1 escalated:",
            "INC-1 acknowledged by mia: state holder",
            "INC-1 acknowledged by mia: state",
            "INC-1 noted:",
            "INC-1 changed:",
            "INC-1 changed:",
            "INC-1 resolved: state",
            "INC-1 closed: state",
        ],
    );
    assert_eq!(seqs(&story), (1..=told.len() as u64).collect::<Vec<_>>());
}

#[test]
fn nothing_is_written_where_nobody_is_to_get_it() {
    let mut story = Story::new();
    story.fire(0, DISK);
    assert!(story.world.image().bulletins.is_empty());
    assert_eq!(story.world.image().counters.bulletins, 0);
}

#[test]
fn a_subordinate_is_told_to_be_merged_and_a_cancelled_incident_to_be_cancelled() {
    let mut story = story(100);
    story.fire(0, DISK);
    story.fire(1, &[("alertname", "Other")]);
    let last = story.world.image().counters.bulletins;
    handled(&story.order(2, 2, Command::Merge { into: story.incident(1).id }));
    handled(&story.order(3, 1, Command::Cancel));
    are_among(
        &told(&story, last),
        &["INC-1 joined: ", "INC-2 merged: parent", "INC-1 cancelled by mia: state"],
    );
}

#[test]
fn what_is_published_is_let_go_of_and_only_that() {
    let mut story = story(100);
    story.fire(0, DISK);
    handled(&story.ack(1, 1));
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    let last = story.world.image().counters.bulletins;
    publish(&mut story, 3, &[1, last, 77]);
    assert_eq!(seqs(&story), (2..last).collect::<Vec<_>>());
    publish(&mut story, 4, &(1..=last).collect::<Vec<_>>());
    assert_eq!(seqs(&story), Vec::<u64>::new());
    assert_eq!(story.world.image().counters.bulletins, last, "no number comes again");
}

#[test]
fn after_a_restart_the_numbers_go_on_and_only_what_changes_is_told() {
    let mut story = story(100);
    story.fire(0, DISK);
    let before = told(&story, 0);
    story.world.restart(after(10));
    assert_eq!(told(&story, 0), before, "it waits as it did");
    handled(&story.ack(11, 1));
    let new = told(&story, before.len() as u64);
    assert_eq!(new, ["INC-1 acknowledged by mia: state holder"]);
}

#[test]
fn too_many_are_dropped_from_the_oldest_on_and_somebody_is_told() {
    let mut story = story(8);
    let own = |story: &Story| {
        let all = story.world.image().incidents.values();
        all.filter(|it| it.title.contains("IncidentdEventsDropped")).count()
    };
    for (at_s, name) in [(0, "A"), (1, "B"), (2, "C"), (3, "D")] {
        story.fire(at_s, &[("alertname", name)]);
    }
    story.wait(4);
    let all = (1..=8).collect::<Vec<_>>();
    assert_eq!(
        (seqs(&story), own(&story)),
        (all, 0),
        "as many as may wait: {:#?}",
        told(&story, 0)
    );
    story.fire(5, &[("alertname", "E")]);
    for at_s in 6..10 {
        story.world.event(&Event::Tick, after(at_s));
    }
    let last = story.world.image().counters.bulletins;
    assert_eq!(seqs(&story), (last - 7..=last).collect::<Vec<_>>(), "the newest are left");
    assert_eq!(own(&story), 1, "one incident of our own for all of them");
    let said = |story: &Story| {
        let all = story.world.image().alerts.values();
        let own = all.filter(|it| it.labels.get("alertname") == Some("IncidentdEventsDropped"));
        own.map(|it| it.state.occurrences).sum::<u32>()
    };
    assert_eq!(said(&story), 1, "said once while it holds");
    for (at_s, name) in [(400, "F"), (401, "G"), (402, "H")] {
        story.fire(at_s, &[("alertname", name)]);
    }
    story.wait(410);
    assert_eq!((own(&story), said(&story)), (1, 2), "said again before it ends");
}

#[test]
fn what_is_too_old_is_dropped_and_what_is_not_stays() {
    let mut story = story(100);
    story.fire(0, DISK);
    let own = |story: &Story| {
        story.world.image().incidents.values().any(|it| it.title.contains("EventsDropped"))
    };
    story.world.event(&Event::Tick, after(24 * HOUR - 1));
    assert!(story.world.image().bulletins.contains_key(&1) && !own(&story));
    story.world.event(&Event::Tick, after(24 * HOUR));
    assert!(!story.world.image().bulletins.contains_key(&1) && own(&story));
}

#[test]
fn what_waits_goes_without_a_word_once_nobody_is_to_get_it() {
    let mut story = story(100);
    story.fire(0, DISK);
    let ctx = context(rule_set(), None);
    let mut state = State::restore(story.world.image().saved(), &ctx, after(1));
    state.apply(&ctx, &Event::Tick, after(1));
    let Changes { bulletins_gone, bulletins_dropped, incidents, .. } = state.drain(&ctx);
    assert_eq!((bulletins_gone, bulletins_dropped, incidents.len()), (seqs(&story), 0, 0));
}
