//! Why alerts are one incident, why others are not, and what would have been.

use axum::http::Method;
use serde_json::json;

use super::world::World;
use crate::engine::event::Event;
use crate::model::labels::Labels;
use crate::model::silence::{Silence, SilenceId, SilenceMatcher};
use crate::model::time::Timestamp;

const RULES: &str = r#"
version: 1
namespace: t
teams: {dc-ops: {line: 1, members: [dora]}, linux: {line: 1, members: [lin]}}
contacts: {dora: {channels: [log]}, lin: {channels: [log]}}
rules:
  - name: power
    owner: dc-ops
    when: ['alertname="PduOutputOff"']
    topology: {follow: [powers, hosts], lookback: 5m, never_absorb: ['severity="critical"']}
    incident: {category: power}
"#;

const CMDB: &str = "
cis:
  pdu-1: {class: pdu, owner: dc-ops}
  srv-1: {class: server, owner: linux}
  srv-2: {class: server, owner: linux}
  srv-3: {class: server, owner: linux}
  vm-1: {class: vm}
relations: [pdu-1 -powers-> srv-1, pdu-1 -powers-> srv-2, pdu-1 -powers-> srv-3, srv-1 -hosts-> vm-1]
";

async fn import(world: &World, cmdb: &str) {
    let yaml = ("content-type", "application/yaml");
    let answer = world.call(Method::PUT, "/api/v1/cmdb", &[yaml], cmdb).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// A strip that took a server and a machine with it: INC-1, its root INC-2, INC-3.
async fn outage() -> World {
    let world = World::with_rules(RULES);
    import(&world, CMDB).await;
    world.fire(&[("alertname", "NodeDown"), ("ci", "srv-1"), ("severity", "major")]).await;
    world.fire(&[("alertname", "PduOutputOff"), ("ci", "pdu-1"), ("severity", "major")]).await;
    world.fire(&[("alertname", "VmDown"), ("ci", "vm-1"), ("severity", "minor")]).await;
    world
}

fn silence_of(ci: &str) -> Silence {
    let matcher =
        SilenceMatcher { name: "ci".into(), value: ci.into(), is_regex: false, is_equal: true };
    Silence {
        id: SilenceId(7),
        matchers: vec![matcher],
        cis: vec![],
        rule: None,
        source: None,
        starts_at: Timestamp::EPOCH,
        ends_at: Timestamp::from_millis(4_000_000_000_000),
        updated_at: Timestamp::EPOCH,
        created_by: "bob".into(),
        comment: "new fan".into(),
        annotations: Labels::empty(),
    }
}

#[tokio::test]
async fn the_why_block_tells_what_joined_by_hand_and_what_was_left_out_on_purpose() {
    let world = outage().await;
    let critical = [("alertname", "NodeDown"), ("ci", "srv-2"), ("severity", "critical")];
    let (_, never) = world.fire(&critical).await;
    let (_, disk) = world.fire(&[("alertname", "DiskFull")]).await;
    let merge = json!({"by": "m.ito", "into": "INC-1", "note": "same rack"}).to_string();
    world.post(&format!("/api/v1/incidents/{disk}/merge"), &merge).await;
    let split = json!({"by": "m.ito", "records": ["INC-3"]}).to_string();
    let split = world.post("/api/v1/incidents/INC-1/split", &split).await;
    assert_eq!(split.status, 200, "{}", split.text);
    let parted = split.at("/id");
    world.event(Event::Silence { silence: silence_of("srv-3"), replaces: None }).await;
    let quiet = json!({"labels": {"alertname": "NodeDown", "ci": "srv-3", "severity": "critical"}})
        .to_string();
    world.post("/ingest/native", &quiet).await;
    let minor = json!({"labels": {"alertname": "FanSlow", "ci": "srv-3"}}).to_string();
    world.post("/ingest/native", &minor).await;

    let why = world.get("/api/v1/incidents/INC-1").await.json()["why"].clone();
    assert_eq!((&why["root"], &why["rule"]["file"]), (&json!("pdu-1"), &json!("rules/t.yaml")));
    let reasons: Vec<String> = why["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["count"], one["reason"], one["example"]))
        .collect();
    assert!(reasons.contains(&"1 \"joined by hand: m.ito\" \"same rack\"".into()), "{reasons:#?}");
    let left: Vec<String> = why["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["incident"], one["what"], one["reason"]))
        .collect();
    for (incident, what, reason) in [
        (json!(never), "srv-2 NodeDown", "the rule never absorbs it (never_absorb)"),
        (json!(parted), "vm-1 VmDown", "kept apart by hand"),
        (json!(null), "srv-3 NodeDown", "silenced by bob"),
        (json!(null), "1 alert of it", "counted, but nobody is told: silenced by bob"),
    ] {
        let begin = format!("{incident} \"{what}\" \"{reason}");
        assert!(left.iter().any(|line| line.starts_with(&begin)), "{begin}: {left:#?}");
    }
    assert_eq!(left.len(), 4, "{left:#?}");
}

#[tokio::test]
async fn an_alert_is_explained_with_every_stage_and_had_it_been_alone() {
    let world = outage().await;
    let (server, _) =
        world.fire(&[("alertname", "NodeDown"), ("ci", "srv-1"), ("severity", "major")]).await;
    let explained = world.get(&format!("/api/v1/alerts/{server}/explain")).await;
    assert_eq!(explained.status, 200, "{}", explained.text);
    for (pointer, value) in [
        ("/binding/ci", "srv-1"),
        ("/silenced_by", "[]"),
        ("/rules/0/name", "t/power"),
        ("/rules/0/verdicts/0/holds", "false"),
        ("/join/reason", "dependant"),
        ("/incident/category", "power"),
        ("/incident/team", "dc-ops"),
        ("/policy", "default"),
        ("/left_out", "[]"),
        ("/alone/team", "linux"),
        ("/alone/priority", "P3"),
        ("/alone/target", "linux"),
        ("/rules_changed", "false"),
        ("/topology_changed", "false"),
    ] {
        assert_eq!(explained.at(pointer), value, "{pointer}: {}", explained.text);
    }
    let critical = [("alertname", "NodeDown"), ("ci", "srv-2"), ("severity", "critical")];
    let (never, _) = world.fire(&critical).await;
    let explained = world.get(&format!("/api/v1/alerts/{never}/explain")).await;
    assert_eq!(explained.at("/left_out/0/incident"), "INC-1");
    assert_eq!(
        explained.at("/left_out/0/reason"),
        "t/power: the rule never absorbs it (never_absorb)"
    );
    world.event(Event::Silence { silence: silence_of("srv-3"), replaces: None }).await;
    let quiet = json!({"labels": {"alertname": "NodeDown", "ci": "srv-3", "severity": "critical"}})
        .to_string();
    world.post("/ingest/native", &quiet).await;
    let list = world.get("/api/v1/alerts?filter=ci%3D%22srv-3%22").await;
    let quiet = list.at("/items/0/fingerprint");
    let explained = world.get(&format!("/api/v1/alerts/{quiet}/explain")).await;
    assert_eq!(explained.at("/silenced_by/0/comment"), "new fan");
    assert_eq!(explained.at("/incident"), "null");
    assert_eq!(explained.at("/alone/kind"), "page", "what the silence saves");
}

#[tokio::test]
async fn a_record_leads_to_its_incident() {
    let world = outage().await;
    for (path, to) in [
        ("/api/v1/incidents/INC-2", "INC-1"),
        ("/api/v1/incidents/INC-3/explain", "../INC-1/explain"),
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.at("/incident")), (307, "INC-1".into()), "{path}");
        assert_eq!(answer.headers["location"], to, "{path}");
    }
    let order = world.post("/api/v1/incidents/INC-3/claim", r#"{"by": "ann"}"#).await;
    assert_eq!((order.status, order.at("/code")), (409, "subordinate".into()));
    assert_eq!(order.at("/message"), "INC-3 is a record of INC-1; name INC-1 instead");
    assert_eq!(world.get("/api/v1/incidents/INC-9").await.status, 404);
}

#[tokio::test]
async fn an_explanation_says_when_the_topology_is_another_by_now() {
    let world = outage().await;
    world.post("/api/v1/incidents/INC-1/resolve", r#"{"by": "ann"}"#).await;
    import(&world, "cis: {pdu-1: {class: pdu}}").await;
    let incident = world.get("/api/v1/incidents/INC-1/explain").await;
    assert_eq!(incident.at("/topology_changed"), "true", "{}", incident.text);
    assert_eq!(incident.at("/rules_changed"), "false");
    let alert = incident.at("/root/alert");
    let alert = world.get(&format!("/api/v1/alerts/{alert}/explain")).await;
    assert_eq!(alert.at("/topology_changed"), "true", "{}", alert.text);
}

const AROUND: &str = r#"
version: 1
namespace: t
rules:
  - name: many
    owner: dc-ops
    when:
      - count: {of: ci, where: 'alertname="NodeDown", service.tier="1"', at_least: 2}
      - service.tier=1
      - time: {zone: UTC, between: ['00:00', '24:00']}
    group: {by: [alertname]}
"#;

const TWO: &str = "
cis: {srv-1: {class: server}, srv-2: {class: server}, lab-1: {class: server}, shop: {class: service, tier: 1}}
relations: [srv-1 -supports-> shop, srv-2 -supports-> shop]
";

#[tokio::test]
async fn a_condition_that_asks_around_is_explained_with_what_it_saw() {
    let world = World::with_rules(AROUND);
    import(&world, TWO).await;
    let mut ids = Vec::new();
    for ci in ["lab-1", "srv-1", "srv-2"] {
        ids.push(world.fire(&[("alertname", "NodeDown"), ("ci", ci)]).await.0);
    }
    for (id, matched, count, tier) in [(&ids[0], "false", "2", ""), (&ids[2], "true", "2", "1")] {
        let explained = world.get(&format!("/api/v1/alerts/{id}/explain")).await;
        for (pointer, value) in [
            ("/rules/0/matched", matched),
            ("/rules/0/verdicts/0/value", count),
            ("/rules/0/verdicts/1/matcher", "service.tier=\"1\""),
            ("/rules/0/verdicts/1/value", tier),
            ("/rules/0/verdicts/2/value", "within"),
        ] {
            assert_eq!(explained.at(pointer), value, "{pointer}: {}", explained.text);
        }
    }
    assert_eq!(world.get("/api/v1/incidents/INC-3").await.at("/rule"), "t/many");
}
