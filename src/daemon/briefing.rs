//! Reads from the store what a notice tells of its incident.

use std::sync::Arc;

use tracing::warn;

use crate::model::incident::IncidentId;
use crate::model::labels::Labels;
use crate::notify::{Briefing, Reader};
use crate::store::{Store, StoreError};

/// Alerts a notice tells of.
const ALERTS_MAX: usize = 12;

/// Returns the notifier's way to committed incidents.
pub(super) fn reader(store: Arc<Store>) -> Reader {
    Arc::new(move |id| {
        read(&store, id).unwrap_or_else(|error| {
            warn!(%error, incident.id = %id, "an incident cannot be read for a notice");
            None
        })
    })
}

fn read(store: &Store, id: IncidentId) -> Result<Option<Briefing>, StoreError> {
    let view = store.view();
    let Some(incident) = view.incident(id)? else { return Ok(None) };
    let root = view.alert(incident.root.alert)?;
    let members = view.members(id, ALERTS_MAX)?;
    let others = members.into_iter().filter_map(|member| member.alert);
    let others = others.filter(|alert| alert.fingerprint != incident.root.alert);
    let alerts = root.into_iter().chain(others).take(ALERTS_MAX);
    let alerts = alerts.map(|alert| (alert.labels, line(&alert.details.annotations))).collect();
    Ok(Some(Briefing { incident, alerts, services: Vec::new() }))
}

/// Returns one line of text about an alert, from the annotations people fill for that.
fn line(annotations: &Labels) -> String {
    let text = ["summary", "description", "message"].iter().find_map(|name| annotations.get(name));
    text.and_then(|text| text.lines().next()).unwrap_or("").into()
}
