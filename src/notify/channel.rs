//! The channels: a closed list, one file each.

use core::time::Duration;

use tokio::sync::watch;

use super::Briefing;
use super::apprise::Apprise;
use super::exec::Exec;
use super::kafka::Kafka;
use super::log;
use super::mail::Mail;
use super::pagerduty::PagerDuty;
use super::slack::Slack;
use super::text::Wording;
use super::webhook::Webhook;
use crate::model::notice::Notice;
use crate::model::time::Timestamp;
use crate::settings::channels::Channel as Setting;

/// A way to people, ready for use.
#[derive(Debug)]
pub(super) enum Channel {
    /// Into the daemon's own log.
    Log,
    /// By POST to an address.
    Webhook(Webhook),
    /// By mail.
    Mail(Mail),
    /// To a chat.
    Slack(Slack),
    /// To PagerDuty.
    PagerDuty(PagerDuty),
    /// To an Apprise API server.
    Apprise(Apprise),
    /// To a program.
    Exec(Exec),
    /// Into a topic of Kafka.
    Kafka(Kafka),
    /// Back to ourselves: says when the notice was planned.
    Loopback(watch::Sender<Timestamp>),
}

/// A channel that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("channel {name} cannot be set up: {error}")]
pub struct ChannelError {
    /// The channel.
    pub name: Box<str>,
    /// Why.
    pub error: Box<dyn core::error::Error + Send + Sync>,
}

/// What a channel delivers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) notice: &'a Notice,
    /// `None` when the incident could not be read.
    pub(super) briefing: Option<&'a Briefing>,
    /// The notice for people.
    pub(super) text: &'a Wording,
    /// What it is sent for.
    pub(super) purpose: Purpose,
    /// Where the contact is reached by this channel, where the rule files say so.
    pub(super) address: Option<&'a str>,
}

impl Message<'_> {
    /// Returns the kind of message as receivers see it.
    pub(super) fn kind(&self) -> String {
        match self.purpose {
            Purpose::Notice => self.notice.kind.to_string(),
            Purpose::Test => "test".into(),
        }
    }

    /// Returns the message that this channel wrote on the incident at this place, where it is to be
    /// kept up to date.
    pub(super) fn thread(&self, place: &str) -> Option<&str> {
        let channel = self.notice.channel_name();
        let threads = &self.briefing?.incident.threads;
        let found = threads.iter().find(|it| *it.channel == *channel && *it.place == *place);
        found.map(|thread| &*thread.message)
    }
}

/// What a message is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To tell a person what the notice says.
    Notice,
    /// To see whether the channel works.
    Test,
}

/// That a channel took a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// How, in a few words of ours.
    pub(super) said: String,
    /// What has to follow the incident from now on: the place, and the message there.
    pub(super) thread: Option<(Box<str>, Box<str>)>,
}

impl Taken {
    /// Nothing has to be kept up to date.
    pub(super) fn said(said: String) -> Self {
        Self { said, thread: None }
    }
}

/// Why a channel did not take a notice. The words go into the timeline: no address and no answer of
/// the receiver is among them, because either may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It never will.
    Refused(String),
    /// It may later.
    Passing {
        error: String,
        /// How long the receiver asked to be left alone.
        asked: Option<Duration>,
    },
}

impl Channel {
    /// Prepares a channel; `installation` tells this daemon's messages from those of others.
    pub(super) fn new(
        name: &str,
        setting: &Setting,
        installation: &str,
    ) -> Result<Self, ChannelError> {
        let refused =
            |error: reqwest::Error| ChannelError { name: name.into(), error: error.into() };
        match setting {
            Setting::Log => Ok(Self::Log),
            Setting::Webhook(setting) => Webhook::new(setting).map(Self::Webhook).map_err(refused),
            Setting::Email(setting) => Mail::new(setting, installation)
                .map(Self::Mail)
                .map_err(|error| ChannelError { name: name.into(), error: error.into() }),
            Setting::Slack(setting) => Slack::new(setting).map(Self::Slack).map_err(refused),
            Setting::PagerDuty(setting) => {
                PagerDuty::new(setting, installation).map(Self::PagerDuty).map_err(refused)
            }
            Setting::Apprise(setting) => Apprise::new(setting).map(Self::Apprise).map_err(refused),
            Setting::Exec(setting) => Ok(Self::Exec(Exec::new(setting))),
            Setting::Kafka(setting) => Kafka::new(setting)
                .map(Self::Kafka)
                .map_err(|error| ChannelError { name: name.into(), error: error.into() }),
        }
    }

    /// Makes one attempt; takes no longer than the channel's time-out for each of its requests.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        match self {
            Self::Log => Ok(Taken::said(log::send(message))),
            Self::Webhook(webhook) => webhook.send(message).await,
            Self::Mail(mail) => mail.send(message).await,
            Self::Slack(slack) => slack.send(message).await,
            Self::PagerDuty(pagerduty) => pagerduty.send(message).await,
            Self::Apprise(apprise) => apprise.send(message).await,
            Self::Exec(exec) => exec.send(message).await,
            Self::Kafka(kafka) => kafka.send(message).await,
            Self::Loopback(sink) => {
                sink.send_replace(message.notice.created_at);
                Ok(Taken::said("came back".into()))
            }
        }
    }
}
