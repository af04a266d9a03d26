//! The shapes of Alertmanager's API v2 (`api/v2/openapi.yaml`), as this daemon sends them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Time;

/// A receiver, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    /// The name of a team or of a contact.
    pub name: String,
}

impl Name {
    /// Makes one of text.
    pub fn of(name: &str) -> Self {
        Self { name: name.into() }
    }
}

/// A receiver with its labels.
#[derive(Clone, Debug, Serialize)]
pub struct Receiver {
    /// The name of a team or of a contact.
    pub name: String,
    /// The name again, under `name`.
    pub labels: Name,
}

/// `gettableAlert`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// When it ends unless somebody says another word.
    pub ends_at: Time,
    /// Its identity.
    pub fingerprint: String,
    /// Who is told, or would be.
    pub receivers: Vec<Name>,
    /// When it began, as the senders say.
    pub starts_at: Time,
    /// Whether anything holds it back.
    pub status: AlertStatus,
    /// Last occurrence.
    pub updated_at: Time,
    /// Where it was made.
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// `alertStatus`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// The fingerprints of alerts.
    pub inhibited_by: Vec<String>,
    /// Nothing is muted by a time interval here.
    pub muted_by: [String; 0],
    /// The ids of silences.
    pub silenced_by: Vec<String>,
    /// `active` or `suppressed`.
    pub state: &'static str,
}

/// `alertGroup`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its alerts, in the order of their fingerprints.
    pub alerts: Vec<Alert>,
    /// What makes it a group.
    pub labels: BTreeMap<String, String>,
    /// Who is told.
    pub receiver: Name,
    /// Labels of a route; there are no routes here.
    pub route_labels: BTreeMap<String, String>,
}

/// `gettableSilence`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Where it is in its life.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: Time,
    /// Anything else a client keeps with it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Why.
    pub comment: String,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub ends_at: Time,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: Time,
}

/// `silenceStatus`.
#[derive(Clone, Debug, Serialize)]
pub struct SilenceStatus {
    /// `active`, `pending` or `expired`.
    pub state: String,
}

/// `matcher`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// True for `=` and `=~`.
    pub is_equal: bool,
    /// True for `=~` and `!~`.
    pub is_regex: bool,
    /// The label.
    pub name: String,
    /// The value, or the pattern.
    pub value: String,
}
