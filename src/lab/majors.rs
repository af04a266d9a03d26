//! Scenarios of major incidents.

use super::story::{DISK, Story, after, handled};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::reply::Reply;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, RecordId};
use crate::model::major::Role;
use crate::model::notice::NoticeKind;
use crate::model::progress::StateName;
use crate::model::review::ACTIONS_MAX;
use crate::model::sheet::Edit;
use crate::model::timeline::Happening;

const DAY: u64 = 86_400;

const RULES: &str = "
contacts: {boss: {channels: [log]}, dora: {channels: [log]}}
teams: {dc: {members: [dora]}}
defaults: {team: dc}
majors: {priorities: [P1], management: [boss]}
rules: [{name: p1, owner: dc, when: 'alertname=\"Fire\"', group: {by: [site]}, incident: {priority: P1}}]
";

const FIRE: &[(&str, &str)] = &[("alertname", "Fire"), ("severity", "critical")];

fn refused(reply: Reply) -> String {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    refusal.to_string()
}

fn silent(story: &mut Story, at_s: u64, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(1), "mia".into(), String::new());
    story
        .world
        .event(&Event::Handle(Order { incident, by, expected: None, note, command }), after(at_s))
}

#[test]
fn management_hears_of_a_major_incident_before_those_who_are_on_call() {
    let mut story = Story::under(RULES);
    story.fire(0, FIRE);
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 boss", "INC-1 dc"]);
    let major = story.incident(1).major.clone().unwrap();
    assert_eq!((&*major.by, &*major.because), ("rules", "its priority is P1"));
    let mut other = Story::under(RULES);
    other.fire(0, DISK);
    assert_eq!(other.told(NoticeKind::Page), ["INC-1 dc"], "P3 is none");
    assert!(!other.incident(1).is_major());
}

#[test]
fn a_person_declares_any_and_what_is_stood_down_no_rule_declares_again() {
    let mut story = Story::under(RULES);
    story.fire(0, DISK);
    assert!(refused(silent(&mut story, 1, Command::DeclareMajor)).contains("say why"));
    handled(&story.order(2, 1, Command::DeclareMajor));
    assert_eq!(story.told(NoticeKind::Page), ["INC-1 dc", "INC-1 boss"]);
    let again = refused(story.order(3, 1, Command::DeclareMajor));
    assert_eq!(again, "INC-1 is a major incident already");
    handled(&story.order(4, 1, Command::StandDown));
    assert_eq!(
        refused(story.order(5, 1, Command::StandDown)),
        "INC-1 is no major incident already"
    );
    assert!(story.happened(1).contains(&Happening::Major));
    let mut pressing = Story::under(RULES);
    pressing.fire(0, FIRE);
    handled(&pressing.order(1, 1, Command::StandDown));
    pressing.fire(2, &[("alertname", "Fire"), ("severity", "critical"), ("n", "2")]);
    assert!(!pressing.incident(1).is_major(), "a person said so");
}

#[test]
fn a_major_incident_is_not_closed_without_a_review() {
    let mut story = Story::under(RULES);
    story.fire(0, FIRE);
    story.clear(1, FIRE);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    story.wait(30 * DAY);
    assert_eq!(story.incident(1).progress.name(), StateName::Resolved, "not by itself");
    assert!(refused(story.order(30 * DAY, 1, Command::Close)).starts_with("INC-1 needs review"));
    let review = Edit::read("review", "bought an extinguisher").unwrap();
    handled(&story.order(30 * DAY + 1, 1, Command::Set(vec![review])));
    story.wait(30 * DAY + 1);
    assert_eq!(story.incident(1).progress.name(), StateName::Closed, "nothing is left to do");
}

const PLAN: &str = "
contacts:
  boss: {channels: [log]}
  dora: {channels: [log]}
  carl: {channels: [log]}
  dana: {channels: [log]}
  lena: {channels: [log]}
  nils: {channels: [log]}
teams: {dc: {members: [dora, dana], lead: lena}, net: {members: [nils]}}
defaults: {team: dc}
majors: {priorities: [P1], management: [boss], update_every: 1h}
plans:
  - {name: power, category: power, checklist: [call the grid]}
  - name: fire
    category: fire
    roles: {incident_manager: 'contact:boss', communication: 'contact:carl', coordinators: ['team:dc']}
    tell: ['contact:dana']
    convene: [net]
    link: https://talk.example/fire
    update_every: 20m
    watch: 2h
    checklist: [open the call, count heads]
rules:
  - {name: p1, owner: dc, when: 'alertname=\"Fire\"', group: {by: [site]}, incident: {priority: P1, category: fire}}
";

fn at(days: u64) -> crate::model::time::Timestamp {
    after(days * DAY)
}

/// Orders something as `order` does, in somebody's name.
fn says(story: &mut Story, at_s: u64, who: &str, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(1), who.into(), "because".into());
    let order = Order { incident, by, expected: None, note, command };
    story.world.event(&Event::Handle(order), after(at_s))
}

fn told_last(story: &Story, contact: &str) -> String {
    let sent = story.world.sent().iter().rev();
    let mut mine = sent.filter(|notice| *notice.contact == *contact);
    mine.next().map(|notice| format!("{} {}", notice.kind, notice.because)).unwrap_or_default()
}

fn texts(story: &Story, what: Happening) -> Vec<String> {
    let entries = story.world.image().timeline_of(RecordId(1));
    entries.filter(|entry| entry.what == what).map(|entry| entry.text.clone()).collect()
}

fn action(owner: &str, days: u64) -> Command {
    let owner = Target::Contact(owner.into());
    Command::AddAction { text: "sprinklers".into(), owner, due_at: at(days) }
}

#[test]
fn the_plan_that_fits_calls_and_tells_people_in_the_commit_that_opens_it() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    let first: Vec<String> = story
        .world
        .sent()
        .iter()
        .filter(|notice| notice.created_at == after(0))
        .map(|notice| format!("{} {}", notice.kind, notice.target))
        .collect();
    let expected = ["page boss", "page dora", "page carl", "page net", "update dana", "page dc"];
    assert_eq!(first, expected, "management first, with its role");
    let boss = story.world.sent()[0].because.clone();
    assert!(boss.starts_with("a major incident") && boss.contains("incident manager"), "{boss}");
    assert!(story.world.sent()[3].because.contains("https://talk.example/fire"));
    let major = story.incident(1).major.clone().unwrap();
    let plan = major.plan.clone().unwrap();
    assert_eq!((&*plan.name, plan.checklist.len()), ("fire", 2));
    assert_eq!(story.incident(1).assignments.call, plan.link);
    let roles: Vec<_> = major.roles.iter().map(|it| format!("{} {}", it.role, it.who)).collect();
    assert_eq!(roles, ["incident_manager boss", "coordinator dora", "communication carl"]);
    assert_eq!(story.incident(1).terms.subscribers, ["dana".into()]);
}

#[test]
fn whom_a_major_incident_calls_comes_though_somebody_else_has_answered() {
    let mut story = Story::under(PLAN);
    story.world.hold_deliveries();
    story.fire(0, FIRE);
    handled(&says(&mut story, 1, "dana", Command::Claim));
    let waiting: Vec<_> = story.world.image().notices.values().map(|it| &*it.target).collect();
    assert!(["boss", "carl", "net"].iter().all(|it| waiting.contains(it)), "{waiting:?}");
    assert!(!waiting.contains(&"dc"), "{waiting:?}");
}

#[test]
fn a_plan_is_frozen_when_it_is_declared() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    let before = story.incident(1).major.clone();
    let other = PLAN.replace("count heads", "run").replace("update_every: 20m", "update_every: 5m");
    story.world.reload(super::story::rules_of(&other), after(1));
    assert_eq!(story.incident(1).major, before);
    handled(&story.order(2, 1, Command::StandDown));
    handled(&story.order(3, 1, Command::DeclareMajor));
    assert_eq!(story.incident(1).major.clone().unwrap().plan, before.unwrap().plan);
}

#[test]
fn items_are_ticked_once_and_roles_change_hands() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    handled(&story.order(1, 1, Command::Check { item: 2 }));
    assert_eq!(texts(&story, Happening::Ticked), ["2. count heads, by mia: because; 1 of 2 open"]);
    let again = refused(story.order(2, 1, Command::Check { item: 2 }));
    assert!(again.starts_with("item 2 of INC-1 is done, says mia at "), "{again}");
    for item in [0, 3] {
        let none = refused(story.order(2, 1, Command::Check { item }));
        assert_eq!(none, format!("INC-1 has no item {item}; it has 2"));
    }
    let appoint = |who: &str| {
        let to = Target::Contact(who.into());
        Command::Appoint { role: Role::Communication, to }
    };
    handled(&story.order(3, 1, appoint("dana")));
    assert!(told_last(&story, "dana").starts_with("page you are its communication, by mia"));
    assert_eq!(
        texts(&story, Happening::Role).last().unwrap(),
        "communication is dana instead of carl, by mia"
    );
    assert_eq!(&*story.incident(1).terms.promise.clone().unwrap().by, "dana");
    assert!(refused(story.order(4, 1, appoint("nobody"))).contains("known: "));
    handled(&story.order(5, 1, Command::StandDown));
    assert!(refused(story.order(6, 1, appoint("carl"))).starts_with("INC-1 is no major incident"));
}

#[test]
fn an_update_is_due_as_often_as_the_plan_says_and_reminds_who_has_the_role() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    handled(&says(&mut story, 60, "dora", Command::Claim));
    story.wait(20 * 60);
    assert!(told_last(&story, "carl").contains("the update that carl promised is overdue"));
    story.wait(30 * 60);
    assert!(told_last(&story, "boss").contains("the update that carl promised is overdue"));
    handled(&says(&mut story, 31 * 60, "dora", Command::Claim));
    handled(&says(&mut story, 31 * 60, "dora", Command::Update { next: None }));
    let promise = story.incident(1).terms.promise.clone().unwrap();
    assert_eq!((&*promise.by, promise.due_at), ("carl", after(51 * 60)));
    handled(&story.order(32 * 60, 1, Command::Unacknowledge));
    assert!(story.incident(1).terms.promise.is_some(), "also while nobody has it");
    handled(&story.order(33 * 60, 1, Command::StandDown));
    assert_eq!(story.incident(1).terms.promise, None);
}

#[test]
fn an_update_of_a_major_incident_without_a_plan_falls_due_too() {
    let mut story = Story::under(RULES);
    story.fire(0, FIRE);
    let promise = story.incident(1).terms.promise.clone().unwrap();
    assert_eq!(promise.due_at, after(30 * 60));
    story.fire(1, DISK);
    assert_eq!(story.incident(2).terms.promise, None, "no major one");
    story.wait(30 * 60);
    assert!(told_last(&story, "dora").starts_with("ticket the update that "));
}

#[test]
fn within_the_watch_it_is_not_closed_and_after_it_the_timeline_says_so() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    story.clear(1, FIRE);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    let review = Edit::read("review", "bought an extinguisher").unwrap();
    handled(&story.order(3, 1, Command::Set(vec![review])));
    let watched = refused(story.order(2 + 7_199, 1, Command::Close));
    assert!(watched.contains("watched until"), "{watched}");
    story.wait(2 + 7_200);
    let said = texts(&story, Happening::Watched);
    assert!(said[0].starts_with("for 2h, until ") && said[1].starts_with("over, "), "{said:?}");
    handled(&story.order(2 + 7_200, 1, Command::Close));
}

#[test]
fn what_comes_back_within_the_watch_reopens_it_though_another_would_be_new() {
    let more = [FIRE, &[("n", "2")]].concat();
    for (back, fires) in [(&more, 5_000), (&FIRE.to_vec(), 7_201)] {
        let mut story = Story::under(PLAN);
        story.fire(0, FIRE);
        story.fire(0, &more);
        story.clear(1, FIRE);
        story.clear(1, &more);
        handled(&story.order(2, 1, Command::Resolve(Ending::default())));
        story.fire(fires, back);
        assert_eq!(story.incident(1).progress.name(), StateName::New, "after {fires} s");
        assert_eq!(story.incident(1).major.clone().unwrap().watch_until, None);
        assert!(story.incident(1).terms.promise.is_some(), "updates are due again");
    }
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    story.clear(1, FIRE);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    story.fire(2 + 7_200, FIRE);
    assert_eq!(story.open(), [2], "once the watch is over it is another one");
}

#[test]
fn an_overdue_action_goes_up_and_only_the_highest_step_fires_after_an_outage() {
    let steps = |restarts: &[u64], until: u64| {
        let mut story = Story::under(PLAN);
        story.fire(0, FIRE);
        handled(&story.order(1, 1, action("dana", 10)));
        for day in restarts {
            story.world.restart(at(*day));
        }
        story.wait(until * DAY);
        texts(&story, Happening::ActionOverdue)
    };
    let what = "action 1 of INC-1 is";
    let of = "1. sprinklers (dana, until";
    let all = steps(&[], 20);
    assert_eq!(all.len(), 3, "{all:#?}");
    for (line, who, how) in [
        (&all[0], "contact:dana", "due"),
        (&all[1], "contact:lena", "1d overdue"),
        (&all[2], "contact:boss", "3d overdue"),
    ] {
        let start = format!("{who} is reminded: {what} {how}: ");
        assert!(line.starts_with(&start) && line.contains(of.trim_start_matches("1. ")), "{line}");
    }
    assert_eq!(steps(&[], 9), Vec::<String>::new());
    assert_eq!(steps(&[9, 10, 11, 12], 20), all, "a restart decides nothing");
    let late = steps(&[12], 12);
    assert_eq!(late.len(), 1, "{late:#?}");
    assert!(late[0].starts_with("contact:lena") && late[0].ends_with("1d late"), "{late:?}");
}

#[test]
fn actions_are_refused_with_what_would_be_right() {
    let mut story = Story::under(PLAN);
    story.fire(0, FIRE);
    assert!(refused(story.order(1, 1, action("nobody", 1))).contains("known: boss, carl"));
    assert!(refused(story.order(DAY, 1, action("dana", 1))).contains("which is past"));
    let none = Command::FinishAction { number: 1 };
    assert_eq!(refused(story.order(DAY, 1, none)), "INC-1 has no action 1; it has 0");
    for _ in 0..ACTIONS_MAX {
        handled(&story.order(DAY, 1, action("dana", 9)));
    }
    let full = refused(story.order(DAY, 1, action("dana", 9)));
    assert_eq!(full, "INC-1 has 50 actions already, the limit");
}

/// The whole of it, with or without restarts in between.
fn whole(restarts: Restarts) -> Story {
    let mut story = Story::under(PLAN);
    let again = |story: &mut Story, at_s: u64| {
        if restarts == Restarts::Often {
            story.world.restart(after(at_s));
        }
    };
    story.fire(0, FIRE);
    again(&mut story, 5);
    handled(&says(&mut story, 10, "dora", Command::Claim));
    handled(&says(&mut story, 20, "boss", Command::Check { item: 1 }));
    again(&mut story, 25);
    story.wait(1_300);
    story.clear(1_400, FIRE);
    handled(&says(&mut story, 1_500, "dora", Command::Resolve(Ending::default())));
    again(&mut story, 1_510);
    story.fire(5_000, FIRE);
    again(&mut story, 5_005);
    assert_eq!(story.incident(1).progress.name(), StateName::InProgress, "back to who had it");
    story.clear(5_100, FIRE);
    handled(&says(&mut story, 5_200, "dora", Command::Resolve(Ending::default())));
    handled(&says(&mut story, 5_300, "boss", action("dana", 3)));
    handled(&says(&mut story, 5_300, "boss", action("dora", 30)));
    let review = Edit::read("review", "no sprinklers").unwrap();
    handled(&says(&mut story, 5_400, "boss", Command::Set(vec![review])));
    again(&mut story, 5_405);
    handled(&says(&mut story, 5_200 + 7_200, "boss", Command::Close));
    again(&mut story, DAY);
    story.wait(5 * DAY);
    again(&mut story, 5 * DAY + 10);
    assert_eq!(texts(&story, Happening::ActionOverdue).len(), 2, "closed and still followed");
    assert!(told_last(&story, "lena").starts_with("update action 1 of INC-1 is 1d overdue"));
    let ack = Command::Acknowledge { hold: None, update_in: None };
    assert_eq!(refused(says(&mut story, 5 * DAY + 20, "dana", ack)), "INC-1 is not open");
    handled(&says(&mut story, 5 * DAY + 30, "dana", Command::FinishAction { number: 1 }));
    handled(&says(&mut story, 5 * DAY + 40, "boss", action("lena", 6)));
    handled(&says(&mut story, 5 * DAY + 50, "lena", Command::FinishAction { number: 3 }));
    again(&mut story, 5 * DAY + 60);
    handled(&says(&mut story, 5 * DAY + 70, "dora", Command::FinishAction { number: 2 }));
    story.wait(90 * DAY);
    assert_eq!(texts(&story, Happening::ActionOverdue).len(), 2);
    assert_eq!(story.world.image().saved().incidents.len(), 0, "nothing is left to be done");
    story
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Restarts {
    Never,
    Often,
}

#[test]
fn a_major_incident_from_its_declaration_to_its_last_action_with_or_without_restarts() {
    use Happening::{Action, Closed, Major, Plan, Reopened, Resolved, Ticked, Watched};
    let (calm, often) = (whole(Restarts::Never), whole(Restarts::Often));
    let told = |story: &Story| {
        let sent = story.world.sent().iter();
        sent.map(|it| format!("{} {} {} {}", it.id, it.kind, it.contact, it.because))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&calm), told(&often));
    let timeline = |story: &Story| -> Vec<_> {
        story.world.image().timeline_of(RecordId(1)).cloned().collect()
    };
    assert_eq!(timeline(&calm), timeline(&often));
    let bare = |story: &Story| Incident { revision: 0, ..story.incident(1).clone() };
    assert_eq!(bare(&calm), bare(&often));
    let steps = [Major, Plan, Ticked, Resolved, Watched, Reopened, Action, Closed];
    let happened = calm.happened(1);
    let mut rest = happened.iter();
    assert!(steps.iter().all(|step| rest.any(|it| it == step)), "{happened:?}");
}
