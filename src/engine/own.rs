//! Alerts of our own: what incidentd has to say about itself, said as everybody says it.

use core::time::Duration;
use std::sync::Arc;

use super::State;
use crate::model::alert::{Details, Occurrence, Signal, SourceId};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// The source of our own alerts.
pub const SOURCE: &str = "incidentd";

/// How long one fires after its last word: what is not seen again for this long is over.
const LEASE: Duration = Duration::from_mins(15);

/// Makes an alert of our own with one label beside its name.
pub fn occurrence(
    name: &str,
    (label, value): (&str, &str),
    summary: &str,
    now: Timestamp,
) -> Occurrence {
    let labels = build(&mut [("alertname", name), (label, value)]);
    let signal = Signal::Firing { until: now.plus(LEASE), explicit: false };
    Occurrence { severity: Some("major".into()), ..labelled(labels, signal, summary, now) }
}

/// Says something of an alert of our own that has these labels.
pub(super) fn labelled(
    labels: Labels,
    signal: Signal,
    summary: &str,
    now: Timestamp,
) -> Occurrence {
    let annotations = build(&mut [("summary", summary)]);
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal,
        starts_at: now,
        severity: None,
        details: Arc::new(Details { annotations, generator_url: Box::default() }),
    }
}

/// Labels that are refused would be a name of ours given twice or a text of megabytes.
fn build(pairs: &mut [(&str, &str)]) -> Labels {
    Labels::build(pairs).unwrap_or_else(|_| Labels::empty())
}

/// Returns our own source.
pub(super) fn source(state: &mut State) -> (Arc<str>, SourceId) {
    let name: Arc<str> = SOURCE.into();
    let id = state.source(&name);
    (name, id)
}
