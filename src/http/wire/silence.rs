//! The shapes of silences and windows in our own API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// A silence, or a window on a CI.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    /// Its id, a UUID.
    pub id: String,
    /// `active`, `pending` or `expired`.
    pub state: String,
    /// All must hold for an alert to be silenced.
    pub matchers: Vec<String>,
    /// Only alerts of this CI and of what depends on it are silenced; nothing where there are none
    /// or several.
    pub ci: Option<String>,
    /// Only alerts of these CIs and of what depends on them are silenced.
    #[serde(default)]
    pub cis: Vec<String>,
    /// The rule whose window it is, and whose conditions must hold.
    #[serde(default)]
    pub rule: Option<String>,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A silence right after somebody made or ended it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Silenced {
    /// What the listing shows.
    #[serde(flatten)]
    pub silence: Silence,
    /// The daemon's time.
    pub now: Time,
}

/// A wish for a silence.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// Who.
    pub by: String,
    /// Why; may not be empty.
    pub comment: String,
    /// Matchers on labels, each one or several of them, as in `alertname=~"Disk.*"`.
    #[serde(default)]
    pub matchers: Vec<String>,
    /// A CI, for a window on it and on what depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// When it is to begin; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Time>,
    /// When it is to end; either this or `for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Time>,
    /// How long it is to last, as in `2h`; either this or `ends_at`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// The silence it is to change; that one stays as it is where more than its times change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}
