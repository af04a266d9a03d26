//! What is around a held alert, for rules whose conditions ask for it.

use core::cell::OnceCell;

use super::State;
use super::context::Context;
use super::state::Held;
use crate::cmdb::{CiId, CiRow};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::{Around, CounterId, Subject, Times};

/// A held alert amid all that the engine knows. Costs nothing until it is asked.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    state: &'a State,
    ctx: &'a Context,
    held: &'a Held,
    at: Timestamp,
    services: OnceCell<Vec<&'a CiRow>>,
}

impl State {
    /// Puts an alert amid what is around it now.
    pub(super) fn around<'a>(&'a self, ctx: &'a Context, held: &'a Held) -> Surroundings<'a> {
        self.around_at(ctx, held, self.counters.now)
    }

    /// Puts an alert amid what is around it at the time at which it began, as far as that is still
    /// known: what it was taken for then does not change because we started again at night.
    pub(super) fn around_then<'a>(&'a self, ctx: &'a Context, held: &'a Held) -> Surroundings<'a> {
        self.around_at(ctx, held, held.state.first_seen)
    }

    fn around_at<'a>(
        &'a self,
        ctx: &'a Context,
        held: &'a Held,
        at: Timestamp,
    ) -> Surroundings<'a> {
        Surroundings { state: self, ctx, held, at, services: OnceCell::new() }
    }
}

impl State {
    /// Asks something about an alert that is held, amid what is around it now; `None` when it is not.
    pub fn ask_about<R>(
        &self,
        ctx: &Context,
        alert: Fingerprint,
        ask: impl FnOnce(&Subject<'_>) -> R,
    ) -> Option<R> {
        let around = self.around(ctx, self.alerts.get(&alert)?);
        Some(ask(&around.subject()))
    }
}

impl Surroundings<'_> {
    /// Returns the alert as matchers see it.
    pub(super) fn subject(&self) -> Subject<'_> {
        self.held.subject(self.ctx).amid(self)
    }
}

impl Around for Surroundings<'_> {
    fn covers(&self, times: &Times) -> Option<bool> {
        self.ctx.rules.calendar(times).map(|calendar| calendar.covers(self.at))
    }

    fn services(&self) -> &[&CiRow] {
        self.services.get_or_init(|| {
            let rows = |ids: &[CiId]| ids.iter().map(|ci| self.ctx.topology.ci(*ci)).collect();
            match self.held.ci.map(|ci| (ci, self.state.services.get(&ci))) {
                None => Vec::new(),
                Some((_, Some(known))) => rows(&known.services),
                Some((ci, None)) => rows(&self.ctx.topology.services_hit(ci)),
            }
        })
    }

    fn count(&self, counter: CounterId, key: &str) -> Option<usize> {
        Some(self.state.census.count(counter, key))
    }
}
