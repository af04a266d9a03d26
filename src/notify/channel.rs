//! The channels: a closed list, one file each.

use core::time::Duration;

use tokio::sync::watch;

use super::Briefing;
use super::log;
use super::mail::Mail;
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
    /// The contact's mailbox, where the rule files name one.
    pub(super) mailbox: Option<&'a str>,
}

impl Message<'_> {
    /// Returns the kind of message as receivers see it.
    pub(super) fn kind(&self) -> String {
        match self.purpose {
            Purpose::Notice => self.notice.kind.to_string(),
            Purpose::Test => "test".into(),
        }
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
        match setting {
            Setting::Log => Ok(Self::Log),
            Setting::Webhook(setting) => Webhook::new(setting)
                .map(Self::Webhook)
                .map_err(|error| ChannelError { name: name.into(), error: error.into() }),
            Setting::Email(setting) => Mail::new(setting, installation)
                .map(Self::Mail)
                .map_err(|error| ChannelError { name: name.into(), error: error.into() }),
        }
    }

    /// Makes one attempt; takes no longer than the channel's time-out. Returns in a few words of
    /// ours how the receiver took it.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<String, Failure> {
        match self {
            Self::Log => Ok(log::send(message)),
            Self::Webhook(webhook) => webhook.send(message).await,
            Self::Mail(mail) => mail.send(message).await,
            Self::Loopback(sink) => {
                sink.send_replace(message.notice.created_at);
                Ok("came back".into())
            }
        }
    }
}
