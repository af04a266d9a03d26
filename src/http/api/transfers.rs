//! `GET /api/v1/transfers`: who hands incidents on, and how often they come back as misrouted.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::model::incident::Incident;
use crate::model::time::Timestamp;
use crate::model::transfers::{By, Counts, Totals};
use crate::rules::duration;
use crate::store::view::{IncidentQuery, SCAN_MAX};

use super::super::error::Problem;
use super::super::query::Pairs;
use super::super::wire::Time;
use super::super::wire::transfers::{Transferred, Transfers};
use super::super::{App, Reading};

/// How far it looks back where nothing is said, and at most: as long as records are kept.
const SPAN: Duration = Duration::from_hours(90 * 24);
const SPAN_MAX: Duration = Duration::from_hours(400 * 24);

/// Incidents that are read at a time.
const AT_A_TIME: usize = 1_000;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(totals))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/transfers", get(totals))
}

/// Totals the transfers of incidents by who sent them, or by the team that got them.
#[utoipa::path(
    get,
    path = "/api/v1/transfers",
    operation_id = "transfers",
    params(
        ("by" = Option<String>, Query, pattern = "^(sender|team)$"),
        ("since" = Option<String>, Query, pattern = "^[0-9]{1,4}[mhdw]$", description = "How far back the incidents were opened, as in 30d; 90d when left out")
    ),
    responses((status = 200, body = Transfers))
)]
async fn totals(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Transfers>, Problem> {
    let pairs = Pairs::read(&uri, &["by", "since"])?;
    let by = pairs.one("by")?.map_or(Ok(By::Sender), |text| {
        text.parse().map_err(|error| Problem::bad_request(format!("by: {error}")))
    })?;
    let span = since(&pairs)?;
    let answer = app.read(move |reading| {
        let mut totals = Totals::default();
        let count = |incident: &Incident| totals.count(by, &incident.assignments);
        let Scanned { since, incidents, complete } = each_since(reading, span, count)?;
        let ranked = totals.ranked().into_iter();
        let items = ranked.map(|(name, counts)| shown(&name, counts)).collect();
        Ok(Transfers { items, since: Time(since), incidents, complete, now: Time(reading.now) })
    });
    Ok(Json(answer.await?))
}

/// Reads how far back somebody wants to look.
pub(super) fn since(pairs: &Pairs) -> Result<Duration, Problem> {
    pairs.one("since")?.map_or(Ok(SPAN), |text| {
        let span = duration(text).filter(|span| !span.is_zero() && *span <= SPAN_MAX);
        span.ok_or_else(|| {
            let message = format!("since is `{text}`, must be a time such as 30d, at most 400d");
            Problem::bad_request(message)
        })
    })
}

/// What was looked at for a total.
pub(super) struct Scanned {
    /// Since when the incidents were opened.
    pub(super) since: Timestamp,
    /// How many there are.
    pub(super) incidents: u32,
    /// False when there were more than one answer looks at.
    pub(super) complete: bool,
}

/// Looks at all incidents that were opened within a time: the newest first, as numbers are given in
/// the order of opening.
pub(super) fn each_since(
    reading: &Reading<'_>,
    span: Duration,
    mut look: impl FnMut(&Incident),
) -> Result<Scanned, Problem> {
    let span = i64::try_from(span.as_millis()).unwrap_or(0);
    let since = Timestamp::from_millis(reading.now.millis().saturating_sub(span));
    let (mut incidents, mut complete) = (0_usize, true);
    let mut after = None;
    'pages: loop {
        let filter = &|_: &Incident| Ok(true);
        let query = IncidentQuery { states: &[], after, limit: AT_A_TIME, filter };
        let page = reading.view.incidents(&query)?;
        for incident in &page.items {
            if incident.opened_at < since {
                break 'pages;
            }
            look(incident);
            incidents += 1;
        }
        let Some(next) = page.next else { break };
        if incidents >= SCAN_MAX {
            complete = false;
            break;
        }
        after = Some(next);
    }
    let incidents = u32::try_from(incidents).unwrap_or(u32::MAX);
    Ok(Scanned { since, incidents, complete })
}

fn shown(name: &str, counts: Counts) -> Transferred {
    let Counts { transfers, accepted, returned, passed_on } = counts;
    Transferred { name: name.into(), transfers, accepted, returned, passed_on }
}
