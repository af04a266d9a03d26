//! The incidents that are not closed, found by their numbers.
//!
//! Every alert asks for its incident some thirty times, and for each that is near it. So a question
//! is one place in a table whatever is open elsewhere, and each incident has a place in memory of its
//! own; a tree would be walked from its root for each question, through nodes as large as the
//! incidents in them. Their order is kept beside: few ask for it.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::state::Case;
use crate::model::incident::IncidentId;

/// Incidents by number. Invariant: `order` has the keys of `by_id`.
#[derive(Debug, Default)]
pub(super) struct Cases {
    /// Only asked, never iterated.
    by_id: HashMap<IncidentId, Box<Case>, FixedState>,
    order: BTreeSet<IncidentId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "asked as maps are")]
impl Cases {
    pub(super) fn get(&self, id: &IncidentId) -> Option<&Case> {
        self.by_id.get(id).map(|case| &**case)
    }

    pub(super) fn get_mut(&mut self, id: &IncidentId) -> Option<&mut Case> {
        self.by_id.get_mut(id).map(|case| &mut **case)
    }

    pub(super) fn contains_key(&self, id: &IncidentId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Adds an incident, or replaces the one that has its number.
    pub(super) fn insert(&mut self, case: Case) {
        self.order.insert(case.record.id);
        self.by_id.insert(case.record.id, Box::new(case));
    }

    pub(super) fn remove(&mut self, id: &IncidentId) {
        self.order.remove(id);
        self.by_id.remove(id);
    }

    /// Yields the numbers in their order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &IncidentId> {
        self.order.iter()
    }

    /// Yields the incidents by number.
    pub(super) fn values(&self) -> impl Iterator<Item = &Case> {
        self.order.iter().filter_map(|id| self.get(id))
    }

    /// Changes each incident, by number.
    pub(super) fn for_each_mut(&mut self, mut change: impl FnMut(&mut Case)) {
        for id in &self.order {
            if let Some(case) = self.by_id.get_mut(id) {
                change(case);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::escalation::PolicyHash;
    use crate::model::incident::{Incident, RecordId};
    use crate::model::labels::Fingerprint;
    use crate::model::time::Timestamp;

    proptest! {
           #[test]
           fn it_is_a_map_in_the_order_of_the_numbers(
               steps in prop::collection::vec((0..20_u64, 0..4_u8), 0..100),
           ) {
               let (mut cases, mut map) = (Cases::default(), BTreeMap::<IncidentId, u32>::new());
               for (number, step) in steps {
                   let id = RecordId(number);
                   match step {
                       0 => {
                           cases.remove(&id);
                           map.remove(&id);
                       }
                       1 => {
                           cases.for_each_mut(|case| case.record.members += 1);
                           for members in map.values_mut() {
    *members += 1;
    }
                       }
                       _ => {
                           map.insert(id, 0);
                           let record =
                               Incident::new(id, Fingerprint(0), PolicyHash(0), Timestamp::EPOCH);
                           cases.insert(Case::of(record));
                       }
                   }
                   let all = |case: &Case| (case.record.id, case.record.members);
                   let expected: Vec<_> = map.iter().map(|(id, members)| (*id, *members)).collect();
                   prop_assert_eq!(cases.values().map(all).collect::<Vec<_>>(), expected);
                   prop_assert!(cases.keys().eq(map.keys()));
                   prop_assert_eq!(cases.get(&id).map(all).map(|(_, it)| it), map.get(&id).copied());
                   prop_assert_eq!(cases.contains_key(&id), map.contains_key(&id));
                   prop_assert_eq!(cases.get_mut(&id).is_some(), map.contains_key(&id));
               }
           }
       }
}
