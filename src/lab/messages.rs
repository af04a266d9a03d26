//! Scenarios of messages: who hears of what becomes of an incident, and how often.

use std::sync::Arc;

use super::story::{DISK, PDU, SRV1, Story, VM1, after};
use crate::engine::State;
use crate::engine::event::Event;
use crate::engine::order::{Command, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::{Reply, Retried};
use crate::lab::image::Image;
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::RecordId;
use crate::model::labels::Labels;
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::timeline::Happening;

/// Returns kind, target and reason of what was sent after the first `skip` notices.
fn sent(story: &Story, skip: usize) -> Vec<String> {
    let notices = story.world.sent().iter().skip(skip);
    notices
        .map(|it| format!("{} {} {}: {}", it.kind, it.id.incident, it.target, it.because))
        .collect()
}

const PING_A: &[(&str, &str)] =
    &[("alertname", "PingLoss"), ("n", "a"), ("site", "fra"), ("severity", "critical")];
const PING_B: &[(&str, &str)] =
    &[("alertname", "PingLoss"), ("n", "b"), ("site", "fra"), ("severity", "warning")];

#[test]
fn whoever_was_paged_for_a_symptom_learns_where_it_went_and_is_not_paged_again() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(5, VM1);
    story.wait(37);
    let before = story.world.sent().len();
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 linux", "INC-2 default"]);
    story.fire(38, PDU);
    let after_cause = sent(&story, before);
    let to_default: Vec<_> = after_cause.iter().filter(|it| it.contains("default")).collect();
    let [one] = &*to_default else { panic!("{after_cause:#?}") };
    assert!(one.starts_with("update INC-1 default: handed to dc-ops"), "{one}");
    assert!(one.ends_with("; INC-2 is now part of INC-1"), "one message for both: {one}");
}

#[test]
fn a_lower_priority_is_told_as_an_update_and_takes_no_page_back() {
    let mut story = Story::new();
    story.fire(0, PING_A);
    story.fire(1, PING_B);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 linux"]);
    story.clear(10, PING_A);
    assert_eq!(
        sent(&story, 1),
        [
            "update INC-1 linux: lowered from P3 to P4 = impact low (no service reached) × urgency medium"
        ]
    );
    assert_eq!(story.world.image().incidents[&RecordId(1)].progress.name().to_string(), "new");
    story.fire(60, PING_A);
    assert!(sent(&story, 2)[0].starts_with("page INC-1 linux: raised from P4 to P3"), "and back");
}

#[test]
fn a_reopening_is_told_to_all_who_were_called_and_paged_to_one() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.wait(901);
    assert_eq!(story.incident(1).told.len(), 3, "team, next line and manager");
    story.clear(950, PDU);
    story.wait(1_100);
    let before = story.world.sent().len();
    story.fire(1_200, PDU);
    let again = "reopened: its root fires again; nobody had it";
    assert_eq!(
        sent(&story, before),
        [
            format!("update INC-1 dc-ops: {again}"),
            format!("page INC-1 experts: assigned to you now; {again}"),
            format!("update INC-1 default: {again}"),
        ]
    );
}

/// An engine whose notices nobody delivers.
struct Undelivered {
    story: Story,
    state: State,
    image: Image,
}

impl Undelivered {
    fn new() -> Self {
        let story = Story::new();
        let saved = story.world.image().saved();
        let state = State::restore(saved, story.world.context(), after(0));
        Self { story, state, image: Image::default() }
    }

    fn apply(&mut self, at_s: u64, event: &Event) -> Reply {
        self.state.apply(self.story.world.context(), event, after(at_s))
    }

    fn commit(&mut self) {
        let changes = self.state.drain(self.story.world.context());
        self.image.apply(&changes);
    }

    /// Fires or clears in a batch of its own, which is left open.
    fn occur(&mut self, at_s: u64, labels: &[(&str, &str)], fires: Fires) -> Reply {
        let signal = match fires {
            Fires::Yes => Signal::Firing { until: after(at_s + 86_400), explicit: false },
            Fires::No => Signal::Resolved { at: after(at_s) },
        };
        let labels = Labels::build(&mut labels.to_vec()).unwrap();
        let details = Details { annotations: Labels::empty(), generator_url: "".into() };
        let occurrence = Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal,
            starts_at: after(at_s),
            severity: None,
            details: Arc::new(details),
        };
        let received = Event::Received { source: "test".into(), occurrences: vec![occurrence] };
        self.apply(at_s, &received)
    }

    fn notices(&self) -> Vec<&Notice> {
        self.image.notices.values().collect()
    }
}

#[derive(Clone, Copy)]
enum Fires {
    Yes,
    No,
}

#[test]
fn what_happens_in_one_batch_is_one_message_to_each() {
    let mut world = Undelivered::new();
    world.occur(0, PING_A, Fires::Yes);
    world.occur(1, PING_B, Fires::Yes);
    world.commit();
    world.occur(10, PING_A, Fires::No);
    world.occur(20, PING_A, Fires::Yes);
    world.occur(21, PING_A, Fires::No);
    world.commit();
    let notices = world.notices();
    let [page, second] = &*notices else { panic!("{notices:#?}") };
    assert_eq!((page.kind, second.kind), (NoticeKind::Page, NoticeKind::Page));
    assert!(second.because.starts_with("raised from P4 to P3"), "{}", second.because);
    assert!(second.because.contains("; lowered from P3 to P4"), "{}", second.because);
}

#[test]
fn a_dead_letter_goes_out_once_more_when_a_person_says_so() {
    let mut world = Undelivered::new();
    let id = NoticeId { incident: RecordId(1), seq: 1 };
    let by = || "mia".into();
    world.occur(0, DISK, Fires::Yes);
    let retry = Event::Retry { notices: vec![id], by: by() };
    assert_eq!(world.apply(1, &retry), Reply::Refused(Refusal::NotDead(id)), "it is still tried");
    let failed = Event::Failed {
        notice: id,
        channel: "log".into(),
        error: "answered 404".into(),
        retry_in: None,
    };
    world.apply(2, &failed);
    world.commit();
    assert_eq!(world.notices()[0].state, NoticeState::Dead);
    let unknown = NoticeId { incident: RecordId(9), seq: 1 };
    let both = Event::Retry { notices: vec![unknown, id], by: by() };
    let retried = Retried { pending: vec![id], ..Retried::default() };
    assert_eq!(world.apply(3, &both), Reply::Retried(retried));
    world.commit();
    let notices = world.notices();
    let notice = notices[0];
    assert_eq!((notice.state, notice.due_at, notice.channel), (NoticeState::Pending, after(3), 0));
    assert_eq!(notice.attempts, 1, "what was tried stays known");
    let last = world.image.timeline_of(RecordId(1)).last().unwrap();
    assert_eq!(last.text, "page INC-1/1 to default: again, by the wish of mia");
}

#[test]
fn a_dead_letter_that_nobody_needs_any_more_is_put_away_instead() {
    let mut world = Undelivered::new();
    let id = NoticeId { incident: RecordId(1), seq: 1 };
    world.occur(0, DISK, Fires::Yes);
    let (channel, error) = ("log".into(), "answered 404".into());
    world.apply(2, &Event::Failed { notice: id, channel, error, retry_in: None });
    let (incident, note) = (RecordId(1), String::new());
    let (by, command) = ("mia".into(), Command::Acknowledge { hold: None, update_in: None });
    let order = Order { incident, by, expected: None, note, command };
    world.apply(3, &Event::Handle(order));
    let retry = Event::Retry { notices: vec![id], by: "mia".into() };
    let retried = Retried { withheld: vec![id], ..Retried::default() };
    assert_eq!(world.apply(4, &retry), Reply::Retried(retried));
    world.commit();
    assert!(world.notices().is_empty());
    let last = world.image.timeline_of(RecordId(1)).last().unwrap();
    assert_eq!(last.what, Happening::Withheld);
}
