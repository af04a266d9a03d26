//! The shapes of the record of an incident: what people write on it, what they report, and what its
//! end waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::major::{CorrectiveAction, Major};
use super::{Incident, Time};

/// What is on the record of an incident beside what it is derived from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sheet {
    /// `fault`, `service_request` or `information`.
    #[serde(default)]
    pub nature: String,
    /// What is written, by the names that `set` takes.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Changes of category that people made; the oldest first.
    #[serde(default)]
    pub reclassified: Vec<Reclassified>,
    /// Time spent, by person and line.
    #[serde(default)]
    pub spent: Vec<Spent>,
    /// Time spent by all, in milliseconds.
    #[serde(default)]
    pub spent_ms: u64,
    /// CIs with an alert of it; at most a hundred.
    #[serde(default)]
    pub cis: Vec<String>,
    /// Services that suffered; at most a hundred.
    #[serde(default)]
    pub services: Vec<String>,
    /// The most users of those services at one time, as the topology counts them.
    #[serde(default)]
    pub users: u64,
    /// What people reported of it.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// When its alerts are looked at, where a person resolved it while they fired.
    #[serde(default)]
    pub verify_at: Option<Time>,
    /// Who is asked whether it is over.
    #[serde(default)]
    pub confirmation: Option<Confirmation>,
    /// Who said that it was a false alarm.
    #[serde(default)]
    pub cancelled_by: Option<String>,
    /// That it is or was a major incident.
    #[serde(default)]
    pub major: Option<Major>,
    /// What its review wants to be done.
    #[serde(default)]
    pub actions: Vec<CorrectiveAction>,
}

/// A change of category that a person made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reclassified {
    /// When.
    pub at: Time,
    /// Who.
    pub by: String,
    /// What it was taken for before.
    pub from: Option<String>,
    /// What it is taken for since.
    pub to: String,
    /// Why.
    pub because: String,
}

/// How long somebody worked on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spent {
    /// Who.
    pub by: String,
    /// In which line of support; nothing when no team had it.
    pub line: Option<u8>,
    /// How long, in milliseconds.
    pub ms: u64,
}

/// A report by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// When.
    pub at: Time,
    /// The alert that it is counted as.
    pub alert: String,
    /// What they said.
    pub title: String,
    /// Who has it reported.
    pub reporter: String,
    /// Where they are.
    pub place: Option<String>,
    /// How they can be reached.
    pub contact: Option<String>,
    /// Who wrote it down.
    pub by: String,
    /// How it came in.
    pub channel: String,
}

/// The question whether an incident is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Confirmation {
    /// Since when it is asked.
    pub asked_at: Time,
    /// When silence closes it; nothing when it never does.
    pub due_at: Option<Time>,
    /// Who is asked.
    pub asked: Vec<String>,
    /// Who of them said that it is over.
    pub confirmed: Vec<String>,
    /// Who said that it is not; it is not closed before that is taken back.
    pub disagreement: Option<Disagreement>,
}

/// The word of somebody for whom it is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disagreement {
    /// When.
    pub at: Time,
    /// Who.
    pub by: String,
    /// Why.
    pub because: String,
}

/// Service is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Fields of the record, such as `solution`, `closure_code` and `root_cause`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// How long they worked on it, as in `45m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Something to be written on the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Fields by name; an empty value clears one.
    pub fields: BTreeMap<String, String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// It is of another category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Classify {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Which.
    pub category: String,
    /// Why; needed.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Somebody worked on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Who worked; whoever says so when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// How long, as in `45m`.
    pub spent: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// It is over for somebody who suffered from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// How content they are, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<u8>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Something that a person reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    /// What is wrong, in one line.
    pub title: String,
    /// The same at length.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The CI it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// The service it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Further labels for the rules; of two reports with the same title and labels it is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How bad it is, as alerts say it: `critical`, `major`, `minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// What kind of thing is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Fields of the record where a new one is opened, such as `nature` and `location`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Who has it reported; `by` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    /// Where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How they can be reached: a contact of the rules, who is told by its channels, or an e-mail
    /// address, where the rules have `reports`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// How it came in, as in `phone`; `api` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Who writes it down; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
}

/// What became of a report.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Filed {
    /// `new`, `same` as an open incident, or `similar`: a subordinate of one; nothing for one that
    /// came before under the same id.
    pub how: Option<String>,
    /// The incident, with its state and who has it; nothing while nobody is told.
    pub incident: Option<Incident>,
    /// Why nobody is told.
    pub held_back: Option<String>,
    /// True when this came before under the same id; then nothing changed.
    pub duplicate: bool,
    /// The daemon's time.
    pub now: Time,
}
