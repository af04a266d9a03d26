//! `incidentd rules known-error INC-7`: writes a rule that knows the cause of an incident from now on.
//!
//! Only writes it out: a person completes it, puts it into a rule file and reloads.

use crate::http::wire::{Alert, IncidentRecord};
use crate::model::time::Timestamp;

use super::failure::Failure;

/// Labels that tell what fails, and not where or how often: they are the same the next time.
const STABLE: [&str; 9] =
    ["alertname", "service", "app", "job", "component", "namespace", "deployment", "check", "pool"];

/// How long the rule holds unless somebody extends it.
const DAYS: u64 = 90;

/// Writes the rule, as a whole file, with the test that shows it at work.
///
/// # Errors
/// When nothing is known any more of the alert that the rule would match.
pub fn rule_of(record: &IncidentRecord) -> Result<String, Failure> {
    let incident = &record.incident;
    let root = record.subordinates.iter().filter_map(|member| member.alert.as_ref());
    let root = root.into_iter().find(|alert| alert.fingerprint == incident.root.alert);
    let Some(root) = root else {
        let message = format!("{}: its root's alert is no longer stored", incident.id);
        return Err(Failure::NotFound(message));
    };
    let matchers = matchers(root);
    if matchers.is_empty() {
        let message =
            format!("{}: its root has none of the labels {}", incident.id, STABLE.join(", "));
        return Err(Failure::Conflict(message));
    }
    let number = incident.id.trim_start_matches("INC-");
    let owner = incident.team.as_deref().unwrap_or("default");
    let labels = root.labels.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let expires = day(record.now.0.plus(core::time::Duration::from_hours(24 * DAYS)));
    Ok(format!(
        "version: 1
namespace: known-errors

rules:
  - name: ke-{number}
    owner: {owner}
    summary: {summary}
    when: [{when}]
    known_error:
      id: KE-{number}
      workaround: {workaround}
      expires: {expires}
      # To keep it quiet within bounds:   keep_quiet: {{max_age: 4h, max_per_day: 3}}

tests:
  - name: what {id} was is known the next time
    timeline:
      - {{at: 0s, fire: {labels}}}
    expect:
      - at: 1m
        incidents_include: [{{known_error: KE-{number}}}]
",
        owner = scalar(owner),
        summary = scalar(&format!("As {}: {}", incident.id, incident.title)),
        when = matchers.iter().map(|it| scalar(it)).collect::<Vec<_>>().join(", "),
        workaround = scalar(&workaround(record)),
        id = incident.id,
        labels = scalar(&labels),
    ))
}

fn matchers(root: &Alert) -> Vec<String> {
    let found = STABLE.iter().filter_map(|name| Some((name, root.labels.get(*name)?)));
    found.map(|(name, value)| format!("{name}={}", quoted(value))).collect()
}

/// Returns what whoever resolved it wrote, as far as the timeline has it.
fn workaround(record: &IncidentRecord) -> String {
    let resolved = record.timeline.iter().rev().find(|entry| entry.what == "resolved");
    let said = resolved.filter(|entry| entry.text.starts_with("by "));
    match said.and_then(|entry| entry.text.split_once(": ")) {
        // What people wrote is no template.
        Some((_, note)) => note.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #"),
        None => format!("See what was done for {}", record.incident.id),
    }
}

/// Writes a value as matchers take it.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Writes a text as a YAML scalar, in single quotes and on one line.
fn scalar(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("'{}'", line.replace('\'', "''"))
}

/// Writes the day of a point in time, in UTC.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-21".len()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::incidents::tests::sample;
    use super::*;
    use crate::rules::{SourceFile, load};

    fn record(labels: &Value, resolved: &str) -> IncidentRecord {
        let alert = json!({
            "fingerprint": "9f31c20a77de41b2", "state": "ended", "labels": labels, "annotations": {},
            "generator_url": "", "severity": "", "ci": null, "episode": 1, "record": "INC-1042",
            "incident": "INC-1042", "starts_at": "2026-11-21T03:12:00.000Z", "ended_at": null,
            "first_seen": "2026-11-21T03:12:00.000Z", "last_seen": "2026-11-21T03:12:00.000Z",
            "occurrences": 1, "leases": [], "silenced_by": [],
        });
        let member = json!({
            "id": "INC-1042", "kind": "alert", "incident": "INC-1042",
            "joined_at": "2026-11-21T03:12:00.000Z",
            "join": {"reason": "own", "text": "", "rule": null, "path": null}, "alert": alert,
        });
        let entry = json!({"at": "2026-11-21T03:14:00.000Z", "what": "resolved", "count": 1,
            "text": resolved, "path": null});
        let mut record = sample(&json!({}));
        record["why"] = json!({"root": "", "alert": "", "since": null, "rule": null, "reasons": [],
            "left_out": [], "priority": ""});
        record["subordinates"] = json!([member]);
        record["timeline"] = json!([entry]);
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn the_rule_written_of_an_incident_loads_and_its_test_passes() {
        let labels =
            json!({"alertname": "It's \"slow\"", "service": "ledger\\1", "instance": "l1"});
        let text = rule_of(&record(&labels, "by mia: restarted {{ it }}: 'twice'")).unwrap();
        assert!(text.contains("workaround: 'restarted { { it }}: ''twice'''"), "{text}");
        assert!(text.contains("expires: 2027-02-19"), "{text}");
        assert!(!text.contains("instance=\"l1\"', '"), "where it was is not what it is");
        let loaded = load(&[SourceFile { name: "ke.yaml".into(), text: text.clone() }]);
        assert!(loaded.diagnostics.is_empty(), "{text}\n{:#?}", loaded.diagnostics);
        let rules = std::sync::Arc::new(loaded.set.unwrap());
        let mut coverage = crate::lab::rule_tests::coverage::Coverage::default();
        let outcome = crate::lab::rule_tests::run(&loaded.tests[0], &rules, &mut coverage);
        assert!(outcome.findings.is_empty(), "{text}\n{:#?}", outcome.findings);
    }

    #[test]
    fn what_resolved_by_itself_has_no_note_to_take() {
        let labels = json!({"alertname": "Slow"});
        let text = rule_of(&record(&labels, "all alerts cleared and stayed clear")).unwrap();
        assert!(text.contains("workaround: 'See what was done for INC-1042'"), "{text}");
    }

    #[test]
    fn an_incident_without_stable_labels_gives_no_rule() {
        let refused = rule_of(&record(&json!({"instance": "a"}), "by mia")).unwrap_err();
        assert!(refused.to_string().contains("none of the labels alertname, service"), "{refused}");
    }
}
