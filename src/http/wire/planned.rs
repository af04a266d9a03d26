//! The shapes of planned changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// A planned change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedChange {
    /// Its number in the tool it comes from, as in `CHG-123`.
    pub number: String,
    /// Names of the CIs it is done to.
    pub cis: Vec<String>,
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub to: Time,
    /// `planned`, `approved`, `in_progress`, `done` or `cancelled`.
    #[serde(default = "planned")]
    pub state: String,
    /// Who answers for it.
    #[serde(default)]
    pub owner: String,
    /// What is done.
    #[serde(default)]
    pub summary: String,
}

fn planned() -> String {
    "planned".into()
}

/// Changes to be planned: what a file of them holds, with on which terms.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChanges {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// True when these are all there are: others are planned no more.
    #[serde(default)]
    pub replace: bool,
    /// True to be told only what would become of them.
    #[serde(default)]
    pub dry_run: bool,
    /// The changes.
    pub changes: Vec<PlannedChange>,
}

/// What became of changes, or would.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    /// New ones.
    pub added: u32,
    /// Those that are planned otherwise.
    pub changed: u32,
    /// Those that are planned no more.
    pub removed: u32,
    /// Each of them in words, at most a thousand.
    pub difference: Vec<String>,
    /// Names of CIs that the CMDB does not know.
    pub unknown_cis: Vec<String>,
    /// True when nothing was done.
    pub dry_run: bool,
    /// The daemon's time.
    pub now: Time,
}

/// A planned change, looked at.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlannedRecord {
    /// The change.
    pub change: PlannedChange,
    /// True while its time has come and it is neither over nor called off.
    pub active: bool,
    /// The daemon's time.
    pub now: Time,
}
