//! The two servers that are measured, each on a folder of its own and with a receiver for what it
//! tells people.

use core::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Client, Daemon, free_address, wait_for};
use crate::{Options, clock, estate};

/// Names under which Alertmanager is installed: Debian's, and its own.
const PROGRAMS: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

const SETTINGS: &str = "[limits]\nalerts_per_source = 10000000\n[log]\nlevel = \"warn\"\n";

/// Returns Alertmanager's program and version, if it is installed.
pub(crate) fn alertmanager() -> Option<(&'static str, String)> {
    PROGRAMS.into_iter().find_map(|program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Some((program, text.split_whitespace().nth(2)?.to_owned()))
    })
}

/// A running server; it ends and its folder goes when this does.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Process,
    _folder: tempfile::TempDir,
}

enum Process {
    Ours(Box<Daemon>),
    Theirs(Child),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Theirs(child) = self {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Server {
    /// Starts incidentd with rules of all kinds, a CMDB and a channel to `receiver`.
    pub(crate) fn ours(options: &Options, receiver: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let channel = format!(
            "{SETTINGS}[channels.receiver]\nkind = \"webhook\"\nurl = \"http://{receiver}/\"\nallow_private = true\n"
        );
        std::fs::write(folder.path().join("config.toml"), channel).unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("rules/load.yaml"), rules(options.rules)).unwrap();
        let daemon = Daemon::start(folder.path());
        let answer = daemon.client().try_send("PUT", "/api/v1/cmdb", &cmdb(options.cis)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self { address: daemon.address, process: Process::Ours(Box::new(daemon)), _folder: folder }
    }

    /// Starts Alertmanager, which groups by service and tells `receiver` at once.
    pub(crate) fn theirs(program: &str, receiver: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{resolve_timeout: 1h}}\n\
             route: {{receiver: hook, group_by: [service], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: 'http://{receiver}/'}}]}}]\n"
        );
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let address = free_address();
        let child = run(program, folder.path(), address);
        wait_for("Alertmanager", || {
            let ready = Client::new(address).try_send("GET", "/-/ready", "").ok()?;
            (ready.status == 200).then_some(())
        });
        Self { address, process: Process::Theirs(child), _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Ours(daemon) => daemon.pid(),
            Process::Theirs(child) => child.id(),
        }
    }

    /// Kills it where it stands, and returns how long the next start takes until it is ready; `None`
    /// for the server that keeps nothing.
    pub(crate) fn recovery(&mut self) -> Option<Duration> {
        let Process::Ours(daemon) = &mut self.process else { return None };
        let began = clock::monotonic();
        daemon.crash();
        Some(clock::monotonic().saturating_sub(began))
    }
}

fn run(program: &str, folder: &Path, address: SocketAddr) -> Child {
    let listen = format!("--web.listen-address={address}");
    let args = [
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
        &listen,
    ];
    let mut command = Command::new(program);
    command.current_dir(folder).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Rules of every kind. Those by which the alerts of the load are judged come first: they are grouped
/// by service, inhibited by a critical one of their instance, and get a label more. The others ask for
/// other names, one in ten by a pattern.
fn rules(count: usize) -> String {
    let mut text = String::from(
        "version: 1\nnamespace: load\n\
         contacts: {desk: {channels: [receiver], page_budget: {pages: 1000, within: 1s}}}\n\
         defaults: {contact: desk}\nrules:\n\
         \x20 - {name: service, owner: desk, when: 'service!=\"\"', group: {by: [service], window: 1h}}\n\
         \x20 - {name: worse, owner: desk, when: 'severity=~\"warning|info\"', inhibit: {source: 'severity=\"critical\"', equal: [alertname, instance]}}\n\
         \x20 - {name: desk, owner: desk, when: 'job=~\"kubernetes-.*\"', enrich: {labels: {desk: 'desk-{{ labels.cluster }}'}}}\n\
         \x20 - {name: related, owner: desk, when: 'job=\"batch\"', related: {scope: [namespace]}}\n",
    );
    for n in 4..count {
        let kind = match n % 10 {
            0 => {
                "topology: {follow: [powers, hosts, runs], wait: 30s}, resolve: {when: root_clears}"
            }
            1 => {
                "storm: {per: [region], enter: {distinct: ci, count: 30, within: 2m}, leave: {below: 5, for: 10m}}"
            }
            2 => {
                "sequence: {by: [cluster], steps: [{name: first, when: 'step=\"1\"'}, {name: second, when: 'step=\"2\"'}], within: 10m}"
            }
            3 => "absence: {for: 5m, per: [cluster], alertname: Silent}",
            4 => "inhibit: {source: 'alertname=\"Cause\"', equal: [cluster]}",
            5 => "known_error: {id: KE-1, workaround: 'restart it'}",
            6 => "quiet: {every: {days: [sat], at: '02:00', for: 4h, zone: UTC}}",
            7 => "enrich: {category: software}",
            8 => "drop: {reason: nobody is on call for it}",
            _ => "group: {by: [service]}",
        };
        let named =
            if n % 10 == 9 { format!("=~\"Other{n}.*\"") } else { format!("=\"Other{n}\"") };
        writeln!(text, "  - {{name: r{n}, owner: desk, when: 'alertname{named}', {kind}}}")
            .unwrap();
    }
    text
}

/// The CMDB of the other benchmarks as a file of our own form.
fn cmdb(count: usize) -> String {
    let rows = estate::rows(count);
    let ci = |ci: &incidentd::cmdb::CiRow| {
        let mut fields: serde_json::Map<String, serde_json::Value> =
            ci.attributes.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        fields.insert("class".into(), (*ci.class).into());
        (ci.name.to_string(), fields.into())
    };
    let cis: serde_json::Map<_, serde_json::Value> = rows.cis.iter().map(|it| ci(it)).collect();
    let relations: Vec<String> = rows
        .relations
        .iter()
        .map(|it| format!("{} -{}-> {}", it.from, it.relation, it.to))
        .collect();
    serde_json::json!({"cis": cis, "relations": relations}).to_string()
}
