//! The shapes of bindings: what the CMDB says of an alert, and which alerts it says nothing of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use super::explain::Binding;

/// What the CMDB in force says of labels, with every look-up on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sought {
    /// `bound`, `ambiguous` or `unbound`.
    pub outcome: String,
    /// It in words.
    pub text: String,
    /// The labels that decided, as in `key instance`; nothing where nothing was found.
    pub by: Option<String>,
    /// The CI, or the first of those that fit.
    pub among: Vec<String>,
    /// How many fit.
    pub count: usize,
    /// The look-ups in their order, up to the one that decided.
    pub tried: Vec<LookedUp>,
}

/// One look-up of an alert's labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedUp {
    /// The labels, as in `key instance`.
    pub by: String,
    /// What of the CIs they are compared with.
    pub compared: String,
    /// The label that the alert does not have, so that nothing was looked up.
    pub lacks: Option<String>,
    /// The labels' values as they were compared.
    pub values: Vec<String>,
    /// The first CIs that have them.
    pub found: Vec<String>,
    /// How many have them.
    pub count: usize,
}

/// Which CI an alert with these labels would be bound to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BindingExplanation {
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// What the CMDB says of them.
    #[serde(flatten)]
    pub sought: Sought,
    /// The CI, where there is one.
    pub binding: Option<Binding>,
    /// The version of the CMDB.
    pub version: u64,
}

/// The firing alerts that are bound to no CI.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnboundReport {
    /// Firing alerts that are bound to a CI.
    pub bound: u64,
    /// Firing alerts that fit several CIs.
    pub ambiguous: u64,
    /// Firing alerts that fit none.
    pub unbound: u64,
    /// The ambiguous and the unbound ones by sender and names of labels, the largest group first.
    pub groups: Vec<UnboundGroup>,
    /// Alerts in groups that are not listed.
    pub more: u64,
    /// The version of the CMDB.
    pub version: u64,
    /// The daemon's time.
    pub now: Time,
}

/// Alerts of one make that are bound to no CI.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnboundGroup {
    /// `ambiguous` or `unbound`.
    pub outcome: String,
    /// Who holds them firing.
    pub sources: Vec<String>,
    /// The names of their labels.
    pub labels: Vec<String>,
    /// How many there are.
    pub count: u64,
    /// The labels of one of them.
    pub example: BTreeMap<String, String>,
    /// What the CMDB says of that one.
    pub sought: Sought,
    /// Binding keys that would bind that one.
    pub hints: Vec<BindingHint>,
    /// What to do, in words.
    pub remedy: String,
}

/// A binding key that would bind an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BindingHint {
    /// The CI it would be bound to.
    pub ci: String,
    /// The key as it is written in a rule file.
    pub key: String,
}
