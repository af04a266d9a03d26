//! The command line as scripts use it: exit codes and data on standard output.

use crate::common::{Daemon, free_address, incidentd};

#[test]
fn a_script_sends_lists_answers_and_can_tell_failures_apart() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let server = format!("http://{}", daemon.address);
    let run = |args: &[&str]| {
        let mut all = vec!["-s", server.as_str()];
        all.extend(args);
        incidentd(dir.path(), &all)
    };
    let (code, _, errors) =
        run(&["alerts", "send", "alertname=DiskFull", "instance=db-3", "--severity", "major"]);
    assert_eq!(code, 0, "{errors}");
    let (code, listed, _) = run(&["incidents", "ls"]);
    assert_eq!(code, 0);
    assert!(listed.contains("INC-1") && listed.contains("DiskFull"), "{listed}");
    let (code, json, _) = run(&["incidents", "ls", "-o", "json"]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["items"][0]["id"], "INC-1");
    let (code, said, errors) = run(&["incidents", "ack", "INC-1", "--for", "30m", "--as", "mia"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("INC-1 acked by mia until"), "{said}");
    assert_eq!(run(&["incidents", "show", "INC-7"]).0, 4);
    assert_eq!(run(&["incidents", "resolve", "INC-1", "--as", "mia", "-m", "cleaned up"]).0, 0);
    assert_eq!(run(&["incidents", "ack", "INC-1", "--as", "mia"]).0, 5);
    assert_eq!(run(&["incidents", "frobnicate"]).0, 2);
    let nobody = format!("http://{}", free_address());
    assert_eq!(incidentd(dir.path(), &["-s", &nobody, "incidents", "ls"]).0, 3);
}

#[test]
fn the_shipped_rules_pass_their_own_check_and_tests() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, out, errors) = incidentd(root, &["check", "rules"]);
    assert_eq!(code, 0, "{out}{errors}");
    for set in ["rules/base", "rules/examples"] {
        let (code, out, errors) = incidentd(root, &["test", set]);
        assert_eq!(code, 0, "{out}{errors}");
        assert!(out.contains(" 0 failed") && !out.contains("\n0 passed"), "{out}");
    }
}
