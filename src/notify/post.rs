//! JSON by POST, as all channels over HTTP send it. Follows no redirect, uses no proxy of the
//! environment, reads at most 64 KiB of an answer and shows none of it.

use core::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;
use tracing::debug;

use super::channel::Failure;
use super::target::{PublicOnly, refusal};
use crate::clock;
use crate::model::time::Timestamp;
use crate::settings::address::{self, Reach};

/// How much of an answer is read, so that its connection can be used again.
const ANSWER_MAX: usize = 64 << 10;

/// How long that may take: the notice is delivered by then.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Sends to receivers of one channel.
#[derive(Debug)]
pub(super) struct Poster {
    client: Client,
    timeout: Duration,
    reach: Reach,
}

/// What is sent.
pub(super) struct Parcel<'a> {
    pub(super) url: &'a Url,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: Vec<u8>,
}

/// What a receiver answered that took it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    /// How long it asked to be left alone all the same.
    pub(super) asked: Option<Duration>,
}

impl Poster {
    pub(super) fn new(timeout: Duration, reach: Reach) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(concat!("incidentd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy();
        let client = match reach {
            Reach::Anywhere => client,
            Reach::Public => client.dns_resolver(PublicOnly),
        };
        Ok(Self { client: client.build()?, timeout, reach })
    }

    /// Makes one request; it takes no longer than the channel's time-out and a second more.
    pub(super) async fn post(&self, parcel: Parcel<'_>) -> Result<Answer, Failure> {
        // A literal address asks no resolver, so the URL is checked too.
        address::check(parcel.url, self.reach)
            .map_err(|refused| Failure::Refused(refused.to_string()))?;
        let request = self.client.post(parcel.url.clone()).header(CONTENT_TYPE, "application/json");
        let add = |request: reqwest::RequestBuilder, (name, value): &(&'static str, String)| {
            request.header(*name, value)
        };
        let request = parcel.headers.iter().fold(request, add).body(parcel.body);
        match timeout(self.timeout, request.send()).await {
            Ok(Ok(response)) => judge(response).await,
            Ok(Err(error)) => Err(unsent(&error)),
            Err(_) => Err(passing(format!("no answer within {:?}", self.timeout))),
        }
    }
}

/// Writes what is sent.
pub(super) fn json(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body)
        .map_err(|error| Failure::Refused(format!("cannot be written as JSON: {error}")))
}

/// Adds fields to a body.
pub(super) fn with(body: Value, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    match body {
        Value::Object(mut all) => {
            all.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
            Value::Object(all)
        }
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => other,
    }
}

async fn judge(response: Response) -> Result<Answer, Failure> {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| retry_after(text, clock::wall()));
    let mut body = Vec::new();
    if timeout(ANSWER_TIME, drain(response, &mut body)).await.is_err() {
        debug!("the answer to a notice was cut off");
    }
    let answered = format!("answered {status}");
    match status {
        _ if status.is_success() => Ok(Answer { status, body, asked }),
        // Not: following it. It could lead to where the settings do not allow.
        _ if status.is_redirection() => Err(Failure::Refused(format!(
            "{answered}; redirects are not followed, name the final address"
        ))),
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::GONE => Err(Failure::Refused(answered)),
        _ => Err(Failure::Passing { error: answered, asked }),
    }
}

async fn drain(mut response: Response, into: &mut Vec<u8>) {
    while let Ok(Some(chunk)) = response.chunk().await {
        into.extend_from_slice(&chunk);
        if into.len() >= ANSWER_MAX {
            break;
        }
    }
}

pub(super) fn passing(error: String) -> Failure {
    Failure::Passing { error, asked: None }
}

/// Tells why nothing was answered, in our words: the library's name the address.
fn unsent(error: &reqwest::Error) -> Failure {
    if let Some(refused) = refusal(error) {
        return Failure::Refused(refused.to_string());
    }
    passing(if error.is_connect() {
        "no connection".into()
    } else if error.is_timeout() {
        "no answer in time".into()
    } else {
        "the connection broke before an answer".into()
    })
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(date.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_millis(1_445_412_420_000); // 2015-10-21T07:27:00Z
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
