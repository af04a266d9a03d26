//! What tests and benchmarks share: the real binary on a folder of its own, and a plain HTTP client
//! that keeps its connection.
#![allow(dead_code, unreachable_pub, reason = "each program that includes this file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use incidentd::clock;
use serde_json::Value;

/// How long anything that is waited for may take.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `done` gives something, looking again every 20 ms.
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = clock::monotonic();
    loop {
        if let Some(found) = done() {
            return found;
        }
        let waited = clock::monotonic().saturating_sub(began);
        assert!(waited < PATIENCE, "{what} did not happen in {PATIENCE:?}");
        pause(Duration::from_millis(20));
    }
}

/// Lets real time pass: other processes need it.
#[expect(clippy::disallowed_methods, reason = "other processes need real time")]
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// Returns an address on loopback that nobody listened on just now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A running incidentd with its folder.
pub struct Daemon {
    pub address: SocketAddr,
    pub dir: PathBuf,
    child: Child,
}

impl Daemon {
    /// Starts on `dir` with its file `config.toml` and its folder `rules`, if it has them.
    pub fn start(dir: &Path) -> Self {
        Self::start_at(dir, free_address())
    }

    /// Starts at an address that others know already.
    pub fn start_at(dir: &Path, address: SocketAddr) -> Self {
        ask_no_room(dir);
        let child = spawn(dir, address);
        let mut daemon = Self { address, dir: dir.to_owned(), child };
        daemon.wait_ready();
        daemon
    }

    fn wait_ready(&mut self) {
        wait_for("the daemon's being ready", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended, {status}:\n{}", self.log());
            }
            let ready = Client::new(self.address).try_send("GET", "/readyz", "");
            ready.ok().filter(|answer| answer.status == 200)
        });
    }

    /// Kills the process where it stands and starts another on the same folder and address.
    pub fn crash(&mut self) {
        self.kill();
        self.child = spawn(&self.dir, self.address);
        self.wait_ready();
    }

    /// Starts where it was stopped or killed.
    pub fn restart(&mut self) {
        assert!(self.child.try_wait().unwrap().is_some(), "one that runs would be left behind");
        self.child = spawn(&self.dir, self.address);
        self.wait_ready();
    }

    /// Kills the process where it stands.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop and returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
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
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have been stopped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sets the limits of free space to none, unless the test sets its own: how full this machine's disk
/// is must not decide what a test finds.
pub fn ask_no_room(dir: &Path) {
    let path = dir.join("config.toml");
    let settings = std::fs::read_to_string(&path).unwrap_or_default();
    if !settings.contains("[disk]") {
        let none = "\n[disk]\nsoft_free = \"0B\"\nhard_free = \"0B\"\n";
        std::fs::write(&path, settings + none).unwrap();
    }
}

fn spawn(dir: &Path, address: SocketAddr) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_incidentd"));
    command.arg("serve").current_dir(dir).args(["--listen", &address.to_string()]);
    if dir.join("config.toml").exists() {
        command.args(["--config", "config.toml"]);
    }
    if dir.join("rules").exists() {
        command.args(["--rules", "rules"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Runs the binary to its end and returns exit code, standard output and standard error.
pub fn incidentd(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_incidentd")).current_dir(dir).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A plain HTTP/1.1 client on one connection.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.try_send("GET", path, "").unwrap()
    }

    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.try_send("POST", path, body).unwrap()
    }

    /// Sends a request and reads the answer; an error drops the connection.
    pub fn try_send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let reused = self.stream.is_some();
        let answer = self.exchange(method, path, body);
        // The server may have closed a connection that was idle.
        if answer.is_err() && reused { self.exchange(method, path, body) } else { answer }
    }

    /// Sends a request once: whoever counts what was sent must know of each time.
    pub fn exchange(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            BufReader::new(stream)
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        // A server may answer and hang up before it has read all of a body that is too large.
        let sent = stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat());
        let answer = read_answer(&mut stream)?;
        let closes = answer.headers.iter().any(|(n, v)| n == "connection" && v == "close");
        if sent.is_ok() && !closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), headers })
}

/// Returns the most memory that a process had at a time, in bytes.
pub fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Reads a list to its end.
pub fn all(client: &mut Client, path: &str) -> Result<Vec<Value>, String> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = get(client, &format!("{path}{sign}limit=1000{cursor}"))?;
        items.extend(page["items"].as_array().ok_or("no items")?.iter().cloned());
        let Some(next) = page["next"].as_str() else { return Ok(items) };
        cursor = format!("&cursor={next}");
    }
}

/// Reads what is there.
pub fn get(client: &mut Client, path: &str) -> Result<Value, String> {
    match client.try_send("GET", path, "") {
        Ok(answer) if answer.status == 200 => Ok(answer.json()),
        Ok(answer) => Err(format!("GET {path}: {} {}", answer.status, answer.body)),
        Err(error) => Err(format!("GET {path}: {error}")),
    }
}

/// A web server that takes every notice and remembers it.
pub struct Sink {
    pub address: SocketAddr,
    taken: std::sync::Arc<std::sync::Mutex<Vec<(Duration, Value)>>>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let shelf = std::sync::Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = std::sync::Arc::clone(&shelf);
                std::thread::spawn(move || serve_sink(stream, &shelf));
            }
        });
        Self { address, taken }
    }

    /// Returns what was taken so far and is of this kind.
    pub fn taken(&self, kind: &str) -> Vec<Value> {
        self.taken_at(kind).into_iter().map(|(_, notice)| notice).collect()
    }

    /// Returns the same, each with when it came as [`clock::monotonic`] tells it.
    pub fn taken_at(&self, kind: &str) -> Vec<(Duration, Value)> {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|(_, notice)| notice["kind"] == kind).cloned().collect()
    }
}

fn serve_sink(stream: TcpStream, shelf: &std::sync::Mutex<Vec<(Duration, Value)>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let notice = serde_json::from_slice(&body).unwrap();
        shelf.lock().unwrap().push((clock::monotonic(), notice));
        if stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}
