//! Which partitions are followed, and from where: what the brokers say of them against what is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::{error, info};

use super::client::ClientError;
use super::reader::{ANSWER, End, Place, STALLED, Session, Track};
use super::track::{self, Extent, Verdict};
use crate::clock;
use crate::engine::event::{Consumed, Event};
use crate::engine::reply::{Consumption, Reply};
use crate::mailbox::Work;
use crate::model::partition::{Edge, Halted, Partition, Position};
use crate::telemetry::kafka::Standing;

impl Session<'_> {
    /// Asks the brokers which partitions there are; false when not all is known.
    pub(super) fn discover(&mut self) -> Result<bool, End> {
        let topics = self.reader.task.topics.topics.clone();
        let mut is_known = true;
        let mut changed = false;
        for topic in topics {
            let numbers = match self.partitions_of(&topic) {
                Ok(numbers) => numbers,
                Err(error) => {
                    // What the brokers have against us is told while it is polled.
                    self.take()?;
                    self.hand_on()?;
                    self.reader.task.watch.failed(&error);
                    self.away();
                    return Ok(false);
                }
            };
            let cluster = self.consumer.client().fetch_cluster_id(ANSWER).unwrap_or_default();
            if self.cluster.as_deref().is_some_and(|known| *known != *cluster) {
                return Err(End::Again("the brokers belong to another cluster than before".into()));
            }
            self.cluster = Some(cluster.into());
            let stored = self.stored()?;
            for number in &numbers {
                let place = (Arc::clone(&topic), *number);
                if self.tracks.get(&place).is_some_and(|track| !track.runs()) {
                    self.measure(&place);
                } else if !self.tracks.contains_key(&place) {
                    changed = true;
                    let position = stored.get(&place).cloned();
                    is_known &= self.begin(place, position)?;
                }
            }
            let gone = stored.iter().filter(|((of, number), position)| {
                *of == topic && !numbers.contains(number) && position.halted.is_none()
            });
            for (place, position) in gone {
                changed = true;
                self.halt(place, position, track::missing(position))?;
            }
        }
        if changed {
            self.assign()?;
        }
        if is_known {
            self.reader.task.watch.answered();
            self.reader.parts.metrics.kafka.connected(&self.reader.task.reading.source);
        }
        Ok(is_known)
    }

    fn away(&self) {
        self.reader.parts.metrics.kafka.away(&self.reader.task.reading.source);
    }

    pub(super) fn partitions_of(&self, topic: &str) -> Result<Vec<u32>, ClientError> {
        let cluster = &self.reader.task.topics.cluster;
        let failed = |error: KafkaError| ClientError::of(cluster, Some(topic), &error, "");
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER).map_err(failed)?;
        let Some(found) = metadata.topics().iter().find(|it| it.name() == topic) else {
            return Err(failed(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopic)));
        };
        if let Some(error) = found.error() {
            return Err(failed(KafkaError::MetadataFetch(error.into())));
        }
        if found.partitions().is_empty() {
            return Err(failed(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopic)));
        }
        Ok(found.partitions().iter().filter_map(|it| u32::try_from(it.id()).ok()).collect())
    }

    pub(super) fn stored(&self) -> Result<BTreeMap<Place, Position>, End> {
        let source = &self.reader.task.reading.source;
        let positions = (self.reader.parts.positions)(source);
        let positions = positions.map_err(|why| {
            error!(why, "positions cannot be read");
            End::Again(why)
        })?;
        let place = |it: &Position| (Arc::clone(&it.partition.topic), it.partition.number);
        Ok(positions.into_iter().map(|it| (place(&it), it)).collect())
    }

    /// Begins to follow a partition; false when the brokers do not say how far it reaches.
    pub(super) fn begin(&mut self, place: Place, stored: Option<Position>) -> Result<bool, End> {
        let (topic, number) = (&place.0, place.1);
        let marks = self.consumer.fetch_watermarks(topic, number.cast_signed(), ANSWER);
        let extent = match marks {
            Ok((low, high)) => Extent {
                cluster: self.cluster.clone().unwrap_or_default(),
                low: u64::try_from(low).unwrap_or(0),
                high: u64::try_from(high).unwrap_or(0),
            },
            Err(error) => {
                let cluster = &self.reader.task.topics.cluster;
                let error = ClientError::of(cluster, Some(topic), &error, "");
                self.reader.task.watch.failed(&error);
                self.away();
                return Ok(false);
            }
        };
        let position = match stored {
            Some(it) if it.edge.is_none() || it.halted.is_some() => it,
            stored => self.first(&place, stored.as_ref(), &extent)?,
        };
        let (mut begin, mut compare) = (position.next, None);
        match track::judge(&position, &extent) {
            Verdict::Read(from) => begin = from,
            Verdict::Compare { at, mark } => compare = Some((at, mark)),
            Verdict::Halted => {}
            Verdict::Halt(why) => {
                self.halt(&place, &position, why)?;
                self.reaches(&place, extent.high);
                return Ok(true);
            }
        }
        let track = Track {
            told_late: position.is_late,
            position,
            taken: begin,
            compare,
            end: 0,
            high: extent.high,
            heard_at: clock::monotonic(),
        };
        self.tracks.insert(place, track);
        Ok(true)
    }

    /// Has the engine know from where a partition is read that was never read, or that a person sent
    /// to one of its ends.
    pub(super) fn first(
        &mut self,
        place: &Place,
        stored: Option<&Position>,
        extent: &Extent,
    ) -> Result<Position, End> {
        let (edge, turn) = match stored {
            Some(it) => (it.edge.unwrap_or(Edge::Beginning), it.turn),
            None => (self.reader.task.topics.start, 0),
        };
        let first = match edge {
            Edge::Beginning => extent.low,
            Edge::End => extent.high,
        };
        let partition = self.partition(place);
        info!(%partition, offset = first, "begins to be read");
        let batch = Consumed {
            partition: partition.clone(),
            cluster: extent.cluster.clone(),
            turn,
            first,
            is_late: false,
            records: Vec::new(),
        };
        let done = self.ask(Event::Consumed(Box::new(batch)))?;
        Ok(Position {
            partition,
            cluster: extent.cluster.clone(),
            next: done.next,
            edge: None,
            mark: None,
            turn: done.turn,
            is_late: false,
            halted: None,
            minute: 0,
            good: 0,
            bad: 0,
        })
    }

    pub(super) fn partition(&self, (topic, number): &Place) -> Partition {
        let source = Arc::clone(&self.reader.task.reading.source);
        Partition { source, topic: Arc::clone(topic), number: *number }
    }

    /// Has the engine stop a partition, and follows it as one that is stopped.
    pub(super) fn halt(
        &mut self,
        place: &Place,
        position: &Position,
        why: String,
    ) -> Result<(), End> {
        let partition = self.partition(place);
        error!(%partition, "halted: {why}");
        let done = self.ask(Event::Halt { partition, why: why.clone() })?;
        let halted = Halted { at: self.reader.parts.clock.now(), why: why.into() };
        let position = Position { turn: done.turn, halted: Some(halted), ..position.clone() };
        self.open.remove(place);
        self.gathered.forget(place);
        let track = Track {
            taken: position.next,
            position,
            compare: None,
            told_late: false,
            end: 0,
            high: 0,
            heard_at: clock::monotonic(),
        };
        self.tracks.insert(place.clone(), track);
        Ok(())
    }

    /// Asks how far a partition reaches that is halted: librdkafka does not follow it.
    fn measure(&mut self, place: &Place) {
        let marks = self.consumer.fetch_watermarks(&place.0, place.1.cast_signed(), ANSWER);
        // Without an answer it is as it was.
        if let Ok((_, high)) = marks {
            self.reaches(place, u64::try_from(high).unwrap_or(0));
        }
    }

    fn reaches(&mut self, place: &Place, high: u64) {
        if let Some(track) = self.tracks.get_mut(place) {
            track.high = high;
        }
    }

    /// Brings an event to the engine and waits for its answer.
    pub(super) fn ask(&mut self, event: Event) -> Result<Consumption, End> {
        let mailbox = self.reader.parts.mailbox.clone();
        let answer = self.reader.handle.block_on(mailbox.deliver(Work::Event(event)));
        match answer {
            Ok(Reply::Consumed(done)) => Ok(*done),
            Ok(other) => {
                Err(End::Again(format!("the engine answered what was read with {other:?}")))
            }
            Err(_) => Err(End::Stopped),
        }
    }

    /// Tells librdkafka what to fetch, and from where.
    pub(super) fn assign(&mut self) -> Result<(), End> {
        let mut list = TopicPartitionList::new();
        for ((topic, number), track) in self.tracks.iter().filter(|(_, track)| track.runs()) {
            let from = track.compare.map_or(track.taken, |(at, _)| at);
            let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
            let added = list.add_partition_offset(topic, number.cast_signed(), offset);
            added.map_err(|error| End::Again(error.to_string()))?;
        }
        self.consumer.assign(&list).map_err(|error| End::Again(error.to_string()))
    }

    /// Follows what a person or the engine did to positions, tells the metrics, and notices a
    /// partition that has more and gives nothing.
    pub(super) fn look(&mut self) -> Result<(), End> {
        let now = clock::monotonic();
        let moved: Vec<(Place, Position)> = self
            .stored()?
            .into_iter()
            .filter(|(place, it)| {
                self.tracks.get(place).is_some_and(|track| track.position.turn < it.turn)
            })
            .collect();
        let is_moved = !moved.is_empty();
        for (place, position) in moved {
            self.tracks.remove(&place);
            self.open.remove(&place);
            self.gathered.forget(&place);
            if !self.begin(place, Some(position))? {
                self.due.discover = now;
            }
        }
        if is_moved {
            self.assign()?;
        }
        let ends = self.ends.borrow().clone();
        let mut standing = Standing::default();
        let mut lasts = BTreeMap::new();
        let partitions: Vec<Partition> = self.tracks.keys().map(|it| self.partition(it)).collect();
        for ((place, track), partition) in self.tracks.iter_mut().zip(partitions) {
            let end = ends.get(place).copied().unwrap_or(0);
            let has_more = end > track.taken.max(track.end);
            lasts.insert(partition, track.last(end));
            standing.halted += usize::from(!track.runs());
            standing.late += usize::from(track.told_late);
            standing.lag += if has_more { end - track.taken } else { 0 };
            if !has_more {
                track.heard_at = now;
            }
            if track.runs() && now.saturating_sub(track.heard_at) > STALLED {
                let (topic, number) = place;
                return Err(End::Again(format!(
                    "{topic}/{number} has records up to {end} and gave none after {} for {} s",
                    track.taken,
                    STALLED.as_secs()
                )));
            }
        }
        let (kafka, source) = (&self.reader.parts.metrics.kafka, &self.reader.task.reading.source);
        kafka.stands(source, standing);
        kafka.end_at(source, lasts);
        Ok(())
    }

    /// Halts what the brokers have not any more, or not yet.
    pub(super) fn out_of_range(&mut self) -> Result<(), End> {
        let running: Vec<(Place, u64, Position)> = self
            .tracks
            .iter()
            .filter(|(_, track)| track.runs())
            .map(|(place, track)| (place.clone(), track.taken, track.position.clone()))
            .collect();
        let mut halted = false;
        for (place, taken, position) in running {
            let marks = self.consumer.fetch_watermarks(&place.0, place.1.cast_signed(), ANSWER);
            let Ok((low, high)) = marks else { continue };
            let extent = Extent {
                cluster: Box::default(),
                low: u64::try_from(low).unwrap_or(0),
                high: u64::try_from(high).unwrap_or(0),
            };
            let reached = Position { next: taken, mark: None, ..position.clone() };
            if let Verdict::Halt(why) = track::judge(&reached, &extent) {
                halted = true;
                self.halt(&place, &position, why)?;
                self.reaches(&place, extent.high);
            }
        }
        if halted {
            return self.assign();
        }
        Err(End::Again("an offset is out of range, and none of ours is".into()))
    }
}
