//! Writes occurrences in our own format, so that what was read once can be read again.

use serde_json::{Map, Value, json};

use crate::model::alert::{Occurrence, Signal};
use crate::model::labels::Labels;

/// Writes alerts as [`super::Format::Native`] reads them. An end that only a lease gave is written
/// as an end; where the alert begins later than its end, its beginning is.
pub fn write<'a>(occurrences: impl IntoIterator<Item = &'a Occurrence>) -> Vec<u8> {
    let alerts: Vec<Value> = occurrences.into_iter().map(alert).collect();
    Value::Array(alerts).to_string().into_bytes()
}

fn alert(it: &Occurrence) -> Value {
    // Without a status, an end that is past by the time it is read again is one.
    let (status, ends_at) = match it.signal {
        Signal::Firing { until, .. } => (None, until),
        Signal::Resolved { at } => (Some("resolved"), at),
    };
    let mut alert = json!({
        "labels": pairs(&it.labels),
        "annotations": pairs(&it.details.annotations),
        "starts_at": it.starts_at.to_string(),
        "ends_at": ends_at.max(it.starts_at).to_string(),
        "generator_url": it.details.generator_url,
    });
    if let Some(fields) = alert.as_object_mut() {
        let words = [("status", status), ("severity", it.severity.as_deref())];
        let words = words.into_iter().filter_map(|(name, word)| Some((name.into(), json!(word?))));
        fields.extend(words);
    }
    alert
}

pub(super) fn pairs(labels: &Labels) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_string(), json!(value))).collect()
}
