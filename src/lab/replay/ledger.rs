//! What is kept of a replay: where each episode belongs, and a line for each incident. Timelines,
//! texts and notices are let go at once, so that a million alerts fit into memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Opened, Placed};
use crate::engine::changes::Changes;
use crate::model::alert::AlertState;
use crate::model::incident::{Incident, IncidentId, RecordId, Root};
use crate::model::labels::Fingerprint;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::priority::Priority;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

/// CIs that are named as possible causes.
const SUSPECTS_MAX: usize = 5;

/// The place of an episode among all.
pub(super) type Slot = usize;

/// The first time that somebody was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged {
    /// When.
    pub at: Timestamp,
    /// Whom: a team or person.
    pub target: Box<str>,
    /// How pressing it was then.
    pub priority: Priority,
    /// Until when somebody was to have answered.
    pub answer_by: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The newest episode of every alert that is held.
    current: HashMap<Fingerprint, Slot, RandomState>,
    episodes: Vec<Episode>,
    incidents: BTreeMap<IncidentId, Line>,
}

#[derive(Debug)]
struct Episode {
    number: u32,
    record: Option<RecordId>,
    incident: Option<IncidentId>,
    ci: Option<Arc<str>>,
    /// The alert of the input that it began with.
    fed: Option<u64>,
}

/// What is kept of an incident.
#[derive(Debug)]
struct Line {
    parent: Option<IncidentId>,
    root: Root,
    /// As the engine ranked them; none where nothing ranks them.
    suspects: Vec<Arc<str>>,
    root_slot: Option<Slot>,
    opened_at: Timestamp,
    resolved_at: Option<Timestamp>,
    answer_by: Timestamp,
    priority: Priority,
    title: String,
    rule: Option<Arc<str>>,
    paged: Option<Paged>,
}

impl Ledger {
    /// Takes what changed.
    pub(super) fn take(&mut self, changes: Changes) {
        // First: what was forgotten may have come back since.
        for (fingerprint, _) in &changes.forgotten {
            self.current.remove(fingerprint);
        }
        for row in changes.alerts {
            self.note_episode(row.fingerprint, &row.state, row.ci.as_ref());
        }
        for (fingerprint, state) in &changes.touches {
            self.note_episode(*fingerprint, state, None);
        }
        for incident in changes.incidents {
            self.note_incident(incident);
        }
    }

    /// Learns that somebody got a notice, after the changes that came with it.
    pub(super) fn deliver(&mut self, notice: &Notice) {
        if notice.kind != NoticeKind::Page {
            return;
        }
        for id in core::iter::once(&notice.id.incident).chain(&notice.also) {
            let Some(line) = self.incidents.get_mut(id) else { continue };
            let (at, target) = (notice.created_at, &notice.target);
            let (priority, answer_by) = (line.priority, line.answer_by);
            line.paged.get_or_insert_with(|| Paged {
                at,
                target: target.clone(),
                priority,
                answer_by,
            });
        }
    }

    fn note_episode(&mut self, alert: Fingerprint, state: &AlertState, ci: Option<&Arc<str>>) {
        // An end without a beginning is no episode.
        if state.episode == 0 {
            return;
        }
        let known = self.current.get(&alert).and_then(|slot| self.episodes.get_mut(*slot));
        if let Some(known) = known.filter(|known| known.number == state.episode) {
            known.record = state.record;
            known.incident = state.incident;
            return;
        }
        self.current.insert(alert, self.episodes.len());
        self.episodes.push(Episode {
            number: state.episode,
            record: state.record,
            incident: state.incident,
            ci: ci.cloned(),
            fed: None,
        });
    }

    fn note_incident(&mut self, incident: Incident) {
        let root_slot = || self.current.get(&incident.root.alert).copied();
        let known = self.incidents.remove(&incident.id);
        let (root_slot, paged, resolved_before) = match known {
            Some(known) if known.root.alert == incident.root.alert => {
                (known.root_slot, known.paged, known.resolved_at)
            }
            Some(known) => (root_slot(), known.paged, known.resolved_at),
            None => (root_slot(), None, None),
        };
        let resolved_at = match incident.progress {
            Progress::Resolved { at, .. } => Some(at),
            Progress::Closed { at } | Progress::Cancelled { at, .. } => {
                resolved_before.or(Some(at))
            }
            Progress::New
            | Progress::Acknowledged { .. }
            | Progress::InProgress { .. }
            | Progress::OnHold { .. } => None,
        };
        let line = Line {
            parent: incident.parent,
            root: incident.root,
            suspects: incident.suspects.into_iter().map(|suspect| suspect.ci).collect(),
            root_slot,
            opened_at: incident.opened_at,
            resolved_at,
            answer_by: incident.response.due_at,
            priority: incident.assessment.priority,
            title: incident.title,
            rule: incident.rule,
            paged,
        };
        self.incidents.insert(incident.id, line);
    }

    /// Returns the episode that an alert of the input belongs to, the `number`th of all.
    pub(super) fn place(&mut self, alert: Fingerprint, number: u64) -> Option<Slot> {
        let slot = *self.current.get(&alert)?;
        self.episodes.get_mut(slot)?.fed.get_or_insert(number);
        Some(slot)
    }

    pub(super) fn began(&self) -> u64 {
        self.episodes.len() as u64
    }

    pub(super) fn placed(&self, line: u64, slot: Option<Slot>) -> Placed {
        let episode = slot.and_then(|slot| self.episodes.get(slot));
        Placed {
            line,
            record: episode.and_then(|it| it.record).map(|record| record.0),
            incident: episode.and_then(|it| self.top(it.incident?)).map(|id| id.0),
        }
    }

    /// Follows an incident up to the one that is part of no other.
    fn top(&self, id: IncidentId) -> Option<IncidentId> {
        let mut id = id;
        // Invariant: an incident is part of an older one, or of one that is part of none; the bound
        // only keeps a broken chain from going round.
        for _ in 0..self.incidents.len() {
            match self.incidents.get(&id)?.parent {
                Some(parent) => id = parent,
                None => return Some(id),
            }
        }
        None
    }

    /// Returns the incidents that are part of no other, by number.
    pub(super) fn incidents(&self) -> Vec<Opened> {
        let mut members: BTreeMap<IncidentId, Vec<&Episode>> = BTreeMap::new();
        for episode in &self.episodes {
            if let Some(top) = episode.incident.and_then(|id| self.top(id)) {
                members.entry(top).or_default().push(episode);
            }
        }
        let pages = self.pages();
        let tops = self.incidents.iter().filter(|(_, line)| line.parent.is_none());
        tops.map(|(id, line)| {
            let members = members.get(id).map_or(&[][..], |members| members);
            let root = line.root_slot.and_then(|slot| self.episodes.get(slot));
            Opened {
                number: id.0,
                root: line.suspects.first().or(line.root.ci.as_ref()).cloned(),
                suspects: suspects(line, members),
                members: members.len() as u64,
                opened_at: line.opened_at,
                resolved_at: line.resolved_at,
                priority: line.priority,
                title: line.title.clone(),
                rule: line.rule.clone(),
                paged: pages.get(id).map(|paged| (*paged).clone()),
                root_fed: root.and_then(|root| root.fed),
            }
        })
        .collect()
    }

    /// Returns the first page of each incident that is part of no other, those for what became part
    /// of it included.
    fn pages(&self) -> BTreeMap<IncidentId, &Paged> {
        let mut pages: BTreeMap<IncidentId, &Paged> = BTreeMap::new();
        for (id, line) in &self.incidents {
            let Some((top, page)) = self.top(*id).zip(line.paged.as_ref()) else { continue };
            let first = pages.entry(top).or_insert(page);
            if page.at < first.at {
                *first = page;
            }
        }
        pages
    }
}

/// Returns the CIs that may be the cause, the likeliest first: as the engine ranked them; where it did
/// not the root's, then those with most alerts, of equals the one that was heard of first.
fn suspects(line: &Line, members: &[&Episode]) -> Vec<Arc<str>> {
    if !line.suspects.is_empty() {
        return line.suspects.clone();
    }
    let mut alerts: BTreeMap<&Arc<str>, (usize, usize)> = BTreeMap::new();
    for (place, ci) in members.iter().filter_map(|it| it.ci.as_ref()).enumerate() {
        alerts.entry(ci).or_insert((0, place)).0 += 1;
    }
    let ranked: BTreeSet<(core::cmp::Reverse<usize>, usize, &Arc<str>)> = alerts
        .iter()
        .map(|(ci, (count, place))| (core::cmp::Reverse(*count), *place, *ci))
        .collect();
    let others = ranked.into_iter().map(|(_, _, ci)| ci);
    let others = others.filter(|ci| line.root.ci.as_ref() != Some(*ci));
    line.root.ci.iter().chain(others).take(SUSPECTS_MAX).cloned().collect()
}
