//! The shapes of major incidents and reviews: plan, roles, checklist, corrective actions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// That an incident is or was a major one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Major {
    /// When it was declared last.
    pub declared_at: Time,
    /// Who declared it; `rules` for the rules.
    pub by: String,
    /// Why.
    pub because: String,
    /// When somebody said that it is none any more.
    pub stood_down_at: Option<Time>,
    /// What is to be done, as the rules said when it was declared.
    #[serde(default)]
    pub plan: Option<ResponsePlan>,
    /// Who answers for what.
    #[serde(default)]
    pub roles: Vec<RoleHolder>,
    /// Users of the services it hurt who were told of it: contacts and addresses.
    #[serde(default)]
    pub users: Vec<String>,
    /// From one update to the next, in milliseconds.
    #[serde(default)]
    pub update_every_ms: u64,
    /// How long it is watched after its resolution, in milliseconds.
    #[serde(default)]
    pub watch_ms: u64,
    /// When that ends; nothing unless it is resolved and still watched.
    #[serde(default)]
    pub watch_until: Option<Time>,
}

/// The response plan that an incident follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponsePlan {
    /// Its name in the rule files.
    pub name: String,
    /// What is to be done, in order; an item's number is its place, from 1.
    pub checklist: Vec<ChecklistItem>,
    /// How many of them are open.
    pub open: usize,
    /// Who was told because of it.
    pub told: Vec<String>,
    /// Where people talk.
    pub link: Option<String>,
}

/// One item of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChecklistItem {
    /// What is to be done.
    pub text: String,
    /// Who did it; nothing while it is open.
    pub done: Option<Done>,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// When.
    pub at: Time,
    /// Who.
    pub by: String,
    /// What they say; may be empty.
    pub note: String,
}

/// Somebody with a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleHolder {
    /// `incident_manager`, `coordinator` or `communication`.
    pub role: String,
    /// The contact.
    pub who: String,
    /// The team whose shift they had.
    pub team: Option<String>,
    /// Since when.
    pub since: Time,
    /// Who gave it to them: a person, or `plan NAME`.
    pub by: String,
}

/// Something that a review wants to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CorrectiveAction {
    /// Its number in the incident, from 1.
    pub number: usize,
    /// What.
    pub text: String,
    /// Who has to: a contact, or `team:NAME`.
    pub owner: String,
    /// By when.
    pub due_at: Time,
    /// True when that is past and it is not done.
    pub overdue: bool,
    /// Who was reminded last: `nobody`, `owner`, `lead` or `manager`.
    pub reminded: String,
    /// Who wanted it.
    pub by: String,
    /// When they did.
    pub added_at: Time,
    /// Who says that it is done.
    pub done: Option<Done>,
}

/// Something that is still to be done, with the incident whose review wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenAction {
    /// The incident.
    pub incident: String,
    /// What it was about.
    pub title: String,
    /// Its state.
    pub state: String,
    /// What is to be done.
    pub action: CorrectiveAction,
}

/// All that is still to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenActions {
    /// The one that is due first comes first.
    pub items: Vec<OpenAction>,
    /// The daemon's time.
    pub now: Time,
}

/// An item of the checklist is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// The item's number, from 1.
    pub item: u32,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Somebody gets a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Appoint {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// `incident_manager`, `coordinator` or `communication`.
    pub role: String,
    /// Who gets it, as in `contact:dana`, or `team:net` for whoever has its shift.
    pub to: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// The review wants something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAction {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// What.
    pub text: String,
    /// Who has to, as in `contact:dana` or `team:net`.
    pub owner: String,
    /// By when: a day, as in `2026-12-01`, until its end in UTC; or a time.
    pub due: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// What the review wanted is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishAction {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// The action's number, from 1.
    pub number: u32,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}
