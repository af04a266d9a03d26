//! What clients of the doors can rely on.

mod accept;
mod alertmanager;
mod auth;
mod binding;
mod cmdb;
mod desk;
mod handling;
mod imports;
mod inhibition;
mod intake;
mod journal;
mod links;
mod majors;
mod mapping;
mod notices;
mod on_call;
mod openapi;
mod overrides;
mod planned;
mod quarantine;
mod rules;
mod silences;
mod stream;
mod waiting;
mod what_if;
mod why;
mod world;

use core::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::routing::get;
use serde_json::json;

use super::error::Requests;
use super::guard::Hosts;
use super::layered;
use super::operate::Readiness;
use crate::model::time::Timestamp;
use world::{World, send};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn an_alert_becomes_an_incident_that_a_person_answers() {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "DiskFull"), ("severity", "critical")]).await;
    let list = world.get("/api/v1/incidents").await;
    assert_eq!((list.at("/items/0/id"), list.at("/items/0/state")), (id.clone(), "new".into()));

    let path = format!("/api/v1/incidents/{id}");
    let ack = json!({"by": "m.ito", "for": "30m", "note": "on site"}).to_string();
    let answer = world.post(&format!("{path}/ack"), &ack).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.at("/acknowledged/by"), "m.ito");
    let again = world.post(&format!("{path}/resolve"), r#"{"by": "m.ito"}"#).await;
    assert_eq!(again.at("/state"), "resolved");
    assert_eq!(again.at("/awaiting_verification"), "true");

    let refused = world.post(&format!("{path}/ack"), &ack).await;
    assert_eq!(refused.status, 409);
    assert!(refused.at("/message").starts_with(&format!("{id} is resolved")), "{}", refused.text);

    let record = world.get(&path).await;
    let happened: Vec<_> = record.json()["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap().to_owned())
        .collect();
    for what in ["opened", "acknowledged", "resolved"] {
        assert!(happened.iter().any(|one| one == what), "{happened:?}");
    }
    assert_eq!(world.get("/api/v1/incidents").await.json()["items"], json!([]));
    assert_eq!(world.get("/api/v1/incidents?state=resolved").await.at("/items/0/id"), id);
}

#[tokio::test]
async fn what_does_not_exist_is_told_apart_from_what_is_over() {
    let world = World::new();
    let body = r#"{"by": "m.ito"}"#;
    for (path, status, message) in [
        ("/api/v1/incidents/INC-99/ack", 404, "INC-99 does not exist"),
        (
            "/api/v1/incidents/99x/ack",
            400,
            "`99x` is not a record number, expected one like INC-1042",
        ),
    ] {
        let answer = world.post(path, body).await;
        assert_eq!((answer.status, answer.at("/message")), (status, message.into()));
    }
    let answer = world.get("/api/v1/alerts/0223b772b51c29e1").await;
    assert_eq!(answer.status, 404);
    assert_eq!(world.get("/api/v1/alerts/xyz").await.status, 400);
}

#[tokio::test]
async fn a_wish_is_checked_before_it_is_done() {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "DiskFull")]).await;
    let path = format!("/api/v1/incidents/{id}/ack");
    for body in [
        "",
        "{}",
        r#"{"by": " "}"#,
        r#"{"by": "m.ito", "for": "soon"}"#,
        r#"{"by": "m.ito", "unless": "x"}"#,
    ] {
        assert_eq!(world.post(&path, body).await.status, 400, "{body}");
    }
    assert_eq!(world.get(&format!("/api/v1/incidents/{id}")).await.at("/state"), "new");
}

#[tokio::test]
async fn an_unknown_source_is_told_which_are_configured() {
    let answer = World::new().post("/ingest/nagios", "[]").await;
    assert_eq!(answer.status, 404);
    let message =
        "no source `nagios` is configured, only alertmanager, alertmanager-api, foreign, native";
    assert_eq!(answer.at("/message"), message);
}

#[tokio::test]
async fn bad_alerts_of_a_delivery_do_not_cost_the_good_ones() {
    let world = World::new();
    let half =
        r#"[{"labels": {}}, {"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}}]"#;
    let answer = world.call(Method::POST, "/ingest/native", &[], half).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.at("/accepted"), answer.at("/began")), ("2".into(), "2".into()));
    assert_eq!(answer.at("/rejected/0/index"), "0");
    let none = world.post("/ingest/native", r#"[{"labels": {}}]"#).await;
    assert_eq!(none.status, 422);
    assert_eq!(none.at("/problems/0/index"), "0");
    assert_eq!(world.post("/ingest/native", "[").await.status, 400);
    let metrics = world.get("/metrics").await.text;
    for line in [
        r#"incidentd_ingest_requests_total{source="native",status="2xx"} 1"#,
        r#"incidentd_ingest_requests_total{source="native",status="4xx"} 2"#,
        r#"incidentd_ingest_alerts_total{outcome="refused",source="native"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn alertmanagers_api_answers_as_alertmanager_does() {
    let world = World::new();
    let good = r#"[{"labels": {"alertname": "A"}}]"#;
    let half = r#"[{"labels": {"alertname": "B"}}, {"labels": {"alertname": ""}}]"#;
    let plain = ("content-type", "text/plain");
    for (headers, body, status, text) in [
        (&[JSON][..], good, 200, ""),
        (&[JSON], "[]", 200, ""),
        (&[JSON], half, 400, r#""at least one label pair required""#),
        (&[JSON], "", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        (&[], "", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        (
            &[plain],
            good,
            415,
            r#"{"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"}"#,
        ),
        (
            &[],
            good,
            415,
            r#"{"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#,
        ),
    ] {
        let answer = world.call(Method::POST, "/api/v2/alerts", headers, body).await;
        assert_eq!((answer.status, &*answer.text), (status, text), "{body}");
    }
    let stored = world.get("/api/v1/alerts?filter=alertname%3D%22B%22").await;
    assert_eq!(stored.json()["items"].as_array().unwrap().len(), 1, "{}", stored.text);

    let wrong = world.call(Method::PUT, "/api/v2/alerts", &[JSON], good).await;
    let text = r#"{"code":405,"message":"method PUT is not allowed, but [GET,HEAD,POST] are"}"#;
    assert_eq!((wrong.status, &*wrong.text), (405, text));
    let missing = world.get("/api/v2/nothing").await;
    let text = r#"{"code":404,"message":"path /api/v2/nothing was not found"}"#;
    assert_eq!((missing.status, &*missing.text), (404, text));
    assert_eq!(world.get("/api/v2/status").await.at("/cluster/status"), "disabled");
}

#[tokio::test]
async fn every_refusal_has_one_shape_and_the_id_of_its_request() {
    let world = World::new();
    let large = format!("[{}]", " ".repeat(65 << 10));
    let put = Method::PUT;
    for (method, path, body, status, code) in [
        (Method::GET, "/nowhere", "", 404, "not_found"),
        (put, "/ingest/native", "[]", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/incidents?limit=0", "", 400, "bad_request"),
        (Method::GET, "/api/v1/incidents?stat=open", "", 400, "bad_request"),
        (Method::GET, "/api/v1/incidents?filter=a%3D%3Db", "", 400, "bad_request"),
        (Method::GET, "/api/v1/incidents?cursor=zz", "", 400, "bad_request"),
        (Method::GET, "/api/v1/alerts?state=open", "", 400, "bad_request"),
        (Method::GET, "/api/v1/notices?state=sent", "", 400, "bad_request"),
        (Method::GET, "/api/v1/notices?incident=7x", "", 400, "bad_request"),
        (Method::POST, "/api/v1/notices/retry", r#"{"by":"mia"}"#, 400, "bad_request"),
        (Method::POST, "/api/v1/notices/retry", r#"{"by":"","dead":true}"#, 400, "bad_request"),
        (Method::POST, "/api/v1/notices/retry", r#"{"by":"mia","id":"INC-7"}"#, 400, "bad_request"),
        (Method::POST, "/api/v1/notices/test", r#"{"to":"nobody"}"#, 404, "not_found"),
        (Method::POST, "/ingest/native", &*large, 413, "too_large"),
        (Method::POST, "/ingest/native", "[1", 400, "bad_request"),
    ] {
        let answer = world.call(method, path, &[JSON], body).await;
        assert_eq!((answer.status, answer.at("/code")), (status, code.into()), "{path}");
        assert_eq!(answer.at("/request_id"), answer.headers["x-request-id"], "{path}");
        assert!(!answer.at("/message").is_empty(), "{path}");
    }
    let answer = world.post("/ingest/native", &large).await;
    assert!(answer.at("/message").contains("65536"), "{}", answer.text);
}

#[tokio::test]
async fn a_full_mailbox_asks_the_sender_to_come_again() {
    let world = World::clogged();
    for path in ["/ingest/alertmanager-api", "/api/v2/alerts"] {
        let answer = world.post(path, r#"[{"labels": {"alertname": "A"}}]"#).await;
        assert_eq!(answer.status, 503);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_reaches_nothing() {
    let world = World::new();
    let host = ("host", "127.0.0.1:9494");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let alert = r#"{"labels": {"alertname": "A"}}"#;
    let wish = r#"{"by": "m.ito"}"#;
    for (path, headers, body, status) in [
        ("/ingest/native", &[("host", "evil.example")][..], alert, 421),
        ("/ingest/native", &[host, ("origin", "http://evil.example")], alert, 403),
        ("/ingest/native", &[host, ("origin", "http://127.0.0.1:9494")], alert, 200),
        ("/ingest/native", &[host, form], alert, 200),
        ("/api/v1/incidents/INC-1/ack", &[host, form], wish, 415),
        ("/api/v1/incidents/INC-1/ack", &[host, ("content-type", "text/plain")], wish, 415),
        ("/api/v1/incidents/INC-1/ack", &[host, JSON], wish, 200),
    ] {
        let answer = world.call(Method::POST, path, headers, body).await;
        assert_eq!(answer.status, status, "{path} {headers:?}: {}", answer.text);
    }
    let answer = world.call(Method::PUT, "/api/v1/cmdb", &[host, form], "cis: {}").await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_cmdb_is_compared_first_and_replaced_whole() {
    let world = World::new();
    let yaml = ("content-type", "application/yaml");
    let good = "cis: {pdu-1: {class: pdu}, srv-1: {class: server, rack: R1}}\nrelations: [pdu-1 -powers-> srv-1]\n";
    let dry = world.call(Method::PUT, "/api/v1/cmdb?dry_run=true", &[yaml], good).await;
    assert_eq!((dry.status, dry.at("/cis")), (200, "2".into()), "{}", dry.text);
    assert!(dry.at("/difference").contains("2 CIs"), "{}", dry.text);
    assert_eq!(world.get("/api/v1/cmdb").await.at("/cis"), "0");

    let done = world.call(Method::PUT, "/api/v1/cmdb", &[yaml], good).await;
    assert_eq!((done.status, done.at("/dry_run")), (200, "false".into()), "{}", done.text);
    let counts = world.get("/api/v1/cmdb").await;
    assert_eq!((counts.at("/classes/server"), counts.at("/relations")), ("1".into(), "1".into()));
    let same = world.call(Method::PUT, "/api/v1/cmdb", &[yaml], good).await;
    assert_eq!(same.at("/same"), "true");

    let bad = "cis: {a: {class: x}}\nrelations: [a -powers-> b]\n";
    let refused = world.call(Method::PUT, "/api/v1/cmdb?file=shop.yaml", &[yaml], bad).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.at("/problems/0/file"), "shop.yaml");
    assert_eq!(world.get("/api/v1/cmdb").await.at("/cis"), "2");
}

#[tokio::test]
async fn an_explanation_names_the_binding_and_the_reasons() {
    let world = World::new();
    let cmdb = "cis: {srv-1: {class: server, rack: R1}, shop: {class: service}}\nrelations: [srv-1 -hosts-> shop]\n";
    let yaml = ("content-type", "application/yaml");
    world.call(Method::PUT, "/api/v1/cmdb", &[yaml], cmdb).await;
    let (fingerprint, id) = world.fire(&[("alertname", "NodeDown"), ("ci", "srv-1")]).await;
    let explained = world.get(&format!("/api/v1/alerts/{fingerprint}/explain")).await;
    assert_eq!(explained.status, 200, "{}", explained.text);
    assert_eq!(explained.at("/binding/ci"), "srv-1");
    assert_eq!(explained.at("/binding/services/0"), "shop");
    assert_eq!(explained.at("/join/reason"), "own");
    assert_eq!(explained.at("/incident/id"), id);
    assert_eq!(explained.at("/alert/leases/0/source"), "native");
    let incident = world.get(&format!("/api/v1/incidents/{id}/explain")).await;
    assert_eq!(incident.at("/why/root"), "srv-1");
    assert_eq!(incident.at("/policy"), "default");
    assert_eq!(incident.at("/rules_changed"), "false");
}

#[tokio::test]
async fn pages_of_a_list_neither_miss_nor_repeat() {
    let world = World::new();
    for number in 0..7 {
        world.fire(&[("alertname", "A"), ("n", &number.to_string())]).await;
    }
    for list in ["alerts", "incidents"] {
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("/api/v1/{list}?limit=3");
        loop {
            let page = world.get(&path).await.json();
            for item in page["items"].as_array().unwrap() {
                let key = item.get("fingerprint").unwrap_or(&item["id"]).to_string();
                assert!(seen.insert(key), "{list}: {item} twice");
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/{list}?limit=3&cursor={next}");
        }
        assert_eq!(seen.len(), 7, "{list}");
    }
}

#[tokio::test]
async fn listings_are_filtered_by_the_root_alert_and_by_the_incident() {
    let world = World::new();
    world.fire(&[("alertname", "A"), ("severity", "critical")]).await;
    world.fire(&[("alertname", "B"), ("severity", "info")]).await;
    for (filter, count) in [
        ("alertname=\"A\"", 1),
        ("alertname=~\"A|B\"", 2),
        ("alertname=\"A\", severity=\"info\"", 0),
        ("state=\"new\"", 2),
        ("state!=\"new\"", 0),
        ("priority=\"P4\"", 1),
        ("team=\"\"", 2),
    ] {
        let encoded: Vec<String> = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        let list = world.get(&format!("/api/v1/incidents?filter={encoded}")).await;
        assert_eq!(list.json()["items"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    let world = World::new();
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/readyz").await.status, 200);
    world.readiness.send_replace(Readiness::missing("the store is being read"));
    let answer = world.get("/readyz").await;
    assert_eq!((answer.status, answer.at("/message")), (503, "the store is being read".into()));
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_handler_that_panics_or_hangs_costs_only_its_own_request() {
    let panic = get(async || -> &'static str { panic!("secret of the inside") });
    let hang = get(async || core::future::pending::<&'static str>().await);
    let paths = Router::new().route("/panic", panic).route("/hang", hang);
    let requests = Requests::new(Timestamp::EPOCH);
    let router = layered(paths, Hosts::Any, Duration::from_millis(1), requests);
    for (path, status, code) in [("/panic", 500, "internal"), ("/hang", 503, "unavailable")] {
        let answer = send(router.clone(), Method::GET, path, &[], "").await;
        assert_eq!((answer.status, answer.at("/code")), (status, code.into()));
        assert!(!answer.text.contains("secret"), "{}", answer.text);
    }
}
