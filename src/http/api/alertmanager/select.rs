//! Finds the firing alerts that a client of Alertmanager's API asks for, with those who are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Refused;
use super::query::{Parameters, Receivers};
use crate::engine::changes::AlertRow;
use crate::http::Reading;
use crate::http::error::Problem;
use crate::http::wire::alertmanager::{Alert, AlertStatus, Name};
use crate::http::wire::{self, Time};
use crate::model::incident::{Incident, IncidentId};
use crate::rules::matcher::Matcher;
use crate::store::view::{AlertQuery, DEPTH_MAX};

/// Alerts that one answer holds at most: some 25 MB. There is no paging in this API, and an answer
/// that is cut would look whole.
pub(super) const ALERTS_MAX: usize = 25_000;

/// Alerts read at a time.
const BATCH: usize = 1_000;

/// Which alerts are asked for.
#[derive(Debug)]
pub(super) struct Selection {
    filter: Vec<Matcher>,
    active: Wanted,
    silenced: Wanted,
    inhibited: Wanted,
    pub(super) receivers: Receivers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

impl From<bool> for Wanted {
    fn from(wanted: bool) -> Self {
        if wanted { Self::Yes } else { Self::No }
    }
}

impl Selection {
    /// Reads the parameters that `/alerts` and `/alerts/groups` share. `muted` and `unprocessed` leave
    /// nothing out, because no alert is any of these here.
    ///
    /// # Errors
    /// 400 when one cannot be understood.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refused> {
        Ok(Self {
            filter: parameters.matchers("filter", "")?,
            active: parameters.wants("active").into(),
            silenced: parameters.wants("silenced").into(),
            inhibited: parameters.wants("inhibited").into(),
            receivers: parameters.receivers()?,
        })
    }

    /// True when the alert is asked for, as far as it alone can tell.
    pub(super) fn takes(&self, reading: &Reading<'_>, row: &AlertRow) -> bool {
        let state = &row.state;
        let left_out = (state.is_audible() && self.active == Wanted::No)
            || (!state.silenced_by.is_empty() && self.silenced == Wanted::No)
            || (!state.inhibited_by.is_empty() && self.inhibited == Wanted::No);
        let seen = reading.context.seen(row);
        let subject = seen.subject();
        !left_out && self.filter.iter().all(|matcher| matcher.holds(&subject))
    }
}

/// Shows every firing alert to `visit`, in no order that means anything, until it refuses one.
pub(super) fn each_firing(
    reading: &Reading<'_>,
    visit: &mut dyn FnMut(AlertRow) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let query = AlertQuery { firing: Some(true), after, limit: BATCH, filter: &|_| true };
        let page = reading.view.alerts(&query)?;
        for row in page.items {
            visit(row)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Refuses one alert too many.
pub(super) fn too_many() -> Problem {
    let message = format!("more than {ALERTS_MAX} alerts match; narrow them down with `filter`");
    Problem::bad_request(message)
}

/// An incident as far as its alerts show it.
#[derive(Debug)]
pub(super) struct Case {
    /// The incident, not a subordinate; `None` for alerts that have none.
    pub(super) incident: Option<IncidentId>,
    /// Who is told, or would be.
    pub(super) receivers: Vec<Name>,
}

/// The incidents of alerts, each read once.
#[derive(Debug, Default)]
pub(super) struct Cases(BTreeMap<Option<IncidentId>, Arc<Case>>);

impl Cases {
    /// Returns the incident of an alert.
    pub(super) fn of(
        &mut self,
        reading: &Reading<'_>,
        row: &AlertRow,
    ) -> Result<Arc<Case>, Problem> {
        let id = row.state.incident;
        if let Some(case) = self.0.get(&id) {
            return Ok(Arc::clone(case));
        }
        let incident = id.map(|id| top(reading, id)).transpose()?.flatten();
        let case = Arc::new(Case {
            incident: incident.as_ref().map(|incident| incident.id),
            receivers: receivers(reading, incident.as_ref()),
        });
        self.0.insert(id, Arc::clone(&case));
        Ok(case)
    }
}

/// Follows an incident up to the one it is part of in the end.
fn top(reading: &Reading<'_>, id: IncidentId) -> Result<Option<Incident>, Problem> {
    let mut incident = reading.view.incident(id)?;
    for _ in 0..DEPTH_MAX {
        let Some(parent) = incident.as_ref().and_then(|incident| incident.parent) else { break };
        incident = reading.view.incident(parent)?;
    }
    Ok(incident)
}

/// Returns whom an incident was told to; before that whom it would be.
fn receivers(reading: &Reading<'_>, incident: Option<&Incident>) -> Vec<Name> {
    let rules = &reading.context.rules;
    let told = incident.map(|incident| &*incident.told).unwrap_or_default();
    if told.is_empty() {
        let team = match incident {
            Some(incident) => incident.assignee.as_deref().or(incident.team.as_deref()),
            None => rules.default_team.as_deref(),
        };
        return vec![Name::of(team.unwrap_or(&rules.default_contact))];
    }
    told.iter().map(|name| Name::of(name)).collect()
}

/// Shows an alert as Alertmanager does. It ends when the last source's word lapses.
pub(super) fn shown(row: &AlertRow, case: &Case) -> Alert {
    let state = &row.state;
    let until = state.leases.iter().map(|lease| lease.until).max();
    let silenced_by: Vec<String> = state.silenced_by.iter().map(ToString::to_string).collect();
    // Alertmanager names one; an alert that two rules name is shown once.
    let mut inhibited_by: Vec<String> =
        state.inhibited_by.iter().map(|by| by.alert.to_string()).collect();
    inhibited_by.dedup();
    Alert {
        annotations: wire::object(&row.details.annotations),
        ends_at: Time(until.unwrap_or(state.last_seen)),
        fingerprint: row.fingerprint.to_string(),
        receivers: case.receivers.clone(),
        starts_at: Time(state.starts_at),
        status: AlertStatus {
            inhibited_by,
            muted_by: [],
            state: if state.is_audible() { "active" } else { "suppressed" },
            silenced_by,
        },
        updated_at: Time(state.last_seen),
        generator_url: row.details.generator_url.to_string(),
        labels: wire::object(&row.labels),
    }
}
