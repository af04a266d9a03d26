//! F-01: kill -9 under load, again and again. A second instance runs beside the first, so that both
//! fight for the processor and the disk.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::Outcome;
use crate::common::{Sink, incidentd, pause};
use crate::figures::{Dice, figure, must, p99};
use crate::oracle::Oracle;
use crate::process::{Manner, Process, folder};

const INSTANCES: usize = 2;
const LANES: usize = 3;

/// Load before a kill, at least.
const LOAD: Duration = Duration::from_millis(100);

/// What became of the kills of an instance.
#[derive(Default)]
struct Story {
    kills: usize,
    answered: usize,
    starts: Vec<Duration>,
}

pub fn run() -> Outcome {
    let kills = figure("KILLS", 40, 1_000);
    let limit = figure("READY_P99_MS", 5_000, 500) as u64;
    let stories: Vec<Story> = std::thread::scope(|scope| {
        let instances: Vec<_> = (0..INSTANCES)
            .map(|instance| scope.spawn(move || kill_again_and_again(instance, kills / INSTANCES)))
            .collect();
        instances.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let kills: usize = stories.iter().map(|it| it.kills).sum();
    let answered: usize = stories.iter().map(|it| it.answered).sum();
    let mut starts: Vec<Duration> = stories.into_iter().flat_map(|it| it.starts).collect();
    let ready = p99(&mut starts);
    assert!(ready < Duration::from_millis(limit), "ready after {ready:?}, may take {limit} ms");
    Outcome::Held(format!(
        "{kills} kills, {answered} requests answered 2xx: 0 lost, 0 incidents twice, 0 of {} starts \
         failed; ready again p99 {} ms",
        starts.len(),
        ready.as_millis()
    ))
}

/// Kills, looks at what was answered last after each, and at everything, then anew, every so often.
fn kill_again_and_again(instance: usize, kills: usize) -> Story {
    let every = figure("WHOLE_EVERY", 10, 50);
    let mut dice = Dice((figure("SEED", 1, 1) + instance) as u64);
    let mut story = Story::default();
    while story.kills < kills {
        let rounds = every.min(kills - story.kills);
        live_through(rounds, &mut dice, &mut story);
    }
    story
}

/// One store and its witness, from the first start to the last look.
fn live_through(kills: usize, dice: &mut Dice, story: &mut Story) {
    let sink = Sink::start();
    let dir = folder(&sink, "");
    let oracle = Oracle::default();
    let stood = format!("in {}", dir.path().display());
    for _ in 0..kills {
        let (mut daemon, took) = must(Process::start(dir.path(), &Manner::default()), &stood);
        story.starts.push(took);
        let mut client = daemon.client();
        must(oracle.check_recent(&mut client), &stood);
        oracle.acknowledge_one(&mut client, &sink);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let address = daemon.address;
            let (oracle, stop) = (&oracle, &stop);
            scope.spawn(move || oracle.load(address, LANES, stop, usize::MAX));
            pause(dice.about(LOAD));
            daemon.kill();
        });
        story.kills += 1;
    }
    let (code, out, errors) = incidentd(dir.path(), &["db", "verify"]);
    assert_eq!(code, 0, "{out}{errors}");
    let (mut daemon, took) = must(Process::start(dir.path(), &Manner::default()), &stood);
    story.starts.push(took);
    let mut client = daemon.client();
    must(oracle.check(&mut client), &stood);
    must(Oracle::check_pages(&mut client, &sink), &stood);
    assert_eq!(daemon.stop().and_then(|status| status.code()), Some(0), "{}", daemon.log_end());
    story.answered += oracle.answered();
}
