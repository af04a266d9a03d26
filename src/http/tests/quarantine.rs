//! What comes twice, and what cannot be read.

use axum::http::Method;
use serde_json::json;

use super::JSON;
use super::world::World;
use crate::http::auth::{Line, Peer};

#[tokio::test]
async fn a_delivery_that_comes_again_is_told_so_and_changes_nothing() {
    let world = World::new();
    let alert = r#"{"labels": {"alertname": "A"}}"#;
    for header in ["webhook-id", "x-github-delivery", "idempotency-key"] {
        let headers = [JSON, (header, header)];
        let send = || world.call(Method::POST, "/ingest/native", &headers, alert);
        assert_eq!(send().await.at("/duplicate"), "false");
        let again = send().await;
        assert_eq!((again.status, again.at("/duplicate")), (200, "true".into()));
        assert_eq!((again.at("/accepted"), again.at("/updated")), ("1".into(), "0".into()));
    }
    let record = world.get("/api/v1/alerts").await;
    assert_eq!(record.at("/items/0/occurrences"), "3", "{}", record.text);
    let long = "x".repeat(257);
    let headers = [JSON, ("webhook-id", &*long)];
    let refused = world.call(Method::POST, "/ingest/native", &headers, alert).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn a_wish_under_a_key_is_done_once() {
    let world = World::new();
    world.fire(&[("alertname", "A")]).await;
    let headers = [JSON, ("idempotency-key", "k")];
    let body = json!({"by": "mia"}).to_string();
    let path = "/api/v1/incidents/INC-1/resolve";
    let first = world.call(Method::POST, path, &headers, &body).await;
    assert_eq!((first.status, first.at("/duplicate")), (200, "false".into()), "{}", first.text);
    let again = world.call(Method::POST, path, &headers, &body).await;
    assert_eq!((again.status, again.at("/duplicate")), (200, "true".into()), "{}", again.text);
    assert_eq!(world.post(path, &body).await.status, 409, "without the key it is another wish");
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_looked_at_and_dropped() {
    let world = World::new();
    for (path, body, status) in [
        ("/ingest/native", "{", 400),
        ("/ingest/native", r#"{"labels": {}}"#, 422),
        ("/api/v2/alerts", "{", 400),
    ] {
        assert_eq!(world.post(path, body).await.status, status, "{path} {body}");
    }
    let refused = world.post("/ingest/native", "[").await;
    assert_eq!(refused.at("/quarantined"), "4", "{}", refused.text);
    assert_eq!(world.post("/ingest/native", "").await.status, 422);

    let page = world.get("/api/v1/quarantine?limit=3").await;
    assert_eq!((page.at("/items/0/id"), page.at("/items/0/source")), ("1".into(), "native".into()));
    assert_eq!(page.at("/items/2/source"), "alertmanager-api");
    let rest = world.get(&format!("/api/v1/quarantine?cursor={}", page.at("/next"))).await;
    assert_eq!((rest.at("/items/0/id"), rest.at("/next")), ("4".into(), "null".into()));
    let whole = world.get("/api/v1/quarantine/4").await;
    assert_eq!((whole.at("/body"), whole.at("/cause")), ("[".into(), "unreadable".into()));

    let gone = world.call(Method::DELETE, "/api/v1/quarantine/4", &[], "").await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    for (method, path, status) in [
        (Method::GET, "/api/v1/quarantine/4", 404),
        (Method::DELETE, "/api/v1/quarantine/4", 404),
        (Method::POST, "/api/v1/quarantine/4/replay", 404),
        (Method::POST, "/api/v1/quarantine/1/replay", 409),
        (Method::GET, "/api/v1/quarantine/x", 400),
    ] {
        assert_eq!(world.call(method, path, &[], "").await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_record_is_read_again_under_the_present_limits() {
    let world = World::new();
    let deep =
        format!(r#"{{"labels": {{"alertname": "A"}}, "x": {}{}}}"#, "[".repeat(70), "]".repeat(70));
    let refused = world.post("/ingest/alertmanager-api", &format!("[{deep}]")).await;
    assert_eq!((refused.status, refused.at("/quarantined")), (400, "1".into()), "{}", refused.text);
    let world = world.with_depth(100);
    let replayed = world.post("/api/v1/quarantine/1/replay", "").await;
    assert_eq!((replayed.status, replayed.at("/began")), (200, "1".into()), "{}", replayed.text);
    assert_eq!(world.get("/api/v1/quarantine").await.json()["items"], json!([]));
    assert_eq!(world.get("/api/v1/alerts").await.at("/items/0/labels/alertname"), "A");
}

#[tokio::test]
async fn a_stranger_from_afar_cannot_fill_the_quarantine() {
    let world = World::new();
    let peer = Peer { ip: [192, 0, 2, 7].into(), line: Line::Plain };
    let refused = world.call_from(peer, (Method::POST, "/ingest/native"), &[], "{").await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json().get("quarantined"), None);
    assert_eq!(world.get("/api/v1/quarantine").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_packed_body_is_refused_in_clear_text() {
    let world = World::new();
    for (path, status) in [("/ingest/native", 415), ("/api/v2/alerts", 415)] {
        let headers = [JSON, ("content-encoding", "gzip")];
        let answer = world.call(Method::POST, path, &headers, "\u{1f}").await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.at("/message").contains("gzip"), "{}", answer.text);
    }
}
