//! Why something is not done, in words that say what would be.

use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::Fingerprint;
use crate::model::notice::NoticeId;
use crate::model::progress::StateName;
use crate::model::quarantine::QuarantineId;
use crate::model::sheet::Field;
use crate::model::silence::SilenceId;
use crate::model::time::Timestamp;

/// Why one alert could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Other labels with the same 64-bit fingerprint are held already.
    #[error("labels have the fingerprint {fingerprint} of another alert, {other}; change a label")]
    Collision {
        /// The fingerprint of both.
        fingerprint: Fingerprint,
        /// The labels of the alert that has it.
        other: String,
    },
}

/// Why a person's wish was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No incident in memory has this number: it never existed or is closed.
    #[error("{0} is not open")]
    NotOpen(IncidentId),
    /// The notice is not given up: it was delivered, is still tried, or never existed.
    #[error("{0} is not given up; `incidentd notify ls --dead` shows what is")]
    NotDead(NoticeId),
    /// It is a subordinate: its incident has to be named.
    #[error("{incident} is part of {parent}; name {parent} instead")]
    Subordinate {
        /// What was named.
        incident: IncidentId,
        /// What it belongs to.
        parent: IncidentId,
    },
    /// Somebody was faster.
    #[error(
        "{incident} is at version {version}, not {expected}: it was changed meanwhile; look again, then say version {version}"
    )]
    Conflict {
        /// What was named.
        incident: IncidentId,
        /// The version that was seen.
        expected: u32,
        /// The version it is at.
        version: u32,
    },
    /// Members fire.
    #[error(
        "{incident} cannot be closed while {firing} of its alerts fire; it is closed by itself when they have cleared"
    )]
    StillFiring {
        /// What was named.
        incident: IncidentId,
        /// How many.
        firing: u32,
    },
    /// A note without words.
    #[error("a note needs a text")]
    EmptyNote,
    /// Something is handed on, or made more or less pressing, without a reason.
    #[error("say why it is {wish}")]
    NoReason {
        /// What was wished for.
        wish: &'static str,
    },
    /// There is no line after the one that has it.
    #[error("{incident} has no next line after {team}; name a team instead")]
    NoNextLine {
        /// What was named.
        incident: IncidentId,
        /// Who has it.
        team: Box<str>,
    },
    /// Nobody had it before, and there is no service desk.
    #[error(
        "{0} was nobody's before and there is no service desk (`defaults: {{desk: TEAM}}`); assign it instead"
    )]
    NowhereToReturn(IncidentId),
    /// Too many people want to hear of it.
    #[error("{0} teams and contacts hear of it already, the limit; subscribe a team instead")]
    TooManySubscribers(usize),
    /// Nothing to be written.
    #[error("name a field and what it is to be; {0}")]
    NothingSet(String),
    /// A field that takes one of a list has another word.
    #[error("{field} is `{given}`, expected one of {known}; the rules list them under `closing`")]
    UnknownCode {
        /// The field.
        field: Field,
        /// What was given.
        given: Box<str>,
        /// What the rules know.
        known: String,
    },
    /// The rules want more to be written first.
    #[error(
        "{incident} needs {missing} before it is {wish}; write that by `incidents set {incident}`, or \
         as you resolve it"
    )]
    Incomplete {
        /// What was named.
        incident: IncidentId,
        /// The fields.
        missing: String,
        /// What was wished for.
        wish: &'static str,
    },
    /// It is over, and what it was stays as it was.
    #[error("{incident} is {state}: {given} cannot be written any more, only {open}")]
    Over {
        /// What was named.
        incident: IncidentId,
        /// Its state.
        state: StateName,
        /// What was to be written.
        given: String,
        /// What still may be.
        open: String,
    },
    /// It is so already.
    #[error("{incident} is {what} already")]
    Already {
        /// What was named.
        incident: IncidentId,
        /// What it is.
        what: &'static str,
    },
    /// Only the desk may.
    #[error("only team {team} may do that, and {by} is none of its members: {members}")]
    NotDesk {
        /// Who wanted it.
        by: Box<str>,
        /// The team.
        team: Box<str>,
        /// Its members.
        members: String,
    },
    /// Somebody said that it is not over.
    #[error(
        "{by} says that {incident} is not over: {because}; it can be closed once that is taken back with `confirm`"
    )]
    Disagreed {
        /// What was named.
        incident: IncidentId,
        /// Who.
        by: Box<str>,
        /// Why.
        because: Box<str>,
    },
    /// It is watched after its resolution.
    #[error(
        "{incident} is a major incident and watched until {until}; it can be closed from then on"
    )]
    Watched {
        /// What was named.
        incident: IncidentId,
        /// When that ends.
        until: Timestamp,
    },
    /// Only a major incident has roles.
    #[error("{0} is no major incident, and only one has roles; declare it with `declare-major`")]
    NotMajor(IncidentId),
    /// A list has no such place.
    #[error("{incident} has no {what} {number}; it has {count}")]
    NoSuch {
        /// What was named.
        incident: IncidentId,
        /// Of what list.
        what: &'static str,
        /// The place that was named, from 1.
        number: u32,
        /// How long the list is.
        count: usize,
    },
    /// Somebody did it.
    #[error("{what} {number} of {incident} is done, says {by} at {at}")]
    IsDone {
        /// What was named.
        incident: IncidentId,
        /// Of what list.
        what: &'static str,
        /// The place, from 1.
        number: u32,
        /// Who.
        by: Box<str>,
        /// When.
        at: Timestamp,
    },
    /// There is room for no more.
    #[error("{incident} has {max} {what} already, the limit")]
    TooMany {
        /// What was named.
        incident: IncidentId,
        /// Of what there are too many.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// An action that would be overdue at once.
    #[error("the action would be due at {due_at}, which is past; name a time to come")]
    ActionOver {
        /// The time that was named.
        due_at: Timestamp,
    },
    /// A link says that it is over, or not, for somebody who is not asked.
    #[error("{by} is not asked whether {incident} is over (any more)")]
    NotAsked {
        /// What was named.
        incident: IncidentId,
        /// Who has the link.
        by: Box<str>,
    },
    /// The alert of a report could not be taken.
    #[error("the report cannot be taken: {0}")]
    NotReported(String),
    /// A hold that is over already.
    #[error("the hold would end at {until}, which is past; name a time to come")]
    HoldOver {
        /// The end that was named.
        until: Timestamp,
    },
    /// No team or contact has this name.
    #[error("no {target} in the rule files; known: {known}")]
    UnknownTarget {
        /// What was named.
        target: String,
        /// What there is.
        known: String,
    },
    /// It cannot be part of itself.
    #[error("{0} cannot be part of itself")]
    SameIncident(IncidentId),
    /// It has no such record, or that one cannot go.
    #[error("{record} cannot be split from {incident}: {why}")]
    NotSplit {
        /// What was named.
        incident: IncidentId,
        /// The record.
        record: RecordId,
        /// Why, in words.
        why: &'static str,
    },
    /// No silence has this id.
    #[error("no silence {0}")]
    UnknownSilence(SilenceId),
    /// There are too many silences.
    #[error("there are {0} silences already, the limit; expire some")]
    TooManySilences(usize),
    /// There are too many overrides.
    #[error("there would be more than {0} overrides, the limit; drop some")]
    TooManyOverrides(usize),
    /// An override that ends before it begins, or is over already.
    #[error("the override would end at {until}, which is past or before it begins")]
    OverrideOver {
        /// The end that was named.
        until: Timestamp,
    },
    /// No override has this number.
    #[error("no override has the number {0}; `incidentd oncall overrides` lists what there is")]
    UnknownOverride(u64),
    /// There are too many planned changes.
    #[error(
        "there would be more than {0} planned changes, the limit; leave out those that are over"
    )]
    TooManyChanges(usize),
    /// The state does not allow it.
    #[error("{incident} is {state} and cannot be {wish}; allowed from here: {allowed}")]
    NotAllowed {
        /// What was named.
        incident: IncidentId,
        /// Its state.
        state: StateName,
        /// What was wished for.
        wish: &'static str,
        /// What would be allowed.
        allowed: String,
    },
    /// No source reads or read it.
    #[error("{0} was never read; `incidentd kafka ls` lists what is")]
    UnknownPartition(String),
    /// The quarantine does not hold it: it never did, or it left.
    #[error("the quarantine holds no record {0}; `quarantine ls` lists what it holds")]
    NotQuarantined(QuarantineId),
}
