//! How sure it is that an alert suffers from a cause, by what the topology says of the way between.

use crate::cmdb::{RelationSet, Topology, Walk};
use crate::model::alert::Path;

/// How sure it is that an alert on the cause's own CI has that cause, as a share.
const AT_HOME: f64 = 0.98;

/// How much of that is left for each relation in between: each may be there and not matter.
const PER_RELATION: f64 = 0.96;

/// How much is left when harm took longer than the rule expects.
const LATE: f64 = 0.85;

/// How much is left for each relation that nobody has confirmed for long.
const STALE: f64 = 0.8;

/// More independent ways than these say nothing more.
const WAYS_MAX: usize = 4;

/// What is known of the way between a cause and an alert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Relations on it.
    pub(super) hops: u8,
    /// How many ways there are that share neither end.
    pub(super) ways: usize,
    /// How many of the relations on it nobody has confirmed for long.
    pub(super) stale: usize,
}

impl Way {
    /// Returns what is known of the way from the beginning of a walk to one of its steps, which is
    /// `path` in words.
    pub(super) fn of(
        topology: &Topology,
        (walk, index): (&Walk, usize),
        follow: RelationSet,
        path: &Path,
    ) -> Self {
        let hops = walk.steps().get(index).map_or(0, |step| step.hops);
        let stale = topology.stale_on(path);
        Self { hops, ways: topology.independent_ways(walk, follow, index), stale }
    }

    /// Returns how sure it is that harm came that way, in percent, 1 to 99. What is doubtful about
    /// one way is the less so the more there are.
    pub(super) fn confidence(self, timing: Timing) -> u8 {
        let mut sure = AT_HOME * PER_RELATION.powi(self.hops.into());
        sure *= STALE.powi(i32::try_from(self.stale).unwrap_or(i32::MAX));
        if timing == Timing::Late {
            sure *= LATE;
        }
        percent(surer(sure, self.ways))
    }
}

/// Whether harm came within the time that the rule expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// It did, or the rule does not say.
    Fits,
    /// It took longer.
    Late,
}

/// Returns how sure something is that several ways say: the doubt is shared among them.
pub(super) fn surer(sure: f64, ways: usize) -> f64 {
    let ways = u32::try_from(ways.clamp(1, WAYS_MAX)).unwrap_or(1);
    1.0 - (1.0 - sure) / f64::from(ways)
}

/// Returns a share in percent, 1 to 99: nothing is certain.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 99")]
pub(super) fn percent(share: f64) -> u8 {
    (100.0 * share).round().clamp(1.0, 99.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farther_the_less_sure_and_the_more_ways_the_surer() {
        for (hops, ways, stale, timing, percent) in [
            (0, 1, 0, Timing::Fits, 98),
            (1, 1, 0, Timing::Fits, 94),
            (2, 1, 0, Timing::Fits, 90),
            (4, 1, 0, Timing::Fits, 83),
            (4, 2, 0, Timing::Fits, 92),
            (4, 9, 0, Timing::Fits, 96),
            (2, 1, 0, Timing::Late, 77),
            (2, 1, 1, Timing::Fits, 72),
            (2, 1, 2, Timing::Fits, 58),
        ] {
            let way = Way { hops, ways, stale };
            assert_eq!(way.confidence(timing), percent, "{way:?} {timing:?}");
        }
    }
}
