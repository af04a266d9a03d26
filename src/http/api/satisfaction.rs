//! `GET /api/v1/satisfaction`: how content people are with what became of their incidents.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::model::satisfaction::{By, Counts, Totals};

use super::super::App;
use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::satisfaction::{Satisfaction, Satisfied};
use super::transfers::{Scanned, each_since, since};

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(totals))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/satisfaction", get(totals))
}

/// Totals what people said of incidents that are over, by team or by service.
#[utoipa::path(
    get,
    path = "/api/v1/satisfaction",
    operation_id = "satisfaction",
    params(
        ("by" = Option<String>, Query, pattern = "^(team|service)$"),
        ("since" = Option<String>, Query, pattern = "^[0-9]{1,4}[mhdw]$", description = "How far back the incidents were opened, as in 30d; 90d when left out")
    ),
    responses((status = 200, body = Satisfaction))
)]
async fn totals(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Satisfaction>, Problem> {
    let pairs = Pairs::read(&uri, &["by", "since"])?;
    let by = pairs.one("by")?.map_or(Ok(By::Team), |text| {
        text.parse().map_err(|error| Problem::bad_request(format!("by: {error}")))
    })?;
    let span = since(&pairs)?;
    let answer = app.read(move |reading| {
        let mut totals = Totals::default();
        let scanned = each_since(reading, span, |incident| totals.count(by, incident))?;
        let Scanned { since, incidents, complete } = scanned;
        let ranked = totals.ranked().into_iter();
        let items = ranked.map(|(name, counts)| shown(&name, &counts)).collect();
        Ok(Satisfaction { items, since: Time(since), incidents, complete, now: Time(reading.now) })
    });
    Ok(Json(answer.await?))
}

fn shown(name: &str, counts: &Counts) -> Satisfied {
    // At most 500: exact in a float.
    let mean = counts.mean_hundredths().and_then(|it| u32::try_from(it).ok());
    Satisfied {
        name: name.into(),
        ended: counts.ended,
        answered: counts.answered(),
        mean: mean.map(|hundredths| f64::from(hundredths) / 100.0),
        grades: counts.grades.to_vec(),
    }
}
