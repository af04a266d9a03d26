//! The shapes of our JSON: what the API sends and what the command line reads.
//!
//! Apart from the domain's types on purpose, so that neither can change the other unseen. Times are
//! RFC 3339 in UTC with milliseconds; numbers of records read `INC-1042`. Fields are only ever added.
//! Here is what can be listed and shown; the others hold the rest, `alertmanager` the shapes of that
//! API.

pub mod alertmanager;
pub mod assignment;
pub mod audit;
pub mod binding;
pub mod change;
pub mod clocks;
pub mod cmdb;
pub mod desk;
pub mod explain;
pub mod handle;
pub mod kafka;
pub mod major;
pub mod notices;
pub mod on_call;
pub mod overrides;
pub mod planned;
pub mod quarantine;
pub mod rules;
pub mod satisfaction;
pub mod silence;
pub mod storm;
pub mod stream;
pub mod transfers;
pub mod what_if;

use core::fmt;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// A point in time as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Time(pub Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(Timestamp::from_millis(time.as_millisecond())))
    }
}

/// A part of a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; nothing on the last one.
    pub next: Option<String>,
    /// The daemon's time, which ages are counted from.
    pub now: Time,
}

/// An incident in a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as the API says it")]
pub struct Incident {
    /// Its number.
    pub id: String,
    /// The name of its state.
    pub state: String,
    /// What is broken.
    pub title: String,
    /// `P1` to `P4`.
    pub priority: String,
    /// `low`, `medium` or `high`.
    pub impact: String,
    /// `low`, `medium` or `high`.
    pub urgency: String,
    /// How the priority came about.
    pub sum: String,
    /// True when its notices interrupt a person.
    pub pages: bool,
    /// What it costs: `service`, or only `redundancy`.
    #[serde(default)]
    pub loss: String,
    /// What kind of thing is broken.
    pub category: Option<String>,
    /// The rule it is handled under.
    pub rule: Option<String>,
    /// What its members have in common under a `group` rule.
    pub key: Option<String>,
    /// The alert that best explains it.
    pub root: Root,
    /// The team that has it.
    pub team: Option<String>,
    /// The incident it is part of.
    pub parent: Option<String>,
    /// The earlier incident it is like.
    pub recurrence_of: Option<String>,
    /// The person it was given to, or who claimed it.
    pub assignee: Option<String>,
    /// Who was handed it, one after another, and who was called to help; the oldest first.
    #[serde(default)]
    pub assignments: Vec<assignment::Assignment>,
    /// How often it was given back as misrouted.
    #[serde(default)]
    pub returned: u32,
    /// Where those talk who were called to help.
    #[serde(default)]
    pub call: Option<String>,
    /// The service agreement whose limits hold.
    #[serde(default)]
    pub agreement: Option<String>,
    /// The priority that a person gave it, which holds until lifted.
    #[serde(default)]
    pub priority_by_hand: Option<String>,
    /// The update that was promised.
    #[serde(default)]
    pub promise: Option<assignment::Promise>,
    /// Teams and contacts who hear of it without being called.
    #[serde(default)]
    pub subscribers: Vec<String>,
    /// Who has it and until when.
    pub acknowledged: Option<Acknowledged>,
    /// What it waits for while it is on hold.
    pub waits_for: Option<String>,
    /// True while all that fires of it is silenced or inhibited, or its known error keeps it quiet: nobody is
    /// told.
    pub quiet: bool,
    /// The known error it is taken for.
    #[serde(default)]
    pub known_error: Option<KnownError>,
    /// Incidents that a person split from it, or it from them.
    pub apart_from: Vec<String>,
    /// Planned changes that its roots may have suffered from when they came.
    #[serde(default)]
    pub changes: Vec<String>,
    /// The storm it is or was.
    pub storm: Option<storm::Storm>,
    /// CIs that explain most of it; the likeliest first.
    pub suspects: Vec<storm::Suspect>,
    /// When everybody who was told hears next how it stands.
    pub update_at: Option<Time>,
    /// What people wrote and reported, and what its end waits for.
    #[serde(default)]
    pub sheet: desk::Sheet,
    /// When and by whom it was resolved.
    pub resolved: Option<Resolved>,
    /// When it was closed.
    pub closed_at: Option<Time>,
    /// True when a person resolved it while members fired.
    pub awaiting_verification: bool,
    /// When it was opened.
    pub opened_at: Time,
    /// When a member was last added or grew more severe.
    pub active_at: Time,
    /// Since when no member fires.
    pub clear_since: Option<Time>,
    /// Until when the first notice waits for a cause.
    pub wait_until: Option<Time>,
    /// Members ever.
    pub members: u32,
    /// Members that fire now.
    pub firing: u32,
    /// The response clock.
    pub response: Response,
    /// The resolution clock.
    pub resolution: Resolution,
    /// The steps that come next on its ladders; the earliest first.
    pub next: Vec<NextStep>,
    /// Counts its changes.
    pub revision: u32,
    /// Counts what people or clocks did to it; what an order may expect.
    pub version: u32,
    /// The rule set it was last decided on.
    pub rules_version: String,
    /// The topology it was last decided on.
    pub topology_version: u64,
}

/// The alert that best explains an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Root {
    /// Its fingerprint.
    pub alert: String,
    /// Its CI.
    pub ci: Option<String>,
}

/// What an incident is taken for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KnownError {
    /// What people call it.
    pub id: String,
    /// The rule that says so.
    pub rule: String,
    /// Until when nobody is told.
    pub quiet_until: Option<Time>,
    /// The bound that was passed: it pages, whatever its priority.
    pub exceeded: Option<String>,
}

/// What helps with an incident, by the rules in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Help {
    /// What helps until its known error is mended.
    pub workaround: Option<String>,
    /// Why it happens.
    pub cause: Option<String>,
    /// Where to read on.
    pub runbook: Option<String>,
    /// What it will be gone with.
    pub fixed_in: Option<String>,
    /// Links by name.
    pub links: BTreeMap<String, String>,
}

/// Who has an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// When it lapses.
    pub until: Time,
}

/// How an incident was resolved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Resolved {
    /// When.
    pub at: Time,
    /// By whom; nobody when all alerts cleared by themselves.
    pub by: Option<String>,
}

/// The response clock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Response {
    /// When it started last.
    pub started_at: Time,
    /// When the limit is reached.
    pub due_at: Time,
    /// When it was stopped.
    pub stopped_at: Option<Time>,
    /// Counts its starts.
    pub round: u32,
}

/// The resolution clock: from opening until service is restored, without the time it stood.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// When the limit is reached; nothing while the clock stands.
    pub due_at: Option<Time>,
    /// How long it has stood by now, in milliseconds: on hold, and between a resolution and a
    /// reopening.
    pub stood_ms: u64,
    /// Since when it stands.
    pub stands_since: Option<Time>,
}

/// The step of a ladder that falls due next.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    /// `functional`, `hierarchical`, `resolution` or `acceptance`.
    pub ladder: String,
    /// When; nothing while the clock is stopped.
    pub at: Option<Time>,
    /// Whom it tells, or `next line`.
    pub action: String,
}

/// One incident with everything about it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IncidentRecord {
    /// What the listing shows.
    #[serde(flatten)]
    pub incident: Incident,
    /// Why its members are one incident, summed up.
    pub why: Why,
    /// What helps.
    #[serde(default)]
    pub help: Help,
    /// Its records, at most a thousand, in the order of their numbers.
    pub subordinates: Vec<Member>,
    /// What happened, in order; the newest thousand entries.
    pub timeline: Vec<Entry>,
    /// The daemon's time.
    pub now: Time,
}

/// Why alerts are one incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The name of the root: its CI's or its alert's.
    pub root: String,
    /// The name of the root's alert.
    pub alert: String,
    /// Since when the root fires.
    pub since: Option<Time>,
    /// The rule, with the place where it is written.
    pub rule: Option<RulePlace>,
    /// The reasons for which members joined, the most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// What could have been part of it and is not, on purpose; at most twenty.
    pub left_out: Vec<LeftOut>,
    /// How many of the alerts, in percent, are about CIs that have relations in the CMDB: how far its
    /// map can be trusted to explain them. Nothing when none is stored.
    #[serde(default)]
    pub on_map: Option<u8>,
    /// How the priority came about.
    pub priority: String,
}

/// Something that could have been part of an incident and is not, or that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The incident it is instead, or was left out of.
    pub incident: Option<String>,
    /// Its name: that of a CI and an alert, or how many alerts.
    pub what: String,
    /// Why, in words.
    pub reason: String,
}

/// A rule and where it is written.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RulePlace {
    /// Its name.
    pub name: String,
    /// Its file; empty when it is no longer loaded.
    pub file: String,
    /// Its line; 0 when it is no longer loaded.
    pub line: u32,
    /// What it is for.
    pub summary: String,
}

/// How many members joined for one reason.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    /// How many.
    pub count: u32,
    /// The reason in words.
    pub reason: String,
    /// What explains the most of them: a path, a key.
    pub example: String,
}

/// A record attached to an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its number.
    pub id: String,
    /// `alert` or `incident`.
    pub kind: String,
    /// The incident it is attached to directly.
    pub incident: String,
    /// When it was attached.
    pub joined_at: Time,
    /// Why.
    pub join: Join,
    /// The alert, where the record is about one that is still stored.
    pub alert: Option<Alert>,
}

/// Why an alert belongs to its incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Join {
    /// `own`, `group`, `dependant`, `cause`, `last_leg`, `related`, `storm`, `sequence`, `reported`,
    /// `by_hand` or `outlived`.
    pub reason: String,
    /// The same in words.
    pub text: String,
    /// The rule.
    pub rule: Option<String>,
    /// The way from the cause to the alert's CI.
    pub path: Option<String>,
    /// How sure it is that the alert belongs there, in percent; nothing for one that joined nothing.
    #[serde(default)]
    pub confidence: Option<u8>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// What.
    pub what: String,
    /// How many events it stands for.
    pub count: u32,
    /// The reason in words.
    pub text: String,
    /// The way through the topology that decided it.
    pub path: Option<String>,
}

/// An alert in a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its identity.
    pub fingerprint: String,
    /// `firing` or `ended`.
    pub state: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where it was made.
    pub generator_url: String,
    /// The severity in force.
    pub severity: String,
    /// What the rules in force add to what was sent.
    #[serde(default)]
    pub added: Option<Added>,
    /// The CI it is bound to.
    pub ci: Option<String>,
    /// Numbers its firings.
    pub episode: u32,
    /// The record of this firing.
    pub record: Option<String>,
    /// The incident it belongs to.
    pub incident: Option<String>,
    /// When it began, as the senders say.
    pub starts_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// First occurrence of this firing.
    pub first_seen: Time,
    /// Last occurrence.
    pub last_seen: Time,
    /// Occurrences of this firing.
    pub occurrences: u64,
    /// Who holds it firing.
    pub leases: Vec<Lease>,
    /// The silences that hold it back; those that did so at its end once it ended.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it; those that did so at its end once it ended.
    #[serde(default)]
    pub inhibited_by: Vec<Inhibitor>,
}

/// An alert that inhibits another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Inhibitor {
    /// Its fingerprint.
    pub alert: String,
    /// The rule that says so.
    pub rule: String,
}

/// What rules add to an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Added {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its severity.
    pub severity: Option<String>,
    /// The category of the incident it opens.
    pub category: Option<String>,
    /// Links, by name.
    pub links: BTreeMap<String, String>,
    /// The rules that did so, in order.
    pub rules: Vec<String>,
}

/// Until when a source holds an alert firing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// The source's name.
    pub source: String,
    /// When it lapses.
    pub until: Time,
    /// True when the sender named the end itself.
    pub explicit: bool,
}

/// One alert with everything about it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertRecord {
    /// What the listing shows.
    #[serde(flatten)]
    pub alert: Alert,
    /// What the CMDB in force says of it.
    #[serde(default)]
    pub sought: binding::Sought,
    /// Why it belongs to its incident.
    pub join: Option<Join>,
    /// Its earlier firings, the newest first, at most a hundred.
    pub episodes: Vec<Episode>,
    /// The daemon's time.
    pub now: Time,
}

/// An earlier firing of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Episode {
    /// Its number.
    pub episode: u32,
    /// The incident it belonged to.
    pub incident: Option<String>,
    /// When it began.
    pub starts_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Its occurrences.
    pub occurrences: u64,
}

/// A notice that is not delivered yet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// The incident it is about.
    pub incident: String,
    /// `page`, `ticket` or `update`.
    pub kind: String,
    /// `pending` or `dead`.
    pub state: String,
    /// Whom it was planned for.
    pub target: String,
    /// Who gets it.
    pub contact: String,
    /// The channel tried now.
    pub channel: String,
    /// Why this person gets it.
    pub because: String,
    /// When it was planned.
    pub created_at: Time,
    /// When it may be tried (again).
    pub due_at: Time,
    /// Attempts so far.
    pub attempts: u32,
    /// The last failure.
    pub last_error: String,
}

/// Writes a label set as an object.
pub fn object(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_to_the_millisecond() {
        for ms in [0, 1_661_140_759_120, -1] {
            let time = Time(Timestamp::from_millis(ms));
            let text = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), time, "{text}");
        }
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }
}
