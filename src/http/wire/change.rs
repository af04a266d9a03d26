//! The shapes of what changes something: deliveries, people's wishes, and their answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Incident, Time};

/// What became of a delivery.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Alerts taken.
    pub accepted: u32,
    /// Episodes that began.
    pub began: u32,
    /// Episodes that ended.
    pub ended: u32,
    /// Alerts changed otherwise.
    pub updated: u32,
    /// Occurrences that were only counted.
    pub repeated: u32,
    /// Alerts that the sender says it left out.
    pub truncated: u64,
    /// Alerts not taken.
    pub rejected: Vec<Rejected>,
}

/// One alert that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejected {
    /// Its place in the delivery, from 0.
    pub index: u32,
    /// What is wrong with it and what to do.
    pub reason: String,
}

/// A person's answer to an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"by": "mia", "for": "30m", "note": "on site"}))]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Who.
    #[schema(min_length = 1, max_length = 128, pattern = "\\S")]
    pub by: String,
    /// For how long, as in `30m`; the priority's own time when left out.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 4096)]
    pub note: String,
}

/// A person's word that service is restored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// Who.
    #[schema(min_length = 1, max_length = 128, pattern = "\\S")]
    pub by: String,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 4096)]
    pub note: String,
}

/// An incident right after somebody answered it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// What the listing shows.
    #[serde(flatten)]
    pub incident: Incident,
    /// The daemon's time.
    pub now: Time,
}

/// Rules that were loaded again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// Identifies their content.
    pub version: String,
    /// How many they are.
    pub rules: usize,
    /// The files they came from.
    pub files: usize,
    /// True when the same were in force before, and nothing was done.
    pub same: bool,
}
