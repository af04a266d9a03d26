//! What watches incidentd finds what it asks for, and the log tells nothing of what alerts say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::story::{folder, incidents};
use crate::common::{Daemon, Sink, wait_for};

/// Returns the names of metrics in an expression.
fn names(expression: &str) -> BTreeSet<String> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = expression.split(part).map(str::to_owned);
    words.filter(|word| word.starts_with("incidentd_") || word.starts_with("process_")).collect()
}

/// Yields the values of a key, wherever it stands.
fn values<'a>(json: &'a Value, key: &str, into: &mut Vec<&'a str>) {
    match json {
        Value::Object(fields) => {
            into.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| values(value, key, into));
        }
        Value::Array(items) => items.iter().for_each(|value| values(value, key, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn dashboard_and_alert_rules_ask_only_for_metrics_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there; the series are there all the same.
    let config = "[kafka.clusters.main]\nbrokers = '127.0.0.1:9'\n[sources.metrics]\n\
        format = 'native'\ncluster = 'main'\ntopics = ['alerts']\nstart = 'end'\n";
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    let daemon = Daemon::start(dir.path());
    let metrics = daemon.client().get("/metrics").body;
    let there: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.split(['{', ' ']).next())
        .filter(|name| !name.starts_with('#'))
        .collect();
    let dashboard = std::fs::read_to_string("config/monitoring/dashboard.json").unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = Vec::new();
    values(&dashboard, "expr", &mut asked);
    assert!(asked.len() > 25, "the dashboard asks for little: {asked:?}");
    values(&dashboard, "query", &mut asked);
    let rules = std::fs::read_to_string("config/monitoring/alerts.yaml").unwrap();
    let expressions = rules.lines().filter(|line| !line.trim_start().starts_with(['#', '-']));
    let expressions: Vec<&str> = expressions
        .filter(|line| !["runbook", "summary", "description"].iter().any(|key| line.contains(key)))
        .collect();
    asked.extend(expressions);
    let mut wrong: Vec<String> = asked.iter().flat_map(|text| names(text)).collect();
    wrong.retain(|name| !there.contains(&**name));
    assert_eq!(wrong, Vec::<String>::new());
    // And none of ours is looked at by nobody.
    let asked: BTreeSet<String> = asked.iter().flat_map(|text| names(text)).collect();
    let stem = |name: &str| {
        name.trim_end_matches("_bucket")
            .trim_end_matches("_sum")
            .trim_end_matches("_count")
            .to_owned()
    };
    let stems: BTreeSet<String> = asked.iter().map(|name| stem(name)).collect();
    let unseen: Vec<&&str> = there
        .iter()
        .filter(|name| name.starts_with("incidentd_") && !stems.contains(&stem(name)))
        .filter(|name| **name != "incidentd_rules_last_reload_success_timestamp_seconds")
        .collect();
    assert!(unseen.is_empty(), "shown nowhere: {unseen:?}");
}

#[test]
fn the_log_tells_nothing_of_what_alerts_say() {
    let sink = Sink::start();
    let rules = "
version: 1
namespace: it
contacts:
  oncall: {channels: [sink]}
  nowhere: {channels: [deaf]}
teams: {ops: {members: [oncall], manager: nowhere}}
defaults: {contact: oncall, team: ops}
lifecycle: {linger: 1s}
policies:
  default:
    functional: [{after: 0s, notify: assigned}]
    hierarchical: [{after: 0s, notify: manager}]
";
    let dir = folder(&sink, rules);
    let path = dir.path().join("config.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let deaf = "[channels.deaf]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nallow_private = true\n";
    std::fs::write(&path, format!("{settings}{deaf}")).unwrap();
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let alert = r#"{"labels": {"alertname": "VerySecretName", "instance": "hidden-host-7", "severity": "critical"},
        "annotations": {"summary": "an inner-matter"}}"#;
    assert_eq!(client.post("/ingest/native", alert).status, 200);
    for bad in ["{\"labels\": {\"broken-matter\"", r#"{"labels": {"broken-matter": 1}}"#] {
        assert!(client.post("/ingest/native", bad).status >= 400);
    }
    wait_for("a page", || Some(()).filter(|()| !sink.taken("page").is_empty()));
    wait_for("a failure in the log", || {
        Some(()).filter(|()| daemon.log().contains("notice not delivered"))
    });
    let ack = r#"{"by": "mia", "note": "a private-note"}"#;
    assert_eq!(client.post("/api/v1/incidents/INC-1/ack", ack).status, 200);
    let over = alert.replacen('}', r#"}, "status": "resolved""#, 1);
    assert_eq!(client.post("/ingest/native", &over).json()["ended"], 1);
    wait_for("its being resolved", || incidents(&mut client, "?state=resolved").pop());
    assert_eq!(daemon.stop(), Some(0));
    let log = daemon.log();
    for word in ["VerySecretName", "hidden-host-7", "inner-matter", "private-note", "broken-matter"]
    {
        let line = log.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "the log tells `{word}`");
    }
}
