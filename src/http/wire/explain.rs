//! The shapes of explanations: what each stage saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Alert, Incident, Join, RulePlace, Time, Why};

/// Why an incident is what it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IncidentExplanation {
    /// What the listing shows.
    #[serde(flatten)]
    pub incident: Incident,
    /// Why its members are one incident.
    pub why: Why,
    /// The escalation policy it started with.
    pub policy: Option<String>,
    /// True when other rules are in force than those it was last decided on.
    pub rules_changed: bool,
    /// True when another topology is in force than the one it was last decided on.
    pub topology_changed: bool,
    /// The daemon's time.
    pub now: Time,
}

/// Why an alert became what it is: the stages in their order, with what each of them saw.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertExplanation {
    /// The alert. What deduplication made of it are its episode, occurrences and leases.
    pub alert: Alert,
    /// The CI it speaks of by the topology in force.
    pub binding: Option<Binding>,
    /// The rules in force, in their order, each with its verdict.
    pub rules: Vec<RuleTried>,
    /// Why it belongs to its incident.
    pub join: Option<Join>,
    /// Its incident as it is now.
    pub incident: Option<Incident>,
    /// The daemon's time.
    pub now: Time,
}

/// The CI that an alert speaks of.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Binding {
    /// Its name.
    pub ci: String,
    /// Its class.
    pub class: String,
    /// How it was found.
    pub by: String,
    /// Its other attributes.
    pub attributes: BTreeMap<String, String>,
    /// The services that suffer with it.
    pub services: Vec<String>,
}

/// What a rule says of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleTried {
    /// The rule.
    #[serde(flatten)]
    pub rule: RulePlace,
    /// `group` or `topology`.
    pub kind: String,
    /// True when all its conditions hold.
    pub matched: bool,
    /// True when it put the alert where it is.
    pub applied: bool,
    /// Its matchers.
    pub verdicts: Vec<Verdict>,
}

/// What a matcher says of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// The matcher as written.
    pub matcher: String,
    /// The alert's value.
    pub value: String,
    /// Whether it holds.
    pub holds: bool,
}
