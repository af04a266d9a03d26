//! An alert that fits two open incidents may show that they are one. Nothing is united for that:
//! taken together, faults that happen at one time would be one incident (measured: it costs more
//! than it brings). It is said on both timelines, and a person decides.

use super::super::context::Context;
use super::super::correlate::name_of;
use super::super::pending::Told;
use crate::engine::State;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;

/// How sure the second incident must be, in percent, for its being said.
const CONFIDENCE_MIN: u8 = 60;

/// Incidents that one may be the same as: more are no help.
const PERHAPS_MAX: usize = 3;

/// Says that the incident an alert joined may be the same as the second that it fits; once for each
/// two incidents, and never of two that a person or a rule parted.
pub(in crate::engine) fn suggest(
    state: &mut State,
    ctx: &Context,
    alert: Fingerprint,
    (id, second): (IncidentId, Option<(IncidentId, u8)>),
    now: Timestamp,
) {
    let Some((other, confidence)) = second.filter(|(_, percent)| *percent >= CONFIDENCE_MIN) else {
        return;
    };
    let free = |one: IncidentId, other: IncidentId| {
        let record = state.incidents.get(&one).map(|case| &case.record);
        record.is_some_and(|record| {
            let said = &record.likely.perhaps;
            !record.apart_from.contains(&other)
                && !said.contains(&other)
                && said.len() < PERHAPS_MAX
        })
    };
    if !free(id, other) || !free(other, id) {
        return;
    }
    let name = name_of(state, ctx, alert);
    let (into, from) = (id.min(other), id.max(other));
    for (one, same) in [(id, other), (other, id)] {
        let text = format!(
            "perhaps the same as {same} ({confidence} %): {name} fits both; if so: \
             incidentd merge {from} --into {into}"
        );
        state.pending.tell(one, now, Told { what: Happening::Perhaps, text, path: None });
        if let Some(case) = state.change(one) {
            case.record.likely.perhaps.push(same);
        }
    }
}
