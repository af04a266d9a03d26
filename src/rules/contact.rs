//! Contacts: who a person is to us, by what they hear of something, and how often at most.

use core::time::Duration;
use std::collections::BTreeMap;

use super::codes;
use super::reader::{HOUR, MINUTE, Noun, Reader};
use super::sections::{reference, some_names};
use super::yaml::{Key, Node};
use crate::model::notice::NoticeKind;

/// Bytes of an address: a list of Apprise's may be long.
const ADDRESS_BYTES_MAX: usize = 1_024;

/// Pages of a budget; more is no budget.
const PAGES_MAX: u32 = 1_000;

/// A person, or whoever answers under that name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Names of channels in order of preference; at least one.
    pub channels: Vec<Box<str>>,
    /// The same for pages, where they go another way; may be empty.
    pub urgent: Vec<Box<str>>,
    /// Where this person is reached, by the name of the channel.
    pub addresses: BTreeMap<Box<str>, Box<str>>,
    /// Where mail goes; to the channel's own address when there is none.
    pub email: Option<Box<str>>,
    /// The set of templates its messages are written by.
    pub templates: Option<Box<str>>,
    /// How many pages at most; [`PageBudget::default`] where nothing is said.
    pub page_budget: PageBudget,
}

impl Contact {
    /// Returns the channels for a page, or for what is less pressing.
    pub fn channels_for(&self, kind: NoticeKind) -> &[Box<str>] {
        match kind {
            NoticeKind::Page if !self.urgent.is_empty() => &self.urgent,
            NoticeKind::Page | NoticeKind::Ticket | NoticeKind::Update => &self.channels,
        }
    }

    /// Yields every channel that is named for this person, once or more.
    pub fn named_channels(&self) -> impl Iterator<Item = &Box<str>> {
        self.channels.iter().chain(&self.urgent).chain(self.addresses.keys())
    }

    /// Returns every channel by which this person may hear of something, each once.
    pub fn all_channels(&self) -> Vec<Box<str>> {
        let more = self.urgent.iter().filter(|name| !self.channels.contains(name));
        self.channels.iter().chain(more).cloned().collect()
    }
}

/// How many pages one person gets in a while; what goes beyond is told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageBudget {
    /// Pages.
    pub pages: u32,
    /// In which time.
    pub within: Duration,
}

impl PageBudget {
    /// The longest time that a budget may be for; pages are remembered for as long.
    pub const WITHIN_MAX: Duration = HOUR;
}

impl Default for PageBudget {
    /// Five in five minutes: nobody reads more while they work on the first.
    fn default() -> Self {
        Self { pages: 5, within: 5 * MINUTE }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Contact> {
    let mut fields = reader.map(node, "a contact")?;
    let channels = fields.need(reader, "channels").and_then(|n| some_names(reader, n));
    let urgent = fields.read(reader, "urgent", some_names).unwrap_or_default();
    let addresses = fields.read(reader, "addresses", addresses).unwrap_or_default();
    let email = fields.read(reader, "email", email);
    let templates = fields.read(reader, "templates", |r, n| reference(r, n, Noun::Templates));
    let page_budget = fields.read(reader, "page_budget", page_budget).unwrap_or_default();
    fields.finish(reader);
    let channels = channels?;
    Some(Contact { channels, urgent, addresses, email, templates, page_budget })
}

/// Reads where a contact is reached by each channel.
fn addresses(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<Box<str>, Box<str>>> {
    let fields = reader.map(node, "`addresses`")?;
    let mut addresses = BTreeMap::new();
    for (Key { span, name }, node) in fields.all() {
        let (name, text) = (reader.name(name, *span), reader.text(node));
        let (Some(name), Some(text)) = (name, text) else { continue };
        if text.is_empty() || text.len() > ADDRESS_BYTES_MAX || text.contains(char::is_control) {
            let label = format!("expected 1 to {ADDRESS_BYTES_MAX} bytes on one line");
            reader
                .error(codes::VALUE, node.span, format!("no address for the channel `{name}`"))
                .label(label);
            continue;
        }
        addresses.insert(name, text.into());
    }
    Some(addresses)
}

fn page_budget(reader: &mut Reader<'_>, node: &Node) -> Option<PageBudget> {
    let mut fields = reader.map(node, "`page_budget`")?;
    let pages = fields.need(reader, "pages").and_then(|n| reader.number(n, 1..=PAGES_MAX));
    let within = fields
        .need(reader, "within")
        .and_then(|n| reader.duration(n, Duration::from_secs(1)..=PageBudget::WITHIN_MAX));
    fields.finish(reader);
    Some(PageBudget { pages: pages?, within: within? })
}

/// Reads the address of one mailbox.
fn email(reader: &mut Reader<'_>, node: &Node) -> Option<Box<str>> {
    let text = reader.text(node)?;
    if is_address(text) {
        return Some(text.into());
    }
    reader.expected(node, "one address such as anna@example.com");
    None
}

/// True for the address of one mailbox, without a name (RFC 5321, 4.5.3.1).
pub(super) fn is_address(text: &str) -> bool {
    let fits = |part: &str, max| {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"@<>(),;:\\\"".contains(c);
        (1..=max).contains(&part.len()) && part.chars().all(plain)
    };
    let parts = text.split_once('@');
    parts.is_some_and(|(local, domain)| fits(local, 64) && fits(domain, 255))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn contact(fields: &str) -> Result<Contact, Vec<String>> {
        let text = format!("version: 1\ncontacts: {{ann: {{channels: [mail]{fields}}}}}\n");
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let said = loaded.diagnostics.iter().map(|it| format!("{} {}", it.code.id, it.message));
        let said = said.collect();
        loaded.set.map(|set| set.contacts["ann"].clone()).ok_or(said)
    }

    #[test]
    fn a_contact_without_more_has_its_channels_and_the_usual_budget() {
        let plain = contact("").unwrap();
        for kind in [NoticeKind::Page, NoticeKind::Ticket, NoticeKind::Update] {
            assert_eq!(plain.channels_for(kind), ["mail".into()]);
        }
        assert_eq!(plain.page_budget, PageBudget { pages: 5, within: Duration::from_mins(5) });
        assert!(plain.addresses.is_empty());
    }

    #[test]
    fn pages_go_by_the_urgent_channels_and_each_channel_has_an_address() {
        let ann = contact(
            ", urgent: [sms, mail], addresses: {sms: '+49 151 1', room: U7}, \
             page_budget: {pages: 2, within: 1h}",
        )
        .unwrap();
        assert_eq!(ann.channels_for(NoticeKind::Page), ["sms".into(), "mail".into()]);
        assert_eq!(ann.channels_for(NoticeKind::Ticket), ["mail".into()]);
        assert_eq!(ann.all_channels(), ["mail".into(), "sms".into()]);
        assert_eq!(ann.addresses[&Box::from("sms")], "+49 151 1".into());
        assert_eq!(ann.page_budget, PageBudget { pages: 2, within: HOUR });
        let named: Vec<&str> = ann.named_channels().map(|name| &**name).collect();
        assert_eq!(named, ["mail", "sms", "mail", "room", "sms"]);
    }

    #[test]
    fn what_is_no_address_and_no_budget_is_refused() {
        let long = "x".repeat(1_025);
        for (fields, code) in [
            (", addresses: {sms: ''}".to_owned(), "R0107"),
            (format!(", addresses: {{sms: {long}}}"), "R0107"),
            (", addresses: {sms: \"a\\nb\"}".into(), "R0107"),
            (", addresses: [sms]".into(), "R0107"),
            (", page_budget: {pages: 0, within: 5m}".into(), "R0107"),
            (", page_budget: {pages: 5, within: 2h}".into(), "R0107"),
            (", page_budget: {pages: 5}".into(), "R0102"),
            (", page_budget: 5".into(), "R0107"),
            (", urgent: []".into(), "R0107"),
        ] {
            let said = contact(&fields).unwrap_err();
            assert!(said.iter().any(|it| it.starts_with(code)), "{fields}: {said:?}");
        }
    }
}
