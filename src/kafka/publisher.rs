//! Publishes bulletins: at least once, those of an incident in their order, each under its id.
//!
//! What waits is in the store; here is only how far it was handed to librdkafka. A bulletin leaves the
//! store when a delivery report says that Kafka has it, so a crash sends it again under the same id.
//! When one is lost all begins again behind the last that was taken.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::client::{ClientError, Link};
use super::cloudevent::{self, Origin};
use super::producer::{Lost, Producer, Promise, Record};
use crate::engine::event::Event;
use crate::mailbox::{Mailbox, Work};
use crate::model::bulletin::Bulletin;
use crate::settings::topic::Topic;
use crate::telemetry::metrics::Metrics;

/// Bulletins that are with librdkafka at a time: some hundred kilobytes, and enough for a batch to each
/// broker while the reports of the one before are stored.
const WINDOW: usize = 1_000;

/// The first and the longest wait after a bulletin was lost.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];

/// How long reports are waited for once the daemon stops.
const STOP: Duration = Duration::from_secs(5);

/// How often it is looked whether something waits, when nobody says so.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads bulletins that wait behind a place, oldest first, at most so many; may block on the disk.
pub type Reader = Arc<dyn Fn(u64, usize) -> Result<Vec<Bulletin>, String> + Send + Sync>;

/// How publishing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Publishing {
    /// Nobody is to get anything.
    #[default]
    Off,
    /// Nothing is published until somebody lets the outbox go after a restore.
    Held,
    /// Nothing is known of the brokers yet.
    Connecting,
    /// Kafka takes what it is given.
    Flowing,
    /// It does not, for this reason.
    Stuck(String),
}

impl fmt::Display for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Held => f.write_str("held since a restore"),
            Self::Connecting => f.write_str("connecting"),
            Self::Flowing => f.write_str("connected"),
            Self::Stuck(why) => f.write_str(why),
        }
    }
}

/// What the publisher works with.
pub struct Parts {
    /// Where bulletins go.
    pub to: Topic,
    /// What events say of where they come from.
    pub origin: Origin,
    /// Reads what waits.
    pub reader: Reader,
    /// Takes what was published.
    pub mailbox: Mailbox,
    /// Changes with each commit.
    pub durable: watch::Receiver<u64>,
    /// True while nothing may be sent.
    pub held: watch::Receiver<bool>,
    /// Learns how it goes.
    pub state: watch::Sender<Publishing>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// True once the daemon stops.
    pub stopped: watch::Receiver<bool>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("to", &self.to).finish_non_exhaustive()
    }
}

/// What became of a bulletin that was handed to a producer.
struct Outcome {
    /// Which producer, counted.
    producer: u32,
    seq: u64,
    result: Result<(), Lost>,
}

/// The running publisher.
pub struct Publisher {
    parts: Parts,
    producer: Producer,
    link: watch::Receiver<Link>,
    /// Counts producers: each is given up when it lost something.
    number: u32,
    /// The last bulletin that was handed over.
    sent: u64,
    /// Those of them whose outcome is not known.
    flying: BTreeSet<u64>,
    /// Those that Kafka has and the store does not know of.
    taken: Vec<u64>,
    outcomes: (mpsc::UnboundedSender<Outcome>, mpsc::UnboundedReceiver<Outcome>),
    /// How long to wait after the next loss.
    wait: Duration,
    /// Why something was lost, until something is taken again.
    lost: Option<String>,
    /// True when this producer lost something: nothing counts that is still with it.
    broken: bool,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// The daemon stops.
struct Stopped;

impl Publisher {
    /// Prepares to publish.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(parts: Parts) -> Result<Self, ClientError> {
        let producer = Producer::new(&parts.to, Promise::InOrder)?;
        let link = producer.link();
        Ok(Self {
            parts,
            producer,
            link,
            number: 0,
            sent: 0,
            flying: BTreeSet::new(),
            taken: Vec::new(),
            outcomes: mpsc::unbounded_channel(),
            wait: WAITS[0],
            lost: None,
            broken: false,
        })
    }

    /// Publishes until the daemon stops; then waits a few seconds for what is on its way.
    pub async fn run(mut self) {
        while self.step().await.is_ok() {}
        let rest = async {
            while !self.flying.is_empty() {
                let Some(outcome) = self.outcomes.1.recv().await else { break };
                self.note(outcome);
            }
        };
        if tokio::time::timeout(STOP, rest).await.is_err() {
            let events = self.flying.len();
            info!(events, "events were not confirmed in time; they are sent again after the start");
        }
        // In vain where the engine is gone; then they are sent again.
        drop(self.report().await);
        let producer = self.producer;
        drop(spawn_blocking(move || drop(producer)).await);
    }

    /// Hands over what waits, waits for something to happen, and notes it.
    async fn step(&mut self) -> Result<(), Stopped> {
        let held = *self.parts.held.borrow_and_update();
        if !held && !self.broken {
            self.fill().await;
        }
        self.tell();
        let mut stopped = self.parts.stopped.clone();
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Err(Stopped),
            Some(outcome) = self.outcomes.1.recv() => self.take(outcome),
            changed = self.parts.durable.changed() => changed.map_err(|_| Stopped)?,
            _ = self.link.changed() => {}
            _ = self.parts.held.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        self.report().await?;
        if self.broken {
            self.begin_again().await?;
        }
        Ok(())
    }

    /// Takes an outcome with all that came with it.
    fn take(&mut self, outcome: Outcome) {
        self.note(outcome);
        while let Ok(outcome) = self.outcomes.1.try_recv() {
            self.note(outcome);
        }
    }

    fn note(&mut self, Outcome { producer, seq, result }: Outcome) {
        match result {
            Ok(()) => {
                self.parts.metrics.events.published.inc();
                self.flying.remove(&seq);
                self.taken.push(seq);
                if producer == self.number && !self.broken {
                    self.wait = WAITS[0];
                    self.lost = None;
                }
            }
            // What is lost by a producer that was given up is known already.
            Err(_) if producer != self.number || self.broken => {}
            Err(Lost { error, .. }) => self.fail(&error),
        }
    }

    /// Notes that a bulletin was lost: all that Kafka does not have is sent again by another producer.
    fn fail(&mut self, error: &ClientError) {
        self.parts.metrics.events.failed.inc();
        let wait_ms = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX);
        warn!(%error, wait_ms, "events are not taken; they wait and are sent again");
        self.lost = Some(error.to_string());
        self.broken = true;
        self.sent = 0;
        self.flying.clear();
    }

    async fn begin_again(&mut self) -> Result<(), Stopped> {
        self.tell();
        let mut stopped = self.parts.stopped.clone();
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Err(Stopped),
            () = tokio::time::sleep(self.wait) => {}
        }
        self.wait = (2 * self.wait).min(WAITS[1]);
        // It was made of these settings before.
        let Ok(new) = Producer::new(&self.parts.to, Promise::InOrder) else { return Ok(()) };
        let old = core::mem::replace(&mut self.producer, new);
        self.link = self.producer.link();
        self.number += 1;
        self.broken = false;
        drop(spawn_blocking(move || drop(old)).await);
        Ok(())
    }

    /// Hands what waits to librdkafka, as much as it may hold.
    async fn fill(&mut self) {
        let room = WINDOW.saturating_sub(self.flying.len());
        if room == 0 {
            return;
        }
        let (reader, after) = (Arc::clone(&self.parts.reader), self.sent);
        let waiting = match spawn_blocking(move || reader(after, room)).await {
            Ok(Ok(waiting)) => waiting,
            Ok(Err(error)) => return error!(error, "events that wait cannot be read"),
            Err(panic) => return error!(%panic, "reading events panicked"),
        };
        for bulletin in &waiting {
            if let Err(lost) = self.send(bulletin) {
                // Full: it goes on when there is room. Anything else is what a report would say.
                if !lost.is_full() {
                    self.fail(&lost.error);
                }
                return;
            }
        }
    }

    fn send(&mut self, bulletin: &Bulletin) -> Result<(), Lost> {
        let (seq, producer) = (bulletin.seq, self.number);
        let outcomes = self.outcomes.0.clone();
        let told = move |result| {
            // Nobody listens any more once the daemon has stopped.
            drop(outcomes.send(Outcome { producer, seq, result }));
        };
        let key = bulletin.incident.to_string();
        let payload = cloudevent::write(bulletin, &self.parts.origin);
        let headers = [("content-type", cloudevent::CONTENT_TYPE)];
        self.producer.send(Record { key: &key, payload: &payload, headers: &headers }, told)?;
        self.sent = seq;
        self.flying.insert(seq);
        Ok(())
    }

    /// Lets the engine know what was published; it is gone from the store when this returns.
    async fn report(&mut self) -> Result<(), Stopped> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let bulletins = core::mem::take(&mut self.taken);
        let event = Event::Published { bulletins };
        self.parts.mailbox.deliver(Work::Event(event)).await.map(|_| ()).map_err(|_| Stopped)
    }

    fn tell(&self) {
        let held = *self.parts.held.borrow();
        let now = match (&self.lost, &*self.link.borrow()) {
            _ if held => Publishing::Held,
            (Some(why), _) | (None, Link::Down(why)) => Publishing::Stuck(why.clone()),
            (None, Link::Connecting) => Publishing::Connecting,
            (None, Link::Up) => Publishing::Flowing,
        };
        self.parts.state.send_if_modified(|state| {
            let differs = *state != now;
            *state = now;
            differs
        });
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
