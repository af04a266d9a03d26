//! The daemon shows that it works: to itself, to a monitor elsewhere, to the service manager.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::story::{folder, incidents};
use crate::common::{Daemon, PATIENCE, Sink, free_address, wait_for};

const RULES: &str = "
version: 1
namespace: it
contacts: {oncall: {channels: [sink]}}
defaults: {contact: oncall}
";

fn add_settings(dir: &std::path::Path, text: &str) {
    let path = dir.join("config.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{settings}{text}")).unwrap();
}

#[test]
fn a_canary_comes_through_calls_nobody_and_tells_a_monitor_elsewhere() {
    let monitor = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = Sink::start();
    let dir = folder(&sink, RULES);
    let url = format!("http://{}/ping/secret-word", monitor.local_addr().unwrap());
    let canary = format!("[canary]\nevery = \"1s\"\nurl = \"{url}\"\nallow_private = true\n");
    add_settings(dir.path(), &canary);
    let mut daemon = Daemon::start(dir.path());
    for _ in 0..2 {
        let (stream, _) = monitor.accept().unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert_eq!(line, "GET /ping/secret-word HTTP/1.1\r\n");
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.get_mut().write_all(answer).unwrap();
    }
    let mut client = daemon.client();
    let ready = client.get("/readyz").body;
    assert!(
        ready.contains("\ncanary: 0 s ago\n") || ready.contains("\ncanary: 1 s ago\n"),
        "{ready}"
    );
    let metrics = client.get("/metrics").body;
    let came = "\nincidentd_canary_last_success_timestamp_seconds 1";
    assert!(metrics.contains(came) && metrics.contains("channel=\"canary\""), "{metrics}");
    assert!(incidents(&mut client, "?state=all").is_empty());
    assert!(sink.taken("page").is_empty() && sink.taken("update").is_empty());
    assert_eq!(client.post("/ingest/canary", "{}").status, 404, "the name is the daemon's own");
    assert_eq!(daemon.stop(), Some(0));
    assert!(!daemon.log().contains("secret-word"), "{}", daemon.log());
}

#[test]
fn the_service_manager_is_told_of_start_life_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let address = free_address();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_incidentd"))
        .args(["serve", "--listen", &address.to_string()])
        .current_dir(dir.path())
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", Duration::from_secs(30).as_micros().to_string())
        .env("INCIDENTD__CANARY__EVERY", "1s")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let hear = || {
        let mut word = [0; 256];
        let length = manager.recv(&mut word).unwrap();
        String::from_utf8_lossy(&word[..length]).trim().to_owned()
    };
    let mut heard = Vec::new();
    // Ready only when requests are served; then alive, again and again, because commits go through.
    wait_for("two words of life", || {
        heard.push(hear());
        Some(()).filter(|()| heard.iter().filter(|word| *word == "WATCHDOG=1").count() == 2)
    });
    assert_eq!(heard.iter().filter(|word| *word == "READY=1").count(), 1, "{heard:?}");
    assert_eq!(crate::common::Client::new(address).get("/readyz").status, 200);
    let pid = daemon.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    wait_for("the word of the end", || Some(()).filter(|()| hear() == "STOPPING=1"));
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}
