//! Steps of the start that need nothing but the settings and what most parts work with.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::data_dir::{DataDir, Loss};
use super::{Base, DaemonError, disk, options};
use crate::engine::changes::Saved;
use crate::engine::context::Context;
use crate::engine::{State, derive};
use crate::mailbox::Mailbox;
use crate::model::link::Links;
use crate::model::notice::CANARY;
use crate::model::time::Timestamp;
use crate::notify::ChannelError;
use crate::notify::heartbeat::Heartbeat;
use crate::settings::Settings;
use crate::settings::disk::Disk;
use crate::settings::http::Http;
use crate::store::Store;
use crate::store::witness::Witness;
use crate::telemetry::metrics::Metrics;

/// Makes all metrics, for what the settings name.
pub(super) fn metrics(settings: &Settings) -> Result<Arc<Metrics>, DaemonError> {
    let sources: Vec<&str> = settings.sources.keys().map(|name| &**name).collect();
    let channels = settings.channels.keys().map(|name| &**name);
    let channels: Vec<&str> = channels.chain([CANARY]).collect();
    let mut metrics = Metrics::new(&sources, &channels)?;
    let read = settings.sources.iter().filter(|(_, source)| source.kafka.is_some());
    metrics.kafka.expect(&read.map(|(name, _)| &**name).collect::<Vec<_>>())?;
    Ok(Arc::new(metrics))
}

/// Makes the engine's state of what is stored; what each alert is by itself on all processors.
pub(super) fn state(mut saved: Saved, ctx: &Context, now: Timestamp) -> State {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = saved.alerts.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for alerts in saved.alerts.chunks_mut(part) {
            scope.spawn(|| derive(alerts, ctx));
        }
    });
    State::go_on(saved, ctx, now)
}

/// Opens what lies in the data folder.
pub(super) fn open(
    settings: &Settings,
    loss: Loss,
) -> Result<(DataDir, Arc<Store>, Witness), DaemonError> {
    let dir = DataDir::of(settings);
    dir.make()?;
    require_room(&dir.root, settings.disk)?;
    let (store, witness) = dir.open(&options(settings), loss)?;
    Ok((dir, Arc::new(store), witness))
}

/// Refuses to start where there is hardly room for what recovery writes.
fn require_room(root: &Path, limits: Disk) -> Result<(), DaemonError> {
    let free = disk::free(root)?;
    if disk::may_start(free, limits) {
        return Ok(());
    }
    let (folder, needed) = (root.to_owned(), limits.soft / 2);
    Err(DaemonError::NoRoom { folder, free, needed })
}

/// What the notifier is told and tells besides notices.
pub(super) struct Wires {
    pub(super) context: watch::Receiver<Arc<Context>>,
    pub(super) held: watch::Receiver<bool>,
    pub(super) canary: watch::Sender<Timestamp>,
    pub(super) links: Option<Arc<Links>>,
}

/// Makes the wires; returns the other ends too.
///
/// # Errors
/// When the key of links cannot be used.
pub(super) fn wires(
    dir: &DataDir,
    base: &Base<'_>,
    context: watch::Receiver<Arc<Context>>,
) -> Result<(Wires, watch::Sender<bool>, watch::Receiver<Timestamp>), DaemonError> {
    let links = links(&base.settings.http, dir)?;
    let (held_in, held) = watch::channel(dir.is_held());
    let (canary, canary_out) = watch::channel(base.clock.now());
    Ok((Wires { context, held, canary, links }, held_in, canary_out))
}

/// Prepares the links in messages, where people can reach the daemon by them.
fn links(http: &Http, dir: &DataDir) -> Result<Option<Arc<Links>>, DaemonError> {
    let Some(base) = &http.public_url else { return Ok(None) };
    let refused = |error| DaemonError::LinkKey { path: dir.link_key.clone(), error };
    let key = dir.link_key().map_err(refused)?;
    Ok(Some(Arc::new(Links::new(base.as_str(), key, http.link_ttl))))
}

/// Prepares the canary and its way to the monitor elsewhere.
pub(super) fn canary(
    base: &Base<'_>,
    mailbox: Mailbox,
    came: watch::Receiver<Timestamp>,
) -> Result<super::canary::Canary, DaemonError> {
    let settings = &base.settings.canary;
    let heartbeat = settings.heartbeat.as_ref().map(Heartbeat::new).transpose();
    let refused = |error: reqwest::Error| ChannelError { name: CANARY.into(), error: error.into() };
    Ok(super::canary::Canary {
        every: settings.every,
        heartbeat: heartbeat.map_err(refused)?,
        clock: Arc::clone(base.clock),
        mailbox,
        metrics: Arc::clone(base.metrics),
        came,
    })
}
