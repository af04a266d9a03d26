//! The alerts that are muted where a source fires, found by their place.
//!
//! A rule can have each firing alert filed here, and nearly every place has one: a place is one look
//! into a table, however many alerts fire, and only what more of them share is a list.

use core::ops::RangeInclusive;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::inhibit::Place;
use crate::cmdb::CiId;
use crate::model::labels::Fingerprint;

/// Alerts by place.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// By the key of the place. Only asked, never iterated.
    by_key: HashMap<u64, There, FixedState>,
}

/// An alert, after the CI of its place.
type Target = (Option<CiId>, Fingerprint);

/// The alerts at the places of one key, at least one.
#[derive(Debug)]
enum There {
    One(Target),
    #[expect(clippy::box_collection, reason = "in place it would make every slot twice as large")]
    Many(Box<BTreeSet<Target>>),
}

impl Targets {
    /// Files an alert.
    pub(super) fn insert(&mut self, place: Place, alert: Fingerprint) {
        let new = (place.ci, alert);
        match self.by_key.entry(place.key) {
            Entry::Vacant(free) => {
                free.insert(There::One(new));
            }
            Entry::Occupied(mut taken) => match taken.get_mut() {
                There::One(one) if *one == new => {}
                There::One(one) => {
                    let both = BTreeSet::from([*one, new]);
                    taken.insert(There::Many(both.into()));
                }
                There::Many(all) => {
                    all.insert(new);
                }
            },
        }
    }

    /// Takes an alert out.
    pub(super) fn remove(&mut self, place: Place, alert: Fingerprint) {
        let gone = (place.ci, alert);
        let Entry::Occupied(mut taken) = self.by_key.entry(place.key) else { return };
        match taken.get_mut() {
            There::One(one) if *one == gone => {
                taken.remove();
            }
            There::One(_) => {}
            There::Many(all) => {
                all.remove(&gone);
                if let (1, Some(last)) = (all.len(), all.first().copied()) {
                    taken.insert(There::One(last));
                }
            }
        }
    }

    /// Yields the alerts at a place, by fingerprint.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = Fingerprint> {
        self.within(place.key, place.ci..=place.ci)
    }

    /// Yields the alerts at a place without and with any CI, by CI and fingerprint.
    pub(super) fn at_any_ci(&self, place: Place) -> impl Iterator<Item = Fingerprint> {
        self.within(place.key, None..=Some(CiId(u32::MAX)))
    }

    fn within(
        &self,
        key: u64,
        cis: RangeInclusive<Option<CiId>>,
    ) -> impl Iterator<Item = Fingerprint> {
        let (one, many) = match self.by_key.get(&key) {
            Some(There::One(one)) => (Some(one).filter(|(ci, _)| cis.contains(ci)), None),
            Some(There::Many(all)) => (None, Some(all)),
            None => (None, None),
        };
        let (first, last) = cis.into_inner();
        let range = (first, Fingerprint(0))..=(last, Fingerprint(u64::MAX));
        let many = many.into_iter().flat_map(move |all| all.range(range.clone()));
        one.into_iter().chain(many).map(|(_, alert)| *alert)
    }

    /// Returns all of it in one order, whatever order it came in.
    #[cfg(test)]
    pub(super) fn sorted(&self) -> BTreeSet<(u64, Target)> {
        let all = self.by_key.iter().flat_map(|(key, there)| {
            let targets = match there {
                There::One(one) => vec![*one],
                There::Many(all) => all.iter().copied().collect(),
            };
            targets.into_iter().map(|it| (*key, it))
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_alert_takes_no_more_than_itself() {
        assert_eq!(size_of::<There>(), size_of::<Target>());
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set_of_pairs(
            steps in prop::collection::vec(
                (0..3_u64, prop::option::of(0..3_u32), 0..4_u64, any::<bool>()),
                0..60,
            ),
        ) {
            let (mut targets, mut set) = (Targets::default(), BTreeSet::new());
            for (key, ci, alert, comes) in steps {
                let (place, alert) = (Place { key, ci: ci.map(CiId) }, Fingerprint(alert));
                if comes {
                    targets.insert(place, alert);
                    set.insert((key, (place.ci, alert)));
                } else {
                    targets.remove(place, alert);
                    set.remove(&(key, (place.ci, alert)));
                }
                prop_assert_eq!(targets.sorted(), set.clone());
                let there = set.iter().filter(|(other, _)| *other == key);
                let at = there.clone().filter(|(_, (ci, _))| *ci == place.ci);
                prop_assert!(targets.at(place).eq(at.map(|(_, (_, alert))| *alert)));
                prop_assert!(targets.at_any_ci(place).eq(there.map(|(_, (_, alert))| *alert)));
                let keys: BTreeSet<u64> = set.iter().map(|(key, _)| *key).collect();
                prop_assert_eq!(targets.by_key.len(), keys.len(), "what is empty goes");
            }
        }
    }
}
