//! A daemon that may fail: started under a tracer or with a library in front, watched, ended.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use incidentd::clock;

use crate::common::{Client, Sink, ask_no_room, free_address, pause};
use crate::figures::since;

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(30);

/// Settings and rules of all faults: what one service says is one incident with one page. Small
/// buffers, so that tables are written and logs change.
const SETTINGS: &str = "
[storage]
write_buffer = \"1MiB\"
wal_max = \"8MiB\"
[limits]
alerts_per_source = 1000000
";
const RULES: &str = "
version: 1
namespace: faults
contacts: {oncall: {channels: [sink], page_budget: {pages: 1000, within: 1h}}}
defaults: {contact: oncall}
policies:
  default:
    functional: [{after: 0s, notify: assigned}, {after: 15s, notify: assigned}]
    hierarchical: []
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 24h}
";

/// A folder with settings and rules, whose data lies in it unless `data` names another place.
pub fn folder(sink: &Sink, settings: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_settings(dir.path(), sink, settings);
    dir
}

pub fn write_settings(dir: &Path, sink: &Sink, settings: &str) {
    let channel = format!(
        "[channels.sink]\nkind = \"webhook\"\nurl = \"http://{}/\"\nallow_private = true\n",
        sink.address
    );
    let text = [SETTINGS, &channel, settings].concat();
    std::fs::write(dir.join("config.toml"), text).unwrap();
    ask_no_room(dir);
    std::fs::create_dir_all(dir.join("rules")).unwrap();
    std::fs::write(dir.join("rules/faults.yaml"), RULES).unwrap();
}

/// Adds settings that replace single keys of those in the folder.
pub fn set_more(dir: &Path, settings: &str) {
    std::fs::create_dir_all(dir.join("conf.d")).unwrap();
    std::fs::write(dir.join("conf.d/more.toml"), settings).unwrap();
}

/// How the daemon is started: the words of a program that starts it, and its environment.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    pub before: Vec<String>,
    pub env: Vec<(&'static str, PathBuf)>,
    /// More arguments of `serve`.
    pub args: Vec<String>,
}

/// A process of the daemon, ready or not.
#[derive(Debug)]
pub struct Process {
    pub address: SocketAddr,
    pub dir: PathBuf,
    child: Child,
    began: Duration,
}

impl Process {
    pub fn spawn(dir: &Path, manner: &Manner) -> Self {
        let address = free_address();
        let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let binary = env!("CARGO_BIN_EXE_incidentd");
        let mut words = manner.before.iter().map(String::as_str).chain([binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(dir);
        command.args(["serve", "--config", "config.toml", "--rules", "rules"]);
        command.args(["--listen", &address.to_string()]).args(&manner.args);
        command.envs(manner.env.iter().map(|(name, path)| (name, path)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let began = clock::monotonic();
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { address, dir: dir.to_owned(), child, began }
    }

    /// Starts a daemon that is expected to come up; returns how long that took too.
    pub fn start(dir: &Path, manner: &Manner) -> Result<(Self, Duration), String> {
        let mut process = Self::spawn(dir, manner);
        match process.wait_ready() {
            Ok(took) => Ok((process, took)),
            Err(status) => Err(format!("the start failed, {status:?}:\n{}", process.log_end())),
        }
    }

    /// Waits until it is ready and returns how long that took since it was started.
    ///
    /// # Errors
    /// When it ended, with how; `None` when it did neither in time.
    pub fn wait_ready(&mut self) -> Result<Duration, Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(Some(status));
            }
            let ready = self.client().exchange("GET", "/readyz", "");
            if ready.is_ok_and(|answer| answer.status == 200) {
                return Ok(since(self.began));
            }
            if since(self.began) > START_MAX {
                return Err(None);
            }
            pause(Duration::from_millis(2));
        }
    }

    /// Waits for its end; `None` when it did not come in time.
    pub fn wait_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let began = clock::monotonic();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if since(began) > limit {
                return None;
            }
            pause(Duration::from_millis(2));
        }
    }

    /// Kills it where it stands.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// Asks it to stop; returns how it ended, `None` when it did not.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.wait_end(START_MAX)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been stopped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// True when a tool can be started.
pub fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
