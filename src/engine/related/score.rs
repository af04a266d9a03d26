//! How likely an alert belongs to an incident: one formula, each term by itself.
//!
//! Alerts are taken for aftershocks: an incident explains a new alert the better the less time has
//! passed since it was active, the nearer it is in the topology, and the younger it is (a Hawkes
//! process on the dependency graph; Ogata 1988). Time is counted in ticks of the alert's source, so
//! that one policy fits samples of 15 s and of 5 min. The constants are
//! [`Weights`].

use crate::cmdb::RELATION;
use crate::engine::sure::{percent, surer};
use crate::engine::weights::Weights;

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
    /// Whether it still burns at the alert's own place, or at all when the alert was part of it before.
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
    fn hold(&self, weights: &Weights) -> f64 {
        match self.burns_here {
            Burns::Yes => 1.0 - weights.hold,
            Burns::No => 1.0,
        }
    }

    /// What time and distance say.
    pub(super) fn near(&self, weights: &Weights) -> f64 {
        let relations = f64::from(self.distance) / f64::from(RELATION);
        let silence = f64::midpoint(self.silence_ms, self.silence_here_ms) * self.hold(weights);
        -weights.distance * relations
            - weights.tail * (silence / self.bearable_ms(weights)).ln_1p()
            - weights.familiarity * self.familiarity
    }

    /// The silence that speaks little against belonging together: the longer the farther apart.
    fn bearable_ms(&self, weights: &Weights) -> f64 {
        let relations = f64::from(self.distance) / f64::from(RELATION);
        weights.pace * self.tick_ms * (1.0 + weights.spread * relations)
    }

    /// Within which time an alert is expected there after another, in milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most hours")]
    pub(super) fn expected_ms(&self, weights: &Weights) -> u64 {
        self.bearable_ms(weights) as u64
    }

    /// What speaks for this incident against another, as the logarithm of the odds.
    pub(super) fn fit(&self, weights: &Weights, odds: f64, calm: Burns) -> f64 {
        let aged = (self.age_ms * self.hold(weights) / (weights.age * self.tick_ms)).ln_1p();
        let calm = match calm {
            Burns::Yes => 0.0,
            Burns::No => weights.calm,
        };
        odds.ln() + self.near(weights) - aged - calm
    }

    /// What the alert's usual role, as opener or follower, says for joining anything at all.
    pub(super) fn habit(&self, weights: &Weights, role: f64) -> f64 {
        match self.burns_here {
            Burns::Yes => weights.role * role / 2.0,
            Burns::No => weights.role * role,
        }
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
        evidence.fit(&Weights::default(), 7.0, Burns::Yes)
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
        assert!(FRESH.fit(&Weights::default(), 7.0, Burns::No) < fresh);
        let follows = |evidence: Evidence| evidence.habit(&Weights::default(), 0.5);
        let elsewhere = follows(Evidence { burns_here: Burns::No, ..FRESH });
        assert!(0.0 < follows(FRESH) && follows(FRESH) < elsewhere);
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
