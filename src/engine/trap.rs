//! Breaks the engine on purpose, for tests of what happens then. Never in the program.

use super::State;
use super::timers::Timer;
use crate::model::alert::Occurrence;

/// The alert that breaks the engine when it comes in.
pub(crate) const POISON: &str = "Poison";

/// The alert whose deadline breaks the engine.
pub(crate) const TIME_BOMB: &str = "TimeBomb";

pub(super) fn received(it: &Occurrence) {
    assert!(it.labels.get("alertname") != Some(POISON), "a poisoned alert came in");
}

pub(super) fn due(state: &State, timer: Timer) {
    let Timer::Alert(alert) = timer else { return };
    let name = state.alerts.get(&alert).and_then(|held| held.labels.get("alertname"));
    assert!(name != Some(TIME_BOMB), "a time bomb went off");
}
