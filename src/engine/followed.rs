//! Closed incidents whose review still wants something to be done. They are held apart from those that
//! are not closed, so that no stage takes them for one: nothing joins, reopens or counts them.

use super::changes::Changes;
use super::context::Context;
use super::{State, schedule};
use crate::model::incident::{Incident, IncidentId};
use crate::model::time::Timestamp;

/// A closed incident in memory.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) record: Incident,
    /// The timer set for it.
    pub(super) timer: Option<Timestamp>,
}

impl State {
    /// Returns an incident that is not closed, or whose review still wants something to be done.
    pub(super) fn record(&self, id: IncidentId) -> Option<&Incident> {
        let open = self.incidents.get(&id).map(|case| &case.record);
        open.or_else(|| self.followed.get(&id).map(|followed| &followed.record))
    }

    /// Returns such an incident to change it, noting that it changes.
    pub(super) fn change_record(&mut self, id: IncidentId) -> Option<&mut Incident> {
        let record = match self.incidents.get_mut(&id) {
            Some(case) => &mut case.record,
            None => &mut self.followed.get_mut(&id)?.record,
        };
        self.pending.incidents.insert(id);
        self.pending.rescheduled.insert(id);
        Some(record)
    }

    /// Yields the closed incidents whose review still wants something to be done, by number.
    pub fn followed(&self) -> impl Iterator<Item = &Incident> {
        self.followed.values().map(|followed| &followed.record)
    }
}

/// Goes on holding an incident that was closed, where its review wants something to be done.
pub(super) fn keep(state: &mut State, record: &Incident, timer: Option<Timestamp>) {
    if record.has_open_actions() {
        state.followed.insert(record.id, Followed { record: record.clone(), timer });
    }
}

/// Holds a closed incident again, whose review is about to want something to be done.
pub(super) fn hold(state: &mut State, record: Incident) {
    state.followed.insert(record.id, Followed { record, timer: None });
}

/// Holds it no longer: nothing is to be done after all.
pub(super) fn let_go(state: &mut State, id: IncidentId) {
    state.followed.remove(&id);
    state.pending.incidents.remove(id);
    state.pending.rescheduled.remove(id);
}

/// Hands over a changed closed incident; one of which nothing is left to be done is held no longer.
pub(super) fn drain(state: &mut State, id: IncidentId, changes: &mut Changes) {
    let Some(followed) = state.followed.get_mut(&id) else { return };
    followed.record.revision += 1;
    changes.incidents.push(followed.record.clone());
    if !followed.record.has_open_actions() {
        state.afterwards.note(&followed.record, state.counters.now);
        state.followed.remove(&id);
    }
}

/// Sets the timers of all.
pub(super) fn reindex(state: &mut State, ctx: &Context) {
    let ids: Vec<IncidentId> = state.followed.keys().copied().collect();
    for id in &ids {
        if let Some(followed) = state.followed.get_mut(id) {
            followed.timer = None;
        }
        schedule(state, ctx, *id);
    }
}
