//! Which addresses a notice may be sent to: an operator's mistake or a hostile name server must not
//! turn the daemon into a way into the machines around it (SSRF, OWASP ASVS 5.0 1.3.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// How far a channel may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the public internet, encrypted.
    Public,
    /// Also over plain http and to addresses that are not on the public internet.
    Anywhere,
}

/// Why an address may not be used. Never holds the whole address: its path may be a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither http nor https.
    #[error("found the scheme `{0}`, expected https")]
    Scheme(String),
    /// Plain http.
    #[error("found plain http, by which everybody on the way can read notices, expected https")]
    Plain,
    /// No host.
    #[error("found no host, expected one")]
    NoHost,
    /// An address that is not on the public internet.
    #[error("`{0}` is not an address on the public internet")]
    Private(String),
}

/// Checks a URL before anything is sent. A host name is checked again once it is resolved.
///
/// # Errors
/// When nothing may be sent there.
pub fn check(url: &Url, reach: Reach) -> Result<(), Refused> {
    match (url.scheme(), reach) {
        ("https", _) | ("http", Reach::Anywhere) => {}
        ("http", Reach::Public) => return Err(Refused::Plain),
        (other, _) => return Err(Refused::Scheme(other.into())),
    }
    let host = url.host_str().ok_or(Refused::NoHost)?;
    // The parser has turned `2130706433` and `0x7f.1` into `127.0.0.1` already.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(ip) if reach == Reach::Public && !is_public(ip) => Err(Refused::Private(host.into())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// True for an address on the public internet; addresses that wrap an IPv4 address are unwrapped.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Follows IANA's registry of special-purpose IPv4 addresses (RFC 6890).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT, RFC 6598
        || (a == 192 && b == 0 && c == 0) // IETF protocols
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19))) // benchmarks, RFC 2544
}

/// Only global unicast, `2000::/3`, less what is set aside within it (RFC 6890).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let wrapped = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high, low].map(u16::to_be_bytes);
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] // IPv4-mapped
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] // NAT64, RFC 6052
        | [0x2002, high, low, ..] => wrapped(high, low), // 6to4, RFC 3056
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8, // Teredo, protocols, documentation
        [0x3fff, second, ..] => second >= 0x1000,                   // documentation, RFC 9637
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_on_the_public_internet_are_public() {
        for (text, public) in [
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("2606:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::101:101", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("192.0.0.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }

    #[test]
    fn a_private_target_is_refused_however_it_is_written() {
        let private = |host: &str| Err(Refused::Private(host.into()));
        for (url, result) in [
            ("https://chat.example/hook", Ok(())),
            ("https://1.1.1.1/hook", Ok(())),
            ("http://chat.example/hook", Err(Refused::Plain)),
            ("ftp://chat.example/hook", Err(Refused::Scheme("ftp".into()))),
            ("file:///etc/passwd", Err(Refused::Scheme("file".into()))),
            ("https://127.0.0.1/", private("127.0.0.1")),
            ("https://2130706433/", private("127.0.0.1")),
            ("https://0x7f.1/", private("127.0.0.1")),
            ("https://0177.0.0.1/", private("127.0.0.1")),
            ("https://[::ffff:169.254.169.254]/", private("[::ffff:a9fe:a9fe]")),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(check(&url, Reach::Public), result, "{url}");
        }
    }

    #[test]
    fn a_channel_may_allow_private_targets_but_only_over_http() {
        for (url, allowed) in [
            ("http://127.0.0.1:8080/", true),
            ("https://10.0.0.1/", true),
            ("ftp://10.0.0.1/", false),
        ] {
            assert_eq!(check(&Url::parse(url).unwrap(), Reach::Anywhere).is_ok(), allowed, "{url}");
        }
    }
}
