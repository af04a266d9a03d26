//! `/api/v2/alerts`: what Prometheus posts, and what fires.
//!
//! Good alerts of a half-bad batch are stored although the answer is 400, as in Alertmanager.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::Refused;
use super::query::Parameters;
use super::select::{ALERTS_MAX, Cases, Selection, each_firing, shown, too_many};
use crate::http::auth::{Caller, Peer};
use crate::http::error::Problem;
use crate::http::ingest::{Delivery, Sender, admit, decode_for, deliver, keep};
use crate::http::wire::alertmanager::Alert;
use crate::http::{App, Reading};

/// The source behind this door.
const SOURCE: &str = "alertmanager-api";

pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Alert>>, Refused> {
    let selection = Selection::read(&Parameters::read(&uri)?)?;
    Ok(Json(app.read(move |reading| alerts(reading, &selection)).await?))
}

fn alerts(reading: &Reading<'_>, selection: &Selection) -> Result<Vec<Alert>, Problem> {
    let (mut cases, mut alerts) = (Cases::default(), Vec::new());
    each_firing(reading, &mut |row| {
        if !selection.takes(reading, &row) {
            return Ok(());
        }
        let case = cases.of(reading, &row)?;
        if !case.receivers.iter().any(|receiver| selection.receivers.takes(&receiver.name)) {
            return Ok(());
        }
        if alerts.len() >= ALERTS_MAX {
            return Err(too_many());
        }
        alerts.push(shown(&row, &case));
        Ok(())
    })?;
    alerts.sort_unstable_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    Ok(alerts)
}

pub(super) async fn post(
    State(app): State<Arc<App>>,
    (caller, peer): (Caller, Option<Extension<Peer>>),
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Response {
    let Some((name, source)) = app.doors.sources.get_key_value(SOURCE) else {
        return Problem::not_found(format!("no source `{SOURCE}` is configured")).into_response();
    };
    let response = match admit(&app, (name, source), &headers, read) {
        Ok((body, _place)) => {
            let from = Sender::new(caller, peer);
            take(&app, &Delivery { name, source, headers: &headers, from, body }).await
        }
        Err(problem) => Err(problem.into()),
    };
    let response = match response {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    };
    app.doors.metrics.ingest.answered(name, response.status().as_u16());
    response
}

async fn take(app: &App, delivery: &Delivery<'_>) -> Result<Response, Refused> {
    if !delivery.body.is_empty() {
        super::require_json(delivery.headers)?;
    }
    let decoded = match decode_for(app, delivery.source, &delivery.body) {
        Ok(decoded) => decoded,
        Err(reject) => {
            keep(app, delivery, &reject).await?;
            let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let json = [(header::CONTENT_TYPE, "application/json")];
            return Ok((status, json, reject.framework_body()).into_response());
        }
    };
    let answer = deliver(app, delivery, decoded).await.map_err(|(problem, _)| problem)?;
    if answer.rejected.is_empty() {
        return Ok(StatusCode::OK.into_response());
    }
    let reasons: Vec<&str> = answer.rejected.iter().map(|one| &*one.reason).collect();
    Err(Refused::bad_request(reasons.join("\n")))
}
