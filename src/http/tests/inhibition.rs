//! What clients can rely on where alerts inhibit others.

use super::world::World;

const RULES: &str = r#"
version: 1
namespace: t
rules:
  - name: host
    when: 'severity="minor"'
    inhibit: {source: 'alertname="HostDown"', equal: [host]}
"#;

#[tokio::test]
async fn an_inhibited_alert_says_by_which_alert_and_rule() {
    let world = World::with_rules(RULES);
    let down = [("alertname", "HostDown"), ("host", "h1"), ("severity", "critical")];
    let (source, _) = world.fire(&down).await;
    let disk = [("alertname", "Disk"), ("host", "h1"), ("severity", "minor")];
    let (target, incident) = world.fire(&disk).await;
    assert_eq!(incident, "null", "it opened nothing");
    let shown = world.get(&format!("/api/v1/alerts/{target}")).await;
    assert_eq!(shown.at("/inhibited_by/0/alert"), source);
    assert_eq!(shown.at("/inhibited_by/0/rule"), "t/host");
    let explained = world.get(&format!("/api/v1/alerts/{target}/explain")).await;
    assert_eq!(explained.at("/inhibited_by/0/name"), "HostDown", "{}", explained.text);
    for (query, names) in [
        ("alerts", "Disk HostDown"),
        ("alerts?inhibited=false", "HostDown"),
        ("alerts?silenced=false", "Disk HostDown"),
        ("alerts?active=false", "Disk"),
        ("alerts?active=false&inhibited=false", ""),
    ] {
        let list = world.get(&format!("/api/v2/{query}")).await.json();
        let name =
            |one: &serde_json::Value| one["labels"]["alertname"].as_str().unwrap().to_owned();
        let mut found: Vec<String> = list.as_array().unwrap().iter().map(name).collect();
        found.sort();
        assert_eq!(found.join(" "), names, "{query}");
    }
    let all = world.get("/api/v2/alerts?active=false").await;
    assert_eq!(all.at("/0/status/inhibitedBy"), format!("[\"{source}\"]"));
    assert_eq!(all.at("/0/status/state"), "suppressed");
    for (query, count) in [("inhibited=true", 1), ("inhibited=false", 1), ("silenced=true", 0)] {
        let list = world.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(list.json()["items"].as_array().unwrap().len(), count, "{query}");
    }
}
