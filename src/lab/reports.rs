//! Scenarios of reports by people, and of asking them whether it is over.

use super::story::{Story, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Filing, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::{Filed, Match, Reply};
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::progress::StateName;
use crate::model::report::{Reporter, labels};
use crate::model::sheet::{Edit, Field};
use crate::model::timeline::Happening;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

const RULES: &str = r#"
teams: {shop: {members: [anna]}}
contacts:
  anna: {channels: [log]}
  mia: {channels: [log]}
defaults: {team: shop}
closing: {confirm: {within: 3d}}
rules:
  - name: same-service
    owner: shop
    when: 'service!=""'
    group: {by: [service], window: 4h}
  - name: noise
    owner: shop
    when: 'report="just a test"'
    drop: {reason: noise}
"#;

fn filing(title: &str, service: &str, who: &str) -> Filing {
    Filing {
        labels: labels(title, &[("service", service)]).unwrap(),
        severity: None,
        title: title.into(),
        description: "".into(),
        category: None,
        edits: vec![Edit::read("location", "Berlin").unwrap()],
        reporter: Reporter { name: who.into(), place: None, contact: Some(who.into()) },
        by: who.into(),
        channel: "phone".into(),
    }
}

fn file(story: &mut Story, at_s: u64, it: Filing) -> Filed {
    let reply = story.world.event(&Event::Report(Box::new(it)), after(at_s));
    let Reply::Reported(filed) = reply else { panic!("{reply:?}") };
    filed
}

fn order(story: &mut Story, at_s: u64, who: &str, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(1), who.into(), "still slow".into());
    let order = Order { incident, by, expected: None, note, command };
    story.world.event(&Event::Handle(order), after(at_s))
}

fn resolve() -> Command {
    Command::Resolve(Ending::default())
}

fn state(story: &Story) -> StateName {
    story.incident(1).progress.name()
}

fn asked(story: &Story) -> Vec<String> {
    let about = story.world.sent().iter().filter(|it| it.because.contains("is it over?"));
    about.map(|it| format!("{} {}", it.id.incident, it.contact)).collect()
}

#[test]
fn a_report_opens_an_incident_the_same_again_joins_it_and_a_similar_one_is_its_subordinate() {
    let mut story = Story::under(RULES);
    let first = file(&mut story, 0, filing("The shop is slow", "shop", "mia"));
    assert_eq!((first.incident, first.how), (Some(RecordId(1)), Match::New));
    let record = story.incident(1);
    assert_eq!((&*record.title, record.team.as_deref()), ("The shop is slow", Some("shop")));
    let written: Vec<_> = record.sheet.fields().collect();
    assert_eq!(
        written,
        [(Field::Channel, "phone"), (Field::Sender, "mia"), (Field::Location, "Berlin")]
    );
    let same = file(&mut story, 60, filing("the SHOP is slow.", "shop", "bob"));
    assert_eq!((same.incident, same.how), (Some(RecordId(1)), Match::Same));
    let similar = file(&mut story, 120, filing("Cannot pay", "shop", "eva"));
    assert_eq!((similar.incident, similar.how), (Some(RecordId(1)), Match::Similar));
    let other = file(&mut story, 180, filing("Cannot print", "printer", "eva"));
    assert_eq!(other.how, Match::New);
    let names: Vec<_> = story.incident(1).reports.iter().map(|it| &*it.reporter.name).collect();
    assert_eq!(names, ["mia", "bob", "eva"]);
    assert_eq!(story.incident(1).members, 2, "two alerts, of three reports");
    assert!(story.happened(1).contains(&Happening::Reported));
    let audit: Vec<_> = story.world.image().audit.values().map(|it| &*it.action).collect();
    assert_eq!(audit, ["reported"; 4]);
}

#[test]
fn a_report_of_what_a_tool_sees_already_is_part_of_that() {
    let mut story = Story::under(RULES);
    story.fire(0, &[("alertname", "Slow"), ("service", "shop"), ("severity", "critical")]);
    let filed = file(&mut story, 60, filing("Cannot pay", "shop", "mia"));
    assert_eq!((filed.incident, filed.how), (Some(RecordId(1)), Match::Similar));
    assert_eq!(story.incident(1).sheet.get(Field::Sender), Some("test"), "it was there before");
    story.clear(120, &[("alertname", "Slow"), ("service", "shop"), ("severity", "critical")]);
    assert_eq!(story.incident(1).firing, 0, "nothing else would ever end the report");
    story.wait(120 + 300);
    assert_eq!(state(&story), StateName::Resolved);
    assert_eq!(asked(&story), ["INC-1 mia"]);
}

#[test]
fn a_report_of_what_suffers_from_an_open_incident_is_part_of_it_however_late() {
    use super::story::PDU;
    use crate::model::alert::Join;
    for (ci, joins) in [("shop", true), ("pdu-1", true), ("srv-2", false)] {
        let mut story = Story::new();
        story.fire(0, PDU);
        let mut it = filing("Nothing works", "", "mia");
        it.labels = labels(&it.title, &[("ci", ci)]).unwrap();
        let filed = file(&mut story, 3 * HOUR, it);
        assert_eq!(filed.how == Match::Similar, joins, "{ci}");
        if joins {
            assert_eq!(story.join(1, 2), &Join::Reported { ci: ci.into() });
        }
    }
}

#[test]
fn a_report_does_not_lapse_and_ends_with_its_incident() {
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    story.wait(200 * DAY);
    assert_eq!((state(&story), story.incident(1).firing), (StateName::New, 1));
    handled(&order(&mut story, 200 * DAY, "anna", resolve()));
    let record = story.incident(1);
    assert_eq!((record.firing, record.awaiting_verification), (0, false));
    assert_eq!(asked(&story), ["INC-1 mia"]);
}

#[test]
fn who_says_yes_closes_it_and_who_says_no_opens_it_again_with_the_reason() {
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    file(&mut story, 1, filing("Slow", "shop", "bob"));
    handled(&order(&mut story, 10, "anna", resolve()));
    handled(&order(&mut story, 20, "mia", Command::Confirm(vec![])));
    assert_eq!(state(&story), StateName::Resolved, "bob has not answered");
    handled(&order(&mut story, 30, "bob", Command::Reject));
    assert_eq!(state(&story), StateName::New, "nobody had it");
    let timeline = story.world.image().timeline_of(RecordId(1));
    let reopened = timeline.filter(|it| it.what == Happening::Reopened).last().unwrap();
    assert!(reopened.text.starts_with("not over, says bob: still slow"), "{}", reopened.text);
    story.wait(HOUR);
    assert_eq!(state(&story), StateName::New, "it does not end again by itself");
    handled(&order(&mut story, HOUR, "anna", resolve()));
    story.wait(30 * DAY);
    assert_eq!(state(&story), StateName::Resolved, "what bob said stands");
    let refusal = order(&mut story, 30 * DAY, "anna", Command::Close);
    assert!(matches!(refusal, Reply::Refused(Refusal::Disagreed { .. })), "{refusal:?}");
    let content = vec![Edit::read("satisfaction", "2").unwrap()];
    handled(&order(&mut story, 30 * DAY + 1, "bob", Command::Confirm(content)));
    assert_eq!(state(&story), StateName::Closed, "mia was asked anew and had time to answer");
    assert_eq!(story.incident(1).sheet.get(Field::Satisfaction), Some("2"));
}

#[test]
fn silence_closes_with_a_code_of_its_own() {
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    let edits = vec![Edit::read("closure_code", "fixed").unwrap()];
    let ending = Ending { edits, spent: None };
    handled(&order(&mut story, 10, "anna", Command::Resolve(ending)));
    story.wait(10 + 3 * DAY - 1);
    assert_eq!(state(&story), StateName::Resolved, "a day is not enough here");
    story.wait(10 + 3 * DAY);
    assert_eq!(state(&story), StateName::Closed);
    assert_eq!(story.incident(1).sheet.get(Field::ClosureCode), Some("no_reply"));
    let timeline = story.world.image().timeline_of(RecordId(1));
    let closed = timeline.filter(|it| it.what == Happening::Closed).last().unwrap();
    assert_eq!(closed.text, "no answer of mia (closure code no_reply, was fixed)");
}

#[test]
fn silence_never_closes_the_most_pressing() {
    let rules = RULES.replace("window: 4h}\n", "window: 4h}\n    incident: {priority: P1}\n");
    let mut story = Story::under(&rules);
    file(&mut story, 0, filing("Down", "shop", "mia"));
    handled(&order(&mut story, 10, "anna", resolve()));
    story.wait(90 * DAY);
    assert_eq!(state(&story), StateName::Resolved);
    handled(&order(&mut story, 90 * DAY, "anna", Command::Confirm(vec![])));
    assert_eq!(state(&story), StateName::Closed, "the desk asked mia and speaks for her");
}

#[test]
fn one_answer_of_two_is_enough_when_the_time_is_up() {
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    file(&mut story, 1, filing("Slow", "shop", "bob"));
    handled(&order(&mut story, 10, "anna", resolve()));
    handled(&order(&mut story, 20, "mia", Command::Confirm(vec![])));
    story.wait(10 + 3 * DAY);
    assert_eq!(state(&story), StateName::Closed);
    assert_eq!(story.incident(1).sheet.get(Field::ClosureCode), None);
}

#[test]
fn who_reported_hears_that_it_is_open_again_and_that_it_was_a_false_alarm() {
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    let to_mia = |story: &Story| -> Vec<String> {
        let updates = story.world.sent().iter().filter(|it| it.kind == NoticeKind::Update);
        updates.filter(|it| &*it.contact == "mia").map(|it| it.because.clone()).collect()
    };
    handled(&order(&mut story, 10, "anna", resolve()));
    handled(&order(&mut story, 20, "anna", Command::Reopen));
    assert!(to_mia(&story)[2].starts_with("reopened: by anna"), "{:?}", to_mia(&story));
    handled(&order(&mut story, 30, "anna", Command::Cancel));
    assert!(to_mia(&story)[3].starts_with("cancelled: false alarm, says anna"));
    assert!(story.incident(1).progress.name().is_over());
    assert_eq!(story.incident(1).firing, 0);
}

#[test]
fn the_contact_of_a_service_is_asked_where_the_rules_say_so() {
    use crate::cmdb::{Topology, import};
    use crate::engine::context::{Context, Limits};
    use std::sync::Arc;
    let cis = "cis: {vm-1: {class: vm}, shop: {class: service, contact: anna}}\n\
               relations: [vm-1 -runs-> shop]";
    let topology = Topology::build(1, &import::read(cis, "c.yaml").unwrap()).unwrap();
    let rules = RULES.replace("within: 3d", "within: 3d, ask: [service_contacts]");
    let ctx = |rules: &str| {
        Context::new(super::story::rules_of(rules), Arc::new(topology.clone()), Limits::default())
    };
    for (rules, asks) in [(rules.as_str(), &["INC-1 anna"][..]), (RULES, &[])] {
        let world = super::world::World::new(ctx(rules), super::story::START);
        let mut story = Story { world, source: "test".into() };
        story.fire(0, &[("alertname", "Down"), ("ci", "vm-1"), ("severity", "critical")]);
        handled(&order(&mut story, 10, "lin", resolve()));
        assert_eq!(asked(&story), asks);
    }
}

#[test]
fn what_a_rule_leaves_out_is_refused_with_the_rule() {
    let mut story = Story::under(RULES);
    let it = Box::new(filing("Just a test", "", "mia"));
    let reply = story.world.event(&Event::Report(it), after(0));
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!(refusal.to_string(), "the report cannot be taken: rule t/noise leaves it out");
}

#[test]
fn a_report_outlives_a_restart() {
    use crate::engine::State;
    let mut story = Story::under(RULES);
    file(&mut story, 0, filing("Slow", "shop", "mia"));
    let saved = story.world.image().saved();
    let ctx = story.world.context();
    let mut state = State::restore(saved, ctx, after(10 * DAY));
    let it = Event::Report(Box::new(filing("Slow", "shop", "bob")));
    let reply = state.apply(ctx, &it, after(10 * DAY));
    let Reply::Reported(Filed { incident, how, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((incident, how), (Some(RecordId(1)), Match::Same));
}
