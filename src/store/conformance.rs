//! Any changes, committed to RocksDB that is closed and opened in between, give what the same
//! changes give in plain maps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rocksdb::{IteratorMode, ReadOptions};

use super::dice::Dice;
use super::schema::{self, Family};
use super::view::{AlertQuery, IncidentQuery, NoticeQuery};
use super::{Options, Store, View};
use crate::cmdb::{Change, Delta, Revision, Rows};
use crate::engine::SavedAlert;
use crate::engine::changes::{
    AlertRow, Archived, Changes, Counters, MemberOf, MemberRow, Recurrence,
};
use crate::model::alert::{AlertState, Slot};
use crate::model::audit::AuditEntry;
use crate::model::bulletin::Bulletin;
use crate::model::change::Change as PlannedChange;
use crate::model::credit::Credits;
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::journal::JournalEntry;
use crate::model::labels::Fingerprint;
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::notice::{Notice, NoticeId, NoticeState};
use crate::model::on_call::Override;
use crate::model::partition::{Partition, Position};
use crate::model::progress::StateName;
use crate::model::quarantine::{QuarantineId, Quarantined};
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;

/// What a store is to be.
#[derive(Default)]
struct Plain {
    alerts: BTreeMap<Fingerprint, AlertRow>,
    episodes: BTreeMap<(Fingerprint, u32), AlertRow>,
    incidents: BTreeMap<IncidentId, Incident>,
    members: BTreeMap<(IncidentId, RecordId), MemberRow>,
    records: BTreeMap<RecordId, IncidentId>,
    timeline: BTreeMap<(IncidentId, u32), Entry>,
    notices: BTreeMap<NoticeId, Notice>,
    policies: BTreeMap<PolicyHash, Arc<Policy>>,
    recurrences: BTreeMap<u64, Recurrence>,
    silences: BTreeMap<SilenceId, Silence>,
    planned: BTreeMap<Box<str>, PlannedChange>,
    overrides: BTreeMap<u64, Override>,
    audit: BTreeMap<u64, AuditEntry>,
    journal: BTreeMap<(Timestamp, u64), JournalEntry>,
    deliveries: BTreeMap<DeliveryId, Timestamp>,
    positions: BTreeMap<Partition, Position>,
    quarantine: BTreeMap<QuarantineId, Quarantined>,
    learned: BTreeMap<LearnedKey, LearnedRow>,
    credits: BTreeMap<Arc<str>, Credits>,
    bulletins: BTreeMap<u64, Bulletin>,
    counters: Counters,
    topology: Option<(u64, Rows)>,
    history: Vec<Change>,
}

impl Plain {
    fn apply(&mut self, changes: &Changes, topology: Option<(u64, &Rows)>) {
        for gone in &changes.incidents_gone {
            self.incidents.remove(gone);
            let members = &self.members;
            self.records.retain(|record, _| !members.contains_key(&(*gone, *record)));
            self.members.retain(|(incident, _), _| incident != gone);
            self.timeline.retain(|(incident, _), _| incident != gone);
            self.notices.retain(|notice, _| notice.incident != *gone);
        }
        for gone in &changes.episodes_gone {
            self.episodes.remove(gone);
        }
        for Archived { fingerprint, slot: _, state, row } in &changes.archived {
            let row = row.as_ref().unwrap_or_else(|| &self.alerts[fingerprint]);
            let row = AlertRow { state: state.clone(), ..row.clone() };
            self.episodes.insert((*fingerprint, state.episode), row);
        }
        for (fingerprint, _) in &changes.forgotten {
            self.alerts.remove(fingerprint);
        }
        for (fingerprint, state) in &changes.touches {
            self.alerts.get_mut(fingerprint).unwrap().state = state.clone();
        }
        self.alerts.extend(changes.alerts.iter().map(|row| (row.fingerprint, row.clone())));
        self.incidents.extend(changes.incidents.iter().map(|row| (row.id, row.clone())));
        let member = |row: &MemberRow| ((row.incident, row.record), row.clone());
        self.members.extend(changes.members.iter().map(member));
        let of_alert = |row: &&MemberRow| {
            matches!(row.what, MemberOf::Alert { .. }) && row.incident != row.record
        };
        let records = changes.members.iter().filter(of_alert);
        self.records.extend(records.map(|row| (row.record, row.incident)));
        let entry = |(id, place, entry): &(_, _, Entry)| ((*id, *place), entry.clone());
        self.timeline.extend(changes.timeline.iter().map(entry));
        self.notices.extend(changes.notices.iter().map(|notice| (notice.id, notice.clone())));
        self.notices.retain(|id, _| !changes.notices_gone.contains(id));
        self.policies.extend(changes.policies.iter().cloned());
        self.recurrences.retain(|signature, _| !changes.recurrences_gone.contains(signature));
        self.recurrences.extend(changes.recurrences.iter().copied());
        self.silences.retain(|id, _| !changes.silences_gone.contains(id));
        self.silences.extend(changes.silences.iter().map(|row| (row.id, row.clone())));
        self.planned.retain(|number, _| !changes.planned_gone.contains(number));
        let planned = changes.planned.iter().map(|row| (row.number.clone(), row.clone()));
        self.planned.extend(planned);
        self.overrides.retain(|number, _| !changes.overrides_gone.contains(number));
        self.overrides.extend(changes.overrides.iter().map(|it| (it.number, it.clone())));
        self.audit.extend(changes.audit.iter().map(|entry| (entry.seq, entry.clone())));
        if let Some(before) = changes.journal_before {
            self.journal.retain(|(at, _), _| *at >= before);
        }
        self.journal
            .extend(changes.journal.iter().map(|entry| ((entry.at, entry.seq), entry.clone())));
        self.deliveries.retain(|id, _| !changes.deliveries_gone.contains(id));
        self.deliveries.extend(changes.deliveries.iter().copied());
        self.positions.extend(changes.positions.iter().map(Position::keyed));
        self.quarantine.retain(|id, _| !changes.quarantine_gone.contains(id));
        self.quarantine.extend(changes.quarantined.iter().map(|row| (row.id, row.clone())));
        self.learned.retain(|key, _| !changes.learned_gone.contains(key));
        self.learned.extend(changes.learned.iter().cloned());
        self.credits.retain(|rule, _| !changes.credits_gone.contains(rule));
        self.credits.extend(changes.credits.iter().map(|it| (Arc::clone(&it.rule), it.clone())));
        self.bulletins.retain(|seq, _| !changes.bulletins_gone.contains(seq));
        self.bulletins.extend(changes.bulletins.iter().map(|it| (it.seq, it.clone())));
        self.counters = changes.counters.clone();
        if let Some((version, rows)) = topology {
            self.topology = Some((version, rows.clone()));
        }
    }

    /// Makes the revision that leads to these rows.
    fn revision(&self, version: u64, rows: &Rows, dice: &mut Dice) -> Revision {
        let none = Rows::default();
        let old = self.topology.as_ref().map_or(&none, |(_, rows)| rows);
        Revision { delta: Delta::between(old, rows), change: dice.change(version) }
    }

    fn roll_learned(&self, dice: &mut Dice, changes: &mut Changes) {
        let (key, row) = dice.learned();
        match (self.learned.keys().next(), dice.flip()) {
            (Some(key), true) => changes.learned_gone.push(key.clone()),
            _ => changes.learned.push((key, row)),
        }
    }

    /// Rolls a batch that may follow. Keys are few, so that records meet.
    fn batch(&self, dice: &mut Dice) -> Changes {
        let mut changes = Changes { counters: dice.counters(), ..Changes::default() };
        self.roll_learned(dice, &mut changes);
        for n in 0..8 {
            let of = (Fingerprint(u64::from(n) * (u64::MAX / 7)), Slot(n));
            self.roll_alert(dice, of, &mut changes);
        }
        for incident in 1..6 {
            let incident = RecordId(incident);
            if dice.below(8) == 0 {
                changes.incidents_gone.push(incident);
            }
            if dice.flip() {
                changes.incidents.push(Incident { id: incident, ..dice.incident() });
            }
            for below in [1_u32, 2, 300] {
                match dice.below(8) {
                    0 => changes.members.push(MemberRow {
                        incident,
                        record: RecordId(below.into()),
                        ..dice.member()
                    }),
                    1 => changes.timeline.push((incident, below, dice.entry())),
                    2 | 3 => {
                        let id = NoticeId { incident, seq: below };
                        changes.notices.push(Notice { id, ..dice.notice() });
                    }
                    4 => changes.notices_gone.push(NoticeId { incident, seq: below }),
                    _ => {}
                }
            }
            match dice.below(4) {
                0 => {
                    changes.recurrences.push((incident.0, dice.recurrence().1));
                    let id = SilenceId(incident.0.into());
                    changes.silences.push(Silence { id, ..dice.silence() });
                    let number = incident.to_string().into();
                    changes.overrides.push(Override { number: incident.0, ..dice.override_() });
                    changes.planned.push(PlannedChange { number, ..dice.planned_change() });
                    changes.audit.push(AuditEntry { seq: incident.0, ..dice.audit() });
                }
                1 => {
                    changes.recurrences_gone.push(incident.0);
                    changes.silences_gone.push(SilenceId(incident.0.into()));
                    changes.planned_gone.push(incident.to_string().into());
                    changes.overrides_gone.push(incident.0);
                }
                2 => changes.policies.push((PolicyHash(incident.0), dice.policy().1)),
                _ => {}
            }
        }
        roll_credits(dice, &mut changes);
        roll_bulletins(dice, &mut changes);
        roll_journal(dice, &mut changes);
        for n in 0..6_u8 {
            let (delivery, id) = (DeliveryId([n; 16]), QuarantineId(n.into()));
            match dice.below(6) {
                4 => {
                    let partition =
                        Partition { source: "s".into(), topic: "t".into(), number: n.into() };
                    changes.positions.push(Position { partition, ..dice.position() });
                }
                0 => changes.deliveries.push((delivery, dice.delivery().1)),
                1 => changes.deliveries_gone.push(delivery),
                2 => changes.quarantined.push(Quarantined { id, ..dice.quarantined() }),
                3 => changes.quarantine_gone.push(id),
                _ => {}
            }
        }
        changes
    }

    fn roll_alert(
        &self,
        dice: &mut Dice,
        (fingerprint, slot): (Fingerprint, Slot),
        changes: &mut Changes,
    ) {
        let known = self.alerts.get(&fingerprint);
        let revision = known.map_or(0, |row| row.state.revision);
        let mut state = AlertState { slot, ..dice.state() };
        state.revision = revision + 2;
        state.episode %= 4;
        let row = AlertRow { fingerprint, state: state.clone(), ..dice.alert() };
        if dice.below(4) == 0 {
            changes
                .episodes_gone
                .push((fingerprint, u32::from(dice.flip()) + 2 * u32::from(dice.flip())));
        }
        let of_before = known.is_some() && dice.flip();
        if dice.flip() && (of_before || dice.flip()) {
            let row = (!of_before).then(|| AlertRow { fingerprint, ..dice.alert() });
            let mut state = AlertState { slot: Slot::default(), ..dice.state() };
            state.episode %= 4;
            changes.archived.push(Archived { fingerprint, slot, state, row });
        }
        match dice.below(6) {
            0 => {}
            1 if known.is_some() => changes.forgotten.push((fingerprint, slot)),
            // Forgotten and received again: the revision begins anew.
            2 if known.is_some() => {
                changes.forgotten.push((fingerprint, slot));
                changes.held.push((fingerprint, slot));
                let mut row = row;
                row.state.revision = 1;
                changes.alerts.push(row);
            }
            3 if known.is_some() => changes.touches.push((fingerprint, state)),
            // Both: the whole row counts, whatever the other says.
            4 if known.is_some() => {
                let mut touch = AlertState { slot, ..dice.state() };
                touch.revision = revision + 3 * u32::from(dice.flip());
                changes.touches.push((fingerprint, touch));
                changes.alerts.push(row);
            }
            _ => {
                changes.held.extend(known.is_none().then_some((fingerprint, slot)));
                changes.alerts.push(row);
            }
        }
    }

    fn compare(&self, store: &Store) {
        let saved = store.saved().unwrap();
        let rows = self.topology.as_ref().map(|(_, rows)| rows.clone()).unwrap_or_default();
        assert_eq!(store.view().topology_rows().unwrap(), rows);
        assert_eq!(saved.counters, self.counters);
        let alerts = self.alerts.values();
        let alerts = alerts
            .map(|row| SavedAlert::new(row.fingerprint, row.labels.clone(), row.state.clone()));
        assert_eq!(saved.alerts, alerts.collect::<Vec<_>>());
        let held = |incident: &&Incident| {
            !incident.progress.name().is_over() || incident.has_open_actions()
        };
        let held = self.incidents.values().filter(held).cloned();
        assert_eq!(saved.incidents, held.collect::<Vec<_>>());
        assert_eq!(saved.notices, self.notices.values().cloned().collect::<Vec<_>>());
        assert_eq!(saved.policies, self.policies.clone().into_iter().collect::<Vec<_>>());
        assert_eq!(saved.silences, self.silences.values().cloned().collect::<Vec<_>>());
        assert_eq!(saved.planned, self.planned.values().cloned().collect::<Vec<_>>());
        assert_eq!(saved.overrides, self.overrides.values().cloned().collect::<Vec<_>>());
        assert_eq!(saved.deliveries, self.deliveries.clone().into_iter().collect::<Vec<_>>());
        assert_eq!(saved.positions, self.positions.values().cloned().collect::<Vec<_>>());
        let heads: Vec<_> = self.quarantine.values().map(Quarantined::head).collect();
        assert_eq!(saved.quarantine, heads);
        assert_eq!(saved.learned, self.learned.clone().into_iter().collect::<Vec<_>>());
        let heads: Vec<_> = self.bulletins.values().map(Bulletin::head).collect();
        assert_eq!(saved.bulletins, heads);
        let behind: Vec<_> = self.bulletins.range(2..).map(|(_, it)| it.clone()).take(2).collect();
        assert_eq!(store.view().bulletins(1, 2).unwrap(), behind);
        let rows: Vec<_> = self.quarantine.values().cloned().collect();
        assert_eq!(store.view().quarantine(None, 9).unwrap(), rows);
        let behind: Vec<_> = rows.iter().filter(|row| row.id.0 > 2).take(2).cloned().collect();
        assert_eq!(store.view().quarantine(Some(QuarantineId(2)), 2).unwrap(), behind);
        assert_eq!(saved.recurrences, self.recurrences.clone().into_iter().collect::<Vec<_>>());
        self.compare_records(store);
        self.compare_pages(store);
    }

    fn compare_records(&self, store: &Store) {
        let view = store.view();
        let history: Vec<Change> = self.history.iter().rev().cloned().collect();
        assert_eq!(view.topology_history().unwrap(), history);
        for (fingerprint, row) in &self.alerts {
            assert_eq!(view.alert(*fingerprint).unwrap().as_ref(), Some(row));
        }
        for fingerprint in self.episodes.keys().map(|(fingerprint, _)| *fingerprint) {
            let episodes = self.episodes.range((fingerprint, 0)..=(fingerprint, u32::MAX));
            let newest: Vec<_> = episodes.rev().map(|(_, row)| row.clone()).take(2).collect();
            assert_eq!(view.episodes(fingerprint, 2).unwrap(), newest);
        }
        for ((incident, record), row) in &self.members {
            assert_eq!(view.member_of(*incident, *record).unwrap().as_ref(), Some(row));
        }
        for (record, incident) in &self.records {
            assert_eq!(view.incident_of(*record).unwrap(), Some(*incident));
        }
        for (id, incident) in &self.incidents {
            assert_eq!(view.incident(*id).unwrap().as_ref(), Some(incident));
            let entries = self.timeline.range((*id, 0)..=(*id, u32::MAX));
            let mut newest: Vec<_> = entries.rev().map(|(_, e)| e.clone()).take(2).collect();
            newest.reverse();
            assert_eq!(view.timeline(*id, 2).unwrap(), newest);
        }
        for (hash, policy) in &self.policies {
            assert_eq!(view.policy(*hash).unwrap().as_ref(), Some(policy));
        }
        for (number, change) in &self.planned {
            assert_eq!(view.planned_change(number).unwrap().as_ref(), Some(change));
        }
        let overrides: Vec<_> = self.overrides.values().cloned().collect();
        assert_eq!(view.overrides().unwrap(), overrides);
        for (id, silence) in &self.silences {
            assert_eq!(view.silence(*id).unwrap().as_ref(), Some(silence));
        }
        let behind: Vec<_> = self.audit.range(2..).map(|(_, entry)| entry.clone()).collect();
        assert_eq!(view.audit(1, 9).unwrap(), behind);
        let credits: Vec<_> = self.credits.values().cloned().collect();
        assert_eq!(view.credits().unwrap(), credits);
        for of in &credits {
            assert_eq!(view.credits_of(&of.rule).unwrap().as_ref(), Some(of));
        }
        let after = self.journal.keys().next().copied().unwrap_or_default();
        let until = self.journal.keys().nth(3).map_or(Timestamp::EPOCH, |(at, _)| *at);
        let behind = self.journal.iter().filter(|(key, _)| **key > after && key.0 < until);
        let behind: Vec<_> = behind.map(|(_, entry)| entry.clone()).collect();
        assert_eq!(view.journal(after, until, 9).unwrap(), behind);
        self.compare_notices(&view);
    }

    fn compare_notices(&self, view: &View<'_>) {
        let incident = self.notices.keys().next().map(|id| id.incident);
        for (state, incident) in [
            (None, None),
            (Some(NoticeState::Dead), None),
            (None, incident),
            (Some(NoticeState::Pending), incident),
            (None, Some(RecordId(u64::MAX))),
        ] {
            let fits = |notice: &&Notice| {
                state.is_none_or(|state| state == notice.state)
                    && incident.is_none_or(|incident| incident == notice.id.incident)
            };
            let wanted: Vec<_> = self.notices.values().filter(fits).cloned().collect();
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let query = NoticeQuery { state, incident, after, limit: 3 };
                let page = view.notices(&query).unwrap();
                assert!(page.items.len() <= 3);
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{state:?} {incident:?}");
        }
    }

    fn compare_pages(&self, store: &Store) {
        use StateName::{Acknowledged, Closed, InProgress, New, Resolved};
        let open = |row: &&Incident| row.progress.is_open() && row.parent.is_none();
        let open: Vec<_> = self.incidents.values().filter(open).map(|row| row.id.0).collect();
        let view = store.view();
        let index = view.entries(Family::Open, ReadOptions::default(), IteratorMode::Start);
        let index = index.map(|entry| schema::read_number(&entry.unwrap().0).unwrap());
        assert_eq!(index.collect::<Vec<_>>(), open);
        let newest = || self.incidents.values().rev().cloned();
        for states in
            [&[][..], &[New], &[New, Acknowledged, InProgress], &[Resolved], &[New, Closed]]
        {
            let fits = |incident: &Incident| {
                let subordinate = incident.parent.is_some() && incident.progress.is_open();
                states.is_empty() || !subordinate && states.contains(&incident.progress.name())
            };
            let expected: Vec<_> = newest().filter(fits).collect();
            assert_eq!(incidents(store, states), expected, "{states:?}");
        }
        for firing in [None, Some(true), Some(false)] {
            let fits = |row: &&AlertRow| firing.is_none_or(|firing| row.state.fires() == firing);
            let expected: Vec<_> = self.alerts.values().filter(fits).cloned().collect();
            assert_eq!(alerts(store, firing), expected, "{firing:?}");
        }
    }
}

fn roll_bulletins(dice: &mut Dice, changes: &mut Changes) {
    for seq in 1..6 {
        match dice.below(4) {
            0 => changes.bulletins_gone.push(seq),
            1 => changes.bulletins.push(Bulletin { seq, ..dice.bulletin() }),
            _ => {}
        }
    }
}

fn roll_journal(dice: &mut Dice, changes: &mut Changes) {
    changes.journal_before = (dice.below(4) == 0).then(|| dice.journal().at);
    for seq in 0..dice.below(4) {
        changes.journal.push(JournalEntry { seq, ..dice.journal() });
    }
}

fn roll_credits(dice: &mut Dice, changes: &mut Changes) {
    for rule in ["a/b", "a/c"] {
        match dice.below(4) {
            0 => changes.credits_gone.push(rule.into()),
            1 => changes.credits.push(Credits { rule: rule.into(), ..dice.credits() }),
            _ => {}
        }
    }
}

/// All incidents, by pages of two, each cursor printed and read again.
fn incidents(store: &Store, states: &[StateName]) -> Vec<Incident> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = IncidentQuery { states, after, limit: 2, filter: &|_| Ok(true) };
        let page = store.view().incidents(&query).unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn alerts(store: &Store, firing: Option<bool>) -> Vec<AlertRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = AlertQuery { firing, after, limit: 2, filter: &|_| true };
        let page = store.view().alerts(&query).unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &Options::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_was_committed_is_there_after_every_start(seed: u64) {
        let dice = &mut Dice(seed);
        let dir = tempfile::tempdir().unwrap();
        let (mut store, mut plain) = (open(dir.path()), Plain::default());
        plain.compare(&store);
        for batch in 0..12 {
            let changes = plain.batch(dice);
            let rows = dice.rows();
            let topology = (dice.below(3) == 0).then_some((batch, &rows));
            let revision = topology.map(|(version, rows)| plain.revision(version, rows, dice));
            store.commit(&changes, &revision.iter().collect::<Vec<_>>()).unwrap();
            plain.apply(&changes, topology);
            plain.history.extend(revision.map(|revision| revision.change));
            if dice.below(3) == 0 {
                drop(store);
                store = open(dir.path());
            }
            plain.compare(&store);
        }
    }
}
