//! Scenarios of the windows that rules open.

use std::sync::Arc;

use super::inhibition::{context, story};
use super::story::{Story, after};
use crate::engine::event::{Event, Rest};
use crate::engine::reply::{Planned, Reply};
use crate::model::change::{Change, ChangeState};
use crate::model::notice::NoticeKind;
use crate::model::silence::{Silence, SilenceId, SilenceState};
use crate::model::timeline::Happening;

/// Monday, 2026-01-05, from 10:00 to 11:00 UTC; the clock starts at 09:00.
const ONCE: &str = "
  - name: move
    summary: The rack moves.
    when: 'severity!=\"critical\"'
    quiet: {from: 2026-01-05T10:00:00Z, to: 2026-01-05T11:00:00Z}
";

/// Every day from 10:00 to 10:30 UTC.
const DAILY: &str = "
  - name: backup
    when: 'alertname!=\"\"'
    quiet: {every: {days: [mon-sun], at: '11:00', for: 30m, zone: Europe/Berlin}}
";

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const DISK: &[(&str, &str)] = &[("alertname", "Disk"), ("severity", "minor")];
const LOAD: &[(&str, &str)] = &[("alertname", "Load"), ("severity", "minor")];
const DOWN: &[(&str, &str)] = &[("alertname", "Down"), ("severity", "critical")];

fn windows(story: &Story) -> Vec<&Silence> {
    let mut windows: Vec<&Silence> = story.world.image().silences.values().collect();
    windows.sort_by_key(|window| window.starts_at);
    windows
}

fn only(story: &Story) -> &Silence {
    let [window] = windows(story)[..] else { panic!("{:#?}", windows(story)) };
    window
}

#[test]
fn a_window_opens_and_ends_at_its_times_and_what_still_fires_is_raised_once() {
    let mut story = story(ONCE);
    story.wait(HOUR - 1);
    assert!(windows(&story).is_empty());
    story.fire(HOUR, DISK);
    story.fire(HOUR + 1, LOAD);
    story.fire(HOUR + 2, DOWN);
    assert_eq!(story.open(), [1], "only what the rule matches is held back");
    let window = only(&story);
    assert_eq!((&*window.created_by, &*window.comment), ("rule t/move", "The rack moves."));
    assert_eq!(window.ends_at, after(2 * HOUR));
    assert_eq!(window.id.to_string().chars().nth(14), Some('8'), "a UUID made of what it is for");
    let before = story.world.sent().len();
    story.wait(2 * HOUR);
    assert_eq!(story.open(), [1, 2, 3]);
    let news = &story.world.sent()[before..];
    let told: Vec<_> = news.iter().filter(|it| it.kind != NoticeKind::Update).collect();
    assert_eq!((told.len(), told[0].also.len()), (1, 1), "{told:?}");
    story.wait(2 * HOUR + 121 * HOUR);
    assert!(windows(&story).is_empty(), "forgotten, and not opened again");
}

#[test]
fn a_window_that_opens_quietens_what_is_open() {
    let mut story = story(ONCE);
    story.fire(0, DISK);
    story.wait(HOUR);
    assert!(story.incident(1).quiet);
    story.wait(2 * HOUR);
    assert!(!story.incident(1).quiet);
}

#[test]
fn windows_come_again_each_with_an_id_of_its_own() {
    let mut story = story(DAILY);
    story.wait(3 * DAY);
    let starts: Vec<_> = windows(&story).iter().map(|window| window.starts_at).collect();
    assert_eq!(starts, [after(HOUR), after(DAY + HOUR), after(2 * DAY + HOUR)]);
}

#[test]
fn what_fell_into_a_downtime_happens_in_its_order() {
    let mut story = story(DAILY);
    story.fire(0, DISK);
    story.wait(HOUR - 60);
    story.world.restart(after(HOUR + 60));
    assert!(story.incident(1).quiet, "it opened while nobody looked");
    story.world.restart(after(HOUR + 2 * HOUR));
    assert!(!story.incident(1).quiet, "and ended");
    story.world.restart(after(2 * DAY + 2 * HOUR));
    assert_eq!(windows(&story).len(), 3);
    assert!(!story.incident(1).quiet, "what opened and ended in one gap holds nothing");
    assert!(
        windows(&story)
            .iter()
            .all(|it| it.state(after(2 * DAY + 2 * HOUR)) == SilenceState::Expired)
    );
}

#[test]
fn a_first_start_in_a_window_opens_it_and_none_of_the_past() {
    let late = ONCE.replace("10:00", "08:00");
    let mut story = story(&late);
    story.wait(0);
    assert_eq!(only(&story).state(after(0)), SilenceState::Active);
}

#[test]
fn a_reload_ends_the_windows_of_rules_that_are_gone_or_other_and_no_others() {
    for (rules, holds) in [
        (ONCE.to_owned(), true),
        (ONCE.replace("The rack moves.", "It is moved."), true),
        (ONCE.replace("11:00", "12:00"), true),
        (ONCE.replace("10:00:00Z, to: 2026-01-05T11", "11:00:00Z, to: 2026-01-05T12"), false),
        (ONCE.replace("severity!=", "severity="), false),
        (
            ONCE.replace("move", "other").replace(
                "quiet: {from: 2026-01-05T10:00:00Z, to: 2026-01-05T11:00:00Z}",
                "group: {by: [a]}",
            ),
            false,
        ),
    ] {
        let mut story = story(ONCE);
        story.fire(HOUR + 1, DISK);
        assert!(story.world.sent().is_empty());
        story.world.reload(Arc::clone(&context(&rules).rules), after(HOUR + 60));
        assert_eq!(story.open().is_empty(), holds, "{rules}");
        assert_eq!(story.world.sent().is_empty(), holds, "{rules}");
    }
}

#[test]
fn what_a_person_ended_stays_ended() {
    let mut story = story(ONCE);
    story.fire(HOUR + 1, DISK);
    let id = only(&story).id;
    let ended = story.world.event(&Event::Unsilence { id, by: "mia".into() }, after(HOUR + 60));
    assert_eq!(ended, Reply::Done);
    assert_eq!(story.open(), [1], "it is told at once");
    story.world.reload(Arc::clone(&context(ONCE).rules), after(HOUR + 120));
    story.world.restart(after(HOUR + 180));
    assert!(!story.incident(1).quiet);
}

#[test]
fn a_window_that_a_person_ended_long_before_its_time_is_not_opened_again() {
    let long = ONCE.replace("to: 2026-01-05", "to: 2026-01-25");
    let mut story = story(&long);
    story.wait(HOUR);
    let id = only(&story).id;
    story.world.event(&Event::Unsilence { id, by: "mia".into() }, after(HOUR + 60));
    story.wait(6 * DAY);
    story.world.reload(Arc::clone(&context(&long).rules), after(7 * DAY));
    story.fire(7 * DAY + 1, DISK);
    assert_eq!(story.open(), [1]);
}

#[test]
fn what_a_person_prolonged_stays_until_then() {
    let mut story = story(ONCE);
    story.fire(HOUR + 1, DISK);
    let replaces = Some(only(&story).id);
    let longer = Silence { id: SilenceId(1), ends_at: after(3 * HOUR), ..only(&story).clone() };
    story.world.event(&Event::Silence { silence: longer, replaces }, after(HOUR + 60));
    story.world.reload(Arc::clone(&context(ONCE).rules), after(2 * HOUR + 60));
    assert!(story.open().is_empty());
    story.wait(3 * HOUR);
    assert_eq!(story.open(), [1]);
}

const CHANGES: &str = "
  - name: chg
    when: 'severity!=\"critical\"'
    quiet: {changes: {}}
";

fn change(number: &str, cis: &[&str], from_s: u64, until_s: u64) -> Change {
    Change {
        number: number.into(),
        cis: cis.iter().map(|ci| (*ci).into()).collect(),
        starts_at: after(from_s),
        ends_at: after(until_s),
        state: ChangeState::Approved,
        owner: "net".into(),
        summary: "new cable".into(),
        source: "".into(),
    }
}

fn plan(story: &mut Story, at_s: u64, changes: &[Change], rest: Rest) -> Reply {
    let changes = changes.to_vec();
    story.world.event(&Event::PlanChanges { changes, rest, by: "mia".into() }, after(at_s))
}

fn done(added: u32, changed: u32, removed: u32) -> Reply {
    Reply::Planned(Planned { added, changed, removed })
}

#[test]
fn changes_are_merged_by_number_and_kept_for_a_month() {
    let mut story = story(CHANGES);
    let (one, two) = (change("CHG-1", &["a"], 60, 120), change("CHG-2", &["b"], 60, 120));
    assert_eq!(plan(&mut story, 0, &[one.clone(), two.clone()], Rest::Stays), done(2, 0, 0));
    let longer = Change { ends_at: after(180), ..two };
    assert_eq!(plan(&mut story, 1, std::slice::from_ref(&longer), Rest::Stays), done(0, 1, 0));
    assert_eq!(plan(&mut story, 2, &[one], Rest::Goes), done(0, 0, 1));
    assert_eq!(plan(&mut story, 3, &[longer], Rest::Stays), done(1, 0, 0));
    story.world.restart(after(4));
    assert_eq!(story.world.image().planned.len(), 2);
    story.wait(29 * DAY);
    story.fire(29 * DAY, DISK);
    assert_eq!(story.world.image().planned.len(), 2);
    story.wait(31 * DAY);
    story.fire(31 * DAY, LOAD);
    assert_eq!(story.world.image().planned.len(), 0);
}

#[test]
fn a_change_opens_a_window_which_ends_when_it_is_called_off() {
    let mut story = story(CHANGES);
    let one = change("CHG-1", &["srv-1"], HOUR, 3 * HOUR);
    plan(&mut story, 0, &[one.clone(), change("CHG-2", &[], 0, HOUR)], Rest::Stays);
    story.fire(1, &[("alertname", "Down"), ("ci", "vm-1"), ("severity", "minor")]);
    assert_eq!(story.open(), [1], "a change of nothing silences nothing");
    assert!(!story.incident(1).quiet, "its time has not come");
    story.wait(HOUR);
    assert!(story.incident(1).quiet, "vm-1 depends on srv-1");
    assert_eq!(&*only(&story).comment, "CHG-1: new cable");
    let moved = Change { ends_at: after(4 * HOUR), ..one };
    plan(&mut story, HOUR + 60, std::slice::from_ref(&moved), Rest::Stays);
    assert!(story.incident(1).quiet, "one window hands it to the next");
    assert_eq!(story.happened(1).iter().filter(|it| **it == Happening::Raised).count(), 0);
    let off = Change { state: ChangeState::Cancelled, ..moved };
    plan(&mut story, HOUR + 120, &[off], Rest::Stays);
    assert!(!story.incident(1).quiet);
}

#[test]
fn an_incident_names_the_changes_that_it_may_have_come_of() {
    let mut story = story(
        "
  - {name: none, when: 'x=\"y\"', quiet: {changes: {}}}
",
    );
    let mut over = change("CHG-5", &["vm-1"], 60, 120);
    over.state = ChangeState::Done;
    plan(
        &mut story,
        0,
        &[
            change("CHG-1", &["srv-1"], 60, 3 * HOUR),
            change("CHG-2", &["srv-2"], 60, 3 * HOUR),
            change("CHG-3", &["vm-1"], 4 * HOUR, 5 * HOUR),
            change("CHG-4", &["pdu-1"], 120, 600),
            over,
        ],
        Rest::Stays,
    );
    story.fire(300, &[("alertname", "Down"), ("ci", "vm-1"), ("severity", "minor")]);
    let named: Vec<&str> = story.incident(1).changes.iter().map(|number| &**number).collect();
    assert_eq!(named, ["CHG-5", "CHG-1", "CHG-4"]);
    let told = story.world.image().timeline_of(story.incident(1).id);
    let told: Vec<&str> =
        told.filter(|entry| entry.what == Happening::Change).map(|entry| &*entry.text).collect();
    assert_eq!(
        told,
        [
            "CHG-5 on vm-1 started 4m before",
            "CHG-1 on its parent srv-1 started 4m before",
            "CHG-4 on pdu-1, 2 relations above started 3m before",
        ]
    );
    story.fire(120 + 2 * HOUR, &[("alertname", "Slow"), ("ci", "web"), ("severity", "minor")]);
    assert_eq!(story.incident(2).changes.len(), 1, "what is over is suspected for two hours");
}

#[test]
fn a_window_on_cis_covers_them_and_what_depends_on_them() {
    let mut story = story(
        "
  - name: power
    when: 'severity=\"minor\"'
    quiet: {from: 2026-01-05T08:00:00Z, to: 2026-01-05T11:00:00Z, ci: [srv-2, srv-1]}
",
    );
    for (at_s, ci, held_back) in [
        (1, "srv-1", true),
        (2, "vm-1", true),
        (3, "srv-2", true),
        (4, "pdu-1", false),
        (5, "x", false),
    ] {
        let before = story.open().len();
        story.fire(at_s, &[("alertname", "Down"), ("ci", ci), ("severity", "minor")]);
        assert_eq!(story.open().len() == before, held_back, "{ci}");
    }
    let before = story.open().len();
    story.fire(6, &[("alertname", "Down"), ("ci", "vm-1"), ("severity", "critical")]);
    assert_eq!(story.open().len(), before + 1, "`when` narrows");
}
