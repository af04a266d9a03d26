//! Brings committed notices to people: at least once, each under its stable id.
//!
//! Here the outbox is only sent. What is planned, tried again or given up is the engine's decision:
//! every attempt ends in one event for it, and a notice that is to be tried again comes back through
//! [`Outbox::push`] with its new time. So a crash loses nothing that the store still calls pending.
//! Nothing here reads the store; what is to be known of an incident is asked of a [`Reader`].
//!
//! Read `queue` for the order of sending, `attempt` for one attempt, then any channel.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tracing::{error, warn};

use crate::clock::Clock;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::stored::Help;
use crate::model::incident::Incident;
use crate::model::labels::Labels;
use crate::model::link::Links;
use crate::model::notice::{CANARY_INCIDENT, Notice, NoticeId, NoticeState};
use crate::model::time::Timestamp;
use crate::settings::channels::Channel as Setting;
use crate::telemetry::metrics::{Delivery, Metrics};

mod apprise;
mod attempt;
mod backoff;
mod channel;
#[cfg(test)]
mod contract;
mod exec;
pub mod heartbeat;
mod kafka;
#[cfg(test)]
mod kafkasink;
mod log;
mod mail;
#[cfg(test)]
mod mailsink;
mod pagerduty;
mod post;
mod queue;
#[cfg(test)]
mod receivers;
mod sign;
mod slack;
mod target;
mod test_message;
#[cfg(test)]
mod tests;
mod text;
mod webhook;

pub use channel::ChannelError;
pub use test_message::{Rehearsal, Tested, Tester, Unknown};

use attempt::Desk;
use queue::Queue;

/// Commits whose notices may wait for the notifier, which does nothing but take them.
const COMMITS_MAX: usize = 1_024;

/// How long attempts may go on once the daemon stops; reliability.md, "Shutdown".
const STOP: Duration = Duration::from_secs(10);

/// The longest sleep: the monotonic clock that sleeping uses stands still while the machine does.
const SLEEP: Duration = Duration::from_secs(1);

/// When a notice whose attempt ended in a panic is tried again.
const AFTER_PANIC: Duration = Duration::from_mins(1);

/// What a notice tells of its incident, read when it is sent.
#[derive(Clone, Debug)]
pub struct Briefing {
    /// The incident as it is now.
    pub incident: Incident,
    /// Its most telling alerts, the root's first: labels and one line of text. A dozen is enough.
    pub alerts: Vec<(Labels, String)>,
    /// Names of the services that suffer, the most important first; may be empty.
    pub services: Vec<String>,
    /// What helps.
    pub help: Help,
    /// The first of the incidents that are told with it, as far as they can be read.
    pub also: Vec<Incident>,
    /// How the same trouble ended the last time, in words; empty where that is not known.
    pub last_time: String,
}

/// Reads what a notice is about; may block on the disk. `None` when its incident is not there.
pub type Reader = Arc<dyn Fn(&Notice) -> Option<Briefing> + Send + Sync>;

/// What the notifier works with.
pub struct Parts<'a> {
    /// The configured channels by name.
    pub channels: &'a BTreeMap<Box<str>, Setting>,
    /// Tells this daemon's messages from those of others; the same after every start.
    pub installation: &'a str,
    /// The rules in force: contacts and templates.
    pub context: watch::Receiver<Arc<Context>>,
    /// Reads incidents.
    pub reader: Reader,
    /// Takes one event for each attempt: `Delivered`, `Failed` or `Withheld`.
    pub reports: mpsc::Sender<Event>,
    /// True while nothing may be sent.
    pub held: watch::Receiver<bool>,
    /// Learns when the canary that comes through was received.
    pub canary: watch::Sender<Timestamp>,
    /// Makes links by which people answer, where they can reach the daemon.
    pub links: Option<Arc<Links>>,
    /// Tells which notices are due.
    pub clock: Arc<Clock>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Spreads retries of several daemons; any number.
    pub seed: u64,
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// The way in for committed notices.
#[derive(Clone, Debug)]
pub struct Outbox(mpsc::Sender<Vec<Notice>>);

impl Outbox {
    /// Hands over the notices of one commit; those given up are only counted. After the notifier
    /// has stopped nothing happens: what is pending in the store is sent after the next start.
    ///
    /// Waits while 1,024 commits wait already. The caller is therefore a thread of its
    /// own, the engine's, and no task of the runtime.
    pub fn push(&self, notices: Vec<Notice>) {
        use mpsc::error::TrySendError::{Closed, Full};
        if notices.is_empty() {
            return;
        }
        match self.0.try_send(notices) {
            Ok(()) | Err(Closed(_)) => {}
            Err(Full(notices)) => {
                if self.0.blocking_send(notices).is_err() {
                    warn!(
                        "the notifier has stopped; pending notices are sent after the next start"
                    );
                }
            }
        }
    }
}

/// The running notifier.
#[derive(Debug)]
pub struct Notifier {
    tester: Tester,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Notifier {
    /// Starts sending; `pending` is what the store held at the start. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a channel cannot be set up.
    pub fn start(parts: Parts<'_>, pending: Vec<Notice>) -> Result<(Outbox, Self), ChannelError> {
        let (outbox, inbox) = mpsc::channel(COMMITS_MAX);
        let (stop, stopped) = oneshot::channel();
        let (seed, held) = (parts.seed, parts.held.clone());
        let desk = Arc::new(Desk::new(parts)?);
        let tester = Tester::of(&desk.post);
        let mut sender = Sender {
            rolls: backoff::Rolls::new(seed),
            held,
            shelf: BTreeMap::new(),
            desk,
            queue: Queue::default(),
            sends: JoinSet::new(),
            sending: HashMap::new(),
        };
        sender.take(pending.into_iter().filter(|notice| notice.state == NoticeState::Pending));
        let task = tokio::spawn(sender.run(inbox, stopped));
        Ok((Outbox(outbox), Self { tester, stop, task }))
    }

    /// Returns what sends test messages by the same channels.
    pub fn tester(&self) -> Tester {
        self.tester.clone()
    }

    /// Starts no further attempt, gives those under way ten seconds, and waits for all of it.
    pub async fn stop(self) {
        // It may have stopped by itself, when every outbox was dropped.
        drop(self.stop);
        if let Err(error) = self.task.await {
            error!(%error, "the notifier had panicked; pending notices are sent after the next start");
        }
    }
}

/// The loop behind [`Notifier`]; it never waits for a channel, the disk or the engine.
struct Sender {
    desk: Arc<Desk>,
    rolls: backoff::Rolls,
    queue: Queue,
    held: watch::Receiver<bool>,
    /// What waits for the outbox to be let go.
    shelf: BTreeMap<NoticeId, Notice>,
    sends: JoinSet<()>,
    /// What each task of `sends` is about. Not ordered: it is only looked up.
    sending: HashMap<Id, Notice>,
}

impl Sender {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Vec<Notice>>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        loop {
            self.launch();
            let sleep =
                self.queue.wait(self.desk.post.clock.now()).map_or(SLEEP, |wait| wait.min(SLEEP));
            tokio::select! {
                notices = inbox.recv() => match notices {
                    Some(notices) => self.take(notices),
                    None => break,
                },
                Some(done) = self.sends.join_next_with_id() => self.finish(done),
                Ok(()) = self.held.changed() => self.release(),
                () = tokio::time::sleep(sleep) => {}
                _ = &mut stopped => break,
            }
        }
        let rest = async {
            while let Some(done) = self.sends.join_next_with_id().await {
                self.finish(done);
            }
        };
        if tokio::time::timeout(STOP, rest).await.is_err() {
            warn!(
                sends = self.sends.len(),
                "attempts were cut off; they are made again after the next start"
            );
            self.sends.shutdown().await;
        }
    }

    fn take(&mut self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            match notice.state {
                NoticeState::Pending if self.holds(&notice) => {
                    self.shelf.insert(notice.id, notice);
                }
                NoticeState::Pending => self.queue.put(notice),
                NoticeState::Dead => {
                    self.desk.count(&notice, Delivery::Dead);
                    error!(notice.id = %notice.id, notice.kind = %notice.kind, contact = &*notice.contact,
                        last_error = notice.last_error, "a notice was given up; its person does not know");
                }
            }
        }
        self.measure();
    }

    /// True while a notice has to wait for a person; the canary calls nobody.
    fn holds(&self, notice: &Notice) -> bool {
        *self.held.borrow() && notice.id.incident != CANARY_INCIDENT
    }

    fn release(&mut self) {
        if !*self.held.borrow() {
            for notice in core::mem::take(&mut self.shelf).into_values() {
                self.queue.put(notice);
            }
        }
        self.measure();
    }

    fn launch(&mut self) {
        let now = self.desk.post.clock.now();
        while let Some(notice) = self.queue.take(now) {
            let desk = Arc::clone(&self.desk);
            let attempt = desk.attempt(notice.clone(), self.rolls.next());
            let task = self.sends.spawn(attempt);
            self.sending.insert(task.id(), notice);
        }
    }

    fn finish(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match &done {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(notice) = self.sending.remove(&id) else { return };
        self.queue.done(&notice);
        self.measure();
        if let Err(error) = done {
            error!(notice.id = %notice.id, %error, "an attempt to deliver panicked");
            let desk = Arc::clone(&self.desk);
            let event = Event::Failed {
                notice: notice.id,
                channel: notice.channel_name().into(),
                error: "the attempt panicked, see the log".into(),
                retry_in: Some(AFTER_PANIC),
            };
            self.sends.spawn(async move { desk.report(event).await });
        }
    }

    fn measure(&self) {
        let pending = self.queue.len() + self.sending.len() + self.shelf.len();
        let metrics = &self.desk.post.metrics.notify;
        metrics.outbox_held.set(i64::from(*self.held.borrow()));
        metrics.pending_notices.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }
}
