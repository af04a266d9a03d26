//! Strews records of a Kafka topic into a story: batches, batches that come again, some of them from a
//! backlog, halts, and people who move the partition.

use incidentd::engine::event::{Consumed, Content, Event, Record};
use incidentd::model::change::Change;
use incidentd::model::partition::{Goal, Partition};
use incidentd::model::quarantine::{Cause, Unhandled};

use super::plan::{Dice, Step, change, occurrence};

/// What the log has come to.
struct Log {
    next: u64,
    turn: u32,
    is_halted: bool,
    last: Option<Event>,
}

/// Adds steps behind those of a story.
pub(super) fn strew(steps: Vec<Step>, dice: &mut Dice) -> Vec<Step> {
    let mut log = Log { next: 7, turn: 0, is_halted: false, last: None };
    let mut all = Vec::new();
    for step in steps {
        let at = step.at;
        all.push(step);
        let event = match dice.roll(16) {
            0..=2 => Some(batch(&mut log, dice, at)),
            3 => log.last.clone(),
            4 if log.last.is_some() && !log.is_halted => {
                (log.is_halted, log.turn) = (true, log.turn + 1);
                Some(Event::Halt { partition: partition(), why: "it is gone".into() })
            }
            5 if log.is_halted => {
                (log.is_halted, log.turn) = (false, log.turn + 1);
                let to = if dice.roll(2) == 0 { Goal::Here } else { Goal::Offset(log.next) };
                Some(Event::Seek { partition: partition(), to, by: "mia".into() })
            }
            _ => None,
        };
        all.extend(event.map(|event| Step::at(at, event)));
    }
    all
}

fn partition() -> Partition {
    Partition { source: "topic".into(), topic: "alerts".into(), number: 0 }
}

fn batch(log: &mut Log, dice: &mut Dice, at: incidentd::model::time::Timestamp) -> Event {
    let first = log.next;
    let records = (0..dice.roll(5)).map(|_| {
        // Compaction and transactions leave gaps.
        let offset = log.next + dice.roll(2);
        log.next = offset + 1;
        let content = match dice.roll(7) {
            0 => Content::Nothing,
            1 => Content::Unreadable(Box::new(Unhandled {
                source: "topic".into(),
                format: "native".into(),
                cause: Cause::Unreadable,
                reason: String::new(),
                content_type: "".into(),
                body: b"{"[..].into(),
                origin: None,
            })),
            2 => row(dice, at),
            _ => Content::Alerts { occurrences: vec![occurrence(dice, at)], delivery: None },
        };
        Record { offset, mark: offset, content }
    });
    let records = records.collect();
    let event = Event::Consumed(Box::new(Consumed {
        partition: partition(),
        cluster: "c".into(),
        turn: log.turn,
        first,
        is_late: dice.roll(3) == 0,
        records,
    }));
    log.last = Some(event.clone());
    event
}

/// A row of a table of planned changes.
fn row(dice: &mut Dice, at: incidentd::model::time::Timestamp) -> Content {
    let change = Change { source: "kafka/topic".into(), ..change(dice, at) };
    let number = change.number.clone();
    let change = (dice.roll(3) > 0).then(|| Box::new(change));
    Content::Planned { number, change }
}
