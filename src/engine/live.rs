//! The members of an incident whose alerts are held, in the order of their records.
//!
//! Records are numbered upward, so that what joins comes last: one place in memory is all that it needs,
//! however many members a storm has. One that goes leaves its place until half of the places are free.

use crate::model::incident::RecordId;
use crate::model::labels::Fingerprint;

/// Alerts by record.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// Sorted by record; each occurs once.
    places: Vec<Place>,
    /// How many places are free.
    free: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Twice the number of the record, and one more where its member has gone.
    marked: u64,
    alert: Fingerprint,
}

impl Place {
    fn record(&self) -> RecordId {
        RecordId(self.marked >> 1)
    }

    fn is_free(&self) -> bool {
        self.marked % 2 == 1
    }
}

impl Live {
    /// Adds a member, in the place of another with this record.
    pub(super) fn insert(&mut self, record: RecordId, alert: Fingerprint) {
        let place = Place { marked: record.0 << 1, alert };
        if self.places.last().is_none_or(|last| last.record() < record) {
            self.places.push(place);
            return;
        }
        match self.find(record) {
            Ok(at) => {
                if let Some(known) = self.places.get_mut(at) {
                    self.free -= usize::from(known.is_free());
                    *known = place;
                }
            }
            Err(at) => self.places.insert(at, place),
        }
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, record: RecordId) -> Option<Fingerprint> {
        let at = self.find(record).ok()?;
        let place = self.places.get_mut(at).filter(|place| !place.is_free())?;
        place.marked += 1;
        let alert = place.alert;
        self.free += 1;
        if self.free * 2 > self.places.len() {
            self.places.retain(|place| !place.is_free());
            self.free = 0;
        }
        Some(alert)
    }

    pub(super) fn get(&self, record: RecordId) -> Option<Fingerprint> {
        let place = self.places.get(self.find(record).ok()?)?;
        (!place.is_free()).then_some(place.alert)
    }

    /// Yields the alerts in the order of their records.
    pub(super) fn alerts(&self) -> impl Iterator<Item = Fingerprint> {
        self.places.iter().filter(|place| !place.is_free()).map(|place| place.alert)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free
    }

    /// Reads where the next member comes, before one does.
    pub(super) fn read_ahead(&self) -> Option<Fingerprint> {
        self.places.last().map(|place| place.alert)
    }

    /// Returns the place of a record; where it belongs when it has none.
    fn find(&self, record: RecordId) -> Result<usize, usize> {
        self.places.binary_search_by_key(&record, Place::record)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_in_the_order_of_the_records(
            steps in prop::collection::vec((0..24_u64, prop::option::weighted(0.6, 0..9_u64)), 0..200),
        ) {
            let (mut live, mut map) = (Live::default(), BTreeMap::new());
            for (record, step) in steps {
                let record = RecordId(record);
                if let Some(alert) = step.map(Fingerprint) {
                    live.insert(record, alert);
                    map.insert(record, alert);
                } else {
                    prop_assert_eq!(live.remove(record), map.remove(&record));
                }
                prop_assert_eq!(live.get(record), map.get(&record).copied());
                prop_assert_eq!(live.len(), map.len());
                prop_assert!(live.alerts().eq(map.values().copied()));
                prop_assert!(live.places.len() <= 2 * live.len(), "{:?}", live);
            }
        }
    }
}
