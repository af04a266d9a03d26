//! Notes on the record what an incident reached, at the time: topology and members change, and a
//! report of last year cannot find out.

use super::State;
use super::context::Context;
use crate::model::incident::IncidentId;
use crate::model::labels::Fingerprint;

/// Notes the CI of a member that fires.
pub(super) fn note_ci(state: &mut State, ctx: &Context, id: IncidentId, alert: Fingerprint) {
    let Some(ci) = state.alerts.get(&alert).and_then(|held| held.ci) else { return };
    if let Some(case) = state.incidents.get_mut(&id) {
        case.record.affected.add_ci(&ctx.topology.ci(ci).name);
    }
}

/// Notes the services that suffer now, and the users of them, where any came since the last time:
/// fewer services have fewer users, and the most count.
pub(super) fn note_services(state: &mut State, ctx: &Context, id: IncidentId) {
    let Some(case) = state.incidents.get_mut(&id) else { return };
    let fresh = case.tally.take_fresh();
    if fresh.is_empty() {
        return;
    }
    for service in fresh {
        case.record.affected.add_service(&ctx.topology.ci(service).name);
    }
    let mut users = 0_u64;
    for service in case.tally.services() {
        let ci = ctx.topology.ci(service);
        let of = ci.attribute("users").and_then(|users| users.parse::<u64>().ok());
        users = users.saturating_add(of.unwrap_or(0));
    }
    case.record.affected.users = case.record.affected.users.max(users);
}
