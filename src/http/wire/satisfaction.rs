//! The shapes of how content people are with what became of their incidents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// Totals over the incidents that were opened since a time and are resolved or closed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Satisfaction {
    /// The least content first.
    pub items: Vec<Satisfied>,
    /// Since when the incidents were opened that are counted.
    pub since: Time,
    /// How many incidents were looked at, those that are still open included.
    pub incidents: u32,
    /// False when there were more than one answer looks at; the newest are counted.
    pub complete: bool,
    /// The daemon's time.
    pub now: Time,
}

/// What was said of the incidents of one team, or of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Satisfied {
    /// The team or the service; `none` for incidents without.
    pub name: String,
    /// How many incidents are resolved or closed.
    pub ended: u32,
    /// Of how many somebody said how content they are.
    pub answered: u32,
    /// The mean of what they said, 1 to 5; nothing where nobody did.
    pub mean: Option<f64>,
    /// How many said 1, not content at all, to 5, very content.
    pub grades: Vec<u32>,
}
