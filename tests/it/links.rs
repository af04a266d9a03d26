//! From a page to its end by the links in it, and what the next page says of that.

use serde_json::{Value, json};

use crate::chaos::{Act, receiver};
use crate::common::{Daemon, wait_for};

/// Returns the path of the link in a message that stands behind this word.
fn link(body: &Value, word: &str, base: &str) -> String {
    let text = body["text"].as_str().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    let line = line.unwrap_or_else(|| panic!("no {word} in {text}"));
    line.strip_prefix(base).unwrap().to_owned()
}

fn fire(daemon: &Daemon, status: &str) {
    let alert = json!({
        "labels": {"alertname": "DiskFull", "severity": "critical"}, "status": status,
    });
    let answer = daemon.client().post("/ingest/native", &alert.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn an_incident_is_answered_by_the_links_of_its_page_and_the_next_one_tells_how_it_ended() {
    let (address, heard) = receiver(|_, _| Act::Take);
    let dir = tempfile::tempdir().unwrap();
    let base = "https://incidents.example/x";
    let config = format!(
        "[http]\npublic_url = '{base}'\n[channels.chat]\nkind = 'webhook'\n\
         url = 'http://{address}/'\nallow_private = true\n"
    );
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    std::fs::create_dir_all(dir.path().join("rules")).unwrap();
    let rules = "version: 1\ndefaults: {contact: ann}\nlifecycle: {linger: 0s, reopen: 0s}\n\
                 contacts: {ann: {channels: [chat]}}\n";
    std::fs::write(dir.path().join("rules/t.yaml"), rules).unwrap();
    let body = |id: &str| wait_for(id, || heard.lock().unwrap().bodies.get(id).cloned());
    let mut daemon = Daemon::start(dir.path());
    fire(&daemon, "firing");
    let page = body("INC-1/1");
    assert_eq!(page["incident"]["last_time"], "not seen in the last 30d");
    let (acknowledge, resolve) =
        (link(&page, "Acknowledge: ", base), link(&page, "Resolve: ", base));
    let shown = daemon.client().get(&acknowledge);
    assert_eq!(shown.status, 200, "{}", shown.body);
    let state = |daemon: &Daemon| {
        daemon.client().get("/api/v1/incidents/INC-1").json()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&daemon), "new", "a look changes nothing");
    assert_eq!(daemon.client().post(&acknowledge, "").status, 200);
    assert_eq!(state(&daemon), "acknowledged");

    // Links last through a restart, and so does that one was used.
    daemon.crash();
    assert_eq!(daemon.client().post(&acknowledge, "").status, 410);
    fire(&daemon, "resolved");
    assert_eq!(daemon.client().post(&resolve, "").status, 409, "it cleared by itself");
    fire(&daemon, "firing");
    let again = body("INC-2/1");
    let last = again["incident"]["last_time"].as_str().unwrap();
    assert!(
        last.starts_with("INC-1, ") && last.ends_with("all alerts cleared and stayed clear"),
        "{last}"
    );
    let text = again["text"].as_str().unwrap();
    let second = text.lines().nth(1).unwrap();
    assert_eq!(second, format!("Last time: {last}"), "{text}");
}
