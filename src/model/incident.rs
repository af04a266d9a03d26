//! Incidents and the records attached to them.

use core::fmt;
use std::sync::Arc;

use super::affected::Affected;
use super::assignment::Assignments;
use super::closure::Closure;
use super::escalation::{PolicyHash, Rung};
use super::labels::Fingerprint;
use super::link::Action;
use super::major::Major;
use super::priority::{Assessment, Impact, Loss, Priority, Urgency};
use super::progress::Progress;
use super::report::Report;
use super::review::CorrectiveAction;
use super::sheet::Sheet;
use super::terms::Terms;
use super::time::{Brief, Timestamp};

/// Numbers a record: an incident or a subordinate. Counted up from 1, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

/// Writes `INC-1042`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("INC-{}", self.0))
    }
}

impl core::str::FromStr for RecordId {
    type Err = NotARecord;

    /// Reads `INC-1042`, in any case, or the bare number.
    fn from_str(text: &str) -> Result<Self, NotARecord> {
        let digits = match text.split_at_checked(4) {
            Some((prefix, digits)) if prefix.eq_ignore_ascii_case("INC-") => digits,
            _ => text,
        };
        match digits.parse() {
            Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(Self(number)),
            _ => Err(NotARecord(text.into())),
        }
    }
}

/// The text is no record number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a record number, expected one like INC-1042")]
pub struct NotARecord(pub String);

/// Identifies one incident for its whole life: the number of its own record.
pub type IncidentId = RecordId;

/// The alert that best explains an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The alert.
    pub alert: Fingerprint,
    /// The name of its CI, where it is bound to one.
    pub ci: Option<Arc<str>>,
}

/// The response clock: from opening until somebody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseClock {
    /// When it started last.
    pub started_at: Timestamp,
    /// When the limit is reached.
    pub due_at: Timestamp,
    /// When it was stopped; `None` while it runs.
    pub stopped_at: Option<Timestamp>,
    /// Counts its starts, so that notices of another start have other ids.
    pub round: u32,
}

/// Stretches of standing that a resolution clock knows apart. An incident is not put on hold a hundred
/// times; of one that is, the first count as if the clock had run.
const STOOD_MAX: usize = 100;

/// The resolution clock: from opening until service is restored, without the time on hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolutionClock {
    /// When the limit is reached; has no meaning while the clock stands.
    pub due_at: Timestamp,
    /// How long it has stood so far, in milliseconds: on hold, and between a resolution and a
    /// reopening.
    pub stood_ms: u64,
    /// Since when it stands; `None` while it runs.
    pub stands_since: Option<Timestamp>,
    /// When it stood, from and until, in order: how much of it was working time depends on a
    /// calendar, and the calendar on the priority. Incidents stored before this was kept have none.
    pub stood: Vec<(Timestamp, Timestamp)>,
}

impl ResolutionClock {
    /// Lets it stand, if it runs.
    pub fn stop(&mut self, now: Timestamp) {
        self.stands_since.get_or_insert(now);
    }

    /// Lets it run, if it stands.
    pub fn run(&mut self, now: Timestamp) {
        if let Some(since) = self.stands_since.take() {
            let stood = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            self.stood_ms = self.stood_ms.saturating_add(stood);
            self.stood.push((since, now));
            if self.stood.len() > STOOD_MAX {
                self.stood.remove(0);
            }
        }
    }
}

/// What makes an incident a storm: many of one place under one rule at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// The rule's name and the values that its alerts share: `ops/site-storm/fra1`.
    pub key: Box<str>,
    /// When it began.
    pub began_at: Timestamp,
    /// Since when fewer fire than the rule asks for; `None` while enough do. Has no meaning once it
    /// ended.
    pub calm_since: Option<Timestamp>,
    /// When it ended; nothing joins from then on.
    pub ended_at: Option<Timestamp>,
}

impl Storm {
    /// True while alerts that nothing else explains join it.
    pub fn is_active(&self) -> bool {
        self.ended_at.is_none()
    }
}

/// A CI that many of an incident's CIs suffer from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Its name.
    pub ci: Arc<str>,
    /// How many of the incident's CIs suffer from it, itself included.
    pub explains: u32,
    /// How many CIs were looked at.
    pub of: u32,
    /// The planned change that makes it more suspect, where there is one.
    pub change: Option<SuspectChange>,
}

/// Writes `sw-core-2 explains 312 of 340; CHG-123 on it started 4m before`.
impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} explains {} of {}", self.ci, self.explains, self.of)?;
        let Some(SuspectChange { number, ci, before_ms }) = &self.change else { return Ok(()) };
        let place = if *ci == self.ci { "it" } else { ci };
        let before = Brief(core::time::Duration::from_millis(*before_ms));
        write!(f, "; {number} on {place} started {before} before")
    }
}

/// A planned change on a suspect, or on what it depends on outright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectChange {
    /// The change's number.
    pub number: Box<str>,
    /// The CI that is changed.
    pub ci: Arc<str>,
    /// Milliseconds from the beginning of the change to the opening of the incident.
    pub before_ms: u64,
}

/// Places that an incident remembers; the one where it was active first gives way. What is farther
/// back explains nothing new: likelihood falls with the silence of a place.
pub const PLACES_MAX: usize = 64;

/// What a rule of kind `related` goes by, beside the alerts that are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likely {
    /// Where it was active, by what the place is found by, and when an alert of it began there last.
    pub places: Vec<(u64, Timestamp)>,
    /// When it is asked whether what still fires has outlived its root by far; nothing while the
    /// root fires.
    pub parts_at: Option<Timestamp>,
    /// Incidents that may be the same, because an alert fits both.
    pub perhaps: Vec<IncidentId>,
}

impl Likely {
    /// Notes that an alert began at a place; returns the place that gave way, if one had to.
    pub fn stood(&mut self, place: u64, at: Timestamp) -> Option<u64> {
        if let Some((_, last)) = self.places.iter_mut().find(|(known, _)| *known == place) {
            *last = at.max(*last);
            return None;
        }
        self.places.push((place, at));
        if self.places.len() <= PLACES_MAX {
            return None;
        }
        let ages = self.places.iter().enumerate().map(|(at, (place, last))| (*last, *place, at));
        let (_, place, first) = ages.min()?;
        self.places.remove(first);
        Some(place)
    }

    /// Forgets a place.
    pub fn left(&mut self, place: u64) {
        self.places.retain(|(known, _)| *known != place);
    }
}

/// What an incident is taken for; the rule says what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// What people call it, as in `KE-0142`.
    pub id: Box<str>,
    /// Name of the rule that says so.
    pub rule: Arc<str>,
    /// Until when nobody is told, exclusive; `None` when people are.
    pub quiet_until: Option<Timestamp>,
    /// The bound that was passed, in words: it pages, whatever its priority.
    pub exceeded: Option<Box<str>>,
}

/// A message of ours that shows an incident's state and is kept up to date: a chat's thread, another
/// pager's alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The channel that wrote it.
    pub channel: Box<str>,
    /// The person it was written to first.
    pub contact: Box<str>,
    /// Where it stands, as the channel names places: a room; empty where there is but one.
    pub place: Box<str>,
    /// Which message it is, as the channel names messages.
    pub message: Box<str>,
}

/// A page that somebody got, or will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged {
    /// Who.
    pub contact: Box<str>,
    /// When; in the future for a digest.
    pub at: Timestamp,
    /// The notice's place among those of its incident.
    pub seq: u32,
}

/// The parent record: something is wrong and somebody handles it.
///
/// In memory as it is written here: first what each alert asks of the incidents it may belong to, and
/// changes of the one it joins. With thousands of them open nearly every line of memory is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// The incident it became a subordinate of; such a one is never open.
    pub parent: Option<IncidentId>,
    /// How far people have got with it.
    pub progress: Progress,
    /// Name of the rule it is handled under.
    pub rule: Option<Arc<str>>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When a member was last added or grew more severe; heartbeats do not count.
    pub active_at: Timestamp,
    /// Since when no member fires; `None` while one does.
    pub clear_since: Option<Timestamp>,
    /// Members ever.
    pub members: u32,
    /// Members that fire now.
    pub firing: u32,
    /// Counts its changes.
    pub revision: u32,
    /// Counts what people or clocks did to it, so that a person can say what they saw.
    pub version: u32,
    /// Entries of its timeline.
    pub timeline_len: u32,
    /// Notices planned for it so far.
    pub notices: u32,
    /// What likelihood goes by; empty once it is closed.
    pub likely: Likely,
    /// What it reached, at the most.
    pub affected: Affected,
    /// What is broken, in one line.
    pub title: String,
    /// What kind of thing is broken, where its rule says so.
    pub category: Option<Box<str>>,
    /// What its members have in common under a `group` rule, as a matcher.
    pub key: Option<Box<str>>,
    /// That rule; another than `rule` once a cause took over.
    pub group_rule: Option<Arc<str>>,
    /// The alert that best explains it.
    pub root: Root,
    /// How pressing it is and why.
    pub assessment: Assessment,
    /// The team that has it.
    pub team: Option<Box<str>>,
    /// The person it was given to, or who claimed it.
    pub assignee: Option<Box<str>>,
    /// Who was handed it, one after another.
    pub assignments: Assignments,
    /// What it is held to beside its policy.
    pub terms: Terms,
    /// The response clock.
    pub response: ResponseClock,
    /// The resolution clock.
    pub resolution: ResolutionClock,
    /// Until when the first notice waits for a cause to show itself.
    pub wait_until: Option<Timestamp>,
    /// The policy it started with.
    pub policy: PolicyHash,
    /// How far it has got on the functional ladder.
    pub functional: Rung,
    /// How far it has got on the hierarchical ladder.
    pub hierarchical: Rung,
    /// How far it has got on the ladder of the resolution clock.
    pub resolving: Rung,
    /// The earlier incident with the same signature, resolved not long before.
    pub recurrence_of: Option<IncidentId>,
    /// True when a person resolved it while members fired.
    pub awaiting_verification: bool,
    /// True while every member that fires is held back, or while its known error keeps it quiet:
    /// nobody is told, and no step falls due.
    pub quiet: bool,
    /// The known error it is taken for.
    pub known_error: Option<KnownError>,
    /// Incidents that a person split from it or it from them: not to be united again by a rule.
    pub apart_from: Vec<IncidentId>,
    /// Numbers of the planned changes that its roots may have suffered from when they came.
    pub changes: Vec<Box<str>>,
    /// The storm it is or was.
    pub storm: Option<Storm>,
    /// CIs that explain most of it, the likeliest first; nothing unless its storm's rule ranks them.
    pub suspects: Vec<Suspect>,
    /// How many members it had when these were ranked.
    pub ranked_at: u32,
    /// When everybody who was told hears next how it stands, where its rule says so.
    pub update_at: Option<Timestamp>,
    /// What people wrote on its record.
    pub sheet: Sheet,
    /// What people reported of it, the oldest first.
    pub reports: Vec<Report>,
    /// What its resolution still waits for.
    pub closure: Closure,
    /// That it is or was a major incident.
    pub major: Option<Major>,
    /// What its review wants to be done; a place in the list, from 1, is an action's number.
    pub actions: Vec<CorrectiveAction>,
    /// Targets that a page or ticket about it was planned for, each once.
    pub told: Vec<Box<str>>,
    /// Messages that show its state.
    pub threads: Vec<Thread>,
    /// The pages of the last hour, for the budgets of those who got them.
    pub paged: Vec<Paged>,
    /// Links of its notices that were used: each is good once.
    pub links_used: Vec<(u32, Action)>,
    /// The rule set it was last decided on.
    pub rules_version: u64,
    /// The topology it was last decided on.
    pub topology_version: u64,
}

impl Incident {
    /// Makes a record that begins with an alert, before anything else is known of it.
    pub fn new(id: IncidentId, alert: Fingerprint, policy: PolicyHash, now: Timestamp) -> Self {
        Self {
            id,
            revision: 0,
            version: 0,
            progress: Progress::New,
            parent: None,
            title: String::new(),
            category: None,
            rule: None,
            key: None,
            group_rule: None,
            root: Root { alert, ci: None },
            assessment: Assessment {
                impact: Impact::Low,
                urgency: Urgency::Low,
                priority: Priority::P4,
                sum: String::new(),
                pages: false,
                loss: Loss::Service,
                until: None,
            },
            team: None,
            assignee: None,
            assignments: Assignments::default(),
            terms: Terms::default(),
            opened_at: now,
            active_at: now,
            clear_since: None,
            members: 0,
            firing: 0,
            response: ResponseClock { started_at: now, due_at: now, stopped_at: None, round: 0 },
            resolution: ResolutionClock::default(),
            wait_until: None,
            policy,
            functional: Rung::default(),
            hierarchical: Rung::default(),
            resolving: Rung::default(),
            recurrence_of: None,
            awaiting_verification: false,
            quiet: false,
            known_error: None,
            apart_from: Vec::new(),
            changes: Vec::new(),
            storm: None,
            suspects: Vec::new(),
            ranked_at: 0,
            likely: Likely::default(),
            update_at: None,
            sheet: Sheet::default(),
            affected: Affected::default(),
            reports: Vec::new(),
            closure: Closure::default(),
            major: None,
            actions: Vec::new(),
            timeline_len: 0,
            notices: 0,
            told: Vec::new(),
            threads: Vec::new(),
            paged: Vec::new(),
            links_used: Vec::new(),
            rules_version: 0,
            topology_version: 0,
        }
    }

    /// True while it is a major incident.
    pub fn is_major(&self) -> bool {
        self.major.as_ref().is_some_and(Major::stands)
    }

    /// True while something that its review wants is still to be done.
    pub fn has_open_actions(&self) -> bool {
        self.actions.iter().any(CorrectiveAction::is_open)
    }

    /// True for a target that has to come whoever else has answered: a team that was called to help
    /// and has not, or whom a major incident called.
    pub fn is_called(&self, target: &str) -> bool {
        let helps = self.assignments.called().any(|it| it.team.as_deref() == Some(target));
        let major = self.major.as_ref().filter(|major| major.stands());
        helps || major.is_some_and(|major| major.called.iter().any(|it| **it == *target))
    }

    /// True when the link for this action that came with this notice was used.
    pub fn has_used(&self, seq: u32, action: Action) -> bool {
        self.links_used.contains(&(seq, action))
    }

    /// Lets its resolution clock run, if it stands; what repeats on it comes a whole interval later.
    pub fn go_on(&mut self, now: Timestamp) {
        if self.resolution.stands_since.is_some() {
            self.resolution.run(now);
            self.resolving.last_at = self.resolving.last_at.map(|_| now);
        }
    }

    /// Lets it be in another state, which people see as another version.
    pub fn enter(&mut self, progress: Progress) {
        self.progress = progress;
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_number_is_read_with_or_without_its_prefix() {
        for text in ["INC-1042", "inc-1042", "1042"] {
            assert_eq!(text.parse(), Ok(RecordId(1042)));
        }
        for bad in ["", "INC-", "INC-+1", "KE-1042", "INC-1042x", "99999999999999999999"] {
            assert_eq!(bad.parse::<RecordId>(), Err(NotARecord(bad.into())));
        }
        assert_eq!(format!("{:<9}|", RecordId(7)), "INC-7    |");
    }
}
