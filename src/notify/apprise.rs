//! The channel `apprise`: notices to an Apprise API server, which has a hundred services behind it
//! (Teams, Telegram, ntfy, SMS …). To a stored configuration (`/notify/KEY`, by tag) or to addresses
//! that we send along (`/notify`).

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::channel::{Failure, Message, Purpose, Taken};
use super::post::{self, Parcel, Poster};
use crate::model::notice::NoticeKind;
use crate::model::priority::Priority;
use crate::model::progress::Progress;
use crate::settings::receivers::{Apprise as Setting, AppriseTo as To};
use crate::settings::secret::Secret;

/// A server.
#[derive(Debug)]
pub(super) struct Apprise {
    poster: Poster,
    url: Secret<Url>,
    to: To,
}

impl Apprise {
    pub(super) fn new(setting: &Setting) -> Result<Self, reqwest::Error> {
        let poster = Poster::new(setting.timeout, setting.reach)?;
        Ok(Self { poster, url: setting.url.clone(), to: setting.to.clone() })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let body = post::json(&self.body(message))?;
        let parcel = Parcel { url: self.url.reveal(), headers: &[], body };
        let answer = self.poster.post(parcel).await?;
        let status = answer.status;
        // It answers so when nothing is stored under the key, or nothing has the tag.
        if status == StatusCode::NO_CONTENT {
            let error = format!("answered {status}: nobody is configured there under key and tag");
            return Err(Failure::Refused(error));
        }
        Ok(Taken::said(format!("answered {status}")))
    }

    fn body(&self, message: &Message<'_>) -> Value {
        let (key, value) = match (&self.to, message.address) {
            (To::Stored { tag }, address) => ("tag", address.or(tag.as_deref())),
            (To::Addresses(urls), address) => {
                ("urls", Some(address.unwrap_or_else(|| urls.reveal())))
            }
        };
        let body = json!({
            "title": message.text.subject,
            "body": message.text.text,
            "type": kind(message),
            "format": "text",
        });
        post::with(body, value.map(|value| (key, value.into())))
    }
}

/// Returns how the services behind it may colour the message.
fn kind(message: &Message<'_>) -> &'static str {
    if message.purpose == Purpose::Test {
        return "info";
    }
    let incident = message.briefing.map(|briefing| &briefing.incident);
    let is_over = incident.is_some_and(|incident| match incident.progress {
        Progress::Resolved { .. } | Progress::Closed { .. } | Progress::Cancelled { .. } => true,
        Progress::New
        | Progress::Acknowledged { .. }
        | Progress::InProgress { .. }
        | Progress::OnHold { .. } => false,
    });
    match (message.notice.kind, incident.map(|incident| incident.assessment.priority)) {
        _ if is_over => "success",
        (NoticeKind::Update, _) => "info",
        (NoticeKind::Page, None | Some(Priority::P1 | Priority::P2)) => "failure",
        (NoticeKind::Page | NoticeKind::Ticket, _) => "warning",
    }
}
