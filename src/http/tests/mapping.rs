//! Sources that are read as a mapping of the rule files says.

use super::world::World;

const RULES: &str = "
version: 1
mappings:
  foreign:
    alerts: $.items
    labels: {alertname: title, host: tags.host}
    required: alertname
    status: {path: state, firing: alerting, resolved: ok}
";

#[tokio::test]
async fn a_source_can_be_read_as_a_mapping_says() {
    let world = World::with_rules(RULES);
    let body = r#"{"items": [{"title": "Disk", "state": "alerting", "tags": {"host": "db-7"}},
                             {"state": "ok"}]}"#;
    let answer = world.post("/ingest/foreign", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.at("/accepted"), answer.at("/rejected/0/index")), ("1".into(), "1".into()));
    let reason = "[1].labels.\"alertname\": `title` finds nothing, and the label is required";
    assert_eq!(answer.at("/rejected/0/reason"), reason);
    let alerts = world.get("/api/v1/alerts").await;
    assert_eq!(alerts.at("/items/0/labels/host"), "db-7", "{}", alerts.text);
}

#[tokio::test]
async fn what_a_mapping_cannot_read_is_kept_and_read_again_on_request() {
    let world = World::with_rules(RULES);
    let refused = world.post("/ingest/foreign", r#"{"alerts": []}"#).await;
    assert_eq!((refused.status, refused.at("/quarantined")), (422, "1".into()), "{}", refused.text);
    assert_eq!(world.get("/api/v1/quarantine").await.at("/items/0/format"), "mapping:foreign");
    let again = world.post("/api/v1/quarantine/1/replay", "{}").await;
    assert!(again.at("/message").contains("`$.items` finds nothing"), "{}", again.text);
}

#[tokio::test]
async fn a_source_whose_mapping_is_not_there_is_to_come_again() {
    let world = World::new();
    let refused = world.post("/ingest/foreign", "{}").await;
    assert_eq!(refused.status, 503);
    let says = "the rules in force have no mapping `foreign`";
    assert!(refused.at("/message").contains(says), "{}", refused.text);
}
