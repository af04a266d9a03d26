//! The channel `pagerduty`: notices as events of the Events API v2. One incident is one alert there:
//! pages trigger it, updates acknowledge or resolve it, all under one key.

use reqwest::Url;
use serde_json::{Value, json};

use super::channel::{Failure, Message, Purpose, Taken};
use super::post::{self, Parcel, Poster};
use crate::model::incident::Incident;
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::progress::Progress;
use crate::settings::receivers::PagerDuty as Setting;
use crate::settings::secret::Secret;

/// Characters of a summary (Events API v2, "PD-CEF").
const SUMMARY_MAX: usize = 1_024;

/// Characters of our text among the details; an event may have 512 KiB in all.
const DETAILS_MAX: usize = 16_000;

/// A service of PagerDuty.
#[derive(Debug)]
pub(super) struct PagerDuty {
    poster: Poster,
    url: Url,
    key: Secret<String>,
    installation: String,
}

/// What an event does to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

impl Action {
    fn of(message: &Message<'_>) -> Self {
        let incident = message.briefing.map(|briefing| &briefing.incident);
        match (message.notice.kind, incident) {
            (NoticeKind::Update, Some(Incident { parent: Some(_), .. })) => Self::Resolve,
            (NoticeKind::Update, Some(incident)) => match incident.progress {
                Progress::New => Self::Trigger,
                Progress::Acknowledged { .. }
                | Progress::InProgress { .. }
                | Progress::OnHold { .. } => Self::Acknowledge,
                Progress::Resolved { .. }
                | Progress::Closed { .. }
                | Progress::Cancelled { .. } => Self::Resolve,
            },
            (NoticeKind::Page | NoticeKind::Ticket | NoticeKind::Update, _) => Self::Trigger,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

impl PagerDuty {
    pub(super) fn new(setting: &Setting, installation: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            poster: Poster::new(setting.timeout, setting.reach)?,
            url: setting.url.clone(),
            key: setting.key.clone(),
            installation: installation.into(),
        })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let action = Action::of(message);
        let body = post::json(&self.event(message, action))?;
        let answer = self.poster.post(Parcel { url: &self.url, headers: &[], body }).await?;
        let said = format!("answered {}", answer.status);
        // It shows a state from now on, which has to follow ours.
        let thread = (message.purpose == Purpose::Notice).then(|| ("".into(), "alert".into()));
        Ok(Taken { said, thread })
    }

    fn event(&self, message: &Message<'_>, action: Action) -> Value {
        let notice = message.notice;
        let what = match message.purpose {
            Purpose::Notice => notice.id.incident.to_string(),
            Purpose::Test => format!("test-{}", notice.id.seq),
        };
        let event = json!({
            "routing_key": message.address.unwrap_or(self.key.reveal()),
            "event_action": action.name(),
            "dedup_key": format!("incidentd/{}/{what}", self.installation),
        });
        if action != Action::Trigger {
            return event;
        }
        let what = [
            ("client", "incidentd".into()),
            ("payload", self.payload(message)),
            ("links", links(message)),
        ];
        post::with(event, what)
    }

    fn payload(&self, message: &Message<'_>) -> Value {
        let incident = message.briefing.map(|briefing| &briefing.incident);
        let root = incident.and_then(|incident| incident.root.ci.as_deref());
        let notice = message.notice;
        json!({
            "summary": cut(&message.text.subject, SUMMARY_MAX),
            "source": root.map_or_else(|| format!("incidentd {}", self.installation), Into::into),
            "severity": severity(message, incident),
            "timestamp": incident.map_or(notice.created_at, |it| it.opened_at).to_string(),
            "component": root,
            "group": message.briefing.map(|briefing| briefing.services.join(", ")),
            "class": incident.and_then(|incident| incident.category.as_deref()),
            "custom_details": {
                "notice": notice.id.to_string(),
                "because": notice.because,
                "text": cut(&message.text.text, DETAILS_MAX),
            },
        })
    }
}

fn severity(message: &Message<'_>, incident: Option<&Incident>) -> &'static str {
    match incident.map(|incident| incident.assessment.priority) {
        _ if message.purpose == Purpose::Test => "info",
        // Not read: it is at least a page.
        None | Some(Priority::P1) => "critical",
        Some(Priority::P2) => "error",
        Some(Priority::P3) => "warning",
        Some(Priority::P4) => "info",
    }
}

fn links(message: &Message<'_>) -> Value {
    let help = message.briefing.map(|briefing| &briefing.help);
    let links = help.into_iter().flat_map(|help| &help.links);
    links.map(|(name, url)| json!({"text": name, "href": url})).collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    let line: String = text.chars().take(chars_max).collect();
    line
}
