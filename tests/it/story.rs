//! The main path through the real binary: alerts in, one incident, one page, answered, resolved.

use serde_json::Value;

use crate::common::{Client, Daemon, Sink, wait_for};

/// Rules that resolve at once and page a web hook.
const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [sink, log]}}
defaults: {contact: oncall}
lifecycle: {linger: 1s}
";

/// Makes a folder with settings that name a sink as channel, and rules.
pub(crate) fn folder(sink: &Sink, rules: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!(
        "[channels.sink]\nkind = \"webhook\"\nurl = \"http://{}/\"\nallow_private = true\n",
        sink.address
    );
    std::fs::write(dir.path().join("config.toml"), settings).unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/it.yaml"), rules).unwrap();
    dir
}

pub(crate) fn incidents(client: &mut Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/v1/incidents{query}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["items"].as_array().unwrap().clone()
}

#[test]
fn one_curl_makes_one_incident_one_page_and_an_answer_stops_it() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let alert =
        r#"{"labels": {"alertname": "DiskFull", "instance": "db-3", "severity": "critical"}}"#;
    let answer = client.post("/ingest/native", alert);
    assert_eq!((answer.status, answer.json()["began"].as_u64()), (200, Some(1)), "{}", answer.body);
    for _ in 0..3 {
        assert_eq!(client.post("/ingest/native", alert).json()["updated"], 1);
    }
    let pages = wait_for("a page", || Some(sink.taken("page")).filter(|pages| !pages.is_empty()));
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0]["contact"], "oncall");
    assert_eq!(pages[0]["incident"]["id"], "INC-1");

    let answer = client.post("/api/v1/incidents/INC-1/ack", r#"{"by": "mia", "for": "30m"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(incidents(&mut client, "?state=acknowledged").len(), 1);

    let over = alert.replace("}}", r#"}, "status": "resolved"}"#);
    assert_eq!(client.post("/ingest/native", &over).json()["ended"], 1);
    wait_for("its being resolved", || incidents(&mut client, "?state=resolved").pop());
    let again = client.post("/api/v1/incidents/INC-1/ack", r#"{"by": "mia"}"#);
    assert_eq!(again.status, 409, "{}", again.body);
    assert_eq!(client.get("/api/v1/incidents/INC-99").status, 404);

    // What was told is there again after a restart in order.
    assert_eq!(daemon.stop(), Some(0), "{}", daemon.log());
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let shown = client.get("/api/v1/incidents/INC-1").json();
    assert_eq!(shown["state"], "resolved");
    let told: Vec<&str> =
        shown["timeline"].as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    for what in ["opened", "priority", "notice", "delivered", "acknowledged", "cleared", "resolved"]
    {
        assert!(told.contains(&what), "{what} is not in {told:?}");
    }
    assert_eq!(sink.taken("page").len(), 1, "and nobody is paged again");
}

#[test]
fn a_strip_that_reports_late_adopts_twelve_machines_and_explain_shows_the_way() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    std::fs::copy("rules/base/topology.yaml", dir.path().join("rules/topology.yaml")).unwrap();
    std::fs::copy("rules/base/group.yaml", dir.path().join("rules/group.yaml")).unwrap();
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let cmdb = std::fs::read_to_string("config/demo/cmdb.yaml").unwrap();
    let answer = client.try_send("PUT", "/api/v1/cmdb", &cmdb).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);

    let machines = std::fs::read_to_string("config/demo/1-machines.json").unwrap();
    let strip = std::fs::read_to_string("config/demo/3-strip.json").unwrap();
    assert_eq!(client.post("/ingest/native", &machines).json()["began"], 12);
    assert!(incidents(&mut client, "").len() > 1);
    assert_eq!(client.post("/ingest/native", &strip).json()["began"], 1);

    let open = incidents(&mut client, "");
    assert_eq!(open.len(), 1, "{open:#?}");
    assert_eq!(open[0]["id"], "INC-1", "the oldest number survives");
    assert_eq!(open[0]["root"]["ci"], "pdu-r12a");
    assert_eq!(open[0]["priority"], "P1");
    let (code, text, errors) = crate::common::incidentd(
        dir.path(),
        &["-s", &format!("http://{}", daemon.address), "explain", "INC-1"],
    );
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("pdu-r12a -powers-> sw-r12-1 -connects-> srv-0403"), "{text}");
    let alerts = client.get("/api/v1/alerts?filter=ci%3D%22srv-0404%22").json()["items"].clone();
    let fingerprint = alerts[0]["fingerprint"].as_str().unwrap();
    let explained = client.get(&format!("/api/v1/alerts/{fingerprint}/explain")).json();
    assert_eq!(explained["incident"]["id"], "INC-1");
    assert_eq!(explained["join"]["path"], "pdu-r12a -powers-> sw-r12-1 -connects-> srv-0404");
    wait_for("the page", || Some(()).filter(|()| !sink.taken("page").is_empty()));
    assert_eq!(sink.taken("page").len(), 1, "one fire, one page: {:#?}", sink.taken("page"));
}
