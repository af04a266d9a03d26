//! Sections `[channels.NAME]`: ways to people. Addresses are secrets: many services put the
//! credential into the path.

use core::fmt;
use core::time::Duration;

use reqwest::Url;

use super::address::{self, Reach};
use super::secret::Secret;
use super::section::Section;
use crate::model::priority::words;

/// A way to people.
#[derive(Clone, Debug)]
pub enum Channel {
    /// Into the daemon's own log.
    Log,
    /// By POST to an address.
    Webhook(Webhook),
}

/// Where and how a webhook is called.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: Secret<Url>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Log,
    Webhook,
}

words!(Kind, Log = "log", Webhook = "webhook");

/// What one attempt may take when nothing else is said: a page must not wait longer for its next
/// channel.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn read(section: &mut Section<'_>) -> Channel {
    match section.word("kind", Kind::Log) {
        Kind::Log => Channel::Log,
        Kind::Webhook => read_webhook(section).map_or(Channel::Log, Channel::Webhook),
    }
}

fn read_webhook(section: &mut Section<'_>) -> Option<Webhook> {
    let timeout = if section.has("timeout") {
        section.duration("timeout", Duration::from_millis(100)..=Duration::from_mins(1))
    } else {
        TIMEOUT
    };
    let allow_private = section.has("allow_private") && section.switch("allow_private");
    let reach = if allow_private { Reach::Anywhere } else { Reach::Public };
    let url = read_url(section)?;
    if let Err(refused) = address::check(&url, reach) {
        let help = "name an https address on the internet, or set allow_private = true when the \
                    receiver is your own";
        section.refuse("K005", "url", refused.to_string(), help);
    }
    Some(Webhook { url: Secret::new(url), timeout, reach })
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
