//! Section `[http]`: how the daemon is reached.

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use reqwest::Url;

use super::section::Section;

/// How the daemon is reached.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The largest body of a request, in bytes.
    pub body_max_bytes: usize,
    /// Bytes of deliveries that wait for their commit at a time.
    pub waiting_max_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// What a connection may take.
    pub connections: Connections,
    /// Certificate and key, where it speaks TLS.
    pub tls: Option<Tls>,
    /// Whether `listen` may be an address that other machines reach.
    pub allow_unauthenticated_remote: bool,
    /// Where people reach it by the links in messages; no links without.
    pub public_url: Option<Url>,
    /// How long such a link is good.
    pub link_ttl: Duration,
}

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// Until its first request, and each further one, has come with all its headers.
    pub header_timeout: Duration,
    /// Until a body has to come at `body_rate_min`.
    pub body_timeout: Duration,
    /// Bytes a second that a body has to come at after `body_timeout`.
    pub body_rate_min: usize,
    /// Connections at a time.
    pub max: usize,
    /// Connections at a time from one address that is not loopback.
    pub per_address_max: usize,
}

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate with its chain, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// Whether anybody has to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doors {
    /// Nobody has a credential.
    Open,
    /// Somebody has.
    Locked,
}

pub(super) fn read(section: &mut Section<'_>, doors: Doors) -> Http {
    let address = "an address such as 127.0.0.1:9494";
    let listen = section.text("listen", address, |text| text.parse().ok());
    let http = Http {
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        body_max_bytes: section.size("body_max_bytes", 1 << 10..=64 << 20),
        waiting_max_bytes: section.size("waiting_max_bytes", 1 << 20..=1 << 30),
        request_timeout: section
            .duration("request_timeout", Duration::from_secs(1)..=Duration::from_mins(5)),
        connections: connections(section),
        tls: tls(section),
        allow_unauthenticated_remote: section.switch("allow_unauthenticated_remote"),
        public_url: public_url(section),
        link_ttl: section
            .duration("link_ttl", Duration::from_mins(5)..=Duration::from_hours(7 * 24)),
    };
    let remote = !http.listen.ip().to_canonical().is_loopback();
    if remote && doors == Doors::Open && !http.allow_unauthenticated_remote {
        section.refuse(
            "K005",
            "listen",
            format!(
                "found `{}`, which other machines reach, and nobody has a credential: whoever \
                 reaches it could post a false \"resolved\" and hide an outage",
                http.listen
            ),
            "give sources `auth` and people [users.NAME], listen on 127.0.0.1, or set \
             http.allow_unauthenticated_remote = true where everybody in reach may do that",
        );
    }
    http
}

fn public_url(section: &mut Section<'_>) -> Option<Url> {
    if !section.has("public_url") {
        return None;
    }
    section.text("public_url", "an address such as https://incidents.example.com", |text| {
        let url = Url::parse(text).ok()?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
        (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
    })
}

fn connections(section: &mut Section<'_>) -> Connections {
    let span = Duration::from_millis(100)..=Duration::from_mins(5);
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    Connections {
        header_timeout: section.duration("header_timeout", span.clone()),
        body_timeout: section.duration("body_timeout", span),
        body_rate_min: section.size("body_rate_min", 1..=1 << 20),
        max: count(section.number("connections_max", 8..=100_000)),
        per_address_max: count(section.number("connections_per_address_max", 1..=100_000)),
    }
}

fn tls(section: &mut Section<'_>) -> Option<Tls> {
    match (section.has("tls_cert"), section.has("tls_key")) {
        (false, false) => None,
        (true, true) => Some(Tls { cert: section.path("tls_cert"), key: section.path("tls_key") }),
        (cert, _) => {
            let (given, missing) =
                if cert { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
            let message = format!("missing beside {given}, expected a path");
            section.refuse("K003", missing, message, "name both PEM files, or none for plain HTTP");
            section.drop(&["tls_cert", "tls_key"]);
            None
        }
    }
}
