//! How one entry of `rules:` is read and compiled.
//!
//! See `set.rs` for what comes out, `check.rs` for what rules have to do with each other.

use core::hash::{BuildHasher, Hash, Hasher};
use core::time::Duration;
use std::sync::Arc;

use foldhash::quality::FixedState;

use super::codes;
use super::compound;
use super::condition::Conditions;
use super::diagnostics::Span;
use super::kinds::{self, Desk, Kind};
use super::lexer::{Part, SyntaxError};
use super::lookups;
use super::matcher::Matcher;
use super::matcher_places::{self, LinePlace};
use super::parser;
use super::reader::{DAY, Fields, MINUTE, Noun, Reader};
use super::sections::{boolean, reference};
use super::set::{IncidentSpec, NotifySpec, Place, ResolveSpec, Rule};
use super::subject::Field;
use super::template::{Flaw, Template, Templates};
use super::text::locate;
use super::yaml::{Node, Value};

/// Lines of one condition.
const LINES_MAX: usize = 64;
/// The longest line of matchers, in bytes; a pattern in it has at most 1 KiB.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024;
/// Memory that the compiled patterns of one file may take, in bytes. Two thousand rules with a
/// pattern each take half of it.
const PATTERNS_SIZE_MAX: usize = 8 << 20;
/// The longest summary, in bytes.
const SUMMARY_BYTES_MAX: usize = 512;

/// A rule with what is needed to put it into order.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) rule: Rule,
    pub(super) span: Span,
    /// Where its owner stands.
    pub(super) owner: Option<Span>,
    /// Where the lines of its matchers stand.
    pub(super) places: Places,
    /// Names of the rules it comes before, with their places.
    pub(super) before: Vec<(Box<str>, Span)>,
    /// Names of the rules it comes after, with their places.
    pub(super) after: Vec<(Box<str>, Span)>,
    /// The relations it follows, with their places.
    pub(super) follow: Vec<(Box<str>, Span)>,
}

/// Where the lines of a rule's matchers stand, one for each condition.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) when: Vec<LinePlace>,
    pub(super) unless: Vec<LinePlace>,
    pub(super) never_absorb: Vec<LinePlace>,
}

/// Reads a rule; `None` when it cannot be used, which is then noted.
pub(super) fn read(
    reader: &mut Reader<'_>,
    templates: &mut Templates,
    node: &Node,
    namespace: &str,
) -> Option<Draft> {
    let mut fields = reader.map(node, "a rule")?;
    let name_node = fields.need(reader, "name");
    let name = name_node.and_then(|n| {
        let text = reader.text(n)?;
        reader.name(text, n.span)
    });
    let span = name_node.map_or(fields.span, |n| n.span);
    let name: Arc<str> = format!("{namespace}/{}", name.as_deref().unwrap_or("?")).into();
    if name_node.is_some() {
        reader.define(Noun::Rule, &name, span);
    }
    let owner = fields.read(reader, "owner", |r, n| {
        let text = r.text(n)?;
        r.name(text, n.span)
    });
    let summary = fields.read(reader, "summary", |r, n| line(r, n, SUMMARY_BYTES_MAX));
    let places = places(&mut fields);
    let owner_at = fields.get("owner").map(|n| n.span);
    let unless = fields.read(reader, "unless", conditions).unwrap_or_default();
    let before = fields.read(reader, "before", |r, n| order(r, n, namespace)).unwrap_or_default();
    let after = fields.read(reader, "after", |r, n| order(r, n, namespace)).unwrap_or_default();
    let shadow = fields.read(reader, "shadow", boolean).unwrap_or_default();
    let mut desk = Desk { templates, follow: Vec::new() };
    let kind = kinds::read(reader, &mut fields, &mut desk);
    let Desk { follow, templates } = desk;
    let when = when(reader, &mut fields, kind.as_ref());
    if kind.as_ref().is_some_and(Kind::is_intake) {
        refuse_asking(reader, &mut fields, [("when", when.as_ref()), ("unless", Some(&unless))]);
    }
    if let Some(kind) = kind.as_ref().filter(|kind| !kind.opens()) {
        refuse_incidents(reader, &mut fields, kind);
    }
    let by = kind.as_ref().map_or(&[][..], Kind::by);
    let group: Option<Vec<&str>> =
        Some(by.iter().map(Field::key).collect()).filter(|keys: &Vec<_>| !keys.is_empty());
    let incident =
        fields.read(reader, "incident", |r, n| incident(r, templates, n, group.as_deref()));
    let resolve = fields.read(reader, "resolve", resolve).unwrap_or_default();
    fields.finish(reader);
    let (line, _) = reader.position(span);
    let place = Place { file: reader.file.name.as_str().into(), line };
    let incident = incident.unwrap_or_default();
    let (summary, when, kind) = (summary.unwrap_or_default(), when?, kind?);
    let said = said(&name, node);
    let rule =
        Rule { name, place, said, owner, summary, kind, shadow, incident, resolve, when, unless };
    Some(Draft { rule, span, owner: owner_at, places, before, after, follow })
}

/// Hashes a rule's text.
fn said(name: &str, node: &Node) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    name.hash(&mut hasher);
    node.hash_said(&mut hasher);
    hasher.finish()
}

fn places(fields: &mut Fields<'_>) -> Places {
    let mut lines = |name| fields.get(name).map_or(Vec::new(), matcher_places::lines);
    let (when, unless) = (lines("when"), lines("unless"));
    let never_absorb = fields
        .get("topology")
        .or_else(|| fields.get("storm"))
        .map_or(Vec::new(), |node| matcher_places::lines_under(node, "never_absorb"));
    Places { when, unless, never_absorb }
}

/// Notes what a rule that opens no incidents says of them.
fn refuse_incidents(reader: &mut Reader<'_>, fields: &mut Fields<'_>, kind: &Kind) {
    for name in ["incident", "resolve"] {
        if let Some((key, _)) = fields.entry(name) {
            let message = format!("`{name}` in a rule of kind `{}`", kind.name());
            reader
                .error(codes::OPENS_NOTHING, key.span, message)
                .label("it opens no incidents")
                .help("take it away, or put it into a rule that gathers alerts");
        }
    }
}

/// Notes what a rule asks that is applied to alerts as they come in, before anything is known of
/// what is around them.
fn refuse_asking(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    lists: [(&'static str, Option<&Conditions>); 2],
) {
    for (name, list) in lists {
        if let Some((_, node)) =
            fields.entry(name).filter(|_| list.is_some_and(Conditions::asks_around))
        {
            reader
                .error(codes::LINE, node.span, "a rule that is applied first asks what is around")
                .label("no `count`, `time` or `service.…` here")
                .help("ask labels and `ci.…` alone; at night mute with   quiet");
        }
    }
}

/// Reads which alerts the rule is about; one that listens to a whole source is about none.
fn when(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    kind: Option<&Kind>,
) -> Option<Conditions> {
    if kind.is_none_or(Kind::is_about_alerts) {
        return fields.need(reader, "when").and_then(|n| conditions(reader, n));
    }
    if let Some(node) = fields.get("when") {
        reader
            .error(codes::ABSENCE, node.span, "a source is expected whatever it sends")
            .help("leave `when` out, or `source`");
    }
    Some(Conditions::default())
}

pub(super) fn line(reader: &mut Reader<'_>, node: &Node, max: usize) -> Option<Box<str>> {
    let text = reader.text(node)?;
    if text.len() > max {
        reader
            .error(codes::VALUE, node.span, format!("text is {} bytes long", text.len()))
            .label(format!("expected at most {max}"));
        return None;
    }
    Some(text.split_whitespace().collect::<Vec<_>>().join(" ").into())
}

fn order(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<Vec<(Box<str>, Span)>> {
    let mut names = reader.names(node)?;
    for (name, span) in &mut names {
        if !name.contains('/') {
            *name = format!("{namespace}/{name}").into();
        }
        reader.refer(Noun::Rule, name, *span);
    }
    Some(names)
}

/// Reads lines of a condition, or one line.
pub(super) fn conditions(reader: &mut Reader<'_>, node: &Node) -> Option<Conditions> {
    let items = match &node.value {
        Value::Map(_) => core::slice::from_ref(node),
        Value::Null | Value::Text(_) | Value::List(_) => reader.one_or_many(node)?,
    };
    if items.is_empty() || items.len() > LINES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} lines", items.len()))
            .label(format!("expected 1 to {LINES_MAX} lines of matchers"))
            .help("for all alerts write   'alertname!=\"\"'");
        return None;
    }
    let lines: Vec<_> = items.iter().map(|item| compound::line(reader, item)).collect();
    let lines: Option<Vec<_>> = lines.into_iter().collect();
    lines.map(|lines| Conditions::new(lines).at(items.iter().map(|item| item.span).collect()))
}

/// Reads one line of matchers, in Alertmanager's grammar; at least one of them.
pub(super) fn matchers(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Matcher>> {
    matchers_by(parser::parse, reader, node)
}

/// Reads one line of matchers in a grammar; at least one of them.
pub(super) fn matchers_by(
    parse: fn(&str) -> Result<Vec<Matcher>, SyntaxError>,
    reader: &mut Reader<'_>,
    node: &Node,
) -> Option<Vec<Matcher>> {
    let text = reader.text(node)?;
    if text.len() > LINE_BYTES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("a line of {} bytes", text.len()))
            .label(format!("expected at most {LINE_BYTES_MAX}"))
            .help("give the CIs an attribute and match it, as in   ci.role=\"database\"");
        return None;
    }
    // What is too much is not even compiled.
    if reader.patterns_size > PATTERNS_SIZE_MAX {
        return None;
    }
    match parse(text) {
        Ok(matchers) if matchers.is_empty() => {
            reader
                .error(codes::MATCHER, node.span, "no matcher")
                .label("expected one like severity=\"critical\"");
            None
        }
        Ok(matchers) => {
            reader.patterns_size += matchers.iter().map(|m| m.test().weight()).sum::<usize>();
            if reader.patterns_size > PATTERNS_SIZE_MAX {
                let message = "the patterns of this file take too much when compiled";
                reader
                    .error(codes::REGEX, node.span, message)
                    .label(format!("with this line more than {PATTERNS_SIZE_MAX} bytes"))
                    .help("use simpler patterns, or spread the rules over files");
                return None;
            }
            Some(matchers)
        }
        Err(error) => {
            refused(reader, node.span, text, error);
            None
        }
    }
}

/// Notes what is wrong with a text of matchers that stands in a scalar.
pub(super) fn refused(reader: &mut Reader<'_>, scalar: Span, text: &str, error: SyntaxError) {
    let SyntaxError { offset, len, part, message, help, instead } = error;
    let part_span = Span { start: offset, end: offset + len.max(1) };
    let span = locate(&reader.file.text, scalar, text, part_span);
    let code = match part {
        Part::Matcher => codes::MATCHER,
        Part::Pattern => codes::REGEX,
    };
    // Only what stands in the file as it is can be replaced there.
    let as_is = span.of(&reader.file.text) == part_span.of(text);
    let mut note = reader.error(code, span, message);
    if let Some(instead) = instead.filter(|_| as_is) {
        note = note.fix(span, instead);
    }
    note.help(help);
}

fn incident(
    reader: &mut Reader<'_>,
    templates: &mut Templates,
    node: &Node,
    group: Option<&[&str]>,
) -> Option<IncidentSpec> {
    let mut fields = reader.map(node, "`incident`")?;
    let mut template = |reader: &mut Reader<'_>, name| {
        fields.read(reader, name, |r, n| compiled(r, templates, n, group))
    };
    let title = template(reader, "title");
    let assign = template(reader, "assign");
    if let Some(node) = fields.get("assign")
        && let Some(team) = assign.as_ref().map(Template::source).filter(|s| !s.contains('{'))
    {
        reader.refer(Noun::Team, team, node.span);
    }
    let spec = IncidentSpec {
        title,
        assign,
        category: fields.read(reader, "category", |r, n| line(r, n, SUMMARY_BYTES_MAX)),
        priority: fields.read(reader, "priority", Reader::word),
        urgency: fields.read(reader, "urgency", Reader::word),
        impact: fields.read(reader, "impact", Reader::word),
        policy: fields.read(reader, "policy", |r, n| reference(r, n, Noun::Policy)),
        notify: fields.read(reader, "notify", notify).unwrap_or_default(),
    };
    fields.finish(reader);
    Some(spec)
}

fn notify(reader: &mut Reader<'_>, node: &Node) -> Option<NotifySpec> {
    let mut fields = reader.map(node, "`notify`")?;
    let first = fields.read(reader, "first", Reader::word).unwrap_or_default();
    let repeat = fields.read(reader, "repeat", |r, n| r.duration(n, MINUTE..=7 * DAY));
    fields.finish(reader);
    Some(NotifySpec { first, repeat })
}

/// Reads a template that is rendered of an alert alone: of its labels and its CI.
pub(super) fn intake_template(
    reader: &mut Reader<'_>,
    templates: &mut Templates,
    node: &Node,
) -> Option<Template> {
    let text = reader.text(node)?;
    lookups::refer(reader, node.span, text);
    match templates.add_intake(text) {
        Ok(template) => Some(template),
        Err(flaw) => {
            flawed(reader, node.span, text, flaw);
            None
        }
    }
}

fn compiled(
    reader: &mut Reader<'_>,
    templates: &mut Templates,
    node: &Node,
    group: Option<&[&str]>,
) -> Option<Template> {
    let text = reader.text(node)?;
    lookups::refer(reader, node.span, text);
    match templates.add(text, group) {
        Ok(template) => Some(template),
        Err(flaw) => {
            flawed(reader, node.span, text, flaw);
            None
        }
    }
}

/// Notes what is wrong with a template that stands in a scalar.
pub(super) fn flawed(reader: &mut Reader<'_>, scalar: Span, text: &str, flaw: Flaw) {
    let span = locate(&reader.file.text, scalar, text, flaw.part);
    let as_is = span.of(&reader.file.text) == flaw.part.of(text);
    let mut note = reader.error(*flaw.code, span, flaw.message).label(flaw.label);
    if let Some(instead) = flaw.instead.filter(|_| as_is) {
        note = note.fix(span, instead);
    }
    note.help(flaw.help);
}

fn resolve(reader: &mut Reader<'_>, node: &Node) -> Option<ResolveSpec> {
    let mut fields = reader.map(node, "`resolve`")?;
    let when = fields.read(reader, "when", Reader::word).unwrap_or_default();
    let linger = fields.read(reader, "linger", |r, n| r.duration(n, Duration::ZERO..=DAY));
    fields.finish(reader);
    Some(ResolveSpec { when, linger })
}
