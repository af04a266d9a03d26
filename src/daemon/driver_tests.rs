//! What becomes of events and deadlines that break the engine.

use tokio::sync::oneshot;

use super::*;
use crate::cmdb::{self, Topology, import};
use crate::engine::changes::Saved;
use crate::engine::context::Limits;
use crate::engine::event::Record;
use crate::engine::reply::Received;
use crate::engine::trap::{POISON, TIME_BOMB};
use crate::model::labels::Labels;
use crate::model::partition::Partition;
use crate::model::quarantine::{Cause, Origin, QuarantineId};
use crate::rules::RuleSet;
use crate::store::Options;

/// A driver with a committer of its own, on a store that is thrown away.
struct Bench {
    driver: Driver,
    store: Arc<Store>,
    committer: std::thread::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Options::default()).unwrap());
        let (orders, queue) = sync_channel(1);
        let ctx = Context::new(
            Arc::new(RuleSet::builtin()),
            Arc::new(Topology::empty()),
            Limits::default(),
        );
        let ctx = Arc::new(ctx);
        let desk = Desk {
            clock: Arc::new(Clock::start(None)),
            store: Arc::clone(&store),
            metrics: Arc::new(Metrics::new(&["s"], &[]).unwrap()),
            orders,
            alerts_max: 100,
        };
        let state = State::restore(Saved::default(), &ctx, desk.clock.now());
        let shelf = Arc::clone(&store);
        let committer = std::thread::spawn(move || {
            while let Ok(order) = queue.recv() {
                match order {
                    Order::Write(batch) => {
                        let revisions: Vec<_> = batch.revisions.iter().map(|it| &**it).collect();
                        shelf.commit(&batch.changes, &revisions).unwrap();
                        for (to, reply) in batch.replies {
                            to.send(reply).unwrap();
                        }
                    }
                    Order::Barrier(done) => done.send(()).unwrap(),
                }
            }
        });
        Self { driver: Driver::new(desk, state, ctx), store, committer, _dir: dir }
    }

    fn now(&self) -> Timestamp {
        self.driver.desk.clock.now()
    }

    /// Sends these alerts in one batch, a letter each, and returns the answers.
    fn send(&mut self, names: &[&str]) -> Vec<Reply> {
        let now = self.now();
        let letter = |name: &&str| {
            let alert = own::occurrence(name, ("host", "a"), "", now);
            let event = Event::Received { source: "s".into(), occurrences: vec![alert] };
            let (reply, answer) = oneshot::channel();
            (Letter { work: Work::Event(event), reply }, answer)
        };
        let (letters, answers): (Vec<_>, Vec<_>) = names.iter().map(letter).unzip();
        assert!(self.driver.work(letters).is_ok(), "the engine is gone");
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect()
    }

    /// Lets `span` pass.
    fn pass(&mut self, span: Duration) {
        let at = self.now().plus(span);
        assert!(self.driver.tick(at).is_ok(), "the engine is gone");
        let batch = Batch {
            changes: Changes::default(),
            revisions: Vec::new(),
            context: None,
            replies: Vec::new(),
            events: 0,
        };
        assert!(self.driver.commit(batch, at).is_ok());
    }

    /// Waits until everything handed over is written.
    fn written(&self) {
        let (done, written) = sync_channel(1);
        self.driver.desk.orders.send(Order::Barrier(done)).unwrap();
        written.recv().unwrap();
    }

    /// True when an alert of this name fires, as far as the store knows.
    fn is_firing(&self, name: &str) -> bool {
        self.written();
        let (saved, _) = self.store.load().unwrap();
        let named = |labels: &Labels| labels.get("alertname") == Some(name);
        saved.alerts.iter().any(|it| named(it.labels()) && it.state().fires())
    }

    fn stop(self) -> Arc<Store> {
        drop(self.driver);
        self.committer.join().unwrap();
        self.store
    }
}

fn began() -> Reply {
    Reply::Received(Received { began: 1, ..Received::default() })
}

#[test]
fn an_event_that_breaks_the_engine_goes_to_the_quarantine_and_costs_no_other() {
    let mut bench = Bench::new();
    let answers = bench.send(&["A", POISON, "B"]);
    assert_eq!(answers, [began(), Reply::Quarantined(QuarantineId(1)), began()]);
    let store = bench.stop();
    let record = store.view().quarantined(QuarantineId(1)).unwrap().unwrap().what;
    assert_eq!((&*record.source, record.cause), ("s", Cause::Panicked));
    assert!(String::from_utf8_lossy(&record.body).contains(POISON));
    assert_eq!(store.load().unwrap().0.alerts.len(), 2);
}

#[test]
fn of_records_of_kafka_only_the_one_that_breaks_the_engine_goes_to_the_quarantine() {
    let mut bench = Bench::new();
    let now = bench.now();
    let record = |(offset, name): (u64, &str)| {
        let occurrences = vec![own::occurrence(name, ("host", "a"), "", now)];
        Record { offset, mark: offset, content: Content::Alerts { occurrences, delivery: None } }
    };
    let partition = Partition { source: "s".into(), topic: "t".into(), number: 2 };
    let names = ["A", "B", POISON, "C", POISON, "D"];
    let batch = Consumed {
        partition: partition.clone(),
        cluster: "c".into(),
        turn: 0,
        first: 7,
        is_late: false,
        records: (7..).zip(names).map(record).collect(),
    };
    let (reply, answer) = oneshot::channel();
    let work = Work::Event(Event::Consumed(Box::new(batch)));
    assert!(bench.driver.work(vec![Letter { work, reply }]).is_ok(), "the engine is gone");
    let Reply::Consumed(done) = answer.blocking_recv().unwrap() else { panic!("no answer") };
    let facts = (done.next, done.received.began, done.unreadable, done.repeated, done.is_halted);
    assert_eq!(facts, (13, 4, 2, 0, false));
    let store = bench.stop();
    let kept = store.view().quarantine(None, 9).unwrap();
    let kept: Vec<_> = kept.into_iter().map(|it| (it.what.cause, it.what.origin)).collect();
    let at = |offset| Some(Origin { topic: "t".into(), partition: 2, offset });
    assert_eq!(kept, [(Cause::Panicked, at(9)), (Cause::Panicked, at(11))]);
    assert_eq!(store.load().unwrap().0.alerts.len(), 4);
    let positions = store.view().positions().unwrap();
    assert_eq!((positions[0].next, positions[0].mark), (13, Some(12)));
}

#[test]
fn a_deadline_that_breaks_the_engine_is_parked_and_said_so() {
    let mut bench = Bench::new();
    bench.send(&["A", TIME_BOMB]);
    bench.pass(Duration::from_mins(16));
    assert_eq!(bench.driver.parked.len(), 1);
    assert!(bench.is_firing("IncidentdDeadlineParked"));
    bench.pass(Duration::from_hours(1));
    assert!(!bench.is_firing("A"), "other deadlines are met");
    assert!(bench.is_firing(TIME_BOMB), "its own is not");
    assert!(bench.driver.state.next_due().is_some());
    let metrics = bench.driver.desk.metrics.encode().unwrap();
    assert!(metrics.contains("incidentd_engine_parked_deadlines 1"), "{metrics}");
    bench.stop();
}

#[test]
fn a_machine_that_slept_ends_no_alert_whose_sender_it_could_not_hear() {
    let mut bench = Bench::new();
    bench.send(&["A"]);
    let woken = bench.now().plus(Duration::from_hours(8));
    assert!(bench.driver.wake(woken).is_ok(), "the engine is gone");
    bench.pass(Duration::from_hours(8));
    assert!(bench.is_firing("A"));
    bench.pass(Duration::from_hours(9));
    assert!(!bench.is_firing("A"), "its lease goes on for as long as it was to");
    bench.stop();
}

/// A topology with one more CI, made of what is in force, of a record of a topic at this offset.
fn of_record(bench: &Bench, offset: u64) -> Work {
    let base = Arc::clone(&bench.driver.ctx);
    let key = format!("ci-{offset}");
    let said = [import::read_record(key.as_bytes(), Some(r#"{"class": "vm"}"#), "t").unwrap()];
    let rows = cmdb::take(&base.topology, ("kafka/t", &said), bench.now()).unwrap().rows;
    let version = base.topology.version() + 1;
    let delta = cmdb::Delta::between(&base.topology.rows(), &rows);
    let change = cmdb::Change::new(version, bench.now(), "kafka/t", "1 records");
    let topology = Topology::new(version, rows).unwrap();
    let made = (topology, Revision { delta, change });
    let mut new = super::super::next::ready(&bench.store, base, made).unwrap();
    let record = Record { offset, mark: offset, content: Content::Nothing };
    new.read = vec![consumed(vec![record])];
    Work::Topology(Box::new(new))
}

fn consumed(records: Vec<Record>) -> Consumed {
    let partition = Partition { source: "t".into(), topic: "cis".into(), number: 0 };
    Consumed { partition, cluster: "c".into(), turn: 0, first: 5, is_late: false, records }
}

fn answer_to(bench: &mut Bench, work: Work) -> Reply {
    let (reply, answer) = oneshot::channel();
    assert!(bench.driver.work(vec![Letter { work, reply }]).is_ok(), "the engine is gone");
    answer.blocking_recv().unwrap()
}

#[test]
fn a_topology_of_records_is_taken_with_their_offsets_or_not_at_all() {
    let mut bench = Bench::new();
    let stored = |bench: &Bench| {
        bench.written();
        let cis = bench.store.load().unwrap().1.map_or(0, |topology| topology.ci_count());
        (cis, bench.store.view().positions().unwrap().first().map(|it| it.next))
    };
    let early = of_record(&bench, 5);
    assert_eq!(answer_to(&mut bench, early), Reply::Outdated, "the partition is not known");
    let begin = Work::Event(Event::Consumed(Box::new(consumed(Vec::new()))));
    answer_to(&mut bench, begin);
    assert_eq!(stored(&bench), (0, Some(5)));
    let first = of_record(&bench, 5);
    assert_eq!(answer_to(&mut bench, first), Reply::Done);
    assert_eq!(stored(&bench), (1, Some(6)), "both, by one commit");
    let again = of_record(&bench, 5);
    assert_eq!(answer_to(&mut bench, again), Reply::Outdated, "it came before");
    let (old, new) = (of_record(&bench, 6), of_record(&bench, 8));
    assert_eq!(answer_to(&mut bench, new), Reply::Done, "compaction leaves gaps");
    assert_eq!(answer_to(&mut bench, old), Reply::Outdated, "made of another topology");
    let partition = consumed(Vec::new()).partition;
    let late = of_record(&bench, 9);
    answer_to(&mut bench, Work::Event(Event::Halt { partition, why: "x".into() }));
    assert_eq!(answer_to(&mut bench, late), Reply::Outdated, "nobody reads a halted partition");
    assert_eq!(stored(&bench), (2, Some(9)));
    bench.stop();
}

#[test]
fn rules_are_taken_only_over_what_they_were_made_ready_for() {
    let mut bench = Bench::new();
    let ready = |bench: &Bench| {
        let (base, rules) = (Arc::clone(&bench.driver.ctx), Arc::new(RuleSet::builtin()));
        let new = super::super::next::ready_rules(&bench.store, base, rules).unwrap();
        Work::Rules(Box::new(new))
    };
    let (first, late) = (ready(&bench), ready(&bench));
    assert_eq!(answer_to(&mut bench, first), Reply::Done);
    assert_eq!(answer_to(&mut bench, late), Reply::Outdated, "there are others by now");
    let again = ready(&bench);
    assert_eq!(answer_to(&mut bench, again), Reply::Done);
    bench.stop();
}

#[tokio::test]
async fn an_order_is_in_the_next_batch_however_many_alerts_wait() {
    let bench = Bench::new();
    let (mailbox, mut letters) = crate::mailbox::mailbox(1_000);
    let alert = own::occurrence("A", ("host", "a"), "", bench.now());
    let event = Event::Received { source: "s".into(), occurrences: vec![alert; 40] };
    let _answers: Vec<_> =
        (0..10).map(|_| mailbox.post(Work::Event(event.clone())).unwrap()).collect();
    let mut orders = Vec::new();
    let mut sizes = Vec::new();
    while letters.waiting() > 0 {
        let first = letters.recv().await;
        orders.push(mailbox.post(Work::Event(Event::Tick)).unwrap());
        let batch = bench.driver.take(first, &mut letters);
        assert!(batch.iter().any(|it| !it.work.is_intake()), "the order that came meanwhile");
        sizes.push(batch.iter().filter(|it| it.work.is_intake()).count());
    }
    assert_eq!(sizes, [3, 3, 3, 1], "of alerts as many as a batch may hold");
}
