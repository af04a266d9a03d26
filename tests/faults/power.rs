//! F-03: power is lost under load, again and again; what was answered 2xx is there, or the start is
//! refused and says why. And a log that only seems to be synced is found out.

use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::Outcome;
use crate::common::{Sink, pause};
use crate::figures::{Dice, figure, must};
use crate::oracle::Oracle;
use crate::process::{Process, write_settings};
use crate::shim::{Bytes, Disk, Names};

const LANES: usize = 3;

/// Load before the power goes, at least.
const LOAD: Duration = Duration::from_millis(100);

/// Losses after which all is looked at, and the next store begins.
const PER_STORE: usize = 10;

#[derive(Debug, Default)]
struct Story {
    cuts: usize,
    answered: usize,
    refused: usize,
    bytes: u64,
    names: usize,
}

pub fn run() -> Outcome {
    if Disk::new(tempfile::tempdir().unwrap().path()).is_none() {
        return Outcome::LeftOut("no C compiler (cc) here".into());
    }
    let cuts = figure("POWER_CUTS", 20, 300);
    let mut dice = Dice(figure("SEED", 1, 1) as u64);
    let mut story = Story::default();
    while story.cuts < cuts {
        live_through(PER_STORE.min(cuts - story.cuts), &mut dice, &mut story);
    }
    let lies = figure("POWER_LIES", 3, 10);
    let caught = (0..lies).filter(|_| a_lie_is_caught(&mut dice)).count();
    assert!(caught * 2 > lies, "a log that is not synced was found out {caught} times of {lies}");
    let Story { cuts, answered, refused, bytes, names } = story;
    Outcome::Held(format!(
        "power lost {cuts} times with {bytes} unsynced bytes and {names} names, {answered} requests \
         answered 2xx: 0 lost, {refused} starts refused; a log that is never synced found out {caught} \
         times of {lies}"
    ))
}

/// Starts on a disk, loads, and cuts the power; the disk is then as it is.
fn cut(round: &Round<'_>, daemon: &mut Process, dice: &mut Dice) -> (u64, usize) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (address, stop) = (daemon.address, &stop);
        scope.spawn(move || round.oracle.load(address, LANES, stop, usize::MAX));
        pause(dice.about(LOAD));
        daemon.kill();
    });
    let bytes = [Bytes::Gone, Bytes::Torn, Bytes::Zeros][dice.below(3)];
    let names = [Names::Kept, Names::TakenBack][dice.below(2)];
    round.disk.lose(bytes, names, dice)
}

struct Round<'a> {
    disk: &'a Disk,
    oracle: &'a Oracle,
}

fn live_through(cuts: usize, dice: &mut Dice, story: &mut Story) {
    let sink = Sink::start();
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path()).unwrap();
    write_settings(dir.path(), &sink, "");
    let oracle = Oracle::default();
    let round = Round { disk: &disk, oracle: &oracle };
    let manner = disk.watched(None);
    let stood = format!("in {}", dir.path().display());
    for _ in 0..cuts {
        let mut daemon = Process::spawn(dir.path(), &manner);
        match daemon.wait_ready() {
            Ok(_) => {}
            Err(status) if is_refusal(status, &daemon) => {
                story.refused += 1;
                story.answered += oracle.answered();
                return;
            }
            Err(status) => panic!("{stood}: {status:?}:\n{}", daemon.log_end()),
        }
        let mut client = daemon.client();
        must(oracle.check_recent(&mut client), &stood);
        oracle.acknowledge_one(&mut client, &sink);
        let (bytes, names) = cut(&round, &mut daemon, dice);
        story.cuts += 1;
        story.bytes += bytes;
        story.names += names;
    }
    let (daemon, _) = must(Process::start(dir.path(), &disk.unwatched()), &stood);
    must(oracle.check(&mut daemon.client()), &stood);
    must(Oracle::check_pages(&mut daemon.client(), &sink), &stood);
    story.answered += oracle.answered();
}

/// True when the daemon says that the store is not whole.
fn is_refusal(status: Option<ExitStatus>, daemon: &Process) -> bool {
    let log = daemon.log_end();
    status.and_then(|status| status.code()) == Some(65)
        && (log.contains("are lost") || log.contains("cannot be opened"))
}

/// Lets the log be synced in appearance only, and returns whether that shows after a loss of power.
fn a_lie_is_caught(dice: &mut Dice) -> bool {
    let sink = Sink::start();
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path()).unwrap();
    write_settings(dir.path(), &sink, "");
    let oracle = Oracle::default();
    let manner = disk.watched(Some(".log"));
    let (mut daemon, _) = Process::start(dir.path(), &manner).unwrap();
    cut(&Round { disk: &disk, oracle: &oracle }, &mut daemon, dice);
    assert!(oracle.answered() > 0);
    match Process::start(dir.path(), &disk.unwatched()) {
        Err(_) => true,
        Ok((daemon, _)) => oracle.check(&mut daemon.client()).is_err(),
    }
}
