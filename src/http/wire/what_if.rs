//! The shapes of questions about alerts that never came, and of their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::binding::Sought;
use super::explain::{Alone, Binding, RuleTried};
use super::{Join, Time};

/// A question about an alert that never came.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Fingerprint of a known alert: the question is what would be if it were another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Its labels; those of the known alert with these in their places. An empty value takes a label
    /// away.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The severity given beside the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// A rule of which is asked why it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Rule files to decide by in place of those in force; all of a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleFile>>,
}

/// A rule file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What would become of an alert if it came now; nothing of it happens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// Its identity.
    pub fingerprint: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its severity.
    pub severity: String,
    /// The CI it would be bound to.
    pub binding: Option<Binding>,
    /// What the CMDB says of it, with every look-up.
    #[serde(default)]
    pub sought: Sought,
    /// What would hold it back, in words.
    pub held_back_by: Vec<String>,
    /// The rules in the order in which they are asked, each with its verdict.
    pub rules: Vec<RuleTried>,
    /// Why it would belong to its incident; nothing when it would have none.
    pub join: Option<Join>,
    /// Its incident, if it would have one.
    pub incident: Option<WouldBe>,
    /// The first of the other alerts in that incident, each with when it began.
    pub company: Vec<String>,
    /// Who would be told in the next day if nobody answered.
    pub plan: Vec<Call>,
    /// What would become of it with nothing else there.
    pub alone: Option<Alone>,
    /// What keeps the rule that was asked about from applying, or how it does apply.
    pub why_not: Option<String>,
    /// The time at which it was asked.
    pub now: Time,
}

/// The incident that an alert would be part of.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WouldBe {
    /// Its number, or that which it would get.
    pub id: String,
    /// True when it would be opened by the alert.
    pub opens: bool,
    /// Its title.
    pub title: String,
    /// The rule it would be handled under.
    pub rule: Option<String>,
    /// What kind of thing is broken.
    pub category: Option<String>,
    /// Its priority.
    pub priority: String,
    /// How that comes about.
    pub sum: String,
    /// True when it would page.
    pub pages: bool,
    /// The team that would have it.
    pub team: Option<String>,
    /// The policy by which people would be told.
    pub policy: Option<String>,
}

/// Somebody who would be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// How long after the alert, in milliseconds.
    pub after_ms: u64,
    /// `page` or `ticket`.
    pub kind: String,
    /// Who.
    pub target: String,
}
