//! Receivers that hang, fail, put off and break off: what becomes of the notices.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::common::{Daemon, wait_for};

/// Incidents, each with a page.
const INCIDENTS: usize = 60;

/// What came to a receiver: notices by their id with how often each was heard to its end, and the ids
/// that were taken.
#[derive(Default)]
pub(crate) struct Heard {
    attempts: BTreeMap<String, usize>,
    taken: BTreeSet<String>,
    /// What was sent last under each id.
    pub(crate) bodies: BTreeMap<String, Value>,
}

/// Starts a receiver; `answer` says by the number of the attempt at a notice what it does.
pub(crate) fn receiver(answer: fn(usize, usize) -> Act) -> (SocketAddr, Arc<Mutex<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let told = Arc::clone(&heard);
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.extend(converse(stream.unwrap(), &told, answer));
        }
    });
    (address, heard)
}

/// What a receiver does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    Take,
    Answer(&'static str),
    Hang,
    Break,
}

fn converse(
    mut stream: TcpStream,
    heard: &Mutex<Heard>,
    answer: fn(usize, usize) -> Act,
) -> Option<TcpStream> {
    let body = read(&mut stream)?;
    let id = body["id"].as_str().unwrap().to_owned();
    let mut heard = heard.lock().unwrap();
    heard.bodies.insert(id.clone(), body);
    let attempt = heard.attempts.entry(id.clone()).or_default();
    *attempt += 1;
    let number: usize = id.split(['-', '/']).nth(1).unwrap().parse().unwrap();
    let line = match answer(number, *attempt) {
        Act::Hang => return Some(stream),
        Act::Break => return None,
        Act::Answer(line) => line,
        Act::Take => {
            heard.taken.insert(id);
            "200 OK"
        }
    };
    let answer = format!("HTTP/1.1 {line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
    None
}

fn read(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4_096];
        match stream.read(&mut part) {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return None,
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        if body.len() >= length.lines().next().unwrap().parse().unwrap() {
            return Some(serde_json::from_str(body).unwrap());
        }
    }
}

fn start(first: SocketAddr, second: SocketAddr) -> (tempfile::TempDir, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let channel = |name: &str, address| {
        format!(
            "[channels.{name}]\nkind = 'webhook'\nurl = 'http://{address}/'\ntimeout = '200ms'\n\
             allow_private = true\n"
        )
    };
    let config = channel("first", first) + &channel("second", second);
    std::fs::write(dir.path().join("config.toml"), config).unwrap();
    std::fs::create_dir_all(dir.path().join("rules")).unwrap();
    let rules = "version: 1\ndefaults: {contact: ann}\ncontacts:\n  \
                 ann: {channels: [first, second], page_budget: {pages: 1000, within: 1h}}\n";
    std::fs::write(dir.path().join("rules/t.yaml"), rules).unwrap();
    let daemon = Daemon::start(dir.path());
    (dir, daemon)
}

fn fire(daemon: &Daemon) {
    let mut client = daemon.client();
    for n in 0..INCIDENTS {
        let labels = json!({"alertname": format!("A{n}"), "severity": "critical"});
        let answer = client.post("/ingest/native", &json!({"labels": labels}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// Every notice that is neither delivered nor dead.
fn pending(daemon: &Daemon) -> usize {
    let page = daemon.client().get("/api/v1/notices?limit=500");
    let items = page.json()["items"].as_array().unwrap().clone();
    items.iter().filter(|it| it["state"] == "pending").count()
}

#[test]
fn every_notice_is_delivered_or_visibly_dead_whatever_the_receivers_do() {
    let (first, heard) = receiver(|incident, attempt| match (incident + attempt) % 6 {
        0 => Act::Hang,
        1 => Act::Break,
        2 => Act::Answer("500 Internal Server Error"),
        3 => Act::Answer("429 Too Many Requests\r\nretry-after: 1"),
        4 if incident % 5 == 0 => Act::Answer("410 Gone"),
        _ => Act::Take,
    });
    // Its next channel refuses some, which is the end of them.
    let (second, other) = receiver(|incident, _| match incident % 2 {
        0 => Act::Take,
        _ => Act::Answer("404 Not Found"),
    });
    let (_dir, daemon) = start(first, second);
    fire(&daemon);
    wait_for("the end of all notices", || (pending(&daemon) == 0).then_some(()));
    let dead = daemon.client().get("/api/v1/notices?state=dead&limit=500").json();
    let dead: BTreeSet<String> = dead["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    let (heard, other) = (heard.lock().unwrap(), other.lock().unwrap());
    let pages: BTreeSet<String> = (1..=INCIDENTS).map(|n| format!("INC-{n}/1")).collect();
    let ended: BTreeSet<String> =
        heard.taken.iter().chain(&other.taken).chain(&dead).cloned().collect();
    assert_eq!(ended, pages, "each is delivered or listed as dead");
    assert!(!dead.is_empty() && dead.len() < INCIDENTS / 2, "{} dead", dead.len());
    assert!(dead.iter().all(|id| !heard.taken.contains(id) && !other.taken.contains(id)));
    let again: usize = heard.attempts.values().map(|attempts| attempts - 1).sum();
    assert!(again > INCIDENTS / 2, "a failed attempt is made again under the same id: {again}");
    let known: BTreeSet<String> = heard.attempts.keys().cloned().collect();
    assert_eq!(known, pages, "no attempt has another id");
}
