//! Kind `enrich`: adds to an alert what its sender did not say.

use crate::model::alert::SEVERITY;
use crate::rules::codes;
use crate::rules::reader::Reader;
use crate::rules::rule::intake_template;
use crate::rules::sections::boolean;
use crate::rules::subject::CI;
use crate::rules::template::{Template, Templates};
use crate::rules::text::shortened;
use crate::rules::yaml::{Key, Node};

/// Labels, and links, that one rule may add.
const ENTRIES_MAX: usize = 32;
/// The longest name of a label or link, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Adds labels, a severity, a category and links to alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrich {
    /// Labels by name.
    pub labels: Vec<(Box<str>, Template)>,
    /// The severity.
    pub severity: Option<Template>,
    /// The category of the incident that the alert opens.
    pub category: Option<Template>,
    /// Links by name, for messages about that incident.
    pub links: Vec<(Box<str>, Template)>,
    /// Whether it replaces what was sent, or set by a rule before it.
    pub overrides: bool,
}

impl Enrich {
    /// Yields the names of the labels it may set, the severity's among them.
    pub(in crate::rules) fn sets(&self) -> impl Iterator<Item = &str> {
        let severity = self.severity.iter().map(|_| SEVERITY);
        self.labels.iter().map(|(name, _)| &**name).chain(severity)
    }
}

/// Reads the value of `enrich:`.
pub(in crate::rules) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    templates: &mut Templates,
) -> Option<Enrich> {
    let mut fields = reader.map(node, "`enrich`")?;
    let labels = fields.get("labels").map(|n| named(reader, n, templates)).unwrap_or_default();
    for (name, (_, at)) in labels.iter().map(|entry| (&entry.0, &entry.1)) {
        let instead = match &**name {
            SEVERITY => "write it beside `labels`:   severity: critical",
            CI => "an alert is bound by what was sent; see `binding`",
            _ => continue,
        };
        let message = format!("a rule cannot set the label `{name}`");
        reader.error(codes::RESERVED, *at, message).help(instead);
    }
    let severity = fields.get("severity").and_then(|n| intake_template(reader, templates, n));
    let category = fields.get("category").and_then(|n| intake_template(reader, templates, n));
    let links = fields.get("links").map(|n| named(reader, n, templates)).unwrap_or_default();
    let overrides = fields.read(reader, "override", boolean).unwrap_or(false);
    let span = fields.span;
    let known = ["labels", "severity", "category", "links"];
    if !known.iter().any(|name| fields.has(name)) {
        reader
            .error(codes::MISSING, span, "a rule that adds nothing")
            .help("give it one of `labels`, `severity`, `category` and `links`");
    }
    fields.finish(reader);
    let plain = |all: Vec<(Box<str>, (Template, _))>| {
        all.into_iter().map(|(name, (template, _))| (name, template)).collect()
    };
    let (labels, links) = (plain(labels), plain(links));
    Some(Enrich { labels, severity, category, links, overrides })
}

type Named = Vec<(Box<str>, (Template, crate::rules::diagnostics::Span))>;

/// Reads a mapping of names to templates, each with the place of its name.
fn named(reader: &mut Reader<'_>, node: &Node, templates: &mut Templates) -> Named {
    let Some(fields) = reader.map(node, "names with templates") else { return Vec::new() };
    let mut all = Vec::new();
    for (Key { name, span }, node) in fields.all() {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            reader
                .error(codes::VALUE, *span, format!("`{}` is not a name", shortened(name)))
                .label(format!("expected 1 to {NAME_BYTES_MAX} bytes"));
        }
        if let Some(template) = intake_template(reader, templates, node) {
            all.push((Box::from(&**name), (template, *span)));
        }
    }
    if fields.all().count() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} names", fields.all().count()))
            .label(format!("expected at most {ENTRIES_MAX}"));
    }
    all
}
