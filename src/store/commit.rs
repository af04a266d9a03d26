//! Writes what a batch of events changed: one `WriteBatch`, synced, or nothing.
//!
//! The batch is made of puts and deletes alone, so the same changes applied twice leave the same
//! records. Read before it is written: the stored text of episodes that are archived, and the
//! history of the CMDB where a version of it comes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use rocksdb::{WriteBatch, WriteOptions};

use super::codec::alert::{AlertMessage, Episode, SlotOf};
use super::codec::member::RecordOf;
use super::codec::meta::{CountersMessage, TopologyMessage};
use super::codec::{self, Malformed, Row};
use super::schema::{self, Family, META_COUNTERS, META_TOPOLOGY};
use super::view::View;
use super::{Store, StoreError};
use crate::cmdb::Revision;
use crate::engine::changes::{AlertRow, Archived, Changes};
use crate::model::alert::AlertState;
use crate::model::incident::{Incident, IncidentId};
use crate::model::time::Timestamp;

impl Store {
    /// Writes the changes and the versions of the CMDB, each as what differs from the one before.
    /// All are on stable storage when this returns.
    ///
    /// # Errors
    /// When anything failed. What was written then only the next start can tell: the process has to
    /// end.
    pub fn commit(&self, changes: &Changes, revisions: &[&Revision]) -> Result<(), StoreError> {
        let view = self.view();
        let mut writer = Writer { store: self, batch: WriteBatch::default(), value: Vec::new() };
        writer.forget(&view, changes)?;
        for archived in &changes.archived {
            writer.archive(&view, archived)?;
        }
        writer.alerts(changes);
        writer.incidents(&changes.incidents);
        writer.put_all(&changes.members);
        let records: Vec<_> = changes.members.iter().filter_map(RecordOf::member).collect();
        writer.put_all(&records);
        if !planted!("timeline not written") {
            writer.put_all(&changes.timeline);
        }
        writer.put_all(&changes.notices);
        let gone = changes.notices_gone.iter().map(|id| schema::place(id.incident.0, id.seq));
        writer.delete_all(Family::Notices, gone);
        writer.put_all(&changes.policies);
        let gone = changes.recurrences_gone.iter().map(|signature| schema::number(*signature));
        writer.delete_all(Family::Recurrences, gone);
        writer.put_all(&changes.recurrences);
        let gone = changes.silences_gone.iter().map(|id| id.0.to_be_bytes());
        writer.delete_all(Family::Silences, gone);
        writer.put_all(&changes.silences);
        let gone = changes.planned_gone.iter().map(|number| number.as_bytes());
        writer.delete_all(Family::Changes, gone);
        writer.put_all(&changes.planned);
        let gone = changes.overrides_gone.iter().map(|number| schema::number(*number));
        writer.delete_all(Family::Overrides, gone);
        writer.put_all(&changes.overrides);
        writer.put_all(&changes.audit);
        writer.journal(changes);
        writer.delete_all(Family::Deliveries, changes.deliveries_gone.iter().map(|id| id.0));
        writer.put_all(&changes.deliveries);
        if !planted!("offset not written") {
            writer.put_all(&changes.positions);
        }
        let gone = changes.quarantine_gone.iter().map(|id| schema::number(id.0));
        writer.delete_all(Family::Quarantine, gone);
        writer.put_all(&changes.quarantined);
        writer.delete_all(Family::Learned, changes.learned_gone.iter().map(codec::learned::key_of));
        writer.put_all(&changes.learned);
        let gone = changes.bulletins_gone.iter().map(|seq| schema::number(*seq));
        writer.delete_all(Family::Bulletins, gone);
        writer.put_all(&changes.bulletins);
        let gone = changes.credits_gone.iter().map(|rule| rule.as_bytes());
        writer.delete_all(Family::Rules, gone);
        writer.put_all(&changes.credits);
        writer.put(Family::Meta, META_COUNTERS, &CountersMessage::from(&changes.counters));
        if !revisions.is_empty() {
            let mut message: TopologyMessage = view.meta(META_TOPOLOGY)?.unwrap_or_default();
            for Revision { delta, change } in revisions {
                message.add(change);
                writer.edit(&delta.types.put, &delta.types.gone);
                writer.edit(
                    delta.cis.put.iter().map(|ci| &**ci),
                    delta.cis.gone.iter().map(|ci| &**ci),
                );
                writer.edit(&delta.relations.put, &delta.relations.gone);
            }
            writer.put(Family::Meta, META_TOPOLOGY, &message);
        }
        // On which lists incidents are is known by what was written: whoever went on after an error would
        // miss it. The process has to end.
        self.db.write_opt(writer.batch, &synced()).map_err(StoreError::Commit)
    }
}

/// The only way in which anything is written.
pub(super) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(!planted!("sync removed"));
    options
}

/// The first moment there is.
const FIRST: Timestamp = Timestamp::from_millis(i64::MIN);

/// The families that only list incidents.
const LISTS: [Family; 3] = [Family::Open, Family::Unclosed, Family::Followed];

/// Which of [`LISTS`] have an incident.
type Lists = [bool; LISTS.len()];

/// On which lists each incident is that is not closed, as it was written last. An incident changes with
/// nearly every alert that joins it, and its lists a few times in its life: to write them each time
/// would be three writes in four. Of one that is not here they are written anew.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<HashMap<IncidentId, Lists, FixedState>>);

impl Listed {
    fn known(&self) -> MutexGuard<'_, HashMap<IncidentId, Lists, FixedState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer<'a> {
    store: &'a Store,
    batch: WriteBatch,
    /// Each value in turn, so that a batch costs one allocation for all of them.
    value: Vec<u8>,
}

impl Writer<'_> {
    fn put(&mut self, family: Family, key: &[u8], message: &impl prost::Message) {
        codec::encode(message, &mut self.value);
        self.batch.put_cf(self.store.family(family), key, &self.value);
    }

    fn put_all<'r, R: Row + 'r>(&mut self, rows: impl IntoIterator<Item = &'r R>) {
        let family = self.store.family(R::FAMILY);
        for row in rows {
            row.write(&mut self.value);
            self.batch.put_cf(family, row.key(), &self.value);
        }
    }

    fn delete_all(&mut self, family: Family, keys: impl Iterator<Item = impl AsRef<[u8]>>) {
        let family = self.store.family(family);
        for key in keys {
            self.batch.delete_cf(family, key);
        }
    }

    /// Deletes all that is below a forgotten number; of that it looks only at the numbers of records.
    fn forget(&mut self, view: &View<'_>, changes: &Changes) -> Result<(), StoreError> {
        for id in &changes.incidents_gone {
            let records = view.records(*id)?;
            self.delete_all(Family::Records, records.iter().map(|record| schema::number(record.0)));
            let (key, end) = (schema::number(id.0), schema::number(id.0.saturating_add(1)));
            for family in LISTS.into_iter().chain([Family::Incidents]) {
                self.batch.delete_cf(self.store.family(family), key);
            }
            self.store.listed.known().remove(id);
            for family in [Family::Members, Family::Timeline, Family::Notices] {
                self.batch.delete_range_cf(self.store.family(family), key, end);
            }
        }
        let gone = changes.episodes_gone.iter();
        let gone = gone.map(|(fingerprint, episode)| schema::place(fingerprint.0, *episode));
        self.delete_all(Family::Episodes, gone);
        Ok(())
    }

    /// Keeps an episode, with the text stored of its alert when it brings none.
    fn archive(&mut self, view: &View<'_>, archived: &Archived) -> Result<(), StoreError> {
        let Archived { fingerprint, slot, state, row } = archived;
        let message = if let Some(row) = row {
            AlertMessage::episode(row, state)
        } else {
            let key = schema::slot(*slot);
            let stored: Option<AlertMessage> = view.value(Family::Alerts, &key)?;
            let missing = || {
                let reason = "it is to be archived and does not exist".into();
                StoreError::record(Family::Alerts, &key, Malformed::Damaged(reason))
            };
            stored.ok_or_else(missing)?.at_end(state)
        };
        self.put(Episode::FAMILY, &schema::place(fingerprint.0, state.episode), &message);
        Ok(())
    }

    /// A touch older than the alert it belongs to stays where it is: its revision gives it away,
    /// and a delete would cost as much as the put of the touch did.
    fn alerts(&mut self, changes: &Changes) {
        let Changes { alerts, touches, forgotten, held, .. } = changes;
        for family in [Family::Alerts, Family::Touches] {
            self.delete_all(family, forgotten.iter().map(|(_, slot)| schema::slot(*slot)));
        }
        let gone = forgotten.iter().map(|(alert, _)| schema::number(alert.0));
        self.delete_all(Family::Slots, gone);
        let held: Vec<SlotOf> =
            held.iter().map(|(alert, slot)| SlotOf { alert: *alert, slot: *slot }).collect();
        self.put_all(&held);
        let mut rows: Vec<&AlertRow> = alerts.iter().collect();
        rows.sort_unstable_by_key(|row| row.state.slot);
        self.put_all(rows);
        let whole = |fingerprint| alerts.binary_search_by_key(fingerprint, |row| row.fingerprint);
        let newer = touches.iter().filter(|(fingerprint, _)| whole(fingerprint).is_err());
        let mut states: Vec<&AlertState> = newer.map(|(_, state)| state).collect();
        states.sort_unstable_by_key(|state| state.slot);
        if !planted!("repeat not written") {
            self.put_all(states);
        }
    }

    /// The indexes follow from the incident itself, so they cannot say anything else.
    fn incidents(&mut self, incidents: &[Incident]) {
        self.put_all(incidents);
        let mut known = self.store.listed.known();
        for incident in incidents {
            let is_open = incident.progress.is_open() && incident.parent.is_none();
            let is_unclosed = !incident.progress.name().is_over();
            let lists = [is_open, is_unclosed, incident.has_open_actions()];
            let before = if is_unclosed {
                known.insert(incident.id, lists)
            } else {
                known.remove(&incident.id)
            };
            let before = before.map_or([None; LISTS.len()], |lists| lists.map(Some));
            for ((family, is_in), was_in) in LISTS.into_iter().zip(lists).zip(before) {
                if was_in == Some(is_in) {
                    continue;
                }
                let family = self.store.family(family);
                if is_in && !planted!("index not updated") {
                    self.batch.put_cf(family, incident.key(), []);
                } else {
                    self.batch.delete_cf(family, incident.key());
                }
            }
        }
    }

    /// Its keys begin with the time, so that what is old is one range.
    fn journal(&mut self, changes: &Changes) {
        if let Some(before) = changes.journal_before {
            let (first, end) = (schema::moment(FIRST, 0), schema::moment(before, 0));
            self.batch.delete_range_cf(self.store.family(Family::Journal), first, end);
        }
        self.put_all(&changes.journal);
    }

    fn edit<'r, R: Row + 'r>(
        &mut self,
        put: impl IntoIterator<Item = &'r R>,
        gone: impl IntoIterator<Item = &'r R>,
    ) {
        let family = self.store.family(R::FAMILY);
        for row in gone {
            self.batch.delete_cf(family, row.key());
        }
        self.put_all(put);
    }
}
