//! How many pages one person gets, by which channels, and which messages follow an incident.

use std::sync::Arc;

use super::story::{Story, after, handled};
use crate::cmdb::{Topology, import};
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::reply::Reply;
use crate::lab::world::World;
use crate::model::incident::RecordId;
use crate::model::link::Action;
use crate::model::notice::{Notice, NoticeId, NoticeKind};
use crate::model::timeline::Happening;
use crate::rules::{RuleSet, SourceFile, load};

const RULES: &str = "
version: 1
defaults: {contact: ann}
contacts:
  ann: {channels: [mail, log], urgent: [sms, chat], page_budget: {pages: 2, within: 5m}}
";

fn rules(text: &str) -> Arc<RuleSet> {
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

fn story(text: &str) -> Story {
    let rows = import::read("cis: {shop: {class: service, tier: 1}}", "cmdb.yaml").unwrap();
    let topology = Arc::new(Topology::build(1, &rows).unwrap());
    let world = World::new(Context::new(rules(text), topology, Limits::default()), after(0));
    Story { world, source: "test".into() }
}

fn page(story: &mut Story, at_s: u64, name: &str) {
    story.fire(at_s, &[("alertname", name), ("severity", "critical")]);
}

/// Returns what was sent: when, the incident, and what is told with it.
fn sent(story: &Story, kind: NoticeKind) -> Vec<(u64, u64, Vec<u64>)> {
    let of_kind = story.world.sent().iter().filter(|notice| notice.kind == kind);
    let row = |notice: &Notice| {
        let also = notice.also.iter().map(|id| id.0).collect();
        (notice.due_at.since(after(0)).as_secs(), notice.id.incident.0, also)
    };
    of_kind.map(row).collect()
}

#[test]
fn pages_beyond_the_budget_wait_and_are_one_message() {
    let mut story = story(RULES);
    for (at_s, name) in [(0, "A"), (10, "B"), (20, "C"), (30, "D"), (299, "E")] {
        page(&mut story, at_s, name);
    }
    let within = [(0, 1, vec![]), (10, 2, vec![])];
    assert_eq!(sent(&story, NoticeKind::Page), within, "the first at once, then none");
    story.wait(300);
    let pages = sent(&story, NoticeKind::Page);
    assert_eq!(pages[2..], [(300, 3, vec![4, 5])], "when there is room, all of them");
    let digest = story.world.pages().nth(2).unwrap();
    assert!(digest.because.contains("2 pages in 5m are the most"), "{}", digest.because);
    let spared = story.world.image().timeline_of(RecordId(5));
    let words: Vec<&str> = spared.map(|entry| &*entry.text).collect();
    assert!(
        words.iter().any(|text| text.contains("page to ann spared, told with INC-3/1")),
        "{words:?}"
    );
    // The digest is a page, too: with that of 10 s there are two until 310 s.
    page(&mut story, 309, "F");
    page(&mut story, 310, "G");
    story.wait(1_000);
    assert_eq!(sent(&story, NoticeKind::Page)[3..], [(310, 6, vec![]), (600, 7, vec![])]);
}

#[test]
fn an_incident_of_the_highest_priority_is_never_spared_when_it_is_new() {
    let mut story = story(RULES);
    for (at_s, name) in [(0, "A"), (1, "B"), (2, "C")] {
        page(&mut story, at_s, name);
    }
    story.fire(3, &[("alertname", "Down"), ("severity", "critical"), ("ci", "shop")]);
    let pages = sent(&story, NoticeKind::Page);
    assert_eq!(pages, [(0, 1, vec![]), (1, 2, vec![]), (3, 4, vec![])]);
}

#[test]
fn what_was_spared_lasts_through_a_restart_and_what_was_answered_is_not_sent() {
    for restarts in [false, true] {
        let mut story = story(RULES);
        for (at_s, name) in [(0, "A"), (10, "B"), (20, "C")] {
            page(&mut story, at_s, name);
        }
        if restarts {
            story.world.restart(after(25));
        }
        page(&mut story, 30, "D");
        story.wait(299);
        assert_eq!(sent(&story, NoticeKind::Page).len(), 2, "restarts: {restarts}");
        story.wait(300);
        assert_eq!(sent(&story, NoticeKind::Page)[2..], [(300, 3, vec![4])]);
    }
    let mut story = story(RULES);
    for (at_s, name) in [(0, "A"), (10, "B"), (20, "C")] {
        page(&mut story, at_s, name);
    }
    story.ack(40, 3);
    story.wait(300);
    assert_eq!(sent(&story, NoticeKind::Page).len(), 2, "nobody needs the third any more");
    // What was never sent counts for nothing.
    page(&mut story, 305, "E");
    assert_eq!(sent(&story, NoticeKind::Page)[2..], [(305, 4, vec![])]);
}

#[test]
fn a_contact_without_a_budget_of_its_own_gets_five_pages_in_five_minutes() {
    let mut story = story("version: 1\n");
    for at_s in 0..7 {
        page(&mut story, at_s, &format!("A{at_s}"));
    }
    assert_eq!(sent(&story, NoticeKind::Page).len(), 5);
    story.wait(300);
    assert_eq!(sent(&story, NoticeKind::Page)[5..], [(300, 6, vec![7])]);
}

#[test]
fn a_page_goes_by_the_urgent_channels_and_the_rest_by_the_others() {
    let mut story = story(RULES);
    page(&mut story, 0, "A");
    story.fire(1, &[("alertname", "B"), ("severity", "info")]);
    handled(&story.order(2, 1, Command::Resolve(Ending::default())));
    let channels = |kind| {
        let sent = story.world.sent().iter().filter(move |notice| notice.kind == kind);
        sent.map(|notice| notice.channels.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(channels(NoticeKind::Page), ["sms chat"]);
    assert_eq!(channels(NoticeKind::Ticket), ["mail log"]);
    assert_eq!(channels(NoticeKind::Update), ["mail log"]);
}

#[test]
fn a_message_that_shows_the_state_follows_what_people_do() {
    let mut story = Story::new();
    story.fire(0, &[("alertname", "DiskFull"), ("severity", "critical")]);
    let delivered = |channel: &str| Event::Delivered {
        notice: NoticeId { incident: RecordId(1), seq: 1 },
        channel: channel.into(),
        thread: Some(("#ops".into(), "C1:1.2".into())),
    };
    // The world took the page already; a report of what is no longer pending changes nothing.
    story.world.event(&delivered("chat"), after(1));
    assert!(story.incident(1).threads.is_empty());
    let mut story = story_of_a_channel_that_hangs();
    story.world.event(&delivered("chat"), after(1));
    assert_eq!(&*story.incident(1).threads[0].message, "C1:1.2");
    let updates = |story: &Story| -> Vec<String> {
        let notices = story.world.image().notices.values();
        let of = notices.filter(|notice| notice.kind == NoticeKind::Update);
        of.map(|notice| format!("{}: {}", notice.channel_name(), notice.because)).collect()
    };
    handled(&story.ack(2, 1));
    assert_eq!(
        updates(&story),
        ["chat: acknowledged by mia until 2026-01-05T09:10:02.000Z: because"]
    );
    handled(&story.order(3, 1, Command::Claim));
    handled(&story.order(4, 1, Command::Unacknowledge));
    page(&mut story, 5, "B");
    let of_the_other = Event::Delivered {
        notice: NoticeId { incident: RecordId(2), seq: 1 },
        channel: "chat".into(),
        thread: Some(("".into(), "alert".into())),
    };
    story.world.event(&of_the_other, after(5));
    handled(&story.order(5, 2, Command::Merge { into: RecordId(1) }));
    assert!(updates(&story).contains(&"chat: part of INC-1 now".into()), "{:?}", updates(&story));
    handled(&story.order(5, 1, Command::Resolve(Ending::default())));
    let all = updates(&story);
    for said in ["chat: claimed by mia", "chat: given back by mia", "chat: resolved after 5s"] {
        assert_eq!(all.iter().filter(|text| text.starts_with(said)).count(), 1, "{said}: {all:?}");
    }
}

#[test]
fn a_message_that_can_be_edited_names_what_is_held_back() {
    let mut story = story(&RULES.replace("pages: 2", "pages: 1"));
    story.world.hold_deliveries();
    page(&mut story, 0, "A");
    let delivered = Event::Delivered {
        notice: NoticeId { incident: RecordId(1), seq: 1 },
        channel: "chat".into(),
        thread: Some(("#ops".into(), "C1:1.2".into())),
    };
    story.world.event(&delivered, after(1));
    for (at_s, name) in [(2, "B"), (3, "C")] {
        page(&mut story, at_s, name);
    }
    let notices = story.world.image().notices.values();
    let edits = notices.filter(|notice| notice.kind == NoticeKind::Update);
    let edits: Vec<_> = edits
        .map(|it| {
            (it.id.incident.0, it.also.iter().map(|id| id.0).collect::<Vec<_>>(), &*it.because)
        })
        .collect();
    let until = "held back until 2026-01-05T09:05:00.000Z";
    assert_eq!(
        edits,
        [(1, vec![2], &*format!("1 more, {until}")), (1, vec![2, 3], &*format!("2 more, {until}"))]
    );
}

#[test]
fn a_page_that_was_put_off_and_never_sent_uses_up_nothing() {
    let mut story = story(&RULES.replace("pages: 2", "pages: 1"));
    story.world.hold_deliveries();
    page(&mut story, 0, "A");
    let notice = NoticeId { incident: RecordId(1), seq: 1 };
    let failed = Event::Failed {
        notice,
        channel: "chat".into(),
        error: "no answer".into(),
        retry_in: Some(core::time::Duration::from_secs(20)),
    };
    story.world.event(&failed, after(1));
    let withheld = Event::Withheld { notice, because: "acknowledged".into() };
    story.world.event(&withheld, after(2));
    page(&mut story, 3, "B");
    let next = NoticeId { incident: RecordId(2), seq: 1 };
    assert_eq!(story.world.image().notices[&next].due_at, after(3));
}

/// A story whose only incident's page waits for its channel.
fn story_of_a_channel_that_hangs() -> Story {
    let mut story = story(RULES);
    story.world.hold_deliveries();
    page(&mut story, 0, "A");
    story
}

#[test]
fn a_page_is_with_the_next_channel_within_a_minute_whatever_the_first_one_asks_for() {
    // Each attempt takes its whole time-out; what the receiver asks for comes on top.
    for (attempt_s, asked_s, latest_s) in [(10, 0, 60), (10, 20, 60), (1, 3_600, 1), (10, 45, 10)] {
        let mut story = story_of_a_channel_that_hangs();
        let notice = NoticeId { incident: RecordId(1), seq: 1 };
        let mut at_s = 0;
        let failed_over = loop {
            at_s += attempt_s;
            let failed = Event::Failed {
                notice,
                channel: "sms".into(),
                error: "no answer".into(),
                retry_in: Some(core::time::Duration::from_secs(asked_s)),
            };
            story.world.event(&failed, after(at_s));
            let stored = &story.world.image().notices[&notice];
            if stored.channel_name() == "chat" {
                break at_s;
            }
            at_s = stored.due_at.since(after(0)).as_secs();
        };
        assert!(failed_over <= latest_s, "{attempt_s} s, {asked_s} s: after {failed_over} s");
        assert!(story.world.image().notices[&notice].due_at <= after(latest_s));
    }
}

#[test]
fn a_link_is_good_once_and_leaves_its_trace() {
    let mut story = story(RULES);
    page(&mut story, 0, "A");
    let notice = NoticeId { incident: RecordId(1), seq: 1 };
    let by_link = |action, command| Event::ByLink {
        notice,
        action,
        order: Order {
            incident: RecordId(1),
            by: "ann".into(),
            expected: None,
            note: "by link of INC-1/1 to ann".into(),
            command,
        },
    };
    let acknowledge =
        by_link(Action::Acknowledge, Command::Acknowledge { hold: None, update_in: None });
    handled(&story.world.event(&acknowledge, after(10)));
    story.world.restart(after(11));
    assert_eq!(story.world.event(&acknowledge, after(12)), Reply::Duplicate);
    let happened = story.happened(1);
    assert_eq!(happened.iter().filter(|it| **it == Happening::Acknowledged).count(), 1);
    handled(
        &story
            .world
            .event(&by_link(Action::Resolve, Command::Resolve(Ending::default())), after(13)),
    );
    let audit = &story.world.image().audit;
    assert_eq!(audit.values().filter(|it| it.detail.contains("by link of INC-1/1")).count(), 2);
    // What was refused may be tried again.
    let refused = story.world.event(&by_link(Action::Acknowledge, Command::Reopen), after(14));
    assert_eq!(refused, Reply::Duplicate);
}

#[test]
fn a_long_digest_names_the_first_and_counts_the_others() {
    use crate::model::notice::ALSO_MAX;
    let mut story = story(RULES);
    let beyond = 20;
    for n in 0..ALSO_MAX + 3 + beyond {
        page(&mut story, 1, &format!("A{n}"));
    }
    story.world.restart(after(2));
    page(&mut story, 3, "last");
    story.wait(301);
    let digest = story.world.pages().nth(2).unwrap();
    assert_eq!((digest.id.incident.0, digest.also.len()), (3, ALSO_MAX));
    assert_eq!(digest.also[0], RecordId(4), "in their order");
    assert_eq!(digest.also_more as usize, beyond + 1);
    let spared = story.world.image().timeline_of(RecordId(120));
    let told: Vec<&str> = spared.map(|entry| &*entry.text).collect();
    assert!(told.iter().any(|text| text.contains("told with INC-3/1 and 117 others")), "{told:?}");
}
