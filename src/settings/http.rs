//! Section `[http]`: how the daemon is reached.

use core::time::Duration;
use std::net::SocketAddr;

use super::section::Section;

/// How the daemon is reached.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The largest body of a request, in bytes.
    pub body_max_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Whether `listen` may be an address that other machines reach.
    pub allow_unauthenticated_remote: bool,
}

pub(super) fn read(section: &mut Section<'_>) -> Http {
    let address = "an address such as 127.0.0.1:9494";
    let listen = section.text("listen", address, |text| text.parse().ok());
    let http = Http {
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        body_max_bytes: section.size("body_max_bytes", 1 << 10..=64 << 20),
        request_timeout: section
            .duration("request_timeout", Duration::from_secs(1)..=Duration::from_mins(5)),
        allow_unauthenticated_remote: section.switch("allow_unauthenticated_remote"),
    };
    if !http.listen.ip().to_canonical().is_loopback() && !http.allow_unauthenticated_remote {
        section.refuse(
            "K005",
            "listen",
            format!(
                "found `{}`, which other machines reach, and requests are not authenticated: whoever \
                 reaches it could post a false \"resolved\" and hide an outage",
                http.listen
            ),
            "listen on 127.0.0.1 behind a proxy that authenticates, or set \
             http.allow_unauthenticated_remote = true where everybody in reach may do that",
        );
    }
    http
}
