//! The shapes of explanations: what each stage saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::binding::Sought;
use super::what_if::WhatIf;
use super::{Alert, Incident, Join, LeftOut, RulePlace, Time, Why};

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
    /// What the CMDB in force says of it, with every look-up.
    #[serde(default)]
    pub sought: Sought,
    /// The silences that hold it back, or held it back at its end.
    pub silenced_by: Vec<SilencedBy>,
    /// The rule in force that would leave it out if it began now, and why.
    #[serde(default)]
    pub dropped: Option<String>,
    /// The alerts that inhibit it, or inhibited it at its end.
    #[serde(default)]
    pub inhibited_by: Vec<InhibitedBy>,
    /// The rules in force, in their order, each with its verdict.
    pub rules: Vec<RuleTried>,
    /// Why it belongs to its incident.
    pub join: Option<Join>,
    /// Its incident as it is now: its category, priority, team and the steps that come next.
    pub incident: Option<Incident>,
    /// The escalation policy that one started with.
    pub policy: Option<String>,
    /// Incidents that could have taken it and did not, on purpose; at most twenty.
    pub left_out: Vec<LeftOut>,
    /// What kept the rule that was asked about from applying, or how it did apply.
    #[serde(default)]
    pub why_not: Option<String>,
    /// What would become of it with the labels that were asked about.
    #[serde(default)]
    pub what_if: Option<Box<WhatIf>>,
    /// What would have become of it had it been alone, by the rules and the topology in force;
    /// nothing when it never fired.
    pub alone: Option<Alone>,
    /// True when other rules are in force than those its incident was last decided on.
    pub rules_changed: bool,
    /// True when another topology is in force than the one its incident was last decided on.
    pub topology_changed: bool,
    /// The daemon's time.
    pub now: Time,
}

/// A silence that holds an alert back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SilencedBy {
    /// Its id.
    pub id: String,
    /// Who made it; empty when it is no longer known.
    pub by: String,
    /// Why.
    pub comment: String,
    /// The rule whose window it is.
    #[serde(default)]
    pub rule: Option<String>,
    /// When it ends; nothing when it is no longer known.
    pub until: Option<Time>,
}

/// An alert that inhibits another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InhibitedBy {
    /// Its fingerprint.
    pub alert: String,
    /// The name people know it by; its fingerprint when it is no longer held.
    pub name: String,
    /// The rule that says so.
    pub rule: String,
}

/// What would have become of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alone {
    /// The priority of its incident.
    pub priority: String,
    /// How that comes about.
    pub sum: String,
    /// The rule that incident would be handled under.
    pub rule: Option<String>,
    /// The team that would have it.
    pub team: Option<String>,
    /// `page` or `ticket`: how somebody would hear of it first; nothing when nobody would.
    pub kind: Option<String>,
    /// Who.
    pub target: Option<String>,
    /// How long after it began, in milliseconds.
    pub after_ms: Option<u64>,
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
    /// `quiet`, `inhibit`, `group` or `topology`.
    pub kind: String,
    /// True when all its conditions hold.
    pub matched: bool,
    /// True when it put the alert where it is, or holds it back.
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
