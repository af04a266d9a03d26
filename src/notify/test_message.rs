//! Test messages: through the real channels, at once, and answered to whoever asked. They are no
//! notices: nothing of them is stored, tried again or counted as a page.

use core::fmt;
use std::sync::Arc;

use super::attempt::Post;
use super::channel::{Failure, Message, Purpose};
use super::text;
use super::{ChannelError, Parts};
use crate::model::incident::RecordId;
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::time::Timestamp;
use crate::rules::RuleSet;
use crate::telemetry::metrics::Delivery;

/// Sends test messages; cheap to clone.
#[derive(Clone)]
pub struct Tester(Arc<Post>);

/// Whether a test message is sent or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// It is sent.
    Send,
    /// It is shown, and nobody hears of it.
    Show,
}

/// A test message to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The channel.
    pub channel: String,
    /// Its first line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// How the receiver took it, in our words; `None` when it was only shown.
    pub outcome: Option<Result<String, String>>,
}

/// Nobody and nothing has the name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is neither a contact nor a channel; contacts: {}; channels: {}",
    contacts.join(", "), channels.join(", ")
)]
pub struct Unknown {
    /// What was asked for.
    pub name: String,
    /// The contacts of the rule files.
    pub contacts: Vec<String>,
    /// The channels of the settings.
    pub channels: Vec<String>,
}

impl Tester {
    pub(super) fn of(post: &Arc<Post>) -> Self {
        Self(Arc::clone(post))
    }

    /// Prepares channels of their own.
    ///
    /// # Errors
    /// When a channel cannot be set up.
    pub fn new(parts: &Parts<'_>) -> Result<Self, ChannelError> {
        Ok(Self(Arc::new(Post::new(parts)?)))
    }

    /// Sends a test message to all channels of a contact, or to the channel of that name.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn test(&self, name: &str, how: Rehearsal) -> Result<Vec<Tested>, Unknown> {
        let rules = Arc::clone(&self.0.context.borrow().rules);
        let channels = match rules.contacts.get(name) {
            Some(contact) => contact.all_channels(),
            None if self.0.channels.contains_key(name) => vec![name.into()],
            None => return Err(self.unknown(&rules, name)),
        };
        let mut tested = Vec::with_capacity(channels.len());
        for channel in channels {
            tested.push(self.test_channel(&rules, name, &channel, how).await);
        }
        Ok(tested)
    }

    async fn test_channel(
        &self,
        rules: &RuleSet,
        name: &str,
        channel: &str,
        how: Rehearsal,
    ) -> Tested {
        let post = &*self.0;
        let now = post.clock.now();
        let text = text::test(name, channel, now);
        let outcome = match (how, post.channels.get(channel)) {
            (Rehearsal::Show, _) => None,
            (Rehearsal::Send, None) => Some(Err(post.missing())),
            (Rehearsal::Send, Some(real)) => {
                let message = Message {
                    notice: &notice(name, channel, now),
                    briefing: None,
                    text: &text,
                    purpose: Purpose::Test,
                    address: post.address(rules, name, channel),
                };
                let sent = real.send(&message).await.map_err(|failure| match failure {
                    Failure::Refused(error) | Failure::Passing { error, .. } => error,
                });
                let result = if sent.is_ok() { Delivery::Sent } else { Delivery::Failed };
                post.metrics.notify.tested(channel, result);
                Some(sent.map(|taken| taken.said))
            }
        };
        Tested { channel: channel.into(), subject: text.subject, text: text.text, outcome }
    }

    fn unknown(&self, rules: &RuleSet, name: &str) -> Unknown {
        Unknown {
            name: name.into(),
            contacts: rules.contacts.keys().map(ToString::to_string).collect(),
            channels: self.0.known().map(String::from).collect(),
        }
    }
}

impl fmt::Debug for Tester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tester").field(&self.0.channels).finish()
    }
}

/// Returns what channels take a message from; it is about no incident, INC-0, and numbered by the
/// second so that no receiver takes a second test for a copy of the first.
fn notice(contact: &str, channel: &str, now: Timestamp) -> Notice {
    let seq = u32::try_from(now.millis() / 1_000).unwrap_or(u32::MAX);
    Notice {
        id: NoticeId { incident: RecordId(0), seq },
        kind: NoticeKind::Update,
        target: contact.into(),
        contact: contact.into(),
        channels: vec![channel.into()],
        channel: 0,
        because: "a person asked for a test".into(),
        also: Vec::new(),
        also_more: 0,
        created_at: now,
        state: NoticeState::Pending,
        due_at: now,
        attempts: 0,
        last_error: String::new(),
    }
}
