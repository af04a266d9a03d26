//! Scenarios of the users of what a major incident hurts: who hears of it, when, and how much.

use super::story::{Story, after, handled, heard, texts};
use crate::engine::order::{Command, Ending};
use crate::model::notice::NoticeKind;

const RULES: &str = "
contacts:
  boss: {channels: [log]}
  dora: {channels: [log]}
  sue: {channels: [log]}
  dana: {channels: [log]}
teams: {dc: {members: [dora]}}
defaults: {team: dc}
reports: {channel: mail, domains: [x.org], messages: 3, within: 1h}
majors: {priorities: [P1], management: [boss]}
rules: [{name: p1, owner: dc, when: 'alertname=\"Fire\"', group: {by: [site]}, incident: {priority: P1}}]
";

const CMDB: &str = "
cis:
  shop: {class: service, tier: 1, contact: sue, subscribers: 'list@x.org, sue, tom@elsewhere.org, ghost'}
  search: {class: service, tier: 1, contact: dana, subscribers: list@x.org}
";

const SHOP: &[(&str, &str)] = &[("alertname", "Fire"), ("ci", "shop"), ("severity", "critical")];
const SEARCH: &[(&str, &str)] =
    &[("alertname", "Fire"), ("ci", "search"), ("severity", "critical")];

/// Returns the rules without what declares a major incident by itself.
fn undeclared() -> String {
    RULES.replace("priorities: [P1], ", "")
}

#[test]
fn the_users_of_what_is_hurt_hear_of_it_after_management_and_before_those_on_call() {
    let mut story = Story::of(RULES, CMDB);
    story.fire(0, SHOP);
    let first = story.world.sent().iter().filter(|notice| notice.created_at == after(0));
    let first: Vec<_> = first.map(|it| format!("{} {}", it.kind, it.target)).collect();
    assert_eq!(first, ["page boss", "update sue", "update list@x.org", "page dc"]);
    let text = "shop is hurt: a major incident, say the rules: its priority is P1";
    assert_eq!(texts(&story, "sue"), [text]);
    assert_eq!(heard(&story, "list@x.org")[0].channel_name(), "mail");
    let users = ["sue".into(), "list@x.org".into()];
    assert_eq!(story.incident(1).major.as_ref().unwrap().users, users);
    assert!(heard(&story, "tom@elsewhere.org").is_empty(), "the rules do not write to that domain");
    let mut other = Story::of(&undeclared(), CMDB);
    other.fire(0, SHOP);
    assert!(heard(&other, "sue").is_empty(), "no major incident, no word");
}

#[test]
fn they_hear_how_it_stands_and_how_it_ends_also_through_a_restart() {
    let mut story = Story::of(&RULES.replace("messages: 3", "messages: 30"), CMDB);
    story.fire(0, SHOP);
    story.fire(10, SEARCH);
    story.fire(20, SEARCH);
    story.world.restart(after(30));
    handled(&story.order(40, 1, Command::Update { next: None }));
    handled(&story.order(50, 1, Command::StandDown));
    handled(&story.order(60, 1, Command::DeclareMajor));
    handled(&story.order(70, 1, Command::Resolve(Ending::default())));
    let expected = [
        "shop is hurt: a major incident, say the rules: its priority is P1",
        "mia: because",
        "no major incident any more, by mia: because",
        "a major incident, says mia: because",
        "resolved after ",
    ];
    for contact in ["sue", "list@x.org"] {
        let told = texts(&story, contact);
        let fits = told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected));
        assert!(fits && told.len() == expected.len(), "{contact}: {told:#?}");
        assert!(told.iter().all(|text| !text.contains("is it over?")), "nobody asks them");
    }
    let late = texts(&story, "dana");
    assert_eq!(late[0], "search is hurt: a major incident, say the rules: its priority is P1");
    assert_eq!(late.len(), expected.len(), "once: {late:#?}");
}

#[test]
fn who_was_called_who_subscribed_and_who_reported_hears_that_it_is_a_major_incident() {
    let mut story = Story::of(&undeclared(), CMDB);
    story.fire(0, SHOP);
    let who = crate::model::escalation::Target::Contact("dana".into());
    handled(&story.order(10, 1, Command::Subscribe { who }));
    handled(&story.order(20, 1, Command::DeclareMajor));
    for contact in ["dora", "dana"] {
        assert_eq!(texts(&story, contact), ["a major incident, says mia: because"], "{contact}");
    }
    assert_eq!(texts(&story, "sue"), ["shop is hurt: a major incident, says mia: because"]);
    let pages = story.told(NoticeKind::Page);
    assert_eq!(pages, ["INC-1 dc", "INC-1 boss"]);
}

#[test]
fn a_storm_of_major_incidents_is_a_few_messages_and_keeps_nobody_from_being_called() {
    // Sue is on call, too: what she hears as a user leaves her pages alone.
    let rules = RULES.replace("members: [dora]", "members: [sue]");
    let mut story = Story::of(&rules, CMDB);
    for n in 0..12_u64 {
        let site = n.to_string();
        let labels = [SHOP, &[("site", &*site)]].concat();
        story.fire(n, &labels);
    }
    assert_eq!(story.open().len(), 12);
    let pages = story.told(NoticeKind::Page);
    let hers = pages.iter().filter(|page| page.ends_with(" dc")).count();
    assert_eq!(hers, 12, "a P1 that is new to its person is never held back");
    assert_eq!(heard(&story, "list@x.org").len(), 3);
    story.world.restart(after(60));
    story.wait(3_600);
    let all = heard(&story, "list@x.org");
    assert_eq!(all.len(), 4, "the rest in one");
    assert_eq!((all[3].id.incident.0, all[3].also.len()), (4, 8), "{:?}", all[3]);
}
