//! Scenarios of the record and the end of incidents: what is written, what must be, what is looked
//! at again, and who is asked.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, PDU, SRV1, Story, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::incident::{Incident, RecordId};
use crate::model::labels::Labels;
use crate::model::notice::NoticeKind;
use crate::model::progress::{Progress, StateName};
use crate::model::sheet::{Edit, Field};
use crate::model::timeline::Happening;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn edit(name: &str, value: &str) -> Edit {
    Edit::read(name, value).unwrap()
}

fn resolve(edits: &[(&str, &str)]) -> Command {
    let edits = edits.iter().map(|(name, value)| edit(name, value)).collect();
    Command::Resolve(Ending { edits, spent: None })
}

fn refused(reply: Reply) -> String {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    refusal.to_string()
}

fn by(story: &mut Story, at_s: u64, who: &str, note: &str, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(1), who.into(), note.into());
    let order = Order { incident, by, expected: None, note, command };
    story.world.event(&Event::Handle(order), after(at_s))
}

fn text_of(story: &Story, id: u64, what: Happening) -> String {
    let entries = story.world.image().timeline_of(RecordId(id));
    entries.filter(|it| it.what == what).last().map(|it| it.text.clone()).unwrap_or_default()
}

fn state(story: &Story) -> StateName {
    story.incident(1).progress.name()
}

#[test]
fn what_is_written_on_a_record_is_kept_with_what_was_there() {
    let mut story = Story::new();
    story.fire(0, DISK);
    assert_eq!(story.incident(1).sheet.get(Field::Sender), Some("test"), "the source, at opening");
    let set = |edits: &[Edit]| Command::Set(edits.to_vec());
    let version = story.incident(1).version;
    handled(&story.order(1, 1, set(&[edit("location", "fra1"), edit("nature", "fault")])));
    assert!(story.incident(1).version > version, "who saw the other one is told so");
    handled(&story.order(2, 1, set(&[edit("location", "ams1")])));
    assert_eq!(
        text_of(&story, 1, Happening::Written),
        "location is ams1 (was fra1), by mia: because"
    );
    let version = story.incident(1).version;
    handled(&story.order(3, 1, set(&[edit("location", "ams1")])));
    assert_eq!(story.incident(1).version, version, "nothing is another than before");
    assert!(refused(story.order(4, 1, set(&[]))).starts_with("name a field"));
    let unknown = refused(story.order(5, 1, set(&[edit("closure_code", "done")])));
    assert!(
        unknown.starts_with("closure_code is `done`, expected one of by_itself, duplicate, fixed"),
        "{unknown}"
    );
}

#[test]
fn a_category_that_a_person_set_stands_against_the_rules() {
    let mut story = Story::under(
        "rules: [{name: d, owner: x, when: 'alertname=\"DiskFull\"', \
         group: {by: [site], window: 5m}, incident: {category: storage}}]",
    );
    story.fire(0, DISK);
    assert_eq!(story.incident(1).category.as_deref(), Some("storage"));
    let classify = || Command::Classify { category: "backup".into() };
    assert!(refused(by(&mut story, 1, "mia", "", classify())).contains("say why"));
    handled(&story.order(2, 1, classify()));
    story.fire(3, &[("alertname", "DiskFull"), ("n", "2")]);
    let record = story.incident(1);
    assert_eq!(record.category.as_deref(), Some("backup"));
    let it = &record.sheet.reclassified[0];
    assert_eq!((it.from.as_deref(), &*it.to, &*it.because), (Some("storage"), "backup", "because"));
}

#[test]
fn time_is_counted_in_the_line_that_has_it() {
    let mut story = Story::new();
    story.fire(0, PDU);
    let worked = |who: Option<&str>, minutes| Command::Spend {
        who: who.map(Into::into),
        time: Duration::from_mins(minutes),
    };
    handled(&story.order(1, 1, worked(None, 45)));
    handled(&story.order(2, 1, worked(Some("eva"), 15)));
    let spent = &story.incident(1).sheet.spent;
    let spent: Vec<_> = spent.iter().map(|it| (&*it.by, it.line, it.ms / 60_000)).collect();
    assert_eq!(spent, [("mia", 1, 45), ("eva", 1, 15)], "dc-ops is a first line");
    assert_eq!(text_of(&story, 1, Happening::Timed), "15m by eva, 1h in all");
}

#[test]
fn subordinates_are_told_how_their_incident_ended() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(40, DISK);
    handled(&story.order(50, 1, Command::Merge { into: RecordId(2) }));
    let edits = vec![edit("solution", "new disk"), edit("closure_code", "fixed")];
    let spent = Some(Duration::from_mins(5));
    handled(&story.order(60, 1, Command::Resolve(Ending { edits, spent })));
    assert_eq!(
        text_of(&story, 2, Happening::Resolved),
        "with its incident: solution new disk; closure code fixed; 5m spent"
    );
    assert_eq!(story.incident(1).sheet.get(Field::ResolverRole), Some("1st line"), "linux");
}

#[test]
fn what_was_reached_is_known_after_it_cleared() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.fire(1, &[("alertname", "VmDown"), ("ci", "vm-1"), ("severity", "critical")]);
    story.clear(10, PDU);
    story.clear(11, &[("alertname", "VmDown"), ("ci", "vm-1"), ("severity", "critical")]);
    let affected = &story.incident(1).affected;
    assert_eq!(affected.cis, ["pdu-1", "vm-1"].iter().collect());
    assert_eq!((&affected.services, affected.users), (&["shop"].iter().collect(), 1_200));
}

const STRICT: &str = "
teams: {desk: {members: [ann]}}
contacts: {ann: {channels: [log]}}
closing:
  require: [{fields: [solution, closure_code], priorities: [P3]}]
  desk: desk
";

#[test]
fn what_the_rules_require_is_written_before_a_person_resolves() {
    let mut story = Story::under(STRICT);
    story.fire(0, DISK);
    assert_eq!(
        refused(story.order(1, 1, resolve(&[("solution", "x")]))),
        "INC-1 needs closure_code before it is resolved; write that by `incidents set INC-1`, or as \
         you resolve it"
    );
    assert_eq!(state(&story), StateName::New, "nothing was done");
    assert_eq!(story.incident(1).sheet.get(Field::Solution), None, "not even half");
    let wrong = refused(story.order(2, 1, resolve(&[("solution", "x"), ("closure_code", "y")])));
    assert!(wrong.starts_with("closure_code is `y`, expected one of"), "{wrong}");
    handled(&story.order(3, 1, resolve(&[("solution", "x"), ("closure_code", "fixed")])));
    let mut other = Story::under(STRICT);
    other.fire(0, &[("alertname", "X"), ("severity", "warning")]);
    handled(&other.order(1, 1, resolve(&[])));
}

#[test]
fn only_the_desk_closes_where_the_rules_say_so() {
    let mut story = Story::under(STRICT);
    story.fire(0, DISK);
    handled(&story.order(1, 1, resolve(&[("solution", "x"), ("closure_code", "fixed")])));
    story.clear(2, DISK);
    assert_eq!(
        refused(story.order(3, 1, Command::Close)),
        "only team desk may do that, and mia is none of its members: ann"
    );
    handled(&by(&mut story, 4, "ann by console", "", Command::Close));
    assert_eq!(state(&story), StateName::Closed);
}

#[test]
fn what_still_fires_some_time_after_a_person_resolved_it_reopens_it_and_calls() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.ack(1, 1));
    handled(&story.order(60, 1, resolve(&[])));
    assert!(story.incident(1).awaiting_verification);
    let pages = story.told(NoticeKind::Page).len();
    story.wait(60 + 899);
    assert_eq!(state(&story), StateName::Resolved);
    story.wait(60 + 900);
    assert_eq!(state(&story), StateName::InProgress, "mia had it");
    assert_eq!(story.told(NoticeKind::Page).len(), pages + 1);
    let last = story.world.pages().last().unwrap();
    assert!(last.because.contains("1 alert fires still, 15m after mia resolved it"), "{last:?}");
    assert!(story.happened(1).contains(&Happening::Verified));
}

#[test]
fn what_clears_in_time_is_verified_and_closes_as_ever() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(60, 1, resolve(&[])));
    story.clear(300, DISK);
    assert_eq!(story.incident(1).closure.verify_at, None);
    assert_eq!(text_of(&story, 1, Happening::Verified), "all its alerts have cleared: it is over");
    story.wait(60 + 900);
    assert_eq!(state(&story), StateName::Resolved);
    story.wait(60 + DAY);
    assert_eq!(state(&story), StateName::Closed);
}

#[test]
fn what_nobody_had_calls_by_its_policy_when_the_look_fails() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(60, 1, resolve(&[])));
    let pages = story.told(NoticeKind::Page).len();
    story.wait(60 + 900);
    assert_eq!(state(&story), StateName::New);
    assert_eq!(story.told(NoticeKind::Page).len(), pages + 1, "once, not twice");
}

#[test]
fn a_false_alarm_is_cancelled_with_a_reason_and_calls_nobody_any_more() {
    let mut story = Story::new();
    story.fire(0, DISK);
    assert_eq!(refused(by(&mut story, 1, "mia", "", Command::Cancel)), "say why it is cancelled");
    handled(&story.order(2, 1, Command::Cancel));
    let Incident { progress, .. } = story.incident(1);
    assert_eq!(*progress, Progress::Cancelled { at: after(2), by: "mia".into() });
    let pages = story.told(NoticeKind::Page).len();
    story.wait(DAY);
    assert_eq!(story.told(NoticeKind::Page).len(), pages);
    assert_eq!(refused(story.order(DAY, 1, Command::Note)), "INC-1 is not open");
    story.clear(DAY + 1, DISK);
    story.fire(DAY + HOUR, DISK);
    assert_eq!(story.open(), [2], "when it fires anew somebody looks again");
}

#[test]
fn an_alert_that_grows_worse_after_it_was_called_a_false_alarm_is_news() {
    let mut story = Story::new();
    story.fire(0, &[("alertname", "DiskFull")]);
    handled(&story.order(1, 1, Command::Cancel));
    let labels = Labels::build(&mut [("alertname", "DiskFull")]).unwrap();
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let worse = |severity: &str| Occurrence {
        fingerprint: labels.fingerprint(),
        labels: labels.clone(),
        signal: Signal::Firing { until: after(DAY), explicit: false },
        starts_at: after(0),
        severity: Some(severity.into()),
        details: Arc::new(details.clone()),
    };
    let source = Arc::clone(&story.source);
    let event = Event::Received { source, occurrences: vec![worse("critical")] };
    story.world.event(&event, after(60));
    assert_eq!(story.open(), [2]);
    assert_eq!(story.told(NoticeKind::Page), ["INC-2 default"]);
}

#[test]
fn what_is_in_work_is_no_false_alarm() {
    let mut story = Story::new();
    story.fire(0, DISK);
    handled(&story.order(1, 1, Command::Claim));
    let refusal = story.order(2, 1, Command::Cancel);
    let Reply::Refused(Refusal::NotAllowed { state, .. }) = refusal else { panic!("{refusal:?}") };
    assert_eq!(state, StateName::InProgress);
}
