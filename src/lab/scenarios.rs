//! Scenarios of the engine: what comes of a story, told in events on a virtual clock.

use super::story::{DISK, PDU, SRV1, SRV2, Story, VM1, after, handled, received};
use crate::engine::changes::MemberOf;
use crate::engine::order::{Command, Ending};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::alert::{Join, Signal};
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::progress::StateName;
use crate::model::timeline::Happening;

#[test]
fn one_alert_opens_one_incident_and_pages_once() {
    let mut story = Story::new();
    assert_eq!(received(&story.fire(0, DISK)), (1, 0, 0, 0));
    for at in 1..5 {
        assert_eq!(received(&story.fire(at * 60, DISK)), (0, 0, 1, 0), "a heartbeat");
    }
    assert_eq!(story.open(), [1]);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 default"]);
    assert_eq!(story.incident(1).assessment.priority, Priority::P3);
    assert_eq!(story.incident(1).title, "DiskFull");
    assert_eq!(story.incident(1).members, 1);
}

#[test]
fn an_unanswered_incident_climbs_both_ladders_until_it_is_acknowledged() {
    let mut story = Story::new();
    story.fire(0, PDU);
    let sum = &story.incident(1).assessment;
    assert_eq!(sum.priority, Priority::P1, "{}", sum.sum);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 dc-ops"]);
    // P1 is to be answered and accepted within 15 min: 50 % again, 75 % next line, 100 % manager,
    // repeated. The next line has 15 min of its own: half of them, then its lead.
    let steps = [(449, 1), (450, 2), (674, 2), (675, 3), (899, 3), (900, 4)];
    let next_line = [(1_124, 4), (1_125, 5), (1_574, 5), (1_575, 6), (2_700, 7)];
    for (at_s, pages) in steps.into_iter().chain(next_line) {
        story.wait(at_s);
        assert_eq!(story.world.pages().count(), pages, "after {at_s} s");
    }
    assert_eq!(
        story.told(NoticeKind::Page)[2..],
        ["INC-1 experts", "INC-1 default", "INC-1 experts", "INC-1 default", "INC-1 default"]
    );
    assert_eq!(story.incident(1).team.as_deref(), Some("experts"));
    assert_eq!(handled(&story.ack(2_701, 1)).holder, Some(("mia".into(), after(3_301))));
    story.wait(3_300);
    assert_eq!(story.world.pages().count(), 7);
    assert_eq!(story.incident(1).progress.name(), StateName::Acknowledged);
    story.wait(3_301);
    assert_eq!(story.incident(1).progress.name(), StateName::New, "the acknowledgement lapsed");
    assert_eq!(story.world.pages().count(), 8, "and somebody is paged again");
}

#[test]
fn a_cause_that_comes_late_adopts_its_symptoms_under_the_oldest_number() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(5, SRV2);
    story.fire(10, VM1);
    story.wait(37);
    assert_eq!(story.open(), [1, 2, 3]);
    // Only srv-1 leads to the tier-1 service, and its wait for a cause was over at 30 s.
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 linux"]);
    story.fire(38, PDU);
    assert_eq!(story.open(), [1]);
    let incident = story.incident(1);
    assert_eq!(incident.root.ci.as_deref(), Some("pdu-1"));
    assert_eq!(incident.title, "Power lost in R1: 3 dependants");
    assert_eq!(incident.assessment.priority, Priority::P1, "{}", incident.assessment.sum);
    assert_eq!(incident.members, 4);
    assert_eq!(incident.team.as_deref(), Some("dc-ops"));
    let Join::Dependant { path, .. } = story.join(1, 3) else { panic!() };
    assert_eq!(path.to_string(), "pdu-1 -powers-> srv-1 -hosts-> vm-1");
    let Join::Dependant { path, after_ms, .. } = story.join(1, 1) else { panic!() };
    assert_eq!((path.to_string().as_str(), *after_ms), ("pdu-1 -powers-> srv-1", -38_000));
    assert_eq!(story.join(1, 4), &Join::Cause { rule: "t/power".into(), confidence: 94 });
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 linux", "INC-1 dc-ops"]);
    for child in [2, 3] {
        assert_eq!(story.incident(child).parent, Some(RecordId(1)));
        let what = &story.world.image().members[&(RecordId(1), RecordId(child))].what;
        assert_eq!(*what, MemberOf::Incident);
    }
}

#[test]
fn a_cause_within_the_wait_leaves_one_page_for_the_whole_fire() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(5, VM1);
    story.fire(29, PDU);
    story.wait(300);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 dc-ops"]);
    assert_eq!(story.told(NoticeKind::Ticket), Vec::<String>::new());
    let page = story.world.pages().next().unwrap();
    assert_eq!(page.because, "new incident, assigned to you", "it waited on purpose: not late");
}

#[test]
fn what_suffers_later_joins_the_cause_and_what_began_long_before_does_not() {
    let mut story = Story::new();
    story.fire(0, SRV2);
    story.fire(300, PDU);
    story.fire(301, VM1);
    assert_eq!(story.open(), [1, 2], "srv-2 began five minutes before, the end of the lookback");
    let Join::Dependant { path, after_ms, .. } = story.join(2, 3) else { panic!() };
    assert_eq!(path.to_string(), "pdu-1 -powers-> srv-1 -hosts-> vm-1");
    assert_eq!(*after_ms, 1_000);
}

#[test]
fn equal_labels_within_the_window_are_one_incident_and_later_ones_another() {
    let mut story = Story::new();
    let ping = |n: &'static str, site: &'static str| {
        vec![("alertname", "PingLoss"), ("n", n), ("site", site), ("severity", "warning")]
    };
    story.fire(0, &ping("1", "fra"));
    story.fire(299, &ping("2", "fra"));
    story.fire(300, &ping("3", "ams"));
    assert_eq!(story.open(), [1, 3]);
    assert_eq!(story.incident(1).members, 2);
    // Heartbeats are no activity: 300 s after the last new alert the window is over.
    story.fire(400, &ping("1", "fra"));
    story.fire(599, &ping("4", "fra"));
    assert_eq!(story.open(), [1, 3, 4]);
}

#[test]
fn an_incident_resolves_when_its_alerts_stay_clear_and_its_root_reopens_it() {
    let mut story = Story::new();
    story.fire(0, DISK);
    story.clear(60, DISK);
    story.wait(359);
    assert_eq!(story.incident(1).progress.name(), StateName::New, "the linger is 5 min");
    story.wait(360);
    assert_eq!(story.incident(1).progress.name(), StateName::Resolved);
    assert_eq!(story.told(NoticeKind::Update), ["INC-1 default"], "whoever was paged learns it");
    story.fire(959, DISK);
    assert_eq!(story.incident(1).progress.name(), StateName::New, "reopened, and nobody had it");
    assert_eq!(story.world.pages().count(), 2);
    story.clear(960, DISK);
    story.wait(1_260);
    story.fire(1_860, DISK);
    assert_eq!(story.open(), [2], "ten minutes after its resolution it is another incident");
    assert_eq!(story.incident(2).recurrence_of, Some(RecordId(1)));
}

#[test]
fn a_reopened_incident_goes_back_to_whoever_had_it() {
    let mut story = Story::new();
    story.fire(0, DISK);
    story.ack(10, 1);
    story.clear(60, DISK);
    story.wait(400);
    story.fire(500, DISK);
    assert_eq!(story.incident(1).progress.name(), StateName::InProgress);
    assert_eq!(story.world.pages().count(), 1, "an update, not a page");
    assert!(story.happened(1).contains(&Happening::Reopened));
}

#[test]
fn an_alert_that_outlives_its_root_goes_on_by_itself() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.fire(1, VM1);
    story.clear(100, PDU);
    story.wait(159);
    assert_eq!(story.open(), [1]);
    story.wait(160);
    assert_eq!(story.open(), [3], "the strip is back for a minute, the machine is not");
    assert_eq!(story.join(3, 3), &Join::Outlived { former: RecordId(1) });
    assert_eq!(story.incident(1).firing, 0);
}

#[test]
fn resolving_by_hand_while_alerts_fire_awaits_verification() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(10, 1, Command::Resolve(Ending::default())));
    assert!(story.incident(1).awaiting_verification);
    story.fire(60, DISK);
    assert_eq!(story.open(), Vec::<u64>::new(), "a heartbeat opens nothing");
    story.clear(70, DISK);
    assert!(!story.incident(1).awaiting_verification);
    let refused = story.ack(80, 1);
    let Reply::Refused(Refusal::NotAllowed { state, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(state, StateName::Resolved);
    assert_eq!(story.ack(81, 9), Reply::Refused(Refusal::NotOpen(RecordId(9))));
}

#[test]
fn a_subordinate_cannot_be_answered_and_names_its_incident() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(1, SRV2);
    story.fire(2, PDU);
    let refused = story.ack(3, 2);
    let (incident, parent) = (RecordId(2), RecordId(1));
    assert_eq!(refused, Reply::Refused(Refusal::Subordinate { incident, parent }));
}

#[test]
fn two_sources_hold_one_alert_until_both_let_go() {
    let mut story = Story::new();
    story.fire(0, DISK);
    story.source = "other".into();
    assert_eq!(received(&story.fire(1, DISK)), (0, 0, 1, 0));
    assert_eq!(received(&story.clear(2, DISK)), (0, 0, 1, 0), "the first one still holds it");
    story.source = "test".into();
    assert_eq!(received(&story.clear(3, DISK)), (0, 1, 0, 0));
    assert_eq!(received(&story.clear(4, DISK)), (0, 0, 0, 1));
}

#[test]
fn an_alert_ends_with_its_last_lease() {
    let mut story = Story::new();
    let signal = Signal::Firing { until: after(240), explicit: true };
    story.send(0, DISK, signal, 0);
    story.wait(239);
    assert_eq!(story.incident(1).firing, 1);
    story.wait(240);
    assert_eq!(story.incident(1).firing, 0);
    // A heartbeat in time moves the end.
    let mut story = Story::new();
    story.send(0, DISK, signal, 0);
    story.send(200, DISK, Signal::Firing { until: after(440), explicit: true }, 0);
    story.wait(439);
    assert_eq!(story.incident(1).firing, 1);
    story.wait(440);
    assert_eq!(story.incident(1).firing, 0);
}

#[test]
fn late_and_repeated_messages_only_count() {
    let mut story = Story::new();
    let firing = Signal::Firing { until: after(90_000), explicit: false };
    // A resolve before its firing is kept and honoured.
    assert_eq!(received(&story.send(10, DISK, Signal::Resolved { at: after(9) }, 0)), (0, 0, 0, 1));
    assert_eq!(received(&story.send(11, DISK, firing, 0)), (0, 0, 0, 1));
    assert_eq!(story.open(), Vec::<u64>::new());
    // A new beginning is news.
    assert_eq!(received(&story.send(12, DISK, firing, 12)), (1, 0, 0, 0));
    // An end of the time before it says nothing about it.
    assert_eq!(received(&story.send(13, DISK, Signal::Resolved { at: after(9) }, 0)), (0, 0, 0, 1));
    assert_eq!(story.open(), [1]);
    // After the end: late for two minutes, then meant.
    story.clear(20, DISK);
    assert_eq!(received(&story.send(139, DISK, firing, 12)), (0, 0, 0, 1));
    assert_eq!(received(&story.send(140, DISK, firing, 12)), (1, 0, 0, 0));
}

#[test]
fn a_restart_after_a_gap_does_not_end_what_could_not_be_heard() {
    let mut story = Story::new();
    story.send(0, DISK, Signal::Firing { until: after(240), explicit: true }, 0);
    let saved = story.world.image().saved();
    let ctx = story.world.context();
    let state = crate::engine::State::restore(saved, ctx, after(3_600));
    assert!(state.next_due() > Some(after(3_600)), "the lease has 240 s left");
}

#[test]
fn an_acknowledgement_takes_back_what_is_not_out_yet() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.ack(10, 1);
    story.wait(400);
    assert_eq!(story.world.pages().count(), 0, "its first notice was waiting for a cause");
}
