//! The shapes of who is on call.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// Who is called for each team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OnCallPage {
    /// The teams by name.
    pub items: Vec<TeamOnCall>,
    /// The time that was asked about.
    pub at: Time,
    /// The daemon's time.
    pub now: Time,
}

/// Who is called for a team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TeamOnCall {
    /// The team.
    pub team: String,
    /// Its line of support, 1 to 4.
    pub line: u8,
    /// Who is called at the time that was asked about.
    pub contact: String,
    /// Why that is so, in words.
    pub because: String,
    /// The team's rotation, if it has one.
    pub rotation: Option<String>,
    /// The zone of its hand-overs.
    pub zone: Option<String>,
    /// Its shifts from the time that was asked about; none without a rotation.
    pub shifts: Vec<OnCallShift>,
}

/// An unbroken time of one person, or of nobody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OnCallShift {
    /// Who has it; nobody in a hole, in which the team's first member is called.
    pub contact: Option<String>,
    /// When it begins, or the time that was asked about.
    pub from: Time,
    /// Its end, exclusive, or that of the days that were asked about.
    pub until: Time,
    /// `from` as the clocks of the zone show it.
    pub from_local: String,
    /// `until` as the clocks of the zone show it.
    pub until_local: String,
}
