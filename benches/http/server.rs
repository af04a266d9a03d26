//! The two servers that are measured, each on a folder of its own and with a receiver for what it
//! tells people.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Client, Daemon, free_address, wait_for};
use crate::ours::Setup;
use crate::{Options, clock, ours};

/// Names under which Alertmanager is installed: Debian's, and its own.
const PROGRAMS: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

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
        let rules = ours::rules(options.rules);
        let setup = Setup { rules, cis: options.cis, ..Setup::default() };
        let (folder, daemon) = ours::start(&setup, receiver);
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
