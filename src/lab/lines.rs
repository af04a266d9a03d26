//! Scenarios of incidents that go from line to line: who has to confirm what in which time, how they
//! are handed on, how pressing they are by a person's word, and what was promised.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, Story, after, handled, rules_of};
use crate::cmdb::{Topology, import};
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::lab::world::World;
use crate::model::assignment::{Handover, Verdict};
use crate::model::escalation::Target;
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::progress::{StateName, WaitsFor};
use crate::model::timeline::Happening;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// Three lines of networking, a desk, and a database team; P1 is answered in 40 minutes, and each
/// line has its own time to confirm it.
const RULES: &str = "
contacts: {amy: {channels: log}, bob: {channels: log}, cat: {channels: log}, dan: {channels: log},
  eve: {channels: log}, lead2: {channels: log}, boss: {channels: log}}
teams:
  desk: {members: [amy]}
  net1: {members: [bob], manager: boss, next: net2}
  net2: {members: [cat], line: 2, lead: lead2, manager: boss, next: net3}
  net3: {members: [dan], line: 3}
  db: {members: [eve], line: 2}
defaults: {team: net1, desk: desk}
priorities:
  limits:
    P3: {response: 40m, acceptance: {line1: 20m, line2: 30m, line3: 1h}, update: 1h}
";

fn story() -> Story {
    Story::under(RULES)
}

fn handover() -> Handover {
    Handover { tried: "a restart".into(), known: "it is the link".into(), ..Handover::default() }
}

fn by(story: &mut Story, who: &str, at_s: u64, command: Command) -> Reply {
    let order = Order {
        incident: RecordId(1),
        by: who.into(),
        expected: None,
        note: "because".into(),
        command,
    };
    story.world.event(&Event::Handle(order), after(at_s))
}

fn acked(story: &mut Story, who: &str, at_s: u64) {
    let hold = Some(Duration::from_hours(20));
    handled(&by(story, who, at_s, Command::Acknowledge { hold, update_in: None }));
}

fn refusal(reply: Reply) -> String {
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    refusal.to_string()
}

/// Returns who was paged, with minute and reason, from a minute on.
fn pages(story: &Story, from: u64) -> Vec<String> {
    let since = after(from * MINUTE);
    let pages = story.world.pages().filter(|page| page.created_at >= since);
    pages
        .map(|it| {
            let minute = it.created_at.since(after(0)).as_secs() / MINUTE;
            format!("{minute} {}: {}", it.contact, it.because)
        })
        .collect()
}

fn assignments(story: &Story) -> Vec<String> {
    let shown = |it: &crate::model::assignment::Assignment| {
        let verdict = it.verdict.map(|it| format!(" {it}")).unwrap_or_default();
        let by = it.accepted.as_ref().map(|it| format!(" by {}", it.by)).unwrap_or_default();
        format!("{}{verdict}{by}", it.team.as_deref().unwrap_or("-"))
    };
    story.incident(1).assignments.list.iter().map(shown).collect()
}

#[test]
fn the_next_line_has_a_time_of_its_own_and_then_its_lead_is_called() {
    let mut story = story();
    story.fire(0, DISK);
    story.wait(70 * MINUTE);
    assert_eq!(
        pages(&story, 0),
        [
            "0 bob: new incident, assigned to you",
            "10 bob: net1 has not confirmed it for 10m (acceptance)",
            "20 boss: net1 has not confirmed it for 20m (acceptance)",
            "30 cat: unanswered for 30m (functional escalation)",
            "40 boss: unanswered for 40m (hierarchical escalation)",
            "45 cat: net2 has not confirmed it for 15m (acceptance)",
            "60 lead2: net2 has not confirmed it for 30m (acceptance)",
            "70 boss: unanswered for 1h10m (hierarchical escalation)",
        ]
    );
    assert_eq!(assignments(&story), ["net1 passed_on", "net2"]);
    assert!(story.happened(1).contains(&Happening::EscalatedAcceptance));
}

#[test]
fn what_one_line_confirmed_the_next_has_to_confirm_anew() {
    let mut story = story();
    story.fire(0, DISK);
    acked(&mut story, "bob", 60);
    story.wait(HOUR);
    assert_eq!(pages(&story, 1).len(), 0, "it is confirmed");
    let escalate = Command::Escalate { to: None, handover: handover() };
    handled(&by(&mut story, "bob", HOUR, escalate));
    assert_eq!(story.incident(1).progress.name(), StateName::New);
    assert_eq!(story.incident(1).team.as_deref(), Some("net2"));
    story.wait(HOUR + 16 * MINUTE);
    let told = pages(&story, 60);
    assert!(told[0].starts_with("60 cat: assigned to you now by bob: because"), "{told:?}");
    assert!(told[0].contains("tried: a restart; known: it is the link"), "{told:?}");
    assert_eq!(told[1], "75 cat: net2 has not confirmed it for 15m (acceptance)");
    acked(&mut story, "cat", HOUR + 17 * MINUTE);
    assert_eq!(assignments(&story), ["net1 accepted by bob", "net2 accepted by cat"]);
    story.wait(3 * HOUR);
    assert_eq!(pages(&story, 78).len(), 0);
}

#[test]
fn a_lapse_begins_the_time_to_confirm_anew() {
    let mut story = story();
    story.fire(0, DISK);
    let hold = Some(Duration::from_mins(5));
    let ack = Command::Acknowledge { hold, update_in: None };
    handled(&by(&mut story, "bob", MINUTE, ack));
    story.wait(17 * MINUTE);
    assert_eq!(
        pages(&story, 1),
        ["6 bob: assigned to you now", "16 bob: net1 has not confirmed it for 10m (acceptance)",]
    );
    assert_eq!(assignments(&story), ["net1 accepted by bob", "net1"]);
}

#[test]
fn what_was_misrouted_goes_back_to_who_had_it_and_is_counted() {
    let mut story = story();
    story.fire(0, DISK);
    let empty = Order {
        incident: RecordId(1),
        by: "bob".into(),
        expected: None,
        note: String::new(),
        command: Command::Return { handover: Handover::default() },
    };
    let reply = story.world.event(&Event::Handle(empty), after(1));
    assert_eq!(refusal(reply), "say why it is returned");
    let back = || Command::Return { handover: Handover::default() };
    handled(&by(&mut story, "bob", 2, back()));
    assert_eq!(story.incident(1).team.as_deref(), Some("desk"), "nobody had it before");
    let to = Some(Target::Team("db".into()));
    handled(&by(&mut story, "amy", 3, Command::Escalate { to, handover: handover() }));
    handled(&by(&mut story, "eve", 4, back()));
    assert_eq!(story.incident(1).team.as_deref(), Some("desk"), "the desk had it before");
    assert_eq!(story.incident(1).assignments.returned, 2);
    let verdicts: Vec<_> = story.incident(1).assignments.list.iter().map(|it| it.verdict).collect();
    let (returned, passed) = (Some(Verdict::Returned), Some(Verdict::PassedOn));
    assert_eq!(verdicts, [returned, passed, returned, None]);
    let entries = story.world.image().timeline_of(RecordId(1));
    let told: Vec<_> = entries.filter(|it| it.what == Happening::Returned).collect();
    assert!(told[0].text.contains("misrouted by no rule, returned once"), "{}", told[0].text);
    assert!(told[1].text.contains("misrouted by amy, returned 2 times"), "{}", told[1].text);
}

#[test]
fn there_is_not_always_a_next_line_or_a_former_one() {
    let mut story = Story::under(
        "contacts: {a: {channels: log}}\nteams: {one: {members: a}}\ndefaults: {team: one}\n",
    );
    story.fire(0, DISK);
    let escalate = Command::Escalate { to: None, handover: Handover::default() };
    let refused = refusal(story.order(1, 1, escalate));
    assert_eq!(refused, "INC-1 has no next line after one; name a team instead");
    let back = Command::Return { handover: Handover::default() };
    assert!(refusal(story.order(2, 1, back)).starts_with("INC-1 was nobody's before"));
}

#[test]
fn each_team_that_is_called_to_help_confirms_it_for_itself() {
    let mut story = story();
    story.fire(0, DISK);
    acked(&mut story, "bob", 60);
    let convene = |teams: &[&str]| Command::Convene {
        teams: teams.iter().map(|it| (*it).into()).collect(),
        link: Some("https://meet.example/1".into()),
        handover: handover(),
    };
    let unknown = refusal(by(&mut story, "bob", 61, convene(&["db", "web"])));
    assert!(unknown.starts_with("no team:web in the rule files"), "{unknown}");
    handled(&by(&mut story, "bob", 2 * MINUTE, convene(&["db", "net2"])));
    assert_eq!(story.incident(1).progress.name(), StateName::Acknowledged, "bob has it still");
    let told = pages(&story, 2);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|it| it.contains("the call is at https://meet.example/1")), "{told:?}");
    acked(&mut story, "eve", 3 * MINUTE);
    assert_eq!(story.incident(1).progress.holder().map(|(by, _)| by), Some("bob"));
    story.wait(33 * MINUTE);
    assert_eq!(
        pages(&story, 3),
        [
            "17 cat: net2 has not confirmed it for 15m (acceptance)",
            "32 lead2: net2 has not confirmed it for 30m (acceptance)",
        ]
    );
    assert_eq!(assignments(&story), ["net1 accepted by bob", "db accepted by eve", "net2"]);
    handled(&by(&mut story, "bob", 34 * MINUTE, Command::Resolve(Ending::default())));
    assert_eq!(story.incident(1).assignments.called().count(), 0, "all go home");
}

#[test]
fn members_of_a_team_take_turns_by_incident() {
    let mut story = Story::under(
        "contacts: {a: {channels: log}, b: {channels: log}}\n\
         teams: {two: {members: [a, b], turns: by_incident}}\ndefaults: {team: two}\n",
    );
    for (at, name) in [(0, "x"), (60, "y"), (120, "z")] {
        story.fire(at, &[("alertname", name), ("severity", "critical")]);
    }
    let called: Vec<_> = story.world.pages().map(|it| &*it.contact).collect();
    assert_eq!(called, ["b", "a", "b"]);
}

const CUSTOMERS: &str = "
contacts: {a: {channels: log}, boss: {channels: log}}
teams: {one: {members: a, manager: boss}}
defaults: {team: one}
agreements:
  - {name: gold, services: {customer: acme}, limits: {P2: {resolution: 1h}, P1: {resolution: 30m}}}
";

fn customers() -> Story {
    let rows = import::read(
        "cis: {shop: {class: service, customer: acme, tier: 2}, \
         wiki: {class: service, tier: 2}, vital: {class: service, tier: 1, customer: acme}}",
        "cmdb.yaml",
    );
    let topology = Topology::build(1, &rows.unwrap()).unwrap();
    let ctx = Context::new(rules_of(CUSTOMERS), Arc::new(topology), Limits::default());
    Story { world: World::new(ctx, after(0)), source: "test".into() }
}

fn down<'a>(ci: &'a str, severity: &'a str) -> [(&'a str, &'a str); 3] {
    [("alertname", "Down"), ("ci", ci), ("severity", severity)]
}

#[test]
fn an_agreement_of_a_service_that_suffers_gives_the_limits() {
    let mut story = customers();
    story.fire(0, &down("shop", "critical"));
    story.fire(0, &down("wiki", "critical"));
    assert_eq!(story.incident(1).terms.agreement.as_deref(), Some("gold"));
    assert_eq!(story.incident(2).terms.agreement, None);
    let due = |id| story.incident(id).resolution.due_at;
    assert_eq!((due(1), due(2)), (after(HOUR), after(8 * HOUR)));
}

#[test]
fn an_agreement_that_changes_while_on_hold_plans_the_clock_anew_once_it_goes_on() {
    let mut story = customers();
    story.fire(0, &down("shop", "critical"));
    handled(&story.ack(1, 1));
    let hold = Command::Hold { waits_for: WaitsFor::Supplier, until: after(3 * HOUR) };
    handled(&story.order(10 * MINUTE, 1, hold));
    let other = CUSTOMERS.replace("P2: {resolution: 1h}", "P2: {resolution: 2h}");
    story.world.reload(rules_of(&other), after(HOUR));
    story.wait(3 * HOUR);
    let due = story.incident(1).resolution.due_at;
    assert_eq!(
        due,
        after(3 * HOUR + 110 * MINUTE),
        "ten minutes are gone, the hold does not count"
    );
}

#[test]
fn a_priority_that_changes_while_on_hold_counts_what_was_gone_before_it() {
    let mut story = customers();
    story.fire(0, &down("shop", "critical"));
    handled(&story.ack(1, 1));
    let waits_for = WaitsFor::User;
    handled(&story.order(10 * MINUTE, 1, Command::Hold { waits_for, until: after(3 * HOUR) }));
    handled(&story.order(HOUR, 1, Command::Prioritise { priority: Some(Priority::P1) }));
    story.wait(3 * HOUR);
    let due = story.incident(1).resolution.due_at;
    assert_eq!(due, after(3 * HOUR + 20 * MINUTE), "ten of thirty minutes were gone");
}

#[test]
fn a_priority_by_hand_holds_until_lifted_and_its_holder_hears_when_it_should_be_higher() {
    let mut story = customers();
    story.fire(0, &down("shop", "critical"));
    let low = || Command::Prioritise { priority: Some(Priority::P3) };
    handled(&story.order(MINUTE, 1, low()));
    let it = story.incident(1);
    assert_eq!(it.assessment.priority, Priority::P3);
    assert!(it.assessment.sum.starts_with("P3 (set by mia: because; else P2) = impact medium"));
    let before = story.told(NoticeKind::Update).len();
    story.order(2 * MINUTE, 1, Command::Note);
    assert_eq!(story.told(NoticeKind::Update).len(), before, "the computed one is as it was");
    let merge = Command::Merge { into: RecordId(2) };
    story.fire(3 * MINUTE, &down("vital", "critical"));
    handled(&story.order(3 * MINUTE + 1, 1, merge));
    assert_eq!(story.incident(1).assessment.priority, Priority::P3, "it holds");
    let updates = story.told(NoticeKind::Update);
    assert!(updates[before..].contains(&"INC-1 boss".into()), "{updates:?}");
    let told = story.world.sent().iter().find(|it| it.because.contains("would be P1 by now"));
    assert!(told.is_some());
    handled(&story.order(5 * MINUTE, 1, Command::Prioritise { priority: None }));
    assert_eq!(story.incident(1).assessment.priority, Priority::P1);
    assert_eq!(story.incident(1).resolution.due_at, after(30 * MINUTE), "planned anew");
    let timeline = story.world.image().timeline_of(RecordId(1));
    let said = timeline.filter(|it| it.text.starts_with("clocks by the limits of P1 of agreement"));
    assert_eq!(said.count(), 1);
}

#[test]
fn a_priority_by_hand_can_be_given_and_lifted_while_nothing_fires() {
    let mut story = customers();
    story.fire(0, &down("shop", "critical"));
    story.clear(MINUTE, &down("shop", "critical"));
    let order = |story: &mut Story, priority| {
        handled(&story.order(2 * MINUTE, 1, Command::Prioritise { priority }));
        story.incident(1).assessment.priority
    };
    assert_eq!(order(&mut story, Some(Priority::P4)), Priority::P4);
    assert_eq!(order(&mut story, Some(Priority::P1)), Priority::P1);
    assert_eq!(order(&mut story, None), Priority::P2);
    let sum = &story.incident(1).assessment.sum;
    assert!(sum.starts_with("P2 = impact medium (service shop, tier 2"), "{sum}");
}

#[test]
fn a_promised_update_that_is_overdue_reminds_whoever_promised_it_then_their_lead() {
    let mut story = story();
    story.fire(0, DISK);
    acked(&mut story, "bob", 60);
    let promised = || story.incident(1).terms.promise.clone();
    assert_eq!(promised().map(|it| it.due_at), Some(after(HOUR + 60)));
    story.wait(2 * HOUR);
    let told = |story: &Story| -> Vec<String> {
        let tickets = story.world.sent().iter().filter(|it| it.kind == NoticeKind::Ticket);
        tickets
            .map(|it| format!("{} {}", it.created_at.since(after(0)).as_secs(), it.contact))
            .collect()
    };
    assert_eq!(told(&story), ["3660 bob", "5460 boss"]);
    let update = Command::Update { next: Some(Duration::from_mins(30)) };
    handled(&by(&mut story, "bob", 2 * HOUR, update));
    let promise = story.incident(1).terms.promise.clone().unwrap();
    assert_eq!(promise.due_at, after(2 * HOUR + 30 * MINUTE));
    handled(&by(&mut story, "bob", 2 * HOUR + 60, Command::Update { next: None }));
    let promise = story.incident(1).terms.promise.clone().unwrap();
    assert_eq!(promise.due_at, after(2 * HOUR + 31 * MINUTE), "the same time again");
    story.order(2 * HOUR + 120, 1, Command::Resolve(Ending::default()));
    story.wait(5 * HOUR);
    assert_eq!(told(&story).len(), 2, "nobody waits for news of what is resolved");
}

#[test]
fn an_update_reaches_whoever_was_called_and_whoever_wants_to_hear() {
    let mut story = story();
    story.fire(0, DISK);
    let who = || Target::Team("db".into());
    handled(&by(&mut story, "amy", 1, Command::Subscribe { who: who() }));
    acked(&mut story, "bob", 60);
    handled(&by(&mut story, "bob", 120, Command::Update { next: None }));
    let told = |story: &Story| -> Vec<String> {
        let said = story.world.sent().iter().filter(|it| it.because == "bob: because");
        said.map(|it| it.contact.to_string()).collect()
    };
    assert_eq!(told(&story), ["bob", "eve", "amy"], "amy is the desk");
    handled(&by(&mut story, "amy", 180, Command::Unsubscribe { who: who() }));
    handled(&by(&mut story, "bob", 240, Command::Update { next: None }));
    assert_eq!(told(&story), ["bob", "eve", "amy", "bob", "amy"]);
    let who = Target::Contact("nobody".into());
    let unknown = refusal(by(&mut story, "amy", 250, Command::Subscribe { who }));
    assert!(unknown.starts_with("no contact:nobody in the rule files"), "{unknown}");
}

#[test]
fn a_step_is_passed_over_where_it_is_not_for_the_incident() {
    let policy = |only: &str| {
        format!(
            "contacts: {{a: {{channels: log}}, night: {{channels: log}}, chief: {{channels: log}}}}\n\
             teams: {{one: {{members: a}}}}\ndefaults: {{team: one}}\n\
             calendars: {{early: {{zone: UTC, hours: [{{from: '00:00', to: '08:00'}}]}}}}\n\
             policies: {{default: {{functional: [{{after: 0s, notify: assigned}}, \
             {{after: 5m, notify: 'contact:chief', only: {only}}}, \
             {{after: 5m, notify: 'contact:night', only: {{priority: [P1, P3]}}}}]}}}}\n"
        )
    };
    for (only, called) in [
        ("{priority: P3}", &["a", "night"][..]),
        ("{priority: [P1, P2]}", &["a", "night"]),
        ("{state: new, hours: early}", &["a", "night"]),
        ("{state: in_progress}", &["a", "night"]),
    ] {
        let mut story = Story::under(&policy(only));
        story.fire(0, DISK);
        story.wait(10 * MINUTE);
        let pages: Vec<_> = story.world.pages().map(|it| &*it.contact).collect();
        assert_eq!(pages, called, "{only}");
        let passed = story.happened(1).contains(&Happening::PassedOver);
        assert_eq!(passed, only != "{priority: P3}", "{only}: both hold, the higher one tells");
    }
}

#[test]
fn the_routing_says_the_team_of_each_line_and_where_to_start() {
    let mut story = Story::under(
        "
contacts: {a: {channels: log}}
teams: {desk: {members: a}, net1: {members: a}, net2: {members: a, line: 2}, net3: {members: a, line: 3}}
defaults: {team: desk}
routing:
  - {category: network, line1: net1, line2: net2, line3: net3, start: {novel: 2}}
rules:
  - name: net
    owner: desk
    when: ['alertname=~\"Link.*\"']
    group: {by: [site]}
    incident: {category: network}
  - name: flap
    owner: desk
    when: ['alertname=\"Flap\"']
    known_error: {id: KE-1, workaround: wait, line: 3}
    incident: {category: network}
",
    );
    let link = &[("alertname", "LinkDown"), ("site", "x"), ("severity", "critical")];
    story.fire(0, link);
    assert_eq!(story.incident(1).team.as_deref(), Some("net2"), "never seen before");
    story.fire(1, &[("alertname", "Flap"), ("severity", "critical")]);
    assert_eq!(story.incident(2).team.as_deref(), Some("net3"), "its known error needs it");
    story.fire(2, DISK);
    assert_eq!(story.incident(3).team.as_deref(), Some("desk"));
    story.clear(60, link);
    story.wait(2 * HOUR);
    story.fire(2 * HOUR, link);
    assert_eq!(story.incident(4).team.as_deref(), Some("net1"), "it was seen before");
    let escalate = Command::Escalate { to: None, handover: Handover::default() };
    handled(&story.order(2 * HOUR + 1, 4, escalate));
    assert_eq!(story.incident(4).team.as_deref(), Some("net2"), "by the route");
}

#[test]
fn one_that_nothing_falls_due_for_is_told_of_in_an_incident_of_our_own() {
    let policy = "contacts: {a: {channels: log}}\nteams: {one: {members: a}}\ndefaults: {team: one}\n\
                  policies: {default: {functional: [{after: 0s, notify: assigned}]}}\n";
    let mut story = Story::under(policy);
    story.fire(0, DISK);
    for hour in 1..=3 {
        story.wait(hour * HOUR);
    }
    assert_eq!(story.open(), [1, 2], "one for all, itself among them");
    let alerts = story.world.image().alerts.values();
    let own = alerts.filter(|it| it.labels.get("alertname") == Some("IncidentdNoDeadline"));
    let said: Vec<_> = own.filter_map(|it| it.details.annotations.get("summary")).collect();
    assert!(said[0].starts_with("nothing falls due for INC-1, INC-2: nobody"), "{said:?}");
    let mut story = self::story();
    story.fire(0, DISK);
    story.wait(20 * HOUR);
    assert_eq!(story.open(), [1], "the manager hears of it for ever");
}

#[test]
fn a_supplier_who_is_late_is_told_of_once() {
    let mut story = Story::under(
        "contacts: {a: {channels: log}}\nteams: {one: {members: a}}\ndefaults: {team: one}\n\
         priorities: {limits: {P3: {supplier: 2h}}}\n",
    );
    story.fire(0, DISK);
    handled(&story.ack(60, 1));
    let hold = |waits_for| Command::Hold { waits_for, until: after(9 * HOUR) };
    handled(&story.order(120, 1, hold(WaitsFor::Change)));
    story.wait(3 * HOUR);
    let overdue = |story: &Story| {
        story.happened(1).into_iter().filter(|it| *it == Happening::SupplierOverdue).count()
    };
    assert_eq!(overdue(&story), 0, "it waits for a change");
    handled(&story.order(3 * HOUR, 1, hold(WaitsFor::Supplier)));
    let since = |story: &Story| story.incident(1).terms.supplier.map(|it| it.since);
    assert_eq!(since(&story), Some(after(3 * HOUR)));
    story.wait(8 * HOUR);
    assert_eq!(overdue(&story), 1);
    let tickets = story.told(NoticeKind::Ticket);
    assert_eq!(tickets, ["INC-1 one"]);
    handled(&story.order(8 * HOUR, 1, Command::Claim));
    assert_eq!(since(&story), None);
}

#[test]
fn one_that_is_in_a_state_for_too_long_is_told_of_once() {
    let mut story = Story::under(
        "contacts: {a: {channels: log}, b: {channels: log}}\n\
         teams: {one: {members: a, lead: b}}\ndefaults: {team: one}\n\
         priorities: {limits: {P3: {states: {acknowledged: 2h}}}}\n",
    );
    story.fire(0, DISK);
    story.wait(3 * HOUR);
    let overdue = |story: &Story| {
        story.happened(1).into_iter().filter(|it| *it == Happening::StateOverdue).count()
    };
    assert_eq!(overdue(&story), 0, "it is new");
    let ack = || Command::Acknowledge { hold: Some(Duration::from_hours(20)), update_in: None };
    handled(&story.order(3 * HOUR, 1, ack()));
    handled(&story.order(4 * HOUR, 1, ack()));
    story.wait(5 * HOUR - 1);
    assert_eq!(overdue(&story), 0);
    story.wait(9 * HOUR);
    assert_eq!(overdue(&story), 1);
    assert_eq!(story.told(NoticeKind::Ticket), ["INC-1 one", "INC-1 b"]);
    let clocks = crate::engine::clocks::derive(
        &story.world.context().rules,
        story.incident(1),
        story.world.now(),
    );
    let told: Vec<_> = clocks.iter().map(|it| format!("{} {}", it.clock, it.standing)).collect();
    assert_eq!(
        told,
        ["response kept", "acceptance of one kept", "resolution runs", "state acknowledged over"]
    );
}

#[test]
fn all_of_it_is_there_after_a_restart() {
    let mut story = story();
    story.fire(0, DISK);
    acked(&mut story, "bob", 60);
    let escalate = Command::Escalate { to: None, handover: handover() };
    handled(&by(&mut story, "bob", 120, escalate));
    let before = story.incident(1).clone();
    story.world.restart(after(180));
    story.wait(18 * MINUTE);
    assert_eq!(before.assignments.list[..1], story.incident(1).assignments.list[..1]);
    assert_eq!(pages(&story, 3), ["17 cat: net2 has not confirmed it for 15m (acceptance)"]);
}

#[test]
fn a_refused_reason_names_what_was_wished() {
    assert_eq!(Refusal::NoReason { wish: "convened" }.to_string(), "say why it is convened");
}
