//! The channel `webhook`: a notice as JSON by POST. Follows no redirect, uses no proxy of the
//! environment, reads at most 64 KiB of an answer and shows none of it.

use core::time::Duration;
use std::collections::BTreeMap;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Serialize;
use tokio::time::timeout;
use tracing::debug;

use super::Briefing;
use super::channel::{Failure, Message};
use super::sign::signatures;
use super::target::{PublicOnly, refusal};
use crate::clock;
use crate::model::incident::Incident;
use crate::model::time::Timestamp;
use crate::settings::address::{self, Reach};
use crate::settings::channels::Webhook as Setting;
use crate::settings::secret::Secret;
use crate::settings::signing::SigningKey;

/// How much of an answer is read, so that its connection can be used again.
const ANSWER_MAX: usize = 64 << 10;

/// How long that may take: the notice is delivered by then.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A receiver.
#[derive(Debug)]
pub(super) struct Webhook {
    client: Client,
    url: Secret<Url>,
    keys: Vec<SigningKey>,
    timeout: Duration,
    reach: Reach,
}

impl Webhook {
    pub(super) fn new(setting: &Setting) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(concat!("incidentd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy();
        let client = match setting.reach {
            Reach::Anywhere => client,
            Reach::Public => client.dns_resolver(PublicOnly),
        };
        Ok(Self {
            client: client.build()?,
            url: setting.url.clone(),
            keys: setting.keys.clone(),
            timeout: setting.timeout,
            reach: setting.reach,
        })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<String, Failure> {
        // A literal address asks no resolver, so the URL is checked too.
        address::check(self.url.reveal(), self.reach)
            .map_err(|refused| Failure::Refused(refused.to_string()))?;
        let id = message.notice.id.to_string();
        let at_s = clock::wall().millis() / 1_000;
        let body = serde_json::to_vec(&body(message))
            .map_err(|error| Failure::Refused(format!("cannot be written as JSON: {error}")))?;
        let mut request = self
            .client
            .post(self.url.reveal().clone())
            .header("Idempotency-Key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", at_s)
            .header(CONTENT_TYPE, "application/json");
        if !self.keys.is_empty() {
            request = request.header("webhook-signature", signatures(&self.keys, &id, at_s, &body));
        }
        let request = request.body(body);
        match timeout(self.timeout, request.send()).await {
            Ok(Ok(response)) => judge(response).await,
            Ok(Err(error)) => Err(unsent(&error)),
            Err(_) => Err(passing(format!("no answer within {:?}", self.timeout))),
        }
    }
}

async fn judge(response: Response) -> Result<String, Failure> {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| retry_after(text, clock::wall()));
    if timeout(ANSWER_TIME, drain(response)).await.is_err() {
        debug!("the answer to a notice was cut off");
    }
    let answered = format!("answered {status}");
    match status {
        _ if status.is_success() => Ok(answered),
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

async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read >= ANSWER_MAX {
            break;
        }
    }
}

fn passing(error: String) -> Failure {
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

/// What is posted. Receivers depend on it: fields are added, never renamed.
#[derive(Debug, Serialize)]
struct Body<'a> {
    id: String,
    kind: String,
    target: &'a str,
    contact: &'a str,
    because: &'a str,
    subject: &'a str,
    text: &'a str,
    created_at: String,
    attempt: u32,
    incident: Option<IncidentBody<'a>>,
    /// Incidents that a digest tells of besides.
    also: Vec<AlsoBody<'a>>,
}

#[derive(Debug, Serialize)]
struct IncidentBody<'a> {
    id: String,
    state: String,
    title: &'a str,
    priority: String,
    impact: String,
    urgency: String,
    priority_because: &'a str,
    category: Option<&'a str>,
    known_error: Option<&'a str>,
    workaround: Option<&'a str>,
    runbook: Option<&'a str>,
    links: BTreeMap<&'a str, &'a str>,
    team: Option<&'a str>,
    rule: Option<&'a str>,
    parent: Option<String>,
    root: Root<'a>,
    services: &'a [String],
    opened_at: String,
    members: u32,
    firing: u32,
    alerts: Vec<Alert<'a>>,
}

#[derive(Debug, Serialize)]
struct AlsoBody<'a> {
    id: String,
    state: String,
    title: &'a str,
    priority: String,
    opened_at: String,
}

#[derive(Debug, Serialize)]
struct Root<'a> {
    fingerprint: String,
    ci: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Alert<'a> {
    labels: BTreeMap<&'a str, &'a str>,
    summary: &'a str,
}

fn body<'a>(message: &Message<'a>) -> Body<'a> {
    let notice = message.notice;
    Body {
        id: notice.id.to_string(),
        kind: message.kind(),
        target: &notice.target,
        contact: &notice.contact,
        because: &notice.because,
        subject: &message.text.subject,
        text: &message.text.text,
        created_at: notice.created_at.to_string(),
        attempt: notice.attempts.saturating_add(1),
        incident: message.briefing.map(incident),
        also: message
            .briefing
            .map_or_else(Vec::new, |briefing| briefing.also.iter().map(also).collect()),
    }
}

fn also(incident: &Incident) -> AlsoBody<'_> {
    AlsoBody {
        id: incident.id.to_string(),
        state: incident.progress.name().to_string(),
        title: &incident.title,
        priority: incident.assessment.priority.to_string(),
        opened_at: incident.opened_at.to_string(),
    }
}

fn incident(briefing: &Briefing) -> IncidentBody<'_> {
    let Briefing { incident, alerts, services, help, also: _ } = briefing;
    let known = &help.known;
    IncidentBody {
        id: incident.id.to_string(),
        state: incident.progress.name().to_string(),
        title: &incident.title,
        priority: incident.assessment.priority.to_string(),
        impact: incident.assessment.impact.to_string(),
        urgency: incident.assessment.urgency.to_string(),
        priority_because: &incident.assessment.sum,
        category: incident.category.as_deref(),
        known_error: incident.known_error.as_ref().map(|known| &*known.id),
        workaround: Some(&*known.workaround).filter(|text| !text.is_empty()),
        runbook: Some(&*known.runbook).filter(|text| !text.is_empty()),
        links: help.links.iter().map(|(name, link)| (&**name, &**link)).collect(),
        team: incident.team.as_deref(),
        rule: incident.rule.as_deref(),
        parent: incident.parent.map(|parent| parent.to_string()),
        root: Root {
            fingerprint: incident.root.alert.to_string(),
            ci: incident.root.ci.as_deref(),
        },
        services,
        opened_at: incident.opened_at.to_string(),
        members: incident.members,
        firing: incident.firing,
        alerts: alerts
            .iter()
            .map(|(labels, summary)| Alert { labels: labels.iter().collect(), summary })
            .collect(),
    }
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
