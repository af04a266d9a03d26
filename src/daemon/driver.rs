//! The engine's own thread: takes work from the mailbox, lets it happen, hands the changes on.
//!
//! The only caller of `apply` in the daemon. An event whose handling panics costs that event, not
//! the daemon: the state is read back from disk, the other events of the batch happen again, and it
//! goes to the quarantine. A deadline that panics is parked, so that it cannot come back at once.

use core::time::Duration;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::runtime::Runtime;
use tracing::{error, warn};

use super::committer::{Batch, Order};
use super::{poison, start};
use crate::clock::Clock;
use crate::cmdb::{Revision, Topology};
use crate::engine::changes::Changes;
use crate::engine::context::Context;
use crate::engine::event::{Consumed, Content, Event};
use crate::engine::reply::{Consumption, Reply};
use crate::engine::{DEAF_AFTER, Parked, State, own};
use crate::mailbox::{Letter, Letters, NewTopology, Work};
use crate::model::silence::SilenceState;
use crate::model::time::Timestamp;
use crate::rules::RuleSet;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;

/// The longest sleep: timers are waited for with a clock that stands still in suspend.
const SLEEP: Duration = Duration::from_secs(1);

/// How often the time is stored when nothing happens, so that after a crash it is known how long
/// the daemon could not listen.
const IDLE_COMMIT: Duration = Duration::from_secs(10);

/// How often what is open is counted.
const GAUGED_EVERY: Duration = Duration::from_secs(5);

/// What the engine's thread works with.
pub(super) struct Desk {
    pub(super) clock: Arc<Clock>,
    pub(super) store: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) orders: SyncSender<Order>,
    /// Alerts after which a batch takes no further letter.
    pub(super) alerts_max: usize,
}

/// The thread's own: the state and what it is decided by.
pub(super) struct Driver {
    desk: Desk,
    state: State,
    ctx: Arc<Context>,
    /// The rules of the last batch that was handed on.
    committed_rules: Arc<RuleSet>,
    /// Deadlines that cannot be handled.
    parked: BTreeSet<Parked>,
    committed_at: Timestamp,
    gauged_at: Timestamp,
    /// When it last looked whether there was work.
    awake_at: Timestamp,
}

/// The committer is gone: its write failed, or the daemon stops.
struct Gone;

impl Driver {
    pub(super) fn new(desk: Desk, state: State, ctx: Arc<Context>) -> Self {
        let committed_at = state.now();
        let committed_rules = Arc::clone(&ctx.rules);
        let (parked, gauged_at, awake_at) = (BTreeSet::new(), Timestamp::EPOCH, desk.clock.now());
        Self { desk, state, ctx, committed_rules, parked, committed_at, gauged_at, awake_at }
    }

    /// Works until all mailboxes are gone and their letters are worked off, or the committer is;
    /// `runtime` is what it waits in.
    pub(super) fn run(mut self, runtime: &Runtime, mut letters: Letters) {
        loop {
            let wait = self.time_to_next();
            let first =
                runtime.block_on(async { tokio::time::timeout(wait, letters.recv()).await });
            let stopped = matches!(first, Ok(None));
            let batch = self.take(first.ok().flatten(), &mut letters);
            self.desk.metrics.engine.mailbox_events.set(count(letters.waiting()));
            if self.work(batch).is_err() || stopped {
                return;
            }
        }
    }

    /// Takes whatever has queued up: all orders of people and channels, and alerts until the batch is
    /// full. Orders fill no batch, so that however many there are, alerts come in.
    fn take(&self, first: Option<Letter>, letters: &mut Letters) -> Vec<Letter> {
        let brought = first.as_ref().filter(|letter| letter.work.is_intake());
        let mut alerts = brought.map_or(0, |letter| weight(&letter.work));
        let mut batch: Vec<Letter> = first.into_iter().chain(letters.take_orders()).collect();
        while alerts < self.desk.alerts_max
            && let Some(letter) = letters.take_intake()
        {
            alerts += weight(&letter.work);
            batch.push(letter);
        }
        batch
    }

    fn time_to_next(&self) -> Duration {
        let due = self.state.next_due().map(|due| due.since(self.desk.clock.now()));
        due.unwrap_or(SLEEP).min(SLEEP)
    }

    /// Lets a batch of letters happen and hands it to the committer.
    fn work(&mut self, letters: Vec<Letter>) -> Result<(), Gone> {
        let now = self.desk.clock.now();
        self.wake(now)?;
        let mut batch = Batch {
            changes: Changes::default(),
            revisions: Vec::new(),
            context: None,
            replies: Vec::with_capacity(letters.len()),
            events: u32::try_from(letters.len()).unwrap_or(u32::MAX),
        };
        let mut answers = Vec::with_capacity(letters.len());
        if self.tick(now).is_err() {
            return Err(Gone);
        }
        for letter in &letters {
            match self.attempt(&letter.work, now) {
                Ok(done) => {
                    answers.push(done.reply);
                    batch.revisions.extend(done.revision);
                    batch.context = done.context.or(batch.context);
                }
                Err(Panicked) => return self.recover(letters, now),
            }
        }
        batch.replies.extend(letters.into_iter().map(|letter| letter.reply).zip(answers));
        self.commit(batch, now)
    }

    /// Begins again where the machine slept: it could listen as little as a daemon that is down, and what
    /// that means for leases and what is overdue is known to a start.
    fn wake(&mut self, now: Timestamp) -> Result<(), Gone> {
        let deaf = now.since(core::mem::replace(&mut self.awake_at, now));
        if deaf < DEAF_AFTER {
            return Ok(());
        }
        warn!(
            seconds = deaf.as_secs(),
            "the machine slept, or had no time for us: no alert ends for that"
        );
        self.reload(now)
    }

    fn tick(&mut self, now: Timestamp) -> Result<(), Gone> {
        let due = self.state.next_due().is_some_and(|due| due <= now);
        if !due {
            return Ok(());
        }
        if self.apply(&Event::Tick, now).is_ok() {
            return Ok(());
        }
        self.park(now)?;
        self.tick(now)
    }

    /// Goes back to what is on disk, without the deadline in whose handling the engine broke. Each is
    /// parked once, so whoever comes back here does so with one less.
    fn park(&mut self, now: Timestamp) -> Result<(), Gone> {
        let Some(parked) = self.state.culprit() else {
            // Nothing that could be left out. Starting over is all that is left, and it is loud: the
            // service manager counts restarts.
            error!("time cannot pass; the daemon stops to start over");
            return Err(Gone);
        };
        error!(of = %parked, "a deadline cannot be handled and is left out until a restart");
        self.parked.insert(parked);
        self.desk.metrics.doors.parked_deadlines.set(count(self.parked.len()));
        self.reload(now)?;
        let summary = format!(
            "a deadline of {parked} cannot be handled, a fault of incidentd; look at it by hand, the log says more"
        );
        let of = parked.to_string();
        let alert = own::occurrence("IncidentdDeadlineParked", ("of", &of), &summary, now);
        let event = Event::Received { source: own::SOURCE.into(), occurrences: vec![alert] };
        // In vain where another deadline breaks too; that one is next.
        drop(self.apply(&event, now));
        if self.state.culprit().is_some() { self.reload(now) } else { Ok(()) }
    }

    fn commit(&mut self, mut batch: Batch, now: Timestamp) -> Result<(), Gone> {
        batch.changes = self.state.drain(&self.ctx);
        let idle = batch.changes.is_empty() && batch.replies.is_empty();
        if idle && batch.context.is_none() && now < self.committed_at.plus(IDLE_COMMIT) {
            return Ok(());
        }
        self.committed_at = now;
        self.committed_rules = Arc::clone(&self.ctx.rules);
        self.gauge(now);
        self.desk.orders.send(Order::Write(Box::new(batch))).map_err(|_| Gone)
    }

    /// Counts what is open, now and then: counting looks at every incident.
    fn gauge(&mut self, now: Timestamp) {
        if now < self.gauged_at.plus(GAUGED_EVERY) {
            return;
        }
        self.gauged_at = now;
        let open = self.state.incidents().filter(|it| it.parent.is_none() && it.progress.is_open());
        self.desk.metrics.engine.open_incidents.set(count(open.count()));
        self.desk.metrics.engine.held_alerts.set(count(self.state.alerts_held()));
        let (records, bytes) = self.state.quarantined();
        self.desk.metrics.doors.quarantine_records.set(count(records));
        self.desk.metrics.doors.quarantine_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let (waiting, oldest) = self.state.bulletins_waiting();
        self.desk.metrics.events.waiting.set(count(waiting));
        self.desk.metrics.events.oldest.set(oldest.map_or(0, |at| at.millis() / 1_000));
        self.desk.metrics.engine.silenced_alerts.set(count(self.state.alerts_silenced()));
        self.desk.metrics.engine.inhibited_alerts.set(count(self.state.alerts_inhibited()));
        self.desk.metrics.engine.bindings(&self.state.bindings());
        for state in [SilenceState::Active, SilenceState::Pending, SilenceState::Expired] {
            let silences = self.state.silences().filter(|silence| silence.state(now) == state);
            self.desk.metrics.engine.silences(state, count(silences.count()));
        }
        self.desk.metrics.clock_stepped(self.desk.clock.steps());
    }

    /// Lets one piece of work happen.
    fn attempt(&mut self, work: &Work, now: Timestamp) -> Result<Done, Panicked> {
        match work {
            Work::Event(event) => self.apply(event, now).map(Done::just),
            Work::Topology(new) if self.takes(new) => {
                self.ctx = Arc::clone(&new.context);
                let changed = Event::TopologyChanged(Arc::clone(&new.forecast));
                let reply = self.apply(&changed, now)?;
                for read in &new.read {
                    self.apply(&Event::Consumed(Box::new(read.clone())), now)?;
                }
                let (revision, context) = (Arc::clone(&new.revision), Arc::clone(&self.ctx));
                Ok(Done { reply, revision: Some(revision), context: Some(context) })
            }
            Work::Rules(new) if new.base.is_alike(&self.ctx) => {
                self.ctx = Arc::clone(&new.context);
                let reply = self.apply(&Event::RulesChanged(Arc::clone(&new.forecast)), now)?;
                let context = Some(Arc::clone(&self.ctx));
                Ok(Done { reply, revision: None, context })
            }
            Work::Topology(_) | Work::Rules(_) => Ok(Done::just(Reply::Outdated)),
        }
    }

    /// True when a topology can take the place of what is in force, with the records that it was made of.
    fn takes(&self, new: &NewTopology) -> bool {
        new.base.is_alike(&self.ctx) && new.read.iter().all(|read| self.state.is_next(read))
    }

    fn apply(&mut self, event: &Event, now: Timestamp) -> Result<Reply, Panicked> {
        let (state, ctx) = (&mut self.state, &self.ctx);
        catch_unwind(AssertUnwindSafe(|| state.apply(ctx, event, now))).map_err(|_| Panicked)
    }

    /// Goes back to what is on disk and lets each letter happen by itself; the one that panics goes to
    /// the quarantine.
    fn recover(&mut self, letters: Vec<Letter>, now: Timestamp) -> Result<(), Gone> {
        if !planted!("broken state gone on with") {
            self.restart(now)?;
        }
        for letter in letters {
            let done = if let Ok(done) = self.attempt(&letter.work, now) {
                Some(done)
            } else {
                error!(work = name(&letter.work), "an event could not be handled");
                self.restart(now)?;
                self.instead(&letter.work, now)?.map(Done::just)
            };
            // Without an answer the sender learns that the outcome is not known.
            let (replies, revisions, context) = match done {
                Some(Done { reply, revision, context }) => {
                    (vec![(letter.reply, reply)], revision.into_iter().collect(), context)
                }
                None => (Vec::new(), Vec::new(), None),
            };
            let changes = Changes::default();
            self.commit(Batch { changes, revisions, context, replies, events: 1 }, now)?;
        }
        Ok(())
    }

    /// Begins again after a panic: without the deadline where it was one, else just from disk.
    fn restart(&mut self, now: Timestamp) -> Result<(), Gone> {
        if self.state.culprit().is_some() { self.park(now) } else { self.reload(now) }
    }

    /// Keeps what broke the engine; returns the answer for its sender, where there can be one.
    fn instead(&mut self, work: &Work, now: Timestamp) -> Result<Option<Reply>, Gone> {
        let Work::Event(event) = work else { return Ok(None) };
        if let Event::Consumed(batch) = event {
            return self.one_by_one(batch, now);
        }
        // What brings no alerts is kept by its sender.
        let Some((source, occurrences)) = event.alerts() else { return Ok(None) };
        self.try_once(&Event::Quarantine(Box::new(poison::broken(source, occurrences))), now)
    }

    /// Lets the records of a batch that broke the engine happen one by one; only the one that does so
    /// again goes to the quarantine, and the offset moves past it, or it would come again for ever.
    /// Each is committed before the next, because a panic costs whatever is not.
    fn one_by_one(&mut self, batch: &Consumed, now: Timestamp) -> Result<Option<Reply>, Gone> {
        let mut sum = Consumption::default();
        for single in poison::singles(batch) {
            let mut reply = self.try_once(&Event::Consumed(Box::new(single.clone())), now)?;
            if reply.is_none() {
                let partition = &batch.partition;
                let offset = single.records.first().map_or(single.first, |record| record.offset);
                error!(%partition, offset, "a record could not be handled");
                reply = self.try_once(&poison::spared(single), now)?;
            }
            let Some(Reply::Consumed(done)) = reply else { return Ok(None) };
            sum = poison::sum(sum, *done);
            self.commit(Batch::default(), now)?;
        }
        Ok(Some(Reply::Consumed(Box::new(sum))))
    }

    /// Lets an event happen; after a panic nothing has happened that was not committed.
    fn try_once(&mut self, event: &Event, now: Timestamp) -> Result<Option<Reply>, Gone> {
        if let Ok(reply) = self.apply(event, now) {
            return Ok(Some(reply));
        }
        self.restart(now)?;
        Ok(None)
    }

    /// Goes back to what was committed last: the state on disk, and the rules of that time.
    fn reload(&mut self, now: Timestamp) -> Result<(), Gone> {
        let (done, written) = sync_channel(1);
        self.desk.orders.send(Order::Barrier(done)).map_err(|_| Gone)?;
        written.recv().map_err(|_| Gone)?;
        let (saved, topology) = self.desk.store.load().map_err(|error| {
            error!(%error, "the state cannot be read back");
            Gone
        })?;
        let topology = Arc::new(topology.unwrap_or_else(Topology::empty));
        let rules = Arc::clone(&self.committed_rules);
        self.ctx = Arc::new(Context::new(rules, topology, self.ctx.limits));
        self.state = start::state(saved, &self.ctx, now);
        for parked in &self.parked {
            self.state.park(*parked);
        }
        Ok(())
    }
}

/// What became of one piece of work.
struct Done {
    reply: Reply,
    revision: Option<Arc<Revision>>,
    context: Option<Arc<Context>>,
}

impl Done {
    /// Nothing but the state changed.
    fn just(reply: Reply) -> Self {
        Self { reply, revision: None, context: None }
    }
}

/// The engine's code panicked: its state must not be used any more.
struct Panicked;

fn name(work: &Work) -> &'static str {
    match work {
        Work::Event(event) => kind(event),
        Work::Topology(_) => "topology",
        Work::Rules(_) => "rules",
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Received { .. } => "received",
        Event::Handle(_) => "handle",
        Event::Report(_) => "report",
        Event::ByLink { .. } => "by_link",
        Event::Afterwards { .. } => "afterwards",
        Event::Silence { .. } => "silence",
        Event::Unsilence { .. } => "unsilence",
        Event::PlanChanges { .. } => "plan_changes",
        Event::PlanOverrides { .. } => "plan_overrides",
        Event::DropOverride { .. } => "drop_override",
        Event::Audit { .. } => "audit",
        Event::Delivered { .. } => "delivered",
        Event::Failed { .. } => "failed",
        Event::Withheld { .. } => "withheld",
        Event::Published { .. } => "published",
        Event::Once { event, .. } => kind(event),
        Event::Quarantine(_) => "quarantine",
        Event::Replay { .. } => "replay",
        Event::Consumed(_) => "consumed",
        Event::Halt { .. } => "halt",
        Event::Seek { .. } => "seek",
        Event::DropQuarantined(_) => "drop_quarantined",
        Event::Retry { .. } => "retry",
        Event::Forget { .. } => "forget",
        Event::TopologyChanged(_) => "topology_changed",
        Event::RulesChanged(_) => "rules_changed",
        Event::Tick => "tick",
    }
}

/// Returns how many alerts a piece of work counts for.
fn weight(work: &Work) -> usize {
    match work {
        Work::Event(Event::Consumed(batch)) => {
            let alerts = batch.records.iter().map(|record| match &record.content {
                Content::Alerts { occurrences, .. } => occurrences.len().max(1),
                Content::Planned { .. } | Content::Unreadable(_) | Content::Nothing => 1,
            });
            alerts.sum::<usize>().max(1)
        }
        Work::Event(event) => event.alerts().map_or(1, |(_, alerts)| alerts.len()).max(1),
        Work::Topology(_) | Work::Rules(_) => 1,
    }
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
