//! Storms and the CIs that explain them, as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// Many alerts of one place at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Storm {
    /// The rule.
    pub rule: String,
    /// The rule's name and the values that its alerts share, as in `ops/site-storm/fra1`.
    pub key: String,
    /// True while alerts that nothing else explains join it.
    pub active: bool,
    /// When it began.
    pub began_at: Time,
    /// Since when too few fire for it to last.
    pub calm_since: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// A CI that many of an incident's CIs suffer from.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Suspect {
    /// Its name.
    pub ci: String,
    /// How many of the incident's CIs suffer from it, itself included.
    pub explains: u32,
    /// How many CIs were looked at.
    pub of: u32,
    /// The planned change that makes it more suspect.
    #[serde(default)]
    pub change: Option<SuspectChange>,
    /// The same in words.
    #[serde(default)]
    pub text: String,
}

/// A planned change on a suspect, or on what it depends on outright.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SuspectChange {
    /// Its number.
    pub number: String,
    /// The CI that is changed.
    pub ci: String,
    /// Milliseconds from its beginning to the opening of the incident.
    pub before_ms: u64,
}
