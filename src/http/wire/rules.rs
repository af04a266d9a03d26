//! The shapes of rules and what came of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// All rules, in the order in which they are asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RulesPage {
    /// The rules: by kind in the order in which the kinds apply, then in their own order; those
    /// without effect behind the others of their kind.
    pub items: Vec<RuleRow>,
    /// Identifies the rules in force, as `POST /-/reload` answers it.
    pub version: String,
    /// The daemon's time.
    pub now: Time,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleRow {
    /// Its full name.
    pub name: String,
    /// Its kind, such as `group` or `topology`.
    pub kind: String,
    /// Its turn among the rules of its kind, from 1.
    pub turn: u32,
    /// True when it is asked and counted, and nothing follows from it.
    pub shadow: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub summary: String,
    /// Its file.
    pub file: String,
    /// The line in it.
    pub line: u32,
    /// When something came of it last; nothing when nothing ever did.
    pub last: Option<Time>,
    /// What came of it so far.
    pub credits: RuleCredits,
}

/// What came of a rule since it was first seen under its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleCredits {
    /// Episodes of alerts that it is about.
    pub matched: u64,
    /// Incidents that it opened.
    pub opened: u64,
    /// Alerts and incidents that it made part of another incident.
    pub absorbed: u64,
    /// How many of these would have paged by themselves.
    pub spared: u64,
    /// Alerts that it kept from opening an incident or paging.
    pub held_back: u64,
    /// How often a person took apart what it had put together.
    pub split: u64,
    /// A shadow: alerts and incidents that it would have absorbed.
    pub would_absorb: u64,
    /// A shadow: alerts that it would have held back.
    pub would_hold_back: u64,
}

/// A rule with what it looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleRecord {
    /// What the listing shows.
    #[serde(flatten)]
    pub rule: RuleRow,
    /// Its matchers, each with the list it stands in, as in `when ci.class="pdu"`.
    pub matchers: Vec<String>,
    /// The escalation policy of its incidents.
    pub policy: String,
    /// The rule of its kind that is asked before it.
    pub asked_after: Option<String>,
    /// The rule of its kind that is asked next.
    pub asked_before: Option<String>,
}
