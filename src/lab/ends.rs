//! Scenarios of ends: which firing an end is about, whoever's clock is ahead, late or repeated.

use core::time::Duration;

use super::story::{DISK, Story, after, received};
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::ingest::{self, Format, Terms, decode};
use crate::model::alert::Signal;
use crate::model::labels::Labels;

/// A source says that the disk is full since then, for a day.
fn fires(story: &mut Story, source: &str, at_s: u64, begun_s: u64) -> (u32, u32, u32, u32) {
    story.source = source.into();
    let signal = Signal::Firing { until: after(at_s + 86_400), explicit: false };
    received(&story.send(at_s, DISK, signal, begun_s))
}

/// A source says that what began and ended then is over.
fn ends(story: &mut Story, source: &str, at_s: u64, (begun_s, ended_s): (u64, u64)) -> bool {
    story.source = source.into();
    let signal = Signal::Resolved { at: after(ended_s) };
    story.send(at_s, DISK, signal, begun_s);
    !is_firing(story)
}

fn is_firing(story: &Story) -> bool {
    let disk = Labels::build(&mut DISK.to_vec()).unwrap().fingerprint();
    story.world.image().alerts.get(&disk).is_some_and(|row| row.state.fires())
}

#[test]
fn an_end_of_an_earlier_firing_ends_nothing_though_another_source_says_it_began_before() {
    let mut story = Story::new();
    fires(&mut story, "a", 100, 100);
    assert!(!ends(&mut story, "a", 101, (50, 60)));
    fires(&mut story, "b", 102, 40);
    assert!(!ends(&mut story, "b", 103, (20, 30)));
    assert!(!ends(&mut story, "a", 104, (50, 60)), "the same once more");
    assert!(!ends(&mut story, "b", 105, (40, 105)));
    assert!(!ends(&mut story, "a", 106, (50, 60)), "nobody else holds it now");
    assert!(ends(&mut story, "a", 107, (100, 106)));
}

#[test]
fn an_end_that_comes_after_the_next_firing_ends_nothing() {
    let mut story = Story::new();
    fires(&mut story, "a", 100, 100);
    fires(&mut story, "a", 200, 200);
    assert!(!ends(&mut story, "a", 201, (100, 150)), "it was overtaken");
    fires(&mut story, "a", 202, 100);
    assert!(!ends(&mut story, "a", 203, (100, 150)), "so was its firing");
    assert!(ends(&mut story, "a", 300, (200, 290)));
}

#[test]
fn an_end_ends_what_its_sender_began_whoevers_clock_is_ahead() {
    for hour in [0, 3_600] {
        let mut story = Story::new();
        // The one's clock is behind or ahead of the other's.
        fires(&mut story, "b", 7_200, 7_200);
        let base = 5_400 + hour;
        fires(&mut story, "a", 7_201, base);
        assert!(!ends(&mut story, "b", 7_210, (7_200, 7_209)));
        assert!(ends(&mut story, "a", 7_211, (base, base + 10)), "{hour}");
        let row = story.world.image().alerts.values().next().unwrap();
        assert!(row.state.ended_at <= Some(after(7_211)), "it did not end later than we know");
    }
}

/// Posts to a door at that time by our clock.
fn post(story: &mut Story, format: Format, at_s: u64, body: &str) -> Reply {
    let limits = ingest::Limits::default();
    let terms = Terms { received: after(at_s), lease: Duration::from_hours(24), limits: &limits };
    let decoded = decode(format, body.as_bytes(), &terms).unwrap();
    assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects);
    let source = "door".into();
    let event = Event::Received { source, occurrences: decoded.occurrences };
    story.world.event(&event, after(at_s))
}

/// A message of an Alertmanager about the time from `begun_s` to `ended_s`.
fn webhook(status: &str, begun_s: u64, ended_s: Option<u64>) -> String {
    let time =
        |at: Option<u64>| at.map_or("0001-01-01T00:00:00Z".into(), |at| after(at).to_string());
    let (begun, ended) = (time(Some(begun_s)), time(ended_s));
    format!(
        r#"{{"version": "4", "alerts": [{{"status": "{status}", "labels": {{"alertname": "A"}}, "startsAt": "{begun}", "endsAt": "{ended}"}}]}}"#
    )
}

#[test]
fn a_sender_whose_clock_is_ahead_ends_at_once_what_lasted_shorter_than_that() {
    let mut story = Story::new();
    let mut say = |at_s, status, begun_s, ended_s| {
        received(&post(&mut story, Format::Alertmanager, at_s, &webhook(status, begun_s, ended_s)))
    };
    assert_eq!(say(0, "firing", 3_600, None), (1, 0, 0, 0));
    assert_eq!(say(60, "resolved", 3_600, Some(3_650)), (0, 1, 0, 0));
    assert_eq!(say(61, "firing", 3_600, None), (0, 0, 0, 1), "late: it is over");
    assert_eq!(say(62, "firing", 3_660, None), (1, 0, 0, 0), "the next one");
    assert_eq!(say(63, "resolved", 3_600, Some(3_650)), (0, 0, 0, 1), "the first one's end again");
    assert_eq!(say(90, "resolved", 3_660, Some(3_685)), (0, 1, 0, 0));
}

#[test]
fn an_end_that_overtook_its_firing_is_known_by_its_beginning() {
    let mut story = Story::new();
    let mut say = |at_s, status, begun_s, ended_s| {
        received(&post(&mut story, Format::Alertmanager, at_s, &webhook(status, begun_s, ended_s)))
    };
    assert_eq!(say(60, "resolved", 3_600, Some(3_650)), (0, 0, 0, 1));
    assert_eq!(say(61, "firing", 3_600, None), (0, 0, 0, 1), "by a clock that is an hour ahead");
    assert_eq!(say(62, "firing", 3_661, None), (1, 0, 0, 0));
}

#[test]
fn who_names_an_end_and_no_beginning_means_what_fires_now() {
    for format in [Format::Native, Format::AlertmanagerApi] {
        let mut story = Story::new();
        let ended = if format == Format::Native { "ends_at" } else { "endsAt" };
        let firing = r#"[{"labels": {"alertname": "A"}}]"#;
        // By a clock that is half a minute behind, after heartbeats.
        let over = after(95).to_string();
        let over = format!(r#"[{{"labels": {{"alertname": "A"}}, "{ended}": "{over}"}}]"#);
        assert_eq!(received(&post(&mut story, format, 0, firing)), (1, 0, 0, 0));
        assert_eq!(received(&post(&mut story, format, 120, firing)), (0, 0, 1, 0));
        assert_eq!(received(&post(&mut story, format, 125, &over)), (0, 1, 0, 0), "{format}");
        // Whoever named when it would be over may say so sooner.
        let planned = after(900).to_string();
        let planned = format!(r#"[{{"labels": {{"alertname": "B"}}, "{ended}": "{planned}"}}]"#);
        let sooner =
            format!(r#"[{{"labels": {{"alertname": "B"}}, "{ended}": "{}"}}]"#, after(190));
        assert_eq!(received(&post(&mut story, format, 130, &planned)), (1, 0, 0, 0));
        assert_eq!(received(&post(&mut story, format, 200, &sooner)), (0, 1, 0, 0), "{format}");
    }
}
