//! Turns the bytes a monitoring tool sends into occurrences of alerts, or says why it cannot.
//!
//! One file per format: `alertmanager`, `native`, `alertmanager_api`. Each says which names
//! its fields have and what they mean; what they share is beside them: `batch` reads the list,
//! `item` one alert of it, `recorded` what was recorded for a replay, `check` applies the limits,
//! `time` and `uri` read values.
//!
//! `planned` reads planned changes. `cloudevents` takes an envelope off first. `mapping` reads any other JSON as people say in the rule files.
//!
//! Nothing here reads a clock, logs, or keeps anything between two bodies. Read `native` first,
//! then `batch`.

mod alertmanager;
mod alertmanager_api;
mod batch;
mod check;
pub mod cloudevents;
mod item;
pub mod mapping;
mod native;
pub mod planned;
pub mod recorded;
mod reject;
#[cfg(test)]
mod tests;
mod time;
mod uri;
mod write;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::model::alert::Occurrence;
use crate::model::priority::words;
use crate::model::time::Timestamp;

pub use reject::Reject;
pub use write::write;

/// How a source writes its alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Alertmanager's webhook message, version 4.
    Alertmanager,
    /// Our own JSON: one alert or a list of them.
    Native,
    /// What is posted to Alertmanager's `/api/v2/alerts`.
    AlertmanagerApi,
}

words!(
    Format,
    Alertmanager = "alertmanager",
    Native = "native",
    AlertmanagerApi = "alertmanager-api"
);

/// How the body of a source is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    /// In one of the formats known here.
    Known(Format),
    /// As the mapping of this name says, which stands in the rule files.
    Mapped(Arc<str>),
}

/// What is written before the name of a mapping.
const MAPPED: &str = "mapping:";

/// Writes `native` or `mapping:grafana-old`, as in the settings.
impl fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(format) => format.fmt(f),
            Self::Mapped(name) => write!(f, "{MAPPED}{name}"),
        }
    }
}

impl SourceFormat {
    /// What is expected of a text that names a format.
    pub const EXPECTED: &str = "alertmanager, native, alertmanager-api or mapping:NAME";

    /// Reads the name of a format; `None` for a text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(MAPPED) {
            Some("") => None,
            Some(name) => Some(Self::Mapped(name.into())),
            None => text.parse().ok().map(Self::Known),
        }
    }
}

/// The most that one body may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Alerts in a body.
    pub alerts: usize,
    /// Labels of an alert.
    pub labels: usize,
    /// Bytes of a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value, or of a severity.
    pub value_bytes: usize,
    /// Bytes of what is kept of an alert: labels, annotations, generator URL.
    pub alert_bytes: usize,
    /// Objects and lists within each other.
    pub depth: usize,
}

impl Default for Limits {
    /// The values of the design: they bound what a hostile sender can make us hold.
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            alerts: 1000,
            labels: 64,
            name_bytes: 128,
            value_bytes: 1024,
            alert_bytes: 64 << 10,
            depth: 64,
        }
    }
}

/// What a body alone does not say.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// When the body arrived.
    pub received: Timestamp,
    /// How long an alert fires without another word, unless it says so itself.
    pub lease: Duration,
    /// The most a body may hold.
    pub limits: &'a Limits,
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The alerts that could be read, in the order of the body.
    pub occurrences: Vec<Occurrence>,
    /// Where in the body each of them stood.
    pub indexes: Vec<u32>,
    /// The alerts that could not be read, in the order of the body.
    pub rejects: Vec<ItemReject>,
    /// Alerts that the sender says it left out of the body.
    pub truncated: u64,
}

/// One alert of a body that could not be read; it does not cost the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemReject {
    /// Where it stood in the body.
    pub index: u32,
    /// All that is wrong with it: field, value, remedy. In `alertmanager-api` Alertmanager's own
    /// words, which name no index.
    pub reason: String,
}

/// Reads a point in time as Alertmanager's API does; the empty text is 1970
/// (`strfmt.ParseDateTime` of go-openapi).
pub fn date_time(text: &str) -> Option<Timestamp> {
    if text.is_empty() { Some(Timestamp::EPOCH) } else { time::parse(text, time::Form::Strfmt) }
}

/// Reads a body.
///
/// # Errors
/// When nothing of it can be read, or when the format has the whole refused for one mistake.
pub fn decode(format: Format, body: &[u8], terms: &Terms<'_>) -> Result<Decoded, Reject> {
    let text = text_of(body, terms.limits)?;
    let dialect = match format {
        Format::Alertmanager => &alertmanager::DIALECT,
        Format::Native => &native::DIALECT,
        Format::AlertmanagerApi => &alertmanager_api::DIALECT,
    };
    batch::read(text, dialect, terms)
}

/// Returns the text of a body that is not too long, not empty, and text.
fn text_of<'b>(body: &'b [u8], limits: &Limits) -> Result<&'b str, Reject> {
    let limit = limits.body_bytes;
    if body.len() > limit {
        return Err(Reject::TooLarge { len: body.len(), limit });
    }
    let text =
        core::str::from_utf8(body).map_err(|e| Reject::NotUtf8 { offset: e.valid_up_to() })?;
    if text.trim_ascii().is_empty() {
        return Err(Reject::Empty);
    }
    Ok(text)
}
