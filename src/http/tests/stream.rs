//! What those who follow the stream can rely on.

use core::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::Value;
use tower::ServiceExt;

use super::super::stream::CLIENTS_MAX;
use super::world::World;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event as a client sees it.
#[derive(Debug)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

/// A client of the stream.
struct Follower {
    body: BodyDataStream,
    text: String,
}

impl Follower {
    /// Begins to follow behind commit `since`, if it names one; `seen` is the last id it saw.
    async fn start(router: &Router, since: Option<u64>, seen: Option<u64>) -> Self {
        let query = since.map(|seq| format!("?since={seq}")).unwrap_or_default();
        let mut request = Request::get(format!("/api/v1/stream{query}"));
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Returns the next event; nothing when the stream ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                let event = Event {
                    name: field("event").unwrap().into(),
                    id: field("id").map(|id| id.parse().unwrap()),
                    data: serde_json::from_str(field("data").unwrap()).unwrap(),
                };
                self.text = rest.into();
                return Some(event);
            }
            let next = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let part = next.expect("something is told in time")?.unwrap();
            self.text.push_str(core::str::from_utf8(&part).unwrap());
        }
    }
}

#[tokio::test]
async fn what_is_committed_is_told_and_goes_on_where_a_client_stopped() {
    let world = World::new();
    let mut first = Follower::start(&world.router, None, None).await;
    let hello = first.next().await.unwrap();
    assert_eq!((&*hello.name, hello.id), ("resync", hello.data["seq"].as_u64()));

    let (_, id) = world.fire(&[("alertname", "DiskFull"), ("severity", "critical")]).await;
    let opened = first.next().await.unwrap();
    assert_eq!((&*opened.name, opened.data["id"].as_str()), ("incident", Some(&*id)));
    assert_eq!(opened.id, opened.data["seq"].as_u64());
    assert_eq!(opened.data["incident"]["state"], "new");
    assert_eq!(opened.data["happened"][0]["what"], "opened");

    drop(first);
    world.post(&format!("/api/v1/incidents/{id}/ack"), r#"{"by": "mia"}"#).await;
    world.post(&format!("/api/v1/incidents/{id}/resolve"), r#"{"by": "mia"}"#).await;
    // The header wins over the address that a browser began with.
    let mut again = Follower::start(&world.router, hello.id, opened.id).await;
    let merged = again.next().await.unwrap();
    let happened = merged.data["happened"].as_array().unwrap();
    let happened: Vec<&str> = happened.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert!(happened.contains(&"acknowledged") && happened.contains(&"resolved"), "{happened:?}");
    assert!(!happened.contains(&"opened"), "{happened:?}");
    assert_eq!(merged.data["incident"]["state"], "resolved");
}

#[tokio::test]
async fn whoever_missed_something_is_told_to_look_anew() {
    let world = World::new();
    world.fire(&[("alertname", "DiskFull")]).await;
    let mut lost = Follower::start(&world.router, Some(1_000_000), None).await;
    let event = lost.next().await.unwrap();
    assert_eq!(event.name, "resync");
    world.fire(&[("alertname", "NodeDown")]).await;
    let event = lost.next().await.unwrap();
    assert_eq!((&*event.name, &event.data["incident"]["title"]), ("incident", &"NodeDown".into()));
}

#[tokio::test]
async fn only_so_many_follow_and_all_are_let_go_at_the_end() {
    let world = World::new();
    let mut followers = Vec::new();
    for _ in 0..CLIENTS_MAX {
        followers.push(Follower::start(&world.router, Some(0), None).await);
    }
    let refused = world.get("/api/v1/stream").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    let metrics = world.get("/metrics").await.text;
    for line in ["incidentd_stream_clients 256", "incidentd_stream_refused_clients_total 1"] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} in {metrics}");
    }
    drop(followers.pop());
    let mut waiting = Follower::start(&world.router, Some(0), None).await;
    world.stop.send_replace(true);
    assert!(waiting.next().await.is_none(), "an open stream ends when the daemon stops");
}

#[tokio::test]
async fn a_place_in_the_stream_is_a_number() {
    let world = World::new();
    for (query, headers) in [
        ("?since=x", &[][..]),
        ("?since=", &[]),
        ("?from=1", &[]),
        ("", &[("last-event-id", "-1")]),
    ] {
        let path = format!("/api/v1/stream{query}");
        let answer = world.call(axum::http::Method::GET, &path, headers, "").await;
        assert_eq!(answer.status, 400, "{query} {}", answer.text);
    }
}
