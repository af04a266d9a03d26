//! A channel that sends mail: the server, who speaks, who listens.

use core::fmt;
use core::time::Duration;
use std::net::IpAddr;

use lettre::message::{Mailbox, Mailboxes};

use super::address::{Reach, is_public};
use super::channels;
use super::reference::Reference;
use super::secret::Secret;
use super::section::Section;
use crate::model::priority::words;

/// How a mail server is reached.
#[derive(Clone, Debug)]
pub struct Email {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// User name and password, where the server wants them.
    pub login: Option<(String, Secret<String>)>,
    /// Who the mails are from.
    pub from: Mailbox,
    /// Who gets those for contacts that have no address of their own; may be empty.
    pub to: Mailboxes,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How far it may reach.
    pub reach: Reach,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (RFC 8314).
    Required,
    /// After a few words in the clear; nothing is sent to a server that does not offer it (RFC 3207).
    Starttls,
    /// Not at all.
    None,
}

words!(Tls, Required = "required", Starttls = "starttls", None = "none");

impl Tls {
    /// The port that is usual for it (RFC 8314, 7.3; RFC 6409, 3.1; RFC 5321, 4.5.4.2).
    fn port(self) -> u16 {
        match self {
            Self::Required => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }
}

const PASSWORD: Reference = Reference { file: "password_file", credential: "password_credential" };

pub(super) fn read(section: &mut Section<'_>) -> Option<Email> {
    let timeout = channels::read_timeout(section);
    let reach = channels::read_reach(section);
    let host = section.text("host", "the name of a mail server", host);
    let tls = if section.has("tls") { section.word("tls", Tls::Required) } else { Tls::Required };
    let port = if section.has("port") {
        u16::try_from(section.number("port", 1..=u16::MAX.into())).unwrap_or_default()
    } else {
        tls.port()
    };
    let login = read_login(section);
    let mailbox = "an address such as incidentd@example.com or Incidents <incidentd@example.com>";
    let from = section.text("from", mailbox, |text| text.parse().ok());
    let to = if section.has("to") {
        section.text("to", "addresses, separated by commas", |text| text.parse().ok())
    } else {
        Some(Mailboxes::new())
    };
    let host = host?;
    let is_own = is_loopback(&host);
    let literal = host.parse::<IpAddr>().ok();
    if reach == Reach::Public && !is_own && literal.is_some_and(|ip| !is_public(ip)) {
        let message = format!("`{host}` is not an address on the public internet");
        section.refuse("K005", "host", message, "set allow_private = true when it is your own");
    }
    if tls == Tls::None && reach == Reach::Public && !is_own {
        let message = "found `none`, by which everybody on the way can read notices".to_owned();
        let help = "write required or starttls, or set allow_private = true where the way is yours";
        section.refuse("K005", "tls", message, help);
    }
    // A server on this very machine needs no further word.
    let reach = if is_own { Reach::Anywhere } else { reach };
    Some(Email { host, port, tls, login: login?, from: from?, to: to?, timeout, reach })
}

/// Reads user name and password: both or neither.
#[expect(clippy::option_option, reason = "no login is an answer, a wrong one is none")]
fn read_login(section: &mut Section<'_>) -> Option<Option<(String, Secret<String>)>> {
    let (has_user, has_password) = (section.has("user"), PASSWORD.is_given(section));
    if !has_user && !has_password {
        return Some(None);
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let user = section.text("user", "a user name", text);
    let first = |content: &str| text(content.lines().next()?.trim_end());
    let password = PASSWORD.read(section, "the password in its first line", first);
    Some(Some((user?, Secret::new(password?))))
}

fn host(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == ':';
    (!text.is_empty() && text.len() <= 253 && text.chars().all(plain)).then(|| text.to_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
