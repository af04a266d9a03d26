//! Reads a store from end to end: is every record what it should be, and do they agree?
//!
//! Every block is read with its checksum, every record decoded, and what one record says of another
//! is looked up. The hash is over all keys and values in their order: two stores with the same hash
//! hold the same.

use std::sync::Arc;

use rocksdb::IteratorMode;
use sha2::{Digest, Sha256};

use super::codec::alert::{AlertMessage, Episode, SlotOf};
use super::codec::member::RecordOf;
use super::codec::meta::{CountersMessage, IdentityMessage, SchemaMessage, TopologyMessage};
use super::codec::{self, Malformed, Row};
use super::read::{Pair, bulk};
use super::schema::{
    self, FAMILIES, Family, META_COUNTERS, META_IDENTITY, META_SCHEMA, META_TOPOLOGY,
};
use super::view::View;
use super::{Store, StoreError};
use crate::cmdb::{CiRow, RelationRow, RelationType};
use crate::engine::changes::{AlertRow, MemberRow, Recurrence};
use crate::model::alert::AlertState;
use crate::model::audit::AuditEntry;
use crate::model::bulletin::Bulletin;
use crate::model::change::Change;
use crate::model::credit::Credits;
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId};
use crate::model::journal::JournalEntry;
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::notice::{CANARY_INCIDENT, Notice};
use crate::model::on_call::Override;
use crate::model::partition::Position;
use crate::model::quarantine::Quarantined;
use crate::model::silence::Silence;
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;

/// Problems that are listed; more are counted.
const PROBLEMS_MAX: usize = 50;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The last commit.
    pub batch: u64,
    /// Records read.
    pub records: u64,
    /// Over all keys and values, in hexadecimal digits.
    pub hash: String,
    /// The first of the records that are wrong, each with what is wrong.
    pub problems: Vec<String>,
    /// How many are wrong.
    pub wrong: u64,
}

impl Store {
    /// Reads all of it.
    ///
    /// # Errors
    /// When a file is damaged so that reading cannot go on.
    pub fn verify(&self) -> Result<Report, StoreError> {
        let view = self.view();
        let last_record = view.counters()?.next_record;
        let mut check = Check { view: &view, last_record, report: Report::default(), known: None };
        let mut hash = Sha256::new();
        for family in FAMILIES {
            hash.update(family.name().as_bytes());
            for entry in view.entries(family, bulk(), IteratorMode::Start) {
                let (key, value) = entry?;
                for part in [&key, &value] {
                    hash.update((part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
                check.record(family, &(key, value))?;
            }
        }
        let mut report = check.report;
        report.batch = view.counters()?.batch;
        report.hash = schema::hex(&hash.finalize());
        Ok(report)
    }
}

struct Check<'a> {
    view: &'a View<'a>,
    last_record: u64,
    report: Report,
    /// The incident that was looked up last: records of one lie together.
    known: Option<(IncidentId, bool)>,
}

impl Check<'_> {
    fn record(&mut self, family: Family, pair: &Pair) -> Result<(), StoreError> {
        self.report.records += 1;
        let wrong = match self.judge(family, pair)? {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        };
        self.report.wrong += 1;
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(StoreError::record(family, &pair.0, wrong).to_string());
        }
        Ok(())
    }

    fn judge(
        &mut self,
        family: Family,
        (key, value): &Pair,
    ) -> Result<Result<(), Malformed>, StoreError> {
        match family {
            Family::Alerts => match AlertRow::read(key, value) {
                Ok(row) => match self.slot_of(&row)? {
                    Ok(()) => self.incident(row.state.incident),
                    Err(wrong) => Ok(Err(wrong)),
                },
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Slots => match SlotOf::read(key, value) {
                Ok(row) => self.alert_in(row),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Touches => match AlertState::read(key, value) {
                Ok(_) => self.exists(Family::Alerts, key, "its alert"),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Incidents => match Incident::read(key, value) {
                Ok(incident) => self.incident_itself(&incident),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Open | Family::Unclosed | Family::Followed => self.index(family, key),
            Family::Members => match MemberRow::read(key, value) {
                Ok(row) => self.incident(Some(row.incident)),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Records => match RecordOf::read(key, value) {
                Ok(row) => self.incident(Some(row.incident)),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Timeline => match <(IncidentId, u32, Entry)>::read(key, value) {
                Ok((id, _, _)) => self.incident(Some(id)),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Notices => match Notice::read(key, value) {
                Ok(it) if it.id.incident == CANARY_INCIDENT => Ok(Ok(())),
                Ok(notice) => self.incident(Some(notice.id.incident)),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Relations => match RelationRow::read(key, value) {
                Ok(row) => self.relation(&row),
                Err(wrong) => Ok(Err(wrong)),
            },
            Family::Meta
            | Family::Episodes
            | Family::Policies
            | Family::Recurrences
            | Family::Deliveries
            | Family::Positions
            | Family::Quarantine
            | Family::Learned
            | Family::Silences
            | Family::Changes
            | Family::Overrides
            | Family::Audit
            | Family::Journal
            | Family::Bulletins
            | Family::Rules
            | Family::Cis
            | Family::RelationTypes => Ok(readable(family, key, value)),
        }
    }

    /// The slot that an alert is looked up by has to hold this one.
    fn alert_in(&self, row: SlotOf) -> Result<Result<(), Malformed>, StoreError> {
        let key = schema::slot(row.slot);
        let held = self.view.value::<AlertMessage>(Family::Alerts, &key)?;
        let is_there = held.is_some_and(|held| held.is_of(row.alert));
        let missing = || Malformed::Damaged("its alert is missing".into());
        Ok(if is_there { Ok(()) } else { Err(missing()) })
    }

    /// An alert has to be found by its fingerprint.
    fn slot_of(&self, row: &AlertRow) -> Result<Result<(), Malformed>, StoreError> {
        let found: Option<SlotOf> = self.view.get(&schema::number(row.fingerprint.0))?;
        let is_there = found.is_some_and(|found| found.slot == row.state.slot);
        let lost = || Malformed::Damaged(format!("the index `slots` misses {}", row.fingerprint));
        Ok(if is_there { Ok(()) } else { Err(lost()) })
    }

    fn incident_itself(&mut self, it: &Incident) -> Result<Result<(), Malformed>, StoreError> {
        let key = schema::number(it.id.0);
        if it.id.0 > self.last_record {
            let last = self.last_record;
            return Ok(Err(Malformed::Damaged(format!(
                "its number is above the last given, {last}"
            ))));
        }
        let open = it.progress.is_open() && it.parent.is_none();
        let unclosed = !it.progress.name().is_over();
        let followed = it.has_open_actions();
        for (family, expected) in
            [(Family::Open, open), (Family::Unclosed, unclosed), (Family::Followed, followed)]
        {
            if self.holds(family, &key)? != expected {
                let what = if expected { "misses it" } else { "still has it" };
                return Ok(Err(Malformed::Damaged(format!(
                    "the index `{}` {what}",
                    family.name()
                ))));
            }
        }
        if !self.holds(Family::Policies, &schema::number(it.policy.0))? {
            return Ok(Err(Malformed::Damaged("its policy is missing".into())));
        }
        self.incident(it.parent)
    }

    fn index(&mut self, index: Family, key: &[u8]) -> Result<Result<(), Malformed>, StoreError> {
        match self.view.indexed(index, key) {
            Ok(_) => Ok(Ok(())),
            Err(StoreError::Record { reason, .. }) => Ok(Err(reason)),
            Err(error) => Err(error),
        }
    }

    fn relation(&mut self, row: &RelationRow) -> Result<Result<(), Malformed>, StoreError> {
        if row.can_wait() {
            return Ok(Ok(()));
        }
        let RelationRow { from, relation, to, .. } = row;
        for (family, name) in
            [(Family::Cis, &**from), (Family::RelationTypes, &**relation), (Family::Cis, &**to)]
        {
            if !self.holds(family, name.as_bytes())? {
                let wrong = format!("`{name}` is missing in `{}`", family.name());
                return Ok(Err(Malformed::Damaged(wrong)));
            }
        }
        Ok(Ok(()))
    }

    fn incident(&mut self, id: Option<IncidentId>) -> Result<Result<(), Malformed>, StoreError> {
        let Some(id) = id else { return Ok(Ok(())) };
        let there = match self.known {
            Some((known, there)) if known == id => there,
            _ => self.holds(Family::Incidents, &schema::number(id.0))?,
        };
        self.known = Some((id, there));
        let missing = || Malformed::Damaged(format!("{id} is missing"));
        Ok(if there { Ok(()) } else { Err(missing()) })
    }

    fn exists(
        &self,
        family: Family,
        key: &[u8],
        what: &str,
    ) -> Result<Result<(), Malformed>, StoreError> {
        let missing = || Malformed::Damaged(format!("{what} is missing"));
        Ok(if self.holds(family, key)? { Ok(()) } else { Err(missing()) })
    }

    fn holds(&self, family: Family, key: &[u8]) -> Result<bool, StoreError> {
        let value = self.view.snapshot.get_pinned_cf(self.view.store.family(family), key);
        Ok(value.map_err(StoreError::Read)?.is_some())
    }
}

/// Says whether a record of the family of this name can be understood by itself, without a store: what
/// [`Store::verify`] asks first of each.
///
/// # Errors
/// What is wrong with it; a family that there is not is an error, too.
pub fn examine(family: &str, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let found = FAMILIES.into_iter().find(|it| it.name() == family);
    let unknown = || Malformed::Damaged(format!("there is no family `{family}`"));
    readable(found.ok_or_else(unknown)?, key, value)
}

fn readable(family: Family, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
    fn read<R: Row>(key: &[u8], value: &[u8]) -> Result<(), Malformed> {
        R::read(key, value).map(|_| ())
    }
    match family {
        Family::Meta => meta(key, value),
        Family::Alerts => read::<AlertRow>(key, value),
        Family::Touches => read::<AlertState>(key, value),
        Family::Slots => read::<SlotOf>(key, value),
        Family::Episodes => read::<Episode>(key, value),
        Family::Incidents => read::<Incident>(key, value),
        Family::Open | Family::Unclosed | Family::Followed => match schema::read_number(key) {
            Some(_) => Ok(()),
            None => Err(Malformed::Damaged("its key has another length".into())),
        },
        Family::Members => read::<MemberRow>(key, value),
        Family::Records => read::<RecordOf>(key, value),
        Family::Timeline => read::<(IncidentId, u32, Entry)>(key, value),
        Family::Notices => read::<Notice>(key, value),
        Family::Policies => read::<(PolicyHash, Arc<Policy>)>(key, value),
        Family::Recurrences => read::<(u64, Recurrence)>(key, value),
        Family::Deliveries => read::<(DeliveryId, Timestamp)>(key, value),
        Family::Positions => read::<Position>(key, value),
        Family::Quarantine => read::<Quarantined>(key, value),
        Family::Learned => read::<(LearnedKey, LearnedRow)>(key, value),
        Family::Silences => read::<Silence>(key, value),
        Family::Changes => read::<Change>(key, value),
        Family::Overrides => read::<Override>(key, value),
        Family::Audit => read::<AuditEntry>(key, value),
        Family::Journal => read::<JournalEntry>(key, value),
        Family::Bulletins => read::<Bulletin>(key, value),
        Family::Rules => read::<Credits>(key, value),
        Family::Cis => read::<CiRow>(key, value),
        Family::Relations => read::<RelationRow>(key, value),
        Family::RelationTypes => read::<RelationType>(key, value),
    }
}

fn meta(key: &[u8], value: &[u8]) -> Result<(), Malformed> {
    match key {
        META_SCHEMA => codec::decode::<SchemaMessage>(value).map(|_| ()),
        META_COUNTERS => codec::decode::<CountersMessage>(value).map(|_| ()),
        META_TOPOLOGY => codec::decode::<TopologyMessage>(value).map(|_| ()),
        META_IDENTITY => codec::decode::<IdentityMessage>(value).map(|_| ()),
        _ => Err(Malformed::Damaged("no version of incidentd writes it".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::changes::{Changes, Counters};
    use crate::model::alert::Slot;
    use crate::model::incident::RecordId;
    use crate::model::labels::Fingerprint;
    use crate::model::progress::Progress;
    use crate::store::Options;
    use crate::store::dice::Dice;
    use crate::store::witness::StoreId;

    /// A store with an incident, its policy and an entry of its timeline.
    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store"), &Options::default()).unwrap();
        let mut dice = Dice(7);
        let policy = dice.policy();
        let id = RecordId(3);
        let (parent, progress) = (None, Progress::New);
        let incident = Incident { id, parent, progress, policy: policy.0, ..dice.incident() };
        let changes = Changes {
            incidents: vec![incident],
            timeline: vec![(id, 1, dice.entry())],
            policies: vec![policy],
            counters: Counters { next_record: 3, batch: 41, ..Counters::default() },
            ..Changes::default()
        };
        store.commit(&changes, &[]).unwrap();
        store.identify(StoreId([9; 16])).unwrap();
        (dir, store)
    }

    #[test]
    fn a_store_and_its_copy_have_the_same_hash_and_nothing_wrong() {
        let (dir, store) = store();
        let whole = store.verify().unwrap();
        assert_eq!((whole.batch, whole.wrong, whole.problems.len()), (41, 0, 0), "{whole:?}");
        let copy = dir.path().join("copy");
        store.checkpoint(&copy).unwrap();
        let read = Store::open_to_read(&copy).unwrap();
        assert_eq!(read.verify().unwrap(), whole);
        assert_eq!(read.identity().unwrap(), Some(StoreId([9; 16])));
        assert!(store.checkpoint(&copy).is_err(), "a copy was overwritten");
        store.compact();
        assert_eq!(store.verify().unwrap(), whole, "packing changes nothing");
        let sizes = store.sizes().unwrap();
        let keys = |name| sizes.iter().find(|size| size.family == name).unwrap().keys;
        assert_eq!((keys("incidents"), keys("timeline"), keys("meta")), (1, 1, 3));
        assert_eq!(sizes.iter().map(|size| size.keys).sum::<u64>(), whole.records);
    }

    #[test]
    fn what_disagrees_is_named() {
        let (_dir, store) = store();
        let hash = store.verify().unwrap().hash;
        let key = schema::number(3);
        let entry = schema::place(8, 1);
        let index = if store.view().incident(RecordId(3)).unwrap().unwrap().progress.is_open() {
            Family::Open
        } else {
            Family::Unclosed
        };
        store.db.delete_cf(store.family(index), key).unwrap();
        store.db.put_cf(store.family(Family::Incidents), schema::number(2), [1]).unwrap();
        let value = store.db.get_cf(store.family(Family::Timeline), schema::place(3, 1)).unwrap();
        store.db.put_cf(store.family(Family::Timeline), entry, value.unwrap()).unwrap();
        let found = store.verify().unwrap();
        assert_ne!(found.hash, hash);
        let index = format!("the index `{}` misses it", index.name());
        for says in ["incidents/0000000000000002: is damaged", index.as_str(), "INC-8 is missing"] {
            assert!(found.problems.iter().any(|line| line.contains(says)), "{says}: {found:#?}");
        }
        assert_eq!(found.wrong, 3);
    }

    #[test]
    fn an_alert_that_is_not_found_where_the_index_says_is_named() {
        let (_dir, store) = store();
        let mut dice = Dice(5);
        let mut row = |n: u32| {
            let state = AlertState { slot: Slot(n), incident: None, ..dice.state() };
            AlertRow { fingerprint: Fingerprint(n.into()), state, ..dice.alert() }
        };
        let alerts = vec![row(8), row(9)];
        let held = alerts.iter().map(|row| (row.fingerprint, row.state.slot)).collect();
        let counters = store.view().counters().unwrap();
        store.commit(&Changes { held, alerts, counters, ..Changes::default() }, &[]).unwrap();
        assert_eq!(store.verify().unwrap().wrong, 0);
        let mut value = Vec::new();
        SlotOf { alert: Fingerprint(8), slot: Slot(9) }.write(&mut value);
        store.db.put_cf(store.family(Family::Slots), schema::number(8), value).unwrap();
        let found = store.verify().unwrap();
        assert_eq!(found.wrong, 2, "{found:#?}");
        let at = "0000000000000008";
        for says in [format!("the index `slots` misses {at}"), format!("slots/{at}: is damaged")] {
            assert!(found.problems.iter().any(|line| line.contains(&says)), "{says}: {found:#?}");
        }
    }
}
