//! The record of an incident and what people report, over HTTP.

use axum::http::Method;
use serde_json::{Value, json};

use super::JSON;
use super::world::{Answer, World};

async fn order(world: &World, id: &str, command: &str, fields: Value) -> Answer {
    let mut body = json!({"by": "ann"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.post(&format!("/api/v1/incidents/{id}/{command}"), &body.to_string()).await
}

async fn report(world: &World, fields: Value) -> Answer {
    let mut body = json!({"by": "mia", "title": "The shop is slow"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.post("/api/v1/incidents", &body.to_string()).await
}

#[tokio::test]
async fn a_report_answers_with_the_state_and_who_has_it() {
    let world = World::new();
    let first = report(&world, json!({"place": "Berlin", "fields": {"location": "3rd"}})).await;
    assert_eq!((first.status, first.at("/how")), (200, "new".into()), "{}", first.text);
    let id = first.at("/incident/id");
    assert_eq!(first.at("/incident/title"), "The shop is slow");
    assert_eq!(first.at("/incident/sheet/reports/0/place"), "Berlin");
    assert_eq!(first.at("/incident/sheet/fields/location"), "3rd");
    order(&world, &id, "claim", json!({})).await;
    let same = report(&world, json!({"by": "desk", "reporter": "bob", "channel": "phone"})).await;
    assert_eq!((same.at("/how"), same.at("/incident/id")), ("same".into(), id.clone()));
    assert_eq!(same.at("/incident/acknowledged/by"), "ann");
    assert_eq!(same.at("/incident/sheet/reports/1/reporter"), "bob");
    let headers = [JSON, ("idempotency-key", "r1")];
    let body = json!({"by": "eva", "title": "Printer"}).to_string();
    for duplicate in ["false", "true"] {
        let answer = world.call(Method::POST, "/api/v1/incidents", &headers, &body).await;
        assert_eq!((answer.status, answer.at("/duplicate")), (200, duplicate.into()));
        assert_eq!(answer.at("/incident/title"), "Printer", "{}", answer.text);
    }
    for bad in [
        json!({"title": " "}),
        json!({"by": ""}),
        json!({"labels": {"alertname": "x"}}),
        json!({"fields": {"nature": "bug"}}),
        json!({"colour": "red"}),
        json!({"contact": "x".repeat(200)}),
    ] {
        assert_eq!(report(&world, bad.clone()).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_record_is_written_over_the_api_with_all_faults_at_once() {
    let world = World::new();
    let id = world.fire(&[("alertname", "DiskFull")]).await.1;
    let fields = json!({"fields": {"location": "fra1", "problem": "PRB-1"}});
    let set = order(&world, &id, "set", fields).await;
    assert_eq!(set.at("/sheet/fields/problem"), "PRB-1", "{}", set.text);
    assert_eq!(set.at("/sheet/fields/sender"), "native");
    let stale = json!({"fields": {"location": "x"}, "expected_version": 0});
    assert_eq!(order(&world, &id, "set", stale).await.at("/code"), "version_conflict");
    let bad = order(&world, &id, "set", json!({"fields": {"nature": "x", "users": "y"}})).await;
    assert!(
        bad.text.contains("nature is `x`") && bad.text.contains("users is `y`"),
        "{}",
        bad.text
    );
    for (command, fields, status, code) in [
        ("set", json!({"fields": {}}), 422, "nothing_set"),
        ("set", json!({"fields": {"closure_code": "x"}}), 422, "unknown_code"),
        ("classify", json!({"category": "net"}), 422, "no_reason"),
        ("time", json!({"spent": "soon"}), 400, "bad_request"),
        ("confirm", json!({}), 409, "not_allowed"),
        ("cancel", json!({}), 422, "no_reason"),
    ] {
        let answer = order(&world, &id, command, fields).await;
        assert_eq!((answer.status, answer.at("/code")), (status, code.into()), "{}", answer.text);
    }
    let classified = json!({"category": "net", "note": "it is the switch"});
    assert_eq!(order(&world, &id, "classify", classified).await.at("/category"), "net");
    let timed = order(&world, &id, "time", json!({"spent": "45m", "who": "bob"})).await;
    assert_eq!(timed.at("/sheet/spent/0/by"), "bob");
    assert_eq!(timed.at("/sheet/spent_ms"), "2700000");
    let cancelled = order(&world, &id, "cancel", json!({"note": "a test"})).await;
    assert_eq!(cancelled.at("/state"), "cancelled");
    assert_eq!(cancelled.at("/sheet/cancelled_by"), "ann");
    let list = world.get("/api/v1/incidents?state=cancelled").await;
    assert_eq!(list.at("/items/0/id"), id);
}

#[tokio::test]
async fn a_major_incident_is_declared_and_stood_down() {
    let world = World::new();
    let id = world.fire(&[("alertname", "DiskFull")]).await.1;
    let declared = order(&world, &id, "declare-major", json!({"note": "all down"})).await;
    assert_eq!(declared.at("/sheet/major/by"), "ann", "{}", declared.text);
    let again = order(&world, &id, "declare-major", json!({"note": "x"})).await;
    assert_eq!((again.status, again.at("/code")), (409, "already".into()));
    let over = order(&world, &id, "stand-down", json!({"note": "half is up"})).await;
    assert_ne!(over.at("/sheet/major/stood_down_at"), "null");
}

#[tokio::test]
async fn those_who_suffered_are_asked_and_their_answer_counts() {
    let world = World::new();
    let id = report(&world, json!({})).await.at("/incident/id");
    let fields = json!({"fields": {"solution": "more memory"}, "spent": "10m"});
    let resolved = order(&world, &id, "resolve", fields).await;
    assert_eq!(resolved.at("/sheet/confirmation/asked/0"), "mia", "{}", resolved.text);
    assert_ne!(resolved.at("/sheet/confirmation/due_at"), "null");
    let no = json!({"by": "mia", "note": "still slow"});
    let rejected = order(&world, &id, "reject", no).await;
    assert_eq!(rejected.at("/state"), "new");
    assert_eq!(rejected.at("/sheet/confirmation/disagreement/because"), "still slow");
    order(&world, &id, "resolve", json!({})).await;
    let close = order(&world, &id, "close", json!({})).await;
    assert_eq!((close.status, close.at("/code")), (409, "disagreed".into()));
    let yes = json!({"by": "mia", "satisfaction": 4});
    let confirmed = order(&world, &id, "confirm", yes).await;
    assert_eq!((confirmed.at("/state"), confirmed.status), ("closed".into(), 200));
    assert_eq!(confirmed.at("/sheet/fields/satisfaction"), "4");
}
