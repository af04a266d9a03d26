//! Scenarios of what those who report incidents hear, by their contact or at their address.

use super::story::{Story, after, handled, heard, texts};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Filing, Order};
use crate::engine::reply::Reply;
use crate::model::incident::RecordId;
use crate::model::report::{Reporter, labels};

const RULES: &str = "
teams: {shop: {members: [anna]}, desk: {members: [dora]}}
contacts:
  anna: {channels: [log]}
  dora: {channels: [log]}
  mia: {channels: [log]}
defaults: {team: shop, desk: desk}
reports: {channel: mail, domains: [x.org], messages: 3, within: 1h}
";

fn report(story: &mut Story, at_s: u64, title: &str, (name, contact): (&str, &str)) {
    let filing = Filing {
        labels: labels(title, &[]).unwrap(),
        severity: None,
        title: title.into(),
        description: "".into(),
        category: None,
        edits: Vec::new(),
        reporter: Reporter { name: name.into(), place: None, contact: Some(contact.into()) },
        by: "dora".into(),
        channel: "phone".into(),
    };
    let reply = story.world.event(&Event::Report(Box::new(filing)), after(at_s));
    assert!(matches!(reply, Reply::Reported(_)), "{reply:?}");
}

fn order(story: &mut Story, at_s: u64, incident: u64, command: Command) -> Reply {
    let (incident, by, note) = (RecordId(incident), "anna".into(), "a fix is on its way".into());
    let order = Order { incident, by, expected: None, note, command };
    story.world.event(&Event::Handle(order), after(at_s))
}

fn resolve() -> Command {
    Command::Resolve(Ending::default())
}

#[test]
fn who_reports_hears_that_we_have_it_how_it_stands_and_how_it_ends() {
    for contact in ["mia", "tom@x.org"] {
        let mut story = Story::under(&RULES.replace("messages: 3", "messages: 30"));
        report(&mut story, 0, "Slow", ("Mia", contact));
        handled(&story.ack(10, 1));
        report(&mut story, 20, "slow", ("Tom", contact));
        handled(&order(&mut story, 30, 1, Command::Update { next: None }));
        handled(&order(&mut story, 40, 1, resolve()));
        handled(&order(&mut story, 50, 1, Command::Confirm(Vec::new())));
        let texts = texts(&story, contact);
        let expected = [
            "we have your report: it is INC-1, team shop has it",
            "we have your report: it is INC-1, mia works on it",
            "anna: a fix is on its way",
            "resolved after 40s: by anna: a fix is on its way; is it over?",
            "closed: confirmed by anna: a fix is on its way",
        ];
        let told = texts.iter().zip(expected).all(|(told, expected)| told.contains(expected));
        assert!(told && texts.len() == 5, "{contact}: {texts:#?}");
        let channel = if contact == "mia" { "log" } else { "mail" };
        assert!(heard(&story, contact).iter().all(|it| it.channel_name() == channel));
        let waits = &story.incident(1).closure.confirmation.as_ref().unwrap().reached;
        assert_eq!(waits.len(), 2, "both are reached there: {waits:?}");
    }
}

#[test]
fn nobody_is_written_to_elsewhere_or_where_no_channel_is_named() {
    let silent: String = RULES
        .lines()
        .filter(|line| !line.starts_with("reports"))
        .fold(String::new(), |all, line| format!("{all}{line}\n"));
    for (rules, contact) in
        [(RULES, "tom@elsewhere.org"), (RULES, "phone 4711"), (&*silent, "tom@x.org")]
    {
        let mut story = Story::under(rules);
        report(&mut story, 0, "Slow", ("Tom", contact));
        handled(&order(&mut story, 40, 1, resolve()));
        assert!(heard(&story, contact).is_empty(), "{contact}");
        assert!(story.incident(1).closure.confirmation.as_ref().unwrap().reached.is_empty());
    }
}

#[test]
fn the_desk_hears_what_people_say_of_an_incident_once() {
    let mut story = Story::under(RULES);
    report(&mut story, 0, "Slow", ("Tom", "none"));
    handled(&order(&mut story, 30, 1, Command::Update { next: None }));
    assert_eq!(texts(&story, "dora"), ["anna: a fix is on its way"]);
    let who = crate::model::escalation::Target::Team("desk".into());
    handled(&order(&mut story, 40, 1, Command::Subscribe { who }));
    handled(&order(&mut story, 50, 1, Command::Update { next: None }));
    assert_eq!(texts(&story, "dora").len(), 2);
}

#[test]
fn an_address_gets_so_many_messages_and_the_rest_in_one_but_every_question() {
    let mut story = Story::under(RULES);
    for n in 0..6 {
        report(&mut story, n * 10, &format!("Broken {n}"), ("Tom", "tom@x.org"));
    }
    assert_eq!(heard(&story, "tom@x.org").len(), 3);
    handled(&order(&mut story, 100, 1, resolve()));
    assert_eq!(heard(&story, "tom@x.org").len(), 4, "a question waits for nothing");
    story.world.restart(after(200));
    report(&mut story, 300, "Broken 7", ("Tom", "tom@x.org"));
    report(&mut story, 300, "Broken 8", ("Eve", "eve@x.org"));
    assert_eq!(heard(&story, "eve@x.org").len(), 1, "each address has its own budget");
    story.wait(3_599);
    assert_eq!(heard(&story, "tom@x.org").len(), 4);
    story.wait(3_601);
    let all = heard(&story, "tom@x.org");
    let digest = all.last().unwrap();
    assert_eq!(all.len(), 5);
    let also: Vec<u64> = digest.also.iter().map(|it| it.0).collect();
    assert_eq!((digest.id.incident.0, &*also), (4, &[5, 6, 7][..]));
    assert!(digest.because.contains("INC-7: we have your report: it is INC-7"), "{digest:?}");
}

#[test]
fn who_answers_where_several_are_reached_speaks_for_these_and_a_stranger_for_nobody() {
    use crate::engine::refusal::Refusal;
    use crate::model::link::Action;
    use crate::model::notice::NoticeId;
    let mut story = Story::under(RULES);
    report(&mut story, 0, "Slow", ("Tom", "tom@x.org"));
    report(&mut story, 10, "slow", ("Mia Berg", "mia"));
    handled(&order(&mut story, 40, 1, resolve()));
    let by_link = |seq, by: &str, action, command| Event::ByLink {
        notice: NoticeId { incident: RecordId(1), seq },
        action,
        order: Order {
            incident: RecordId(1),
            by: by.into(),
            expected: None,
            note: "by link".into(),
            command,
        },
    };
    let confirm = |by: &str| by_link(3, by, Action::Confirm, Command::Confirm(Vec::new()));
    let reply = story.world.event(&confirm("eve@x.org"), after(50));
    assert!(matches!(reply, Reply::Refused(Refusal::NotAsked { .. })), "{reply:?}");
    handled(&story.world.event(&confirm("tom@x.org"), after(60)));
    let record = story.incident(1);
    assert_eq!(record.progress.name(), crate::model::progress::StateName::Resolved);
    assert_eq!(record.closure.confirmation.as_ref().unwrap().confirmed, ["Tom".into()]);
    // Tom takes it back.
    let reject = by_link(3, "tom@x.org", Action::Reject, Command::Reject);
    handled(&story.world.event(&reject, after(70)));
    handled(&order(&mut story, 80, 1, resolve()));
    handled(
        &story
            .world
            .event(&by_link(9, "mia", Action::Confirm, Command::Confirm(vec![])), after(90)),
    );
    let waits = story.incident(1).closure.confirmation.as_ref().unwrap().waits_for("tom@x.org");
    assert!(waits, "mia speaks for herself");
}

#[test]
fn who_reports_hears_as_often_as_its_rule_says_how_it_stands() {
    let every = "rules: [{name: r, owner: shop, when: 'alertname=\"Report\"', \
                 group: {by: [site]}, incident: {notify: {repeat: 30m}}}]\n";
    let rules = format!("{}{every}", RULES.replace("messages: 3", "messages: 9"));
    for contact in ["mia", "tom@x.org"] {
        let mut story = Story::under(&rules);
        report(&mut story, 0, "Slow", ("Tom", contact));
        story.wait(1_800);
        assert_eq!(texts(&story, contact)[1..], ["still open after 30m, team shop has it"]);
        handled(&story.ack(1_900, 1));
        story.wait(3_599);
        assert_eq!(texts(&story, contact).len(), 2, "{contact}");
        story.wait(3_600);
        let told = texts(&story, contact);
        assert!(told[2].starts_with("still open after 1h, "), "{told:#?}");
    }
}

#[test]
fn what_one_reporter_has_to_wait_for_keeps_nobody_else_from_hearing_how_it_stands() {
    let every = "rules: [{name: r, owner: shop, when: 'alertname=\"Report\"', \
                 group: {by: [site]}, incident: {notify: {repeat: 10m}}}]\n";
    let mut story = Story::under(&format!("{RULES}{every}"));
    report(&mut story, 0, "Slow", ("Tom", "tom@x.org"));
    story.wait(3_000);
    let anna = story.world.sent().iter().filter(|it| *it.contact == *"anna");
    let told = anna.filter(|it| it.because.starts_with("still open")).count();
    assert_eq!(told, 5, "every ten minutes");
    assert_eq!(heard(&story, "tom@x.org").len(), 3, "his limit");
}
