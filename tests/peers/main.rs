//! Against a real Prometheus and a real Alertmanager: a target goes down, one person is paged once.
//! Against Alertmanager's own tool: `amtool`.
//!
//! Needs Debian's packages `prometheus` and `prometheus-alertmanager`; run it with `make peers`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program may panic and prints"
)]

mod amtool;
#[path = "../common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Client, Daemon, Sink, free_address, wait_for};
use serde_json::Value;

/// A process that ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Peer {
    fn start(program: &str, dir: &Path, args: &[String]) -> Self {
        let log = std::fs::File::create(dir.join(format!("{program}.log"))).unwrap();
        let mut command = Command::new(program);
        command.current_dir(dir).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{program}: {error}; .ci/run installs it")))
    }
}

/// A scrape target that can be switched off.
struct Target {
    address: SocketAddr,
    up: Arc<AtomicBool>,
}

impl Target {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let up = Arc::new(AtomicBool::new(true));
        let is_up = Arc::clone(&up);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap_or(0);
                let answer = if read > 0 && is_up.load(Ordering::Relaxed) {
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 5\r\n\r\nup 1\n"
                } else {
                    "HTTP/1.1 500 down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                };
                // A scraper that has gone away is none of the target's business.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, up }
    }

    fn break_down(&self) {
        self.up.store(false, Ordering::Relaxed);
    }

    fn recover(&self) {
        self.up.store(true, Ordering::Relaxed);
    }
}

const RULES: &str = "
version: 1
namespace: peers
contacts: {oncall: {channels: [sink]}}
defaults: {contact: oncall}
lifecycle: {linger: 2s}
";

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

/// Writes what incidentd, Prometheus and Alertmanager are configured with.
fn configure(dir: &Path, sink: &Sink, incidentd: SocketAddr, peers: [SocketAddr; 2]) {
    let [alertmanager, target] = peers;
    write(
        dir,
        "config.toml",
        &format!(
            "[channels.sink]\nkind = \"webhook\"\nurl = \"http://{}/\"\nallow_private = true\n",
            sink.address
        ),
    );
    std::fs::create_dir(dir.join("rules")).unwrap();
    write(dir, "rules/peers.yaml", RULES);
    write(
        dir,
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [alerts.yml]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{incidentd}', '{alertmanager}']}}]}}]}}\n\
             scrape_configs: [{{job_name: web, static_configs: [{{targets: ['{target}']}}]}}]\n"
        ),
    );
    write(
        dir,
        "alerts.yml",
        "groups:\n- name: targets\n  rules:\n  - alert: TargetDown\n    expr: up == 0\n    \
         labels: {severity: critical}\n    annotations: {summary: '{{ $labels.instance }} is down'}\n",
    );
    write(
        dir,
        "alertmanager.yml",
        &format!(
            "route: {{receiver: incidentd, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: incidentd, webhook_configs: [{{url: 'http://{incidentd}/ingest/alertmanager'}}]}}]\n"
        ),
    );
}

fn start_peers(dir: &Path, alertmanager: SocketAddr) -> [Peer; 2] {
    let prometheus = free_address();
    [
        Peer::start(
            "prometheus-alertmanager",
            dir,
            &[
                "--config.file=alertmanager.yml".into(),
                "--storage.path=alertmanager".into(),
                format!("--web.listen-address={alertmanager}"),
                "--cluster.listen-address=".into(),
            ],
        ),
        Peer::start(
            "prometheus",
            dir,
            &[
                "--config.file=prometheus.yml".into(),
                "--storage.tsdb.path=prometheus".into(),
                format!("--web.listen-address={prometheus}"),
                "--rules.alert.resend-delay=2s".into(),
            ],
        ),
    ]
}

fn items(client: &mut Client, path: &str) -> Vec<Value> {
    client.get(path).json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_target_goes_down_and_one_person_is_paged_once() {
    let (dir, sink, target) = (tempfile::tempdir().unwrap(), Sink::start(), Target::start());
    let (address, alertmanager) = (free_address(), free_address());
    configure(dir.path(), &sink, address, [alertmanager, target.address]);
    let daemon = Daemon::start_at(dir.path(), address);
    let _peers = start_peers(dir.path(), alertmanager);
    let mut client = daemon.client();
    let mut up = Client::new(alertmanager);
    wait_for("Alertmanager's being ready", || {
        up.try_send("GET", "/-/ready", "").ok().filter(|answer| answer.status == 200)
    });

    target.break_down();
    // Both ways: from Prometheus itself and through Alertmanager's web hook.
    let alert = wait_for("two leases on one alert", || {
        let alerts = items(&mut client, "/api/v1/alerts?state=firing");
        assert!(alerts.len() <= 1, "one alert whoever sends it: {alerts:#?}");
        let alert = alerts.into_iter().next()?;
        Some(alert).filter(|alert| alert["leases"].as_array().unwrap().len() == 2)
    });
    assert_eq!(alert["labels"]["alertname"], "TargetDown");
    let mut sources: Vec<String> =
        alert["leases"].as_array().unwrap().iter().map(|l| l["source"].to_string()).collect();
    sources.sort();
    assert_eq!(sources, ["\"alertmanager\"", "\"alertmanager-api\""]);
    let incidents = items(&mut client, "/api/v1/incidents?state=all");
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    wait_for("a page", || Some(()).filter(|()| !sink.taken("page").is_empty()));

    target.recover();
    wait_for("its being resolved", || {
        let state = items(&mut client, "/api/v1/incidents?state=all")[0]["state"].clone();
        Some(()).filter(|()| state == "resolved")
    });
    assert_eq!(items(&mut client, "/api/v1/incidents?state=all").len(), 1);
    let pages = sink.taken("page");
    assert_eq!(pages.len(), 1, "{pages:#?}");
    assert_eq!(pages[0]["target"], "oncall");
    println!("one alert, leases of {}, one incident, one page, resolved", sources.join(" and "));
}

#[test]
fn the_names_of_metrics_follow_the_conventions() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let metrics = daemon.client().get("/metrics").body;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}; .ci/run installs it"));
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(said.status.success() && text.trim().is_empty(), "{text}");
}
