//! The shapes of what changes something: deliveries, and the answers to those and to what people do,
//! whose own shapes are in `handle`.

use std::collections::BTreeMap;

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
    /// Alerts that rules leave out.
    #[serde(default)]
    pub dropped: u32,
    /// How many of them, by the name of the rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped_by: BTreeMap<String, u32>,
    /// Alerts beyond what the source may hold; they are in the quarantine.
    #[serde(default)]
    pub overflowed: u32,
    /// The record of the quarantine that holds those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<u64>,
    /// True when this came before under the same id; then nothing changed.
    #[serde(default)]
    pub duplicate: bool,
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

/// An incident right after somebody answered it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// What the listing shows.
    #[serde(flatten)]
    pub incident: Incident,
    /// True when this was wished before under the same id; then nothing changed.
    #[serde(default)]
    pub duplicate: bool,
    /// The daemon's time.
    pub now: Time,
}
