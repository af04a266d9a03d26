//! Section `reports`: how people who report incidents and are no contacts hear of them.

use core::time::Duration;

use super::codes;
use super::contact::is_address;
use super::reader::{HOUR, MINUTE, Reader};
use super::set::RuleSet;
use super::yaml::Node;

/// Domains of one set: more is a mistake.
const DOMAINS_MAX: usize = 100;

/// Messages of a budget; more is no budget.
const MESSAGES_MAX: u32 = 1_000;

/// How reporters hear of their incidents who are no contacts of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// The channel of kind email that writes to their addresses; nobody is written to without.
    pub channel: Option<Box<str>>,
    /// The domains that are written to, in lower case; every one where none is named.
    pub domains: Vec<Box<str>>,
    /// How many messages one address gets in a while, questions aside; more are told together.
    pub messages: u32,
    /// In which time.
    pub within: Duration,
}

impl Default for Reporting {
    fn default() -> Self {
        Self { channel: None, domains: Vec::new(), messages: 10, within: HOUR }
    }
}

impl Reporting {
    /// Returns the channel by which an address is written to; nothing for what is no address, or
    /// none that the rules allow.
    pub fn channel_to(&self, address: &str) -> Option<&str> {
        let (_, domain) = address.rsplit_once('@').filter(|_| is_address(address))?;
        let mut domains = self.domains.iter();
        let allowed =
            self.domains.is_empty() || domains.any(|known| known.eq_ignore_ascii_case(domain));
        self.channel.as_deref().filter(|_| allowed)
    }
}

impl RuleSet {
    /// True for somebody who is reached: a contact, or an address that is written to.
    pub fn reaches(&self, who: &str) -> bool {
        self.contacts.contains_key(who) || self.reporting.channel_to(who).is_some()
    }
}

/// Reads the section `reports`; what is not given keeps its default.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Reporting> {
    let mut fields = reader.map(node, "`reports`")?;
    let mut reporting = Reporting::default();
    let name = |r: &mut Reader<'_>, n: &Node| {
        let text = r.text(n)?;
        r.name(text, n.span)
    };
    reporting.channel = fields.need(reader, "channel").and_then(|n| name(reader, n));
    if let Some(given) = fields.read(reader, "domains", domains) {
        reporting.domains = given;
    }
    let messages = |r: &mut Reader<'_>, n: &Node| r.number(n, 1..=MESSAGES_MAX);
    if let Some(messages) = fields.read(reader, "messages", messages) {
        reporting.messages = messages;
    }
    let within = |r: &mut Reader<'_>, n: &Node| r.duration(n, MINUTE..=HOUR);
    if let Some(span) = fields.read(reader, "within", within) {
        reporting.within = span;
    }
    fields.finish(reader);
    Some(reporting)
}

fn domains(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let items = reader.one_or_many(node)?;
    if items.len() > DOMAINS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} domains", items.len()))
            .label(format!("expected at most {DOMAINS_MAX}"));
        return None;
    }
    let one = |reader: &mut Reader<'_>, node: &Node| {
        let text = reader.text(node)?;
        if is_address(&format!("a@{text}")) {
            return Some(text.to_ascii_lowercase().into());
        }
        reader.expected(node, "a domain such as example.com");
        None
    };
    Some(items.iter().filter_map(|item| one(reader, item)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{SourceFile, load};
    use super::*;

    fn reporting(text: &str) -> Result<Reporting, String> {
        let text = format!("version: 1\nreports: {text}\n");
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let first = loaded.diagnostics.first().map(|it| it.message.clone());
        loaded.set.map(|set| set.reporting).ok_or_else(|| first.unwrap_or_default())
    }

    #[test]
    fn an_address_is_written_to_by_the_channel_where_its_domain_is_allowed() {
        let open = reporting("{channel: mail}").unwrap();
        let narrow = reporting("{channel: mail, domains: [Example.com, b.org]}").unwrap();
        for (address, by_open, by_narrow) in [
            ("ann@example.com", true, true),
            ("ann@EXAMPLE.com", true, true),
            ("ann@b.org", true, true),
            ("ann@evil.example.com", true, false),
            ("ann@example.com.evil.org", true, false),
            ("ann", false, false),
            ("@example.com", false, false),
            ("a@evil.org@example.com", false, false),
            ("Ann <ann@example.com>", false, false),
            ("ann@example.com\r\nBcc: x@b.org", false, false),
        ] {
            assert_eq!(open.channel_to(address).is_some(), by_open, "{address}");
            assert_eq!(narrow.channel_to(address).is_some(), by_narrow, "{address}");
        }
        assert_eq!(Reporting::default().channel_to("ann@example.com"), None);
    }

    #[test]
    fn what_is_not_given_keeps_its_default() {
        let given = reporting("{channel: mail, messages: 3, within: 10m}").unwrap();
        assert_eq!((given.messages, given.within), (3, 10 * MINUTE));
        let given = reporting("{channel: mail}").unwrap();
        assert_eq!(given, Reporting { channel: Some("mail".into()), ..Reporting::default() });
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (text, message) in [
            ("{}", "`reports` needs `channel`"),
            ("{channel: mail, messages: 0}", "`0` is out of range"),
            ("{channel: mail, within: 2h}", "`2h` is out of range"),
            ("{channel: mail, domains: ['@x']}", "found the text `@x`"),
        ] {
            assert_eq!(reporting(text).unwrap_err(), message, "{text}");
        }
    }
}
