//! A disk without a disk: applies the engine's changes to plain maps.
//!
//! Says what a store has to do, in the fewest words; the RocksDB store is tested to do the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::SavedAlert;
use crate::engine::changes::{AlertRow, Changes, Counters, MemberRow, Recurrence, Saved};
use crate::model::audit::AuditEntry;
use crate::model::bulletin::Bulletin;
use crate::model::change::Change;
use crate::model::credit::Credits;
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::journal::JournalEntry;
use crate::model::labels::Fingerprint;
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::notice::{Notice, NoticeId};
use crate::model::on_call::Override;
use crate::model::partition::{Partition, Position};
use crate::model::quarantine::{QuarantineId, Quarantined};
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;

/// All rows by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Alerts that are held, each with its newest state.
    pub alerts: BTreeMap<Fingerprint, AlertRow>,
    /// The history: alert and episode.
    pub episodes: BTreeMap<(Fingerprint, u32), AlertRow>,
    /// All incidents ever.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// Records by the incident they are attached to.
    pub members: BTreeMap<(IncidentId, RecordId), MemberRow>,
    /// Timelines.
    pub timeline: BTreeMap<(IncidentId, u32), Entry>,
    /// Notices that are pending or dead.
    pub notices: BTreeMap<NoticeId, Notice>,
    /// Policies by content.
    pub policies: BTreeMap<PolicyHash, Arc<Policy>>,
    /// Signatures of resolved incidents.
    pub recurrences: BTreeMap<u64, Recurrence>,
    /// What was learned.
    pub learned: BTreeMap<LearnedKey, LearnedRow>,
    /// Silences.
    pub silences: BTreeMap<SilenceId, Silence>,
    /// Planned changes.
    pub planned: BTreeMap<Box<str>, Change>,
    /// Overrides of who is on call.
    pub overrides: BTreeMap<u64, Override>,
    /// The journal by time and place.
    pub journal: BTreeMap<(Timestamp, u64), JournalEntry>,
    /// The audit trail.
    pub audit: BTreeMap<u64, AuditEntry>,
    /// Deliveries that were done.
    pub deliveries: BTreeMap<DeliveryId, Timestamp>,
    /// How far partitions of Kafka topics are read.
    pub positions: BTreeMap<Partition, Position>,
    /// What could not be read or handled.
    pub quarantine: BTreeMap<QuarantineId, Quarantined>,
    /// What other systems are still to be told.
    pub bulletins: BTreeMap<u64, Bulletin>,
    /// What rules are credited with.
    pub credits: BTreeMap<Arc<str>, Credits>,
    /// The counters.
    pub counters: Counters,
}

impl Image {
    /// Applies a batch of changes as a whole.
    pub fn apply(&mut self, changes: &Changes) {
        for gone in &changes.incidents_gone {
            self.incidents.remove(gone);
            self.members.retain(|(incident, _), _| incident != gone);
            self.timeline.retain(|(incident, _), _| incident != gone);
            self.notices.retain(|notice, _| notice.incident != *gone);
        }
        for gone in &changes.episodes_gone {
            self.episodes.remove(gone);
        }
        for archived in &changes.archived {
            let stored = || self.alerts.get(&archived.fingerprint).cloned();
            if let Some(row) = archived.row.clone().or_else(stored) {
                let key = (archived.fingerprint, archived.state.episode);
                self.episodes.insert(key, AlertRow { state: archived.state.clone(), ..row });
            }
        }
        for (fingerprint, _) in &changes.forgotten {
            self.alerts.remove(fingerprint);
        }
        for row in &changes.alerts {
            self.alerts.insert(row.fingerprint, row.clone());
        }
        for (fingerprint, state) in &changes.touches {
            if let Some(row) = self.alerts.get_mut(fingerprint) {
                row.state = state.clone();
            }
        }
        self.incidents.extend(changes.incidents.iter().map(|it| (it.id, it.clone())));
        let members = changes.members.iter().map(|row| ((row.incident, row.record), row.clone()));
        self.members.extend(members);
        let entries = changes.timeline.iter().cloned();
        self.timeline.extend(entries.map(|(id, seq, entry)| ((id, seq), entry)));
        self.notices.extend(changes.notices.iter().map(|notice| (notice.id, notice.clone())));
        for id in &changes.notices_gone {
            self.notices.remove(id);
        }
        self.policies.extend(changes.policies.iter().cloned());
        self.recurrences.extend(changes.recurrences.iter().copied());
        self.learned.retain(|key, _| !changes.learned_gone.contains(key));
        self.learned.extend(changes.learned.iter().cloned());
        for signature in &changes.recurrences_gone {
            self.recurrences.remove(signature);
        }
        self.plan(changes);
        self.audit.extend(changes.audit.iter().map(|entry| (entry.seq, entry.clone())));
        if let Some(before) = changes.journal_before {
            self.journal.retain(|(at, _), _| *at >= before);
        }
        let entries = changes.journal.iter().cloned();
        self.journal.extend(entries.map(|entry| ((entry.at, entry.seq), entry)));
        self.deliveries.extend(changes.deliveries.iter().copied());
        for delivery in &changes.deliveries_gone {
            self.deliveries.remove(delivery);
        }
        self.positions.extend(changes.positions.iter().map(Position::keyed));
        self.quarantine.extend(changes.quarantined.iter().map(|it| (it.id, it.clone())));
        for id in &changes.quarantine_gone {
            self.quarantine.remove(id);
        }
        self.tell(changes);
        self.credits.retain(|rule, _| !changes.credits_gone.contains(rule));
        let credits = changes.credits.iter().cloned();
        self.credits.extend(credits.map(|of| (Arc::clone(&of.rule), of)));
        self.counters = changes.counters.clone();
    }

    fn plan(&mut self, changes: &Changes) {
        self.silences.extend(changes.silences.iter().map(|it| (it.id, it.clone())));
        for id in &changes.silences_gone {
            self.silences.remove(id);
        }
        self.planned.extend(changes.planned.iter().map(|it| (it.number.clone(), it.clone())));
        for number in &changes.planned_gone {
            self.planned.remove(number);
        }
        self.overrides.extend(changes.overrides.iter().map(|it| (it.number, it.clone())));
        for number in &changes.overrides_gone {
            self.overrides.remove(number);
        }
    }

    fn tell(&mut self, changes: &Changes) {
        self.bulletins.extend(changes.bulletins.iter().map(|it| (it.seq, it.clone())));
        for seq in &changes.bulletins_gone {
            self.bulletins.remove(seq);
        }
    }

    /// Returns what the engine goes on from.
    pub fn saved(&self) -> Saved {
        let held = |it: &&Incident| !it.progress.name().is_over() || it.has_open_actions();
        Saved {
            alerts: self
                .alerts
                .values()
                .map(|row| SavedAlert::new(row.fingerprint, row.labels.clone(), row.state.clone()))
                .collect(),
            incidents: self.incidents.values().filter(held).cloned().collect(),
            notices: self.notices.values().cloned().collect(),
            policies: self.policies.iter().map(|(k, v)| (*k, Arc::clone(v))).collect(),
            learned: self.learned.clone().into_iter().collect(),
            recurrences: self.recurrences.iter().map(|(k, v)| (*k, *v)).collect(),
            silences: self.silences.values().cloned().collect(),
            planned: self.planned.values().cloned().collect(),
            overrides: self.overrides.values().cloned().collect(),
            deliveries: self.deliveries.iter().map(|(k, v)| (*k, *v)).collect(),
            positions: self.positions.values().cloned().collect(),
            quarantine: self.quarantine.values().map(Quarantined::head).collect(),
            bulletins: self.bulletins.values().map(Bulletin::head).collect(),
            credits: self.credits.values().cloned().collect(),
            counters: self.counters.clone(),
        }
    }

    /// Yields the entries of one timeline in order.
    pub fn timeline_of(&self, id: IncidentId) -> impl Iterator<Item = &Entry> {
        self.timeline.range((id, 0)..=(id, u32::MAX)).map(|(_, entry)| entry)
    }

    /// Yields the alerts of an incident and of its subordinates, by record.
    pub fn members_of(&self, id: IncidentId) -> Vec<&AlertRow> {
        self.attached_to(id).into_iter().map(|(_, alert)| alert).collect()
    }

    /// Yields the alerts of an incident and of its subordinates, each with the row by which it, or
    /// the subordinate it came with, is attached to the incident.
    pub fn attached_to(&self, id: IncidentId) -> Vec<(&MemberRow, &AlertRow)> {
        use crate::engine::changes::MemberOf;
        let rows = self.members.range((id, RecordId(0))..=(id, RecordId(u64::MAX)));
        let mut found = Vec::new();
        for (_, row) in rows {
            match row.what {
                MemberOf::Alert { fingerprint, episode } => {
                    let current = self.alerts.get(&fingerprint);
                    let current = current.filter(|alert| alert.state.record == Some(row.record));
                    let alert = current.or_else(|| self.episodes.get(&(fingerprint, episode)));
                    found.extend(alert.map(|alert| (row, alert)));
                }
                // One that was split off again keeps its row, as history.
                MemberOf::Incident => {
                    let child = self.incidents.get(&row.record);
                    if child.is_some_and(|child| child.parent == Some(id)) {
                        let below = self.attached_to(row.record).into_iter();
                        found.extend(below.map(|(_, alert)| (row, alert)));
                    }
                }
            }
        }
        found
    }
}
