//! What can happen to the engine, and what it answers.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::rebind::Forecast;
use crate::model::alert::Occurrence;
use crate::model::assignment::Handover;
use crate::model::change::Change;
use crate::model::delivery::DeliveryId;
use crate::model::escalation::Target;
use crate::model::incident::{Incident, IncidentId, RecordId, StateName, WaitsFor};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::link::Action;
use crate::model::major::Role;
use crate::model::notice::NoticeId;
use crate::model::partition::{Goal, Partition};
use crate::model::priority::{Priority, words};
use crate::model::quarantine::{QuarantineId, Unhandled};
use crate::model::report::Reporter;
use crate::model::sheet::{Edit, Field};
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;

/// Everything that can change the state, in one closed list.
#[derive(Clone, Debug)]
pub enum Event {
    /// A source sent alerts.
    Received {
        /// The source's name.
        source: Arc<str>,
        /// Its alerts in their order.
        occurrences: Vec<Occurrence>,
    },
    /// A person handles an incident.
    Handle(Order),
    /// A person reports that something is wrong.
    Report(Box<Filing>),
    /// Somebody silences alerts, or changes a silence.
    Silence {
        /// The wish, under the id it gets where it becomes a silence of its own.
        silence: Silence,
        /// The silence it is to change.
        replaces: Option<SilenceId>,
    },
    /// Somebody ends a silence.
    Unsilence {
        /// Which.
        id: SilenceId,
        /// Who.
        by: Box<str>,
    },
    /// Changes are planned, or planned otherwise.
    PlanChanges {
        /// What is planned; of two with one number the later counts.
        changes: Vec<Change>,
        /// What becomes of those that are not named.
        rest: Rest,
        /// Who says so.
        by: Box<str>,
    },
    /// People are to have the shifts of teams, whatever the rotations say.
    PlanOverrides {
        /// Who, when; all of them or none.
        stand_ins: Vec<StandIn>,
        /// Who says so.
        by: Box<str>,
        /// Why; may be empty.
        note: Box<str>,
    },
    /// Somebody takes such an override back.
    DropOverride {
        /// Its number.
        number: u64,
        /// Who.
        by: Box<str>,
    },
    /// Somebody did something outside the engine that the audit trail has to tell.
    Audit {
        /// Who.
        by: Box<str>,
        /// What, in one word or two.
        action: Box<str>,
        /// To what; may be empty.
        object: Box<str>,
        /// The rest, in words; may be empty.
        detail: String,
    },
    /// A channel took a notice.
    Delivered {
        /// Which.
        notice: NoticeId,
        /// The channel's name.
        channel: Box<str>,
        /// What it wrote that has to follow the incident: the place, and the message there.
        thread: Option<(Box<str>, Box<str>)>,
    },
    /// A channel did not take a notice.
    Failed {
        /// Which.
        notice: NoticeId,
        /// The channel's name.
        channel: Box<str>,
        /// Why, in words.
        error: String,
        /// How long to wait before the next attempt; `None` when this channel will never take it.
        retry_in: Option<Duration>,
    },
    /// A notice was not sent because nobody needs it any more.
    Withheld {
        /// Which.
        notice: NoticeId,
        /// Why, in words.
        because: String,
    },
    /// Other systems were told.
    Published {
        /// Places of the bulletins; those that are gone already are passed over.
        bulletins: Vec<u64>,
    },
    /// An event under an id its sender gave: happens once, whatever is sent again.
    Once {
        /// Which delivery or command.
        delivery: DeliveryId,
        /// What is to happen.
        event: Box<Event>,
    },
    /// A person answers a notice by one of its links, each of which is good once.
    ByLink {
        /// The notice that the link came with.
        notice: NoticeId,
        /// What the link is for.
        action: Action,
        /// What is to be done.
        order: Order,
    },
    /// A person writes on the record of an incident that is over, or wants something to be done.
    Afterwards {
        /// The record as it is stored.
        record: Box<Incident>,
        /// What is to be written, by [`Command::Set`], or done, by [`Command::AddAction`].
        order: Order,
    },
    /// Something came that could not be read or handled.
    Quarantine(Box<Unhandled>),
    /// A record of the quarantine could be read after all: its alerts come in, and it leaves.
    Replay {
        /// Which.
        id: QuarantineId,
        /// The source's name.
        source: Arc<str>,
        /// Its alerts in their order.
        occurrences: Vec<Occurrence>,
    },
    /// Records of a partition of a Kafka topic were read.
    Consumed(Box<Consumed>),
    /// A partition cannot be read on as it is, and waits for a person.
    Halt {
        /// Which.
        partition: Partition,
        /// Why, in words, and what to do.
        why: String,
    },
    /// A person lets a partition go on.
    Seek {
        /// Which.
        partition: Partition,
        /// From where.
        to: Goal,
        /// Who.
        by: Box<str>,
    },
    /// A person says that a record of the quarantine is of no use.
    DropQuarantined(QuarantineId),
    /// A person has notices that were given up sent once more.
    Retry {
        /// Which; those that are not given up (any more) are passed over.
        notices: Vec<NoticeId>,
        /// Who.
        by: Box<str>,
    },
    /// What is over is old enough to be forgotten.
    Forget {
        /// Closed incidents, with their members, timelines and notices.
        incidents: Vec<IncidentId>,
        /// Past episodes.
        episodes: Vec<PastEpisode>,
        /// Entries of the journal from before then; `None` for none.
        journal_before: Option<Timestamp>,
    },
    /// The rules of the context, or both rules and topology, are others than before.
    Reconfigured,
    /// The topology of the context is another than before, and this is what it means for the alerts.
    TopologyChanged(Arc<Forecast>),
    /// Time passed.
    Tick,
}

/// A person who is to have the shift of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The team.
    pub team: Box<str>,
    /// When it begins, inclusive.
    pub from: Timestamp,
    /// When it ends, exclusive.
    pub until: Timestamp,
    /// The person.
    pub contact: Box<str>,
}

/// Records of one partition in the order of their offsets.
#[derive(Clone, Debug)]
pub struct Consumed {
    /// Which.
    pub partition: Partition,
    /// The id of the cluster.
    pub cluster: Box<str>,
    /// Which turn of the partition's position they were read in; those of another count for nothing.
    pub turn: u32,
    /// The offset to begin from where the partition was not read before, or was sent to one of its ends.
    pub first: u64,
    /// True when they are old: they are from a backlog.
    pub is_late: bool,
    /// What was read; may be nothing.
    pub records: Vec<Record>,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its offset.
    pub offset: u64,
    /// A hash of it.
    pub mark: u64,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Content {
    /// Alerts.
    Alerts {
        /// In their order.
        occurrences: Vec<Occurrence>,
        /// Under which id they are taken once, where the sender gave one.
        delivery: Option<DeliveryId>,
    },
    /// How a change is planned; nothing when it is planned no more.
    Planned {
        /// Its number.
        number: Box<str>,
        /// The change.
        change: Option<Box<Change>>,
    },
    /// It cannot be read.
    Unreadable(Box<Unhandled>),
    /// Nothing.
    Nothing,
}

/// What became of records that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumption {
    /// The offset of the next record that counts.
    pub next: u64,
    /// The turn of the position.
    pub turn: u32,
    /// True when the partition is not to be read on.
    pub is_halted: bool,
    /// What became of the alerts of all records.
    pub received: Received,
    /// Records that went to the quarantine.
    pub unreadable: u32,
    /// Records that had come before.
    pub repeated: u32,
}

/// What becomes of planned changes that are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They stay as they are.
    Stays,
    /// They are planned no more.
    Goes,
}

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

/// What became of a person's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// The incident it belongs to; nothing while it is held back.
    pub incident: Option<IncidentId>,
    /// Whether that was open before.
    pub how: Match,
    /// Why nobody is told, in words; empty otherwise.
    pub held_back: String,
}

/// What a report was to the incidents that were open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// None of them was about it.
    New,
    /// One of them was about the same.
    Same,
    /// One of them is likely to have its cause: it is a subordinate there.
    Similar,
}

words!(Match, New = "new", Same = "same", Similar = "similar");

/// A past episode of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastEpisode {
    /// The alert.
    pub alert: Fingerprint,
    /// The episode's number.
    pub episode: u32,
    /// The incident it belonged to.
    pub incident: Option<IncidentId>,
}

/// The engine's answer to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What became of received alerts.
    Received(Received),
    /// A person's order was carried out.
    Handled(Handled),
    /// A person's report was taken.
    Reported(Filed),
    /// A silence is in force, or will be, under this id.
    Silenced(SilenceId),
    /// What became of the planned changes.
    Planned(Planned),
    /// People stand in under these numbers.
    Overridden(Vec<u64>),
    /// What became of notices that were given up.
    Retried(Retried),
    /// What became of what was to be forgotten.
    Forgotten(Forgotten),
    /// It is done.
    Done,
    /// It was not done, because it was made for other rules, another topology or another record than
    /// are in force.
    Outdated,
    /// It was done before, under the same id; nothing changed.
    Duplicate,
    /// What became of records of Kafka; where the partition stands.
    Consumed(Box<Consumption>),
    /// It is kept in the quarantine.
    Quarantined(QuarantineId),
    /// It was not done, and nothing changed.
    Refused(Refusal),
}

/// How many planned changes are others than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// New ones.
    pub added: u32,
    /// Those that are planned otherwise.
    pub changed: u32,
    /// Those that are planned no more.
    pub removed: u32,
}

/// What became of an incident that a person handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The incident; the one that survives a merger, the one that was split off.
    pub incident: IncidentId,
    /// Its state.
    pub state: StateName,
    /// Its version.
    pub version: u32,
    /// Who has it, until when.
    pub holder: Option<(Box<str>, Timestamp)>,
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Incidents.
    pub incidents: u32,
    /// Episodes.
    pub episodes: u32,
    /// Of both, those that are still at hand and stay.
    pub refused: u32,
}

impl Forgotten {
    /// Adds what came after it.
    pub fn add(&mut self, more: Self) {
        self.incidents += more.incidents;
        self.episodes += more.episodes;
        self.refused += more.refused;
    }
}

/// What became of the alerts of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Episodes that began.
    pub began: u32,
    /// Episodes that ended.
    pub ended: u32,
    /// Occurrences that changed an alert otherwise: its lease, text or severity.
    pub updated: u32,
    /// Occurrences that were only counted: repeated or late messages.
    pub repeated: u32,
    /// Alerts that were left out, by the name of the rule that says so.
    pub dropped: BTreeMap<Arc<str>, u32>,
    /// Alerts beyond what the source may hold; they are in the quarantine.
    pub overflowed: u32,
    /// The record of the quarantine that holds those.
    pub quarantined: Option<QuarantineId>,
    /// Alerts that could not be taken: index in the delivery, then why.
    pub refused: Vec<(u32, Refused)>,
}

impl Received {
    /// Adds what became of another delivery; of those in the quarantine the last is named.
    pub fn add(&mut self, more: Self) {
        self.began += more.began;
        self.ended += more.ended;
        self.updated += more.updated;
        self.repeated += more.repeated;
        for (rule, count) in more.dropped {
            *self.dropped.entry(rule).or_default() += count;
        }
        self.overflowed += more.overflowed;
        self.quarantined = more.quarantined.or(self.quarantined);
        self.refused.extend(more.refused);
    }
}

/// Notices that were given up, after a person wanted them sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// To be sent once more.
    pub pending: Vec<NoticeId>,
    /// Put away: nobody has to answer any more.
    pub withheld: Vec<NoticeId>,
}

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
