//! What is malformed, too large or half bad is answered as documented, and nothing good is lost.

use crate::common::{Daemon, incidentd};

#[test]
fn bad_deliveries_are_refused_by_name_and_the_good_half_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let large = format!(
        r#"{{"labels": {{"alertname": "X"}}, "annotations": {{"a": "{}"}}}}"#,
        "x".repeat(2 << 20)
    );
    for (path, body, status, says) in [
        ("/ingest/native", "{", 400, "line 1"),
        ("/ingest/native", deep.as_str(), 400, "deep"),
        ("/ingest/native", large.as_str(), 413, "1048576"),
        ("/ingest/native", r#"{"labels": {}}"#, 422, "labels"),
        ("/ingest/native", r#"{"lables": {"alertname": "X"}}"#, 422, "labels"),
        ("/ingest/nobody", "{}", 404, "native"),
        ("/ingest/alertmanager", r#"{"version": "3", "alerts": []}"#, 422, "version"),
        ("/api/v2/alerts", "{}", 400, "code"),
        ("/api/v2/alerts", r#"[{"labels": {}}]"#, 400, "at least one label pair required"),
    ] {
        let answer = client.post(path, body);
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer.status, status, "{path} {shown}: {}", answer.body);
        assert!(answer.body.contains(says), "{path} {shown}: {}", answer.body);
    }
    assert_eq!(client.get("/api/v1/alerts").json()["items"].as_array().unwrap().len(), 0);

    let half =
        r#"[{"labels": {"alertname": "Good"}}, {"labels": {"alertname": "Bad"}, "status": "on"}]"#;
    let answer = client.post("/ingest/native", half);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        (&answer.json()["began"], &answer.json()["rejected"][0]["index"]),
        (&1.into(), &1.into())
    );
    let half = r#"[{"labels": {"alertname": "Fine"}}, {"labels": {}}]"#;
    assert_eq!(client.post("/api/v2/alerts", half).status, 400);
    assert_eq!(client.get("/api/v1/alerts").json()["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_bad_rule_file_or_setting_stops_the_start_and_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    let rules = "version: 1\nnamespace: t\nrules:\n  - name: x\n    wehn: ['a=\"b\"']\n    group: {by: [a]}\n";
    std::fs::write(dir.path().join("rules/bad.yaml"), rules).unwrap();
    for command in [&["check", "rules"][..], &["serve", "--rules", "rules"]] {
        let (code, out, errors) = incidentd(dir.path(), command);
        let text = format!("{out}{errors}");
        assert!(
            text.contains("rules/bad.yaml:5:5") && text.contains("`when`"),
            "{command:?}: {text}"
        );
        assert_eq!(code, if command[0] == "check" { 1 } else { 78 }, "{text}");
    }
    let rules = "version: 1\nnamespace: t\ncontacts: {oncall: {channels: [pager]}}\n";
    std::fs::write(dir.path().join("rules/bad.yaml"), rules).unwrap();
    let (code, _, errors) = incidentd(dir.path(), &["serve", "--rules", "rules"]);
    assert_eq!(code, 78, "{errors}");
    assert!(errors.contains("`oncall`") && errors.contains("`pager`"), "{errors}");
    std::fs::write(dir.path().join("bad.toml"), "[http]\nlisten = \"0.0.0.0:9494\"\nlitsen = 1\n")
        .unwrap();
    let (code, _, errors) = incidentd(dir.path(), &["serve", "--config", "bad.toml"]);
    assert_eq!(code, 78, "{errors}");
    assert!(
        errors.contains("allow_unauthenticated_remote") && errors.contains("litsen"),
        "{errors}"
    );
}

#[test]
fn a_bad_cmdb_file_is_refused_as_a_whole_with_every_problem() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let bad = "cis:\n  a: {class: server}\nrelations:\n  - a -pwoers-> b\n  - a -powers-> nobody\n";
    std::fs::write(dir.path().join("bad.yaml"), bad).unwrap();
    let server = format!("http://{}", daemon.address);
    let (code, out, errors) =
        incidentd(dir.path(), &["-s", &server, "cmdb", "import", "bad.yaml", "--yes"]);
    let text = format!("{out}{errors}");
    assert_eq!(code, 1, "{text}");
    for says in ["bad.yaml:4", "pwoers", "bad.yaml:5", "nobody"] {
        assert!(text.contains(says), "{says} is missing in {text}");
    }
    assert_eq!(daemon.client().get("/api/v1/cmdb").json()["cis"], 0);
}
