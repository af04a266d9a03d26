//! The shapes of how the deadlines of an incident came about.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// All clocks of an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Clocks {
    /// The incident.
    pub incident: String,
    /// Its clocks: response, acceptance of each that has not handed it on, resolution, supplier, next
    /// update.
    pub clocks: Vec<ClockDerivation>,
    /// The daemon's time.
    pub now: Time,
}

/// How one deadline came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockDerivation {
    /// `response`, `acceptance of TEAM`, `resolution`, `state STATE`, `supplier` or `next update`.
    pub clock: String,
    /// When it began.
    pub from: Time,
    /// How much of the time that counts it may take, in milliseconds.
    pub limit_ms: u64,
    /// Where the limit came from.
    pub source: String,
    /// When it counts; always where nothing is said.
    pub calendar: Option<String>,
    /// What passed, or will until the deadline, without a gap.
    pub parts: Vec<ClockPart>,
    /// The deadline; nothing while the clock stands.
    pub due_at: Option<Time>,
    /// `runs`, `over`, `stands`, `kept` or `missed`.
    pub standing: String,
}

/// An unbroken time in which a clock did one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockPart {
    /// Its beginning.
    pub from: Time,
    /// Its end, exclusive.
    pub until: Time,
    /// `runs`, `on_hold` or `out_of_hours`.
    pub what: String,
}
