//! Against a real Apache Kafka: one node, `KRaft`, on loopback, with whatever makes a log nasty.
//!
//! `make kafka` fetches the broker and runs all; `cargo test --test kafka -- WORD` those whose name
//! holds the word. Not the usual harness: a broker needs seconds to start and is shared, and what
//! shares it has to end it. What each test needs of the daemon is in `reader`, the broker in `broker`.
//!
//! `KAFKA_RECORDS` and `KAFKA_KILLS` make the log longer and the kills more (`kills`), `KAFKA_ABSENCES`
//! and `KAFKA_AWAY_S` the absences of a broker (`outages`), `KAFKA_BACKLOG` the backlog (`backlog`).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program may panic and prints"
)]
#![expect(unreachable_pub, reason = "the modules of a test program")]

mod backlog;
mod broker;
#[path = "../common/mod.rs"]
mod common;
mod intake;
mod kills;
mod nasties;
mod out;
mod outages;
mod producer;
mod reader;
mod security;
mod tables;

use std::process::ExitCode;
use std::sync::Mutex;

use broker::Broker;
use incidentd::clock;

/// Names each test after its function.
macro_rules! tests {
    ($($module:ident::$test:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($test)), $module::$test)),*]
    };
}

/// A test: its name is a sentence that is true.
type Test = (&'static str, fn(&Broker));

/// All tests, those that wait longest first.
const TESTS: &[Test] = tests![
    kills::a_reader_killed_at_random_points_holds_what_one_that_was_not_holds,
    backlog::a_backlog_holds_up_neither_people_nor_timers_and_takes_no_memory,
    outages::a_backlog_is_read_at_five_times_the_live_rate,
    intake::partitions_that_are_added_are_read,
    outages::of_two_clusters_one_goes_away_mid_stream_and_comes_back,
    nasties::what_retention_took_unread_halts_its_partition,
    nasties::a_topic_made_anew_halts_until_a_person_decides,
    nasties::a_topic_made_anew_behind_the_readers_back_halts_too,
    security::who_has_not_is_told_what_is_wrong,
    security::who_has_the_key_gets_in,
    security::a_token_is_read_anew_before_it_ends,
    security::a_token_that_has_ended_is_told_and_another_lets_in,
    out::events_leave_in_order_with_ids_that_stay,
    out::a_page_leaves_by_a_topic,
    tables::a_compacted_topic_is_the_cmdb_and_its_tombstones_delete,
    tables::of_a_table_that_is_not_compacted_doctor_warns,
    intake::records_of_every_producer_and_codec_become_incidents,
    broker::the_tools_of_kafka_see_what_was_produced,
];

/// Tests at a time: most of their time is spent on waiting.
const TOGETHER: usize = 3;

fn main() -> ExitCode {
    if !broker::is_fetched() {
        println!("there is no Apache Kafka to test against; fetch it:  .ci/kafka");
        return ExitCode::FAILURE;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let tests: Vec<Test> = TESTS.iter().filter(|(name, _)| wanted(name)).copied().collect();
    println!("\nrunning {} tests", tests.len());
    let began = clock::monotonic();
    let broker = Broker::start();
    let failed = run_all(&tests, &broker);
    drop(broker);
    println!(
        "\ntest result: {}. {} passed; {} failed; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        tests.len() - failed,
        failed,
        clock::monotonic().saturating_sub(began).as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the tests, a few at a time, and returns how many failed.
fn run_all(tests: &[Test], broker: &Broker) -> usize {
    let (next, failed) = (Mutex::new(tests.iter()), Mutex::new(0));
    let work = || {
        while let Some((name, test)) = { next.lock().unwrap().next() } {
            let began = clock::monotonic();
            let passed = std::thread::scope(|scope| {
                let named = std::thread::Builder::new().name((*name).to_owned());
                named.spawn_scoped(scope, || test(broker)).unwrap().join().is_ok()
            });
            let took = clock::monotonic().saturating_sub(began).as_secs_f64();
            println!("test {name} ... {} ({took:.1} s)", if passed { "ok" } else { "FAILED" });
            *failed.lock().unwrap() += usize::from(!passed);
        }
    };
    std::thread::scope(|scope| (0..TOGETHER).for_each(|_| drop(scope.spawn(work))));
    failed.into_inner().unwrap()
}
