//! What clients of our own silences can rely on.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

const PATH: &str = "/api/v1/silences";

async fn create(world: &World, changes: &Value) -> Answer {
    let mut body = json!({"by": "mia", "comment": "new disk", "for": "2h"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.post(PATH, &body.to_string()).await
}

async fn with_cmdb() -> World {
    let world = World::new();
    let cmdb =
        "cis: {pdu-1: {class: pdu}, srv-1: {class: server}}\nrelations: [pdu-1 -powers-> srv-1]\n";
    let yaml = ("content-type", "application/yaml");
    assert_eq!(world.call(Method::PUT, "/api/v1/cmdb", &[yaml], cmdb).await.status, 200);
    world
}

#[tokio::test]
async fn a_window_covers_a_ci_and_what_depends_on_it_until_it_is_ended() {
    let world = with_cmdb().await;
    let made = create(&world, &json!({"ci": "pdu-1"})).await;
    assert_eq!((made.status, made.at("/state")), (200, "active".into()), "{}", made.text);
    let id = made.at("/id");
    let (alert, incident) = world.fire(&[("alertname", "NodeDown"), ("ci", "srv-1")]).await;
    assert_eq!(incident, "null", "it opened nothing");
    assert_eq!(world.get(&format!("/api/v1/alerts/{alert}")).await.at("/silenced_by/0"), id);
    for (query, count) in [("?silenced=true", 1), ("?silenced=false", 0), ("", 1)] {
        let list = world.get(&format!("/api/v1/alerts{query}")).await;
        assert_eq!(list.json()["items"].as_array().unwrap().len(), count, "{query}");
    }

    let path = format!("{PATH}/{id}");
    assert_eq!(world.call(Method::DELETE, &path, &[], "").await.status, 400, "in whose name?");
    let ended = world.call(Method::DELETE, &format!("{path}?by=mia"), &[], "").await;
    assert_eq!((ended.status, ended.at("/state")), (200, "expired".into()), "{}", ended.text);
    assert_ne!(world.get(&format!("/api/v1/alerts/{alert}")).await.at("/incident"), "null");
}

#[tokio::test]
async fn alertmanagers_clients_see_a_window_as_a_matcher_and_keep_it() {
    let world = with_cmdb().await;
    let id = create(&world, &json!({"ci": "pdu-1"})).await.at("/id");
    let path = format!("/api/v2/silence/{id}");
    let mut shown = world.get(&path).await.json();
    let window = json!([{"isEqual": true, "isRegex": false, "name": "ci", "value": "pdu-1"}]);
    assert_eq!(shown["matchers"], window);
    shown["endsAt"] = json!("2100-01-01T00:00:00Z");
    let changed = world.post("/api/v2/silences", &shown.to_string()).await;
    assert_eq!((changed.status, changed.at("/silenceID")), (200, id.clone()), "{}", changed.text);
    assert_eq!(world.get(&format!("{PATH}/{id}")).await.at("/ci"), "pdu-1");

    shown["matchers"] = json!([{"isRegex": false, "name": "ci", "value": "srv-1"}]);
    let other = world.post("/api/v2/silences", &shown.to_string()).await.at("/silenceID");
    let plain = world.get(&format!("{PATH}/{other}")).await;
    assert_eq!((plain.at("/ci"), plain.at("/matchers/0")), ("null".into(), "ci=\"srv-1\"".into()));
}

#[tokio::test]
async fn a_quiet_incident_says_so() {
    let world = World::new();
    let (_, id) = world.fire(&[("alertname", "A")]).await;
    let path = format!("/api/v1/incidents/{id}");
    assert_eq!(world.get(&path).await.at("/quiet"), "false");
    create(&world, &json!({"matchers": ["alertname=A"]})).await;
    assert_eq!(world.get(&path).await.at("/quiet"), "true");
}

#[tokio::test]
async fn what_cannot_be_silent_is_refused_with_the_remedy() {
    let world = with_cmdb().await;
    let unknown = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    for (changes, status, message) in [
        (json!({"ci": "pdu-9"}), 422, "the CMDB has no CI `pdu-9`; import it first"),
        (json!({"matchers": ["a=~\".*\""]}), 400, "at least one matcher must not match"),
        (json!({"matchers": ["a=~\"(\""]}), 400, "matchers: `a=~\"(\"`: `(` is never closed"),
        (
            json!({"matchers": ["a=b"], "starts_at": "2020-01-01T00:00:00Z"}),
            400,
            "end time can't be",
        ),
        (json!({"matchers": ["a=b"], "replaces": unknown}), 404, "no silence f81d4fae"),
        (json!({"matchers": ["a=b"], "until": "x"}), 400, "body: unknown field `until`"),
        (json!({}), 400, "matchers or ci must say what"),
    ] {
        let answer = create(&world, &changes).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.at("/message").starts_with(message), "{}", answer.text);
    }
    for (path, status) in [(unknown, 404), ("7", 400)] {
        assert_eq!(world.get(&format!("{PATH}/{path}")).await.status, status);
    }
}

#[tokio::test]
async fn pages_of_silences_neither_miss_nor_repeat() {
    let world = World::new();
    for number in 0..5 {
        let by = if number == 0 { "ann" } else { "mia" };
        create(&world, &json!({"matchers": [format!("n={number}")], "by": by})).await;
    }
    create(&world, &json!({"matchers": ["n=9"], "starts_at": "2099-01-01T00:00:00Z"})).await;
    for (query, count) in
        [("", 6), ("state=pending", 1), ("state=expired", 0), ("state=all&by=ann", 1)]
    {
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("{PATH}?limit=2&{query}");
        loop {
            let page = world.get(&path).await.json();
            for item in page["items"].as_array().unwrap() {
                assert!(seen.insert(item["id"].to_string()), "{item} twice");
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("{PATH}?limit=2&{query}&cursor={next}");
        }
        assert_eq!(seen.len(), count, "{query}");
    }
}

#[tokio::test]
async fn alertmanagers_clients_see_the_window_of_a_rule_and_keep_it() {
    let world = World::with_rules(
        r#"
version: 1
namespace: t
rules:
  - name: move
    when: 'severity="minor"'
    quiet: {from: 2020-01-01T00:00:00Z, to: 2090-01-01T00:00:00Z, ci: [a.b, c]}
"#,
    );
    let minor = [("alertname", "A"), ("ci", "c"), ("severity", "minor")];
    let (_, incident) = world.fire(&minor).await;
    assert_ne!(incident, "null", "the CMDB does not know c");
    let silences = world.get("/api/v2/silences").await;
    let mut shown = silences.json()[0].clone();
    let matcher = |name: &str, value: &str, is_regex: bool| json!({"isEqual": true, "isRegex": is_regex, "name": name, "value": value});
    let matchers = json!([matcher("ci", "a\\.b|c", true), matcher("rule", "t/move", false)]);
    assert_eq!(shown["matchers"], matchers, "{}", silences.text);
    shown["endsAt"] = json!("2100-01-01T00:00:00Z");
    let id = shown["id"].as_str().unwrap().to_owned();
    let changed = world.post("/api/v2/silences", &shown.to_string()).await;
    assert_eq!(changed.at("/silenceID"), id, "{}", changed.text);
    let kept = world.get(&format!("{PATH}/{id}")).await;
    assert_eq!((kept.at("/rule"), kept.at("/cis")), ("t/move".into(), r#"["a.b","c"]"#.into()));
    shown["startsAt"] = json!("2099-01-01T00:00:00Z");
    let other = world.post("/api/v2/silences", &shown.to_string()).await.at("/silenceID");
    assert_ne!(other, id, "another beginning is another silence");
    assert_eq!(world.get(&format!("{PATH}/{other}")).await.at("/rule"), "t/move");
}
