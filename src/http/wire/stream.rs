//! The shapes of the stream: what changed of an incident, and the word to look at everything anew.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// What changed of one incident since the last word on it; the data of an `incident` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentChange {
    /// Its number.
    pub id: String,
    /// The commit of the newest of these changes.
    pub seq: u64,
    /// The incident as it is now; nothing once it is so old that it was forgotten.
    pub incident: Option<Brief>,
    /// What happened, in order; empty when only numbers changed.
    pub happened: Vec<Happened>,
}

/// An incident in a few words; all else is at `/api/v1/incidents/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Brief {
    /// Counts its changes.
    pub revision: u32,
    /// The name of its state.
    pub state: String,
    /// What is broken.
    pub title: String,
    /// `P1` to `P4`.
    pub priority: String,
    /// The CI of the alert that best explains it.
    pub ci: Option<String>,
    /// The team that has it.
    pub team: Option<String>,
    /// Who has it, until it comes back by itself.
    pub holder: Option<String>,
    /// The incident it is part of.
    pub parent: Option<String>,
    /// Members ever.
    pub members: u32,
    /// Members that fire now.
    pub firing: u32,
    /// When it was opened.
    pub opened_at: Time,
    /// When a member was last added or grew more severe.
    pub active_at: Time,
}

/// Something that happened to an incident: what its timeline says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Happened {
    /// When.
    pub at: Time,
    /// What.
    pub what: String,
    /// How many events it stands for.
    pub count: u32,
    /// The reason in words.
    pub text: String,
}

/// Changes were missed, or nothing is known of the client yet: whoever reads this looks at
/// everything anew, and the stream goes on behind this commit. The data of a `resync` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The last commit.
    pub seq: u64,
}
