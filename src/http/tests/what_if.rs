//! What would become of alerts that never came, as programs ask it.

use axum::http::Method;
use serde_json::json;

use super::world::World;

const RULES: &str = r#"
version: 1
namespace: t
teams: {dc-ops: {line: 1, members: [dora]}, linux: {line: 1, members: [lin]}}
contacts: {dora: {channels: [log]}, lin: {channels: [log]}}
rules:
  - name: power
    owner: dc-ops
    when: ['alertname="PduOutputOff"']
    topology: {follow: [powers], lookback: 5m}
"#;

const CMDB: &str = "
cis:
  pdu-1: {class: pdu, owner: dc-ops}
  srv-1: {class: server, owner: linux}
relations: [pdu-1 -powers-> srv-1]
";

async fn outage() -> World {
    let world = World::with_rules(RULES);
    let yaml = ("content-type", "application/yaml");
    world.call(Method::PUT, "/api/v1/cmdb", &[yaml], CMDB).await;
    world.fire(&[("alertname", "PduOutputOff"), ("ci", "pdu-1"), ("severity", "major")]).await;
    world
}

#[tokio::test]
async fn an_alert_that_never_came_is_explained_and_does_not_come() {
    let world = outage().await;
    let question = json!({"labels": {"alertname": "NodeDown", "ci": "srv-1"},
        "severity": "critical", "why_not": "t/power"});
    let answer = world.post("/api/v1/explain", &question.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (pointer, value) in [
        ("/binding/ci", "srv-1"),
        ("/severity", "critical"),
        ("/rules/0/applied", "true"),
        ("/join/reason", "dependant"),
        ("/incident/id", "INC-1"),
        ("/incident/opens", "false"),
        ("/company/0", "PduOutputOff pdu-1, since 0s"),
        ("/alone/team", "linux"),
        ("/held_back_by", "[]"),
    ] {
        assert_eq!(answer.at(pointer), value, "{pointer}: {}", answer.text);
    }
    assert!(answer.at("/why_not").starts_with("it did apply"), "{}", answer.text);
    let alerts = world.get("/api/v1/alerts").await.json();
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "nothing happened");
}

#[tokio::test]
async fn other_rules_are_tried_and_bad_ones_refused_with_their_errors() {
    let world = outage().await;
    let ask = |rules: &str| {
        json!({"labels": {"ci": "srv-1"}, "rules": [{"name": "x.yaml", "text": rules}]}).to_string()
    };
    let alone = world.post("/api/v1/explain", &ask("version: 1\n")).await;
    assert_eq!((alone.status, alone.at("/incident/opens")), (200, "true".into()), "{}", alone.text);
    assert_eq!(alone.at("/rules"), "[]");
    let bad = world.post("/api/v1/explain", &ask("version: 1\nrulez: []\n")).await;
    assert_eq!((bad.status, bad.at("/message")), (422, "the rules have errors".into()));
    assert!(bad.at("/problems/0/text").starts_with("x.yaml:2:1"), "{}", bad.text);
}

#[tokio::test]
async fn a_live_alert_is_asked_about_with_another_label_and_why_a_rule_did_not_apply() {
    let world = outage().await;
    let (alert, _) = world.fire(&[("alertname", "DiskFull"), ("host", "a")]).await;
    let path = format!("/api/v1/alerts/{alert}/explain");
    let plain = world.get(&path).await;
    assert_eq!((plain.at("/why_not"), plain.at("/what_if")), ("null".into(), "null".into()));
    let why = world.get(&format!("{path}?why_not=t%2Fpower")).await;
    assert_eq!(why.at("/why_not"), "the alert speaks of no CI, so no way leads to it");
    let set = world.get(&format!("{path}?set=ci%3Dsrv-1&set=host%3D")).await;
    assert_eq!(set.at("/what_if/join/rule"), "t/power", "{}", set.text);
    assert_eq!(set.json()["what_if"]["labels"].get("host"), None);
    for (query, status, says) in [
        ("why_not=t%2Fnone", 404, "no rule is called t/none"),
        ("set=severity", 400, "must be like severity=critical"),
        ("sat=a%3Db", 400, "unknown parameter `sat`"),
    ] {
        let refused = world.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, status, "{query}: {}", refused.text);
        assert!(refused.at("/message").contains(says), "{query}: {}", refused.text);
    }
    for (body, status) in [
        ("{}", 400),
        (r#"{"alert": "x"}"#, 400),
        (r#"{"alert": "00000000000000ff"}"#, 404),
        (r#"{"labels": {"a": "b"}, "why_not": "t/none"}"#, 404),
        (r#"{"label": {}}"#, 400),
    ] {
        assert_eq!(world.post("/api/v1/explain", body).await.status, status, "{body}");
    }
}
