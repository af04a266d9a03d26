//! Kafka as a door and as a way out: records in, each exactly once; events about incidents out.
//!
//! `client` is what every client of a cluster shares: its configuration, its voice in the log, and
//! errors in words that say what to do; `token` is what some brokers ask for. In: `reader` is the thread of one source: `follow` keeps to
//! its partitions, `flow` hands batches to the engine and takes what comes back; `record` makes alerts of
//! records, and rows of those of a topic that is a table; `table` hands rows of the CMDB over as one change of it, once
//! they are `gathered`; `track` decides where to begin, or why not to; `dead_letters` tells others of what
//! could not be read. Offsets are the engine's: they are stored with what the records caused, and
//! what a group of Kafka remembers is for tools alone. Out: `cloudevent` says what is written, `publisher` sees to it that it arrives,
//! `producer` hands records over.

pub mod client;
pub mod cloudevent;
mod dead_letters;
mod ear;
pub mod examine;
mod flow;
mod follow;
mod gathered;
pub mod producer;
pub mod publisher;
mod reader;
pub mod record;
mod table;
mod token;
mod track;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::config::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::cmdb::{Revision, Topology};
use crate::engine::context::Context;
use crate::ingest::Limits;
use crate::mailbox::{Mailbox, NewTopology};
use crate::model::partition::Position;
use crate::settings::kafka::Cluster;
use crate::settings::sources::Source;
use crate::telemetry::metrics::Metrics;

use client::{ClientError, Watch};
use reader::Reader;
use record::Reading;

/// How long a thread may take to stop: librdkafka waits for its brokers.
const STOP: Duration = Duration::from_secs(8);

/// Reads the committed positions of a source; says why it cannot.
pub type Positions = Arc<dyn Fn(&str) -> Result<Vec<Position>, String> + Send + Sync>;

/// Makes what the engine takes over of a topology that was made of what is in force; says why it cannot.
pub type Ready =
    Arc<dyn Fn(Arc<Context>, (Topology, Revision)) -> Result<NewTopology, String> + Send + Sync>;

/// What the threads work with.
#[derive(Clone)]
pub struct Parts {
    /// Takes what was read.
    pub mailbox: Mailbox,
    /// Reads the committed positions.
    pub positions: Positions,
    /// Gets the next topology ready.
    pub ready: Ready,
    /// What is in force: rules for mappings, and the topology.
    pub context: watch::Receiver<Arc<Context>>,
    /// True while nothing may come in.
    pub refuses: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Tells the receipt time.
    pub clock: Arc<Clock>,
    /// Counts what happens here.
    pub metrics: Arc<Metrics>,
    /// Turns true when the daemon stops.
    pub stopped: watch::Receiver<bool>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The threads that read from Kafka.
#[derive(Debug, Default)]
pub struct Readers(Vec<(Arc<str>, oneshot::Receiver<()>)>);

/// A source that is to be read.
pub struct Plan(reader::Task);

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.0.reading.source).finish()
    }
}

/// Says what is to be read; connects to nobody.
///
/// # Errors
/// When librdkafka does not take what the settings say.
pub fn plan(
    sources: &BTreeMap<Arc<str>, Source>,
    clusters: &BTreeMap<Arc<str>, Arc<Cluster>>,
    limits: &Limits,
) -> Result<Vec<Plan>, ClientError> {
    let mut plans = Vec::new();
    for (name, source) in sources {
        let Some(topics) = &source.kafka else { continue };
        // The settings are refused where there is none.
        let Some(cluster) = clusters.get(&topics.cluster) else { continue };
        plans.push(Plan(reader::Task {
            reading: Reading {
                source: Arc::clone(name),
                format: source.format.clone(),
                carries: topics.carries,
                envelope: topics.envelope,
                lease: source.lease,
                limits: limits.clone(),
            },
            topics: topics.clone(),
            config: consumer(name, &topics.cluster, cluster)?,
            producer: client::configure(&topics.cluster, cluster)?,
            watch: Watch::new(&topics.cluster, cluster),
        }));
    }
    Ok(plans)
}

/// Starts a thread for each source. None of them needs a broker that answers.
pub fn start(plans: Vec<Plan>, parts: &Parts) -> Readers {
    let mut readers = Readers::default();
    let handle = Handle::current();
    for Plan(task) in plans {
        let name = Arc::clone(&task.reading.source);
        let cluster = Arc::clone(&task.topics.cluster);
        let reader = Reader::new(task, parts.clone(), handle.clone());
        let (done, ended) = oneshot::channel();
        let started = std::thread::Builder::new().name(format!("kafka {name}")).spawn(move || {
            reader.run();
            // Nobody waits any more when the daemon gave up on this thread.
            done.send(()).ok();
        });
        match started {
            Ok(_) => {
                info!(source = &*name, cluster = &*cluster, "reads from Kafka");
                readers.0.push((name, ended));
            }
            Err(error) => error!(source = &*name, %error, "its thread cannot be started"),
        }
    }
    readers
}

/// Options of a consumer; a source reads with a group of its own, which it never joins.
fn consumer(source: &str, name: &str, cluster: &Cluster) -> Result<ClientConfig, ClientError> {
    let mut config = client::configure(name, cluster)?;
    for (option, value) in [
        // 16 MiB that wait in memory, for each source.
        ("queued.max.messages.kbytes", "16384"),
        // Once they are full, librdkafka looks away for a second by default, in which they are read
        // and nothing follows: alerts that came again were read at a third of this machine's rate.
        ("fetch.queue.backoff.ms", "10"),
        // So that a broker that comes back is found soon.
        ("reconnect.backoff.max.ms", "5000"),
    ] {
        if !cluster.options.contains_key(option) {
            config.set(option, value);
        }
    }
    config
        .set("group.id", format!("incidentd.{source}"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "2000");
    Ok(config)
}

impl Readers {
    /// Waits until all threads have stopped; gives up on one that takes too long, for it may wait for
    /// a broker that does not answer.
    pub async fn stop(self) {
        for (source, ended) in self.0 {
            // An error means that the thread is gone, which is what is waited for.
            if tokio::time::timeout(STOP, ended).await.is_err() {
                warn!(source = &*source, "the client of Kafka does not stop; it is left behind");
            }
        }
    }
}
