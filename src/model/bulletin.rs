//! Bulletins: what other systems are told of an incident, each once, in order, under its number.
//!
//! A notice calls a person; a bulletin lets a program follow. Each holds what the incident was at
//! the commit that told it, so whoever takes the last bulletin of an incident has its state.

use core::fmt;
use std::sync::Arc;

use super::incident::{Incident, IncidentId};

use super::timeline::Happening;

use super::labels::{FNV_OFFSET, fnv};
use super::major::Major;
use super::priority::{Impact, Priority, Urgency, words};
use super::progress::StateName;
use super::time::Timestamp;

/// Happenings that one bulletin tells in words; a commit rarely has more of one incident.
pub const HAPPENED_MAX: usize = 16;

/// What a bulletin is about; other systems choose by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BulletinKind {
    /// It was opened.
    Opened,
    /// Members were added, alerts or whole incidents.
    Joined,
    /// Something of it is other than before, and nothing below says what.
    Changed,
    /// A step of a ladder fell due, the first call too, or a person handed it on.
    Escalated,
    /// Somebody has it: acknowledged or claimed it.
    Acknowledged,
    /// It was resolved.
    Resolved,
    /// It came back.
    Reopened,
    /// It is over for good.
    Closed,
    /// It was a false alarm.
    Cancelled,
    /// It became part of another incident.
    Merged,
    /// It is a major incident, or none any more.
    Major,
    /// Somebody wrote something down, or said how it stands.
    Noted,
}

words!(
    BulletinKind,
    Opened = "opened",
    Joined = "joined",
    Changed = "changed",
    Escalated = "escalated",
    Acknowledged = "acknowledged",
    Resolved = "resolved",
    Reopened = "reopened",
    Closed = "closed",
    Cancelled = "cancelled",
    Merged = "merged",
    Major = "major",
    Noted = "noted"
);

/// How much a kind of happening matters to other systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is a bulletin of its own.
    Own(BulletinKind),
    /// It explains what changed.
    Explains,
    /// It is about our own notices and clocks.
    Nothing,
}

impl Weight {
    /// Returns how much a kind of happening matters.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is new explains a change until somebody says otherwise"
    )]
    pub fn of(what: Happening) -> Self {
        use Happening as H;
        let kind = match what {
            H::Opened => BulletinKind::Opened,
            H::Joined | H::Adopted => BulletinKind::Joined,
            H::EscalatedFunctional
            | H::EscalatedHierarchical
            | H::EscalatedResolution
            | H::EscalatedAcceptance => BulletinKind::Escalated,
            H::Acknowledged | H::Claimed => BulletinKind::Acknowledged,
            H::Resolved => BulletinKind::Resolved,
            H::Reopened => BulletinKind::Reopened,
            H::Closed => BulletinKind::Closed,
            H::Cancelled => BulletinKind::Cancelled,
            H::Merged => BulletinKind::Merged,
            H::Major => BulletinKind::Major,
            H::Noted | H::Updated => BulletinKind::Noted,
            H::Waiting
            | H::Notice
            | H::Delivered
            | H::Failed
            | H::Dead
            | H::Withheld
            | H::Subscribed
            | H::PassedOver => return Self::Nothing,
            _ => return Self::Explains,
        };
        Self::Own(kind)
    }
}

/// What of an incident can be other than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BulletinField {
    /// How far people have got with it.
    State,
    /// Its title.
    Title,
    /// Its priority.
    Priority,
    /// Its impact.
    Impact,
    /// Its urgency.
    Urgency,
    /// Its category.
    Category,
    /// Its team.
    Team,
    /// The person it was given to.
    Assignee,
    /// Who has it.
    Holder,
    /// The CI of its root.
    Ci,
    /// The incident it is part of.
    Parent,
    /// Members ever.
    Members,
    /// Members that fire.
    Firing,
    /// Whether it is a major incident.
    Major,
    /// Whether it is kept quiet.
    Quiet,
    /// The known error it is taken for.
    KnownError,
}

words!(
    BulletinField,
    State = "state",
    Title = "title",
    Priority = "priority",
    Impact = "impact",
    Urgency = "urgency",
    Category = "category",
    Team = "team",
    Assignee = "assignee",
    Holder = "holder",
    Ci = "ci",
    Parent = "parent",
    Members = "members",
    Firing = "firing",
    Major = "major",
    Quiet = "quiet",
    KnownError = "known_error"
);

/// All of them, in the order in which they are told.
pub const BULLETIN_FIELDS: [BulletinField; 16] = [
    BulletinField::State,
    BulletinField::Title,
    BulletinField::Priority,
    BulletinField::Impact,
    BulletinField::Urgency,
    BulletinField::Category,
    BulletinField::Team,
    BulletinField::Assignee,
    BulletinField::Holder,
    BulletinField::Ci,
    BulletinField::Parent,
    BulletinField::Members,
    BulletinField::Firing,
    BulletinField::Major,
    BulletinField::Quiet,
    BulletinField::KnownError,
];

/// What other systems see of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// How far people have got with it.
    pub state: StateName,
    /// What is broken, in one line.
    pub title: String,
    /// How pressing it is.
    pub priority: Priority,
    /// How much is hurt.
    pub impact: Impact,
    /// How fast it must be dealt with.
    pub urgency: Urgency,
    /// What kind of thing is broken.
    pub category: Option<Box<str>>,
    /// The team that has it.
    pub team: Option<Box<str>>,
    /// The person it was given to, or who claimed it.
    pub assignee: Option<Box<str>>,
    /// Who has acknowledged it, or has it on hold.
    pub holder: Option<Box<str>>,
    /// The CI of its root.
    pub ci: Option<Arc<str>>,
    /// The incident it is part of.
    pub parent: Option<IncidentId>,
    /// Members ever.
    pub members: u32,
    /// Members that fire.
    pub firing: u32,
    /// Whether it is a major incident, and quiet.
    pub flags: Flags,
    /// The known error it is taken for.
    pub known_error: Option<Box<str>>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// What an incident is or is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// It is a major incident.
    pub major: bool,
    /// Nobody is told of it: it is silenced, inhibited, or a known error that is kept quiet.
    pub quiet: bool,
}

/// A hash of each field of an [`Outline`], in the order of [`BULLETIN_FIELDS`]: enough to see what
/// changed, without holding the texts of every open incident twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks([u64; BULLETIN_FIELDS.len()]);

impl Outline {
    /// Returns what other systems see of an incident.
    pub fn of(incident: &Incident) -> Self {
        Self {
            state: incident.progress.name(),
            title: incident.title.clone(),
            priority: incident.assessment.priority,
            impact: incident.assessment.impact,
            urgency: incident.assessment.urgency,
            category: incident.category.clone(),
            team: incident.team.clone(),
            assignee: incident.assignee.clone(),
            holder: incident.progress.holder().map(|(by, _)| by.into()),
            ci: incident.root.ci.clone(),
            parent: incident.parent,
            members: incident.members,
            firing: incident.firing,
            flags: Flags {
                major: incident.major.as_ref().is_some_and(Major::stands),
                quiet: incident.quiet,
            },
            known_error: incident.known_error.as_ref().map(|known| known.id.clone()),
            opened_at: incident.opened_at,
        }
    }

    /// Returns the marks by which a later outline is compared with this one.
    pub fn marks(&self) -> Marks {
        Marks(BULLETIN_FIELDS.map(|field| self.mark(field)))
    }

    fn mark(&self, field: BulletinField) -> u64 {
        use BulletinField as F;
        match field {
            F::State => word(&self.state.to_string()),
            F::Title => word(&self.title),
            F::Priority => word(&self.priority.to_string()),
            F::Impact => word(&self.impact.to_string()),
            F::Urgency => word(&self.urgency.to_string()),
            F::Category => maybe(self.category.as_deref()),
            F::Team => maybe(self.team.as_deref()),
            F::Assignee => maybe(self.assignee.as_deref()),
            F::Holder => maybe(self.holder.as_deref()),
            F::Ci => maybe(self.ci.as_deref()),
            F::Parent => self.parent.map_or(0, |parent| parent.0),
            F::Members => self.members.into(),
            F::Firing => self.firing.into(),
            F::Major => self.flags.major.into(),
            F::Quiet => self.flags.quiet.into(),
            F::KnownError => maybe(self.known_error.as_deref()),
        }
    }
}

fn word(text: &str) -> u64 {
    fnv(FNV_OFFSET, text.as_bytes())
}

/// No text is another mark than an empty one.
fn maybe(text: Option<&str>) -> u64 {
    text.map_or(0, word)
}

impl Marks {
    /// Returns the fields that differ, in the order of [`BULLETIN_FIELDS`].
    pub fn changed(&self, now: &Self) -> Vec<BulletinField> {
        let pairs = self.0.iter().zip(now.0);
        let fields = BULLETIN_FIELDS.into_iter().zip(pairs);
        fields.filter(|(_, (before, now))| *before != now).map(|(field, _)| field).collect()
    }
}

/// Something that happened, as the timeline tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub what: Happening,
    /// How many times within the commit.
    pub count: u32,
    /// Why, in words.
    pub text: String,
}

/// One bulletin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    /// Its place among all bulletins, counted from 1.
    pub seq: u64,
    /// The incident it is about.
    pub incident: IncidentId,
    /// What it tells.
    pub kind: BulletinKind,
    /// When that happened.
    pub at: Timestamp,
    /// Who did it, where it was one person and the incident knows.
    pub by: Option<Box<str>>,
    /// What is other than in the bulletin before of the same incident; nothing in its first.
    pub changed: Vec<BulletinField>,
    /// What happened, in words: first what the bulletin is about, then what else explains it.
    pub happened: Vec<Happened>,
    /// The version of the incident that a command can name.
    pub version: u32,
    /// Counts the incident's changes.
    pub revision: u32,
    /// The incident as it was stored with the bulletin.
    pub outline: Outline,
}

/// What the engine holds of a bulletin that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulletinHead {
    /// Its place.
    pub seq: u64,
    /// When what it tells happened.
    pub at: Timestamp,
}

impl Bulletin {
    /// Returns the part of it that the engine holds.
    pub fn head(&self) -> BulletinHead {
        BulletinHead { seq: self.seq, at: self.at }
    }
}
