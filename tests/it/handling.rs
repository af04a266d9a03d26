//! What people do with incidents from the command line: one line each, one question for many, and
//! exit codes that scripts can tell apart.

use crate::common::{Daemon, incidentd};

/// A daemon with three incidents, and the command line that talks to it.
fn started(dir: &std::path::Path) -> (Daemon, impl Fn(&[&str]) -> (i32, String, String)) {
    let daemon = Daemon::start(dir);
    let server = format!("http://{}", daemon.address);
    let folder = dir.to_owned();
    let run = move |args: &[&str]| {
        let mut all = vec!["-s", server.as_str()];
        all.extend(args);
        incidentd(&folder, &all)
    };
    for name in ["db-1", "db-2", "web-1"] {
        let instance = format!("instance={name}");
        let (code, _, errors) = run(&["alerts", "send", "alertname=DiskFull", &instance]);
        assert_eq!(code, 0, "{errors}");
    }
    (daemon, run)
}

#[test]
fn one_incident_is_handled_by_every_command_in_a_line_each() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, run) = started(dir.path());
    for (args, line) in [
        (&["note", "INC-1", "-m", "looking"][..], "INC-1 noted"),
        (&["ack", "INC-1", "--for", "30m"], "INC-1 acked by mia until "),
        (&["unack", "INC-1"], "INC-1 given back"),
        (&["claim", "INC-1"], "INC-1 claimed by mia until "),
        (
            &["hold", "INC-1", "--waits-for", "user", "--for", "2h"],
            "INC-1 on hold for a user until ",
        ),
        (&["assign", "INC-1", "--to", "contact:default"], "INC-1 assigned to contact:default"),
        (&["merge", "INC-2", "--into", "INC-1"], "INC-2 is part of INC-1 now · 2 alerts"),
        (&["split", "INC-1", "INC-2"], "INC-2 split off INC-1 · 1 alert"),
        (&["resolve", "INC-1", "-m", "done"], "INC-1 resolved by mia · 1 of 2 alerts still fire"),
        (&["reopen", "INC-1"], "INC-1 reopened · "),
    ] {
        let all = [&["inc"], args, &["--as", "mia"]].concat();
        let (code, out, errors) = run(&all);
        assert_eq!(code, 0, "{args:?}: {errors}");
        assert!(out.starts_with(line) && out.lines().count() == 1, "{args:?}: {out}");
    }
    let (_, shown, _) = run(&["inc", "show", "INC-1"]);
    for fact in ["resolution  in ", "response    in ", "version     ", "split from  INC-2"] {
        assert!(shown.contains(fact), "{fact} is not in {shown}");
    }
    run(&["alerts", "send", "alertname=DiskFull", "instance=db-1", "--resolved"]);
    assert_eq!(run(&["inc", "resolve", "INC-1"]).0, 0);
    let (code, out, _) = run(&["inc", "close", "INC-1", "--as", "mia"]);
    assert_eq!((code, out.trim_end()), (0, "INC-1 closed"));
    let (code, _, errors) = run(&["inc", "close", "INC-99", "INC-2", "INC-1"]);
    assert_eq!(code, 5, "{errors}");
    for says in ["INC-1 is closed", "INC-2 is new", "INC-99 does not exist"] {
        assert!(errors.contains(says), "{says} is not in {errors}");
    }
}

#[test]
fn scripts_can_tell_why_nothing_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, run) = started(dir.path());
    for (args, code) in [
        (&["claim", "INC-1", "--expected", "99"][..], 5),
        (&["reopen", "INC-1"], 5),
        (&["claim", "INC-77"], 4),
        (&["note", "INC-1"], 1),
        (&["assign", "INC-1", "--to", "linux"], 2),
        (&["claim", "INC-1", "site=\"x\""], 2),
        (&["claim", "INC-1", "--dry-run"], 2),
        (&["claim", "INC-1", "INC-2", "--expected", "1"], 2),
    ] {
        let (got, out, errors) = run(&[&["inc"], args].concat());
        assert_eq!(got, code, "{args:?}: {out}{errors}");
        assert!(!errors.is_empty(), "{args:?}");
    }
}

#[test]
fn matchers_are_asked_about_once_and_never_without_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, run) = started(dir.path());
    let databases = "instance=~\"db-.*\"";
    let (code, out, errors) = run(&["inc", "claim", databases]);
    assert_eq!((code, out.as_str()), (2, ""), "{errors}");
    assert!(errors.contains("INC-1") && errors.contains("--yes"), "{errors}");
    let (code, out, _) = run(&["inc", "claim", databases, "--dry-run"]);
    assert_eq!(code, 0);
    assert!(out.contains("INC-2  ") && out.ends_with("would claim 2 incidents\n"), "{out}");
    let (code, out, errors) = run(&["inc", "claim", databases, "--yes", "--as", "mia"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.starts_with("INC-1 claimed by mia") && out.lines().count() == 2, "{out}");
    let (_, listed, _) = run(&["inc", "ls"]);
    assert_eq!(listed.matches("  mia  ").count(), 2, "{listed}");
    let (code, _, errors) = run(&["inc", "reopen", databases, "--yes"]);
    assert_eq!(code, 5, "{errors}");
    assert!(errors.contains("2 of 2 refused"), "{errors}");
    let (code, out, _) = run(&["inc", "claim", "instance=\"nobody\"", "--yes"]);
    assert_eq!((code, out.as_str()), (0, "no open incident matches\n"));
}

#[test]
fn the_audit_trail_is_listed_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, run) = started(dir.path());
    assert_eq!(run(&["audit", "verify"]).0, 0, "an empty trail is whole");
    run(&["inc", "claim", "INC-1", "--as", "mia"]);
    let (_, out, _) = run(&["audit", "verify"]);
    let head = out.lines().find_map(|line| line.strip_prefix("head ")).unwrap().to_owned();
    assert!(out.starts_with("1 entries, every seal fits\n"), "{out}");
    run(&["inc", "note", "INC-1", "-m", "still at it", "--as", "mia"]);
    let (code, listed, _) = run(&["audit", "ls"]);
    assert_eq!(code, 0);
    assert!(listed.contains("mia  claimed  INC-1") && listed.contains("still at it"), "{listed}");
    assert_eq!(run(&["audit", "verify", "--head", &head]).0, 0, "it has only grown");
    let other = head.chars().rev().collect::<String>();
    let (code, _, errors) = run(&["audit", "verify", "--head", &other]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("no entry has the seal"), "{errors}");
    assert_eq!(run(&["audit", "verify", "--head", "abc"]).0, 2);
}

#[test]
fn an_alert_and_its_record_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, run) = started(dir.path());
    run(&["inc", "merge", "INC-2", "--into", "INC-1", "-m", "same disk", "--as", "mia"]);
    let (_, shown, _) = run(&["inc", "show", "INC-1"]);
    assert!(shown.contains("joined by hand: mia:  same disk"), "{shown}");
    let (_, json, _) = run(&["alerts", "ls", "instance=\"db-2\"", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let fingerprint = json["items"][0]["fingerprint"].as_str().unwrap();
    let (code, out, errors) = run(&["explain", fingerprint]);
    assert_eq!(code, 0, "{errors}");
    for stage in ["dedup", "bind", "suppress", "rules", "correlate", "prioritise", "escalate"] {
        assert!(out.contains(&format!(" {stage} ")), "{stage} is not in {out}");
    }
    assert!(out.contains("had it been alone: P4, ticket to default"), "{out}");
}
