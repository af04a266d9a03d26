//! How likely an alert belongs to an incident: one formula, its constants, and each term by itself.
//!
//! Alerts are taken for aftershocks: an incident explains a new alert the better the less time has
//! passed since it was active, the nearer it is in the topology, and the younger it is (a Hawkes
//! process on the dependency graph; Ogata 1988). Time is counted in ticks of the alert's source, so
//! that one policy fits samples of 15 s and of 5 min. `make quality` shows how the scores move with
//! each constant.

use crate::cmdb::RELATION;
use crate::engine::sure::{percent, surer};

/// How fast the likelihood falls with silence: the silence that matters, in ticks, and the power.
/// A heavy tail (Lomax): what burns slowly keeps its late alerts.
const PACE_TICKS: f64 = 1.5;
const TAIL: f64 = 1.75;

/// How much further a silence may be for each relation in between: harm takes time to spread.
const SPREAD: f64 = 2.0;

/// How much a relation in between speaks against belonging together.
const DISTANCE: f64 = 0.8;

/// The age, in ticks, from which an incident draws in less and less.
const AGE_TICKS: f64 = 2.0;

/// By how much time passes slower for alerts at a place where the incident still burns.
const HOLD: f64 = 0.35;

/// How much it speaks against an incident that nothing of it fires any more.
const CALM: f64 = 1.0;

/// How much an alert's usual role says, as opener or follower; half where the incident still burns.
const ROLE: f64 = 0.75;

/// How much less a place says that every incident touches.
const FAMILIARITY: f64 = 0.2;

/// Ticks without a new alert after which an incident counts as calm whose source never says that an
/// alert has ended.
pub(super) const CALM_AFTER_TICKS: u32 = 5;

/// What speaks for an alert's belonging to an incident by way of one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evidence {
    /// How long a tick of the alert's source is, in milliseconds.
    pub(super) tick_ms: f64,
    /// How far the alert's place is from the incident's, in the units of [`RELATION`].
    pub(super) distance: u32,
    /// Since the incident's last new alert, in milliseconds.
    pub(super) silence_ms: f64,
    /// Since its last new alert at the place.
    pub(super) silence_here_ms: f64,
    /// Since it was opened.
    pub(super) age_ms: f64,
    /// Whether it still burns at the alert's own place.
    pub(super) burns_here: Burns,
    /// Logarithm of the share of incidents that touch the place.
    pub(super) familiarity: f64,
}

/// Whether something fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Burns {
    Yes,
    No,
}

impl Evidence {
    fn hold(&self) -> f64 {
        match self.burns_here {
            Burns::Yes => 1.0 - HOLD,
            Burns::No => 1.0,
        }
    }

    /// What time and distance say.
    pub(super) fn near(&self) -> f64 {
        let relations = f64::from(self.distance) / f64::from(RELATION);
        let silence = f64::midpoint(self.silence_ms, self.silence_here_ms) * self.hold();
        -DISTANCE * relations
            - TAIL * (silence / self.bearable_ms()).ln_1p()
            - FAMILIARITY * self.familiarity
    }

    /// The silence that speaks little against belonging together: the longer the farther apart.
    fn bearable_ms(&self) -> f64 {
        let relations = f64::from(self.distance) / f64::from(RELATION);
        PACE_TICKS * self.tick_ms * (1.0 + SPREAD * relations)
    }

    /// Within which time an alert is expected there after another, in milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most hours")]
    pub(super) fn expected_ms(&self) -> u64 {
        self.bearable_ms() as u64
    }

    /// What everything says together, as the logarithm of the odds: above 0 it belongs there.
    pub(super) fn weigh(&self, odds: f64, role: f64, calm: Burns) -> f64 {
        let aged = (self.age_ms * self.hold() / (AGE_TICKS * self.tick_ms)).ln_1p();
        let role = match self.burns_here {
            Burns::Yes => role / 2.0,
            Burns::No => role,
        };
        let calm = match calm {
            Burns::Yes => 0.0,
            Burns::No => CALM,
        };
        odds.ln() + self.near() - aged - calm + ROLE * role
    }
}

/// Returns the confidence behind a weight, in percent, 50 to 99: the doubt is shared among the ways
/// in between.
pub(super) fn confidence(weight: f64, ways: usize) -> u8 {
    percent(surer(1.0 / (1.0 + (-weight).exp()), ways))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Evidence = Evidence {
        tick_ms: 60_000.0,
        distance: 0,
        silence_ms: 10_000.0,
        silence_here_ms: 10_000.0,
        age_ms: 10_000.0,
        burns_here: Burns::Yes,
        familiarity: -0.7,
    };

    fn weigh(evidence: Evidence) -> f64 {
        evidence.weigh(7.0, 0.0, Burns::Yes)
    }

    #[test]
    fn everything_that_speaks_against_an_incident_lowers_its_weight() {
        let fresh = weigh(FRESH);
        assert!(fresh > 1.0, "{fresh}");
        for worse in [
            Evidence { distance: 100, ..FRESH },
            Evidence { silence_ms: 600_000.0, ..FRESH },
            Evidence { silence_here_ms: 600_000.0, ..FRESH },
            Evidence { age_ms: 600_000.0, ..FRESH },
            Evidence { burns_here: Burns::No, ..FRESH },
            Evidence { familiarity: 0.0, ..FRESH },
            Evidence { tick_ms: 15_000.0, ..FRESH },
        ] {
            assert!(weigh(worse) < fresh, "{worse:?}");
        }
        assert!(FRESH.weigh(7.0, 0.0, Burns::No) < fresh);
        assert!(FRESH.weigh(7.0, 0.5, Burns::Yes) > fresh);
    }

    #[test]
    fn the_same_counts_the_same_at_any_pace() {
        let slow = Evidence {
            tick_ms: FRESH.tick_ms * 5.0,
            silence_ms: FRESH.silence_ms * 5.0,
            silence_here_ms: FRESH.silence_here_ms * 5.0,
            age_ms: FRESH.age_ms * 5.0,
            ..FRESH
        };
        assert!((weigh(slow) - weigh(FRESH)).abs() < 1e-9);
    }

    #[test]
    fn confidence_is_a_share_in_percent() {
        for (weight, ways, percent) in
            [(0.0, 0, 50), (0.0, 1, 50), (0.0, 2, 75), (1.0, 1, 73), (3.0, 1, 95), (50.0, 1, 99)]
        {
            assert_eq!(confidence(weight, ways), percent);
        }
    }
}
