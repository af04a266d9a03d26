//! `GET /api/v1/incidents/{id}/clocks`: how the deadlines of an incident came about.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::engine::clocks::{self, Derivation};

use super::super::App;
use super::super::error::Problem;
use super::super::wire::Time;
use super::super::wire::clocks::{ClockDerivation, ClockPart, Clocks};
use super::incidents::{find, number};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(one))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/incidents/{id}/clocks", get(one))
}

/// Says how the deadlines of an incident came about.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/clocks",
    operation_id = "clocks",
    params(("id" = String, Path, pattern = "^([Ii][Nn][Cc]-)?[0-9]{1,18}$")),
    responses((status = 200, body = Clocks))
)]
async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Clocks>, Problem> {
    let id = number(&id)?;
    let clocks = app.read(move |reading| {
        let incident = find(reading, id)?;
        let derived = clocks::derive(&reading.context.rules, &incident, reading.now);
        Ok(Clocks {
            incident: id.to_string(),
            clocks: derived.into_iter().map(shown).collect(),
            now: Time(reading.now),
        })
    });
    Ok(Json(clocks.await?))
}

fn shown(it: Derivation) -> ClockDerivation {
    ClockDerivation {
        clock: it.clock,
        from: Time(it.from),
        limit_ms: u64::try_from(it.limit.as_millis()).unwrap_or(u64::MAX),
        source: it.source,
        calendar: it.calendar,
        parts: it
            .parts
            .iter()
            .map(|it| ClockPart {
                from: Time(it.from),
                until: Time(it.until),
                what: it.what.to_string(),
            })
            .collect(),
        due_at: it.due_at.map(Time),
        standing: it.standing.to_string(),
    }
}
