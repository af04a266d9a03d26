//! What changed since the last drain: which records, and what is to be told of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::changes::{Archived, MemberRow, Recurrence};
use super::ids::Ids;
use super::tally::Share;
use crate::model::alert::{Details, Path, Slot};
use crate::model::audit::AuditEntry;
use crate::model::credit::Counts;
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId};
use crate::model::journal::JournalEntry;
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeId;
use crate::model::partition::Partition;
use crate::model::quarantine::{QuarantineId, Quarantined};
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;
use crate::model::timeline::{Entry, Happening};

/// Changes of the batch that is being applied.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Alerts of which only the state changed, once for each time; some are among `alerts` or not held
    /// any more.
    pub(super) touched: Vec<Fingerprint>,
    /// Alerts to be written whole. Sorted at the drain, so that the hash order is never seen.
    pub(super) alerts: HashMap<Fingerprint, Rewritten, RandomState>,
    pub(super) archived: Vec<Archived>,
    pub(super) forgotten: BTreeSet<(Fingerprint, Slot)>,
    pub(super) incidents: Ids,
    /// Incidents whose next deadline is to be looked up before the event is over.
    pub(super) rescheduled: Ids,
    /// Incidents that are closed: written once more, then no longer held.
    pub(super) closed: BTreeSet<IncidentId>,
    /// Incidents that are over, and on whose record something was written.
    pub(super) afterwards: BTreeMap<IncidentId, Incident>,
    /// Records that were attached; of one that was twice the last counts. Not: a map. One node of it
    /// is larger than all else that an alert that joins makes.
    pub(super) members: Vec<MemberRow>,
    pub(super) entries: Vec<(IncidentId, Entry)>,
    entry_of: BTreeMap<(IncidentId, Happening), usize>,
    pub(super) notices: BTreeSet<NoticeId>,
    pub(super) notices_gone: BTreeSet<NoticeId>,
    pub(super) incidents_gone: BTreeSet<IncidentId>,
    pub(super) episodes_gone: BTreeSet<(Fingerprint, u32)>,
    pub(super) policies: Vec<(PolicyHash, Arc<Policy>)>,
    pub(super) recurrences: BTreeMap<u64, Option<Recurrence>>,
    /// Planned changes that changed, or are no longer held.
    pub(super) changes: BTreeSet<Box<str>>,
    /// Overrides that are new, or no longer held.
    pub(super) overrides: BTreeSet<u64>,
    /// Silences that changed, or are no longer held.
    pub(super) silences: BTreeSet<SilenceId>,
    /// Rules of which something came, or whose credits are no longer held.
    pub(super) credits: BTreeSet<Arc<str>>,
    pub(super) credited: Counts,
    /// Alerts that a rule made part of incidents: whether that saves a page is to be asked before the
    /// event is over.
    pub(super) absorbed: Vec<(Box<str>, Share)>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) journal: Vec<JournalEntry>,
    /// Entries of the journal from before then are to be forgotten.
    pub(super) journal_before: Option<Timestamp>,
    /// Deliveries that were done, or are no longer remembered.
    pub(super) deliveries: BTreeMap<DeliveryId, Option<Timestamp>>,
    /// Partitions whose position moved.
    pub(super) positions: BTreeSet<Partition>,
    /// Records of the quarantine, or `None` for those that left it.
    pub(super) quarantine: BTreeMap<QuarantineId, Option<Quarantined>>,
    pub(super) quarantine_pushed_out: u32,
    /// Bulletins that are published or dropped.
    pub(super) bulletins_gone: Vec<u64>,
    pub(super) bulletins_dropped: u32,
    /// Incidents whose team is to be found before the event is over: they have a new root.
    pub(super) unassigned: BTreeSet<IncidentId>,
    /// Incidents with members of which it is to be asked before the event is over what they hurt.
    pub(super) unweighed: Ids,
    /// Reports of the event whose makers are to hear that we have them, with how they are reached.
    pub(super) received: Vec<(IncidentId, Box<str>)>,
    /// Incidents whose priority, team and clocks are to be looked at before the event is over.
    pub(super) unsettled: Ids,
}

/// What changed of an alert beside its state.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// Its text; nothing while it has none yet.
    pub(super) details: Option<Arc<Details>>,
    /// It was not held before.
    pub(super) is_new: bool,
}

/// Something to be told on a timeline.
pub(super) struct Told {
    pub(super) what: Happening,
    pub(super) text: String,
    pub(super) path: Option<Path>,
}

impl Pending {
    /// Notes a change of an alert's state.
    pub(super) fn touch(&mut self, alert: Fingerprint) {
        self.touched.push(alert);
    }

    /// Notes a change of an alert's text.
    pub(super) fn rewrite(&mut self, alert: Fingerprint, details: &Arc<Details>) {
        self.alerts.entry(alert).or_default().details = Some(Arc::clone(details));
    }

    /// Puts something on an incident's timeline. Of what comes once per alert the first in a batch
    /// is kept with its reason and the others are counted: a storm must not write a line each.
    pub(super) fn tell(&mut self, incident: IncidentId, now: Timestamp, told: Told) {
        use Happening::{Adopted, Cleared, Joined, Refired, Split};
        if matches!(told.what, Adopted | Cleared | Joined | Refired | Split) {
            if self.count_again(incident, told.what) {
                return;
            }
            self.entry_of.insert((incident, told.what), self.entries.len());
        }
        let Told { what, text, path } = told;
        self.entries.push((incident, Entry { at: now, what, count: 1, text, path }));
    }

    /// Counts once more what comes once per alert; false when it is the first in the batch and is to
    /// be told in words. Whoever asks first need not find the words.
    pub(super) fn count_again(&mut self, incident: IncidentId, what: Happening) -> bool {
        let at = self.entry_of.get(&(incident, what));
        let Some((_, entry)) = at.and_then(|at| self.entries.get_mut(*at)) else { return false };
        entry.count += 1;
        true
    }

    /// Takes the records that were attached, by incident and number.
    pub(super) fn take_members(&mut self) -> Vec<MemberRow> {
        let mut members = core::mem::take(&mut self.members);
        let key = |row: &MemberRow| (row.incident, row.record);
        // As they come where one incident takes them all; to sort takes room for as many again.
        if members.is_sorted_by(|one, next| key(one) < key(next)) {
            return members;
        }
        members.sort_by_key(key);
        members.dedup_by(|later, earlier| {
            let same = (later.incident, later.record) == (earlier.incident, earlier.record);
            if same {
                core::mem::swap(later, earlier);
            }
            same
        });
        members
    }

    /// Takes the timeline entries in the order in which they were told.
    pub(super) fn take_entries(&mut self) -> Vec<(IncidentId, Entry)> {
        self.entry_of.clear();
        core::mem::take(&mut self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::changes::MemberOf;
    use crate::model::alert::Join;
    use crate::model::incident::RecordId;

    #[test]
    fn of_a_record_that_was_attached_twice_the_last_counts() {
        let mut pending = Pending::default();
        let ats = [(2, 5, 1), (1, 7, 2), (2, 5, 3), (1, 6, 4), (2, 5, 5)];
        for (incident, record, at) in ats {
            pending.members.push(MemberRow {
                incident: RecordId(incident),
                record: RecordId(record),
                what: MemberOf::Incident,
                joined_at: Timestamp::from_millis(at),
                join: Join::Own,
            });
        }
        let taken = pending.take_members();
        let taken: Vec<_> =
            taken.iter().map(|it| (it.incident.0, it.record.0, it.joined_at.millis())).collect();
        assert_eq!(taken, [(1, 6, 4), (1, 7, 2), (2, 5, 5)]);
        assert_eq!(pending.take_members(), []);
    }
}
