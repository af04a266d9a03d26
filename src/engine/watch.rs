//! The watch after the resolution of a major incident: what comes back within it reopens it, and it
//! is not closed before.

use super::State;
use super::pending::Told;
use super::refusal::Refusal;
use crate::model::incident::{Incident, IncidentId};
use crate::model::time::{Brief, Timestamp};
use crate::model::timeline::Happening;

/// Begins it, where a resolved incident is a major one.
pub(super) fn begin(state: &mut State, id: IncidentId, now: Timestamp) {
    let Some(case) = state.change(id) else { return };
    let major = case.record.major.as_mut().filter(|it| it.stands() && !it.watch.is_zero());
    let Some(major) = major else { return };
    let (watch, until) = (Brief(major.watch), now.plus(major.watch));
    major.watch_until = Some(until);
    let text = format!(
        "for {watch}, until {until}: what comes back reopens it, and it is not closed before"
    );
    state.pending.tell(id, now, Told { what: Happening::Watched, text, path: None });
}

/// Ends it early: the incident is open again, or no major one any more.
pub(super) fn end(record: &mut Incident) {
    if let Some(major) = &mut record.major {
        major.watch_until = None;
    }
}

/// Ends it when its time is over.
pub(super) fn take_due(state: &mut State, id: IncidentId, now: Timestamp) {
    let record = state.incidents.get(&id).map(|case| &case.record);
    if record.and_then(until).is_none_or(|until| until > now) {
        return;
    }
    let Some(case) = state.change(id) else { return };
    end(&mut case.record);
    let text = "over, nothing came back: it can be closed once its review is written".into();
    state.pending.tell(id, now, Told { what: Happening::Watched, text, path: None });
}

/// Returns until when an incident is watched.
pub(super) fn until(record: &Incident) -> Option<Timestamp> {
    record.major.as_ref()?.watch_until
}

/// Returns until when the incident that something belongs to is watched.
pub(super) fn over(state: &State, id: IncidentId) -> Option<Timestamp> {
    until(&state.incidents.get(&state.top(id)?)?.record)
}

/// Refuses to close an incident that is watched.
pub(super) fn is_over(state: &State, id: IncidentId) -> Result<(), Refusal> {
    match state.incidents.get(&id).and_then(|case| until(&case.record)) {
        Some(until) => Err(Refusal::Watched { incident: id, until }),
        None => Ok(()),
    }
}
