//! Answers questions from one consistent state of the store: the last one committed when the view
//! was made. Lists in pages are in `query`, the ways to get at records in `read`.

use core::fmt;
use std::sync::Arc;

use rocksdb::{Direction, IteratorMode, ReadOptions, Snapshot};

use super::codec::alert::{Episode, Head, SlotOf};
use super::codec::bulletin::HeadMessage as BulletinHeadMessage;
use super::codec::member::RecordOf;
use super::codec::meta::{CountersMessage, TopologyMessage};
use super::codec::quarantine::HeadMessage;
use super::schema::{self, Family, META_COUNTERS, META_TOPOLOGY};
use super::{Store, StoreError, codec, load, overlay, read};
use crate::cmdb::{
    Change, CiRow, FactsShared, Making, Problem, RelationRow, RelationType, Rows, Topology,
};
use crate::engine::changes::{AlertRow, Counters, MemberOf, MemberRow};
use crate::engine::context::Context;
use crate::engine::rebind::{Forecast, Told};
use crate::model::alert::AlertState;
use crate::model::audit::AuditEntry;
use crate::model::bulletin::{Bulletin, BulletinHead};
use crate::model::change::Change as PlannedChange;
use crate::model::credit::Credits;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::journal::JournalEntry;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::on_call::Override;
use crate::model::partition::Position;
use crate::model::quarantine::{QuarantineHead, QuarantineId, Quarantined};
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;

pub use super::query::{
    AlertQuery, Cursor, IncidentQuery, NotACursor, NoticeQuery, Page, SCAN_MAX,
};

/// Subordinate incidents of subordinate incidents that are followed; people merge by hand, so a
/// chain is short, and a bound keeps a wrong record from going round for ever.
pub const DEPTH_MAX: u8 = 8;

/// A consistent state of the store. Holding one keeps old records from being cleaned up: make it,
/// ask, drop it. Every question fails alike, when a record cannot be read.
pub struct View<'a> {
    pub(super) store: &'a Store,
    pub(super) snapshot: Snapshot<'a>,
}

/// Something attached to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The record; its `incident` is the one asked for or one of its subordinates.
    pub row: MemberRow,
    /// The alert in the state it had at the end of that episode, or has; `None` for an incident.
    pub alert: Option<AlertRow>,
}

impl Store {
    /// Makes a view of what is committed.
    pub fn view(&self) -> View<'_> {
        View { store: self, snapshot: self.db.snapshot() }
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("store", self.store).finish_non_exhaustive()
    }
}

#[expect(clippy::missing_errors_doc, reason = "all fail alike; the type says how")]
impl View<'_> {
    /// Returns an incident.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.get(&schema::number(id.0))
    }

    /// Returns what is attached to an incident in the order of the records' numbers, each
    /// subordinate incident followed by what is attached to that, at most `limit` in all.
    pub fn members(&self, incident: IncidentId, limit: usize) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::new();
        self.gather(incident, DEPTH_MAX, limit, &mut members)?;
        Ok(members)
    }

    fn gather(
        &self,
        incident: IncidentId,
        depth_left: u8,
        limit: usize,
        into: &mut Vec<Member>,
    ) -> Result<(), StoreError> {
        for row in self.rows::<MemberRow>(&schema::number(incident.0), IteratorMode::Start) {
            if into.len() >= limit {
                break;
            }
            let row = row?;
            let (what, record) = (row.what, row.record);
            match what {
                MemberOf::Alert { fingerprint, episode } => {
                    let alert = self.episode(fingerprint, episode)?;
                    into.push(Member { row, alert });
                }
                MemberOf::Incident => {
                    into.push(Member { row, alert: None });
                    if let Some(depth_left) = depth_left.checked_sub(1) {
                        self.gather(record, depth_left, limit, into)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns what is attached to an incident under a number.
    pub fn member_of(
        &self,
        incident: IncidentId,
        record: RecordId,
    ) -> Result<Option<MemberRow>, StoreError> {
        self.get(&schema::pair(incident.0, record.0))
    }

    /// Returns the numbers under which something is attached to an incident.
    pub(super) fn records(&self, incident: IncidentId) -> Result<Vec<RecordId>, StoreError> {
        let below = schema::number(incident.0);
        let rows = self.rows::<MemberRow>(&below, IteratorMode::Start);
        rows.map(|row| row.map(|row| row.record)).collect()
    }

    /// Returns the incident that an alert's record is attached to.
    pub fn incident_of(&self, record: RecordId) -> Result<Option<IncidentId>, StoreError> {
        let row: Option<RecordOf> = self.get(&schema::number(record.0))?;
        Ok(row.map(|row| row.incident))
    }

    /// Returns the newest `limit` entries of a timeline, the oldest of them first.
    pub fn timeline(&self, incident: IncidentId, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self
            .rows::<(IncidentId, u32, Entry)>(&schema::number(incident.0), IteratorMode::End)
            .take(limit)
            .map(|row| row.map(|(_, _, entry)| entry))
            .collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        Ok(entries)
    }

    /// Returns an alert that is held, in its newest state.
    pub fn alert(&self, fingerprint: Fingerprint) -> Result<Option<AlertRow>, StoreError> {
        let Some(SlotOf { slot, .. }) = self.get(&schema::number(fingerprint.0))? else {
            return Ok(None);
        };
        let key = schema::slot(slot);
        let Some(mut row) = self.get::<AlertRow>(&key)? else { return Ok(None) };
        if let Some(touch) = self.get::<AlertState>(&key)? {
            overlay::newer(&mut row.state, touch);
        }
        Ok(Some(row))
    }

    /// Returns the past episodes of an alert, at most `limit`, the newest first.
    pub fn episodes(
        &self,
        fingerprint: Fingerprint,
        limit: usize,
    ) -> Result<Vec<AlertRow>, StoreError> {
        self.rows::<Episode>(&schema::number(fingerprint.0), IteratorMode::End)
            .take(limit)
            .map(|row| row.map(|Episode(row)| row))
            .collect()
    }

    /// Returns an alert as it is in its present episode, or was at the end of a past one.
    fn episode(&self, of: Fingerprint, episode: u32) -> Result<Option<AlertRow>, StoreError> {
        let present = self.alert(of)?.filter(|row| row.state.episode == episode);
        match present {
            Some(row) => Ok(Some(row)),
            None => Ok(self.get(&schema::place(of.0, episode))?.map(|Episode(row)| row)),
        }
    }

    /// Returns how far partitions of Kafka topics are read, by source, topic and number as text.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        self.all()
    }

    /// Returns records of the quarantine behind `after`, oldest first, at most `limit`.
    pub fn quarantine(
        &self,
        after: Option<QuarantineId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let behind = after.map_or(0, |id| id.0.saturating_add(1));
        let mode = schema::number(behind);
        let entries = self.entries(
            Family::Quarantine,
            ReadOptions::default(),
            IteratorMode::From(&mode, Direction::Forward),
        );
        let rows = entries.map(|entry| entry.and_then(|(key, value)| read::row(&key, &value)));
        rows.take(limit).collect()
    }

    /// Returns one record of the quarantine.
    pub fn quarantined(&self, id: QuarantineId) -> Result<Option<Quarantined>, StoreError> {
        self.get(&schema::number(id.0))
    }

    /// Returns what the engine holds of the quarantine.
    pub(super) fn quarantine_heads(&self) -> Result<Vec<QuarantineHead>, StoreError> {
        let entries = self.entries(Family::Quarantine, read::bulk(), IteratorMode::Start);
        let head = |key: &[u8], value: &[u8]| {
            let head = codec::decode::<HeadMessage>(value).and_then(|head| head.restore(key));
            head.map_err(|reason| StoreError::record(Family::Quarantine, key, reason))
        };
        entries.map(|entry| entry.and_then(|(key, value)| head(&key, &value))).collect()
    }

    /// Returns bulletins that wait, behind `after`, oldest first, at most `limit`.
    pub fn bulletins(&self, after: u64, limit: usize) -> Result<Vec<Bulletin>, StoreError> {
        let behind = schema::number(after.saturating_add(1));
        let mode = IteratorMode::From(&behind, Direction::Forward);
        let entries = self.entries(Family::Bulletins, ReadOptions::default(), mode);
        let rows = entries.map(|entry| entry.and_then(|(key, value)| read::row(&key, &value)));
        rows.take(limit).collect()
    }

    /// Returns what the engine holds of bulletins.
    pub(super) fn bulletin_heads(&self) -> Result<Vec<BulletinHead>, StoreError> {
        let entries = self.entries(Family::Bulletins, read::bulk(), IteratorMode::Start);
        let head = |key: &[u8], value: &[u8]| {
            let head = codec::decode::<BulletinHeadMessage>(value).and_then(|it| it.restore(key));
            head.map_err(|reason| StoreError::record(Family::Bulletins, key, reason))
        };
        entries.map(|entry| entry.and_then(|(key, value)| head(&key, &value))).collect()
    }

    /// Returns a policy that some incident started with.
    pub fn policy(&self, hash: PolicyHash) -> Result<Option<Arc<Policy>>, StoreError> {
        let row = self.get::<(PolicyHash, Arc<Policy>)>(&schema::number(hash.0))?;
        Ok(row.map(|(_, policy)| policy))
    }

    /// Returns all silences, those that ended not long ago included, by id.
    pub fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        self.all()
    }

    /// Returns a silence.
    pub fn silence(&self, id: SilenceId) -> Result<Option<Silence>, StoreError> {
        self.get(&id.0.to_be_bytes())
    }

    /// Returns all planned changes, those that ended not long ago included, by number.
    pub fn planned_changes(&self) -> Result<Vec<PlannedChange>, StoreError> {
        self.all()
    }

    /// Returns a planned change.
    pub fn planned_change(&self, number: &str) -> Result<Option<PlannedChange>, StoreError> {
        self.get(number.as_bytes())
    }

    /// Returns all overrides of who is on call, those that ended not long ago included, by number.
    pub fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        self.all()
    }

    /// Returns what rules are credited with, by their names.
    pub fn credits(&self) -> Result<Vec<Credits>, StoreError> {
        self.all()
    }

    /// Returns what one rule is credited with.
    pub fn credits_of(&self, rule: &str) -> Result<Option<Credits>, StoreError> {
        self.get(rule.as_bytes())
    }

    /// Returns entries of the audit trail behind place `after` in their order, at most `limit`.
    pub fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let first = schema::number(after.saturating_add(1));
        let from = IteratorMode::From(&first, Direction::Forward);
        self.rows::<AuditEntry>(&[], from).take(limit).collect()
    }

    /// Returns entries of the journal in their order: those behind `after`, heard before `until`, at
    /// most `limit`.
    pub fn journal(
        &self,
        after: (Timestamp, u64),
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let mut options = read::bulk();
        options.set_iterate_lower_bound(schema::moment(after.0, after.1.saturating_add(1)));
        options.set_iterate_upper_bound(schema::moment(until, 0));
        let entries = self.entries(Family::Journal, options, IteratorMode::Start);
        let rows = entries.map(|entry| entry.and_then(|(key, value)| read::row(&key, &value)));
        rows.take(limit).collect()
    }

    /// Returns the counters after the last batch.
    pub fn counters(&self) -> Result<Counters, StoreError> {
        let Some(message) = self.meta::<CountersMessage>(META_COUNTERS)? else {
            return Ok(Counters::default());
        };
        let refused = |reason| StoreError::record(Family::Meta, META_COUNTERS, reason);
        message.try_into().map_err(refused)
    }

    /// Returns the topology as of its last change, if one was ever stored. What is read goes into it
    /// at once: the relations of a large CMDB as rows are more than all of its graph.
    pub fn topology(&self) -> Result<Option<Topology>, StoreError> {
        let message: Option<TopologyMessage> = self.meta(META_TOPOLOGY)?;
        let Some(TopologyMessage { version, .. }) = message else { return Ok(None) };
        let at = self.topology_at()?;
        if let Some(making) = self.make(Making::begin(version, Some(at)))? {
            return Ok(Some(making.end()));
        }
        // What is wrong with it is said by the check.
        let unusable = |problems: Vec<Problem>| {
            StoreError::Topology(problems.first().map(ToString::to_string).unwrap_or_default())
        };
        let rows = self.topology_rows()?;
        Topology::at(version, rows, at).map(Some).map_err(unusable)
    }

    /// Takes all rows of the CMDB as they are read; nothing where they are not as a check leaves them.
    fn make(&self, mut making: Making) -> Result<Option<Making>, StoreError> {
        for own in self.all::<RelationType>()? {
            if making.relation_type(own).is_none() {
                return Ok(None);
            }
        }
        for ci in self.every::<CiRow>() {
            if making.ci(Arc::new(ci?)).is_none() {
                return Ok(None);
            }
        }
        for relation in self.every::<RelationRow>() {
            if making.relation(&relation?).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(making))
    }

    /// Returns the rows of the CMDB.
    pub(super) fn topology_rows(&self) -> Result<Rows, StoreError> {
        let cis: Vec<CiRow> = self.all()?;
        let cis = cis.into_iter().map(Arc::new).collect();
        let mut shared = FactsShared::default();
        let share = |row: Result<RelationRow, StoreError>| {
            row.map(|mut row| {
                row.facts = shared.share(row.facts.take());
                row
            })
        };
        let relations = self.every::<RelationRow>().map(share).collect::<Result<_, _>>()?;
        Ok(Rows { types: self.all()?, cis, relations })
    }

    /// Returns when the version of the topology that is stored was made: whether its relations hold
    /// is asked of this time.
    pub fn topology_at(&self) -> Result<Timestamp, StoreError> {
        let history = self.topology_history()?;
        Ok(history.first().map_or(Timestamp::EPOCH, |change| change.at))
    }

    /// Foretells what another topology means for the alerts that it does not know yet; returns how
    /// many these were.
    pub fn foretell(
        &self,
        contexts: [&Context; 2],
        forecast: &mut Forecast,
    ) -> Result<usize, StoreError> {
        let mut new = 0;
        load::each_alert(self, &mut |Head { fingerprint, labels, state }| {
            let alert = *fingerprint;
            if !forecast.knows(alert) {
                let told = Told { labels, severity: state.severity.as_deref() };
                forecast.foretell(contexts, alert, told);
                new += 1;
            }
        })?;
        Ok(new)
    }

    /// Returns the last changes of the CMDB, the newest first.
    pub fn topology_history(&self) -> Result<Vec<Change>, StoreError> {
        let message: Option<TopologyMessage> = self.meta(META_TOPOLOGY)?;
        Ok(message.unwrap_or_default().history())
    }

    /// Shows all alerts that are held, without their text, in the order of their slots.
    pub fn each_alert(
        &self,
        visit: &mut dyn FnMut(&Labels, &AlertState),
    ) -> Result<(), StoreError> {
        load::each_alert(self, &mut |head| visit(&head.labels, &head.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::changes::Changes;
    use crate::model::alert::Slot;
    use crate::store::Options;
    use crate::store::codec::Row;
    use crate::store::dice::Dice;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).unwrap();
        (dir, store)
    }

    fn member(incident: u64, record: u64, what: MemberOf) -> MemberRow {
        let (incident, record) = (RecordId(incident), RecordId(record));
        MemberRow { incident, record, what, ..Dice(0).member() }
    }

    fn records(members: &[Member]) -> Vec<(u64, u64)> {
        members.iter().map(|member| (member.row.incident.0, member.row.record.0)).collect()
    }

    #[test]
    fn members_of_subordinate_incidents_follow_their_incident() {
        let (_dir, store) = store();
        let alert = MemberOf::Alert { fingerprint: Fingerprint(1), episode: 1 };
        let members = vec![
            member(1, 1, alert),
            member(1, 2, MemberOf::Incident),
            member(1, 9, alert),
            member(2, 2, alert),
            member(2, 5, MemberOf::Incident),
            member(5, 5, alert),
        ];
        store.commit(&Changes { members, ..Changes::default() }, &[]).unwrap();
        let all = [(1, 1), (1, 2), (2, 2), (2, 5), (5, 5), (1, 9)];
        for limit in 0..8 {
            let members = store.view().members(RecordId(1), limit).unwrap();
            assert_eq!(records(&members), all[..limit.min(all.len())], "limit {limit}");
        }
    }

    #[test]
    fn incidents_that_contain_each_other_are_followed_to_a_bound() {
        let (_dir, store) = store();
        let members = vec![member(1, 2, MemberOf::Incident), member(2, 1, MemberOf::Incident)];
        store.commit(&Changes { members, ..Changes::default() }, &[]).unwrap();
        let members = store.view().members(RecordId(1), 1000).unwrap();
        assert_eq!(members.len(), usize::from(DEPTH_MAX) + 1);
    }

    #[test]
    fn a_member_shows_the_episode_it_is_about() {
        let (_dir, store) = store();
        let fingerprint = Fingerprint(7);
        let row = |episode| {
            let mut row = AlertRow { fingerprint, ..Dice(1).alert() };
            row.state.episode = episode;
            row.state.slot = Slot::default();
            row
        };
        let archived = vec![crate::engine::changes::Archived {
            fingerprint,
            slot: Slot::default(),
            state: row(1).state,
            row: Some(row(1)),
        }];
        let held = vec![(fingerprint, Slot::default())];
        let of = |episode| MemberOf::Alert { fingerprint, episode };
        let members = vec![member(1, 1, of(1)), member(1, 2, of(2)), member(1, 3, of(3))];
        let alerts = vec![row(2)];
        let changes = Changes { archived, held, alerts, members, ..Changes::default() };
        store.commit(&changes, &[]).unwrap();
        let members = store.view().members(RecordId(1), 10).unwrap();
        let alerts: Vec<_> = members.into_iter().map(|member| member.alert).collect();
        assert_eq!(alerts, [Some(row(1)), Some(row(2)), None]);
    }

    #[test]
    fn a_view_stays_what_it_was() {
        let (_dir, store) = store();
        let view = store.view();
        let incidents = vec![Dice(1).incident()];
        let id = incidents[0].id;
        store.commit(&Changes { incidents, ..Changes::default() }, &[]).unwrap();
        assert!(view.incident(id).unwrap().is_none());
        assert!(store.view().incident(id).unwrap().is_some());
    }

    #[test]
    fn a_record_that_cannot_be_understood_is_named() {
        let (_dir, store) = store();
        let key = schema::number(7);
        let put = |family, value: &[u8]| store.db.put_cf(store.family(family), key, value).unwrap();
        put(Family::Incidents, &[2]);
        let error = store.view().incident(RecordId(7)).unwrap_err().to_string();
        let wording = "record incidents/0000000000000007: has format 2, and 1 is the newest";
        assert!(error.starts_with(wording), "{error}");

        put(Family::Unclosed, &[]);
        put(Family::Incidents, &[1]);
        let error = store.load().unwrap_err().to_string();
        assert!(error.ends_with("`progress` is missing; restore the last backup"), "{error}");
    }

    #[test]
    fn a_record_that_speaks_of_a_missing_one_stops_the_start() {
        let (slot, number) = (schema::slot(Slot(7)), schema::number(7));
        for (family, key, wording) in [
            (Family::Touches, &slot[..], "touches/00000007: is damaged: its alert is missing"),
            (
                Family::Unclosed,
                &number,
                "unclosed/0000000000000007: is damaged: its incident is missing",
            ),
            (
                Family::Followed,
                &number,
                "followed/0000000000000007: is damaged: its incident is missing",
            ),
        ] {
            let (_dir, store) = store();
            let mut value = Vec::new();
            Dice(1).state().write(&mut value);
            store.db.put_cf(store.family(family), key, &value).unwrap();
            let error = store.load().unwrap_err().to_string();
            assert!(error.contains(wording), "{error}");
        }
    }

    #[test]
    fn an_episode_without_a_text_is_not_archived() {
        let (_dir, store) = store();
        let (fingerprint, slot, state) = (Fingerprint(9), Slot(7), Dice(1).state());
        let lost = crate::engine::changes::Archived { fingerprint, slot, state, row: None };
        let changes = Changes { archived: vec![lost], ..Changes::default() };
        let error = store.commit(&changes, &[]).unwrap_err().to_string();
        assert!(error.contains("alerts/00000007: is damaged: it is to be arch"), "{error}");
    }
}
