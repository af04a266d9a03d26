//! Writes down what changes the state of an alert, so that it can be played again under other rules.
//! A heartbeat changes nothing and writes nothing.

use std::sync::Arc;

use super::State;
use crate::model::alert::SourceId;
use crate::model::journal::JournalEntry;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;

/// Notes that an alert is in another state than before, because of this source.
pub(super) fn note(state: &mut State, alert: Fingerprint, source: SourceId, now: Timestamp) {
    let Some(held) = state.alerts.get(&alert) else { return };
    let Some(source) = state.counters.sources.get(usize::from(source.0)) else { return };
    state.counters.journaled += 1;
    state.pending.journal.push(JournalEntry {
        seq: state.counters.journaled,
        at: now,
        source: Arc::clone(source),
        labels: held.labels.clone(),
        severity: held.state.severity.as_deref().map(Into::into),
        starts_at: held.state.starts_at,
        ended_at: held.state.ended_at,
    });
}
