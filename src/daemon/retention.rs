//! Finds what has been over for long enough and proposes to the engine to forget it, a little at a
//! time, so that nobody waits behind it.

use core::time::Duration;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::disk::Zone;
use super::wait_for;
use crate::clock::Clock;
use crate::engine::event::{Event, PastEpisode};
use crate::engine::reply::{Forgotten, Reply};
use crate::mailbox::{Mailbox, Work};
use crate::model::incident::IncidentId;
use crate::model::time::Timestamp;
use crate::settings::retention::Retention;
use crate::store::view::{Cursor, Page};
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// How often it looks.
const EVERY: Duration = Duration::from_hours(1);

/// Incidents forgotten by one event; each may have thousands of members.
const INCIDENTS_MAX: usize = 50;

/// Before the first entry of the journal.
const FIRST: (Timestamp, u64) = (Timestamp::from_millis(i64::MIN), 0);

/// Episodes forgotten by one event.
const EPISODES_MAX: usize = 1_000;

/// The task that keeps the store from growing without end.
pub(super) struct Keeper {
    pub(super) settings: Retention,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    pub(super) mailbox: Mailbox,
    pub(super) metrics: Arc<Metrics>,
    /// How much room the disk has.
    pub(super) zone: watch::Receiver<Zone>,
}

/// Why a round was broken off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Engine(String),
}

impl Keeper {
    /// Forgets every hour, and at once when the disk runs full, until the daemon stops.
    pub(super) async fn run(mut self, stopped: watch::Receiver<bool>) {
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        let mut next = self.clock.now();
        loop {
            let wait = next.since(self.clock.now()).min(Duration::from_mins(1));
            tokio::select! {
                () = &mut stopped => return,
                Ok(()) = self.zone.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            let zone = *self.zone.borrow();
            let early = zone == Zone::Hard;
            if !early && self.clock.now() < next {
                continue;
            }
            next = self.clock.now().plus(EVERY);
            let keep = if early { halved(self.settings) } else { self.settings };
            let round = self.round(keep);
            tokio::select! {
                () = &mut stopped => return,
                done = round => match done {
                    Ok(done) => self.finish(done, zone).await,
                    Err(broken) => error!(error = %broken, "what is old could not be forgotten"),
                },
            }
        }
    }

    async fn finish(&self, done: Forgotten, zone: Zone) {
        if done == Forgotten::default() {
            return;
        }
        let Forgotten { incidents, episodes, refused } = done;
        info!(incidents, episodes, refused, disk = zone.name(), "what is old is forgotten");
        if zone == Zone::Hard {
            // What was deleted takes room until its files are packed anew.
            let store = Arc::clone(&self.store);
            if let Err(panic) = spawn_blocking(move || store.compact()).await {
                error!(%panic, "packing the store panicked");
            }
        }
    }

    /// Proposes everything that is older than `keep` says.
    async fn round(&self, keep: Retention) -> Result<Forgotten, Broken> {
        let now = self.clock.now();
        let mut done = Forgotten::default();
        loop {
            let before = now.minus(keep.incidents);
            let incidents =
                self.look(move |store| store.view().closed_before(before, INCIDENTS_MAX)).await?;
            let found = incidents.len();
            let step = self.propose(forget(incidents, Vec::new())).await?;
            done.add(step);
            // The refused would be found again and again.
            if found < INCIDENTS_MAX || step.incidents == 0 {
                break;
            }
        }
        self.journal(now.minus(keep.journal)).await?;
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.episodes(now.minus(keep.episodes), after.take()).await?;
            let episodes = page.items;
            done.add(self.propose(forget(Vec::new(), episodes)).await?);
            after = page.next;
            if after.is_none() {
                return Ok(done);
            }
        }
    }

    /// Has the journal's entries from before `before` forgotten, at once: they are one range.
    async fn journal(&self, before: Timestamp) -> Result<(), Broken> {
        let oldest = self.look(move |store| store.view().journal(FIRST, before, 1)).await?;
        if !oldest.is_empty() {
            let (incidents, episodes) = (Vec::new(), Vec::new());
            let journal_before = Some(before);
            self.propose(Event::Forget { incidents, episodes, journal_before }).await?;
        }
        Ok(())
    }

    async fn episodes(
        &self,
        before: Timestamp,
        after: Option<Cursor>,
    ) -> Result<Page<PastEpisode>, Broken> {
        self.look(move |store| store.view().ended_before(before, after.as_ref(), EPISODES_MAX))
            .await
    }

    async fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Broken> {
        let store = Arc::clone(&self.store);
        let looked = spawn_blocking(move || job(&store)).await;
        Ok(looked.map_err(|panic| Broken::Engine(panic.to_string()))??)
    }

    async fn propose(&self, event: Event) -> Result<Forgotten, Broken> {
        if matches!(&event, Event::Forget { incidents, episodes, journal_before: None }
            if incidents.is_empty() && episodes.is_empty())
        {
            return Ok(Forgotten::default());
        }
        match self.mailbox.deliver(Work::Event(event)).await {
            Ok(Reply::Forgotten(done)) => {
                self.metrics.retention.forgotten(&done);
                Ok(done)
            }
            Ok(other) => Err(Broken::Engine(format!("the engine answered with {other:?}"))),
            Err(busy) => Err(Broken::Engine(busy.to_string())),
        }
    }
}

fn forget(incidents: Vec<IncidentId>, episodes: Vec<PastEpisode>) -> Event {
    Event::Forget { incidents, episodes, journal_before: None }
}

/// Half of what is kept, where there is no room for all of it.
fn halved(keep: Retention) -> Retention {
    Retention {
        incidents: keep.incidents / 2,
        episodes: keep.episodes / 2,
        journal: keep.journal / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::Topology;
    use crate::engine::State;
    use crate::engine::context::{Context, Limits};
    use crate::ingest::{Decoded, Format, Limits as Bounds, Terms, decode};
    use crate::mailbox::{Letter, mailbox};
    use crate::rules::RuleSet;
    use crate::store::Options;

    const DAY: Duration = Duration::from_hours(24);

    fn delivery(body: &str, now: Timestamp) -> Event {
        let limits = Bounds::default();
        let terms = Terms { received: now, lease: DAY, limits: &limits };
        let Decoded { occurrences, .. } = decode(Format::Native, body.as_bytes(), &terms).unwrap();
        Event::Received { source: "t".into(), occurrences }
    }

    /// A store of yesterday: sixty incidents that are closed, and one that is not.
    fn engine(store: &Store, now: Timestamp) -> (State, Context) {
        let topology = Arc::new(Topology::empty());
        let ctx = Context::new(Arc::new(RuleSet::builtin()), topology, Limits::default());
        let mut state = State::restore(crate::engine::changes::Saved::default(), &ctx, now);
        let mut happen = |event: &Event, at| {
            while let Some(due) = state.next_due().filter(|due| *due <= at) {
                state.apply(&ctx, &Event::Tick, due);
            }
            state.apply(&ctx, event, at);
            store.commit(&state.drain(&ctx), &[]).unwrap();
        };
        for n in 0..60 {
            let fires = format!(r#"{{"labels": {{"alertname": "A{n}"}}}}"#);
            happen(&delivery(&fires, now), now);
            let over = fires.replace("}}", r#"}, "status": "resolved"}"#);
            happen(&delivery(&over, now), now);
        }
        let later = now.plus(30 * DAY);
        happen(&delivery(r#"{"labels": {"alertname": "Open"}}"#, later), later);
        (state, ctx)
    }

    #[tokio::test]
    async fn what_is_older_than_the_setting_is_forgotten_in_steps_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Options::default()).unwrap());
        let clock = Arc::new(Clock::start(None));
        let now = clock.now();
        let (mut state, ctx) = engine(&store, now.minus(31 * DAY));
        let (mailbox, mut letters) = mailbox(4);
        let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
        let settings = Retention { incidents: 400 * DAY, episodes: 30 * DAY, journal: 30 * DAY };
        let keeper = Keeper {
            settings,
            store: Arc::clone(&store),
            clock,
            mailbox,
            metrics: Arc::clone(&metrics),
            zone: watch::channel(Zone::Normal).1,
        };
        let written = Arc::clone(&store);
        let engine = std::thread::spawn(move || {
            let mut steps = 0;
            while let Some(Letter { work, reply }) = letters.blocking_recv() {
                let Work::Event(event) = work else { panic!("{work:?}") };
                let answer = state.apply(&ctx, &event, now);
                written.commit(&state.drain(&ctx), &[]).unwrap();
                reply.send(answer).unwrap();
                steps += 1;
            }
            steps
        });
        let done = keeper.round(settings).await.unwrap();
        assert_eq!(done, Forgotten { incidents: 0, episodes: 60, refused: 0 });
        let done = keeper.round(Retention { incidents: 20 * DAY, ..settings }).await.unwrap();
        assert_eq!(done, Forgotten { incidents: 60, episodes: 0, refused: 0 });
        let text = metrics.encode().unwrap();
        let series = "incidentd_retention_forgotten_records_total";
        for (what, count) in [("incidents", 60), ("episodes", 60)] {
            assert!(text.contains(&format!("{series}{{what=\"{what}\"}} {count}\n")), "{text}");
        }
        drop(keeper);
        assert_eq!(
            engine.join().unwrap(),
            4,
            "journal and episodes at once, incidents in two steps"
        );
        let keys = |name| store.sizes().unwrap().iter().find(|it| it.family == name).unwrap().keys;
        assert_eq!((keys("incidents"), keys("members"), keys("episodes")), (1, 1, 0));
        assert_eq!(keys("journal"), 2, "the one that was open has begun and lapsed");
        assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    }
}
