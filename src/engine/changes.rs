//! What a batch of events changed, as rows to be stored, and the rows to begin from.
//!
//! The engine speaks of rows only here: it knows nothing of keys, encodings or disks. Whoever
//! applies [`Changes`] (RocksDB in production, a map in the simulator) must do so as a whole.

use std::sync::Arc;

use super::SavedAlert;
use crate::model::alert::{AlertState, Details, Join, Slot};
use crate::model::audit::{AuditEntry, Seal};
use crate::model::bulletin::{Bulletin, BulletinHead};
use crate::model::change::Change;
use crate::model::credit::{Counts, Credits};
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::journal::JournalEntry;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::notice::{Notice, NoticeId};
use crate::model::on_call::Override;
use crate::model::partition::Position;
use crate::model::quarantine::{QuarantineHead, QuarantineId, Quarantined};
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::model::timeline::Entry;

/// Each changed record once, in the order of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Closed incidents that are forgotten, with all members, timeline entries and notices below
    /// their numbers. Applied before everything else.
    pub incidents_gone: Vec<IncidentId>,
    /// Past episodes that are forgotten: alert and number. Applied before everything else.
    pub episodes_gone: Vec<(Fingerprint, u32)>,
    /// Episodes that are over for good, to be kept as history. Applied before everything else,
    /// because what is on disk of them is about to be overwritten.
    pub archived: Vec<Archived>,
    /// Alerts that are no longer held, with where they were; their last episode is archived. Applied
    /// next, because one of them may have come back within the batch, or another be in its slot.
    pub forgotten: Vec<(Fingerprint, Slot)>,
    /// Alerts that were not held before, with where they are; each is among `alerts`.
    pub held: Vec<(Fingerprint, Slot)>,
    /// Alerts whose text or place changed, whole.
    pub alerts: Vec<AlertRow>,
    /// Alerts of which only the state changed; their text stays as stored.
    pub touches: Vec<(Fingerprint, AlertState)>,
    /// Incidents.
    pub incidents: Vec<Incident>,
    /// Records attached to incidents.
    pub members: Vec<MemberRow>,
    /// Timeline entries: incident, place in its timeline, entry.
    pub timeline: Vec<(IncidentId, u32, Entry)>,
    /// Notices to be sent, tried again, or given up.
    pub notices: Vec<Notice>,
    /// Notices that are delivered or withheld.
    pub notices_gone: Vec<NoticeId>,
    /// Policies seen for the first time.
    pub policies: Vec<(PolicyHash, Arc<Policy>)>,
    /// Signatures of resolved incidents.
    pub recurrences: Vec<(u64, Recurrence)>,
    /// Signatures too old to be looked for.
    pub recurrences_gone: Vec<u64>,
    /// Silences that are new or changed.
    pub silences: Vec<Silence>,
    /// Silences that ended too long ago to be kept.
    pub silences_gone: Vec<SilenceId>,
    /// Planned changes that are new or other than before.
    pub planned: Vec<Change>,
    /// Numbers of those that are planned no more or ended long ago.
    pub planned_gone: Vec<Box<str>>,
    /// Overrides of who is on call that are new.
    pub overrides: Vec<Override>,
    /// Numbers of those that were taken back or ended long ago.
    pub overrides_gone: Vec<u64>,
    /// New entries of the audit trail.
    pub audit: Vec<AuditEntry>,
    /// Entries of the journal from before then are forgotten. Applied before everything else.
    pub journal_before: Option<Timestamp>,
    /// New entries of the journal.
    pub journal: Vec<JournalEntry>,
    /// Deliveries and commands that were done, with when.
    pub deliveries: Vec<(DeliveryId, Timestamp)>,
    /// Those too old to be looked for.
    pub deliveries_gone: Vec<DeliveryId>,
    /// How far partitions of Kafka topics are read: those that moved.
    pub positions: Vec<Position>,
    /// What could not be read or handled.
    pub quarantined: Vec<Quarantined>,
    /// What left the quarantine: replayed, dropped, or pushed out.
    pub quarantine_gone: Vec<QuarantineId>,
    /// How many of those were pushed out for lack of room; told, not stored.
    pub quarantine_pushed_out: u32,
    /// What was learned.
    pub learned: Vec<(LearnedKey, LearnedRow)>,
    /// What was learned and is forgotten.
    pub learned_gone: Vec<LearnedKey>,
    /// What other systems are to be told.
    pub bulletins: Vec<Bulletin>,
    /// Places of those that are published or dropped.
    pub bulletins_gone: Vec<u64>,
    /// How many of those were dropped for lack of room or age; told, not stored.
    pub bulletins_dropped: u32,
    /// Rules of which something came, with all that did so far.
    pub credits: Vec<Credits>,
    /// Rules that are not in force any more and of which nothing came for long.
    pub credits_gone: Vec<Arc<str>>,
    /// What came of all rules within the batch; told, not stored.
    pub credited: Counts,
    /// The counters after the batch.
    pub counters: Counters,
}

impl Changes {
    /// True when nothing but the counters would be stored.
    #[expect(
        clippy::too_many_lines,
        reason = "a line for each kind of row, so that none is forgotten"
    )]
    pub fn is_empty(&self) -> bool {
        let Self {
            incidents_gone,
            episodes_gone,
            archived,
            forgotten,
            held,
            alerts,
            touches,
            incidents,
            members,
            timeline,
            notices,
            notices_gone,
            policies,
            recurrences,
            recurrences_gone,
            silences,
            silences_gone,
            planned,
            planned_gone,
            overrides,
            overrides_gone,
            audit,
            journal_before,
            journal,
            deliveries,
            deliveries_gone,
            positions,
            quarantined,
            quarantine_gone,
            quarantine_pushed_out: _,
            learned,
            learned_gone,
            bulletins,
            bulletins_gone,
            bulletins_dropped: _,
            credits,
            credits_gone,
            credited: _,
            counters: _,
        } = self;
        incidents_gone.is_empty()
            && episodes_gone.is_empty()
            && archived.is_empty()
            && alerts.is_empty()
            && touches.is_empty()
            && forgotten.is_empty()
            && held.is_empty()
            && incidents.is_empty()
            && members.is_empty()
            && timeline.is_empty()
            && notices.is_empty()
            && notices_gone.is_empty()
            && policies.is_empty()
            && recurrences.is_empty()
            && recurrences_gone.is_empty()
            && silences.is_empty()
            && silences_gone.is_empty()
            && planned.is_empty()
            && planned_gone.is_empty()
            && overrides.is_empty()
            && overrides_gone.is_empty()
            && audit.is_empty()
            && journal_before.is_none()
            && journal.is_empty()
            && deliveries.is_empty()
            && deliveries_gone.is_empty()
            && positions.is_empty()
            && quarantined.is_empty()
            && quarantine_gone.is_empty()
            && learned.is_empty()
            && learned_gone.is_empty()
            && bulletins.is_empty()
            && bulletins_gone.is_empty()
            && credits.is_empty()
            && credits_gone.is_empty()
    }
}

/// An alert with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Its labels.
    pub labels: Labels,
    /// Its text.
    pub details: Arc<Details>,
    /// Name of the CI it is bound to.
    pub ci: Option<Arc<str>>,
    /// Everything else.
    pub state: AlertState,
}

/// An episode for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The alert.
    pub fingerprint: Fingerprint,
    /// Where it is held, or was.
    pub slot: Slot,
    /// Its state at the end of the episode, in no slot.
    pub state: AlertState,
    /// Labels, text and CI when the episode began within this very batch; otherwise they are those
    /// of the stored alert.
    pub row: Option<AlertRow>,
}

/// A record attached to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The incident.
    pub incident: IncidentId,
    /// The record's number; equal to `incident` for the incident's own alert.
    pub record: RecordId,
    /// What the record is about.
    pub what: MemberOf,
    /// When it was attached.
    pub joined_at: Timestamp,
    /// Why.
    pub join: Join,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOf {
    /// An alert's episode.
    Alert {
        /// The alert.
        fingerprint: Fingerprint,
        /// The episode's number.
        episode: u32,
    },
    /// An incident that turned out to have the same cause; its own members are its own rows.
    Incident,
}

/// The last incident with a signature; one for each of the last times that a known error came, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// Its number.
    pub incident: IncidentId,
    /// When it was resolved; when it was opened under the signature of a known error.
    pub resolved_at: Timestamp,
}

/// Numbers that only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number the next record gets.
    pub next_record: u64,
    /// Batches committed so far.
    pub batch: u64,
    /// The time of the last event.
    pub now: Timestamp,
    /// Names of all sources ever seen; a [`crate::model::alert::SourceId`] is a place in this list.
    pub sources: Vec<Arc<str>>,
    /// Entries of the audit trail so far.
    pub audited: u64,
    /// The seal of the last of them.
    pub seal: Seal,
    /// The number of the last record of the quarantine.
    pub quarantined: u64,
    /// Entries of the journal so far, forgotten ones included.
    pub journaled: u64,
    /// Bulletins so far; the place of the last one.
    pub bulletins: u64,
    /// Since when we listen without a gap in which we could hear nobody.
    pub listening_since: Timestamp,
}

/// Everything the engine needs to go on where it stopped; all else is derived from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Alerts that are still held, with the newest state of each; in any order.
    pub alerts: Vec<SavedAlert>,
    /// Incidents that are not closed, subordinate ones included, and closed ones of which an action of
    /// the review is still to be done.
    pub incidents: Vec<Incident>,
    /// Notices that are pending or dead.
    pub notices: Vec<Notice>,
    /// Policies by content.
    pub policies: Vec<(PolicyHash, Arc<Policy>)>,
    /// Signatures of resolved incidents.
    pub recurrences: Vec<(u64, Recurrence)>,
    /// Silences, those that ended not long ago included.
    pub silences: Vec<Silence>,
    /// Planned changes, those that ended not long ago included.
    pub planned: Vec<Change>,
    /// Overrides of who is on call, those that ended not long ago included.
    pub overrides: Vec<Override>,
    /// Deliveries and commands that were done, with when.
    pub deliveries: Vec<(DeliveryId, Timestamp)>,
    /// How far partitions of Kafka topics are read.
    pub positions: Vec<Position>,
    /// What is in the quarantine.
    pub quarantine: Vec<QuarantineHead>,
    /// What was learned.
    pub learned: Vec<(LearnedKey, LearnedRow)>,
    /// What other systems are still to be told.
    pub bulletins: Vec<BulletinHead>,
    /// What rules are credited with.
    pub credits: Vec<Credits>,
    /// The counters.
    pub counters: Counters,
}
