//! What happens in place of alerts and records that broke the engine. Pure; `driver` decides when.

use std::sync::Arc;

use crate::engine::event::{Consumed, Content, Event, Record};

use crate::engine::reply::Consumption;
use crate::ingest;
use crate::model::alert::Occurrence;
use crate::model::quarantine::{Cause, Origin, Unhandled};

/// Why what broke the engine is left out.
const BROKEN: &str = "handling it broke the engine, a fault of incidentd; the log says where";

/// Makes a record of the quarantine of alerts that broke the engine, in our own format.
pub(super) fn broken(source: &Arc<str>, occurrences: &[Occurrence]) -> Unhandled {
    Unhandled {
        source: Arc::clone(source),
        format: ingest::Format::Native.to_string().into(),
        cause: Cause::Panicked,
        reason: BROKEN.into(),
        content_type: "application/json".into(),
        body: ingest::write(occurrences).into(),
        origin: None,
    }
}

/// Makes a batch of each record of a batch; of one without records there is one.
pub(super) fn singles(batch: &Consumed) -> Vec<Consumed> {
    if batch.records.is_empty() {
        return vec![batch.clone()];
    }
    let of = |record: &Record| Consumed { records: vec![record.clone()], ..head(batch) };
    batch.records.iter().map(of).collect()
}

/// Returns a batch without its records.
fn head(batch: &Consumed) -> Consumed {
    Consumed {
        partition: batch.partition.clone(),
        cluster: batch.cluster.clone(),
        turn: batch.turn,
        first: batch.first,
        is_late: batch.is_late,
        records: Vec::new(),
    }
}

/// Returns what happens instead of a record: its alerts go to the quarantine, its offset counts. Before a
/// row of a table the partition is halted: a row left out would be missed for ever.
pub(super) fn spared(mut single: Consumed) -> Event {
    if single.records.iter().any(|it| matches!(it.content, Content::Planned { .. })) {
        return Event::Halt { partition: single.partition, why: BROKEN.into() };
    }
    let (source, topic) = (&single.partition.source, &single.partition.topic);
    for record in &mut single.records {
        let Content::Alerts { occurrences, .. } = &record.content else { continue };
        let origin = Origin {
            topic: Arc::clone(topic),
            partition: single.partition.number,
            offset: record.offset,
        };
        let what = Unhandled { origin: Some(origin), ..broken(source, occurrences) };
        record.content = Content::Unreadable(Box::new(what));
    }
    Event::Consumed(Box::new(single))
}

/// Adds what became of one record more; where the partition stands is what was said last.
pub(super) fn sum(mut sum: Consumption, more: Consumption) -> Consumption {
    sum.received.add(more.received);
    Consumption {
        received: sum.received,
        unreadable: sum.unreadable + more.unreadable,
        repeated: sum.repeated + more.repeated,
        ..more
    }
}
