//! Rows of topics that hold a CMDB: gathered until they are one change of the topology, which the engine
//! takes over with the offsets of the records in one commit.
//!
//! A first read of a hundred thousand rows is a few changes, not a hundred thousand. What is gathered
//! and not taken over is read again: a row counts as often as one likes. The engine takes a topology
//! only on that which it was made of, so one that a person imported meanwhile is never overwritten.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{info, warn};

use super::flow::Taken;
use super::gathered::Gathered;
use super::reader::{End, PATIENCE, Place, Reader, Session};
use crate::clock;
use crate::cmdb::{self, Change, Delta, Difference, Revision, Rows, Topology, diff, topic_source};
use crate::engine::context::Context;
use crate::engine::event::{Consumed, Event, Record};
use crate::engine::reply::{Consumption, Reply};
use crate::mailbox::Work;
use crate::telemetry::kafka::Table;

/// How many times as long as making a change took nothing is made: each costs a look at the whole CMDB,
/// and a topic that never rests shall have a fifth of a core.
const REST: u32 = 4;

/// How often a change is made again when the CMDB or the rules change under it.
const ATTEMPTS_MAX: usize = 5;

/// Why a table is not read on whose rows the engine cannot take over.
const BROKEN: &str = "taking over what its rows make of the CMDB broke the engine, a fault of \
                      incidentd; the log says where. Then `incidentd kafka resume`";

/// What became of an attempt to hand rows over.
enum Outcome {
    Landed,
    /// The topology was made of another one than is in force by now.
    Outdated,
}

impl Session<'_> {
    /// Puts a row with the others.
    pub(super) fn gather(&mut self, place: Place, taken: Taken) {
        let reading = &self.reader.task.reading;
        let read = taken.seen(|raw| reading.row(raw));
        self.gathered.add(place, taken, read);
    }

    /// Makes one change of the rows that are gathered, once it is time.
    pub(super) fn settle(&mut self) -> Result<(), End> {
        let began = clock::monotonic();
        if !self.gathered.is_due(began) {
            return Ok(());
        }
        for _ in 0..ATTEMPTS_MAX {
            match self.propose()? {
                Outcome::Landed => {
                    // Nothing could be heard meanwhile.
                    let now = clock::monotonic();
                    for track in self.tracks.values_mut() {
                        track.heard_at = now;
                    }
                    let rests = now + now.saturating_sub(began) * REST;
                    self.gathered = Gathered { rests, ..Gathered::default() };
                    return Ok(());
                }
                Outcome::Outdated => self.reader.rest(PATIENCE),
            }
        }
        Err(End::Again(
            "the CMDB, the rules or the position changed under rows that were read".into(),
        ))
    }

    /// Hands the rows over as a change of the topology in force.
    fn propose(&mut self) -> Result<Outcome, End> {
        let base = Arc::clone(&self.reader.parts.context.borrow());
        let now = self.reader.parts.clock.now();
        let reading = &self.reader.task.reading;
        let source = topic_source(&reading.source);
        let taken = match cmdb::take(&base.topology, (&source, &self.gathered.said), now) {
            Ok(taken) => taken,
            Err(problems) => return self.halt_all(&words(&problems)),
        };
        self.gathered.refuse(taken.refused, |row, why| {
            row.seen(|raw| reading.unreadable(raw, (raw.value, why)))
        });
        let old = base.topology.rows();
        let difference = diff(&old, &taken.rows);
        if difference.is_empty() {
            return self.pass_over();
        }
        let made = self.next(&base, (&old, taken.rows), &difference)?;
        let Some(made) = made else { return Ok(Outcome::Landed) };
        let mut new = (self.reader.parts.ready)(base, made).map_err(End::Again)?;
        new.read = self.batches();
        // Held until the engine is done with them, so that it is not the one to free them.
        let used = (Arc::clone(&new.base), Arc::clone(&new.forecast));
        let context = Arc::clone(&new.context);
        let mailbox = self.reader.parts.mailbox.clone();
        let work = Work::Topology(Box::new(new));
        let reply = self.reader.handle.block_on(mailbox.deliver(work));
        drop(used);
        match reply {
            Ok(Reply::Done) => {
                self.announce(&context, &difference)?;
                self.landed_rows();
                Ok(Outcome::Landed)
            }
            Ok(Reply::Outdated) => Ok(Outcome::Outdated),
            Ok(other) => Err(End::Again(format!("the engine answered rows with {other:?}"))),
            Err(_) if *self.reader.parts.stopped.borrow() => Err(End::Stopped),
            Err(_) => self.halt_all(BROKEN),
        }
    }

    /// Makes the next version; nothing where that cannot be, and the partitions are halted.
    fn next(
        &mut self,
        base: &Context,
        (old, rows): (&Rows, Rows),
        difference: &Difference,
    ) -> Result<Option<(Topology, Revision)>, End> {
        let now = self.reader.parts.clock.now();
        let version = base.topology.version() + 1;
        let delta = Delta::between(old, &rows);
        let topology = match Topology::at(version, rows, now) {
            Ok(topology) => topology,
            Err(problems) => {
                self.halt_all(&words(&problems))?;
                return Ok(None);
            }
        };
        let topics: BTreeSet<&str> =
            self.gathered.parts.keys().map(|(topic, _)| &**topic).collect();
        let topics = topics.into_iter().collect::<Vec<_>>().join(", ");
        let what = format!("{} records of {topics}", self.gathered.records());
        let by = topic_source(&self.reader.task.reading.source);
        let change = Change::new(version, now, &by, &what).count(difference);
        Ok(Some((topology, Revision { delta, change })))
    }

    /// Moves the offsets past rows that change nothing.
    fn pass_over(&mut self) -> Result<Outcome, End> {
        for batch in self.batches() {
            self.ask(Event::Consumed(Box::new(batch)))?;
        }
        self.landed_rows();
        Ok(Outcome::Landed)
    }

    /// Returns the records that were gathered as batches of their partitions.
    fn batches(&self) -> Vec<Consumed> {
        let parts = self.gathered.parts.iter();
        let batch = |(place, records): (&Place, &Vec<Record>)| {
            let track = self.tracks.get(place)?;
            Some(Consumed {
                partition: self.partition(place),
                cluster: self.cluster.clone().unwrap_or_default(),
                turn: track.position.turn,
                first: track.position.next,
                is_late: false,
                records: records.clone(),
            })
        };
        parts.filter_map(batch).collect()
    }

    /// Notes that what was gathered is stored.
    fn landed_rows(&mut self) {
        let source = &self.reader.task.reading.source;
        for (place, records) in &self.gathered.parts {
            let bad = self.gathered.bad.iter().filter(|(of, ..)| of == place).count();
            let unreadable = u32::try_from(bad).unwrap_or(u32::MAX);
            let done = Consumption { unreadable, ..Consumption::default() };
            self.reader.parts.metrics.kafka.consumed(source, records.len(), &done);
            if let (Some(track), Some(last)) = (self.tracks.get_mut(place), records.last()) {
                track.position.next = last.offset + 1;
            }
        }
        let letters: Vec<_> =
            self.gathered.bad.iter().map(|(_, row, why)| row.dead(why.clone())).collect();
        if !letters.is_empty() {
            self.reader.dead_letters.send(&letters);
            // They may have been so many that a partition is halted.
            self.due.look = Duration::ZERO;
        }
    }

    /// Tells what the rows changed.
    fn announce(&mut self, context: &Context, difference: &Difference) -> Result<(), End> {
        let source = Arc::clone(&self.reader.task.reading.source);
        let by = topic_source(&source);
        let table = Table {
            added: difference.cis_added.count + difference.relations_added.count,
            changed: difference.attributes.count + difference.facts.count,
            removed: difference.removed(),
            waiting: waiting(context, &by),
        };
        self.reader.parts.metrics.kafka.table(&source, &table);
        let Table { added, changed, removed, waiting } = table;
        let version = context.topology.version();
        let said =
            format!("version {version}: {added} added, {changed} changed, {removed} removed");
        let objects = context.topology.ci_count() + context.topology.relation_count() + removed;
        if difference.is_large(objects) {
            warn!(
                source = &*source,
                version,
                added,
                changed,
                removed,
                waiting,
                "a topic takes much of the CMDB away, {said}"
            );
        } else {
            info!(
                source = &*source,
                version, added, changed, removed, waiting, "the CMDB follows its topic, {said}"
            );
        }
        if removed == 0 {
            return Ok(());
        }
        let deed = Event::Audit {
            by: by.into(),
            action: "changed".into(),
            object: "cmdb".into(),
            detail: said,
        };
        let mailbox = self.reader.parts.mailbox.clone();
        let told = self.reader.handle.block_on(mailbox.deliver(Work::Event(deed)));
        told.map(|_| ()).map_err(|_| End::Stopped)
    }

    /// Stops the partitions whose rows cannot be taken over, before them.
    fn halt_all(&mut self, why: &str) -> Result<Outcome, End> {
        let places: Vec<Place> = self.gathered.parts.keys().cloned().collect();
        for place in places {
            let Some(position) = self.tracks.get(&place).map(|track| track.position.clone()) else {
                continue;
            };
            self.halt(&place, &position, why.to_owned())?;
        }
        self.assign()?;
        Ok(Outcome::Landed)
    }
}

impl Reader {
    /// Counts the relations that wait since before this start.
    pub(super) fn count_waiting(&self) {
        let source = &self.task.reading.source;
        let waiting = waiting(&self.parts.context.borrow(), &topic_source(source));
        let table = Table { waiting, ..Table::default() };
        self.parts.metrics.kafka.table(source, &table);
    }
}

/// Counts the relations of a source that wait for a CI or for their type.
fn waiting(context: &Context, by: &str) -> usize {
    context.topology.waiting().filter(|(row, _)| row.is_by(by)).count()
}

fn words(problems: &[cmdb::Problem]) -> String {
    let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!(
        "its rows do not go with the CMDB: {}. Correct them or the CMDB, then `incidentd kafka resume`",
        words.join("; ")
    )
}
