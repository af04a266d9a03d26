//! The channel `slack`: a notice as a chat message.
//!
//! By an incoming webhook (Slack, Mattermost, Rocket.Chat) every notice is a message of its own. With
//! a bot's token the first notice of an incident in a room is the head of a thread: it is edited as
//! the incident changes, and what is said later stands below it. The edit goes first, because doing
//! it twice does no harm.

use core::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::channel::{Failure, Message, Purpose, Taken};
use super::post::{self, Parcel, Poster, passing};
use crate::model::notice::NoticeKind;
use crate::settings::receivers::{Slack as Setting, SlackWay as Way};

/// Characters of a message; Slack asks for no more than 4,000 ("chat.postMessage", Truncating
/// content), and marks-up count.
const CHARS_MAX: usize = 3_800;

/// What Slack's `error` may be when it will be gone later (Web API, "Errors").
const PASSING: [&str; 6] = [
    "fatal_error",
    "internal_error",
    "ratelimited",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
];

/// What it may be when a message cannot be edited any more: then a new one stands for it.
const UNEDITABLE: [&str; 4] =
    ["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"];

/// Further ones that an operator can do something about. No other word of an answer is ever shown.
const TOLD: [&str; 9] = [
    "account_inactive",
    "channel_not_found",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_authed",
    "not_in_channel",
    "token_revoked",
];

/// A chat.
#[derive(Debug)]
pub(super) struct Slack {
    poster: Poster,
    way: Way,
}

/// What the Web API answers; 200 even for what it refuses.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

/// The head of a thread as it is remembered: room and time, as Slack names messages.
struct Head<'a> {
    room: &'a str,
    ts: &'a str,
}

impl Slack {
    pub(super) fn new(setting: &Setting) -> Result<Self, reqwest::Error> {
        let poster = Poster::new(setting.timeout, setting.reach)?;
        Ok(Self { poster, way: setting.way.clone() })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        match &self.way {
            Way::Hook(url) => {
                let body = post::json(&json!({"text": text(message)}))?;
                let answer =
                    self.poster.post(Parcel { url: url.reveal(), headers: &[], body }).await?;
                Ok(Taken::said(format!("answered {}", answer.status)))
            }
            Way::Bot { to, .. } => {
                let room = message.address.unwrap_or(to);
                let head = message.thread(room).and_then(head);
                match head {
                    Some(head) if message.purpose == Purpose::Notice => {
                        self.go_on(message, room, head).await
                    }
                    Some(_) | None => self.begin(message, room).await,
                }
            }
        }
    }

    /// Writes the head of a thread.
    async fn begin(&self, message: &Message<'_>, room: &str) -> Result<Taken, Failure> {
        let answer = self.call("chat.postMessage", &posted(message, room)).await?;
        if !answer.ok {
            return Err(refused(&answer.error));
        }
        let name = format!("{}:{}", answer.channel, answer.ts);
        Ok(Taken { said: "posted".into(), thread: Some((room.into(), name.into())) })
    }

    /// Brings the head up to date and says below it what is new.
    async fn go_on(
        &self,
        message: &Message<'_>,
        room: &str,
        head: Head<'_>,
    ) -> Result<Taken, Failure> {
        let edit = json!({"channel": head.room, "ts": head.ts, "text": text(message)});
        let edited = self.call("chat.update", &edit).await?;
        if !edited.ok && UNEDITABLE.contains(&&*edited.error) {
            return self.begin(message, room).await;
        }
        if !edited.ok {
            return Err(refused(&edited.error));
        }
        let answer = self.call("chat.postMessage", &reply(message, &head)).await?;
        if answer.ok {
            Ok(Taken::said("edited, and posted in its thread".into()))
        } else {
            Err(refused(&answer.error))
        }
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Answer, Failure> {
        let Way::Bot { api, token, .. } = &self.way else {
            return Err(Failure::Refused("has no token".into()));
        };
        let url = api.join(method).map_err(|_| Failure::Refused("`api` is no base".into()))?;
        let headers = [("authorization", format!("Bearer {}", token.reveal()))];
        let body = post::json(body)?;
        let answer = self.poster.post(Parcel { url: &url, headers: &headers, body }).await?;
        let asked = answer.asked;
        let answer: Answer = serde_json::from_slice(&answer.body)
            .map_err(|_| passing("no answer of Slack's Web API".into()))?;
        match (&*answer.error, asked) {
            ("ratelimited", asked @ Some(_)) => {
                Err(Failure::Passing { error: "answered ratelimited".into(), asked })
            }
            _ => Ok(answer),
        }
    }
}

/// The whole notice: what stands at the head of its thread.
fn text(message: &Message<'_>) -> String {
    let text = &message.text;
    let mut whole = format!("*{}*\n", escape(text.subject.lines().next().unwrap_or("")));
    whole.push_str(&escape(&text.text));
    if whole.chars().count() > CHARS_MAX {
        whole = whole.chars().take(CHARS_MAX).collect();
        whole.push('…');
    }
    whole
}

fn posted(message: &Message<'_>, room: &str) -> Value {
    json!({
        "channel": room,
        "text": text(message),
        "unfurl_links": false,
        "unfurl_media": false,
        "metadata": marked(message),
    })
}

/// What is said below a head: why the notice was written. A page is shown in the room as well.
fn reply(message: &Message<'_>, head: &Head<'_>) -> Value {
    let notice = message.notice;
    let said = format!("{} for {}: {}", message.kind(), notice.contact, notice.because);
    json!({
        "channel": head.room,
        "thread_ts": head.ts,
        "reply_broadcast": notice.kind == NoticeKind::Page,
        "text": escape(&said),
        "unfurl_links": false,
        "metadata": marked(message),
    })
}

/// Names the notice, so that a second copy is known as one.
fn marked(message: &Message<'_>) -> Value {
    json!({"event_type": "incidentd_notice", "event_payload": {"id": message.notice.id.to_string()}})
}

/// Takes from a text what Slack would read as more ("Formatting text", Escaping): mentions of a whole
/// room among it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn head(name: &str) -> Option<Head<'_>> {
    let (room, ts) = name.split_once(':')?;
    Some(Head { room, ts })
}

/// Words a refusal by those of Slack's words that we know.
fn refused(error: &str) -> Failure {
    let known = |words: &[&'static str]| words.iter().find(|word| **word == error).copied();
    if let Some(word) = known(&PASSING) {
        let asked = (word == "ratelimited").then_some(Duration::from_secs(1));
        return Failure::Passing { error: format!("answered {word}"), asked };
    }
    let word = known(&TOLD).or_else(|| known(&UNEDITABLE)).unwrap_or("an error");
    Failure::Refused(format!("answered {word}"))
}
