//! What people want to be done: with an incident, or about something that they report.

use core::time::Duration;

use crate::model::assignment::Handover;
use crate::model::escalation::Target;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::Labels;
use crate::model::major::Role;
use crate::model::priority::Priority;
use crate::model::progress::WaitsFor;
use crate::model::report::Reporter;
use crate::model::sheet::Edit;
use crate::model::time::Timestamp;

/// What a person wants to be done with an incident.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub incident: IncidentId,
    /// Who.
    pub by: Box<str>,
    /// The version they saw; the order is refused when it is another by now.
    pub expected: Option<u32>,
    /// What they said; may be empty, except for a note.
    pub note: String,
    /// What.
    pub command: Command,
}

/// What can be done with an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stops the response clock.
    Acknowledge {
        /// For how long; the priority's own time when not given.
        hold: Option<Duration>,
        /// When those who were told hear next; the priority's own time when not given.
        update_in: Option<Duration>,
    },
    /// Gives an acknowledgement back: the incident is nobody's again.
    Unacknowledge,
    /// Writes something down.
    Note,
    /// Takes it, to work on it.
    Claim,
    /// Hands it to a team or a person, who have not answered yet.
    Assign {
        /// A team or a contact.
        to: Target,
        /// What they have to know.
        handover: Handover,
    },
    /// Hands it to the next line.
    Escalate {
        /// A team or a contact instead.
        to: Option<Target>,
        /// What they have to know.
        handover: Handover,
    },
    /// It is not theirs: it goes back.
    Return {
        /// What whoever gets it has to know.
        handover: Handover,
    },
    /// Calls teams to help, together.
    Convene {
        /// Names of teams.
        teams: Vec<Box<str>>,
        /// Where they talk; where they did before when not given.
        link: Option<Box<str>>,
        /// What they have to know.
        handover: Handover,
    },
    /// Gives it a priority, whatever is computed.
    Prioritise {
        /// Which; the computed one again when not given.
        priority: Option<Priority>,
    },
    /// Says how it stands to everybody who was told.
    Update {
        /// When they hear next; after the same time again when not given.
        next: Option<Duration>,
    },
    /// Lets somebody hear of it without being called.
    Subscribe {
        /// A team or a contact.
        who: Target,
    },
    /// Lets somebody hear of it no more.
    Unsubscribe {
        /// A team or a contact.
        who: Target,
    },
    /// Lets work wait; the resolution clock stands.
    Hold {
        /// What for.
        waits_for: WaitsFor,
        /// Until when at the latest.
        until: Timestamp,
    },
    /// Service is restored.
    Resolve(Ending),
    /// It is not.
    Reopen,
    /// It is over for good.
    Close,
    /// Writes on its record.
    Set(Vec<Edit>),
    /// It is of another category.
    Classify {
        /// Which.
        category: Box<str>,
    },
    /// Somebody worked on it.
    Spend {
        /// Who; whoever says so when not given.
        who: Option<Box<str>>,
        /// How long.
        time: Duration,
    },
    /// Somebody for whom it was bad says that it is over.
    Confirm(Vec<Edit>),
    /// Somebody for whom it is bad says that it is not over.
    Reject,
    /// It was a false alarm.
    Cancel,
    /// It is a major incident.
    DeclareMajor,
    /// It is no major incident any more.
    StandDown,
    /// An item of its response plan is done.
    Check {
        /// Its number, from 1.
        item: u32,
    },
    /// Gives somebody a role in a major incident.
    Appoint {
        /// Which.
        role: Role,
        /// A team or a contact.
        to: Target,
    },
    /// Its review wants something to be done.
    AddAction {
        /// What.
        text: Box<str>,
        /// The team or the contact that has to.
        owner: Target,
        /// By when.
        due_at: Timestamp,
    },
    /// What its review wanted is done.
    FinishAction {
        /// The action's number, from 1.
        number: u32,
    },
    /// It and another are one; the older number survives.
    Merge {
        /// The other.
        into: IncidentId,
    },
    /// Some of it is an incident of its own.
    Split {
        /// Numbers of the records: subordinates, or its own.
        records: Vec<RecordId>,
    },
}

/// What a person writes when they resolve an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Fields of its record: solution, closure code and the like.
    pub edits: Vec<Edit>,
    /// How long they worked on it.
    pub spent: Option<Duration>,
}

/// Something that a person reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filing {
    /// Labels of the alert it becomes; of two reports with the same it is one.
    pub labels: Labels,
    /// How bad it is, in the words of severities.
    pub severity: Option<Box<str>>,
    /// What is wrong, in one line.
    pub title: Box<str>,
    /// The same at length; may be empty.
    pub description: Box<str>,
    /// What kind of thing is broken.
    pub category: Option<Box<str>>,
    /// Fields of the record, where a new one is opened.
    pub edits: Vec<Edit>,
    /// Who has it reported.
    pub reporter: Reporter,
    /// Who writes it down.
    pub by: Box<str>,
    /// How it came in.
    pub channel: Box<str>,
}
