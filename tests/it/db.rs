//! The store is copied, verified, lost, refused, restored, and people are not called for old news.

use std::path::{Path, PathBuf};

use super::story::{folder, incidents};
use crate::common::{Daemon, Sink, incidentd, wait_for};

const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [sink]}}
defaults: {contact: oncall}
";

fn fire(daemon: &Daemon, name: &str) {
    let alert = format!(r#"{{"labels": {{"alertname": "{name}", "severity": "critical"}}}}"#);
    let answer = daemon.client().post("/ingest/native", &alert);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn backup(daemon: &Daemon) -> PathBuf {
    let server = format!("http://{}", daemon.address);
    let (code, out, errors) =
        incidentd(&daemon.dir, &["-s", &server, "db", "backup", "-o", "json"]);
    assert_eq!(code, 0, "{errors}");
    let made: serde_json::Value = serde_json::from_str(&out).unwrap();
    daemon.dir.join(made["path"].as_str().unwrap())
}

/// Returns the state hash of a store that is whole.
fn hash(dir: &Path, args: &[&str]) -> String {
    let (code, out, errors) = incidentd(dir, &[&["db", "verify"], args].concat());
    assert_eq!(code, 0, "{out}{errors}");
    out.lines().find_map(|line| line.strip_prefix("state hash ")).unwrap().to_owned()
}

#[test]
fn a_lost_store_comes_back_from_a_backup_and_its_outbox_waits_for_a_person() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    fire(&daemon, "Before");
    wait_for("the first page", || Some(()).filter(|()| sink.taken("page").len() == 1));
    let copy = backup(&daemon);
    fire(&daemon, "After");
    wait_for("the second page", || Some(()).filter(|()| sink.taken("page").len() == 2));

    // What is in use is not touched.
    let (code, _, errors) = incidentd(dir.path(), &["db", "verify"]);
    assert!(code == 65 && errors.contains("in use by process"), "{code} {errors}");
    let (code, _, errors) = incidentd(dir.path(), &["db", "restore", copy.to_str().unwrap()]);
    assert!(code == 5 && errors.contains("is not empty"), "{code} {errors}");
    let of_copy = hash(dir.path(), &[copy.to_str().unwrap()]);
    assert_eq!(daemon.stop(), Some(0));
    assert_ne!(hash(dir.path(), &[]), of_copy);
    let (code, out, errors) = incidentd(dir.path(), &["db", "stats"]);
    assert!(code == 0 && out.contains("incidents"), "{out}{errors}");
    let (code, out, errors) = incidentd(dir.path(), &["db", "compact"]);
    assert!(code == 0 && out.contains("bytes of tables before"), "{out}{errors}");

    // The store is lost.
    std::fs::remove_dir_all(dir.path().join("data/store")).unwrap();
    let (code, _, errors) = incidentd(dir.path(), &["serve", "--config", "config.toml"]);
    assert!(code == 65 && errors.contains("is not the store that the witness saw"), "{errors}");
    let (code, out, errors) = incidentd(dir.path(), &["db", "restore", copy.to_str().unwrap()]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains(&of_copy) && out.contains("the outbox is held"), "{out}");
    daemon.restart();
    let open = incidents(&mut daemon.client(), "");
    assert_eq!(open.len(), 1, "{open:#?}");
    fire(&daemon, "Later");
    let held = wait_for("the new page in the outbox", || {
        let text = daemon.client().get("/metrics").body;
        Some(text).filter(|text| text.contains("\nincidentd_notify_pending_notices 1\n"))
    });
    assert!(held.contains("\nincidentd_notify_outbox_held 1\n"));
    assert_eq!(sink.taken("page").len(), 2, "nobody is called");
    // It stays held over a restart.
    daemon.crash();
    assert_eq!(sink.taken("page").len(), 2, "nobody is called");
    let server = format!("http://{}", daemon.address);
    let (code, _, errors) = incidentd(dir.path(), &["-s", &server, "notify", "release"]);
    assert_eq!(code, 0, "{errors}");
    wait_for("the page that was held", || Some(()).filter(|()| sink.taken("page").len() == 3));
    assert!(!dir.path().join("data/outbox-held").exists());
}

#[test]
fn an_old_copy_in_the_place_of_the_store_is_refused_until_the_loss_is_accepted() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let mut daemon = Daemon::start(dir.path());
    fire(&daemon, "Before");
    let copy = backup(&daemon);
    fire(&daemon, "After");
    assert_eq!(daemon.stop(), Some(0));
    let store = dir.path().join("data/store");
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&copy, &store).unwrap();
    let serve = ["serve", "--config", "config.toml"];
    let (code, _, errors) = incidentd(dir.path(), &serve);
    assert_eq!(code, 65, "{errors}");
    for says in ["ends at commit", "was on stable storage", "are lost", "--accept-loss"] {
        assert!(errors.contains(says), "{says}: {errors}");
    }
    // An address that is taken ends the start after the store was opened.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let accepted = ["--accept-loss", "--listen", &address];
    let (code, _, errors) = incidentd(dir.path(), &[&serve[..], &accepted].concat());
    assert!(code == 1 && errors.contains("the loss is accepted"), "{code} {errors}");
    daemon.restart();
    assert_eq!(incidents(&mut daemon.client(), "").len(), 1);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let daemon = Daemon::start(dir.path());
    for n in 0..50 {
        fire(&daemon, &format!("Alert{n}"));
    }
    let copy = backup(&daemon);
    let tables = std::fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path());
    let tables = tables.filter(|path| path.extension().is_some_and(|end| end == "sst"));
    let largest = tables.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[100] ^= 1;
    // A new file: the old one is the daemon's as well.
    std::fs::remove_file(&largest).unwrap();
    std::fs::write(&largest, bytes).unwrap();
    for command in ["verify", "restore"] {
        let copy = copy.to_str().unwrap();
        let (code, _, errors) =
            incidentd(dir.path(), &["db", command, copy, "--data-dir", "other"]);
        assert_eq!(code, 65, "{errors}");
        assert!(errors.contains("orruption") || errors.contains("checksum"), "{command}: {errors}");
    }
    assert!(!dir.path().join("other/store").exists());
}
