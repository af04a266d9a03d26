//! The journal as a program reads it.

use super::world::World;
use crate::ingest::recorded;
use crate::model::alert::Signal;

const ALERT: &str = r#"{"labels": {"alertname": "X"}, "severity": "major"}"#;

#[tokio::test]
async fn the_journal_is_told_a_line_for_each_change_in_its_order() {
    let world = World::new();
    assert_eq!(world.get("/api/v1/journal").await.text, "");
    for body in [ALERT, ALERT, &ALERT.replace("\"major\"", "\"major\", \"status\": \"resolved\"")] {
        assert_eq!(world.post("/ingest/native", body).await.status, 200);
    }
    let answer = world.get("/api/v1/journal").await;
    assert_eq!(answer.headers["content-type"], "application/jsonl");
    let lines: Vec<_> = answer.text.lines().map(|line| recorded::read(line).unwrap()).collect();
    let ended = lines.iter().map(|line| {
        assert_eq!(line.source.as_deref(), Some("native"));
        assert_eq!(line.occurrences[0].severity.as_deref(), Some("major"));
        matches!(line.occurrences[0].signal, Signal::Resolved { .. })
    });
    assert_eq!(ended.collect::<Vec<_>>(), [false, true], "a heartbeat is no change");

    let (first, last) = (lines[0].at, lines[1].at);
    for (query, count) in [
        (format!("from={first}"), 2),
        (format!("from={last}&to={first}"), 0),
        (format!("to={first}"), 0),
        ("from=2999-01-01".into(), 0),
    ] {
        let answer = world.get(&format!("/api/v1/journal?{query}")).await;
        assert_eq!((answer.status, answer.text.lines().count()), (200, count), "{query}");
    }
}

#[tokio::test]
async fn a_long_journal_comes_whole() {
    let world = World::new();
    for batch in 0..5 {
        let alerts = (0..500).map(|n| format!(r#"{{"labels": {{"alertname": "{batch}-{n}"}}}}"#));
        let body = format!("[{}]", alerts.collect::<Vec<_>>().join(","));
        assert_eq!(world.post("/ingest/native", &body).await.status, 200);
    }
    let mut lines: Vec<String> =
        world.get("/api/v1/journal").await.text.lines().map(Into::into).collect();
    assert_eq!(lines.len(), 2_500);
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 2_500, "none twice");
}

#[tokio::test]
async fn a_time_that_is_none_is_refused_by_name() {
    for (query, message) in [
        ("from=noon", "from is `noon`, must be a time like"),
        ("to=", "to is ``, must be a time like"),
    ] {
        let answer = World::new().get(&format!("/api/v1/journal?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.at("/message").starts_with(message), "{query}");
    }
}
