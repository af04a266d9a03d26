//! Tells a monitor elsewhere that we live: it calls people when it hears nothing for a while, which
//! is the one thing that a dead daemon cannot do.

use core::time::Duration;

use reqwest::{Client, redirect};

use super::target::PublicOnly;
use crate::settings::address::{self, Reach};
use crate::settings::canary::Heartbeat as Setting;

/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the monitor.
#[derive(Debug)]
pub struct Heartbeat {
    client: Client,
    setting: Setting,
}

impl Heartbeat {
    /// Prepares the way.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub fn new(setting: &Setting) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(concat!("incidentd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy();
        let client = match setting.reach {
            Reach::Anywhere => client,
            Reach::Public => client.dns_resolver(PublicOnly),
        };
        Ok(Self { client: client.build()?, setting: setting.clone() })
    }

    /// Asks for the address once.
    ///
    /// # Errors
    /// In words that hold no address, which may be a secret.
    pub async fn beat(&self) -> Result<(), String> {
        let url = self.setting.url.reveal();
        address::check(url, self.setting.reach).map_err(|refused| refused.to_string())?;
        let answer = self.client.get(url.clone()).send().await;
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
    }
}
