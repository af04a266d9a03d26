//! What two values may differ in and still be the same to a binding key.

use core::net::IpAddr;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// One thing that a binding key does not look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Normalise {
    /// A port at the end of a label's value: `web-1:9100` is `web-1`.
    StripPort,
    /// A domain, of a label and of an attribute: `web-1.example.com` is `web-1`. An IP address has
    /// none.
    StripDomain,
    /// Upper and lower case, of a label and of an attribute.
    IgnoreCase,
    /// That an attribute is a list: with commas in it, each of its entries is a value.
    SplitLists,
}

impl Normalise {
    /// All of them with the names of the options that ask for them.
    pub const ALL: [(&str, Self); 4] = [
        ("strip_port", Self::StripPort),
        ("strip_domain", Self::StripDomain),
        ("ignore_case", Self::IgnoreCase),
        ("split_lists", Self::SplitLists),
    ];

    /// Returns the name of its option.
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, this)| *this == self).map_or("", |(word, _)| word)
    }
}

/// Returns the value of a label as it is compared.
pub(in crate::cmdb) fn of_label<'a>(how: &BTreeSet<Normalise>, value: &'a str) -> Cow<'a, str> {
    let port = how.contains(&Normalise::StripPort);
    of_attribute(how, if port { without_port(value) } else { value })
}

/// Yields the values of an attribute as they are compared: one, where it is no list. The empty one
/// is none.
pub(in crate::cmdb) fn values<'a>(
    how: &BTreeSet<Normalise>,
    attribute: &'a str,
) -> impl Iterator<Item = Cow<'a, str>> {
    let list = how.contains(&Normalise::SplitLists);
    // Cut at nothing, it is one.
    let parts = attribute.split(move |c| list && c == ',');
    let parts = parts.map(move |part| if list { part.trim() } else { part });
    parts.filter(|part| !part.is_empty()).map(|part| of_attribute(how, part))
}

fn of_attribute<'a>(how: &BTreeSet<Normalise>, value: &'a str) -> Cow<'a, str> {
    let host = if how.contains(&Normalise::StripDomain) {
        without_domain(value)
    } else {
        Cow::Borrowed(value)
    };
    let upper = how.contains(&Normalise::IgnoreCase) && host.chars().any(char::is_uppercase);
    if upper { Cow::Owned(host.to_lowercase()) } else { host }
}

/// Cuts the domain from a host's name; a port behind it stays.
fn without_domain(text: &str) -> Cow<'_, str> {
    let host = without_port(text);
    let Some((name, _)) = host.split_once('.').filter(|(name, _)| !name.is_empty()) else {
        return Cow::Borrowed(text);
    };
    if host.parse::<IpAddr>().is_ok() {
        return Cow::Borrowed(text);
    }
    match text.strip_prefix(host).filter(|port| !port.is_empty()) {
        Some(port) => Cow::Owned(format!("{name}{port}")),
        None => Cow::Borrowed(name),
    }
}

/// Cuts the port from `host:port` and `[address]:port`, and the brackets with it; an IPv6 address
/// without brackets has no port.
pub(super) fn without_port(text: &str) -> &str {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = rest.strip_prefix(':').unwrap_or("");
        return if rest.is_empty() || is_port(port) { address } else { text };
    }
    match text.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => text,
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_is_cut() {
        for (text, host) in [
            ("web-1:9100", "web-1"),
            ("web-1:", "web-1:"),
            ("web-1:http", "web-1:http"),
            ("web-1:123456", "web-1:123456"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:80", "::1"),
            ("[::1]x", "[::1]x"),
            ("[::1", "[::1"),
            (":80", ""),
        ] {
            assert_eq!(without_port(text), host, "{text}");
        }
    }

    #[test]
    fn only_a_domain_is_cut_and_an_address_has_none() {
        for (text, host) in [
            ("web-1.example.com", "web-1"),
            ("web-1.example.com.", "web-1"),
            ("web-1", "web-1"),
            ("web-1.example.com:9100", "web-1:9100"),
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1:9100", "10.0.0.1:9100"),
            ("10.0.0.256", "10"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:80"),
            (".example.com", ".example.com"),
            ("", ""),
        ] {
            assert_eq!(without_domain(text), host, "{text}");
        }
    }

    #[test]
    fn each_option_does_its_own_and_they_go_together() {
        use Normalise::{IgnoreCase, SplitLists, StripDomain, StripPort};
        let value = "Web-1.Example.com:9100";
        for (how, label) in [
            (&[][..], value),
            (&[StripPort], "Web-1.Example.com"),
            (&[StripDomain], "Web-1:9100"),
            (&[IgnoreCase], "web-1.example.com:9100"),
            (&[SplitLists], value),
            (&[StripPort, StripDomain, IgnoreCase], "web-1"),
        ] {
            let how: BTreeSet<Normalise> = how.iter().copied().collect();
            assert_eq!(of_label(&how, value), label, "{how:?}");
        }
        let list = "Web-1.example.com, www ,,10.0.0.1:80";
        for (how, expected) in [
            (&[][..], &[list][..]),
            (&[SplitLists], &["Web-1.example.com", "www", "10.0.0.1:80"]),
            (&[SplitLists, StripDomain, IgnoreCase], &["web-1", "www", "10.0.0.1:80"]),
            // The port of an attribute is meant.
            (&[SplitLists, StripPort], &["Web-1.example.com", "www", "10.0.0.1:80"]),
        ] {
            let how: BTreeSet<Normalise> = how.iter().copied().collect();
            assert_eq!(values(&how, list).collect::<Vec<_>>(), expected, "{how:?}");
        }
        assert_eq!(values(&BTreeSet::new(), "").count(), 0);
    }

    #[test]
    fn every_option_has_its_word() {
        for (word, this) in Normalise::ALL {
            assert_eq!(this.word(), word);
        }
    }
}
