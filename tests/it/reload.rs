//! Rule files are loaded again on a signal, on request and when they change; bad ones never are.

use std::path::Path;

use serde_json::Value;

use super::story::folder;
use crate::common::{Client, Daemon, Sink, incidentd, wait_for};

/// Rules whose incidents have this title.
fn rules(title: &str) -> String {
    format!(
        "version: 1\nnamespace: it\ncontacts: {{oncall: {{channels: [log]}}}}\ndefaults: {{contact: oncall}}\n\
         rules:\n  - name: all\n    owner: it\n    summary: Everything.\n    when: ['site!=\"\"']\n    \
         group: {{by: [site], window: 1h}}\n    incident: {{title: '{title}'}}\n"
    )
}

/// Opens an incident at a site of its own and returns its title.
fn title(client: &mut Client, site: &str) -> String {
    let alert = format!(r#"{{"labels": {{"alertname": "X", "site": "{site}"}}}}"#);
    assert_eq!(client.post("/ingest/native", &alert).status, 200);
    let found = client.get(&format!("/api/v1/incidents?filter=site%3D%22{site}%22"));
    found.json()["items"][0]["title"].as_str().unwrap().to_owned()
}

fn metric(client: &mut Client, name: &str) -> i64 {
    let text = client.get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn version(client: &mut Client) -> Value {
    let answer = client.post("/-/reload", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["version"].clone()
}

#[test]
fn good_rules_come_into_force_and_bad_ones_leave_the_old_ones_there() {
    let sink = Sink::start();
    let dir = folder(&sink, &rules("first"));
    let file = dir.path().join("rules/it.yaml");
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    assert_eq!(metric(&mut client, "incidentd_rules_last_reload_successful"), 1);
    assert_eq!(title(&mut client, "a"), "first");

    // On request, through the command line.
    std::fs::write(&file, rules("second")).unwrap();
    let server = format!("http://{}", daemon.address);
    let reload = || incidentd(dir.path(), &["-s", &server, "rules", "reload"]);
    let (code, out, errors) = reload();
    assert!(code == 0 && out.contains("1 rules of 1 files are in force"), "{out}{errors}");
    assert_eq!(title(&mut client, "b"), "second");

    // A bad file: every error is told, nothing changes, and the gauge says so.
    std::fs::write(&file, rules("third").replace("group:", "gruop:")).unwrap();
    let answer = client.post("/-/reload", "");
    assert_eq!(
        (answer.status, &answer.json()["problems"][1]["line"]),
        (422, &10.into()),
        "{}",
        answer.body
    );
    let (code, _, errors) = reload();
    assert_eq!(code, 1, "{errors}");
    assert!(
        errors.contains("rules/it.yaml:10:5") && errors.contains("rules in force stay"),
        "{errors}"
    );
    assert_eq!(metric(&mut client, "incidentd_rules_last_reload_successful"), 0);
    assert_eq!(title(&mut client, "c"), "second");

    // A way to nowhere is as bad.
    std::fs::write(&file, rules("third").replace("[log]", "[pager]")).unwrap();
    let answer = client.post("/-/reload", "");
    assert!(
        answer.status == 422 && answer.body.contains("names the channel `pager`"),
        "{answer:?}"
    );

    // On SIGHUP.
    std::fs::write(&file, rules("fourth")).unwrap();
    hang_up(daemon.pid());
    wait_for("the signal's effect", || {
        Some(()).filter(|()| metric(&mut client, "incidentd_rules_last_reload_successful") > 0)
    });
    assert_eq!(title(&mut client, "d"), "fourth");
}

fn hang_up(pid: u32) {
    let sent = std::process::Command::new("kill").args(["-HUP", &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_change_of_the_folder_is_noticed_also_where_kubernetes_swaps_a_link() {
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let rules_dir = dir.path().join("rules");
    std::fs::remove_file(rules_dir.join("it.yaml")).unwrap();
    let lay = |folder: &str, title: &str| {
        std::fs::create_dir(rules_dir.join(folder)).unwrap();
        std::fs::write(rules_dir.join(folder).join("it.yaml"), rules(title)).unwrap();
    };
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, rules_dir.join("new")).unwrap();
        std::fs::rename(rules_dir.join("new"), rules_dir.join(name)).unwrap();
    };
    lay("..1", "first");
    link("..1", "..data");
    link("..data/it.yaml", "it.yaml");
    let daemon = Daemon::start(dir.path());
    let mut client = daemon.client();
    let first = version(&mut client);
    lay("..2", "second");
    link("..2", "..data");
    std::fs::remove_dir_all(rules_dir.join("..1")).unwrap();
    let loads = "incidentd_rules_reloads_total{result=\"accepted\"}";
    wait_for("the swap's effect", || Some(()).filter(|()| metric(&mut client, loads) > 2));
    assert_ne!(version(&mut client), first);
    assert_eq!(title(&mut client, "a"), "second");
    // Writing the same once more is no change.
    let before = metric(&mut client, loads);
    touch(&rules_dir.join("..2/it.yaml"));
    std::fs::write(rules_dir.join("other.yaml"), "version: 1\nnamespace: other\n").unwrap();
    wait_for("the new file's effect", || Some(()).filter(|()| metric(&mut client, loads) > before));
    assert_eq!(metric(&mut client, loads), before + 1);
}

fn touch(file: &Path) {
    let text = std::fs::read(file).unwrap();
    std::fs::write(file, text).unwrap();
}
