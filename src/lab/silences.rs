//! Scenarios of silences and windows: they stop paging and opening, never recording or resolving.

use super::story::{DISK, PDU, SRV1, SRV2, Story, VM1, after, handled};
use crate::engine::event::Event;
use crate::engine::order::Command;
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::labels::Labels;
use crate::model::notice::NoticeKind;
use crate::model::progress::StateName;
use crate::model::silence::{Silence, SilenceId, SilenceMatcher, SilenceState};
use crate::model::timeline::Happening;

const LONER: &[(&str, &str)] = &[("alertname", "Loner"), ("severity", "critical")];

/// A silence over alerts with this name, from `start_s` to `end_s`.
fn silence(id: u128, name: &str, start_s: u64, end_s: u64) -> Silence {
    let matcher = SilenceMatcher {
        name: "alertname".into(),
        value: name.into(),
        is_regex: true,
        is_equal: true,
    };
    Silence {
        id: SilenceId(id),
        matchers: vec![matcher],
        cis: vec![],
        rule: None,
        source: None,
        starts_at: after(start_s),
        ends_at: after(end_s),
        updated_at: after(0),
        created_by: "mia".into(),
        comment: "planned".into(),
        annotations: Labels::empty(),
    }
}

impl Story {
    fn silence(&mut self, at_s: u64, silence: Silence, replaces: Option<u128>) -> Reply {
        let replaces = replaces.map(SilenceId);
        self.world.event(&Event::Silence { silence, replaces }, after(at_s))
    }

    fn unsilence(&mut self, at_s: u64, id: u128) -> Reply {
        let event = Event::Unsilence { id: SilenceId(id), by: "mia".into() };
        self.world.event(&event, after(at_s))
    }

    fn stored(&self, id: u128) -> &Silence {
        &self.world.image().silences[&SilenceId(id)]
    }

    /// How many alerts fire and are silenced.
    fn hushed(&self) -> usize {
        let rows = self.world.image().alerts.values();
        rows.filter(|row| row.state.fires() && !row.state.is_audible()).count()
    }
}

#[test]
fn a_silenced_alert_is_recorded_and_ends_without_an_incident_or_a_page() {
    let mut story = Story::new();
    story.silence(0, silence(1, "DiskFull", 0, 3_600), None);
    story.fire(10, DISK);
    assert_eq!((story.open(), story.hushed()), (vec![], 1));
    story.clear(20, DISK);
    story.wait(4_000);
    assert_eq!((story.open(), story.hushed()), (vec![], 0));
    assert!(story.world.sent().is_empty());
    let row = story.world.image().episodes.values().next().unwrap();
    assert_eq!(*row.state.silenced_by, [SilenceId(1)], "the history says why nobody was told");
}

#[test]
fn what_still_fires_when_a_silence_ends_is_raised_once_in_one_digest() {
    let mut story = Story::new();
    story.silence(0, silence(1, "DiskFull|Loner", 0, 3_600), None);
    story.fire(10, DISK);
    story.fire(11, LONER);
    story.wait(3_599);
    assert!(story.world.sent().is_empty());
    story.wait(3_600);
    assert_eq!(story.open(), [1, 2]);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 default"], "one message for both");
    let digest = &story.world.sent()[0];
    assert_eq!(digest.also.iter().map(|id| id.0).collect::<Vec<_>>(), [2]);
    assert!(digest.because.ends_with("with 1 more that a silence held back"), "{}", digest.because);
    story.wait(3_700);
    assert_eq!(story.world.sent().len(), 1);
    assert_eq!(&*story.incident(2).told, ["default".into()], "whoever was told gets its updates");
    story.wait(3_600 + 450 * 60);
    assert!(story.told(NoticeKind::Page).contains(&"INC-2 default".into()), "its ladder goes on");
}

#[test]
fn a_silenced_member_joins_what_is_open_and_adds_nothing_to_its_priority() {
    let mut story = Story::new();
    let minor: &[(&str, &str)] =
        &[("alertname", "PingLoss"), ("site", "fra1"), ("ci", "a"), ("severity", "minor")];
    let critical: &[(&str, &str)] =
        &[("alertname", "PingLoss"), ("site", "fra1"), ("ci", "b"), ("severity", "critical")];
    story.fire(0, minor);
    let before = story.incident(1).assessment.clone();
    let mut wish = silence(1, "b", 0, 3_600);
    wish.matchers[0].name = "ci".into();
    story.silence(1, wish, None);
    story.fire(2, critical);
    assert_eq!((story.open(), story.incident(1).members), (vec![1], 2));
    assert_eq!(story.incident(1).assessment, before);
    story.unsilence(60, 1);
    assert!(story.incident(1).assessment.priority < before.priority, "it counts from now on");
}

#[test]
fn a_silence_stops_a_ladder_that_climbs_and_its_end_starts_it_anew() {
    let mut story = Story::new();
    story.fire(0, DISK);
    assert_eq!(story.world.pages().count(), 1);
    story.silence(60, silence(1, "DiskFull", 60, 100_000), None);
    assert!(story.incident(1).quiet);
    story.wait(80_000);
    assert_eq!(story.world.pages().count(), 1, "nobody is called for what is silenced");
    story.unsilence(80_001, 1);
    assert!(!story.incident(1).quiet);
    assert_eq!(story.world.pages().count(), 2, "it is news again");
    assert!(story.happened(1).contains(&Happening::Quieted));
    assert!(story.happened(1).contains(&Happening::Raised));
}

#[test]
fn an_acknowledged_incident_stays_so_under_a_silence() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.ack(10, 1));
    story.silence(20, silence(1, "DiskFull", 20, 300), None);
    story.wait(301);
    assert_eq!(story.incident(1).progress.name(), StateName::Acknowledged);
    assert_eq!(story.world.pages().count(), 1);
}

#[test]
fn a_silence_to_come_holds_from_its_start_on() {
    let mut story = Story::new();
    story.silence(0, silence(1, "DiskFull", 100, 200), None);
    story.fire(10, DISK);
    assert_eq!((story.open(), story.hushed()), (vec![1], 0));
    story.wait(99);
    assert_eq!(story.hushed(), 0);
    story.wait(100);
    assert_eq!((story.hushed(), story.incident(1).quiet), (1, true));
    story.wait(200);
    assert_eq!((story.hushed(), story.incident(1).quiet), (0, false));
}

#[test]
fn a_window_on_a_ci_covers_what_depends_on_it_and_nothing_else() {
    let mut story = Story::new();
    let mut window = silence(1, ".*", 0, 3_600);
    (window.matchers, window.cis) = (vec![], vec!["srv-1".into()]);
    story.silence(0, window, None);
    story.fire(1, SRV1);
    story.fire(2, VM1);
    story.fire(3, SRV2);
    assert_eq!(story.hushed(), 2);
    story.fire(4, PDU);
    assert_eq!(story.hushed(), 2, "its cause is not part of it");
    assert_eq!(story.open(), [1]);
}

#[test]
fn a_silenced_root_does_not_bring_its_incident_back() {
    let mut story = Story::new();
    story.fire(0, DISK);
    story.clear(10, DISK);
    story.wait(320);
    assert_eq!(story.open(), Vec::<u64>::new());
    story.silence(330, silence(1, "DiskFull", 330, 400), None);
    story.fire(340, DISK);
    assert_eq!((story.open(), story.hushed()), (vec![], 1));
    story.wait(400);
    assert_eq!(story.open(), [2], "raised as an incident of its own, linked to the one before");
    assert_eq!(story.incident(2).recurrence_of.map(|id| id.0), Some(1));
}

#[test]
fn a_silence_is_changed_in_place_or_replaced_as_in_alertmanager() {
    let mut story = Story::new();
    let created = story.silence(0, silence(1, "A", 0, 1_000), None);
    assert_eq!(created, Reply::Silenced(SilenceId(1)));
    let longer = story.silence(10, silence(2, "A", 0, 2_000), Some(1));
    assert_eq!(longer, Reply::Silenced(SilenceId(1)), "only its end moved");
    assert_eq!(story.stored(1).ends_at, after(2_000));
    let other = story.silence(20, silence(3, "B", 20, 2_000), Some(1));
    assert_eq!(other, Reply::Silenced(SilenceId(3)), "it matches something else");
    assert_eq!(story.stored(1).state(after(20)), SilenceState::Expired);
    let unknown = story.silence(30, silence(4, "B", 30, 2_000), Some(9));
    assert_eq!(unknown, Reply::Refused(Refusal::UnknownSilence(SilenceId(9))));
    assert_eq!(story.unsilence(40, 3), Reply::Done);
    assert_eq!(story.unsilence(50, 3), Reply::Done, "ending it twice is no mistake");
    assert_eq!(story.stored(3).ends_at, after(40));
    assert_eq!(story.unsilence(60, 9), Reply::Refused(Refusal::UnknownSilence(SilenceId(9))));
    story.wait(40 + 120 * 3_600);
    assert!(!story.world.image().silences.contains_key(&SilenceId(3)), "kept for five days");
}

#[test]
fn acknowledging_a_digest_s_first_incident_leaves_the_others_to_be_answered() {
    let mut story = Story::new();
    story.silence(0, silence(1, "DiskFull|Loner", 0, 60), None);
    story.fire(10, DISK);
    story.fire(11, LONER);
    story.wait(60);
    handled(&story.order(61, 1, Command::Acknowledge { hold: None, update_in: None }));
    assert_eq!(story.incident(2).progress.name(), StateName::New);
}
