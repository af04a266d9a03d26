//! The shapes of who was handed an incident, what they have to confirm, and what was promised.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// One team or person that was handed an incident, or called to help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The team; the default contact has it where there is none.
    pub team: Option<String>,
    /// The line of support, 1 to 4.
    pub line: u8,
    /// The person it was given to.
    pub person: Option<String>,
    /// `holds`, or `convened` for those who help.
    pub part: String,
    /// When they were handed it.
    pub from: Time,
    /// Who handed it: a person, a rule, or the policy.
    pub sent_by: String,
    /// Why it was handed on.
    pub because: String,
    /// What was tried.
    pub tried: String,
    /// What is known.
    pub known: String,
    /// What comes next.
    pub next: String,
    /// When its receipt is due, or was.
    pub due_at: Option<Time>,
    /// When its receipt was confirmed.
    pub accepted_at: Option<Time>,
    /// By whom.
    pub accepted_by: Option<String>,
    /// When it was theirs no longer.
    pub until: Option<Time>,
    /// `accepted`, `returned` or `passed_on`; nothing as long as nobody can say.
    pub verdict: Option<String>,
}

/// The update that somebody promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Promise {
    /// Who.
    pub by: String,
    /// When it is due.
    pub due_at: Time,
    /// From one update to the next, in milliseconds.
    pub every_ms: u64,
}
