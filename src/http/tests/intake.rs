//! What the doors say of alerts that rules leave out, add to, or know the cause of.

use axum::http::Method;
use serde_json::json;

use super::world::World;

const RULES: &str = r#"
version: 1
namespace: t
lookups: {owners: {db: {team: dba}}}
rules:
  - {name: staging, owner: ops, when: [env=staging], drop: {reason: nobody is on call}}
  - name: owner
    owner: ops
    when: ['app!=""']
    enrich:
      labels: {team: '{{ lookup("owners", labels.app).team }}'}
      severity: major
      category: storage
      links: {wiki: 'https://wiki.example/{{ labels.app }}'}
  - name: leak
    owner: ops
    when: [alertname=Leak]
    known_error: {id: KE-1, workaround: 'restart {{ labels.app }}', runbook: 'https://run.example', keep_quiet: {}}
"#;

#[tokio::test]
async fn an_answer_says_how_many_alerts_which_rule_leaves_out() {
    let world = World::with_rules(RULES);
    let alert = |env: &str| json!({"labels": {"alertname": "NodeDown", "env": env}});
    let body = json!([alert("staging"), alert("production")]).to_string();
    let answer = world.post("/ingest/native", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.at("/began"), answer.at("/dropped")), ("1".into(), "1".into()));
    assert_eq!(answer.at("/dropped_by/t~1staging"), "1");
    let metrics = world.get("/metrics").await.text;
    let series = "incidentd_ingest_alerts_total{outcome=\"dropped\",source=\"native\"} 1";
    assert!(metrics.contains(series), "{metrics}");
}

#[tokio::test]
async fn an_alert_is_shown_as_it_was_sent_with_what_was_added_beside() {
    let world = World::with_rules(RULES);
    let (alert, incident) = world.fire(&[("alertname", "Slow"), ("app", "db")]).await;
    let shown = world.get(&format!("/api/v1/alerts/{alert}")).await.json();
    assert_eq!(shown["labels"], json!({"alertname": "Slow", "app": "db"}));
    assert_eq!(shown["added"]["labels"], json!({"team": "dba"}));
    assert_eq!(
        (&shown["added"]["rules"], &shown["severity"]),
        (&json!(["t/owner"]), &json!("major"))
    );
    for (filter, found) in [("team%3Ddba", 1), ("team%3Dweb", 0)] {
        let page = world.get(&format!("/api/v1/alerts?filter={filter}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{filter}");
    }
    let shown = world.get(&format!("/api/v1/incidents/{incident}")).await.json();
    assert_eq!(shown["category"], "storage");
    assert_eq!(shown["help"]["links"], json!({"wiki": "https://wiki.example/db"}));
    assert_eq!((&shown["known_error"], &shown["quiet"]), (&json!(null), &json!(false)));
}

#[tokio::test]
async fn an_incident_of_a_known_error_says_what_helps_and_until_when_it_is_quiet() {
    let world = World::with_rules(RULES);
    let (_, incident) = world.fire(&[("alertname", "Leak"), ("app", "db")]).await;
    let shown = world.get(&format!("/api/v1/incidents/{incident}")).await.json();
    let known = &shown["known_error"];
    assert_eq!((&known["id"], &known["rule"]), (&json!("KE-1"), &json!("t/leak")));
    assert!(known["quiet_until"].is_string() && shown["quiet"] == json!(true), "{shown}");
    assert_eq!(shown["help"]["workaround"], "restart db");
    assert_eq!(shown["help"]["runbook"], "https://run.example");
}

#[tokio::test]
async fn an_explanation_says_that_an_alert_would_be_left_out() {
    let world = World::with_rules(&RULES.replace("when: [env=staging]", "when: [ci.class=pdu]"));
    let (alert, _) = world.fire(&[("alertname", "NodeDown"), ("ci", "pdu-1")]).await;
    let explained = world.get(&format!("/api/v1/alerts/{alert}/explain")).await;
    assert_eq!(explained.json()["dropped"], json!(null));
    let yaml = ("content-type", "application/yaml");
    let cmdb = "cis: {pdu-1: {class: pdu}}";
    let answer = world.call(Method::PUT, "/api/v1/cmdb", &[yaml], cmdb).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let explained = world.get(&format!("/api/v1/alerts/{alert}/explain")).await;
    assert_eq!(explained.at("/dropped"), "dropped by t/staging: nobody is on call");
}
