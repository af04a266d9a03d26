//! `/api/v1/incidents`: list, show, explain. What people do with them is in `handle`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use utoipa::OpenApi;

use crate::model::incident::{Incident, IncidentId};

use crate::model::priority::NotAWord;
use crate::model::progress::StateName;
use crate::store::view::IncidentQuery;

use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::{self, Time};
use super::super::{App, Reading};
use super::filter::Filter;
use super::{explain, handle, report, show};

/// Records and timeline entries that one answer shows at most.
const SHOWN_MAX: usize = 1_000;

/// The states in which somebody has, or should have, work with an incident.
pub(super) const OPEN: [StateName; 4] =
    [StateName::New, StateName::Acknowledged, StateName::InProgress, StateName::OnHold];

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, one, explanation, report::file))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/incidents", get(list).post(report::file))
        .route("/api/v1/incidents/{id}", get(one))
        .route("/api/v1/incidents/{id}/explain", get(explanation))
}

/// Lists incidents, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    params(
        ("state" = Option<String>, Query, example = "all",
         description = "Names of states with commas between them, or `open` (usual), or `all`"),
        ("filter" = Option<Vec<String>>, Query),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query)
    ),
    responses((status = 200, body = wire::Page<wire::Incident>))
)]
async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<wire::Page<wire::Incident>>, Problem> {
    let pairs = Pairs::read(&uri, &["state", "filter", "limit", "cursor"])?;
    let states = states(pairs.one("state")?.unwrap_or("open"))?;
    let (limit, after, filter) = (pairs.limit()?, super::cursor(&pairs)?, Filter::read(&pairs)?);
    let page = app.read(move |reading| {
        let takes = |incident: &Incident| {
            if filter.is_empty() {
                return Ok(true);
            }
            let root = reading.view.alert(incident.root.alert)?;
            Ok(filter.takes_incident(incident, root.as_ref(), &reading.context))
        };
        let query = IncidentQuery { states: &states, after, limit, filter: &takes };
        let page = reading.view.incidents(&query)?;
        let items: Result<_, Problem> = page.items.iter().map(|one| shown(reading, one)).collect();
        Ok(wire::Page {
            items: items?,
            next: page.next.map(|next| next.to_string()),
            now: Time(reading.now),
        })
    });
    Ok(Json(page.await?))
}

/// Reads the states that are asked for; none means any.
fn states(text: &str) -> Result<Vec<StateName>, Problem> {
    match text {
        "all" => return Ok(Vec::new()),
        "open" => return Ok(OPEN.into()),
        _ => {}
    }
    let read = |name: &str| {
        let refuse = |error: NotAWord| format!("state: {error}, or `open`, or `all`");
        name.parse().map_err(|error| Problem::bad_request(refuse(error)))
    };
    text.split(',').map(read).collect()
}

/// Shows an incident with what comes next for it.
pub(super) fn shown(reading: &Reading<'_>, incident: &Incident) -> Result<wire::Incident, Problem> {
    let policy = reading.view.policy(incident.policy)?;
    Ok(show::incident(reading, incident, policy.as_deref()))
}

/// Reads the number of an incident out of a path.
pub(super) fn number(text: &str) -> Result<IncidentId, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("{error}")))
}

/// Returns the incident with this number.
pub(super) fn find(reading: &Reading<'_>, id: IncidentId) -> Result<Incident, Problem> {
    if let Some(incident) = reading.view.incident(id)? {
        return Ok(incident);
    }
    Err(match reading.view.incident_of(id)? {
        Some(whole) => part_of(id, whole),
        None => Problem::not_found(format!("{id} does not exist")),
    })
}

/// Refuses to handle an alert's record as if it were an incident.
fn part_of(record: IncidentId, incident: IncidentId) -> Problem {
    let message = format!("{record} is a record of {incident}; name {incident} instead");
    let facts = json!({"incident": record.to_string(), "parent": incident.to_string()});
    Problem::conflict(message).coded("subordinate").with(vec![facts])
}

/// Sends whoever asks for an alert's record to the incident it is attached to. For now, because a
/// record's incident can become another's subordinate; relative, because a proxy may put us below a
/// path of its own.
fn elsewhere(
    reading: &Reading<'_>,
    id: IncidentId,
    rest: &str,
) -> Result<Option<Response>, Problem> {
    if reading.view.incident(id)?.is_some() {
        return Ok(None);
    }
    let Some(incident) = reading.view.incident_of(id)? else { return Ok(None) };
    let up = if rest.is_empty() { "" } else { "../" };
    let location = [(header::LOCATION, format!("{up}{incident}{rest}"))];
    let body = json!({"id": id.to_string(), "incident": incident.to_string()});
    Ok(Some((StatusCode::TEMPORARY_REDIRECT, location, Json(body)).into_response()))
}

/// Shows an incident with its members and its timeline.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    responses((status = 200, body = wire::IncidentRecord), (status = 307, description = "The incident that the record is attached to is elsewhere"))
)]
async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = number(&id)?;
    let record = app.read(move |reading| {
        if let Some(elsewhere) = elsewhere(reading, id, "")? {
            return Ok(elsewhere);
        }
        let incident = find(reading, id)?;
        let sources = reading.view.counters()?.sources;
        let root = reading.view.alert(incident.root.alert)?;
        let members = reading.view.members(id, SHOWN_MAX)?;
        let timeline = reading.view.timeline(id, SHOWN_MAX)?;
        let record = wire::IncidentRecord {
            incident: shown(reading, &incident)?,
            why: explain::why(reading, &incident, &members)?,
            help: show::help(reading.context.help(&incident, root.as_ref())),
            subordinates: members
                .iter()
                .map(|one| show::member(&reading.context, one, &sources))
                .collect(),
            timeline: timeline.iter().map(show::entry).collect(),
            now: Time(reading.now),
        };
        Ok(([handle::etag(&incident)], Json(record)).into_response())
    });
    record.await
}

/// Says why an incident is what it is.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/explain",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    responses((status = 200, body = wire::explain::IncidentExplanation))
)]
async fn explanation(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = number(&id)?;
    let explained = app.read(move |reading| {
        if let Some(elsewhere) = elsewhere(reading, id, "/explain")? {
            return Ok(elsewhere);
        }
        let incident = find(reading, id)?;
        let members = reading.view.members(id, SHOWN_MAX)?;
        let (rules_changed, topology_changed) = explain::changed(reading, &incident);
        Ok(Json(wire::explain::IncidentExplanation {
            why: explain::why(reading, &incident, &members)?,
            incident: shown(reading, &incident)?,
            policy: reading.view.policy(incident.policy)?.map(|policy| policy.name.to_string()),
            rules_changed,
            topology_changed,
            now: Time(reading.now),
        })
        .into_response())
    });
    explained.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_by_name_or_as_open_or_all() {
        assert_eq!(states("all"), Ok(vec![]));
        assert_eq!(states("open").unwrap().len(), 4);
        let some = states("resolved,closed").unwrap();
        assert_eq!(some, [StateName::Resolved, StateName::Closed]);
        assert_eq!(
            states("ack").unwrap_err().message,
            "state: `ack` is none of new, acknowledged, in_progress, on_hold, resolved, closed, cancelled, or `open`, or `all`"
        );
    }
}
