//! The thread of one source: reads its topics and hands batches to the engine.
//!
//! Bounded throughout: librdkafka fetches so many bytes, so many batches are in flight to the engine,
//! and while there is no room nothing is taken from librdkafka. A person's wish is never behind more
//! than those few batches. The committed position decides what counts; this thread only proposes.
//!
//! Never joins a group, never lets librdkafka choose an offset.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tracing::warn;

use super::Parts;
use super::client::{ClientError, Watch};
use super::dead_letters::{DeadLetter, DeadLetters};
use super::ear::{Ear, Ends};
use super::flow::Taken;
use super::gathered::Gathered;
use super::record::Reading;
use crate::clock;
use crate::engine::event::Record;
use crate::engine::reply::Reply;
use crate::model::partition::Position;
use crate::model::time::Timestamp;
use crate::settings::sources::{Carries, Topics};

/// Batches in flight to the engine: one is written, one is applied, some wait.
const FLIGHTS_MAX: usize = 6;

/// How long to wait for a record, and for room.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// Without room for so long, partitions are paused and librdkafka is served meanwhile.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// How often the committed positions are looked at, for a person may have moved one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the brokers are asked which partitions there are.
const DISCOVER_EVERY: Duration = Duration::from_mins(1);

/// The same while a topic is not there, or no broker answers.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// How often the group's offsets are noted, for tools.
const NOTE_EVERY: Duration = Duration::from_secs(5);

/// How long a broker may take to answer a question.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// A partition that has more and gives nothing for so long needs another consumer.
pub(super) const STALLED: Duration = Duration::from_secs(30);

/// How long the engine may take for the last batches when the daemon stops.
const LAST: Duration = Duration::from_secs(5);

/// What the thread is for.
pub(super) struct Task {
    pub(super) reading: Reading,
    pub(super) topics: Topics,
    pub(super) config: ClientConfig,
    /// Options of whoever sends dead letters.
    pub(super) producer: ClientConfig,
    pub(super) watch: Watch,
}

/// A topic and the number of one of its partitions.
pub(super) type Place = (Arc<str>, u32);

/// One partition that is followed.
pub(super) struct Track {
    pub(super) position: Position,
    /// The offset after the last record that was taken from librdkafka.
    pub(super) taken: u64,
    /// The offset to compare first, and its mark.
    pub(super) compare: Option<(u64, u64)>,
    /// True when the engine was told that its records are from a backlog.
    pub(super) told_late: bool,
    /// Where librdkafka said that there is nothing more; what lies before it may be no records.
    pub(super) end: u64,
    /// The offset of the next record that comes, as far as a broker was asked.
    pub(super) high: u64,
    /// When a record came last, or it was begun.
    pub(super) heard_at: Duration,
}

impl Track {
    pub(super) fn runs(&self) -> bool {
        self.position.halted.is_none()
    }

    /// Returns up to which offset there is something to read, where `end` is that of the next record
    /// that comes: what lies behind the last record and before an end that was reached is none.
    pub(super) fn last(&self, end: u64) -> u64 {
        let end = end.max(self.high);
        if end > self.taken.max(self.end) { end } else { self.taken }
    }
}

/// Records of one partition that are not handed on yet.
#[derive(Default)]
pub(super) struct Open {
    pub(super) records: Vec<Record>,
    pub(super) oldest: Option<Timestamp>,
    /// True when they are from a backlog.
    pub(super) is_late: bool,
    pub(super) bad: Vec<DeadLetter>,
}

/// A batch that the engine has.
pub(super) struct Flight {
    pub(super) place: Place,
    pub(super) records: usize,
    pub(super) bad: Vec<DeadLetter>,
    pub(super) answer: oneshot::Receiver<Reply>,
}

/// Why a session with the brokers ends.
pub(super) enum End {
    /// The daemon stops, or the engine did.
    Stopped,
    /// Another consumer is needed.
    Again(String),
}

pub(super) struct Reader {
    pub(super) task: Task,
    pub(super) parts: Parts,
    pub(super) handle: Handle,
    pub(super) dead_letters: DeadLetters,
}

impl Reader {
    pub(super) fn new(task: Task, parts: Parts, handle: Handle) -> Self {
        let dead_letters = DeadLetters::new(task.producer.clone(), task.watch.clone());
        Self { task, parts, handle, dead_letters }
    }

    /// Reads until the daemon stops.
    pub(super) fn run(mut self) {
        let source = Arc::clone(&self.task.reading.source);
        if self.task.reading.carries == Carries::Cmdb {
            self.count_waiting();
        }
        while !*self.parts.stopped.borrow() {
            match self.session() {
                Ok(()) | Err(End::Stopped) => break,
                Err(End::Again(why)) => {
                    warn!(source = &*source, "the client of Kafka is made anew: {why}");
                    self.parts.metrics.kafka.away(&source);
                    self.rest(LOOK_EVERY);
                }
            }
        }
        self.parts.metrics.kafka.away(&source);
    }

    /// Waits, unless the daemon stops meanwhile.
    pub(super) fn rest(&mut self, time: Duration) {
        let stopped = &mut self.parts.stopped;
        let stop = async {
            tokio::time::timeout(time, stopped.wait_for(|stopped| *stopped)).await.is_ok()
        };
        self.handle.block_on(stop);
    }

    fn session(&mut self) -> Result<(), End> {
        let (ends, ends_out) = watch::channel(Ends::new());
        let ear = Ear { watch: self.task.watch.clone(), ends };
        let consumer = self.task.config.create_with_context(ear);
        let consumer: BaseConsumer<Ear> = consumer.map_err(|error| {
            let cluster = &self.task.topics.cluster;
            End::Again(ClientError::of_creation(cluster, &error).to_string())
        })?;
        let session = Session {
            consumer,
            ends: ends_out,
            tracks: BTreeMap::new(),
            open: BTreeMap::new(),
            gathered: Gathered::default(),
            flights: VecDeque::new(),
            noted: BTreeMap::new(),
            due: Due { discover: Duration::ZERO, look: Duration::ZERO, note: Duration::ZERO },
            cluster: None,
            reader: self,
        };
        session.run()
    }
}

/// When what is done now and then is done next, in monotonic time.
pub(super) struct Due {
    pub(super) discover: Duration,
    pub(super) look: Duration,
    pub(super) note: Duration,
}

/// The life of one consumer.
pub(super) struct Session<'a> {
    pub(super) consumer: BaseConsumer<Ear>,
    pub(super) ends: watch::Receiver<Ends>,
    pub(super) tracks: BTreeMap<Place, Track>,
    pub(super) open: BTreeMap<Place, Open>,
    /// Rows of the CMDB that are not handed on yet.
    pub(super) gathered: Gathered,
    pub(super) flights: VecDeque<Flight>,
    /// The offsets that the group was told.
    pub(super) noted: BTreeMap<Place, u64>,
    pub(super) due: Due,
    /// The id of the cluster, once known.
    pub(super) cluster: Option<Box<str>>,
    pub(super) reader: &'a mut Reader,
}

impl Session<'_> {
    fn run(mut self) -> Result<(), End> {
        if self.reader.task.watch.has_token() {
            // It is asked for when the client is polled, and no broker answers before.
            self.take()?;
        }
        let ended = loop {
            if *self.reader.parts.stopped.borrow() {
                break Ok(());
            }
            if let Err(end) = self.turn() {
                break Err(end);
            }
        };
        self.finish();
        ended
    }

    /// One round: what is due, what came back, what comes.
    fn turn(&mut self) -> Result<(), End> {
        let now = clock::monotonic();
        let is_news = self.reader.task.watch.is_down() && self.due.discover > now + RETRY_EVERY;
        if now >= self.due.discover || is_news {
            let found = self.discover()?;
            self.due.discover = now + if found { DISCOVER_EVERY } else { RETRY_EVERY };
        }
        if now >= self.due.look {
            self.look()?;
            self.due.look = now + LOOK_EVERY;
        }
        if now >= self.due.note {
            self.note();
            self.due.note = now + NOTE_EVERY;
        }
        self.land()?;
        if self.has_room() {
            self.take()?;
            self.settle()?;
            self.hand_on()
        } else {
            self.wait()
        }
    }

    fn has_room(&self) -> bool {
        self.flights.len() < FLIGHTS_MAX && !(self.reader.parts.refuses)()
    }

    /// Waits for room; after a while with all partitions paused, so that librdkafka is served.
    fn wait(&mut self) -> Result<(), End> {
        let began = clock::monotonic();
        let mut is_paused = false;
        let mut ended = Ok(());
        while !self.has_room() && !*self.reader.parts.stopped.borrow() {
            if !is_paused && clock::monotonic().saturating_sub(began) > PAUSE_AFTER {
                self.tell(self.consumer.pause(&self.running()));
                is_paused = true;
            }
            if is_paused {
                // Records that were on their way already are few, and are taken.
                let topics = &self.reader.task.topics.topics;
                let taken = self.consumer.poll(PATIENCE);
                let taken = taken.map(|it| it.map(|it| Taken::of(&it, topics)));
                ended = match taken {
                    None => Ok(()),
                    Some(Ok(taken)) => self.keep(taken),
                    Some(Err(error)) => self.failed(&error),
                };
            } else if let Some(flight) = self.flights.front_mut() {
                let wait = async { tokio::time::timeout(PATIENCE, &mut flight.answer).await };
                if let Ok(answer) = self.reader.handle.block_on(wait) {
                    ended = self.landed(answer.ok());
                }
            } else {
                self.reader.rest(PATIENCE);
            }
            if ended.is_ok() {
                ended = self.land();
            }
            if ended.is_err() {
                break;
            }
        }
        if is_paused {
            self.tell(self.consumer.resume(&self.running()));
        }
        ended
    }

    /// Lists the partitions that are read.
    fn running(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for ((topic, number), _) in self.tracks.iter().filter(|(_, track)| track.runs()) {
            list.add_partition(topic, number.cast_signed());
        }
        list
    }

    fn tell(&self, done: KafkaResult<()>) {
        if let Err(error) = done {
            let source = &*self.reader.task.reading.source;
            warn!(source, %error, "partitions cannot be paused or resumed");
        }
    }

    /// Tells the group how far it is, for tools that show the lag.
    fn note(&mut self) {
        let mut list = TopicPartitionList::new();
        for (place, track) in &self.tracks {
            let next = track.position.next;
            if self.noted.get(place) == Some(&next) {
                continue;
            }
            let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
            if list.add_partition_offset(&place.0, place.1.cast_signed(), offset).is_ok() {
                self.noted.insert(place.clone(), next);
            }
        }
        if list.count() > 0 {
            // Best effort: nobody but tools reads it.
            self.consumer.commit(&list, CommitMode::Async).ok();
        }
    }

    /// Waits for the last batches, and tells the group.
    fn finish(mut self) {
        let until = clock::monotonic() + LAST;
        while let Some(flight) = self.flights.front_mut() {
            let left = until.saturating_sub(clock::monotonic());
            let wait = async { tokio::time::timeout(left, &mut flight.answer).await };
            let Ok(answer) = self.reader.handle.block_on(wait) else { break };
            if self.landed(answer.ok()).is_err() {
                break;
            }
        }
        self.note();
        // librdkafka may wait long for a broker that does not answer: not this thread.
        let consumer = self.consumer;
        let dropped = std::thread::Builder::new().spawn(move || drop(consumer));
        if let Err(error) = dropped {
            warn!(%error, "a client of Kafka is not taken down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::partition::Partition;

    #[test]
    fn what_lies_behind_the_last_record_is_nothing_to_read() {
        let position = Position {
            partition: Partition { source: "s".into(), topic: "t".into(), number: 0 },
            cluster: "c".into(),
            next: 5,
            edge: None,
            mark: None,
            turn: 0,
            is_late: false,
            halted: None,
            minute: 0,
            good: 0,
            bad: 0,
        };
        // Taken up to, end that was reached, asked of a broker, end that is told; up to where.
        for (taken, end, high, told, expected) in [
            (5, 0, 9, 0, 9),
            (5, 0, 9, 12, 12),
            (5, 0, 0, 0, 5),
            (9, 0, 9, 9, 9),
            (8, 9, 9, 9, 8),
            (8, 9, 9, 10, 10),
        ] {
            let (compare, told_late, heard_at) = (None, false, Duration::ZERO);
            let position = position.clone();
            let track = Track { position, taken, compare, told_late, end, high, heard_at };
            assert_eq!(track.last(told), expected, "{taken} {end} {high} {told}");
        }
    }
}
