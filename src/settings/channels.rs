//! Sections `[channels.NAME]`: ways to people. Addresses are secrets: many services put the
//! credential into the path.

use core::fmt;
use core::time::Duration;

use reqwest::Url;

use super::address::{self, Reach};
use super::email::{self, Email};
use super::receivers::{self, Apprise, Exec, PagerDuty, Slack};
use super::reference::Reference;
use super::secret::Secret;
use super::section::Section;
use super::signing::{self, SigningKey};
use super::topic::{self, Topic};
use crate::model::priority::words;

/// A way to people.
#[derive(Clone, Debug)]
pub enum Channel {
    /// Into the daemon's own log.
    Log,
    /// By POST to an address.
    Webhook(Webhook),
    /// By mail.
    Email(Email),
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
}

/// The topic that notices are written to.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The topic.
    pub to: Topic,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Where and how a webhook is called.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: Secret<Url>,
    /// Keys that sign what is sent: none, one, or two while they are exchanged.
    pub keys: Vec<SigningKey>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Log,
    Webhook,
    Email,
    Slack,
    PagerDuty,
    Apprise,
    Exec,
    Kafka,
}

words!(
    Kind,
    Log = "log",
    Webhook = "webhook",
    Email = "email",
    Slack = "slack",
    PagerDuty = "pagerduty",
    Apprise = "apprise",
    Exec = "exec",
    Kafka = "kafka"
);

/// What one attempt may take when nothing else is said: a page must not wait longer for its next
/// channel.
const TIMEOUT: Duration = Duration::from_secs(10);

const SECRET: Reference = Reference { file: "secret_file", credential: "secret_credential" };

pub(super) fn read(section: &mut Section<'_>) -> Channel {
    match section.word("kind", Kind::Log) {
        Kind::Log => Channel::Log,
        Kind::Webhook => read_webhook(section).map_or(Channel::Log, Channel::Webhook),
        Kind::Email => email::read(section).map_or(Channel::Log, Channel::Email),
        Kind::Slack => receivers::slack(section).map_or(Channel::Log, Channel::Slack),
        Kind::PagerDuty => receivers::pagerduty(section).map_or(Channel::Log, Channel::PagerDuty),
        Kind::Apprise => receivers::apprise(section).map_or(Channel::Log, Channel::Apprise),
        Kind::Exec => receivers::exec(section).map_or(Channel::Log, Channel::Exec),
        Kind::Kafka => read_kafka(section).map_or(Channel::Log, Channel::Kafka),
    }
}

fn read_kafka(section: &mut Section<'_>) -> Option<Kafka> {
    let timeout = read_timeout(section);
    Some(Kafka { to: topic::read(section)?, timeout })
}

/// Reads how long one attempt may take.
pub(super) fn read_timeout(section: &mut Section<'_>) -> Duration {
    if section.has("timeout") {
        section.duration("timeout", Duration::from_millis(100)..=Duration::from_mins(1))
    } else {
        TIMEOUT
    }
}

/// Reads whether a channel may reach what is not on the public internet.
pub(super) fn read_reach(section: &mut Section<'_>) -> Reach {
    let allow_private = section.has("allow_private") && section.switch("allow_private");
    if allow_private { Reach::Anywhere } else { Reach::Public }
}

fn read_webhook(section: &mut Section<'_>) -> Option<Webhook> {
    let (timeout, reach) = (read_timeout(section), read_reach(section));
    let keys = if SECRET.is_given(section) {
        SECRET.read(section, signing::EXPECTED, signing::read)
    } else {
        Some(Vec::new())
    };
    let url = read_url(section)?;
    refuse_private(section, "url", &url, reach);
    Some(Webhook { url: Secret::new(url), keys: keys?, timeout, reach })
}

/// Refuses an address that may not be sent to.
pub(super) fn refuse_private(section: &mut Section<'_>, key: &str, url: &Url, reach: Reach) {
    if let Err(refused) = address::check(url, reach) {
        let help = "name an https address on the internet, or set allow_private = true when the \
                    receiver is your own";
        section.refuse("K005", key, refused.to_string(), help);
    }
}

/// Reads an address that is a secret from `url`, or from the first line of the file `url_file`.
pub(super) fn read_url(section: &mut Section<'_>) -> Option<Url> {
    let address = "an address such as https://chat.example/hook";
    match (section.has("url"), section.has("url_file")) {
        (true, false) => section.secret("url", address, |text| Url::parse(text).ok()),
        (false, true) => {
            let expected = format!("a readable file whose first line is {address}");
            section.text("url_file", &expected, |path| {
                let content = std::fs::read_to_string(path).ok()?;
                Url::parse(content.lines().next()?.trim()).ok()
            })
        }
        (both, _) => {
            let found =
                if both { "both `url` and `url_file`" } else { "neither `url` nor `url_file`" };
            let help = "write one of them; url_file keeps the address out of the settings";
            section.refuse("K003", "url", format!("found {found}, expected one"), help);
            // Not: left over for the check of unknown keys, which would name it a second time.
            section.drop(&["url", "url_file"]);
            None
        }
    }
}
