//! F-27: thousands of sockets that dribble hold no good request up, and what they took is given back.
//!
//! Each of them says nothing, or a head byte by byte, or a body byte by byte, or begins HTTP/2 and no
//! more, or asks and does not read; closed ones come again. All of them come from loopback, which is
//! exempt from the bound for one address, so that they are as many as from many machines.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use incidentd::clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Outcome;
use crate::common::{Client, Sink, pause};
use crate::figures::{figure, must, p99, since};
use crate::oracle::Halt;
use crate::process::{Manner, Process, folder};

/// How often each dribbles.
const DRIP: Duration = Duration::from_millis(500);

/// How long the daemon may take to give back what they took, once they stop coming.
const GIVEN_BACK: Duration = Duration::from_secs(20);

/// What a socket says, a byte at a time after the first words.
const SPEECHES: [(&str, &str); 5] = [
    ("", ""),
    (
        "",
        "GET /api/v1/alerts HTTP/1.1\r\nhost: 127.0.0.1\r\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    (
        "POST /ingest/native HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n",
        "[{\"labels\": {\"alertname\": \"Slow\", \"n\": \"",
    ),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0\0\0\u{4}\0\0\0\0\0"),
    ("GET /api/v1/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", ""),
];

/// One that dribbles.
struct Dribbler {
    stream: Option<TcpStream>,
    speech: usize,
    said: usize,
}

pub fn run() -> Outcome {
    let sockets = figure("DRIBBLERS", 300, 2_000);
    let seconds = figure("DRIBBLE_S", 15, 60) as u64;
    let limit = figure("SLOW_P99_MS", 2_000, 200) as u64;
    let needed = 3 * sockets as u64 + 1_000;
    if !may_open(needed) {
        return Outcome::LeftOut(format!("needs {needed} open files, `ulimit -n` allows fewer"));
    }
    let sink = Sink::start();
    let settings = format!("[http]\nconnections_max = {}\n", sockets + 200);
    let dir = folder(&sink, &settings);
    let (mut daemon, _) =
        must(Process::start(dir.path(), &Manner::default()), "before slow clients");
    let base = open_sockets(&daemon);
    let (stop, came) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut waits, most) = std::thread::scope(|scope| {
        let _halt = Halt(&stop);
        let (address, stop_all, came) = (daemon.address, &stop, &came);
        scope.spawn(move || dribble(address, sockets, (stop_all, came)));
        let good = scope.spawn(|| be_good(&daemon, &stop));
        let began = clock::monotonic();
        let mut most = 0;
        while since(began) < Duration::from_secs(seconds) {
            most = most.max(open_sockets(&daemon));
            pause(Duration::from_millis(200));
        }
        stop.store(true, Ordering::Relaxed);
        (good.join().unwrap(), most)
    });
    assert!(
        most > base + sockets / 2,
        "only {most} sockets were open, {base} before: nobody dribbled"
    );
    let began = clock::monotonic();
    while open_sockets(&daemon) > base + 2 {
        let open = open_sockets(&daemon);
        assert!(since(began) < GIVEN_BACK, "{open} sockets are still open, {base} were before");
        pause(Duration::from_millis(50));
    }
    let given_back = since(began);
    let slowest = p99(&mut waits);
    assert!(slowest < Duration::from_millis(limit), "good requests waited {slowest:?}");
    assert_eq!(daemon.stop().and_then(|status| status.code()), Some(0), "{}", daemon.log_end());
    Outcome::Held(format!(
        "{sockets} sockets for {seconds} s, {} in all: {} of {} good requests answered 200, p99 {} ms; \
         {most} open at most, {base} before, given back after {:.1} s",
        came.load(Ordering::Relaxed),
        waits.len(),
        waits.len(),
        slowest.as_millis(),
        given_back.as_secs_f64()
    ))
}

/// Asks the system for so many open files, for this process and those it starts.
fn may_open(needed: u64) -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return true;
    }
    let raised = Rlimit { current: Some(needed), maximum };
    maximum.is_none_or(|maximum| maximum >= needed) && setrlimit(Resource::Nofile, raised).is_ok()
}

/// Not: its other files, which come and go with the tables of the store.
fn open_sockets(daemon: &Process) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().flatten();
    let names = open.filter_map(|file| std::fs::read_link(file.path()).ok());
    names.filter(|name| name.to_string_lossy().starts_with("socket:")).count()
}

/// Keeps so many sockets dribbling; while they come back each is counted.
fn dribble(address: SocketAddr, sockets: usize, (stop, came): (&AtomicBool, &AtomicUsize)) {
    let new = |n| Dribbler { stream: None, speech: n % SPEECHES.len(), said: 0 };
    let mut all: Vec<Dribbler> = (0..sockets).map(new).collect();
    while !stop.load(Ordering::Relaxed) {
        let round = clock::monotonic();
        for it in &mut all {
            it.drip(address, came);
        }
        pause(DRIP.saturating_sub(since(round)));
    }
}

impl Dribbler {
    fn drip(&mut self, address: SocketAddr, came: &AtomicUsize) {
        let (first, rest) = SPEECHES[self.speech];
        let Some(stream) = &mut self.stream else {
            let Ok(mut stream) = TcpStream::connect(address) else { return };
            stream.set_nonblocking(true).unwrap();
            if stream.write_all(first.as_bytes()).is_ok() {
                came.fetch_add(1, Ordering::Relaxed);
                (self.stream, self.said) = (Some(stream), 0);
            }
            return;
        };
        let next = rest.as_bytes().get(self.said..=self.said).unwrap_or(b"");
        self.said += next.len();
        if stream.write_all(next).is_err() {
            self.stream = None;
            return;
        }
        // What does not read is not to read.
        if self.speech + 1 < SPEECHES.len() {
            self.hear();
        }
    }

    /// Notices that it was closed.
    fn hear(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let ended = match stream.read(&mut [0; 512]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        if ended {
            self.stream = None;
        }
    }
}

/// Sends good requests on connections of their own and returns how long each took.
fn be_good(daemon: &Process, stop: &AtomicBool) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let alert = format!(
            r#"{{"labels": {{"alertname": "Good", "service": "good", "n": "{}"}}}}"#,
            waits.len()
        );
        let began = clock::monotonic();
        let mut client = Client::new(daemon.address);
        let answer = client.exchange("POST", "/ingest/native", &alert);
        let answer = answer.unwrap_or_else(|error| panic!("a good request: {error}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        waits.push(since(began));
        pause(Duration::from_millis(10));
    }
    waits
}
