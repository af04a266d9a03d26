//! From one rule set to the next: only what a rule that is new, gone or other is about is filed anew.
//!
//! What rules say of an alert is foretold beside the engine, as for another topology. The long way,
//! everything anew, is left for what changes all alerts at once: see [`RulesDelta`]. Incidents are
//! decided on anew where their own rule is other, or one of their alerts, and all open ones where a
//! section beside the rules is.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Forecast, rebind, review};
use crate::engine::context::Context;
use crate::engine::shadow::{self, Shadows};
use crate::engine::{State, suppress};
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::RulesDelta;

/// Goes over to the rules of `ctx`, for which `forecast` was made.
pub(in crate::engine) fn rerule(
    state: &mut State,
    ctx: &Context,
    forecast: &Forecast,
    now: Timestamp,
) {
    let Some(delta) = forecast.rules().filter(|delta| !delta.all) else {
        return state.reconfigure(ctx, forecast, now);
    };
    let changed = rebind(state, ctx, forecast);
    if ctx.rules.shadows().is_empty() {
        state.shadows = Shadows::default();
    }
    for alert in &changed {
        shadow::note(state, ctx, *alert);
    }
    let mut touched = touched(state, delta, &changed);
    state.reviews.append(&mut touched);
    if delta.sections {
        let all = state.incidents.keys().chain(state.followed.keys());
        state.pending.rescheduled.extend(all.copied());
    }
    suppress::reconfigure(state, ctx, now);
    suppress::inhibit::reruled(state, ctx, &changed);
    // A few at once, as if everything were looked at; the others in turns.
    review(state, ctx, now);
}

/// Returns the incidents on which other rules may decide otherwise.
fn touched(state: &State, delta: &RulesDelta, changed: &[Fingerprint]) -> BTreeSet<IncidentId> {
    let cases = state.incidents.values().map(|case| &case.record);
    let under = cases.filter(|record| delta.sections || is_under(record, delta));
    let mut touched: BTreeSet<IncidentId> = under.map(|record| record.id).collect();
    for alert in changed {
        let own = state.alerts.get(alert).and_then(|held| held.state.incident);
        touched.extend(state.chain(own));
    }
    touched
}

/// True for an incident that is handled under a rule that is other.
fn is_under(record: &Incident, delta: &RulesDelta) -> bool {
    let rules: [Option<&Arc<str>>; 4] = [
        record.rule.as_ref(),
        record.group_rule.as_ref(),
        record.storm.as_ref().map(|storm| &storm.rule),
        record.known_error.as_ref().map(|known| &known.rule),
    ];
    rules.into_iter().flatten().any(|rule| delta.rules.contains(rule))
}

#[cfg(test)]
mod tests;
