//! The way of records: out of librdkafka, in batches to the engine, and what comes back.

use core::time::Duration;
use std::sync::Arc;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::oneshot;

use super::dead_letters::DeadLetter;
use super::reader::{ANSWER, End, Flight, Open, PATIENCE, Place, Session};
use super::record::{self, Raw};
use super::track;
use crate::clock;
use crate::engine::event::{Consumed, Content, Event};
use crate::engine::reply::Reply;
use crate::mailbox::{Busy, Work};
use crate::model::partition::LATE;
use crate::model::time::Timestamp;
use crate::settings::sources::Carries;

/// Records that are taken from librdkafka before they are handed on.
const RECORDS_MAX: usize = 1_000;

/// Bytes after which they are handed on.
const BYTES_MAX: usize = 1 << 20;

/// A record, copied out of librdkafka's memory.
pub(super) struct Taken {
    topic: Arc<str>,
    partition: u32,
    offset: u64,
    at: Option<Timestamp>,
    key: Vec<u8>,
    value: Vec<u8>,
    is_null: bool,
    headers: Vec<(String, Vec<u8>)>,
}

impl Taken {
    /// Copies a message; `topics` are those that are read.
    pub(super) fn of(message: &BorrowedMessage<'_>, topics: &[Arc<str>]) -> Self {
        let topic = topics.iter().find(|topic| ***topic == *message.topic());
        let headers = record::headers(message).into_iter();
        let at = message.timestamp().to_millis();
        Self {
            topic: topic.map_or_else(|| message.topic().into(), Arc::clone),
            partition: message.partition().cast_unsigned(),
            offset: message.offset().cast_unsigned(),
            at: at.filter(|at| *at > 0).map(Timestamp::from_millis),
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().unwrap_or_default().to_vec(),
            is_null: message.payload().is_none(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        }
    }

    /// Makes one of partition 0 of the topic `t`, for tests.
    #[cfg(test)]
    pub(super) fn made(offset: u64, key: &str, value: Option<&str>) -> Self {
        Self {
            topic: "t".into(),
            partition: 0,
            offset,
            at: None,
            key: key.into(),
            value: value.unwrap_or_default().into(),
            is_null: value.is_none(),
            headers: Vec::new(),
        }
    }

    /// Has `see` look at it as it came.
    pub(super) fn seen<T>(&self, see: impl FnOnce(&Raw<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        see(&self.raw(&headers))
    }

    /// Returns how many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.key.len() + self.value.len()
    }

    /// Makes of it what others are told of a record that could not be read.
    pub(super) fn dead(&self, reason: String) -> DeadLetter {
        DeadLetter {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            offset: self.offset,
            reason,
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }

    fn raw<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Raw<'a> {
        Raw {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            at: self.at,
            key: &self.key,
            value: &self.value,
            is_null: self.is_null,
            headers,
        }
    }
}

impl Session<'_> {
    /// Takes what librdkafka has, up to a batch.
    pub(super) fn take(&mut self) -> Result<(), End> {
        let mut bytes = 0;
        let mut wait = PATIENCE;
        for _ in 0..RECORDS_MAX {
            let taken = match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => Taken::of(&message, &self.reader.task.topics.topics),
                Some(Err(error)) => {
                    // What comes behind it must not wait for another round: a cluster that was away
                    // for long has left hundreds of these.
                    self.failed(&error)?;
                    wait = Duration::ZERO;
                    continue;
                }
            };
            bytes += taken.value.len() + taken.key.len();
            self.keep(taken)?;
            if bytes >= BYTES_MAX {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Puts a record with the others of its partition.
    pub(super) fn keep(&mut self, taken: Taken) -> Result<(), End> {
        let place = (Arc::clone(&taken.topic), taken.partition);
        let Some(track) = self.tracks.get_mut(&place).filter(|track| track.runs()) else {
            return Ok(());
        };
        track.heard_at = clock::monotonic();
        let headers: Vec<(&str, &[u8])> =
            taken.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let raw = taken.raw(&headers);
        if let Some((at, mark)) = track.compare.take()
            && at == raw.offset
            && raw.mark() != mark
        {
            let (position, why) = (track.position.clone(), track::made_anew(&track.position));
            self.halt(&place, &position, why)?;
            return self.assign();
        }
        if raw.offset < track.taken {
            return Ok(());
        }
        track.taken = raw.offset + 1;
        if self.reader.task.reading.carries == Carries::Cmdb {
            self.gather(place, taken);
            return Ok(());
        }
        let context = Arc::clone(&self.reader.parts.context.borrow());
        let now = self.reader.parts.clock.now();
        let record = self.reader.task.reading.read(&context.rules, &raw, now);
        let open = self.open.entry(place).or_default();
        open.oldest = open.oldest.or(raw.at);
        if let Content::Unreadable(what) = &record.content {
            open.bad.push(DeadLetter {
                topic: Arc::clone(&taken.topic),
                partition: taken.partition,
                offset: taken.offset,
                reason: what.reason.clone(),
                key: taken.key,
                value: taken.value,
            });
        }
        open.records.push(record);
        Ok(())
    }

    /// Hands what was taken to the engine.
    pub(super) fn hand_on(&mut self) -> Result<(), End> {
        let now = self.reader.parts.clock.now();
        for (place, mut open) in core::mem::take(&mut self.open) {
            // What a table says is not told to people.
            open.is_late = self.reader.task.reading.carries == Carries::Alerts
                && open.oldest.is_some_and(|oldest| now.since(oldest) > LATE);
            self.submit(place, open)?;
        }
        Ok(())
    }

    pub(super) fn submit(&mut self, place: Place, open: Open) -> Result<(), End> {
        let partition = self.partition(&place);
        let Some(track) = self.tracks.get_mut(&place) else { return Ok(()) };
        track.told_late = open.is_late;
        let records = open.records.len();
        let batch = Consumed {
            partition,
            cluster: self.cluster.clone().unwrap_or_default(),
            turn: track.position.turn,
            first: track.position.next,
            is_late: open.is_late,
            records: open.records,
        };
        let mut work = Work::Event(Event::Consumed(Box::new(batch)));
        loop {
            match self.reader.parts.mailbox.post(work) {
                Ok(answer) => {
                    self.flights.push_back(Flight { place, records, bad: open.bad, answer });
                    return Ok(());
                }
                Err((Busy::Stopped, _)) => return Err(End::Stopped),
                Err((Busy::Full, back)) => {
                    if *self.reader.parts.stopped.borrow() {
                        return Err(End::Stopped);
                    }
                    self.reader.rest(PATIENCE);
                    work = *back;
                }
            }
        }
    }

    /// Takes the answers that are there.
    pub(super) fn land(&mut self) -> Result<(), End> {
        while let Some(flight) = self.flights.front_mut() {
            match flight.answer.try_recv() {
                Ok(reply) => self.landed(Some(reply))?,
                Err(oneshot::error::TryRecvError::Empty) => return Ok(()),
                Err(oneshot::error::TryRecvError::Closed) => return self.landed(None),
            }
        }
        Ok(())
    }

    /// Takes the answer to the oldest batch in flight; there may be none.
    pub(super) fn landed(&mut self, reply: Option<Reply>) -> Result<(), End> {
        let Some(flight) = self.flights.pop_front() else { return Ok(()) };
        let done = match reply {
            Some(Reply::Consumed(done)) => done,
            Some(other) => {
                let why = format!("the engine answered what was read with {other:?}");
                return Err(End::Again(why));
            }
            None if *self.reader.parts.stopped.borrow() => return Err(End::Stopped),
            // What became of the batch is not known; the committed position is.
            None => return Err(End::Again("the engine gave no answer to what was read".into())),
        };
        let (kafka, metrics) = (&self.reader.parts.metrics.kafka, &self.reader.parts.metrics);
        let source = &self.reader.task.reading.source;
        let Some(track) = self.tracks.get_mut(&flight.place) else { return Ok(()) };
        if track.position.turn == done.turn || done.is_halted {
            kafka.consumed(source, flight.records, &done);
            metrics.ingest.received(source, &done.received);
            let is_taken = |letter: &DeadLetter| letter.offset < done.next;
            let taken: Vec<DeadLetter> = flight.bad.into_iter().filter(is_taken).collect();
            self.reader.dead_letters.send(&taken);
        }
        if track.position.turn == done.turn {
            track.position.next = done.next;
        } else {
            // It was halted or moved: the committed position says how to go on.
            self.due.look = Duration::ZERO;
        }
        Ok(())
    }

    /// Sees to what librdkafka says in place of a record.
    pub(super) fn failed(&mut self, error: &KafkaError) -> Result<(), End> {
        use RDKafkaErrorCode as C;
        if let KafkaError::PartitionEOF(number) = error {
            return self.reached_end(number.cast_unsigned());
        }
        match error.rdkafka_error_code() {
            Some(C::AutoOffsetReset | C::OffsetOutOfRange) => self.out_of_range(),
            Some(C::UnknownTopic | C::UnknownTopicOrPartition | C::UnknownPartition) => {
                self.due.discover = Duration::ZERO;
                self.reader.rest(PATIENCE);
                Ok(())
            }
            Some(C::Fatal) => Err(End::Again(error.to_string())),
            // The context has told of it, and librdkafka tries again by itself.
            Some(_) | None => Ok(()),
        }
    }

    /// Notes that there is nothing more for now: of a source that read a backlog, pages may go.
    pub(super) fn reached_end(&mut self, number: u32) -> Result<(), End> {
        self.hand_on()?;
        let places: Vec<Place> = self
            .tracks
            .iter()
            .filter(|((_, it), track)| *it == number && track.runs())
            .map(|(place, _)| place.clone())
            .collect();
        // librdkafka does not say of which topic.
        let is_only = places.len() == 1;
        for place in places {
            let high = if is_only {
                self.ends.borrow().get(&place).copied()
            } else {
                let marks = self.consumer.fetch_watermarks(&place.0, number.cast_signed(), ANSWER);
                marks.ok().and_then(|(_, high)| u64::try_from(high).ok())
            };
            let Some(track) = self.tracks.get_mut(&place) else { continue };
            if !is_only && high.is_none_or(|high| track.taken < high) {
                continue;
            }
            track.end = track.end.max(high.unwrap_or(0)).max(track.taken);
            if track.told_late {
                self.submit(place, Open::default())?;
            }
        }
        Ok(())
    }
}
