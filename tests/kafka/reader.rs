//! incidentd as a reader of topics: its settings, what it holds, and the essence of that, which is
//! the same however often it was killed on the way.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use incidentd::clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::broker::Broker;
use crate::common::{self, Client, Daemon, PATIENCE, ask_no_room, pause, wait_for};

/// Reads a figure of the environment that makes a test longer.
#[expect(clippy::disallowed_methods, reason = "full figures are for people who wait")]
pub fn figure(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// One incident for each service, and none of them ends while the tests run.
pub const RULES: &str = "
version: 1
namespace: kafka
lifecycle: {linger: 1h}
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 1h}
";

/// Makes a folder with settings and [`RULES`].
pub fn folder(settings: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), settings);
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/kafka.yaml"), RULES).unwrap();
    dir
}

/// Writes settings into a folder.
pub fn configure(dir: &Path, settings: &str) {
    let backup = "[backup]\nevery = \"0s\"\n";
    std::fs::write(dir.join("config.toml"), format!("{backup}{settings}")).unwrap();
    ask_no_room(dir);
}

/// Settings of a cluster by its open door.
pub fn cluster(name: &str, broker: &Broker) -> String {
    format!("[kafka.clusters.{name}]\nbrokers = [\"{}\"]\n", broker.open)
}

/// Settings of a source that reads a topic in our own format from its beginning.
pub fn source(name: &str, cluster: &str, topic: &str) -> String {
    format!(
        "[sources.{name}]\nformat = \"native\"\ncluster = \"{cluster}\"\n\
         topics = [\"{topic}\"]\nstart = \"beginning\"\n"
    )
}

/// Returns all that a listing holds, page by page.
pub fn all(client: &mut Client, path: &str) -> Vec<Value> {
    common::all(client, path).unwrap()
}

/// Waits until an alert of this name is held, and returns it.
pub fn wait_for_alert(daemon: &Daemon, name: &str) -> Value {
    let mut client = daemon.client();
    wait_for(&format!("the alert {name}"), || alerts_named(&mut client, name).pop())
}

/// Waits for what comes within a minute or so: metadata is asked for once a minute.
pub fn wait_long<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = clock::monotonic();
    loop {
        if let Some(found) = done() {
            return found;
        }
        let waited = clock::monotonic().saturating_sub(began);
        assert!(waited < 3 * PATIENCE, "{what} did not happen in {waited:?}");
        pause(Duration::from_millis(200));
    }
}

/// Returns the alerts of this name.
pub fn alerts_named(client: &mut Client, name: &str) -> Vec<Value> {
    all(client, &format!("/api/v1/alerts?filter=alertname%3D%22{name}%22"))
}

/// Returns the sum of a metric's series that hold all of these words.
pub fn metric(client: &mut Client, name: &str, words: &[&str]) -> f64 {
    let text = client.get("/metrics").body;
    let series = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && words.iter().all(|word| line.contains(word))
    });
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// What a reader has made of a log, without what depends on when it was read: times, and the numbers
/// of incidents, because partitions are read side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Essence {
    /// Of all alerts, how often each fired and was repeated, and in which incident it is.
    pub alerts: BTreeMap<String, Value>,
    /// Of all incidents by their key.
    pub incidents: BTreeMap<String, Value>,
    /// Of each alert, all changes of its state in their order.
    pub journal: BTreeMap<String, Vec<Value>>,
    /// What was set aside.
    pub quarantined: Vec<String>,
}

impl Essence {
    /// Asks a running reader.
    pub fn of(daemon: &Daemon) -> Self {
        let mut client = daemon.client();
        let incidents = all(&mut client, "/api/v1/incidents?state=all");
        let key_of: BTreeMap<String, String> =
            incidents.iter().map(|it| (text(&it["id"]), text(&it["key"]))).collect();
        let alert = |it: &Value| {
            let incident = it["incident"].as_str().map(|id| &key_of[id]);
            let fields = ["state", "labels", "annotations", "severity", "episode", "occurrences"];
            (text(&it["fingerprint"]), json!({"incident": incident, "rest": taken(it, &fields)}))
        };
        let incident = |it: &Value| {
            let fields = ["state", "title", "priority", "impact", "urgency", "rule", "members"];
            (text(&it["key"]), taken(it, &fields))
        };
        let quarantine = all(&mut client, "/api/v1/quarantine");
        let aside = |it: &Value| taken(it, &["source", "format", "cause", "reason"]).to_string();
        let mut quarantined: Vec<String> = quarantine.iter().map(aside).collect();
        quarantined.sort();
        Self {
            alerts: all(&mut client, "/api/v1/alerts").iter().map(alert).collect(),
            incidents: incidents.iter().map(incident).collect(),
            journal: journal(daemon),
            quarantined,
        }
    }

    /// A hash of all of it.
    pub fn hash(&self) -> String {
        let Self { alerts, incidents, journal, quarantined } = self;
        let all = json!([alerts, incidents, journal, quarantined]).to_string();
        let digest = Sha256::digest(all.as_bytes());
        digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn taken(record: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), record[field].clone())).collect()
}

/// Reads `/api/v1/journal`, which comes in pieces and thus to the end of a connection of its own.
fn journal(daemon: &Daemon) -> BTreeMap<String, Vec<Value>> {
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /api/v1/journal HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let mut changes = BTreeMap::<String, Vec<Value>>::new();
    for line in body.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let change = taken(&entry, &["source", "status"]);
        changes.entry(entry["labels"].to_string()).or_default().push(change);
    }
    changes
}
