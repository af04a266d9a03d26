//! The channel `webhook`: a notice as JSON by POST, signed as Standard Webhooks has it. See `post`
//! for how far it goes and what an answer means.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Serialize;

use super::Briefing;
use super::channel::{Failure, Message, Taken};
use super::post::{Parcel, Poster, json};
use super::sign::signatures;
use crate::clock;
use crate::model::incident::Incident;
use crate::settings::channels::Webhook as Setting;
use crate::settings::secret::Secret;
use crate::settings::signing::SigningKey;

/// A receiver.
#[derive(Debug)]
pub(super) struct Webhook {
    poster: Poster,
    url: Secret<Url>,
    keys: Vec<SigningKey>,
}

impl Webhook {
    pub(super) fn new(setting: &Setting) -> Result<Self, reqwest::Error> {
        Ok(Self {
            poster: Poster::new(setting.timeout, setting.reach)?,
            url: setting.url.clone(),
            keys: setting.keys.clone(),
        })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let id = message.notice.id.to_string();
        let at_s = clock::wall().millis() / 1_000;
        let body = json(&body(message))?;
        let mut headers = vec![
            ("idempotency-key", id.clone()),
            ("webhook-id", id.clone()),
            ("webhook-timestamp", at_s.to_string()),
        ];
        if !self.keys.is_empty() {
            headers.push(("webhook-signature", signatures(&self.keys, &id, at_s, &body)));
        }
        let parcel = Parcel { url: self.url.reveal(), headers: &headers, body };
        let answer = self.poster.post(parcel).await?;
        Ok(Taken::said(format!("answered {}", answer.status)))
    }
}

/// What is posted. Receivers depend on it: fields are added, never renamed.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    id: String,
    kind: String,
    target: &'a str,
    contact: &'a str,
    /// Where the contact is reached by this channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    because: &'a str,
    subject: &'a str,
    text: &'a str,
    created_at: String,
    attempt: u32,
    incident: Option<IncidentBody<'a>>,
    /// Incidents that a digest tells of besides.
    also: Vec<AlsoBody<'a>>,
    /// What it tells of beside these, counted only.
    also_more: u32,
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
    last_time: &'a str,
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

/// Returns a notice as programs read it.
pub(super) fn body<'a>(message: &Message<'a>) -> Body<'a> {
    let notice = message.notice;
    Body {
        id: notice.id.to_string(),
        kind: message.kind(),
        target: &notice.target,
        contact: &notice.contact,
        address: message.address,
        because: &notice.because,
        subject: &message.text.subject,
        text: &message.text.text,
        created_at: notice.created_at.to_string(),
        attempt: notice.attempts.saturating_add(1),
        incident: message.briefing.map(incident),
        also: message
            .briefing
            .map_or_else(Vec::new, |briefing| briefing.also.iter().map(also).collect()),
        also_more: notice.also_more,
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
    let Briefing { incident, alerts, services, help, last_time, also: _ } = briefing;
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
        last_time,
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
