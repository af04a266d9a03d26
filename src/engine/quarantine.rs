//! Keeps what could not be read or handled, within limits, until somebody looks.
//!
//! In memory are only sizes. When it is full, the source that takes most room loses its oldest
//! record: one sender's garbage must not push out what another sent once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use super::context::{Context, Limits};
use super::refusal::Refusal;
use super::reply::Reply;
use crate::model::alert::Occurrence;
use crate::model::quarantine::{QuarantineHead, QuarantineId, Quarantined, Unhandled};
use crate::model::time::Timestamp;

/// The sizes of what is held.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    held: BTreeMap<QuarantineId, (Arc<str>, u64)>,
    /// Invariant: the same by source, with the sum of the sizes.
    by_source: BTreeMap<Arc<str>, (BTreeMap<QuarantineId, u64>, u64)>,
    bytes: u64,
}

impl Quarantine {
    pub(super) fn restore(saved: Vec<QuarantineHead>) -> Self {
        let mut quarantine = Self::default();
        for head in saved {
            quarantine.insert(head);
        }
        quarantine
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn insert(&mut self, QuarantineHead { id, source, size }: QuarantineHead) {
        let (ids, sum) = self.by_source.entry(Arc::clone(&source)).or_default();
        ids.insert(id, size);
        *sum += size;
        self.bytes += size;
        self.held.insert(id, (source, size));
    }

    /// Returns false when it is not held.
    fn remove(&mut self, id: QuarantineId) -> bool {
        let Some((source, size)) = self.held.remove(&id) else { return false };
        self.bytes -= size;
        if let Some((ids, sum)) = self.by_source.get_mut(&source) {
            ids.remove(&id);
            *sum -= size;
            if ids.is_empty() {
                self.by_source.remove(&source);
            }
        }
        true
    }

    /// Returns the record to go when there is too much; what came last stays, whatever its size.
    fn surplus(&self, limits: &Limits) -> Option<QuarantineId> {
        let most = usize::try_from(limits.quarantine).unwrap_or(usize::MAX);
        let full = self.len() > most || self.bytes > limits.quarantine_bytes;
        let newest = self.held.keys().next_back();
        let oldest = |(ids, sum): &(BTreeMap<QuarantineId, u64>, u64)| {
            Some((*sum, *ids.keys().next().filter(|id| Some(*id) != newest)?))
        };
        let largest = self.by_source.values().filter_map(oldest).max_by_key(|(sum, _)| *sum);
        largest.filter(|_| full).map(|(_, id)| id)
    }
}

/// Keeps something and returns its number.
pub(super) fn add(
    state: &mut State,
    ctx: &Context,
    what: &Unhandled,
    now: Timestamp,
) -> QuarantineId {
    state.counters.quarantined += 1;
    let id = QuarantineId(state.counters.quarantined);
    let record = Quarantined { id, at: now, what: what.clone() };
    state.quarantine.insert(record.head());
    state.pending.quarantine.insert(id, Some(record));
    while let Some(oldest) = state.quarantine.surplus(&ctx.limits) {
        remove(state, oldest);
        state.pending.quarantine_pushed_out += 1;
    }
    id
}

/// Drops a record.
pub(super) fn remove(state: &mut State, id: QuarantineId) -> Reply {
    if !state.quarantine.remove(id) {
        return Reply::Refused(Refusal::NotQuarantined(id));
    }
    state.pending.quarantine.insert(id, None);
    Reply::Done
}

/// Takes in what a record turned out to say, in place of the record.
pub(super) fn replay(
    state: &mut State,
    ctx: &Context,
    id: QuarantineId,
    (source, occurrences): (&Arc<str>, &[Occurrence]),
    now: Timestamp,
) -> Reply {
    let removed = remove(state, id);
    if removed != Reply::Done {
        return removed;
    }
    Reply::Received(state.receive(ctx, (source, occurrences), now, &mut ()))
}
