//! What people do with incidents: each command, what refuses it, and many at a time.

use axum::http::Method;
use serde_json::{Value, json};

use super::JSON;
use super::world::{Answer, World};

async fn order(world: &World, id: &str, command: &str, fields: Value) -> Answer {
    let mut body = json!({"by": "ann"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    world.post(&format!("/api/v1/incidents/{id}/{command}"), &body.to_string()).await
}

async fn disk(world: &World, name: &str) -> String {
    world.fire(&[("alertname", "DiskFull"), ("instance", name)]).await.1
}

#[tokio::test]
async fn an_incident_goes_through_all_that_people_do_with_it() {
    let world = World::new();
    let id = disk(&world, "db-1").await;
    for (command, fields, state) in [
        ("note", json!({"note": "looking"}), "new"),
        ("acknowledge", json!({"for": "30m"}), "acknowledged"),
        ("unacknowledge", json!({}), "new"),
        ("claim", json!({}), "in_progress"),
        ("hold", json!({"waits_for": "change", "for": "4h"}), "on_hold"),
        ("assign", json!({"to": "contact:default"}), "new"),
        ("priority", json!({"priority": "P1", "note": "vip"}), "new"),
        ("subscribe", json!({"who": "contact:default"}), "new"),
        ("acknowledge", json!({"update_in": "30m"}), "acknowledged"),
        ("update", json!({"note": "found it"}), "acknowledged"),
        (
            "escalate",
            json!({"to": "contact:default", "note": "stuck",
            "handover": {"tried": "a restart"}}),
            "new",
        ),
        ("unsubscribe", json!({"who": "contact:default"}), "new"),
        ("resolve", json!({"note": "cleaned"}), "resolved"),
        ("reopen", json!({}), "new"),
        ("resolve", json!({}), "resolved"),
    ] {
        let answer = order(&world, &id, command, fields).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.text);
        assert_eq!(answer.at("/state"), state, "{command}");
        assert_eq!(answer.headers["etag"], format!("\"{}\"", answer.at("/version")), "{command}");
    }
    let over =
        json!({"labels": {"alertname": "DiskFull", "instance": "db-1"}, "status": "resolved"});
    world.post("/ingest/native", &over.to_string()).await;
    assert_eq!(order(&world, &id, "close", json!({})).await.at("/state"), "closed");
    let late = order(&world, &id, "note", json!({"note": "x"})).await;
    assert_eq!((late.status, late.at("/code")), (409, "closed".into()));
}

#[tokio::test]
async fn what_is_shown_says_who_has_it_and_how_its_clocks_stand() {
    let world = World::new();
    let id = disk(&world, "db-1").await;
    let before = world.get(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(before.headers["etag"], format!("\"{}\"", before.at("/version")));
    assert_eq!(before.at("/waits_for"), "null");
    assert_ne!(before.at("/resolution/due_at"), "null");
    assert_eq!(before.at("/next/3/ladder"), "resolution", "{}", before.text);
    order(&world, &id, "claim", json!({})).await;
    order(&world, &id, "hold", json!({"waits_for": "supplier", "for": "4h"})).await;
    let held = world.get(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(held.at("/assignee"), "ann");
    assert_eq!(held.at("/acknowledged/by"), "ann");
    assert_eq!(held.at("/waits_for"), "supplier");
    assert_eq!(held.at("/resolution/due_at"), "null", "the clock stands");
    assert_ne!(held.at("/resolution/stands_since"), "null");
}

#[tokio::test]
async fn a_refusal_has_a_code_of_its_own_and_says_what_is_allowed() {
    let world = World::new();
    let (id, other) = (disk(&world, "db-1").await, disk(&world, "db-2").await);
    for (command, fields, status, code) in [
        ("reopen", json!({}), 409, "not_allowed"),
        ("close", json!({}), 409, "not_allowed"),
        ("hold", json!({"waits_for": "user", "for": "1h"}), 409, "not_allowed"),
        ("note", json!({}), 422, "empty_note"),
        ("assign", json!({"to": "team:nobody"}), 422, "unknown_target"),
        ("merge", json!({"into": &id}), 422, "same_incident"),
        ("split", json!({"records": [&id]}), 422, "not_split"),
        ("split", json!({"records": []}), 422, "not_split"),
        ("merge", json!({"into": "INC-99"}), 404, "not_found"),
        ("assign", json!({"to": "linux"}), 400, "bad_request"),
        ("hold", json!({"waits_for": "godot", "for": "1h"}), 400, "bad_request"),
        ("hold", json!({"waits_for": "user"}), 400, "bad_request"),
        ("acknowledge", json!({"for": "8d"}), 400, "bad_request"),
        ("claim", json!({"command": "close"}), 400, "bad_request"),
        ("claim", json!({"unless": "x"}), 400, "bad_request"),
    ] {
        let answer = order(&world, &id, command, fields).await;
        assert_eq!((answer.status, answer.at("/code")), (status, code.into()), "{command}");
    }
    let refused = order(&world, &id, "reopen", json!({})).await;
    assert_eq!(refused.at("/problems/0/state"), "new");
    assert_eq!(refused.at("/problems/0/allowed/0"), "acknowledged");
    order(&world, &id, "claim", json!({})).await;
    let over = json!({"waits_for": "user", "until": "2000-01-01T00:00:00Z"});
    assert_eq!(order(&world, &id, "hold", over).await.at("/code"), "hold_over");
    order(&world, &id, "resolve", json!({})).await;
    assert_eq!(order(&world, &id, "close", json!({})).await.at("/code"), "still_firing");
    order(&world, &id, "reopen", json!({})).await;
    order(&world, &other, "merge", json!({"into": &id})).await;
    let part = order(&world, &other, "claim", json!({})).await;
    assert_eq!((part.status, part.at("/code")), (409, "subordinate".into()), "{}", part.text);
    assert_eq!(part.at("/problems/0/parent"), id);
    assert_eq!(order(&world, "INC-99", "claim", json!({})).await.status, 404);
    assert_eq!(order(&world, "x", "claim", json!({})).await.status, 400);
    assert_eq!(order(&world, &id, "explode", json!({})).await.status, 404);
}

#[tokio::test]
async fn whoever_saw_another_version_is_told_the_present_one() {
    let world = World::new();
    let id = disk(&world, "db-1").await;
    let path = format!("/api/v1/incidents/{id}");
    let seen = world.get(&path).await;
    let (tag, seen) = (seen.headers["etag"].to_str().unwrap().to_owned(), seen.at("/version"));
    let expected: u32 = seen.parse().unwrap();
    let first = order(&world, &id, "claim", json!({"expected_version": expected})).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let now = first.at("/version");
    let second = order(&world, &id, "claim", json!({"expected_version": expected})).await;
    assert_eq!((second.status, second.at("/code")), (409, "version_conflict".into()));
    assert_eq!(second.at("/problems/0/version"), now);
    let with = async |tag: &str| {
        let headers = [JSON, ("if-match", tag)];
        world.call(Method::POST, &format!("{path}/claim"), &headers, r#"{"by": "bob"}"#).await
    };
    let third = with(&tag).await;
    assert_eq!((third.status, third.at("/code")), (412, "version_conflict".into()));
    assert_eq!(with("3").await.status, 400);
    assert_eq!(with(&format!("\"{now}\"")).await.at("/assignee"), "bob");
}

#[tokio::test]
async fn incidents_are_joined_and_parted_by_hand() {
    let world = World::new();
    let (one, two) = (disk(&world, "db-1").await, disk(&world, "db-2").await);
    let merged = order(&world, &two, "merge", json!({"into": &one, "note": "same disk"})).await;
    assert_eq!((merged.at("/id"), merged.at("/members")), (one.clone(), "2".into()));
    let record = world.get(&format!("/api/v1/incidents/{one}")).await;
    assert_eq!(record.at("/subordinates/1/join/text"), "ann: same disk", "{}", record.text);
    let split = order(&world, &one, "split", json!({"records": [&two]})).await;
    assert_eq!(split.at("/id"), two, "{}", split.text);
    assert_eq!(split.at("/apart_from/0"), one);
    let list = world.get("/api/v1/incidents").await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn one_command_handles_all_that_matchers_take_after_a_look() {
    let world = World::new();
    for name in ["db-1", "db-2", "web-1"] {
        disk(&world, name).await;
    }
    let bulk = async |order: Value, more: Value| {
        let mut body = json!({"order": order, "matchers": ["instance=~\"db-.*\""]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.post("/api/v1/incidents/bulk", &body.to_string()).await
    };
    let claim = || json!({"command": "claim", "by": "ann"});
    let look = bulk(claim(), json!({"dry_run": true})).await;
    assert_eq!(
        (look.at("/matched"), look.at("/results/0/incident/state")),
        ("2".into(), "new".into())
    );
    let stale = bulk(claim(), json!({"expected_count": 3})).await;
    assert_eq!((stale.status, stale.at("/code")), (409, "count_changed".into()));
    let done = bulk(claim(), json!({"expected_count": 2})).await;
    assert_eq!((done.status, done.at("/refused")), (200, "0".into()), "{}", done.text);
    assert_eq!(done.at("/results/1/incident/assignee"), "ann");
    let some = bulk(json!({"command": "reopen", "by": "ann"}), json!({})).await;
    assert_eq!(
        (some.at("/refused"), some.at("/results/0/refused/code")),
        ("2".into(), "not_allowed".into())
    );
    let all = bulk(
        json!({"command": "merge", "by": "ann", "into": "INC-1"}),
        json!({"matchers": ["instance=\"web-1\""]}),
    )
    .await;
    assert_eq!(all.at("/results/0/incident/id"), "INC-1", "{}", all.text);
    for (order, more, status) in [
        (claim(), json!({"matchers": []}), 400),
        (claim(), json!({"matchers": [" "]}), 400),
        (claim(), json!({"matchers": ["a==b"]}), 400),
        (claim(), json!({"unless": 1}), 400),
        (json!({"command": "claim", "by": "ann", "expected_version": 1}), json!({}), 422),
        (json!({"command": "split", "by": "ann", "records": ["INC-2"]}), json!({}), 422),
        (json!({"command": "explode", "by": "ann"}), json!({}), 400),
    ] {
        let answer = bulk(order, more).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn an_order_that_is_sent_again_under_its_id_is_carried_out_once() {
    let world = World::new();
    let (one, two) = (disk(&world, "db-1").await, disk(&world, "db-2").await);
    let send = async |path: &str, body: Value| {
        let headers = [JSON, ("idempotency-key", "7f3a")];
        world
            .call(Method::POST, &format!("/api/v1/incidents/{path}"), &headers, &body.to_string())
            .await
    };
    let note = json!({"by": "ann", "note": "looking"});
    for duplicate in ["false", "true"] {
        let answer = send(&format!("{one}/note"), note.clone()).await;
        assert_eq!((answer.status, answer.at("/duplicate")), (200, duplicate.into()));
    }
    let other = send(&format!("{two}/note"), note.clone()).await;
    assert_eq!(other.at("/duplicate"), "false", "another incident is another order");
    let order = json!({"command": "claim", "by": "ann"});
    let bulk = json!({"order": order, "matchers": ["alertname=\"DiskFull\""]});
    for _ in 0..2 {
        let answer = send("bulk", bulk.clone()).await;
        assert_eq!((answer.at("/matched"), answer.at("/refused")), ("2".into(), "0".into()));
    }
    assert_eq!(world.get("/api/v1/audit").await.at("/count"), "4");
}

#[tokio::test]
async fn the_audit_trail_tells_who_did_what_and_its_seals_hold() {
    use crate::http::wire::audit::AuditPage;
    use crate::model::audit::Chain;
    let world = World::new();
    let id = disk(&world, "db-1").await;
    let empty = world.get("/api/v1/audit").await;
    assert_eq!((empty.at("/count"), empty.at("/next")), ("0".into(), "null".into()));
    for command in ["claim", "unacknowledge", "claim"] {
        order(&world, &id, command, json!({})).await;
    }
    order(&world, &id, "reopen", json!({})).await;
    let yaml = ("content-type", "application/yaml");
    world.call(Method::PUT, "/api/v1/cmdb", &[yaml], "cis: {a: {class: x}}").await;
    let mut chain = Chain::default();
    let (mut after, mut said) = (Some(0), Vec::new());
    let mut head = String::new();
    while let Some(from) = after {
        let page = world.get(&format!("/api/v1/audit?after={from}&limit=2")).await;
        let page: AuditPage = serde_json::from_str(&page.text).unwrap();
        for entry in page.items {
            said.push(format!("{} {} {}", entry.by, entry.action, entry.object));
            chain.follow(&entry.into()).unwrap();
        }
        (after, head) = (page.next, page.head.to_string());
    }
    assert_eq!(
        said,
        ["ann claimed INC-1", "ann unacknowledged INC-1", "ann claimed INC-1", "api changed cmdb"]
    );
    assert_eq!(chain.seal.to_string(), head);
    assert_eq!(world.get("/api/v1/audit?after=x").await.status, 400);
}

#[tokio::test]
async fn what_is_handed_on_is_refused_in_words_where_it_cannot_be() {
    let world = World::new();
    let id = disk(&world, "db-1").await;
    let many: Vec<String> = (0..9).map(|at| format!("team{at}")).collect();
    for (command, fields, status, code) in [
        ("escalate", json!({}), 422, "no_reason"),
        ("escalate", json!({"note": "why"}), 422, "no_next_line"),
        ("return", json!({"note": "why"}), 422, "nowhere_to_return"),
        ("convene", json!({"teams": ["net"], "note": "why"}), 422, "unknown_target"),
        ("convene", json!({"teams": [], "note": "why"}), 400, "bad_request"),
        ("convene", json!({"teams": many, "note": "why"}), 400, "bad_request"),
        ("priority", json!({"priority": "P9", "note": "why"}), 400, "bad_request"),
        ("priority", json!({"priority": "P1"}), 422, "no_reason"),
        ("update", json!({}), 422, "empty_note"),
        ("update", json!({"note": "x", "update_in": "8d"}), 400, "bad_request"),
        ("subscribe", json!({"who": "team:net"}), 422, "unknown_target"),
        (
            "escalate",
            json!({"note": "x", "handover": {"tried": "x".repeat(1_001)}}),
            400,
            "bad_request",
        ),
    ] {
        let answer = order(&world, &id, command, fields).await;
        let got = (answer.status, answer.at("/code"));
        assert_eq!(got, (status, code.into()), "{command}: {}", answer.text);
    }
}

#[tokio::test]
async fn each_deadline_says_how_it_came_about() {
    let world = World::new();
    let id = disk(&world, "db-1").await;
    order(&world, &id, "acknowledge", json!({})).await;
    let answer = world.get(&format!("/api/v1/incidents/{id}/clocks")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (at, clock, standing) in [
        (0, "response", "kept"),
        (1, "acceptance of the default contact", "kept"),
        (2, "resolution", "runs"),
    ] {
        assert_eq!(answer.at(&format!("/clocks/{at}/clock")), clock, "{}", answer.text);
        assert_eq!(answer.at(&format!("/clocks/{at}/standing")), standing, "{}", answer.text);
    }
    assert_eq!(answer.at("/clocks/2/source"), "P4 by the general limits");
    assert_eq!(world.get("/api/v1/incidents/INC-99/clocks").await.status, 404);
}
