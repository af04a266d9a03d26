//! Reads ahead what an alert is about to ask for.
//!
//! With thousands of incidents open and a million CIs nearly all of it lies far from the processor, in
//! some dozens of places: each is waited for a tenth of a microsecond, and one after the other where
//! each is asked for when it is needed. Asked for together they come together. So as soon as it is
//! known where an alert is, or what it joins, one word is read of each place that this leads to.
//!
//! Decides nothing and changes nothing: without it all would be the same, and later. What is read goes
//! through [`black_box`], or the compiler would leave it out.

use core::hint::black_box;

use super::State;
use super::context::Context;
use super::state::Case;
use crate::cmdb::CiId;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;

/// Causes of a CI at which incidents are looked for ahead.
const CAUSES_MAX: usize = 16;

/// Reads what an alert is asked first that is to be put where it belongs: what its CI is like, the
/// incidents that are there or at what it stands on, and what is around it.
pub(super) fn began(state: &State, ctx: &Context, alert: Fingerprint) {
    let Some(ci) = state.alerts.get(&alert).and_then(|held| held.ci) else { return };
    ctx.topology.read_ahead(ci);
    for incident in state.likelihood.read_ahead(&ctx.topology, ci) {
        joins(state, incident);
    }
    if !state.causes.is_empty() {
        for above in ctx.topology.causes_of(ci).take(CAUSES_MAX) {
            cause_at(state, above);
        }
    }
    // Last, because it is the most.
    state.likelihood.read_around_ahead(ci);
}

/// Reads the first alert that rules take for a cause at a CI, and its incident.
fn cause_at(state: &State, ci: CiId) {
    let cause = state.causes.get(&ci).and_then(|causes| causes.first());
    let Some(held) = cause.and_then(|cause| state.alerts.get(&cause.alert)) else { return };
    black_box(held.state.first_seen);
    if let Some(incident) = held.state.incident {
        joins(state, incident);
    }
}

/// Reads what changes in an incident that an alert joins.
pub(super) fn joins(state: &State, incident: IncidentId) {
    let Some(Case { timer, children, cis, live, tally, record }) = state.incidents.get(&incident)
    else {
        return;
    };
    // What lies in the incident itself, from its beginning on: about a word of each line.
    black_box((*timer, children.is_empty(), tally.firing(), tally.has_unweighed()));
    black_box((record.parent, record.active_at, record.firing, record.known_error.is_some()));
    // And what it leads to.
    black_box((cis.read_ahead(), live.last_key_value().map(|(record, alert)| (*record, *alert))));
    let affected = record.affected.cis.iter().next().map(|name| name.as_bytes().first().copied());
    black_box((affected, record.likely.places.first().copied()));
}
