//! Brings a store that an older version wrote up to date, before anything else is done with it.
//!
//! Each step may be cut off anywhere and begun again: what is done already shows in the records
//! themselves, and the new version is written last.

use rocksdb::{IteratorMode, WriteBatch};

use super::codec::alert::SlotOf;
use super::codec::{self, Row};
use super::schema::{self, Family};
use super::{Store, StoreError, commit, read};
use crate::model::alert::Slot;
use crate::model::labels::Fingerprint;

/// Alerts that are moved at a time: some hundred kilobytes.
const BATCH: usize = 1_000;

impl Store {
    /// Goes from version 1 of the schema to version 2: alerts and touches, which lay under their
    /// fingerprints, get slots. A key of the one kind is longer than one of the other.
    pub(super) fn give_slots(&self) -> Result<(), StoreError> {
        let view = self.view();
        let entries = || view.entries(Family::Alerts, read::bulk(), IteratorMode::Start);
        let mut next = 0;
        for entry in entries() {
            let moved = schema::read_slot(&entry?.0);
            next = moved.map_or(next, |slot| next.max(slot.0.saturating_add(1)));
        }
        let [alerts, touches] = [Family::Alerts, Family::Touches].map(|it| self.family(it));
        let (mut batch, mut value) = (WriteBatch::default(), Vec::new());
        for entry in entries() {
            let (key, alert) = entry?;
            let Some(fingerprint) = schema::read_number(&key).map(Fingerprint) else { continue };
            let slot = Slot(next);
            next = next.saturating_add(1);
            batch.put_cf(alerts, schema::slot(slot), codec::alert::named(&alert, fingerprint));
            batch.delete_cf(alerts, &key);
            let touch = view.snapshot.get_pinned_cf(touches, &key).map_err(StoreError::Read)?;
            if let Some(touch) = touch {
                batch.put_cf(touches, schema::slot(slot), &touch);
                batch.delete_cf(touches, &key);
            }
            let row = SlotOf { alert: fingerprint, slot };
            row.write(&mut value);
            batch.put_cf(self.family(Family::Slots), row.key(), &value);
            if batch.len() >= BATCH {
                let full = core::mem::take(&mut batch);
                self.db.write_opt(full, &commit::synced()).map_err(StoreError::Commit)?;
            }
        }
        self.db.write_opt(batch, &commit::synced()).map_err(StoreError::Commit)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::SavedAlert;
    use crate::engine::changes::{AlertRow, Changes, Counters};
    use crate::model::alert::AlertState;
    use crate::store::Options;
    use crate::store::codec::meta::SchemaMessage;
    use crate::store::dice::Dice;
    use crate::store::schema::META_SCHEMA;

    fn open(dir: &Path) -> Store {
        Store::open(dir, &Options::default()).unwrap()
    }

    fn write<R: Row>(store: &Store, family: Family, key: &[u8], row: &R) {
        let mut value = Vec::new();
        row.write(&mut value);
        store.db.put_cf(store.family(family), key, value).unwrap();
    }

    /// Makes a store of version 1 that holds so many alerts, every other one with a touch; returns
    /// what it says of them in the order of their fingerprints.
    fn old(dir: &Path, count: u64) -> Vec<AlertRow> {
        let store = open(dir);
        let changes = Changes {
            counters: Counters { batch: 1, ..Counters::default() },
            ..Changes::default()
        };
        store.commit(&changes, &[]).unwrap();
        let mut dice = Dice(11);
        let row = |n: u64| {
            let fingerprint = Fingerprint(n.wrapping_mul(0x0123_4567_89ab_cdef));
            let state = AlertState { revision: 1, incident: None, ..dice.state() };
            let mut row = AlertRow { fingerprint, state, ..dice.alert() };
            let key = schema::number(fingerprint.0);
            write(
                &store,
                Family::Alerts,
                &key,
                &AlertRow { fingerprint: Fingerprint(0), ..row.clone() },
            );
            if n.is_multiple_of(2) {
                row.state = AlertState { revision: 2, ..dice.state() };
                row.state.incident = None;
                write(&store, Family::Touches, &key, &row.state);
            }
            row
        };
        let mut rows: Vec<AlertRow> = (1..=count).map(row).collect();
        rows.sort_by_key(|row| row.fingerprint);
        let mut version = Vec::new();
        codec::encode(&SchemaMessage { version: 1 }, &mut version);
        store.db.put_cf(store.family(Family::Meta), META_SCHEMA, version).unwrap();
        rows
    }

    fn is_as(store: &Store, rows: &[AlertRow]) {
        let expected: Vec<SavedAlert> = rows
            .iter()
            .map(|row| SavedAlert::new(row.fingerprint, row.labels.clone(), row.state.clone()))
            .collect();
        assert_eq!(store.saved().unwrap().alerts, expected);
        for row in rows {
            assert_eq!(store.view().alert(row.fingerprint).unwrap().as_ref(), Some(row));
        }
        let found = store.verify().unwrap();
        assert_eq!(found.wrong, 0, "{found:?}");
    }

    fn seated(mut rows: Vec<AlertRow>) -> Vec<AlertRow> {
        for (slot, row) in (0..).zip(&mut rows) {
            row.state.slot = Slot(slot);
        }
        rows
    }

    #[test]
    fn alerts_that_lay_under_their_fingerprints_are_all_there_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let rows = seated(old(dir.path(), 1_500));
        for _ in 0..2 {
            is_as(&open(dir.path()), &rows);
        }
    }

    #[test]
    fn a_move_that_was_cut_off_is_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = seated(old(dir.path(), 40));
        // Those in the middle were moved, and got the first slots.
        rows.rotate_left(13);
        let rows = seated(rows);
        let store = Store::open_as_it_is(dir.path());
        for row in &rows[..9] {
            let old = schema::number(row.fingerprint.0);
            for family in [Family::Alerts, Family::Touches] {
                store.db.delete_cf(store.family(family), old).unwrap();
            }
            write(&store, Family::Alerts, &schema::slot(row.state.slot), row);
            let of = SlotOf { alert: row.fingerprint, slot: row.state.slot };
            write(&store, Family::Slots, of.key().as_ref(), &of);
        }
        drop(store);
        let mut rest = rows[9..].to_vec();
        rest.sort_by_key(|row| row.fingerprint);
        let rows = seated(rows[..9].iter().cloned().chain(rest).collect());
        is_as(&open(dir.path()), &rows);
    }
}
