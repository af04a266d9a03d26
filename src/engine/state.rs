//! What the engine holds in memory: the open records and the indexes that are derived from them.
//!
//! Only the records are stored; every index can be made anew from them ([`super::restore`]), so the
//! two cannot disagree after a restart. Decides nothing. Read `mod` for who does.

use core::num::NonZeroU64;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::afterwards::Afterwards;
use super::alerts::Alerts;
use super::alike::Alike;
use super::bindings::Bindings;
use super::budget::Pages;
use super::bulletins::Bulletins;
use super::cases::Cases;
use super::census::Census;
use super::changes::{Counters, Recurrence};
use super::cis::Cis;
use super::deliveries::Deliveries;
use super::followed::Followed;
use super::gather::{Gathering, Slots};
use super::live::Live;
use super::pending::Pending;
use super::quarantine::Quarantine;
use super::related::{Likelihood, Standing};
use super::shadow::Shadows;
use super::sparse::Sparse;
use super::suppress::inhibit::{Filed, Inhibition};
use super::tally::{Harm, Tally};
use super::timers::{Parked, Timers};
use super::walks::Walks;
use crate::cmdb::{CiId, CiRow};
use crate::engine::context::Context;
use crate::model::alert::{AlertState, SourceId, severity};
use crate::model::change::Change;
use crate::model::credit::Credits;
use crate::model::escalation::{Policy, PolicyHash, Target};
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::notice::{Notice, NoticeId, NoticeKind};
use crate::model::on_call::Override;
use crate::model::partition::{Partition, Position};
use crate::model::priority::Urgency;
use crate::model::shapes::Shapes;
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;
use crate::rules::{Added, Condition, Subject};

/// Everything that is open, in one place with one owner.
#[derive(Debug, Default)]
pub struct State {
    /// Alerts that fire or ended not long ago.
    pub(super) alerts: Alerts,
    /// What their labels have in common.
    pub(super) shapes: Shapes,
    /// What rules added to them lately.
    pub(super) alike: Alike,
    /// Incidents that are not closed, subordinate ones included.
    pub(super) incidents: Cases,
    /// Closed incidents whose review still wants something to be done.
    pub(super) followed: BTreeMap<IncidentId, Followed>,
    /// Notices that are pending or dead.
    pub(super) notices: BTreeMap<NoticeId, Notice>,
    /// What was written on records that are over.
    pub(super) afterwards: Afterwards,
    /// Who got how many pages.
    pub(super) pages: Pages,
    /// Policies that incidents started with, by content.
    pub(super) policies: BTreeMap<PolicyHash, Arc<Policy>>,
    /// The last resolved incident by signature.
    pub(super) recurrences: BTreeMap<u64, Recurrence>,
    /// Silences, those that ended not long ago included.
    pub(super) silences: BTreeMap<SilenceId, Silenced>,
    /// Planned changes by number, those that ended not long ago included.
    pub(super) changes: BTreeMap<Box<str>, Change>,
    /// Who stands in for whom on call, by number, those that ended not long ago included.
    pub(super) overrides: BTreeMap<u64, Override>,
    /// Deliveries and commands that were done not long ago.
    pub(super) deliveries: Deliveries,
    /// How far partitions of Kafka topics are read.
    pub(super) positions: BTreeMap<Partition, Position>,
    /// What could not be read or handled.
    pub(super) quarantine: Quarantine,
    /// What other systems are still to be told, and were told last.
    pub(super) bulletins: Bulletins,
    /// What rules are credited with.
    pub(super) credits: BTreeMap<Arc<str>, Credits>,
    /// What firing alerts would be to shadow rules.
    pub(super) shadows: Shadows,
    /// Numbers that only grow.
    pub(super) counters: Counters,
    /// Open incidents by the CI of their root.
    pub(super) root_at: BTreeMap<CiId, BTreeSet<IncidentId>>,
    /// Firing alerts that a topology rule takes for a cause, by the number of their CI.
    pub(super) causes: Sparse<SmallVec<[Cause; 1]>>,
    /// Incidents that are not closed by the rule and key of their group.
    pub(super) groups: HashMap<u64, SmallVec<[IncidentId; 2]>, RandomState>,
    /// What lies above CIs by the rules that explain alerts by it, as far as it was asked.
    pub(super) walks: Walks,
    /// What fires, as far as rules count it.
    pub(super) census: Census,
    /// What the CMDB said of alerts since the start.
    pub(super) bindings: Bindings,
    /// What fails when a CI fails alone, as far as it was asked.
    pub(super) services: Arc<BTreeMap<CiId, Arc<Harm>>>,
    /// The same in the topology before, while it is still to be let go.
    pub(super) spent: BTreeMap<CiId, Arc<Harm>>,
    /// Incidents that another topology, or other planned changes, touch and that are still to be
    /// decided on anew.
    pub(super) reviews: BTreeSet<IncidentId>,
    /// How many leases each source holds.
    pub(super) held_by: BTreeMap<SourceId, u32>,
    /// Who is to learn, before the event is over, where their incidents went.
    pub(super) amendments: BTreeMap<(IncidentId, Box<str>), Vec<IncidentId>>,
    /// Firing alerts that a silence holds back.
    pub(super) hushed: BTreeSet<Fingerprint>,
    /// Alerts to which rules add something else than before: silences may cover them otherwise.
    pub(super) relabelled: BTreeSet<Fingerprint>,
    /// When rules open the next window; the timer that is set.
    pub(super) windows_due: Option<Timestamp>,
    /// Who inhibits whom.
    pub(super) inhibition: Inhibition,
    /// While something held back is raised: what that lets people know, told together.
    pub(super) digest: Option<Vec<Call>>,
    /// Where incidents are, and what was learned of alerts.
    pub(super) likelihood: Likelihood,
    /// What storms, sequences and absences keep.
    pub(super) gathering: Gathering,
    /// What is due when.
    pub(super) timers: Timers,
    /// What changed since the last drain.
    pub(super) pending: Pending,
}

/// The timer of an alert that has none.
pub(super) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// An alert in memory. There may be a million: a test holds its size.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) labels: Labels,
    pub(super) state: AlertState,
    /// The CI it is bound to in the topology of the context.
    pub(super) ci: Option<CiId>,
    /// What rules add to it; that of its labels, severity and CI by the rules of the context.
    pub(super) added: Option<Arc<Added>>,
    /// Hash of its text, to see a change without holding the text; `None` when unknown.
    pub(super) text: Option<NonZeroU64>,
    /// The earliest timer set for it, or [`NEVER`].
    pub(super) timer: Timestamp,
    /// Where it is counted while it fires.
    pub(super) standing: Option<Standing>,
    /// Hash of the name of its CI, or of its label `ci` without one.
    pub(super) ci_hash: Option<NonZeroU64>,
    /// Where rules count it over time; nothing for most.
    pub(super) slots: Option<Box<Slots>>,
    /// Where rules of kind `inhibit` find it while it fires; nothing where none asks for it.
    pub(super) filed: Option<Box<Filed>>,
}

impl Held {
    /// An alert of which nothing is derived yet.
    pub(super) fn of(labels: Labels, state: AlertState) -> Self {
        Self {
            labels,
            state,
            ci: None,
            added: None,
            text: None,
            timer: NEVER,
            standing: None,
            ci_hash: None,
            slots: None,
            filed: None,
        }
    }

    /// Returns it as rules see it, with what they added.
    pub(super) fn subject<'a>(&'a self, ctx: &'a Context) -> Subject<'a> {
        let sent = self.sent(ctx);
        self.added.as_deref().map_or(sent, |added| added.over(sent))
    }

    /// Returns it as it was sent.
    pub(super) fn sent<'a>(&'a self, ctx: &'a Context) -> Subject<'a> {
        let severity = severity(self.state.severity.as_deref(), &self.labels);
        Subject::new(&self.labels, severity, self.ci.map(|ci| ctx.topology.ci(ci)))
    }

    /// Returns its labels with those that rules added.
    pub(super) fn all_labels(&self) -> Labels {
        self.added.as_deref().map_or_else(|| self.labels.clone(), |it| it.all_labels(&self.labels))
    }

    /// Lets rules add to it what they add to one that is as it is now.
    pub(super) fn enrich(&mut self, ctx: &Context, alike: &mut Alike) {
        self.added = ctx.rules.enrich(&self.sent(ctx)).map(|added| alike.one(*added));
    }

    pub(super) fn urgency(&self, ctx: &Context) -> Urgency {
        let sent = || severity(self.state.severity.as_deref(), &self.labels);
        let added = self.added.as_deref().and_then(|added| added.severity.as_deref());
        let word = added.unwrap_or_else(sent);
        ctx.rules.priorities.urgency.get(word).copied().unwrap_or(Urgency::Low)
    }

    /// The name people know it by: its CI, else `instance`, else `alertname`, else its labels.
    pub(super) fn name<'a>(&'a self, ci: Option<&'a CiRow>) -> std::borrow::Cow<'a, str> {
        ci.map(|ci| &*ci.name)
            .or_else(|| ["instance", "alertname"].iter().find_map(|name| self.labels.get(name)))
            .map_or_else(|| self.labels.to_string().into(), Into::into)
    }
}

/// A silence in memory.
#[derive(Clone, Debug)]
pub(super) struct Silenced {
    pub(super) record: Silence,
    pub(super) condition: Condition,
}

/// Somebody to be told about an incident.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) incident: IncidentId,
    pub(super) kind: NoticeKind,
    pub(super) target: Target,
    pub(super) because: String,
}

/// An incident in memory, as it is written here: what each alert that joins changes lies side by side,
/// before the record and at its beginning.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Case {
    /// The timer set for it.
    pub(super) timer: Option<Timestamp>,
    /// Incidents that became its subordinates.
    pub(super) children: BTreeSet<IncidentId>,
    /// On how many CIs its live members are, those of its subordinates included.
    pub(super) cis: Cis,
    /// Members whose alert is held.
    pub(super) live: Live,
    /// What its firing members amount to, those of its subordinates included.
    pub(super) tally: Tally,
    pub(super) record: Incident,
}

impl Case {
    /// An incident of which nothing is known but its record.
    pub(super) fn of(record: Incident) -> Self {
        Self {
            record,
            live: Live::default(),
            children: BTreeSet::new(),
            tally: Tally::default(),
            cis: Cis::default(),
            timer: None,
        }
    }
}

/// A firing alert that a topology rule takes for a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) rule: Arc<str>,
    pub(super) alert: Fingerprint,
}

impl State {
    /// Returns the time of the last event.
    pub fn now(&self) -> Timestamp {
        self.counters.now
    }

    /// Returns when something falls due next; `None` when nothing ever will.
    pub fn next_due(&self) -> Option<Timestamp> {
        let is_pending = !self.reviews.is_empty() || self.inhibition.is_unsure();
        if is_pending { Some(self.counters.now) } else { self.timers.next() }
    }

    /// Returns the deadline in whose handling the last event broke; `None` when it was the event.
    pub fn culprit(&self) -> Option<Parked> {
        self.timers.culprit()
    }

    /// Leaves a deadline out until the next start.
    pub fn park(&mut self, parked: Parked) {
        self.timers.park(parked);
    }

    /// Returns how many alerts are held, firing or ended not long ago.
    pub fn alerts_held(&self) -> usize {
        self.alerts.len()
    }

    /// Yields the incidents that are not closed, subordinate ones included, by number.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values().map(|case| &case.record)
    }

    /// Yields the silences, those that ended not long ago included, by id.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values().map(|silenced| &silenced.record)
    }

    /// Returns how many alerts fire and are held back by a silence.
    pub fn alerts_silenced(&self) -> usize {
        self.hushed.len()
    }

    /// Returns what the CMDB said of alerts that first came since the start.
    pub fn bindings(&self) -> Bindings {
        self.bindings
    }

    /// Returns how many alerts fire and are inhibited by another.
    pub fn alerts_inhibited(&self) -> usize {
        self.inhibition.muted()
    }

    /// Returns how many records the quarantine holds, and their bytes.
    pub fn quarantined(&self) -> (usize, u64) {
        (self.quarantine.len(), self.quarantine.bytes())
    }

    /// Returns how many bulletins wait, and since when the first of them.
    pub fn bulletins_waiting(&self) -> (usize, Option<Timestamp>) {
        self.bulletins.waiting()
    }

    /// Yields how far partitions of Kafka topics are read.
    pub fn positions(&self) -> impl Iterator<Item = &Position> {
        self.positions.values()
    }

    /// Yields the notices that are pending or dead, by id.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.notices.values()
    }

    /// Returns the number for a source's name, adding the name if it is new.
    pub(super) fn source(&mut self, name: &Arc<str>) -> SourceId {
        let sources = &mut self.counters.sources;
        let known = sources.iter().position(|source| source == name);
        let place = known.unwrap_or_else(|| {
            sources.push(Arc::clone(name));
            sources.len() - 1
        });
        SourceId(u16::try_from(place).unwrap_or(u16::MAX))
    }

    pub(super) fn next_record(&mut self) -> RecordId {
        self.counters.next_record += 1;
        RecordId(self.counters.next_record)
    }

    /// Follows an incident up to the one it is part of in the end; `None` when that is closed.
    pub(super) fn top(&self, id: IncidentId) -> Option<IncidentId> {
        let mut id = id;
        loop {
            match self.incidents.get(&id)?.record.parent {
                Some(parent) => id = parent,
                None => return Some(id),
            }
        }
    }

    /// Yields the held members of an incident, then those of each incident that is part of it, in the
    /// order of their records.
    pub(super) fn members(&self, id: IncidentId) -> impl Iterator<Item = Fingerprint> {
        let mut ids = vec![id];
        let cases = core::iter::from_fn(move || {
            let case = ids.pop().and_then(|id| self.incidents.get(&id))?;
            ids.extend(case.children.iter().rev());
            Some(case)
        });
        cases.flat_map(|case| case.live.alerts())
    }

    /// Returns an incident and all it is part of, from the inside out.
    pub(super) fn chain(&self, id: Option<IncidentId>) -> Vec<IncidentId> {
        let mut chain = Vec::new();
        let mut next = id;
        while let Some((id, case)) = next.and_then(|id| Some((id, self.incidents.get(&id)?))) {
            chain.push(id);
            next = case.record.parent;
        }
        chain
    }

    /// Returns an incident to change it, noting that it changes.
    pub(super) fn change(&mut self, id: IncidentId) -> Option<&mut Case> {
        let case = self.incidents.get_mut(&id)?;
        self.pending.incidents.insert(id);
        self.pending.rescheduled.insert(id);
        Some(case)
    }

    /// True when the incident exists, is nobody's subordinate, and somebody has work with it.
    pub(super) fn is_open(&self, id: IncidentId) -> bool {
        self.incidents
            .get(&id)
            .is_some_and(|case| case.record.parent.is_none() && case.record.progress.is_open())
    }
}
