//! Scenarios of what people do with incidents by hand.

use core::time::Duration;

use super::story::{DISK, PDU, SRV1, SRV2, Story, VM1, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::alert::Join;
use crate::model::assignment::Handover;
use crate::model::audit::Seal;
use crate::model::escalation::Target;
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::progress::{StateName, WaitsFor};
use crate::model::timeline::Happening;

const HOUR: u64 = 3_600;

fn refused(reply: Reply) -> Refusal {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    refusal
}

fn hold(until_s: u64) -> Command {
    Command::Hold { waits_for: WaitsFor::Supplier, until: after(until_s) }
}

#[test]
fn the_resolution_clock_tells_whoever_has_it_and_stands_while_on_hold() {
    let mut story = Story::new();
    story.fire(0, &[("alertname", "VmDown"), ("ci", "vm-1"), ("severity", "critical")]);
    let ack = || Command::Acknowledge { hold: Some(Duration::from_hours(20)), update_in: None };
    handled(&story.order(1, 1, ack()));
    assert_eq!(story.incident(1).resolution.due_at, after(4 * HOUR), "P1: four hours");
    handled(&story.order(HOUR, 1, hold(2 * HOUR)));
    story.wait(2 * HOUR);
    assert_eq!(story.incident(1).progress.name(), StateName::InProgress, "the hold is over");
    assert_eq!(story.incident(1).resolution.due_at, after(5 * HOUR), "an hour does not count");
    handled(&story.order(2 * HOUR + 1, 1, ack()));
    story.wait(4 * HOUR - 1);
    assert_eq!(story.world.pages().count(), 0);
    story.wait(4 * HOUR);
    assert_eq!(story.world.pages().count(), 1, "three quarters of the limit are gone");
    story.wait(5 * HOUR);
    let last = story.world.pages().last().unwrap();
    assert!(last.because.starts_with("not resolved after 5h, the limit is"), "{}", last.because);
    assert!(story.happened(1).contains(&Happening::EscalatedResolution));
}

#[test]
fn a_claim_stops_the_calls_and_giving_it_back_starts_them_anew() {
    let mut story = Story::new();
    story.fire(0, DISK);
    let claimed = story.order(10, 1, Command::Claim);
    assert_eq!(handled(&claimed).state, StateName::InProgress);
    assert_eq!(story.incident(1).assignee.as_deref(), Some("mia"));
    story.wait(HOUR);
    assert_eq!(story.world.pages().count(), 1);
    handled(&story.order(HOUR, 1, Command::Unacknowledge));
    assert_eq!(story.world.pages().count(), 2, "it is nobody's again");
}

#[test]
fn whoever_is_handed_an_incident_is_called_whoever_answered_before() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.ack(1, 1));
    let to = Target::Team("linux".into());
    handled(&story.order(2, 1, Command::Assign { to, handover: Handover::default() }));
    assert_eq!(story.incident(1).progress.name(), StateName::New);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 default", "INC-1 linux"]);
    let to = Target::Contact("eva".into());
    handled(&story.order(3, 1, Command::Assign { to, handover: Handover::default() }));
    assert_eq!(story.told(NoticeKind::Page)[2..], ["INC-1 eva"]);
    let to = Target::Team("linus".into());
    let refusal = refused(story.order(4, 1, Command::Assign { to, handover: Handover::default() }))
        .to_string();
    assert_eq!(refusal, "no team:linus in the rule files; known: dc-ops, experts, linux");
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let mut story = Story::new();
    story.fire(0, DISK);
    assert_eq!(
        refused(story.order(1, 1, Command::Reopen)).to_string(),
        "INC-1 is new and cannot be reopened; allowed from here: acknowledged, noted, claimed, \
         assigned, escalated, returned, convened, prioritised, updated, subscribed, \
         unsubscribed, resolved, merged, split, set, reclassified, \
         timed, cancelled, declared major, stood down, checked, given a role, given an action, \
         rid of an action"
    );
    let refusal = refused(story.order(2, 1, hold(60))).to_string();
    assert!(refusal.starts_with("INC-1 is new and cannot be held; allowed"), "{refusal}");
    handled(&story.ack(3, 1));
    assert!(matches!(refused(story.order(60, 1, hold(60))), Refusal::HoldOver { .. }));
    handled(&story.order(61, 1, Command::Resolve(Ending::default())));
    assert!(matches!(
        refused(story.order(62, 1, Command::Close)),
        Refusal::StillFiring { firing: 1, .. }
    ));
    handled(&story.order(63, 1, Command::Reopen));
    assert_eq!(story.incident(1).progress.name(), StateName::InProgress, "mia had it");
    story.clear(64, DISK);
    handled(&story.order(65, 1, Command::Resolve(Ending::default())));
    assert_eq!(handled(&story.order(66, 1, Command::Close)).state, StateName::Closed);
    assert_eq!(refused(story.order(67, 1, Command::Note)), Refusal::NotOpen(RecordId(1)));
}

#[test]
fn of_two_people_who_saw_the_same_the_second_is_told_so() {
    let mut story = Story::new();
    story.fire(0, DISK);
    let seen = story.incident(1).version;
    let order = |by: &str| Order {
        incident: RecordId(1),
        by: by.into(),
        expected: Some(seen),
        note: String::new(),
        command: Command::Claim,
    };
    let first = story.world.event(&Event::Handle(order("ann")), after(1));
    let version = handled(&first).version;
    assert!(version > seen);
    let second = refused(story.world.event(&Event::Handle(order("bob")), after(1)));
    assert_eq!(second, Refusal::Conflict { incident: RecordId(1), expected: seen, version });
    assert_eq!(story.incident(1).assignee.as_deref(), Some("ann"));
}

#[test]
fn a_merger_by_hand_keeps_the_oldest_number_and_a_split_undoes_it_for_good() {
    let mut story = Story::new();
    story.fire(0, SRV2);
    story.fire(40, DISK);
    let merged = story.order(50, 1, Command::Merge { into: RecordId(2) });
    assert_eq!(handled(&merged).incident, RecordId(1));
    assert_eq!(story.open(), [1]);
    assert_eq!(story.incident(1).firing, 2);
    assert!(matches!(story.join(1, 2), Join::ByHand { .. }));
    let split = story.order(60, 1, Command::Split { records: vec![RecordId(2)] });
    assert_eq!(handled(&split).incident, RecordId(2));
    assert_eq!(story.open(), [1, 2]);
    assert_eq!((story.incident(1).firing, story.incident(2).firing), (1, 1));
    assert_eq!(story.incident(1).apart_from, [RecordId(2)]);
    assert_eq!(story.world.image().members_of(RecordId(1)).len(), 1);
}

#[test]
fn what_a_person_split_off_no_rule_takes_back() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(40, SRV2);
    story.fire(50, PDU);
    assert_eq!(story.open(), [1]);
    let split = story.order(60, 1, Command::Split { records: vec![RecordId(2)] });
    assert_eq!(handled(&split).incident, RecordId(2));
    story.clear(61, PDU);
    story.fire(70, PDU);
    assert_eq!(story.open(), [1, 2], "the strip fires again and leaves it alone");
    let all = story.order(80, 1, Command::Split { records: vec![RecordId(1), RecordId(99)] });
    assert!(matches!(refused(all), Refusal::NotSplit { .. }));
}

#[test]
fn what_never_had_a_team_gets_one_when_it_is_split_off_also_after_a_start() {
    let mut story = Story::new();
    // In one delivery: the second server's incident is part of the first's before anybody is looked for.
    story.fire_together(0, &[SRV1, SRV2, PDU]);
    assert_eq!((story.open(), story.incident(2).team.as_deref()), (vec![1], None));
    story.world.restart(after(10));
    handled(&story.order(60, 1, Command::Split { records: vec![RecordId(2)] }));
    assert_eq!(story.incident(2).team.as_deref(), Some("linux"));
}

#[test]
fn alerts_split_off_together_become_one_incident() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.fire(1, SRV1);
    story.fire(2, SRV2);
    story.fire(3, VM1);
    let records = vec![RecordId(2), RecordId(4)];
    let split = story.order(10, 1, Command::Split { records });
    assert_eq!(handled(&split).incident, RecordId(5));
    assert_eq!(story.incident(5).firing, 2);
    assert_eq!(story.incident(1).firing, 2);
    let root = story.order(11, 1, Command::Split { records: vec![RecordId(1)] });
    assert!(refused(root).to_string().contains("it is the root"));
}

#[test]
fn what_has_ended_is_not_split_off() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.fire(1, SRV1);
    story.clear(2, SRV1);
    let split = story.order(10, 1, Command::Split { records: vec![RecordId(2)] });
    assert!(refused(split).to_string().contains("it has ended"));
    assert_eq!(story.open(), [1]);
}

#[test]
fn every_order_carried_out_is_on_the_audit_trail_and_the_chain_holds() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(1, 1, Command::Note));
    refused(story.order(2, 1, Command::Reopen));
    handled(&story.order(3, 1, Command::Claim));
    let trail: Vec<_> = story.world.image().audit.values().cloned().collect();
    let said: Vec<_> =
        trail.iter().map(|it| format!("{} {} {}", it.by, it.action, it.object)).collect();
    assert_eq!(said, ["mia noted INC-1", "mia claimed INC-1"]);
    let mut before = Seal::default();
    for entry in &trail {
        assert_eq!(entry.seal, entry.seal_after(before));
        before = entry.seal;
    }
    assert_eq!(story.world.image().counters.seal, before);
}
