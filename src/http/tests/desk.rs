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

#[tokio::test]
async fn what_people_learn_when_it_is_over_is_still_written_and_nothing_else() {
    let world = World::new();
    world.fire(&[("alertname", "Full"), ("severity", "critical")]).await;
    let path = |command: &str| format!("/api/v1/incidents/INC-1/{command}");
    let set = async |fields: Value| {
        let body = serde_json::json!({"by": "ann", "fields": fields}).to_string();
        world.post(&path("set"), &body).await
    };
    assert_eq!(world.post(&path("cancel"), r#"{"by": "ann", "note": "a test"}"#).await.status, 200);
    let version = world.get("/api/v1/incidents/INC-1").await.at("/version");
    let done = set(serde_json::json!({"evidence": "dump.gz", "root_cause": "monitoring"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.at("/state"), "cancelled");
    let again = set(serde_json::json!({"evidence": "dump.gz", "satisfaction": "2"})).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let record = world.get("/api/v1/incidents/INC-1").await;
    for (field, value) in
        [("evidence", "dump.gz"), ("root_cause", "monitoring"), ("satisfaction", "2")]
    {
        assert_eq!(record.at(&format!("/sheet/fields/{field}")), value);
    }
    assert_ne!(record.at("/version"), version);
    assert!(record.text.contains("satisfaction is 2, by ann"), "{}", record.text);
    let audit = world.get("/api/v1/audit").await.text;
    assert!(audit.contains("evidence=dump.gz, root_cause=monitoring"), "{audit}");

    let late = set(serde_json::json!({"location": "ams1"})).await;
    assert_eq!((late.status, &*late.at("/code")), (409, "over"), "{}", late.text);
    assert!(late.text.contains("only satisfaction, follow_up, root_cause"), "{}", late.text);
    let note = world.post(&path("note"), r#"{"by": "ann", "note": "x"}"#).await;
    assert_eq!(note.status, 409);
    assert!(note.text.contains("INC-1 is cancelled; nothing can be done with it but to `set`"));
    let body = r#"{"by": "ann", "fields": {"problem": "PRB-1"}, "expected_version": 1}"#;
    let conflict = world.post(&path("set"), body).await;
    assert_eq!(&*conflict.at("/code"), "version_conflict", "{}", conflict.text);
    let unknown = world.post("/api/v1/incidents/INC-9/set", body).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}

#[tokio::test]
async fn what_came_back_is_totalled_by_who_sent_it() {
    let rules = "version: 1\ncontacts: {ann: {channels: [log]}, bob: {channels: [log]}}\n\
                 teams: {one: {members: ann}, two: {members: bob}}\ndefaults: {team: one}\n";
    let world = World::with_rules(rules);
    world.fire(&[("alertname", "Full"), ("severity", "critical")]).await;
    let order = async |command: &str, body: &str| {
        let answer = world.post(&format!("/api/v1/incidents/INC-1/{command}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    order("assign", r#"{"by": "ann", "to": "team:two", "note": "yours"}"#).await;
    order("return", r#"{"by": "bob", "note": "not ours"}"#).await;
    let totals = world.get("/api/v1/transfers").await;
    assert_eq!(
        (totals.at("/items/0/name"), totals.at("/items/0/returned")),
        ("ann".into(), "1".into())
    );
    assert_eq!((totals.at("/incidents"), totals.at("/complete")), ("1".into(), "true".into()));
    let teams = world.get("/api/v1/transfers?by=team&since=1d").await;
    assert_eq!(
        (teams.at("/items/0/name"), teams.at("/items/0/returned")),
        ("two".into(), "1".into())
    );
    for bad in ["by=colour", "since=soon", "since=401d", "since=0s", "x=1"] {
        assert_eq!(world.get(&format!("/api/v1/transfers?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn how_content_people_are_is_totalled_by_team_and_by_service() {
    let world = World::new();
    for (n, said) in
        [json!({"satisfaction": 5}), json!({"satisfaction": 2}), json!({})].iter().enumerate()
    {
        let id = world.fire(&[("alertname", "Full"), ("n", &n.to_string())]).await.1;
        order(&world, &id, "resolve", json!({})).await;
        let confirmed = order(&world, &id, "confirm", said.clone()).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    }
    world.fire(&[("alertname", "Open")]).await;
    let totals = world.get("/api/v1/satisfaction").await;
    let at = |pointer: &str| totals.at(&format!("/items/0/{pointer}"));
    assert_eq!((at("ended"), at("answered"), at("mean")), ("3".into(), "2".into(), "3.5".into()));
    assert_eq!((at("grades/1"), at("grades/4")), ("1".into(), "1".into()));
    assert_eq!((totals.at("/incidents"), totals.at("/complete")), ("4".into(), "true".into()));
    let services = world.get("/api/v1/satisfaction?by=service&since=1d").await;
    assert_eq!(services.at("/items/0/name"), "none", "{}", services.text);
    for bad in ["by=colour", "since=soon", "since=401d", "x=1"] {
        let path = format!("/api/v1/satisfaction?{bad}");
        assert_eq!(world.get(&path).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn an_action_is_added_to_a_closed_review_with_a_reason() {
    let world = World::new();
    let id = world.fire(&[("alertname", "Full")]).await.1;
    order(&world, &id, "resolve", json!({})).await;
    let clear = json!({"labels": {"alertname": "Full"}, "status": "resolved"}).to_string();
    assert_eq!(world.post("/ingest/native", &clear).await.status, 200);
    let closed = order(&world, &id, "close", json!({})).await;
    assert_eq!(closed.at("/state"), "closed", "{}", closed.text);
    let due = world.now().plus(core::time::Duration::from_hours(24)).to_string();
    let action = |note: &str| json!({"text": "new strip", "owner": "contact:default", "due": due, "note": note});
    let silent = order(&world, &id, "action", action("")).await;
    assert_eq!((silent.status, silent.at("/code")), (422, "no_reason".into()), "{}", silent.text);
    let added = order(&world, &id, "action", action("it came back")).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let open = world.get("/api/v1/actions").await;
    assert_eq!(open.at("/items/0/incident"), id, "{}", open.text);
}
