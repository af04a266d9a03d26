//! F-06: a disk of its own (tmpfs) runs full: deliveries are put off before a write fails, people and
//! clocks go on, room that comes back is enough, and with no byte left there is still no false 2xx.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use incidentd::clock;
use incidentd::daemon::disk::free;
use serde_json::json;

use crate::Outcome;
use crate::common::{Client, Sink, wait_for};
use crate::figures::{figure, must, since};
use crate::oracle::{Halt, Oracle};
use crate::process::{Manner, Process, folder};

const MIB: u64 = 1 << 20;
const LIMITS: &str = "[disk]\nsoft_free = \"48MiB\"\nhard_free = \"24MiB\"\n";
const LANES: usize = 2;

/// How long the daemon may take to end by itself.
const END_MAX: Duration = Duration::from_secs(10);

/// A file system in memory, mounted until it is dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "faults"]).arg(at);
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    /// Fills it until so many bytes are free.
    fn leave(&self, bytes: u64) {
        let ballast = self.0.join("ballast");
        let has = ballast.metadata().map_or(0, |it| it.len());
        let now = free(&self.0).unwrap();
        let length = (has + now).saturating_sub(bytes);
        if length < has || length == 0 {
            drop(std::fs::remove_file(&ballast));
        }
        // A full disk cuts it short, which is as full as can be.
        drop(std::fs::write(&ballast, vec![1; usize::try_from(length).unwrap()]));
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

pub fn run() -> Outcome {
    let sink = Sink::start();
    let dir = folder(&sink, LIMITS);
    let size = figure("DISK_MIB", 160, 256) as u64 * MIB;
    let Some(mount) = Mount::new(&dir.path().join("data"), size) else {
        return Outcome::LeftOut("mounting a tmpfs is not permitted here (needs root)".into());
    };
    let oracle = Oracle::default();
    let (mut daemon, _) = Process::start(dir.path(), &Manner::default()).unwrap();
    let (took, least) = run_full(&mount, &daemon, &oracle);
    clocks_go_on(&sink);
    people_go_on(&daemon, &oracle, &sink);
    mount.leave(16 * MIB);
    wait_for("the hard limit", || {
        let text = daemon.client().get("/readyz").body;
        text.contains("disk: hard").then_some(())
    });
    people_go_on(&daemon, &oracle, &sink);
    mount.make_room();
    let recovered = recovers(&daemon, &oracle);
    must(oracle.check(&mut daemon.client()), "after the disk was full");
    assert!(!daemon.log().contains("a commit failed"), "{}", daemon.log_end());
    let put_off = oracle.tally.put_off.load(Ordering::Relaxed);
    assert_eq!(oracle.tally.other.load(Ordering::Relaxed), 0, "answers but 2xx and 503");
    not_a_byte(&mount, &mut daemon, &oracle, &sink);
    Outcome::Held(format!(
        "503 with Retry-After {:.1} s after the load began, {} MiB still free, {put_off} times; acknowledged \
         and escalated at both limits; deliveries taken {:.1} s after there was room; {} requests \
         answered 2xx: 0 lost; with no byte left: ended with 1 and the reason, 0 lost",
        took.as_secs_f64(),
        least / MIB,
        recovered.as_secs_f64(),
        oracle.answered()
    ))
}

/// Loads until deliveries are put off; returns when that was and how little was free.
fn run_full(mount: &Mount, daemon: &Process, oracle: &Oracle) -> (Duration, u64) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _halt = Halt(&stop);
        let stop_load = &stop;
        scope.spawn(move || oracle.load(daemon.address, LANES, stop_load, usize::MAX));
        wait_for("some load", || (oracle.answered() > 50).then_some(()));
        mount.leave(56 * MIB);
        let began = clock::monotonic();
        // What the load does not fill, something else on the disk does, 2 MiB a second.
        let put_off = wait_for("deliveries to be put off", || {
            let seconds = since(began).as_millis() as u64 / 500;
            mount.leave((56 * MIB).saturating_sub(seconds * MIB));
            (oracle.tally.put_off.load(Ordering::Relaxed) > 0).then_some(since(began))
        });
        (put_off, free(&mount.0).unwrap())
    })
}

/// Waits for a page that is new: the second step of the policy of an incident that nobody took.
fn clocks_go_on(sink: &Sink) {
    let pages = || sink.taken("page").len();
    let before = pages();
    wait_for("the second step of an incident", || (pages() > before).then_some(()));
}

fn people_go_on(daemon: &Process, oracle: &Oracle, sink: &Sink) {
    let mut client = daemon.client();
    assert!(oracle.acknowledge_one(&mut client, sink), "an incident cannot be taken");
    must(oracle.check(&mut client), "while the disk is full");
}

/// Waits until deliveries are taken again, by the same process; returns how long that took.
fn recovers(daemon: &Process, oracle: &Oracle) -> Duration {
    let (began, before) = (clock::monotonic(), oracle.answered());
    wait_for("deliveries to be taken again", || {
        oracle.load(daemon.address, 1, &AtomicBool::new(false), 1);
        (oracle.answered() > before).then_some(since(began))
    })
}

/// Takes the last byte: a person's answer cannot be kept, so there is none; after a start with room
/// all is there.
fn not_a_byte(mount: &Mount, daemon: &mut Process, oracle: &Oracle, sink: &Sink) {
    mount.leave(0);
    let pages = sink.taken("page");
    let id = pages[0]["incident"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/incidents/{id}/ack");
    let mut client = Client::new(daemon.address);
    // Until what the log has allocated ahead is full as well.
    let refused = (0..20_000).find_map(|n| {
        let body = json!({"by": "mia", "for": format!("{}m", 30 + n % 30)});
        let answer = client.exchange("POST", &path, &body.to_string());
        answer.map_or(Some(0), |answer| Some(answer.status).filter(|status| *status != 200))
    });
    let code = refused.and_then(|_| daemon.wait_end(END_MAX)).map(|status| status.code());
    oracle.takes(&id);
    mount.make_room();
    assert_eq!(code, Some(Some(1)), "{refused:?}: {}", daemon.log_end());
    assert!(daemon.log().contains("a commit failed"), "{}", daemon.log_end());
    let dir = daemon.dir.clone();
    let (daemon, _) = must(Process::start(&dir, &Manner::default()), "with room again");
    must(oracle.check(&mut daemon.client()), "after the disk was full");
}
