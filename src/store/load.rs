//! Reads what the engine goes on from, in passes from end to end over what is held.
//!
//! The two that are long, over alerts and over incidents, are shared out among threads: a start waits
//! for them, and most of their time is spent on making records of bytes.

use core::ops::ControlFlow;
use std::thread;

use rocksdb::{DBRawIterator, IteratorMode, ReadOptions};

use super::codec::alert::Head;
use super::schema::Family;
use super::view::View;
use super::{Store, StoreError, overlay, read, schema};
use crate::cmdb::Topology;
use crate::engine::SavedAlert;
use crate::engine::changes::Saved;
use crate::model::alert::Slot;
use crate::model::incident::Incident;
use crate::model::shapes::Shapes;

/// Threads that read at a time, at the most: more wait for each other in the allocator and the cache.
const READERS_MAX: usize = 8;

/// Incidents passed over on the way to the next one that is not closed, before it is looked up: that
/// costs about as much as passing over this many.
const PASSED_MAX: u32 = 8;

impl Store {
    /// Returns everything the engine needs, and the topology where one was ever stored. A new store
    /// gives the default of the first.
    ///
    /// # Errors
    /// When something cannot be read, or one record speaks of another that is missing.
    pub fn load(&self) -> Result<(Saved, Option<Topology>), StoreError> {
        Ok((self.saved()?, self.view().topology()?))
    }

    /// Returns everything the engine needs beside the topology.
    ///
    /// # Errors
    /// As for [`Store::load`].
    pub fn saved(&self) -> Result<Saved, StoreError> {
        let view = self.view();
        Ok(Saved {
            alerts: alerts(&view)?,
            incidents: incidents(&view)?,
            notices: view.all()?,
            policies: view.all()?,
            recurrences: view.all()?,
            silences: view.all()?,
            planned: view.all()?,
            overrides: view.all()?,
            deliveries: view.all()?,
            positions: view.all()?,
            quarantine: view.quarantine_heads()?,
            learned: view.all()?,
            bulletins: view.bulletin_heads()?,
            credits: view.all()?,
            counters: view.counters()?,
        })
    }
}

fn readers() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(READERS_MAX)
}

/// Reads each part on a thread of its own and puts what comes of them together, in their order.
fn together<P: Send, R: Send>(
    parts: impl IntoIterator<Item = P>,
    read: impl Fn(P) -> Result<Vec<R>, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    let read = &read;
    thread::scope(|scope| {
        let parts = parts.into_iter().map(|part| scope.spawn(move || read(part)));
        let parts: Vec<_> = parts.collect();
        let mut all = Vec::new();
        for part in parts {
            let read = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.append(&mut read?);
        }
        Ok(all)
    })
}

/// Incidents that are not closed, and those of which an action is still to be done, by number.
fn incidents(view: &View<'_>) -> Result<Vec<Incident>, StoreError> {
    let keys = |family| {
        let entries = view.entries(family, read::bulk(), IteratorMode::Start);
        entries.map(|entry| Ok(entry?.0)).collect::<Result<Vec<_>, StoreError>>()
    };
    let unclosed = keys(Family::Unclosed)?;
    let parts = unclosed.chunks(unclosed.len().div_ceil(readers()).max(1));
    let mut incidents = together(parts, |keys| indexed(view, keys))?;
    for key in keys(Family::Followed)? {
        let followed = view.indexed(Family::Followed, &key)?;
        // One that is not closed is there already.
        if followed.progress.name().is_over() {
            incidents.push(followed);
        }
    }
    incidents.sort_by_key(|incident| incident.id);
    Ok(incidents)
}

/// Reads the incidents with these keys, which are in order.
fn indexed(view: &View<'_>, keys: &[Box<[u8]>]) -> Result<Vec<Incident>, StoreError> {
    let mut incidents = Vec::with_capacity(keys.len());
    let mut stored = view.scan(Family::Incidents, read::bulk());
    for key in keys {
        go_to(&mut stored, key);
        let found = stored.item().filter(|(found, _)| *found == &**key);
        if let Some((key, value)) = found {
            incidents.push(read::row(key, value)?);
        } else {
            // Says why: it cannot be read, or is not there.
            stored.status().map_err(StoreError::Read)?;
            incidents.push(view.indexed(Family::Unclosed, key)?);
        }
    }
    Ok(incidents)
}

/// Moves on to the first key that is not before this one; it is not behind it.
fn go_to(stored: &mut DBRawIterator<'_>, key: &[u8]) {
    for _ in 0..PASSED_MAX {
        match stored.key() {
            Some(found) if found < key => stored.next(),
            Some(_) => return,
            None => break,
        }
    }
    stored.seek(key);
}

/// The alerts that are held, in the order of their slots.
fn alerts(view: &View<'_>) -> Result<Vec<SavedAlert>, StoreError> {
    let mut last = view.scan(Family::Alerts, ReadOptions::default());
    last.seek_to_last();
    last.status().map_err(StoreError::Read)?;
    let last = last.key().and_then(schema::read_slot).unwrap_or_default();
    let parts = u32::try_from(readers()).unwrap_or(1);
    // Slots have few gaps: equal stretches hold about as many.
    let stretch = last.0 / parts + 1;
    let bound = |part: u32| schema::slot(Slot(stretch.saturating_mul(part)));
    together(0..parts, |part| {
        let (mut alerts, mut shapes) = (Vec::new(), Shapes::default());
        let options = || {
            let mut options = read::bulk();
            options.set_iterate_lower_bound(bound(part));
            if part + 1 < parts {
                options.set_iterate_upper_bound(bound(part + 1));
            }
            options
        };
        heads(view, [options(), options()], &mut |Head { fingerprint, labels, state }| {
            // At once: what a set has in common with others is not to lie about until all are read.
            alerts.push(SavedAlert::new(fingerprint, shapes.fold(&labels), state));
        })?;
        Ok(alerts)
    })
}

/// Shows all alerts that are held, without their text, in the order of their slots.
pub(super) fn each_alert(view: &View<'_>, visit: &mut dyn FnMut(&Head)) -> Result<(), StoreError> {
    heads(view, [read::bulk(), read::bulk()], &mut |head| visit(&head))
}

fn heads(
    view: &View<'_>,
    options: [ReadOptions; 2],
    visit: &mut dyn FnMut(Head),
) -> Result<(), StoreError> {
    overlay::each(view, options, &mut |stored| {
        let mut head = Head::read(stored.key, stored.value).map_err(|it| stored.refused(it))?;
        stored.freshen(&mut head.state)?;
        visit(head);
        Ok(ControlFlow::Continue(()))
    })
}
