//! `POST /ingest/{source}`: deliveries of every configured source.
//!
//! One bad alert does not cost the good ones. The content type is not looked at: senders state all
//! kinds, and the source's format is configured. A 2xx means that what is counted as accepted is on
//! disk. What cannot be read at all goes to the quarantine, if the sender is known. Too many at a time
//! are answered 429, but 503 to what speaks Alertmanager's formats: its webhook takes a 4xx as final.

use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use utoipa::OpenApi;

use crate::engine::event::Event;

use crate::engine::reply::{Received, Reply};
use crate::ingest::{Decoded, Format, Reject, SourceFormat, Terms};
use crate::mailbox::Work;
use crate::model::delivery::DeliveryId;
use crate::model::quarantine::{Cause, QuarantineId, Unhandled};
use crate::telemetry::doors::Refusal;
use crate::telemetry::metrics::Outcome;

use super::auth::{Caller, Peer, signature};
use super::error::{Kept, Problem};
use super::wire::change::{Accepted, Rejected};
use super::{App, Source, guard};

/// The longest id of a delivery, in bytes.
const ID_LEN_MAX: usize = 256;

/// Documents the paths of this door.
#[derive(OpenApi)]
#[openapi(paths(ingest))]
pub(in crate::http) struct Document;

/// Returns the paths of this door.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/ingest/{source}", post(ingest))
}

/// A delivery as it came.
pub(super) struct Delivery<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) source: &'a Source,
    pub(super) headers: &'a HeaderMap,
    pub(super) from: Sender,
    pub(super) body: Bytes,
}

/// Who sent a delivery.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) caller: Caller,
    pub(super) peer: Peer,
}

impl Sender {
    /// Takes what the layers in front found out.
    pub(super) fn new(caller: Caller, peer: Option<Extension<Peer>>) -> Self {
        Self { caller, peer: peer.map_or(Peer::UNKNOWN, |Extension(peer)| peer) }
    }

    /// False for those who could fill the disk with garbage and stay unknown.
    fn is_known(&self) -> bool {
        self.caller != Caller::Anonymous || self.peer.is_local()
    }
}

/// Takes a delivery of a configured source.
#[utoipa::path(
    post,
    path = "/ingest/{source}",
    params(("source" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(
        content = serde_json::Value,
        description = "What the source's format says",
        example = json!({"labels": {"alertname": "DiskFull", "severity": "minor"}})
    ),
    responses((status = 200, body = Accepted))
)]
async fn ingest(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    (caller, peer): (Caller, Option<Extension<Peer>>),
    headers: HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Response {
    let sources = &app.doors.sources;
    let Some((name, source)) = sources.get_key_value(&*name) else {
        let known: Vec<&str> = sources.keys().map(|name| &**name).collect();
        let message = format!("no source `{name}` is configured, only {}", known.join(", "));
        return Problem::not_found(message).into_response();
    };
    let response = match admit(&app, (name, source), &headers, read) {
        Ok(body) => {
            let from = Sender::new(caller, peer);
            let delivery = Delivery { name, source, headers: &headers, from, body };
            let taken = take(&app, &delivery).await;
            taken.map_err(|(problem, kept)| (kept, problem)).into_response()
        }
        Err(problem) => problem.into_response(),
    };
    app.doors.metrics.ingest.answered(name, response.status().as_u16());
    response
}

/// Returns the body of a delivery that may come in.
///
/// # Errors
/// When the source sends too many, or the body did not come or is packed.
pub(super) fn admit(
    app: &App,
    (name, source): (&Arc<str>, &Source),
    headers: &HeaderMap,
    read: Result<Bytes, BytesRejection>,
) -> Result<Bytes, Problem> {
    if !app.doors.gate.has_room(name) {
        app.doors.metrics.doors.refused(Refusal::TooMany);
        let status = match source.format {
            SourceFormat::Known(Format::Alertmanager | Format::AlertmanagerApi) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            SourceFormat::Known(Format::Native) | SourceFormat::Mapped(_) => {
                StatusCode::TOO_MANY_REQUESTS
            }
        };
        let message = format!("source `{name}` sends more than its rate_max; try again later");
        return Err(Problem::new(status, message));
    }
    let packed = guard::text(headers, &header::CONTENT_ENCODING).unwrap_or("identity");
    if !packed.eq_ignore_ascii_case("identity") {
        let message = format!("content encoding is `{packed}`; send the body as it is");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    super::body(read, app.doors.limits.body_bytes)
}

async fn take(
    app: &App,
    delivery: &Delivery<'_>,
) -> Result<Json<Accepted>, (Problem, Option<Kept>)> {
    let decoded = match decode_for(app, delivery.source, &delivery.body) {
        Ok(decoded) => decoded,
        Err(reject) => {
            let kept = keep(app, delivery, &reject).await.map_err(|problem| (problem, None))?;
            let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::BAD_REQUEST);
            return Err((Problem::new(status, reject.to_string()), kept));
        }
    };
    let answer = deliver(app, delivery, decoded).await?;
    if answer.accepted == 0 && !answer.rejected.is_empty() {
        let reasons = answer.rejected.first().map(|one| one.reason.clone()).unwrap_or_default();
        let kept = keep_for(app, delivery, reasons).await.map_err(|problem| (problem, None))?;
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "none of the alerts can be taken");
        let rejected = answer.rejected.iter().map(|one| serde_json::json!(one));
        return Err((problem.with(rejected.collect()), kept));
    }
    Ok(Json(answer))
}

/// Decodes a delivery under the terms of its source.
pub(super) fn decode_for(app: &App, source: &Source, body: &[u8]) -> Result<Decoded, Reject> {
    let doors = &app.doors;
    let terms = Terms { received: doors.clock.now(), lease: source.lease, limits: &doors.limits };
    let context = Arc::clone(&doors.context.borrow());
    context.rules.decode(&source.format, body, &terms)
}

/// Keeps a body that cannot be read, unless there is nothing in it.
///
/// # Errors
/// When the engine has no room: the sender is to come again.
pub(super) async fn keep(
    app: &App,
    delivery: &Delivery<'_>,
    reject: &Reject,
) -> Result<Option<Kept>, Problem> {
    match reject {
        Reject::Empty | Reject::TooLarge { .. } => Ok(None),
        Reject::NotUtf8 { .. }
        | Reject::Json { .. }
        | Reject::TooDeep { .. }
        | Reject::TooMany { .. }
        | Reject::Schema { .. } => keep_for(app, delivery, reject.to_string()).await,
    }
}

async fn keep_for(
    app: &App,
    delivery: &Delivery<'_>,
    reason: String,
) -> Result<Option<Kept>, Problem> {
    if !delivery.from.is_known() {
        return Ok(None);
    }
    let kind = guard::text(delivery.headers, &header::CONTENT_TYPE).unwrap_or("");
    let what = Unhandled {
        source: Arc::clone(delivery.name),
        format: delivery.source.format.to_string().into(),
        cause: Cause::Unreadable,
        reason,
        content_type: kind.chars().take(ID_LEN_MAX).collect::<String>().into(),
        body: delivery.body.as_ref().into(),
        origin: None,
    };
    let reply = app.submit(Work::Event(Event::Quarantine(Box::new(what)))).await?;
    let Reply::Quarantined(id) = reply else {
        return Err(Problem::internal(&format!(
            "the engine answered the quarantine with {reply:?}"
        )));
    };
    Ok(Some(Kept(id)))
}

/// Returns the identity under which `scope` may send this again.
///
/// # Errors
/// 400 when the id is too long.
pub(super) fn identity(headers: &HeaderMap, scope: &str) -> Result<Option<DeliveryId>, Problem> {
    match signature::delivery_id(headers) {
        Some(id) if id.len() > ID_LEN_MAX => {
            let (len, max) = (id.len(), ID_LEN_MAX);
            let message = format!("the delivery's id is {len} bytes long, must be at most {max}");
            Err(Problem::bad_request(message))
        }
        id => Ok(id.map(|id| DeliveryId::of(scope, id))),
    }
}

/// Lets `event` happen once where its sender gave it an id.
pub(super) fn once(delivery: Option<DeliveryId>, event: Event) -> Event {
    match delivery {
        Some(delivery) => Event::Once { delivery, event: Box::new(event) },
        None => event,
    }
}

/// Hands what was decoded to the engine and sums up what became of it.
pub(super) async fn deliver(
    app: &App,
    delivery: &Delivery<'_>,
    decoded: Decoded,
) -> Result<Accepted, (Problem, Option<Kept>)> {
    let name = delivery.name;
    let Decoded { occurrences, indexes, rejects, truncated } = decoded;
    let mut answer = Accepted { truncated, ..Accepted::default() };
    let rejects = rejects.into_iter().map(|one| Rejected { index: one.index, reason: one.reason });
    answer.rejected = rejects.collect();
    let unreadable = u64::try_from(answer.rejected.len()).unwrap_or(u64::MAX);
    app.doors.metrics.ingest.count(name, Outcome::Refused, unreadable);
    if occurrences.is_empty() {
        return Ok(answer);
    }
    app.doors.operations.require_room().map_err(|problem| (problem, None))?;
    let sent = u32::try_from(occurrences.len()).unwrap_or(u32::MAX);
    let event = Event::Received { source: Arc::clone(name), occurrences };
    let identity = identity(delivery.headers, &format!("source {name}"));
    let event = once(identity.map_err(|problem| (problem, None))?, event);
    let reply = app.submit(Work::Event(event)).await.map_err(|problem| (problem, None))?;
    if let Reply::Received(received) = reply {
        app.doors.metrics.ingest.received(name, &received);
        sum_up(&mut answer, sent, &indexes, &received);
        Ok(answer)
    } else if reply == Reply::Duplicate {
        app.doors.metrics.doors.duplicate();
        Ok(Accepted { accepted: sent, duplicate: true, ..answer })
    } else if let Reply::Quarantined(id) = reply {
        Err((poison(id), Some(Kept(id))))
    } else {
        let what = format!("the engine answered a delivery with {reply:?}");
        Err((Problem::internal(&what), None))
    }
}

/// Final for the sender: what broke the engine once breaks it again.
fn poison(id: QuarantineId) -> Problem {
    let message = format!(
        "the delivery cannot be handled, a fault of incidentd; it is kept as record {id} of the quarantine"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

/// Adds what the engine did with `sent` alerts, whose places in the body are `indexes`.
pub(super) fn sum_up(answer: &mut Accepted, sent: u32, indexes: &[u32], received: &Received) {
    for (place, why) in &received.refused {
        let index = indexes.get(*place as usize).copied().unwrap_or(*place);
        answer.rejected.push(Rejected { index, reason: why.to_string() });
    }
    answer.rejected.sort_by_key(|one| one.index);
    let refused = u32::try_from(received.refused.len()).unwrap_or(u32::MAX);
    answer.accepted = sent.saturating_sub(refused);
    answer.began = received.began;
    answer.ended = received.ended;
    answer.updated = received.updated;
    answer.repeated = received.repeated;
    answer.dropped = received.dropped.values().sum();
    answer.dropped_by =
        received.dropped.iter().map(|(rule, count)| (rule.to_string(), *count)).collect();
    answer.overflowed = received.overflowed;
    answer.quarantined = received.quarantined.map(|id| id.0);
}
