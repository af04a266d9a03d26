//! The shapes of what people do with notices: test messages, and sending once more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wish for a test message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"to": "default", "dry_run": true}))]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// A contact of the rule files, or a channel of the settings.
    pub to: String,
    /// True when nothing is to be sent.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of a test message at each channel.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tests {
    /// One for each channel of the contact, in its order of preference.
    pub items: Vec<Tested>,
}

/// A test message at one channel.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tested {
    /// The channel.
    pub channel: String,
    /// The first line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// `delivered`, `failed`, or `dry_run` when nothing was sent.
    pub outcome: String,
    /// How the receiver answered, or why it could not; empty after a dry run.
    pub answer: String,
}

/// A wish to send notices once more that were given up: one by its id, or all.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Which; left out where `dead` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// True for all that were given up, up to 1,000.
    #[serde(default)]
    pub dead: bool,
    /// Who says so.
    #[schema(min_length = 1, max_length = 128, pattern = "\\S")]
    pub by: String,
}

/// What became of that wish.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// Notices that are sent again.
    pub pending: Vec<String>,
    /// Notices that nobody needs any more.
    pub withheld: Vec<String>,
}
