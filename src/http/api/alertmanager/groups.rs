//! `GET /api/v2/alerts/groups`: an incident is a group.
//!
//! Alertmanager groups by labels of a route, this daemon by what is wrong. A group is an incident for
//! each of its receivers, with the labels that all its firing alerts share, whatever is asked for,
//! and its number as `incident`: so clients which tell groups apart by labels and receiver (karma)
//! tell incidents apart. Alerts without an incident, which were kept from opening one, are
//! grouped by `alertname`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::Refused;
use super::query::Parameters;
use super::select::{ALERTS_MAX, Case, Cases, Selection, each_firing, shown, too_many};
use crate::http::error::Problem;
use crate::http::wire;
use crate::http::wire::alertmanager::{Alert, Group};
use crate::http::{App, Reading};
use crate::model::incident::IncidentId;
use crate::model::labels::Labels;

/// The label that sets apart alerts without an incident.
const ALERTNAME: &str = "alertname";

/// The label that names an incident.
const INCIDENT: &str = "incident";

pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Group>>, Refused> {
    let selection = Selection::read(&Parameters::read(&uri)?)?;
    Ok(Json(app.read(move |reading| groups(reading, &selection)).await?))
}

fn groups(reading: &Reading<'_>, selection: &Selection) -> Result<Vec<Group>, Problem> {
    let mut cases = Cases::default();
    let mut drafts = BTreeMap::<Key, Draft>::new();
    let mut left = ALERTS_MAX;
    each_firing(reading, &mut |row| {
        let case = cases.of(reading, &row)?;
        let draft = drafts.entry(Key::of(&case, &row.labels));
        let draft = draft.or_insert_with(|| Draft::new(&case, &row.labels));
        draft.common.retain(|name, value| row.labels.get(name) == Some(value));
        if selection.takes(reading, &row) {
            left = left.checked_sub(1).ok_or_else(too_many)?;
            draft.alerts.push(shown(&row, &case));
        }
        Ok(())
    })?;
    let drafts = drafts.into_iter().filter(|(_, draft)| !draft.alerts.is_empty());
    let mut groups: Vec<Group> =
        drafts.flat_map(|(key, draft)| draft.finish(&key, selection)).collect();
    groups.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
    Ok(groups)
}

/// What makes alerts one group.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Incident(IncidentId),
    Alertname(String),
}

impl Key {
    fn of(case: &Case, labels: &Labels) -> Self {
        match case.incident {
            Some(id) => Self::Incident(id),
            None => Self::Alertname(labels.get(ALERTNAME).unwrap_or_default().into()),
        }
    }
}

/// A group on the way.
struct Draft {
    case: Arc<Case>,
    common: BTreeMap<String, String>,
    alerts: Vec<Alert>,
}

impl Draft {
    fn new(case: &Arc<Case>, labels: &Labels) -> Self {
        Self { case: Arc::clone(case), common: wire::object(labels), alerts: Vec::new() }
    }

    /// Makes a group for each receiver that is asked for.
    fn finish(mut self, key: &Key, selection: &Selection) -> Vec<Group> {
        self.alerts.sort_unstable_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        let mut labels = self.common;
        match key {
            Key::Incident(id) => {
                labels.entry(INCIDENT.into()).or_insert_with(|| id.to_string());
            }
            Key::Alertname(_) => labels.retain(|name, _| name == ALERTNAME),
        }
        let receivers =
            self.case.receivers.iter().filter(|one| selection.receivers.takes(&one.name));
        let group = |receiver: &wire::alertmanager::Name| Group {
            alerts: self.alerts.clone(),
            labels: labels.clone(),
            receiver: receiver.clone(),
            route_labels: BTreeMap::new(),
        };
        receivers.map(group).collect()
    }
}
