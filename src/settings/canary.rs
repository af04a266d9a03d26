//! Section `[canary]`: the alert of our own that shows that the whole path works.

use core::time::Duration;

use reqwest::Url;

use super::address::{self, Reach};
use super::channels::read_url;
use super::secret::Secret;
use super::section::Section;

/// The alert of our own.
#[derive(Clone, Debug)]
pub struct Canary {
    /// How often; zero for never.
    pub every: Duration,
    /// Who is to be told each time that one came through.
    pub heartbeat: Option<Heartbeat>,
}

/// A monitor elsewhere that calls people when it hears nothing.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Its address.
    pub url: Secret<Url>,
    /// How far it may be.
    pub reach: Reach,
}

pub(super) fn read(section: &mut Section<'_>) -> Canary {
    let every = section.duration("every", Duration::ZERO..=Duration::from_hours(1));
    if !every.is_zero() && every < Duration::from_secs(1) {
        let found = format!("found {} ms, expected 0s or at least 1s", every.as_millis());
        section.refuse("K004", "every", found, "write 0s for never, or `1m`");
    }
    let allow_private = section.has("allow_private") && section.switch("allow_private");
    let reach = if allow_private { Reach::Anywhere } else { Reach::Public };
    let (url, file) = (section.has("url"), section.has("url_file"));
    let url = if url || file { read_url(section) } else { None };
    if let Some(Err(refused)) = url.as_ref().map(|url| address::check(url, reach)) {
        let help = "name an https address on the internet, or set allow_private = true when the \
                    monitor is your own";
        section.refuse("K005", "url", refused.to_string(), help);
    }
    Canary { every, heartbeat: url.map(|url| Heartbeat { url: Secret::new(url), reach }) }
}
