//! The rules that match an alert whose episode begins, asked once for all stages.

use std::borrow::Cow;

use super::State;
use super::context::Context;
use super::state::Held;
use crate::model::labels::Fingerprint;
use crate::rules::Rule;

/// The rules that match an alert, in order; nothing where what a rule says of it depends on what is
/// around it, which differs from stage to stage: those are asked each time.
pub(super) struct Matched<'a>(Option<Vec<&'a Rule>>);

impl<'a> Matched<'a> {
    /// Asks the rules, if their answer holds for all stages.
    pub(super) fn of(state: &State, ctx: &'a Context, alert: Fingerprint) -> Self {
        let held = state.alerts.get(&alert).filter(|_| !ctx.rules.asks_around());
        Self(held.map(|held| ctx.rules.matching(&held.subject(ctx))))
    }

    /// Returns those that match it amid what is around it now.
    pub(super) fn now(&self, state: &State, ctx: &'a Context, held: &Held) -> Cow<'_, [&'a Rule]> {
        let ask = || ctx.rules.matching(&state.around(ctx, held).subject());
        self.0.as_deref().map_or_else(|| ask().into(), Cow::Borrowed)
    }

    /// Returns those that match it amid what was around it when it began.
    pub(super) fn then(&self, state: &State, ctx: &'a Context, held: &Held) -> Cow<'_, [&'a Rule]> {
        let ask = || ctx.rules.matching(&state.around_then(ctx, held).subject());
        self.0.as_deref().map_or_else(|| ask().into(), Cow::Borrowed)
    }
}
