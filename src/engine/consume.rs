//! Takes records of Kafka in, each once: the offset moves in the batch that stores what the record
//! caused.
//!
//! What lies below the offset came before and counts for nothing, whatever is sent again. A partition
//! of which more than half cannot be read is halted, with an alert of our own, until a person lets it
//! go on. Records of a backlog hold their pages back: see [`super::suppress::late`].

use core::time::Duration;
use std::sync::Arc;

use super::context::Context;
use super::event::{Consumed, Content, Record};
use super::planning::{self, Altered, Followed};
use super::refusal::Refusal;
use super::reply::{Consumption, Reply};
use super::suppress::late;
use super::{State, audit, deduplicate, deliveries, gather, own, quarantine};
use crate::cmdb::topic_source;
use crate::model::alert::{Occurrence, Signal};
use crate::model::partition::{Goal, Halted, Partition, Position};
use crate::model::quarantine::{Origin, QuarantineId};
use crate::model::time::Timestamp;

/// Records of a minute that cannot be read before more than half of them halt the partition: a
/// handful of bad ones after a quiet night is no reason to stop.
const BAD_MIN: u32 = 20;

/// Until when the alert about a halted partition fires, if nobody lets the partition go on.
const ENDLESS: Duration = Duration::from_hours(10 * 366 * 24);

const MINUTE_MS: u64 = 60_000;

/// Takes what was read of a partition.
pub(super) fn consume(state: &mut State, ctx: &Context, batch: &Consumed, now: Timestamp) -> Reply {
    let known = state.positions.get(&batch.partition);
    if known.is_some_and(|it| it.halted.is_some() || it.turn != batch.turn) {
        return answer(state, &batch.partition, Consumption::default());
    }
    let mut position = known.cloned().unwrap_or_else(|| beginning(batch));
    if position.edge.take().is_some() {
        position.next = batch.first;
    }
    let mut done = Consumption::default();
    let mut altered = Altered::default();
    let new = batch.records.iter().filter(|it| it.offset >= position.next).count();
    if new > 0 {
        gather::absence::heard_source(state, ctx, &batch.partition.source, now);
    }
    // A batch that only comes again says nothing of how far the partition is.
    let counts = new > 0 || batch.records.is_empty();
    if batch.is_late && counts {
        turn_late(state, ctx, (&mut position, true), now);
    }
    for record in &batch.records {
        if record.offset < position.next {
            done.repeated += 1;
            continue;
        }
        let tally = (&mut done, &mut altered);
        let fate = take(state, ctx, (&batch.partition, record), tally, now);
        if fate == Fate::NoRoom {
            position.halted = Some(Halted { at: now, why: planning::too_many().into() });
            break;
        }
        position.next = record.offset + 1;
        position.mark = Some(record.mark);
        if count(&mut position, fate, now) {
            let Position { good, bad, .. } = position;
            position.halted = Some(Halted {
                at: now,
                why: format!(
                    "{bad} of {} records within a minute could not be read; look at them with \
                     `incidentd quarantine ls`, correct the source's format or its sender, then \
                     `incidentd kafka resume`",
                    good + bad
                )
                .into(),
            });
            break;
        }
    }
    if position.cluster.is_empty() {
        position.cluster.clone_from(&batch.cluster);
    }
    if position.halted.is_some() {
        position.turn += 1;
    }
    // After its records: what they end is not told any more.
    if (!batch.is_late && counts) || position.halted.is_some() {
        turn_late(state, ctx, (&mut position, false), now);
    }
    altered.settle(state, ctx, &topic_source(&batch.partition.source), now);
    let halted = position.halted.clone();
    keep(state, position);
    if let Some(Halted { why, .. }) = halted {
        say(state, ctx, (&batch.partition, &why), now);
    }
    answer(state, &batch.partition, done)
}

/// The position of a partition that was not read before.
fn beginning(batch: &Consumed) -> Position {
    Position {
        partition: batch.partition.clone(),
        cluster: batch.cluster.clone(),
        next: batch.first,
        edge: None,
        mark: None,
        turn: batch.turn,
        is_late: false,
        halted: None,
        minute: 0,
        good: 0,
        bad: 0,
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    Bad,
    /// It was not taken: there is no room for what it says.
    NoRoom,
}

/// Takes one record.
fn take(
    state: &mut State,
    ctx: &Context,
    (partition, record): (&Partition, &Record),
    (done, altered): (&mut Consumption, &mut Altered),
    now: Timestamp,
) -> Fate {
    match &record.content {
        Content::Nothing => Fate::Good,
        Content::Alerts { occurrences, delivery } => {
            let receive = |state: &mut State| {
                let id = state.source(&partition.source);
                let source_name = &partition.source;
                let by = deduplicate::Delivery { ctx, source: id, source_name, now };
                Reply::Received(deduplicate::receive(state, &by, occurrences, &mut ()))
            };
            let reply = match delivery {
                Some(delivery) => deliveries::guard(state, ctx, *delivery, now, receive),
                None => receive(state),
            };
            if let Reply::Received(received) = reply {
                let kept = received.quarantined;
                place(state, kept, || origin(partition, record.offset));
                done.received.add(received);
            } else {
                done.repeated += 1;
            }
            Fate::Good
        }
        Content::Planned { number, change } => {
            let source = topic_source(&partition.source);
            let said = (&*source, &**number, change.as_deref());
            match planning::follow(state, altered, said, now) {
                Followed::Done => Fate::Good,
                Followed::Full => Fate::NoRoom,
            }
        }
        Content::Unreadable(what) => {
            done.unreadable += 1;
            quarantine::add(state, ctx, what, now);
            Fate::Bad
        }
    }
}

fn origin(partition: &Partition, offset: u64) -> Origin {
    Origin { topic: Arc::clone(&partition.topic), partition: partition.number, offset }
}

/// Notes where that stood which is beyond the source's limit and kept just now.
fn place(state: &mut State, kept: Option<QuarantineId>, origin: impl FnOnce() -> Origin) {
    let Some(id) = kept else { return };
    // It may be pushed out already.
    if let Some(Some(record)) = state.pending.quarantine.get_mut(&id) {
        record.what.origin = Some(origin());
    }
}

/// Counts a record; true when more than half of a minute's are bad.
fn count(position: &mut Position, fate: Fate, now: Timestamp) -> bool {
    let minute = now.millis().unsigned_abs() / MINUTE_MS;
    if position.minute != minute {
        (position.minute, position.good, position.bad) = (minute, 0, 0);
    }
    let counted = match fate {
        Fate::Good | Fate::NoRoom => &mut position.good,
        Fate::Bad => &mut position.bad,
    };
    *counted = counted.saturating_add(1);
    fate == Fate::Bad && position.bad >= BAD_MIN && position.bad > position.good
}

/// Notes whether a partition reads a backlog; pages are held back while one of its source does.
fn turn_late(
    state: &mut State,
    ctx: &Context,
    (position, is_late): (&mut Position, bool),
    now: Timestamp,
) {
    if position.is_late == is_late {
        return;
    }
    position.is_late = is_late;
    let source = Arc::clone(&position.partition.source);
    let is_other = |it: &&Position| it.partition != position.partition;
    let others = state.positions.values().filter(is_other);
    if others.filter(|it| it.partition.source == source).any(|it| it.is_late) {
        return;
    }
    if is_late {
        late::begin(state, ctx, &source, now);
    } else {
        late::end(state, ctx, &source, now);
    }
}

fn keep(state: &mut State, position: Position) {
    state.pending.positions.insert(position.partition.clone());
    state.positions.insert(position.partition.clone(), position);
}

/// True when the records of a batch are the next ones of a partition that is read: what they caused
/// elsewhere may count.
pub(super) fn is_next(state: &State, batch: &Consumed) -> bool {
    let first = batch.records.first().map(|record| record.offset);
    state.positions.get(&batch.partition).is_some_and(|it| {
        let is_read = it.halted.is_none() && it.edge.is_none() && it.turn == batch.turn;
        is_read && first.is_none_or(|first| first >= it.next)
    })
}

/// Adds to what was done where the partition stands now.
fn answer(state: &State, partition: &Partition, done: Consumption) -> Reply {
    let position = state.positions.get(partition);
    Reply::Consumed(Box::new(match position {
        Some(it) => {
            Consumption { next: it.next, turn: it.turn, is_halted: it.halted.is_some(), ..done }
        }
        None => done,
    }))
}

/// Stops reading a partition until a person lets it go on.
pub(super) fn halt(
    state: &mut State,
    ctx: &Context,
    (partition, why): (&Partition, &str),
    now: Timestamp,
) -> Reply {
    let Some(mut position) = state.positions.get(partition).cloned() else {
        return Reply::Refused(Refusal::UnknownPartition(partition.to_string()));
    };
    if position.halted.is_none() {
        turn_late(state, ctx, (&mut position, false), now);
        position.halted = Some(Halted { at: now, why: why.into() });
        position.turn += 1;
        keep(state, position);
        say(state, ctx, (partition, why), now);
    }
    answer(state, partition, Consumption::default())
}

/// Lets a partition go on.
pub(super) fn seek(
    state: &mut State,
    ctx: &Context,
    (partition, to, by): (&Partition, Goal, &str),
    now: Timestamp,
) -> Reply {
    let Some(mut position) = state.positions.get(partition).cloned() else {
        return Reply::Refused(Refusal::UnknownPartition(partition.to_string()));
    };
    let was = position.next;
    if to != Goal::Here {
        // Whichever cluster it is by now: the person has seen it.
        (position.mark, position.edge, position.cluster) = (None, None, Box::default());
    }
    let (action, detail) = match to {
        Goal::Here => ("resume partition", format!("from offset {was}")),
        Goal::Offset(offset) => {
            position.next = offset;
            ("move partition", format!("from offset {offset}, it stood at {was}"))
        }
        Goal::Edge(edge) => {
            position.edge = Some(edge);
            ("move partition", format!("from its {edge}, it stood at offset {was}"))
        }
    };
    turn_late(state, ctx, (&mut position, false), now);
    position.halted = None;
    position.turn += 1;
    (position.good, position.bad) = (0, 0);
    keep(state, position);
    let object = &partition.to_string();
    audit::note(state, now, audit::Deed { by, action, object, detail: detail.clone() });
    let summary = format!("{partition} is read on {detail}; {by} says so");
    let (name, source) = own::source(state);
    let resolved =
        Occurrence { signal: Signal::Resolved { at: now }, ..alert(partition, &summary, now) };
    let delivery = deduplicate::Delivery { ctx, source, source_name: &name, now };
    if state.alerts.contains_key(&resolved.fingerprint) {
        deduplicate::is_taken(state, &delivery, &resolved);
    }
    answer(state, partition, Consumption::default())
}

/// Lets our alert about a halted partition fire.
fn say(state: &mut State, ctx: &Context, (partition, why): (&Partition, &str), now: Timestamp) {
    let summary = format!("{partition} is not read on: {why}");
    let signal = Signal::Firing { until: now.plus(ENDLESS), explicit: false };
    let occurrence = Occurrence { signal, ..alert(partition, &summary, now) };
    let (name, source) = own::source(state);
    let by = deduplicate::Delivery { ctx, source, source_name: &name, now };
    // It is refused only where somebody else's alert has the fingerprint of its labels; the position
    // itself says that it is halted, and so do the metrics.
    deduplicate::is_taken(state, &by, &occurrence);
}

fn alert(partition: &Partition, summary: &str, now: Timestamp) -> Occurrence {
    let of = partition.to_string();
    own::occurrence("IncidentdKafkaPartitionHalted", ("instance", &of), summary, now)
}
