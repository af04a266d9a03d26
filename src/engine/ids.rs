//! Incidents to come back to before the event, or the batch, is over.

use std::collections::BTreeSet;

use crate::model::incident::IncidentId;

/// Numbers of incidents in order; each once.
///
/// One that an alert joins is noted half a dozen times in a row: the last is known without looking.
#[derive(Debug, Default)]
pub(super) struct Ids {
    ids: BTreeSet<IncidentId>,
    /// One that is among them.
    last: Option<IncidentId>,
}

impl Ids {
    pub(super) fn insert(&mut self, id: IncidentId) {
        if self.last != Some(id) {
            self.last = Some(id);
            self.ids.insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: IncidentId) {
        self.last = None;
        self.ids.remove(&id);
    }

    pub(super) fn pop_first(&mut self) -> Option<IncidentId> {
        self.last = None;
        self.ids.pop_first()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl Extend<IncidentId> for Ids {
    fn extend<I: IntoIterator<Item = IncidentId>>(&mut self, ids: I) {
        self.ids.extend(ids);
    }
}

impl IntoIterator for Ids {
    type Item = IncidentId;
    type IntoIter = std::collections::btree_set::IntoIter<IncidentId>;

    fn into_iter(self) -> Self::IntoIter {
        self.ids.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::incident::RecordId;

    proptest! {
        #[test]
        fn they_are_a_set(steps in prop::collection::vec((0..5_u64, 0..6_u8), 0..60)) {
            let (mut ids, mut set) = (Ids::default(), BTreeSet::new());
            for (id, step) in steps {
                let id = RecordId(id);
                match step {
                    0 => {
                        ids.remove(id);
                        set.remove(&id);
                    }
                    1 => prop_assert_eq!(ids.pop_first(), set.pop_first()),
                    2 => {
                        ids.extend([id]);
                        set.extend([id]);
                    }
                    _ => {
                        ids.insert(id);
                        set.insert(id);
                    }
                }
                prop_assert_eq!(ids.len(), set.len());
            }
            prop_assert!(ids.into_iter().eq(set));
        }
    }
}
