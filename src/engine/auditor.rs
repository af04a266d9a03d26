//! Proves once an hour, with the first event of it (the daemon's canary comes every few minutes),
//! that no open incident is forgotten: each has a next deadline, or says why
//! nobody is told of it. Those that have neither, as where a policy has no step left, are told of in
//! an incident of our own.

use core::time::Duration;

use super::State;
use super::context::Context;
use super::deduplicate::{self, Delivery};
use super::own;
use crate::model::alert::Signal;
use crate::model::few::few;
use crate::model::incident::IncidentId;
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// Incidents that are named; more are counted.
const NAMED_MAX: usize = 10;

/// How long our alert fires after its last word: until the next look but one.
const LEASE: Duration = Duration::from_hours(2);

/// Looks at every open incident.
pub(super) fn audit(state: &mut State, ctx: &Context, now: Timestamp) {
    let forgotten: Vec<IncidentId> =
        state.incidents.keys().copied().filter(|id| is_forgotten(state, *id)).collect();
    if forgotten.is_empty() {
        return;
    }
    let names = forgotten.iter().take(NAMED_MAX).map(ToString::to_string).collect::<Vec<_>>();
    let summary = format!(
        "nothing falls due for {}: nobody answered and the policy has no step left; \
         acknowledge them, and let the last step of the policy repeat",
        few(&names, forgotten.len())
    );
    // One alert for all: an incident of our own can itself be forgotten.
    let labels = [("alertname", "IncidentdNoDeadline"), ("severity", "major")];
    let Ok(labels) = Labels::build(&mut labels.to_vec()) else { return };
    let signal = Signal::Firing { until: now.plus(LEASE), explicit: false };
    let occurrence = own::labelled(labels, signal, &summary, now);
    let (name, source) = own::source(state);
    let by = Delivery { ctx, source, source_name: &name, now };
    deduplicate::is_taken(state, &by, &occurrence);
}

/// True for an open incident that nothing falls due for, though people are to hear of it.
fn is_forgotten(state: &State, id: IncidentId) -> bool {
    let case = state.incidents.get(&id);
    state.is_open(id) && case.is_some_and(|case| case.timer.is_none() && !case.record.quiet)
}
