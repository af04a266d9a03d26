//! Escalation policies: who hears of an incident next, and when.

use core::fmt;
use core::time::Duration;

use super::priority::{Priority, words};
use super::progress::StateName;

/// Identifies a policy by its content, so that an incident keeps the one it started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyHash(pub u64);

/// Independent lists of steps: two on the response clock, one on the resolution clock, one on the
/// acceptance clock of each that was handed the incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the rule files.
    pub name: Box<str>,
    /// Sideways: to the on-call person, again, then to the next line.
    pub functional: Vec<Step>,
    /// Upwards: to management.
    pub hierarchical: Vec<Step>,
    /// While service is not restored, whoever has answered.
    pub resolution: Vec<Step>,
    /// While whoever was handed it has not confirmed that.
    pub acceptance: Vec<Step>,
}

impl Policy {
    /// Computes the hash of the content. It only has to tell policies apart: were it computed
    /// otherwise one day, an old policy would be kept beside its equal.
    pub fn hash(&self) -> PolicyHash {
        PolicyHash(super::labels::fnv(super::labels::FNV_OFFSET, format!("{self:?}").as_bytes()))
    }

    /// Returns one of the lists.
    pub fn ladder(&self, ladder: Ladder) -> &[Step] {
        match ladder {
            Ladder::Functional => &self.functional,
            Ladder::Hierarchical => &self.hierarchical,
            Ladder::Resolution => &self.resolution,
        }
    }
}

/// Which of a policy's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ladder {
    /// Sideways.
    Functional,
    /// Upwards.
    Hierarchical,
    /// On the resolution clock.
    Resolution,
}

words!(Ladder, Functional = "functional", Hierarchical = "hierarchical", Resolution = "resolution");

/// All of them.
pub const LADDERS: [Ladder; 3] = [Ladder::Functional, Ladder::Hierarchical, Ladder::Resolution];

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it falls due.
    pub due: Due,
    /// What it does.
    pub action: Action,
    /// Whether it falls due again every so often while nobody answers; only the last step may.
    pub repeat: Option<Duration>,
    /// For what it is taken; it is passed over for all else.
    pub only: Only,
}

/// For what a step is taken; what is empty holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Incidents of these priorities.
    pub priorities: Vec<Priority>,
    /// Incidents in these states.
    pub states: Vec<StateName>,
    /// At the times of this calendar.
    pub hours: Option<Box<str>>,
}

/// When a step falls due, counted from the start of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// After a time.
    After(Duration),
    /// After a share of the clock's limit, in percent.
    Share(u16),
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tells somebody.
    Notify(Target),
    /// Hands the incident to the next line of its team and tells that team.
    NextLine,
}

/// Whom a step tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The on-call person of the team that has the incident.
    Assigned,
    /// The manager of that team.
    Manager,
    /// The lead of that team, else its manager.
    Lead,
    /// A named team's on-call person.
    Team(Box<str>),
    /// A named person.
    Contact(Box<str>),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned => f.write_str("assigned"),
            Self::Manager => f.write_str("manager"),
            Self::Lead => f.write_str("lead"),
            Self::Team(name) => write!(f, "team:{name}"),
            Self::Contact(name) => write!(f, "contact:{name}"),
        }
    }
}

/// How far an incident has got on one ladder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// Index of the step that falls due next; the ladder's length when none is left.
    pub step: u32,
    /// How often the repeating step has fired.
    pub repeats: u32,
    /// When it falls due; `None` while the clock is stopped or no step is left.
    pub due_at: Option<super::time::Timestamp>,
    /// When the repeating step was last taken, or its clock went on after that.
    pub last_at: Option<super::time::Timestamp>,
}
