//! Notices that are not delivered, test messages, sending once more.

use serde_json::json;

use super::world::World;

#[tokio::test]
async fn notices_are_listed_by_state_and_incident_page_by_page() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.fire(&[("alertname", name), ("severity", "critical")]).await;
    }
    let all = world.get("/api/v1/notices").await;
    assert_eq!(all.json()["items"].as_array().unwrap().len(), 3, "{}", all.text);
    let incident = all.at("/items/1/incident");
    let one = world.get(&format!("/api/v1/notices?state=pending&incident={incident}")).await;
    assert_eq!(one.json()["items"].as_array().unwrap().len(), 1, "{}", one.text);
    assert_eq!(one.at("/items/0/id"), format!("{incident}/1"));
    assert_eq!(world.get("/api/v1/notices?state=dead").await.json()["items"], json!([]));
    let first = world.get("/api/v1/notices?limit=2").await;
    let rest = world.get(&format!("/api/v1/notices?cursor={}", first.at("/next"))).await;
    assert_eq!(rest.at("/items/0/id"), all.at("/items/2/id"));
    assert!(rest.json()["next"].is_null(), "{}", rest.text);
}

#[tokio::test]
async fn only_what_was_given_up_is_sent_once_more() {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "a"), ("severity", "critical")]).await;
    let notice = format!("{id}/1");
    let retry = json!({"id": notice, "by": "mia"}).to_string();
    let refused = world.post("/api/v1/notices/retry", &retry).await;
    assert_eq!((refused.status, refused.at("/code")), (409, "conflict".into()));
    assert!(refused.at("/message").starts_with(&format!("{notice} is not given up")));
    let none = world.post("/api/v1/notices/retry", r#"{"dead": true, "by": "mia"}"#).await;
    assert_eq!(none.json(), json!({"pending": [], "withheld": []}));

    world.give_up(&notice).await;
    assert_eq!(world.get("/api/v1/notices?state=dead").await.at("/items/0/id"), notice);
    let sent = world.post("/api/v1/notices/retry", r#"{"dead": true, "by": "mia"}"#).await;
    assert_eq!(sent.json(), json!({"pending": [notice], "withheld": []}));
    assert_eq!(world.get("/api/v1/notices?state=pending").await.at("/items/0/id"), notice);
}

#[tokio::test]
async fn a_test_message_is_answered_at_once_and_leaves_no_notice() {
    let world = World::new();
    let shown = world.post("/api/v1/notices/test", r#"{"to": "default", "dry_run": true}"#).await;
    assert_eq!(
        (shown.at("/items/0/channel"), shown.at("/items/0/outcome")),
        ("log".into(), "dry_run".into())
    );
    assert_eq!(shown.at("/items/0/subject"), "[TEST] incidentd reaches default by log");
    let sent = world.post("/api/v1/notices/test", r#"{"to": "default"}"#).await;
    assert_eq!(sent.at("/items/0/outcome"), "failed", "no channel is configured here");
    assert_eq!(world.get("/api/v1/notices").await.json()["items"], json!([]));
    let nobody = world.post("/api/v1/notices/test", r#"{"to": "nobody"}"#).await;
    assert!(nobody.at("/message").contains("contacts: default"), "{}", nobody.text);
}
