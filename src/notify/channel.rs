//! The channels: a closed list, one file each.

use core::time::Duration;

use tokio::sync::watch;

use super::Briefing;
use super::log;
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
    pub error: reqwest::Error,
}

/// What a channel delivers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) notice: &'a Notice,
    /// `None` when the incident could not be read.
    pub(super) briefing: Option<&'a Briefing>,
    /// The notice for people.
    pub(super) text: &'a str,
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
    pub(super) fn new(name: &str, setting: &Setting) -> Result<Self, ChannelError> {
        match setting {
            Setting::Log => Ok(Self::Log),
            Setting::Webhook(setting) => Webhook::new(setting)
                .map(Self::Webhook)
                .map_err(|error| ChannelError { name: name.into(), error }),
        }
    }

    /// Makes one attempt; takes no longer than the channel's time-out.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<(), Failure> {
        match self {
            Self::Log => {
                log::send(message);
                Ok(())
            }
            Self::Webhook(webhook) => webhook.send(message).await,
            Self::Loopback(sink) => {
                sink.send_replace(message.notice.created_at);
                Ok(())
            }
        }
    }
}
