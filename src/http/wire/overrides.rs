//! The shapes of overrides of who is on call.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// Somebody who is to have the shift of a team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// The team.
    pub team: String,
    /// Who is to be called.
    pub contact: String,
    /// When it begins; now when left out.
    pub from: Option<Time>,
    /// When it ends, exclusive.
    pub to: Time,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// Two people of a team who trade a shift each.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSwap {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// The team.
    pub team: String,
    /// Whose shift the other takes.
    pub contact: String,
    /// The other.
    pub with: String,
    /// A time within that shift; their present or next one when left out.
    pub shift: Option<Time>,
    /// A time within the shift of the other that is given for it; their next one after it when left
    /// out.
    pub for_shift: Option<Time>,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// Somebody who stands in by command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// Its number.
    pub number: u64,
    /// The team.
    pub team: String,
    /// Who is called.
    pub contact: String,
    /// When it begins.
    pub from: Time,
    /// When it ends, exclusive.
    pub to: Time,
    /// `from` as the clocks of the team's rotation show it, or in UTC.
    pub from_local: String,
    /// `to` in the same way.
    pub to_local: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub made_at: Time,
    /// Why; may be empty.
    pub note: String,
    /// What is wrong with it: the rule files no longer have its team or its person.
    pub problem: Option<String>,
}

/// Overrides.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Overrides {
    /// By number.
    pub items: Vec<Override>,
    /// The daemon's time.
    pub now: Time,
}
