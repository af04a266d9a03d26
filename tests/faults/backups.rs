//! F-10: backups are made under load and restored elsewhere: whole, with the same hash, with all that
//! was answered before they were begun, and nobody is paged from the copy.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::Outcome;
use crate::common::{Sink, incidentd};
use crate::figures::{figure, must};
use crate::oracle::{Halt, Oracle, check_at_least};
use crate::process::{Manner, Process, folder};

const LANES: usize = 2;

pub fn run() -> Outcome {
    let rounds = figure("BACKUPS", 3, 50);
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let oracle = Oracle::default();
    let (daemon, _) = Process::start(dir.path(), &Manner::default()).unwrap();
    let stop = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        let (address, oracle, stop) = (daemon.address, &oracle, &stop);
        scope.spawn(move || oracle.load(address, LANES, stop, usize::MAX));
        let _halt = Halt(stop);
        (0..rounds).try_for_each(|round| {
            there_and_back(&daemon, oracle).map_err(|what| format!("round {round}: {what}"))
        })
    });
    must(outcome, "amid the load");
    must(oracle.check(&mut daemon.client()), "after all");
    Outcome::Held(format!(
        "{rounds} backups made amid {} answered requests and restored: each whole, the same hash, \
         nothing of before missing, nobody paged from it",
        oracle.answered()
    ))
}

fn there_and_back(daemon: &Process, oracle: &Oracle) -> Result<(), String> {
    let answered = oracle.answered_so_far();
    let server = format!("http://{}", daemon.address);
    let made = run_json(&daemon.dir, &["-s", &server, "db", "backup", "-o", "json"])?;
    let copy = daemon.dir.join(made["path"].as_str().ok_or("no path")?);
    let copy = copy.to_str().ok_or("not text")?;

    let sink = Sink::start();
    let dir = folder(&sink, "");
    let of_copy = run_json(dir.path(), &["db", "verify", copy, "-o", "json"])?;
    let restored = run_json(dir.path(), &["db", "restore", copy, "-o", "json"])?;
    if restored["hash"] != of_copy["hash"] {
        return Err(format!("{} became {}", of_copy["hash"], restored["hash"]));
    }
    let (mut other, _) = Process::start(dir.path(), &Manner::default())?;
    check_at_least(&mut other.client(), &answered)?;
    let ended = other.stop().and_then(|status| status.code());
    let paged = sink.taken("page").len();
    if ended == Some(0) && paged == 0 {
        return Ok(());
    }
    Err(format!("the restored one ended with {ended:?} and sent {paged} pages"))
}

fn run_json(dir: &Path, args: &[&str]) -> Result<Value, String> {
    let (code, out, errors) = incidentd(dir, args);
    if code != 0 {
        return Err(format!("{args:?}: {code} {errors}"));
    }
    serde_json::from_str(&out).map_err(|error| format!("{args:?}: {error}: {out}"))
}
