//! Wires the daemon together, starts it and stops it in order.
//!
//! The start is the recovery: whatever was on disk is where it goes on. `driver` runs the engine,
//! `committer` the writes; everything else is tasks around them.

pub mod backups;
mod briefing;
mod canary;
mod committer;
pub mod data_dir;
pub mod demo;
pub mod disk;
mod driver;
mod kafka;
mod next;
mod outbox;
mod poison;
mod publishing;
pub mod reload;
mod retention;
mod service_manager;
mod start;
mod upkeep;
mod validity;

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::rustls;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::cmdb::Topology;
use crate::engine::bulletins::BulletinLimits;
use crate::engine::changes::{Counters, Saved};
use crate::engine::context::{Context, Limits};
use crate::http::accept;
use crate::http::auth::{Gate, Strangers};
use crate::http::tls::{Reloader, TlsError};
use crate::http::{
    self, Doors,
    guard::Hosts,
    operate::{Operations, Readiness},
    stream::{Feed, Teller, feed},
};
use crate::mailbox::{Letters, Mailbox, Work, mailbox};
use crate::model::link::Links;
use crate::model::notice::Notice;
use crate::notify::{ChannelError, Notifier, Outbox, Parts, Tester};
use crate::rules::RuleSet;
use crate::settings::Settings;
use crate::store::witness::Witness;
use crate::store::{Options, Store, StoreError};
use crate::telemetry::metrics::Metrics;

use data_dir::Loss;
use reload::RuleFiles;
use service_manager::StopAsked;
use upkeep::Upkeep;

/// Batches that may wait for the committer: one is written while the next is applied.
const BATCHES_MAX: usize = 1;

/// Reports of deliveries that may wait for the engine.
const REPORTS_MAX: usize = 1_024;

/// How long requests in flight may take once the daemon stops.
const FINISH: Duration = Duration::from_secs(10);

/// What the daemon is started with: checked, nothing left to be found wrong but the world.
#[derive(Debug)]
pub struct Plan {
    /// The settings.
    pub settings: Settings,
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// Where they came from.
    pub rule_files: RuleFiles,
    /// What to do with a store that cannot be proven whole.
    pub loss: Loss,
    /// Where to play a fault on the sample CMDB, if anywhere.
    pub demo: Option<demo::Stage>,
}

/// Why the daemon did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The store cannot be opened or read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A channel cannot be set up.
    #[error("{0}")]
    Channel(#[from] ChannelError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; is another incidentd running there?")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The disk is full.
    #[error("{}: {free} bytes are free on its disk, a start needs {needed}; make room, or lower disk.soft_free", folder.display())]
    NoRoom {
        /// The data folder.
        folder: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed: half of the soft limit.
        needed: u64,
    },
    /// The key that signs links cannot be read or made.
    #[error("{}: the key that signs links cannot be used: {error}", path.display())]
    LinkKey {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A client of Kafka cannot be set up.
    #[error("{0}")]
    Kafka(#[from] crate::kafka::client::ClientError),
    /// Certificate or key cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// A thread or the runtime cannot be started.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The metrics cannot be set up.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The engine ended by itself.
    #[error("the engine ended: {0}")]
    Engine(String),
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start, or when a write failed: then only a restart can tell what is on disk.
pub fn run(plan: Plan) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(plan));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(plan: Plan) -> Result<(), DaemonError> {
    let Plan { settings, rules, rule_files, loss, demo } = plan;
    let metrics = start::metrics(&settings)?;
    let (dir, store, witness) = start::open(&settings, loss)?;
    let (saved, topology) = store.load()?;
    let ctx = context(&settings, Arc::clone(&rules), topology.unwrap_or_else(Topology::empty));
    let clock = clock(&saved.counters);
    let (context_in, context_out) = watch::channel(Arc::clone(&ctx));
    let (letters_in, letters) = mailbox(settings.engine.mailbox_max as usize);
    let base = Base { settings: &settings, store: &store, clock: &clock, metrics: &metrics };
    let (wires, held_in, canary_out) = start::wires(&dir, &base, context_out.clone())?;
    let answers = wires.links.clone();
    let (outbox, notifier, reports) = notifier(&base, &saved, wires)?;
    let forwarder = tokio::spawn(forward(reports, letters_in.clone()));
    info!(alerts = saved.alerts.len(), incidents = saved.incidents.len(), "state is read");
    let (durable_in, durable) = watch::channel(saved.counters.batch);
    let (stop, stopped) = watch::channel(false);
    let (teller, feed) = feed(saved.counters.batch, stopped.clone());
    let tellers = Tellers { context: context_in, durable: durable_in, teller };
    // Whatever may fail comes before the engine's threads: to return while one of them closes the store
    // is to take RocksDB's globals from under it.
    let asked = StopAsked::listen()?;
    let listener = listen(settings.http.listen).await?;
    let (reloader, tls) = certificate(&base)?;
    let canary = start::canary(&base, letters_in.clone(), canary_out.clone())?;
    let signs = (durable.clone(), held_in.subscribe(), stopped.clone());
    let (publisher, publishing) = publishing::prepare(&base, letters_in.clone(), signs)?;
    let plans = kafka::plan(&base)?;
    let mut engine = start_engine(&base, Core { saved, ctx, outbox, letters, witness, tellers })?;

    let (ready_in, ready_out) = watch::channel(Readiness::ready());
    let (operations, lines) = upkeep::lines(&base, canary_out, publishing);
    let wires = kafka::wires(&letters_in, &context_out, &operations, &stopped);
    let paths = Paths { mailbox: letters_in.clone(), tester: notifier.tester(), links: answers };
    let signs = Signs { readiness: ready_out, operations, feed };
    let doors = doors(&base, paths, context_out.clone(), signs);
    let parts = upkeep::Parts {
        canary,
        publisher,
        mailbox: letters_in.clone(),
        stopped: stopped.clone(),
        held: held_in,
        durable,
        lines,
        rules,
        rule_files,
        dir,
        context: context_out,
    };
    let upkeep = Upkeep::start(&base, parts);
    let desk =
        accept::Desk { limits: settings.http.connections, tls, metrics: Arc::clone(&metrics) };
    let server =
        tokio::spawn(accept::serve(listener, http::router(doors), desk, wait_for(stopped)));
    let reloader = reloader.map(|reloader| tokio::spawn(reloader.run()));
    let readers = kafka::start(&base, plans, wires);
    service_manager::ready(settings.http.listen);
    let player = demo.map(|stage| tokio::spawn(demo::play(stage, settings.http.listen)));

    let failed = run_until_the_end(&mut engine, asked).await;
    // In this order: nobody new, whoever is inside finishes, the last sends, the last commit.
    ready_in.send_replace(Readiness::missing("the daemon is stopping"));
    service_manager::stopping();
    player.iter().for_each(tokio::task::JoinHandle::abort);
    stop.send_replace(true);
    see_out(server, "requests were cut off").await;
    readers.stop().await;
    upkeep.stop().await;
    reloader.iter().for_each(tokio::task::JoinHandle::abort);
    notifier.stop().await;
    drop(letters_in);
    see_out(forwarder, "reports of deliveries were cut off; those notices are sent again").await;
    end(engine, failed).await
}

/// Waits until the daemon is to stop; says why where the engine could not go on.
async fn run_until_the_end(engine: &mut Engine, asked: StopAsked) -> Option<String> {
    tokio::select! {
        () = asked.wait() => None,
        failure = &mut engine.ended => Some(failure.unwrap_or_else(|_| "without a word".into())),
    }
}

/// Waits for a task that is about to end, but not for ever.
async fn see_out<T>(task: tokio::task::JoinHandle<T>, otherwise: &str) {
    if tokio::time::timeout(FINISH, task).await.is_err() {
        warn!("after {} s {otherwise}", FINISH.as_secs());
    }
}

/// Starts the clock where the last run stopped; at the wall clock's time before the first.
fn clock(counters: &Counters) -> Arc<Clock> {
    let started = counters.batch > 0;
    Arc::new(Clock::start(started.then_some(counters.now)))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, DaemonError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| DaemonError::Listen { address: address.to_string(), error })
}

/// Waits for the last commit.
async fn end(engine: Engine, failed: Option<String>) -> Result<(), DaemonError> {
    let joined = tokio::task::spawn_blocking(move || engine.join()).await;
    if let Some(why) = failed {
        return Err(DaemonError::Engine(why));
    }
    joined.map_err(|error| DaemonError::Engine(error.to_string()))?;
    info!("stopped");
    Ok(())
}

fn options(settings: &Settings) -> Options {
    Options {
        write_buffer_bytes: settings.storage.write_buffer,
        block_cache_bytes: settings.storage.block_cache,
        wal_bytes_max: settings.storage.wal_max as u64,
    }
}

fn context(settings: &Settings, rules: Arc<RuleSet>, topology: Topology) -> Arc<Context> {
    let limits = Limits {
        alerts_per_source: settings.limits.alerts_per_source,
        deliveries: settings.limits.delivery_ids,
        deliveries_for: settings.limits.delivery_ids_for,
        quarantine: settings.quarantine.records_max,
        quarantine_bytes: settings.quarantine.bytes_max as u64,
        bulletins: settings.events.to.as_ref().map(|_| BulletinLimits {
            waiting_max: settings.events.waiting_max,
            waiting_for: settings.events.waiting_for,
        }),
    };
    Arc::new(Context::new(rules, Arc::new(topology), limits))
}

/// What most parts work with.
struct Base<'a> {
    settings: &'a Settings,
    store: &'a Arc<Store>,
    clock: &'a Arc<Clock>,
    metrics: &'a Arc<Metrics>,
}

fn notifier(
    base: &Base<'_>,
    saved: &Saved,
    wires: start::Wires,
) -> Result<(Outbox, Notifier, mpsc::Receiver<crate::engine::event::Event>), DaemonError> {
    let (reports_in, reports) = mpsc::channel(REPORTS_MAX);
    let parts = Parts {
        channels: &base.settings.channels,
        installation: &base.store.installation()?,
        reader: briefing::reader(Arc::clone(base.store), wires.context.clone()),
        context: wires.context,
        reports: reports_in,
        held: wires.held,
        canary: wires.canary,
        links: wires.links,
        clock: Arc::clone(base.clock),
        metrics: Arc::clone(base.metrics),
        seed: u64::from(std::process::id()),
    };
    let pending: Vec<Notice> = saved.notices.clone();
    let (outbox, notifier) = Notifier::start(parts, pending)?;
    Ok((outbox, notifier, reports))
}

/// Brings what became of notices to the engine; a report must not be lost for want of room.
async fn forward(mut reports: mpsc::Receiver<crate::engine::event::Event>, mailbox: Mailbox) {
    while let Some(report) = reports.recv().await {
        if mailbox.deliver(Work::Event(report)).await.is_err() {
            return;
        }
    }
}

/// What only the engine's threads work with.
struct Core {
    saved: Saved,
    ctx: Arc<Context>,
    outbox: Outbox,
    letters: Letters,
    witness: Witness,
    tellers: Tellers,
}

/// Whom the committer tells.
struct Tellers {
    context: watch::Sender<Arc<Context>>,
    durable: watch::Sender<u64>,
    teller: Teller,
}

/// The engine's two threads.
struct Engine {
    driver: JoinHandle<()>,
    committer: JoinHandle<()>,
    /// Says why, when they end by themselves.
    ended: tokio::sync::oneshot::Receiver<String>,
}

impl Engine {
    /// Waits until the last letter is worked off and written.
    fn join(self) {
        for (name, thread) in [("driver", self.driver), ("committer", self.committer)] {
            if let Err(panic) = thread.join() {
                error!(thread = name, ?panic, "a thread of the engine panicked");
            }
        }
    }
}

fn start_engine(base: &Base<'_>, core: Core) -> Result<Engine, DaemonError> {
    let Core { saved, ctx, outbox, letters, witness, tellers } = core;
    let (orders, order_queue) = sync_channel(BATCHES_MAX);
    let (tell, ended) = tokio::sync::oneshot::channel();
    let desk = committer::Desk {
        store: Arc::clone(base.store),
        outbox,
        metrics: Arc::clone(base.metrics),
        context: tellers.context,
        teller: tellers.teller,
        durable: tellers.durable,
    };
    let committer = std::thread::Builder::new().name("committer".into()).spawn(move || {
        let why = match committer::run(&desk, &order_queue, witness) {
            Ok(()) => "its driver stopped".to_owned(),
            Err(error) => {
                error!(%error, "a commit failed; the daemon ends, a restart shows what is on disk");
                // Not closed: RocksDB tries to recover from a full disk by itself, some seconds at a
                // time, and a close waits for that. There is nothing left for it to write.
                core::mem::forget(Arc::clone(&desk.store));
                error.to_string()
            }
        };
        // In an ordinary stop nobody listens any more.
        drop(tell.send(why));
    })?;
    let desk = driver::Desk {
        clock: Arc::clone(base.clock),
        store: Arc::clone(base.store),
        metrics: Arc::clone(base.metrics),
        orders,
        alerts_max: base.settings.engine.batch_max_alerts as usize,
    };
    let state = start::state(saved, &ctx, base.clock.now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let driver = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || driver::Driver::new(desk, state, ctx).run(&runtime, letters))?;
    Ok(Engine { driver, committer, ended })
}

/// Where the doors lead.
struct Paths {
    mailbox: Mailbox,
    tester: Tester,
    links: Option<Arc<Links>>,
}

/// What the doors show of the daemon, and can ask of it.
struct Signs {
    readiness: watch::Receiver<Readiness>,
    operations: Operations,
    feed: Feed,
}

fn doors(
    base: &Base<'_>,
    Paths { mailbox, tester, links }: Paths,
    context: watch::Receiver<Arc<Context>>,
    signs: Signs,
) -> Doors {
    let settings = base.settings;
    let loopback = settings.http.listen.ip().to_canonical().is_loopback();
    let strangers = if loopback || settings.http.allow_unauthenticated_remote {
        Strangers::Welcome
    } else {
        Strangers::Refused
    };
    let senders = settings.sources.iter().filter(|(_, source)| source.sends_alerts());
    let gate = Gate::new(senders.clone(), settings.users.values(), strangers);
    let sources = senders.map(|(name, source)| {
        (Arc::clone(name), http::Source { format: source.format.clone(), lease: source.lease })
    });
    Doors {
        mailbox,
        tester,
        store: Arc::clone(base.store),
        clock: Arc::clone(base.clock),
        context,
        sources: Arc::new(sources.collect()),
        gate: Arc::new(gate),
        limits: settings.ingest_limits(),
        waiting_max_bytes: settings.http.waiting_max_bytes,
        request_timeout: settings.http.request_timeout,
        hosts: if loopback { Hosts::Loopback } else { Hosts::Any },
        metrics: Arc::clone(base.metrics),
        readiness: signs.readiness,
        operations: signs.operations,
        feed: signs.feed,
        links,
    }
}

type Certificate = (Option<Reloader>, Option<watch::Receiver<Arc<rustls::ServerConfig>>>);

/// Reads the certificate, where there is to be one.
fn certificate(base: &Base<'_>) -> Result<Certificate, DaemonError> {
    let Some(files) = base.settings.http.tls.clone() else { return Ok((None, None)) };
    let (reloader, newest) = Reloader::start(files, Arc::clone(base.metrics))?;
    Ok((Some(reloader), Some(newest)))
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // When the sender is gone the daemon is stopping as well.
    drop(stopped.wait_for(|stopped| *stopped).await);
}
