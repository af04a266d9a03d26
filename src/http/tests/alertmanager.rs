//! What clients of Alertmanager can rely on: its statuses and bodies, and karma's calls.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

const JSON: (&str, &str) = ("content-type", "application/json");
const UNKNOWN: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

/// A silence over these matchers: name, value, and whether it is a pattern.
fn body(matchers: &[(&str, &str, bool)], changes: &Value) -> String {
    let matcher = |(name, value, is_regex): &(&str, &str, bool)| json!({"name": name, "value": value, "isRegex": is_regex});
    let mut body = json!({
        "matchers": matchers.iter().map(matcher).collect::<Vec<_>>(),
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "mia",
        "comment": "planned",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

async fn silence(world: &World, name: &str, changes: &Value) -> String {
    let answer =
        world.post("/api/v2/silences", &body(&[("alertname", name, false)], changes)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.at("/silenceID")
}

async fn delete(world: &World, id: &str) -> Answer {
    world.call(Method::DELETE, &format!("/api/v2/silence/{id}"), &[], "").await
}

/// Yields what is at a pointer in each element of an answer.
fn column(answer: &Answer, pointer: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let list = answer.json();
    let text = |one: &Value| one.pointer(pointer).unwrap_or(&Value::Null).to_string();
    list.as_array().unwrap().iter().map(|one| text(one).replace('"', "")).collect()
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[tokio::test]
async fn a_firing_alert_is_shown_whole() {
    let world = World::new();
    let alert = r#"[{"labels": {"alertname": "A", "severity": "critical"}, "annotations": {"summary": "s", "empty": ""},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "generatorURL": "http://x/"},
        {"labels": {"alertname": "Over"}, "endsAt": "2026-01-01T00:00:00Z"}]"#;
    assert_eq!(world.get("/api/v2/alerts").await.text, "[]");
    assert_eq!(world.post("/api/v2/alerts", alert).await.status, 200);
    let answer = world.get("/api/v2/alerts").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let mut shown = answer.json();
    let updated = shown[0]["updatedAt"].take();
    assert!(updated.as_str().unwrap().ends_with('Z'), "{updated}");
    assert_eq!(
        shown,
        json!([{
            "annotations": {"summary": "s", "empty": ""},
            "endsAt": "2100-01-01T00:00:00.000Z",
            "fingerprint": "b807e636403824b5",
            "receivers": [{"name": "default"}],
            "startsAt": "2026-01-01T00:00:00.000Z",
            "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": null,
            "generatorURL": "http://x/",
            "labels": {"alertname": "A", "severity": "critical"},
        }])
    );
}

#[tokio::test]
async fn alerts_are_chosen_by_state_matchers_and_receiver() {
    let world = World::new();
    for (name, severity) in [("A", "critical"), ("B", "info"), ("C", "info")] {
        world.fire(&[("alertname", name), ("severity", severity)]).await;
    }
    silence(&world, "C", &json!({})).await;
    for (query, names) in [
        ("", "A B C"),
        ("?unprocessed=false&inhibited=false&muted=false&whatever=1", "A B C"),
        ("?active=false", "C"),
        ("?silenced=false", "A B"),
        ("?silenced=false&active=false", ""),
        ("?filter=severity%3D%22info%22", "B C"),
        ("?filter=severity%3Dinfo&filter=alertname!%3DB", "C"),
        ("?filter=gone%3D", "A B C"),
        ("?filter=alertname%3D~%22A%7CB%22&active=true", "A B"),
        ("?receiver=def.*", "A B C"),
        ("?receiver=def", ""),
        ("?receiver_matchers=name!%3Ddefault", ""),
    ] {
        let alerts = world.get(&format!("/api/v2/alerts{query}")).await;
        let fingerprints = column(&alerts, "/fingerprint");
        assert_eq!(fingerprints, sorted(fingerprints.clone()), "{query}");
        assert_eq!(sorted(column(&alerts, "/labels/alertname")).join(" "), names, "{query}");
        let groups = world.get(&format!("/api/v2/alerts/groups{query}")).await;
        assert_eq!(
            sorted(column(&groups, "/alerts/0/labels/alertname")).join(" "),
            names,
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_a_string() {
    let world = World::new();
    for (path, text) in [
        ("alerts?filter=%7Ba=b%7D", "\"unexpected open or close brace: {a=b}\""),
        ("alerts?filter=a", "\"bad matcher format: a\""),
        ("alerts/groups?filter=a", "\"bad matcher format: a\""),
        ("silences?filter=", "\"bad matcher format: \""),
        (
            "alerts?receiver=(",
            "\"failed to parse receiver param: error parsing regexp: `(` is never closed: `(`\"",
        ),
        (
            "receivers?receiver_matchers=a",
            "\"failed to parse receiver_matchers param: bad matcher format: a\"",
        ),
    ] {
        let answer = world.get(&format!("/api/v2/{path}")).await;
        assert_eq!((answer.status, &*answer.text), (400, text), "{path}");
    }
}

#[tokio::test]
async fn a_group_is_an_incident_and_its_common_labels() {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "A"), ("site", "fra1")]).await;
    silence(&world, "B", &json!({})).await;
    world.fire(&[("alertname", "B"), ("n", "1")]).await;
    world.fire(&[("alertname", "B"), ("n", "2")]).await;
    let groups = world.get("/api/v2/alerts/groups").await.json();
    let labels: Vec<&Value> = groups.as_array().unwrap().iter().map(|one| &one["labels"]).collect();
    assert_eq!(
        labels,
        [&json!({"alertname": "A", "site": "fra1", "incident": id}), &json!({"alertname": "B"})]
    );
    assert_eq!(groups[0]["receiver"], json!({"name": "default"}));
    assert_eq!(groups[0]["routeLabels"], json!({}));
    assert_eq!(groups[1]["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(groups[1]["alerts"][0]["status"]["state"], "suppressed");
}

#[tokio::test]
async fn a_silence_is_made_found_changed_and_ended() {
    let world = World::new();
    world.fire(&[("alertname", "A")]).await;
    let id = silence(&world, "A", &json!({"annotations": {"ticket": "7"}})).await;
    let path = format!("/api/v2/silence/{id}");
    let mut shown = world.get(&path).await.json();
    assert_ne!(shown["startsAt"], "2020-01-01T00:00:00.000Z", "it cannot begin in the past");
    (shown["startsAt"], shown["updatedAt"]) = (Value::Null, Value::Null);
    assert_eq!(
        shown,
        json!({
            "id": id, "status": {"state": "active"}, "updatedAt": null, "annotations": {"ticket": "7"},
            "comment": "planned", "createdBy": "mia", "endsAt": "2100-01-01T00:00:00.000Z",
            "matchers": [{"isEqual": true, "isRegex": false, "name": "alertname", "value": "A"}],
            "startsAt": null,
        })
    );
    let alert = world.get("/api/v2/alerts").await;
    assert_eq!(alert.at("/0/status/silencedBy/0"), id);

    let mut longer = world.get(&path).await.json();
    longer["endsAt"] = json!("2101-01-01T00:00:00Z");
    let changed = world.post("/api/v2/silences", &longer.to_string()).await;
    assert_eq!((changed.status, changed.at("/silenceID")), (200, id.clone()));
    assert_eq!(world.get(&path).await.at("/endsAt"), "2101-01-01T00:00:00.000Z");
    let other = silence(&world, "B", &json!({"id": id})).await;
    assert_ne!(other, id, "it matches something else");
    assert_eq!(world.get(&path).await.at("/status/state"), "expired");

    for _ in 0..2 {
        let ended = delete(&world, &other).await;
        assert_eq!((ended.status, &*ended.text), (200, ""), "ending it twice is no mistake");
    }
    assert_eq!(
        column(&world.get("/api/v2/silences?expired=false").await, "/id"),
        Vec::<String>::new()
    );
    assert_eq!(column(&world.get("/api/v2/silences").await, "/id").len(), 2);
}

#[tokio::test]
async fn silences_are_listed_by_state_and_chosen_by_the_text_of_their_matchers() {
    let world = World::new();
    let later = json!({"startsAt": "2099-01-01T00:00:00Z"});
    let pending = silence(&world, "P", &later).await;
    let last = silence(&world, "A", &json!({})).await;
    let first = silence(&world, "B", &json!({"endsAt": "2098-01-01T00:00:00Z"})).await;
    let over = silence(&world, "A", &json!({})).await;
    delete(&world, &over).await;
    for (query, ids) in [
        ("", vec![&first, &last, &pending, &over]),
        ("?expired=false&active=false", vec![&pending]),
        ("?pending=false", vec![&first, &last, &over]),
        ("?filter=alertname%3D%22A%22", vec![&last, &over]),
        ("?filter=alertname%3D~%22A%22", vec![]),
        ("?filter=alertname!%3D%22Z%22", vec![]),
        ("?filter=alertname%3DA&filter=x%3Dy", vec![]),
    ] {
        let found = column(&world.get(&format!("/api/v2/silences{query}")).await, "/id");
        assert_eq!(found.iter().collect::<Vec<_>>(), ids, "{query}");
    }
}

#[tokio::test]
async fn a_silence_that_cannot_be_is_refused_as_by_alertmanager() {
    let world = World::new();
    let one = [("a", "b", false)];
    let past = "2020-06-01T00:00:00Z";
    let path = "/api/v2/silences";
    for (body, status, text) in [
        (
            body(&one, &json!({"endsAt": past})),
            400,
            r#""Failed to create silence: end time can't be in the past""#,
        ),
        (
            body(&one, &json!({"endsAt": "2019-01-01T00:00:00Z"})),
            400,
            r#""Failed to create silence: start time must be before end time""#,
        ),
        (
            body(&[], &json!({})),
            422,
            r#"{"code":612,"message":"matchers in body should have at least 1 items"}"#,
        ),
        (
            body(&[("a", "", false)], &json!({})),
            400,
            r#""invalid silence: at least one matcher must not match the empty string""#,
        ),
        (
            body(&[("a", "x|", true)], &json!({})),
            400,
            r#""invalid silence: at least one matcher must not match the empty string""#,
        ),
        (
            body(&[("a", "(", true)], &json!({})),
            400,
            r#""invalid silence: invalid label matcher 0: invalid regular expression \"(\": `(` is never closed""#,
        ),
        (
            body(&[("", "x", false)], &json!({})),
            400,
            r#""invalid silence: invalid label matcher 0: invalid label name \"\"""#,
        ),
        (
            body(&one, &json!({"comment": "x".repeat(4_097)})),
            400,
            r#""invalid silence: the comment is 4097 bytes long, at most 4096""#,
        ),
        (body(&one, &json!({"id": "nope"})), 404, r#""silence not found""#),
        (body(&one, &json!({"id": UNKNOWN})), 404, r#""silence not found""#),
        (
            body(&one, &json!({"comment": null})),
            422,
            r#"{"code":602,"message":"comment in body is required"}"#,
        ),
        (String::new(), 422, r#"{"code":602,"message":"silence in body is required"}"#),
    ] {
        let answer = world.post(path, &body).await;
        assert_eq!((answer.status, &*answer.text), (status, text), "{body}");
    }
    let typed = world.call(Method::POST, path, &[("content-type", "text/plain")], "{}").await;
    assert_eq!(typed.status, 415);
    assert_eq!(column(&world.get(path).await, "/id"), Vec::<String>::new());
}

#[tokio::test]
async fn an_unknown_silence_is_told_apart_from_what_is_no_id() {
    let world = World::new();
    for method in [Method::GET, Method::DELETE] {
        for (id, status, message) in [
            (UNKNOWN, 404, "no silence f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            ("nope", 422, "silenceID in path must be of type uuid: \"nope\""),
        ] {
            let answer =
                world.call(method.clone(), &format!("/api/v2/silence/{id}"), &[], "").await;
            assert_eq!(
                (answer.status, &*answer.at("/message")),
                (status, message),
                "{method} {id}"
            );
        }
    }
}

#[tokio::test]
async fn status_and_receivers_are_what_a_client_looks_for_first() {
    let world = World::new();
    let status = world.get("/api/v2/status").await;
    assert_eq!(status.at("/cluster/status"), "disabled");
    assert_eq!(status.at("/cluster/peers"), "[]");
    assert!(status.at("/config/original").contains("- name: \"default\"\n"), "{}", status.text);
    assert_eq!(
        world.get("/api/v2/receivers").await.json(),
        json!([{"name": "default", "labels": {"name": "default"}}])
    );
    assert_eq!(world.get("/api/v2/receivers?receiver_matchers=name%3Dx").await.text, "[]");
    for path in ["/-/healthy", "/-/ready"] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, &*answer.text), (200, "OK"), "{path}");
        assert_eq!(world.call(Method::HEAD, path, &[], "").await.status, 200, "{path}");
    }
}

/// The calls of karma in their order (`internal/alertmanager/models.go`, `internal/mapper/v017`), and
/// those of its page, by which it makes, prolongs and ends an `ACK!`.
#[tokio::test]
async fn karma_finds_what_it_asks_for() {
    let world = World::new();
    world.fire(&[("alertname", "A")]).await;
    let metrics = world.get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("alertmanager_build_info{")).unwrap();
    let version = line.split('"').nth(1).unwrap();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers.len() == 3 && numbers >= vec![0, 22, 0], "semver.MustParse panics: {version}");
    assert_eq!(world.get("/api/v2/status").await.at("/versionInfo/version"), version);

    let groups = world.get("/api/v2/alerts/groups").await.json();
    let alert = &groups[0]["alerts"][0];
    assert!(groups[0]["labels"].is_object() && groups[0]["receiver"]["name"].is_string());
    assert!(alert["labels"].is_object() && alert["annotations"].is_object(), "{alert}");
    assert!(alert["startsAt"].is_string() && alert["fingerprint"].is_string(), "{alert}");
    assert_eq!(world.get("/api/v2/silences").await.text, "[]");

    let ack = body(
        &[("alertname", "A", false)],
        &json!({"comment": "ACK! This alert was acknowledged using karma"}),
    );
    let made = world.call(Method::POST, "/api/v2/silences", &[JSON], &ack).await;
    let id = made.at("/silenceID");
    let acked = world.get("/api/v2/alerts/groups").await.json();
    assert_eq!(acked[0]["alerts"][0]["status"]["silencedBy"], json!([id]));
    let known = world.get("/api/v2/silences").await;
    assert!(known.at("/0/comment").starts_with("ACK!"));
    assert_eq!(delete(&world, &id).await.status, 200);
}
