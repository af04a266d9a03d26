//! `POST /api/v1/incidents/bulk`: one command for all open incidents that matchers take.
//!
//! Each incident is an order of its own: what one refuses the others do not miss.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::engine::order::Order;

use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::incident::{Incident, IncidentId, RecordId};
use crate::model::time::Timestamp;
use crate::store::view::IncidentQuery;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::wire::Time;
use super::super::wire::handle::{Bulk, BulkAnswer, BulkRefusal, BulkResult, Wish};
use super::super::{App, Reading, json_body};
use super::filter::Filter;
use super::handle::event;
use super::incidents::{OPEN, find, shown};
use super::order::order;
use super::outcome::done;

/// Incidents that one request handles at most; more are asked for in parts.
const INCIDENTS_MAX: usize = 1_000;

/// Orders on their way to the engine at a time: enough to share commits, few enough that others get
/// in between.
const AT_A_TIME: usize = 64;

/// Carries out a command on many incidents, or says which those are.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/bulk",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body(
        content = Bulk,
        example = json!({
            "order": {"command": "note", "by": "mia", "note": "known"},
            "matchers": ["state=new"],
            "dry_run": true
        })
    ),
    responses((status = 200, body = BulkAnswer))
)]
pub(super) async fn sweep(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    let Bulk { order: wish, matchers, dry_run, expected_count } = json_body(&app, &headers, read)?;
    let wish = general(wish, &caller, app.doors.clock.now())?;
    if matchers.iter().all(|text| text.trim().is_empty()) {
        let message = "name matchers; for all open incidents write state!=\"\"";
        return Err(Problem::bad_request(message));
    }
    let filter = Filter::of(matchers.iter().map(|text| &**text))?;
    let found = app.read(move |reading| taken(reading, &filter)).await?;
    let matched = u32::try_from(found.len()).unwrap_or(u32::MAX);
    if let Some(expected) = expected_count.filter(|expected| *expected != matched) {
        let message = format!(
            "the matchers take {matched} incidents now, not {expected}; nothing was done; look again"
        );
        return Err(Problem::conflict(message).coded("count_changed"));
    }
    let replies =
        if dry_run { Vec::new() } else { carry_out(&app, &headers, &wish, &found).await? };
    let answer = app.read(move |reading| {
        let results = if dry_run { shown_all(reading, &found)? } else { told(reading, replies)? };
        let refused = results.iter().filter(|one| one.refused.is_some()).count();
        let refused = u32::try_from(refused).unwrap_or(u32::MAX);
        Ok(BulkAnswer { dry_run, matched, refused, results, now: Time(reading.now) })
    });
    Ok(Json(answer.await?))
}

/// Makes an order for any incident of a wish that can be one.
fn general(wish: Wish, caller: &Caller, now: Timestamp) -> Result<Order, Problem> {
    let refuse = |message: &str| {
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).coded("not_for_many"))
    };
    if matches!(wish, Wish::Split(_)) {
        return refuse("split names records of one incident; send it to that one");
    }
    let order = order(RecordId(0), caller, wish, now)?;
    if order.expected.is_some() {
        return refuse("expected_version is of one incident; leave it out, or send it to that one");
    }
    Ok(order)
}

/// Returns the open incidents that a filter takes, the oldest first.
fn taken(reading: &Reading<'_>, filter: &Filter) -> Result<Vec<IncidentId>, Problem> {
    let takes = |incident: &Incident| {
        let root = reading.view.alert(incident.root.alert)?;
        Ok(filter.takes_incident(incident, root.as_ref(), &reading.context))
    };
    let query =
        IncidentQuery { states: &OPEN, after: None, limit: INCIDENTS_MAX + 1, filter: &takes };
    let page = reading.view.incidents(&query)?;
    if page.items.len() > INCIDENTS_MAX || page.next.is_some() {
        let message = format!(
            "the matchers take more than {INCIDENTS_MAX} incidents, the limit; nothing was done; add a matcher"
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).coded("too_many"));
    }
    Ok(page.items.iter().rev().map(|incident| incident.id).collect())
}

async fn carry_out(
    app: &App,
    headers: &HeaderMap,
    wish: &Order,
    incidents: &[IncidentId],
) -> Result<Vec<(IncidentId, Reply)>, Problem> {
    let mut replies = Vec::with_capacity(incidents.len());
    for some in incidents.chunks(AT_A_TIME) {
        let order = |id: &IncidentId| Order { incident: *id, ..wish.clone() };
        let events: Result<Vec<_>, _> = some.iter().map(|id| event(headers, order(id))).collect();
        let orders = events?.into_iter().map(|event| app.doors.mailbox.deliver(Work::Event(event)));
        for (id, reply) in some.iter().zip(join_all(orders).await) {
            let reply = reply.map_err(|busy| Problem::unavailable(busy.to_string()))?;
            if reply == Reply::Duplicate {
                app.doors.metrics.doors.duplicate();
            }
            replies.push((*id, reply));
        }
    }
    Ok(replies)
}

fn shown_all(reading: &Reading<'_>, ids: &[IncidentId]) -> Result<Vec<BulkResult>, Problem> {
    let result = |id: &IncidentId| {
        let incident = shown(reading, &find(reading, *id)?)?;
        Ok(BulkResult { incident, refused: None })
    };
    ids.iter().map(result).collect()
}

fn told(
    reading: &Reading<'_>,
    replies: Vec<(IncidentId, Reply)>,
) -> Result<Vec<BulkResult>, Problem> {
    let result = |(id, reply)| match done(reading, id, reply, StatusCode::CONFLICT) {
        Ok(incident) => Ok(BulkResult { incident: shown(reading, &incident)?, refused: None }),
        Err(problem) => {
            let code = problem.code.ok_or_else(|| problem.clone())?.into();
            let refused = Some(BulkRefusal { code, message: problem.message });
            Ok(BulkResult { incident: shown(reading, &find(reading, id)?)?, refused })
        }
    };
    replies.into_iter().map(result).collect()
}
