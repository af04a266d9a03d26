//! Keeps the audit trail: one sealed entry for each thing a person or a tool did.

use super::State;
use crate::model::audit::{AuditEntry, Seal};
use crate::model::time::Timestamp;

/// Something to be told on the audit trail.
pub(super) struct Deed<'a> {
    pub(super) by: &'a str,
    pub(super) action: &'a str,
    pub(super) object: &'a str,
    pub(super) detail: String,
}

/// Puts an entry at the end of the trail, sealed behind the one before.
pub(super) fn note(state: &mut State, now: Timestamp, deed: Deed<'_>) {
    let Deed { by, action, object, detail } = deed;
    state.counters.audited += 1;
    let mut entry = AuditEntry {
        seq: state.counters.audited,
        at: now,
        by: by.into(),
        action: action.into(),
        object: object.into(),
        detail,
        seal: Seal::default(),
    };
    entry.seal = entry.seal_after(state.counters.seal);
    state.counters.seal = entry.seal;
    state.pending.audit.push(entry);
}
