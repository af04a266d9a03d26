//! The shapes of who hands incidents on, and how often they come back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// Totals over the incidents that were opened since a time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Transfers {
    /// Whoever misroutes most first.
    pub items: Vec<Transferred>,
    /// Since when the incidents were opened that are counted.
    pub since: Time,
    /// How many incidents are counted.
    pub incidents: u32,
    /// False when there were more than one answer looks at; the newest are counted.
    pub complete: bool,
    /// The daemon's time.
    pub now: Time,
}

/// What became of what one handed on, or got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transferred {
    /// A person, `rule NAME` or `the policy`; a team, where these are asked for.
    pub name: String,
    /// How many incidents.
    pub transfers: u32,
    /// Of these, those whose receipt was confirmed.
    pub accepted: u32,
    /// Those that were given back as misrouted.
    pub returned: u32,
    /// Those that went on before anybody confirmed them.
    pub passed_on: u32,
}
