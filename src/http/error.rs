//! Errors as the doors answer them.
//!
//! A handler returns a [`Problem`]; whatever fails before or around it (no such path, wrong method,
//! time-out, panic) is turned into one by [`finish`], the outermost layer. So every refusal has one
//! shape, `{"code","message","request_id"}`, except under `/api/v2/`, where Alertmanager's clients
//! expect the body of its framework. Nothing of the inside is shown: what broke is in the log, under
//! the request's id.

use core::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::link;
use crate::model::quarantine::QuarantineId;
use crate::model::time::Timestamp;
use crate::store::StoreError;

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest wait that a refusal for lack of room asks for, in seconds; the shortest is 1. Spread
/// out, so that those who were refused together do not come back together.
const RETRY_AFTER_S_MAX: u64 = 5;

/// Why a request was not answered as wished.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// The kind of refusal in a word, where the status alone does not tell it.
    pub code: Option<&'static str>,
    /// What was wrong and what to do, in one line.
    pub message: String,
    /// The single faults, where there are several.
    pub problems: Vec<serde_json::Value>,
}

/// Says that what was refused is in the quarantine; a part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept(pub QuarantineId);

impl IntoResponseParts for Kept {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// The body of a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Refusal)]
pub struct Body {
    /// The kind of refusal in a word: that of the status, or a narrower one.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
    /// Finds the request in the log.
    pub request_id: String,
    /// The record of the quarantine that holds what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<u64>,
    /// The single faults, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<serde_json::Value>,
}

/// The body that Alertmanager's framework gives to a refusal.
#[derive(Serialize)]
struct CompatBody<'a> {
    code: u16,
    message: &'a str,
}

impl Problem {
    /// Makes a refusal with `status`.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: None, message: message.into(), problems: Vec::new() }
    }

    /// Names the kind of refusal, for programs that have to tell it from others of its status.
    #[must_use]
    pub fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Adds the single faults, or what a program needs to go on.
    #[must_use]
    pub fn with(self, problems: Vec<serde_json::Value>) -> Self {
        Self { problems, ..self }
    }

    /// The request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The thing is in a state that forbids it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// No room now; the sender is to come again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Something broke inside; `cause` goes to the log, not to the sender.
    pub fn internal(cause: &dyn core::fmt::Display) -> Self {
        tracing::error!(cause = %cause, "a request failed inside");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error, see the daemon's log")
    }

    /// Reads what a layer or axum itself refused; `None` for an answer that is complete.
    fn of(response: &mut Response, method: &Method, path: &str) -> Option<Self> {
        if let Some(problem) = response.extensions_mut().remove() {
            return Some(problem);
        }
        let status = response.status();
        // A page for people says itself what was wrong.
        let is_complete = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
            let ours: [&[u8]; 2] = [b"application/json", b"text/html"];
            ours.iter().any(|ours| kind.as_bytes().starts_with(ours))
        });
        if is_complete || !(status.is_client_error() || status.is_server_error()) {
            return None;
        }
        let allowed = response.headers().get(header::ALLOW).and_then(|list| list.to_str().ok());
        let message = match status {
            StatusCode::NOT_FOUND => format!("path {path} was not found"),
            StatusCode::METHOD_NOT_ALLOWED => {
                format!("method {method} is not allowed, but [{}] are", allowed.unwrap_or(""))
            }
            StatusCode::SERVICE_UNAVAILABLE => "no answer in time, try again".into(),
            _ => status.canonical_reason().unwrap_or("refused").to_lowercase(),
        };
        Some(Self::new(status, message))
    }

    fn body(self, path: &str, request_id: &str, kept: Option<Kept>) -> Vec<u8> {
        let body = if path.starts_with("/api/v2/") {
            let compat = CompatBody { code: self.status.as_u16(), message: &self.message };
            serde_json::to_vec(&compat)
        } else {
            serde_json::to_vec(&Body {
                code: self.code.unwrap_or_else(|| word(self.status)).into(),
                message: self.message,
                request_id: request_id.into(),
                quarantined: kept.map(|Kept(id)| id.0),
                problems: self.problems,
            })
        };
        body.unwrap_or_default()
    }
}

/// The codes that are narrower than a status. With [`CODES`] they are a closed list, which the API's
/// document shows; `too_many` is in the other.
pub(super) const NARROW_CODES: [&str; 33] = [
    "action_over",
    "already",
    "closed",
    "count_changed",
    "disagreed",
    "empty_note",
    "hold_over",
    "incomplete",
    "no_next_line",
    "no_reason",
    "no_shift",
    "no_such_number",
    "not_allowed",
    "not_an_order",
    "not_asked",
    "not_desk",
    "not_for_many",
    "not_major",
    "not_overridden",
    "not_reported",
    "not_split",
    "not_yours",
    "nothing_set",
    "nowhere_to_return",
    "over",
    "same_incident",
    "still_firing",
    "subordinate",
    "too_many_subscribers",
    "unknown_code",
    "unknown_target",
    "version_conflict",
    "watched",
];

/// Every word that [`word`] has.
pub(super) const CODES: [&str; 16] = [
    "bad_request",
    "conflict",
    "forbidden",
    "internal",
    "method_not_allowed",
    "not_found",
    "precondition_failed",
    "refused",
    "timeout",
    "too_large",
    "too_many",
    "unauthorized",
    "unavailable",
    "unprocessable",
    "unsupported_media_type",
    "wrong_host",
];

/// Returns the one word that stands for `status`.
pub(super) fn word(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        408 => "timeout",
        409 => "conflict",
        412 => "precondition_failed",
        413 => "too_large",
        415 => "unsupported_media_type",
        421 => "wrong_host",
        422 => "unprocessable",
        429 => "too_many",
        503 => "unavailable",
        _ if status.is_server_error() => "internal",
        _ => "refused",
    }
}

/// What cannot be read from the store is no fault of the sender.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

/// Leaves the refusal to [`finish`], which alone knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Numbers the requests of one run of the daemon.
#[derive(Debug)]
pub struct Requests {
    started: Timestamp,
    count: AtomicU64,
}

impl Requests {
    /// Begins to count; `now` tells the ids of one run from those of the next.
    pub fn new(now: Timestamp) -> Self {
        Self { started: now, count: AtomicU64::new(0) }
    }
}

/// Gives every request an id and every refusal its body; the outermost layer.
pub async fn finish(
    State(requests): State<Arc<Requests>>,
    request: Request,
    next: Next,
) -> Response {
    let number = requests.count.fetch_add(1, Ordering::Relaxed);
    let id = format!("{:x}-{number}", requests.started.millis());
    let path = request.uri().path();
    // Not: the rest of a link. Whoever reads the log could use it.
    let path = if path.starts_with(link::PATH) { link::PATH } else { path };
    let (method, path) = (request.method().clone(), path.to_owned());
    let mut response = next.run(request).await;
    if let Some(problem) = Problem::of(&mut response, &method, &path) {
        let status = problem.status;
        // Whoever refuses for lack of room says so himself, once for many: they may be thousands a second.
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(request.id = %id, %method, path, status = status.as_u16(),
                message = problem.message, "refused a request");
        }
        let kept = response.extensions().get().copied();
        *response.body_mut() = problem.body(&path, &id, kept).into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::UNAUTHORIZED {
            let schemes = "Bearer realm=\"incidentd\", Basic realm=\"incidentd\"";
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(schemes));
        }
        if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
            headers.insert(header::RETRY_AFTER, retry_after_s(number).into());
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = id.try_into() {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Spreads `number`s evenly over 1..=[`RETRY_AFTER_S_MAX`], neighbours far apart (Fibonacci hashing).
fn retry_after_s(number: u64) -> u64 {
    1 + (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % RETRY_AFTER_S_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_word_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for status in
            [400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 418, 421, 422, 429, 500, 503]
        {
            let word = word(StatusCode::from_u16(status).unwrap());
            assert!(seen.insert(word), "{status} shares the word {word}");
        }
        assert!(seen.into_iter().eq(CODES), "the list of codes is another");
    }

    #[test]
    fn waits_are_spread_over_one_to_five_seconds() {
        let mut counts = [0_u32; 6];
        for number in 0..1_000 {
            counts[usize::try_from(retry_after_s(number)).unwrap()] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|count| (150..250).contains(count)), "{counts:?}");
    }

    #[test]
    fn an_answer_that_is_complete_is_left_alone() {
        let json = [(header::CONTENT_TYPE, "application/json")];
        for mut response in [
            StatusCode::OK.into_response(),
            (StatusCode::BAD_REQUEST, json, "\"at least one label pair required\"").into_response(),
        ] {
            assert_eq!(Problem::of(&mut response, &Method::POST, "/api/v2/alerts"), None);
        }
    }

    #[test]
    fn a_wrong_method_is_told_what_is_allowed() {
        let mut response =
            (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,POST")]).into_response();
        let problem = Problem::of(&mut response, &Method::PUT, "/x").unwrap();
        assert_eq!(problem.message, "method PUT is not allowed, but [GET,POST] are");
        assert_eq!(
            String::from_utf8(problem.clone().body("/api/v2/alerts", "1-0", None)).unwrap(),
            r#"{"code":405,"message":"method PUT is not allowed, but [GET,POST] are"}"#
        );
        assert_eq!(
            String::from_utf8(problem.body("/api/v1/incidents", "1-0", None)).unwrap(),
            r#"{"code":"method_not_allowed","message":"method PUT is not allowed, but [GET,POST] are","request_id":"1-0"}"#
        );
    }
}
