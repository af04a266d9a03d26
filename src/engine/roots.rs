//! Where the roots of open incidents are, by their CIs.

use std::sync::Arc;

use super::State;
use crate::cmdb::{CiId, Topology};
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;

/// Returns the name of the CI that an alert is bound to, as it is stored with an incident.
pub(super) fn root_ci(state: &State, topology: &Topology, alert: Fingerprint) -> Option<Arc<str>> {
    let ci = state.alerts.get(&alert)?.ci?;
    Some(Arc::from(&*topology.ci(ci).name))
}

/// Notes where an open incident's root is.
pub(super) fn index_root(state: &mut State, topology: &Topology, id: IncidentId) {
    if let Some(ci) = root_place(state, topology, id) {
        state.root_at.entry(ci).or_default().insert(id);
    }
}

/// Forgets where an incident's root is; before the root changes, or when it is no longer open.
pub(super) fn unindex_root(state: &mut State, topology: &Topology, id: IncidentId) {
    let ci = root_place(state, topology, id);
    if let Some((ci, ids)) = ci.and_then(|ci| Some((ci, state.root_at.get_mut(&ci)?))) {
        ids.remove(&id);
        if ids.is_empty() {
            state.root_at.remove(&ci);
        }
    }
}

/// Returns where an incident's root is in the topology of the context.
pub(super) fn root_place(state: &State, topology: &Topology, id: IncidentId) -> Option<CiId> {
    topology.find(state.incidents.get(&id)?.record.root.ci.as_deref()?)
}
