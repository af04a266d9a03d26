//! Relations that nobody has confirmed for long, while others were: they may no longer be there, so
//! they count for less. What all of a map is old by says nothing of one relation of it.

use core::time::Duration;

use super::known::Known;
use super::rows::CiId;
use super::topology::Topology;
use crate::model::alert::Path;
use crate::model::time::Timestamp;

/// How much earlier than the newest confirmation of the map a relation was confirmed that counts as
/// stale: imports run daily or weekly, and one that missed four weeks of them is in doubt.
const STALE_AFTER: Duration = Duration::from_hours(30 * 24);

/// Returns when stale relations were confirmed last, exclusive; `None` when there are none.
pub(super) fn stale_before(known: &Known) -> Option<Timestamp> {
    let before = known.times_seen().max()?.minus(STALE_AFTER);
    known.times_seen().any(|seen| seen < before).then_some(before)
}

impl Topology {
    /// True when nobody has confirmed a relation for long; its ends in either order.
    pub(super) fn is_stale(&self, one: CiId, other: CiId, kind: u8) -> bool {
        let Some(before) = self.stale_before() else { return false };
        let seen = |cause, sufferer| self.seen_at(cause, kind, sufferer);
        seen(one, other).or_else(|| seen(other, one)).is_some_and(|seen| seen < before)
    }

    /// Counts the relations on a way that nobody has confirmed for long.
    pub fn stale_on(&self, way: &Path) -> usize {
        let Some(before) = self.stale_before() else { return 0 };
        let mut stale = 0;
        let mut cause = &way.from;
        for (relation, sufferer) in &way.steps {
            let ends = self.find(cause).zip(self.find(sufferer));
            let facts = ends.and_then(|(cause, end)| self.facts(cause, relation, end));
            let seen = facts.and_then(|facts| facts.seen_at);
            stale += usize::from(seen.is_some_and(|seen| seen < before));
            cause = sufferer;
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::Toward;

    fn map(seen_at: &str) -> Topology {
        Topology::of(&format!(
            "cis: {{a: {{class: vm}}, b: {{class: vm}}, c: {{class: vm}}}}\n\
             relations: [{{relation: a -hosts-> b, seen_at: 2027-03-01T00:00:00Z}}, \
                         {{relation: b -hosts-> c, seen_at: {seen_at}}}]"
        ))
    }

    #[test]
    fn a_relation_is_stale_that_was_not_confirmed_for_thirty_days_while_others_were() {
        for (seen_at, stale, far) in [
            ("2027-03-01T00:00:00Z", 0, 200),
            ("2027-01-30T00:00:00Z", 0, 200),
            ("2027-01-29T23:59:59Z", 1, 250),
        ] {
            let topology = map(seen_at);
            let a = topology.find("a").unwrap();
            let all = topology.all_relations();
            let walk = topology.walk(a, Toward::Sufferers, all, 4, 10);
            assert_eq!(topology.stale_on(&walk.path(&topology, 2)), stale, "{seen_at}");
            assert_eq!(topology.stale_on(&walk.path(&topology, 1)), 0);
            let near = topology.near(a, topology.ties(), 250, 10);
            assert_eq!(near[2].1, far, "{seen_at}");
        }
    }
}
