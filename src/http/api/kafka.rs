//! `/api/v1/kafka`: how far topics are read, and what a person does about a partition that is halted.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::engine::event::Event;

use crate::engine::reply::Reply;
use crate::mailbox::Work;
use crate::model::partition::{Goal, Partition, Position};

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::wire::{Time, kafka as wire};
use super::super::{App, json_body};
use super::order::person;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(list, seek))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/kafka", get(list)).route("/api/v1/kafka/seek", post(seek))
}

/// Lists how far each partition is read.
#[utoipa::path(get, path = "/api/v1/kafka", responses((status = 200, body = wire::Positions)))]
async fn list(State(app): State<Arc<App>>) -> Result<Json<wire::Positions>, Problem> {
    let metrics = Arc::clone(&app.doors.metrics);
    let positions = app.read(move |reading| {
        let end = |position: &Position| metrics.kafka.end(&position.partition);
        let items = reading.view.positions()?;
        let items = items.iter().map(|it| shown(it, end(it))).collect();
        Ok(wire::Positions { items, now: Time(reading.now) })
    });
    Ok(Json(positions.await?))
}

/// Has a partition read on, from where it stands or from elsewhere.
#[utoipa::path(
    post,
    path = "/api/v1/kafka/seek",
    request_body = wire::Seek,
    responses((status = 200, body = wire::Sought))
)]
async fn seek(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<wire::Sought>, Problem> {
    let wish: wire::Seek = json_body(&app, &headers, body)?;
    let by = person(&caller, &wish.by, "")?;
    let to = goal(wish.to.as_deref()).map_err(Problem::bad_request)?;
    let partition =
        Partition { source: wish.source.into(), topic: wish.topic.into(), number: wish.partition };
    let name = partition.to_string();
    let reply = app.submit(Work::Event(Event::Seek { partition, to, by })).await?;
    if let Reply::Consumed(done) = reply {
        Ok(Json(wire::Sought { partition: name, next: done.next }))
    } else if let Reply::Refused(refusal) = reply {
        Err(Problem::not_found(refusal.to_string()))
    } else {
        Err(Problem::internal(&format!("the engine answered a seek with {reply:?}")))
    }
}

fn goal(text: Option<&str>) -> Result<Goal, String> {
    let Some(text) = text else { return Ok(Goal::Here) };
    if let Ok(edge) = text.parse() {
        return Ok(Goal::Edge(edge));
    }
    // Kafka's offsets are signed.
    let offset = text.parse::<u64>().ok().filter(|offset| *offset < i64::MAX.cast_unsigned());
    offset
        .map(Goal::Offset)
        .ok_or_else(|| format!("to is `{text}`, expected beginning, end or an offset such as 1200"))
}

fn shown(position: &Position, end: Option<u64>) -> wire::Position {
    let Position { partition, next, cluster, edge, is_late, halted, .. } = position;
    let state = match (halted, edge, is_late) {
        (Some(_), _, _) => "halted",
        (None, Some(_), _) => "moving",
        (None, None, true) => "late",
        (None, None, false) => "reading",
    };
    wire::Position {
        source: partition.source.to_string(),
        topic: partition.topic.to_string(),
        partition: partition.number,
        next: *next,
        lag: end.map(|end| end.saturating_sub(*next)),
        cluster: cluster.to_string(),
        state: state.into(),
        halted_at: halted.as_ref().map(|it| Time(it.at)),
        why: halted.as_ref().map(|it| it.why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::partition::Edge;

    #[test]
    fn a_goal_is_an_end_or_an_offset() {
        for (text, expected) in [
            (None, Some(Goal::Here)),
            (Some("beginning"), Some(Goal::Edge(Edge::Beginning))),
            (Some("end"), Some(Goal::Edge(Edge::End))),
            (Some("0"), Some(Goal::Offset(0))),
            (Some("1200"), Some(Goal::Offset(1200))),
            (Some("-1"), None),
            (Some("9223372036854775807"), None),
            (Some("start"), None),
            (Some(""), None),
        ] {
            assert_eq!(goal(text).ok(), expected, "{text:?}");
        }
    }
}
