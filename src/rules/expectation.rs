//! How `expect:` of a test is read.

use core::str::FromStr;

use super::reader::{Noun, Reader};
use super::testcase::{
    Expectation, Expected, IncidentExpectation, Silent, StormExpectation, at, line,
};
use super::yaml::{Node, Value};
use crate::model::priority::NotAWord;

/// Reads one entry of `expect:`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<Expectation> {
    let mut fields = reader.map(node, "an expectation")?;
    let at = at(reader, &mut fields);
    let mut list = |reader: &mut Reader<'_>, name| {
        fields.read(reader, name, |r, n| {
            let items = r.list(n)?;
            let all = items.iter().map(|item| incident(r, item, namespace)).collect::<Option<_>>();
            Some(expected(r, n, all?))
        })
    };
    let incidents = list(reader, "incidents");
    let incidents_include = list(reader, "incidents_include");
    let storms = fields.read(reader, "storms", |r, n| {
        let items = r.list(n)?;
        let all = items.iter().map(|item| storm(r, item)).collect::<Option<_>>();
        Some(expected(r, n, all?))
    });
    let pages_total = fields.read(reader, "pages_total", count);
    let tickets_total = fields.read(reader, "tickets_total", count);
    let silent = fields.read(reader, "silent", |r, n| silent(r, n, namespace)).unwrap_or_default();
    let span = fields.span;
    fields.finish(reader);
    let line = line(reader, span);
    Some(Expectation {
        at: at?,
        line,
        incidents,
        incidents_include,
        storms,
        pages_total,
        tickets_total,
        silent,
    })
}

/// Reads `silent: {RULE: [NAMES]}`.
fn silent(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<Vec<Silent>> {
    let fields = reader.map(node, "`silent`")?;
    let mut rules = Vec::new();
    for (key, node) in fields.all() {
        let Some(name) = reader.name(&key.name, key.span) else { continue };
        let rule = full_name(&name, namespace);
        reader.refer(Noun::Rule, &rule, key.span);
        rules.extend(many(reader, node).map(|names| Silent { rule, names }));
    }
    Some(rules)
}

fn full_name(name: &str, namespace: &str) -> Box<str> {
    if name.contains('/') { name.into() } else { format!("{namespace}/{name}").into() }
}

fn storm(reader: &mut Reader<'_>, node: &Node) -> Option<StormExpectation> {
    let mut fields = reader.map(node, "an expected storm")?;
    let key = fields.read(reader, "key", |r, n| r.text(n)).map(Into::into);
    let active = fields.read(reader, "active", |r, n| match r.text(n)? {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            r.expected(n, "true or false");
            None
        }
    });
    fields.finish(reader);
    Some(StormExpectation { key, active })
}

fn incident(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<IncidentExpectation> {
    let mut fields = reader.map(node, "an expected incident")?;
    let (line, column) = reader.position(fields.span);
    let expectation = IncidentExpectation {
        line,
        column,
        span: node.span,
        rule: fields
            .entry("rule")
            .and_then(|(_, n)| or_nothing(reader, n, |r, n| rule_name(r, n, namespace))),
        root: fields.read(reader, "root", one),
        title: fields.read(reader, "title", one),
        members: fields.read(reader, "members", many),
        subordinates: fields.read(reader, "subordinates", count),
        pages: fields.read(reader, "pages", many),
        called: fields.read(reader, "called", many),
        tickets: fields.read(reader, "tickets", many),
        impact: fields.read(reader, "impact", word),
        urgency: fields.read(reader, "urgency", word),
        priority: fields.read(reader, "priority", word),
        state: fields.read(reader, "state", word),
        team: fields.entry("team").and_then(|(_, n)| or_nothing(reader, n, text)),
        category: fields.entry("category").and_then(|(_, n)| or_nothing(reader, n, text)),
        quiet: fields.read(reader, "quiet", truth),
        known_error: fields.entry("known_error").and_then(|(_, n)| or_nothing(reader, n, text)),
        because: fields.read(reader, "because", many),
    };
    fields.finish(reader);
    Some(expectation)
}

fn expected<T>(reader: &Reader<'_>, node: &Node, value: T) -> Expected<T> {
    let (line, column) = reader.position(node.span);
    Expected { value, line, column, span: node.span }
}

fn rule_name(reader: &mut Reader<'_>, node: &Node, namespace: &str) -> Option<Box<str>> {
    let text = reader.text(node)?;
    let name = reader.name(text, node.span)?;
    let full = full_name(&name, namespace);
    reader.refer(Noun::Rule, &full, node.span);
    Some(full)
}

/// Reads a value where nothing (`null`) is a value too.
fn or_nothing<'f, T>(
    reader: &mut Reader<'f>,
    node: &Node,
    read: impl FnOnce(&mut Reader<'f>, &Node) -> Option<T>,
) -> Option<Expected<Option<T>>> {
    let value = match node.value {
        Value::Null => None,
        Value::Text(_) | Value::List(_) | Value::Map(_) => Some(read(reader, node)?),
    };
    Some(expected(reader, node, value))
}

fn text(reader: &mut Reader<'_>, node: &Node) -> Option<Box<str>> {
    reader.text(node).map(Into::into)
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<Expected<Box<str>>> {
    let text = reader.text(node)?.into();
    Some(expected(reader, node, text))
}

fn many(reader: &mut Reader<'_>, node: &Node) -> Option<Expected<Vec<Box<str>>>> {
    let items = reader.list(node)?;
    let texts = items.iter().filter_map(|item| reader.text(item).map(Into::into)).collect();
    Some(expected(reader, node, texts))
}

fn word<T>(reader: &mut Reader<'_>, node: &Node) -> Option<Expected<T>>
where
    T: FromStr<Err = NotAWord>,
{
    let word = reader.word(node)?;
    Some(expected(reader, node, word))
}

fn count(reader: &mut Reader<'_>, node: &Node) -> Option<Expected<u32>> {
    let number = reader.number(node, 0..=1_000_000)?;
    Some(expected(reader, node, number))
}

fn truth(reader: &mut Reader<'_>, node: &Node) -> Option<Expected<bool>> {
    let Ok(truth) = reader.text(node)?.parse() else {
        reader.expected(node, "`true` or `false`");
        return None;
    };
    Some(expected(reader, node, truth))
}
