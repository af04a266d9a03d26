//! A replay from the command line: of what the daemon recorded, of files, of two sets of rules.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Daemon, incidentd};

/// Everything of one site is one incident under these.
const BY_SITE: &str = "
version: 1
namespace: t
rules:
  - {name: site, owner: noc, when: ['site!=\"\"'], group: {by: [site]}}
";

/// And under these it calls nobody.
const HUSHED: &str = "
version: 1
namespace: t
rules:
  - {name: site, owner: noc, when: ['site!=\"\"'], group: {by: [site]}, incident: {priority: P4}}
";

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_the_daemon_recorded_is_played_under_other_rules() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("new.yaml");
    fs::write(&rules, BY_SITE).unwrap();
    let rules = rules.to_str().unwrap();
    let mut daemon = Daemon::start(dir.path());
    for name in ["A", "B", "A"] {
        let alert = json!({"labels": {"alertname": name, "site": "fra1"}, "severity": "critical"});
        assert_eq!(daemon.client().post("/ingest/native", &alert.to_string()).status, 200);
    }
    daemon.crash();
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| {
        let all = ["-s", &server, "replay"].iter().chain(args).copied().collect::<Vec<_>>();
        incidentd(dir.path(), &all)
    };
    let (code, out, errors) = run(&["--from", "1h", "--rules", rules, "-o", "json"]);
    assert_eq!(code, 0, "{errors}");
    let played = read(&out);
    let alerts = json!([
        {"index": 0, "record": 1, "incident": 1},
        {"index": 1, "record": 2, "incident": 1},
    ]);
    assert_eq!(played["alerts"], alerts, "heartbeats are not among them");
    let incident = &played["incidents"][0];
    assert_eq!((&incident["members"], &incident["number"]), (&json!(2), &json!(1)));
    assert_eq!((&incident["root"], &incident["resolved"]), (&Value::Null, &Value::Null));
    assert_eq!((&incident["suspects"], &incident["priority"]), (&json!([]), &json!("P3")));
    let (code, out, errors) = run(&["--from", "2h", "--to", "1h", "--rules", rules]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.ends_with("0 alerts, 0 incidents, 0 of them paged\n"), "{out}");
}

fn git(dir: &Path, args: &[&str]) {
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    let done = Command::new("git").current_dir(dir).args(who).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn new_rules_are_compared_with_a_revision_and_fail_for_what_they_miss() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("t.yaml"), BY_SITE).unwrap();
    git(dir.path(), &["init", "-q"]);
    git(dir.path(), &["add", "rules"]);
    git(dir.path(), &["commit", "-qm", "first"]);
    fs::write(rules.join("t.yaml"), HUSHED).unwrap();
    let cmdb = "cis: {shop: {class: service, tier: 1}}\n";
    fs::write(dir.path().join("cmdb.yaml"), cmdb).unwrap();
    let line = json!({
        "labels": {"alertname": "Down", "ci": "shop", "site": "fra1", "severity": "critical"},
        "status": "firing",
        "startsAt": "2026-11-21T03:12:00Z",
    });
    fs::write(dir.path().join("night.jsonl"), format!("{line}\nnonsense\n")).unwrap();
    let run = |args: &[&str]| {
        let fixed = ["replay", "night.jsonl", "--rules", "rules", "--cmdb", "cmdb.yaml"];
        incidentd(dir.path(), &fixed.iter().chain(args).copied().collect::<Vec<_>>())
    };
    let (code, out, errors) = run(&[]);
    assert_eq!((code, &*out), (2, ""));
    assert!(errors.contains("night.jsonl:2: is no JSON object"), "{errors}");

    let (code, out, errors) = run(&["--skip-bad", "--against", "git:HEAD"]);
    assert_eq!(code, 0, "{errors}");
    let missed = "! missed INC-1 (P1, noc) Down shop, line 1: in INC-1 of t/site, which called nobody in time";
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.last(), Some(&missed), "{out}");
    assert!(lines[4].starts_with("missed (P1/P2)             0          1"), "{out}");
    let (code, _, _) = run(&["--skip-bad", "--against", "git:HEAD", "--fail-on-missed"]);
    assert_eq!(code, 1);
    let (code, out, _) =
        run(&["--skip-bad", "--against", "rules", "--fail-on-missed", "-o", "json"]);
    assert_eq!((code, &read(&out)["missed"]), (0, &json!([])));
}
