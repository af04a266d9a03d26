//! Channels of kind slack, pagerduty, apprise and exec: where they lead, and by what credential.

use core::fmt;
use core::time::Duration;

use reqwest::Url;

use super::address::{self, Reach};
use super::channels::{read_reach, read_timeout, read_url, refuse_private};
use super::reference::Reference;
use super::secret::Secret;
use super::section::Section;

/// The base of Slack's Web API.
const SLACK_API: &str = "https://slack.com/api/";

/// Where PagerDuty takes events (Events API v2).
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Arguments of a program.
const ARGUMENTS_MAX: usize = 64;

const TOKEN: Reference = Reference { file: "token_file", credential: "token_credential" };
const KEY: Reference = Reference { file: "routing_key_file", credential: "routing_key_credential" };
const URLS: Reference = Reference { file: "urls_file", credential: "urls_credential" };

/// How a chat is written to.
#[derive(Clone, Debug)]
pub struct Slack {
    /// By what.
    pub way: SlackWay,
    /// How long one request may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

/// By what a chat is written to.
#[derive(Clone, Debug)]
pub enum SlackWay {
    /// An incoming webhook, which knows its room.
    Hook(Secret<Url>),
    /// A bot.
    Bot {
        /// The base of the Web API, with a slash at its end.
        api: Url,
        /// The bot's token.
        token: Secret<String>,
        /// The room for contacts that have no address of their own.
        to: String,
    },
}

/// A service of PagerDuty.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    /// Where events go.
    pub url: Url,
    /// The integration's key.
    pub key: Secret<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

/// An Apprise API server.
#[derive(Clone, Debug)]
pub struct Apprise {
    /// Its address; with `/notify/KEY` the key may be a secret.
    pub url: Secret<Url>,
    /// To whom it passes notices on.
    pub to: AppriseTo,
    /// How long one request may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

/// To whom an Apprise API server passes notices on.
#[derive(Clone, Debug)]
pub enum AppriseTo {
    /// To those it has stored under the key of its address.
    Stored {
        /// Only to those with this tag; contacts may have another.
        tag: Option<String>,
    },
    /// To these Apprise addresses, separated by commas.
    Addresses(Secret<String>),
}

/// A program.
#[derive(Clone)]
pub struct Exec {
    /// The program's path and its arguments; no shell reads them.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Not: the arguments. One may be a secret.
impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

pub(super) fn slack(section: &mut Section<'_>) -> Option<Slack> {
    let (timeout, reach) = (read_timeout(section), read_reach(section));
    if !TOKEN.is_given(section) {
        let url = read_url(section)?;
        refuse_private(section, "url", &url, reach);
        return Some(Slack { way: SlackWay::Hook(Secret::new(url)), timeout, reach });
    }
    let token = TOKEN.read(section, "a token such as xoxb-… in its first line", first_line);
    let room = "a room such as #ops or C024BE91L";
    let to = section.text("to", room, |text| (!text.is_empty()).then(|| text.to_owned()));
    let api = given_url(section, "api", SLACK_API, reach);
    let way = SlackWay::Bot { api: api?, token: Secret::new(token?), to: to? };
    Some(Slack { way, timeout, reach })
}

pub(super) fn pagerduty(section: &mut Section<'_>) -> Option<PagerDuty> {
    let (timeout, reach) = (read_timeout(section), read_reach(section));
    let key = KEY.read(section, "an integration key in its first line", first_line);
    let url = given_url(section, "url", PAGERDUTY, reach);
    Some(PagerDuty { url: url?, key: Secret::new(key?), timeout, reach })
}

pub(super) fn apprise(section: &mut Section<'_>) -> Option<Apprise> {
    let (timeout, reach) = (read_timeout(section), read_reach(section));
    let to = if URLS.is_given(section) {
        let expected = "Apprise addresses, separated by commas, in its first line";
        URLS.read(section, expected, first_line).map(|urls| AppriseTo::Addresses(Secret::new(urls)))
    } else {
        let tag = section.has("tag").then(|| {
            section.text("tag", "a tag", |text| (!text.is_empty()).then(|| text.to_owned()))
        });
        Some(AppriseTo::Stored { tag: tag.flatten() })
    };
    let url = read_url(section)?;
    refuse_private(section, "url", &url, reach);
    Some(Apprise { url: Secret::new(url), to: to?, timeout, reach })
}

pub(super) fn exec(section: &mut Section<'_>) -> Option<Exec> {
    let timeout = read_timeout(section);
    let command = section.list("command")?;
    let help =
        "write command = [\"/usr/local/bin/send-sms\", \"--from\", \"ops\"]; no shell reads it";
    match command.first() {
        Some(program) if program.starts_with('/') && command.len() <= ARGUMENTS_MAX => {}
        Some(program) if program.starts_with('/') => {
            let message =
                format!("found {} arguments, expected at most {ARGUMENTS_MAX}", command.len());
            section.refuse("K004", "command", message, help);
        }
        Some(_) | None => {
            let message = "found no path that begins with `/`, expected the program's".into();
            section.refuse("K004", "command", message, help);
        }
    }
    Some(Exec { command, timeout })
}

/// Reads an address that is no secret, and which only a test or another region sets.
fn given_url(
    section: &mut Section<'_>,
    key: &'static str,
    usual: &str,
    reach: Reach,
) -> Option<Url> {
    if !section.has(key) {
        return Url::parse(usual).ok();
    }
    let url = section.text(key, &format!("an address such as {usual}"), |text| {
        Url::parse(text).ok().filter(|url| !url.cannot_be_a_base())
    })?;
    refuse_private(section, key, &url, reach);
    // Checked once more before anything is sent.
    address::check(&url, reach).is_ok().then_some(url)
}

fn first_line(content: &str) -> Option<String> {
    let line = content.lines().next()?.trim();
    let plain = line.bytes().all(|b| b.is_ascii_graphic());
    (!line.is_empty() && plain).then(|| line.to_owned())
}
