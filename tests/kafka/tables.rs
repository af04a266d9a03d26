//! Compacted topics are tables: what stands in them is the CMDB.

use crate::broker::Broker;
use crate::common::{Daemon, incidentd, wait_for};
use crate::intake::alert;
use crate::producer::put_rows;
use crate::reader::{all, cluster, folder};

/// Rows before a first start, then one that is taken back while the daemon lies killed; doctor and an
/// import by hand beside it.
pub fn a_compacted_topic_is_the_cmdb_and_its_tombstones_delete(broker: &Broker) {
    broker.make_table("inventory");
    let names: Vec<String> = (0..2_000).map(|n| format!("vm-{n:04}")).collect();
    let vm = r#"{"class": "vm"}"#;
    let old: Vec<_> = names.iter().map(|name| (&**name, Some(r#"{"class": "old"}"#))).collect();
    let new: Vec<_> = names.iter().map(|name| (&**name, Some(vm))).collect();
    put_rows(broker, "inventory", &[("srv -hosts-> vm-0000", Some("{}"))]);
    put_rows(broker, "inventory", &old);
    put_rows(broker, "inventory", &new);
    let srv = r#"{"class": "server", "labels": {"service": "Srv"}}"#;
    put_rows(broker, "inventory", &[("srv", Some(srv)), ("vm-0001", None)]);
    let source =
        "[sources.cis]\ncarries = \"cmdb\"\ncluster = \"main\"\ntopics = [\"inventory\"]\n";
    let dir = folder(&format!("{}{source}", cluster("main", broker)));
    let mut daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    wait_for("the topology", || {
        let answer = client.get("/api/v1/cmdb").json();
        Some(()).filter(|()| answer["cis"] == 2_000 && answer["relations"] == 1)
    });
    assert_eq!(client.get("/api/v1/cmdb/cis/vm-0001").status, 404);
    assert_eq!(client.get("/api/v1/cmdb/cis/vm-0002").json()["class"], "vm");
    let changes = client.get("/api/v1/cmdb/history").json()["items"].as_array().unwrap().len();
    assert!(changes <= 4, "{changes} changes");
    assert_eq!(client.post("/ingest/native", &alert("Srv", 1)).status, 200);
    let bound = all(&mut client, "/api/v1/alerts?filter=service%3D%22Srv%22");
    assert_eq!(bound[0]["ci"], "srv", "{bound:?}");

    daemon.kill();
    put_rows(broker, "inventory", &[("vm-0000", None), ("vm-0002", None)]);
    daemon.restart();
    let mut client = daemon.client();
    wait_for("what was taken back", || {
        Some(()).filter(|()| client.get("/api/v1/cmdb").json()["cis"] == 1_998)
    });
    let server = format!("http://{}", daemon.address);
    let (_, out, _) = incidentd(dir.path(), &["-s", &server, "cmdb", "lint"]);
    assert!(out.contains("`srv -hosts-> vm-0000` waits for CI `vm-0000`"), "{out}");
    let (_, out, _) = incidentd(
        dir.path(),
        &["-s", &server, "doctor", "--config", "config.toml", "--rules", "rules"],
    );
    assert!(out.contains("sources.cis: topic inventory has 1 partitions"), "{out}");
    assert!(!out.contains("cleanup.policy"), "{out}");
    std::fs::write(dir.path().join("own.yaml"), "cis: {own: {class: vm}}").unwrap();
    let file = dir.path().join("own.yaml");
    let import = ["-s", &server, "cmdb", "import", file.to_str().unwrap(), "--yes"];
    let (code, out, error) = incidentd(dir.path(), &import);
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(client.get("/api/v1/cmdb").json()["cis"], 1_999, "what came by topic stays");
}

/// A topic that is not compacted is read all the same; doctor says what will be lost.
pub fn of_a_table_that_is_not_compacted_doctor_warns(broker: &Broker) {
    broker.make_topic("fleeting", 1);
    let source =
        "[sources.itsm]\ncarries = \"changes\"\ncluster = \"main\"\ntopics = [\"fleeting\"]\n";
    let dir = folder(&format!("{}{source}", cluster("main", broker)));
    let change = r#"{"cis": ["a"], "from": "2026-01-01T00:00:00Z", "to": "2036-01-01T00:00:00Z"}"#;
    put_rows(broker, "fleeting", &[("CHG-1", Some(change)), ("CHG-2", Some(change))]);
    put_rows(broker, "fleeting", &[("CHG-2", None)]);
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    wait_for("the change", || {
        let changes = all(&mut client, "/api/v1/changes");
        Some(()).filter(|()| changes.len() == 1 && changes[0]["number"] == "CHG-1")
    });
    let server = format!("http://{}", daemon.address);
    let doctor = ["-s", &server, "doctor", "--config", "config.toml", "--rules", "rules"];
    let (_, out, _) = incidentd(dir.path(), &doctor);
    let says = "sources.itsm: topic fleeting is a table and has cleanup.policy delete";
    assert!(out.contains(says), "{out}");
}
