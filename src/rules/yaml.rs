//! YAML as a tree of nodes that know their place; the only file that knows the YAML library.
//!
//! It never interprets anything: every scalar is the text as written, so `no`, `007` and `1e3` stay
//! what they look like. See `reader.rs` for how a tree is read, and `check.rs` for what it means.

use core::fmt;
use core::hash::{Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Options, Spanned};

use super::codes;
use super::diagnostics::{Diagnostic, Span};
use super::source::SourceFile;

/// The largest file that is read, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 4 << 20;
/// Nodes of one file, aliases expanded: a generous hundred rules with tests.
const NODES_MAX: usize = 20_000;
/// How deep nodes may nest; a rule's deepest is 9.
const DEPTH_MAX: usize = 32;

/// One value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Where it stands; for an alias, where its anchor stands.
    pub(super) span: Span,
    /// What it is.
    pub(super) value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar as text.
    Text(Box<str>),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping's entry with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Where it stands.
    pub(super) span: Span,
    /// Its text.
    pub(super) name: Box<str>,
}

impl Node {
    /// Hashes what is said, wherever in the file it stands.
    pub(super) fn hash_said(&self, hasher: &mut impl Hasher) {
        core::mem::discriminant(&self.value).hash(hasher);
        match &self.value {
            Value::Null => {}
            Value::Text(text) => text.hash(hasher),
            Value::List(items) => {
                items.len().hash(hasher);
                for item in items {
                    item.hash_said(hasher);
                }
            }
            Value::Map(entries) => {
                entries.len().hash(hasher);
                for (key, node) in entries {
                    key.name.hash(hasher);
                    node.hash_said(hasher);
                }
            }
        }
    }
}

/// Reads one document; a file of nothing but comments is `Value::Null`.
///
/// # Errors
/// With what is wrong and where, when the text is no YAML or exceeds a limit.
pub(super) fn parse(file: &SourceFile) -> Result<Node, Box<Diagnostic>> {
    if file.text.len() > FILE_BYTES_MAX {
        let message =
            format!("file is {} bytes long, must be at most {FILE_BYTES_MAX}", file.text.len());
        let help = "split it: the order of rule files does not matter";
        return Err(Box::new(
            Diagnostic::error(codes::SYNTAX, file, Span::default(), message).help(help),
        ));
    }
    if file
        .text
        .lines()
        .all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Node { span: Span::default(), value: Value::Null });
    }
    let mut node: Node = serde_saphyr::from_str_with_options(&file.text, options())
        .map_err(|error| Box::new(explain(&error, file)))?;
    restore_spelling(&mut node, &file.text);
    Ok(node)
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

fn span(location: Location) -> Span {
    let at = location.span();
    let start = at.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let len = at.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
    Span { start, end: start + len }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { span: span(raw.defined), value: raw.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a sequence or a mapping")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, node)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push((Key { span: span(key.defined), name: key.value.into() }, node));
        }
        Ok(Value::Map(map))
    }
}

/// Puts back what the library has read as a number, a truth value or nothing.
///
/// Only an unquoted scalar on one line can have been read so, and that one is its own text.
fn restore_spelling(node: &mut Node, text: &str) {
    match &mut node.value {
        Value::Null => {}
        Value::Text(value) => {
            let written = node.span.of(text);
            if !written.starts_with(['"', '\'', '|', '>']) && !written.contains('\n') {
                *value = written.trim_end().into();
            }
        }
        Value::List(items) => {
            for item in items {
                restore_spelling(item, text);
            }
        }
        Value::Map(entries) => {
            for (_, item) in entries {
                restore_spelling(item, text);
            }
        }
    }
}

/// Help for the commonest slip in a file with templates.
const QUOTE_BRACES: &str = "put a template in quotes";

/// Writes a text in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Turns the library's words into ours.
fn explain(error: &Error, file: &SourceFile) -> Diagnostic {
    let error = error.without_snippet();
    let location = error.location().unwrap_or(Location::UNKNOWN);
    let mut at = span(location);
    if at.end == at.start {
        at = line_from(&file.text, location);
    }
    let (begin, line) = line_of(&file.text, at.start);
    if let Error::DuplicateMappingKey { key, .. } = error {
        return repeated(file, at, key.as_deref().unwrap_or("?"));
    }
    if let Some(braces) = [": {{", "- {{"].iter().find_map(|sign| line.find(sign)) {
        let from = braces + 2;
        let template = template(line, from);
        let at = Span { start: begin + from, end: begin + from + template.len() };
        return Diagnostic::error(codes::SYNTAX, file, at, "template without quotes")
            .label("YAML reads braces as a mapping")
            .fix(at, quoted(template))
            .help(QUOTE_BRACES);
    }
    let indent = line.len() - line.trim_start().len();
    if let Some(tabs) = line.get(..indent).filter(|indent| indent.contains('\t')) {
        let at = Span { start: begin, end: begin + indent };
        return Diagnostic::error(codes::SYNTAX, file, at, "a tab at the beginning of a line")
            .label("YAML takes no tabs here")
            .fix(at, tabs.replace('\t', "  "))
            .help("indent with spaces");
    }
    let message = first_sentence(&error.to_string());
    let problem = |message: String| Diagnostic::error(codes::SYNTAX, file, at, message);
    match &message {
        it if it.contains("recursion limit") || it.contains("breached: Depth") => {
            problem(format!("nested more than {DEPTH_MAX} levels deep"))
                .help("rules need no more than 9 levels: is a bracket never closed?")
        }
        it if it.contains("breached: Nodes") => problem(format!("the file holds more than {NODES_MAX} values"))
            .help("split it: the order of rule files does not matter; an alias counts as what it stands for"),
        _ => problem(message),
    }
}

/// Returns the template without quotes that begins here: up to the end of its value.
fn template(line: &str, from: usize) -> &str {
    let (before, rest) = line.split_at_checked(from).unwrap_or((line, ""));
    let in_flow = before.contains(['{', '[']);
    let ends = rest.match_indices("}}").map(|(at, _)| at + 2);
    let last = |at: &usize| {
        let behind = rest.get(*at..).unwrap_or("").trim_start();
        behind.is_empty()
            || behind.starts_with('#')
            || (in_flow && behind.starts_with([',', '}', ']']))
    };
    let end = ends.clone().find(last).unwrap_or(rest.trim_end().len());
    rest.get(..end).unwrap_or(rest)
}

fn repeated(file: &SourceFile, at: Span, key: &str) -> Diagnostic {
    let message = format!("key `{key}` is given twice");
    let problem = Diagnostic::error(codes::REPEATED_KEY, file, at, message)
        .label("given again here")
        .help("keep one of them, or make them one list");
    match earlier_key(&file.text, at) {
        Some(first) => problem.related(file, first, "first given here"),
        None => problem,
    }
}

/// Finds the key of a mapping in block form that is written like the one here, above it.
fn earlier_key(text: &str, at: Span) -> Option<Span> {
    let (begin, _) = line_of(text, at.start);
    let column = at.start - begin;
    let key = at.of(text);
    let mut end = begin;
    for line in text.get(..begin)?.split_inclusive('\n').rev() {
        end -= line.len();
        let (before, rest) = line.split_at_checked(column).unwrap_or((line, ""));
        let indented = before.chars().all(char::is_whitespace);
        let starts_here = indented || before.trim_start().chars().all(|c| matches!(c, '-' | ' '));
        let behind = rest.strip_prefix(key).filter(|_| starts_here);
        if behind.is_some_and(|behind| behind.trim_start().starts_with(':')) {
            return Some(Span { start: end + column, end: end + column + key.len() });
        }
        if !indented {
            return None;
        }
    }
    None
}

/// Returns the line that holds a byte, and where the line begins.
fn line_of(text: &str, byte: usize) -> (usize, &str) {
    let start = text.get(..byte).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    (start, text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or(""))
}

/// Finds the rest of the line of a location that has no byte offset.
fn line_from(text: &str, location: Location) -> Span {
    let number = usize::try_from(location.line().saturating_sub(1)).unwrap_or(0);
    let Some(line) = text.split_inclusive('\n').nth(number) else {
        return Span { start: text.len(), end: text.len() };
    };
    let begin = text.split_inclusive('\n').take(number).map(str::len).sum::<usize>();
    let column = usize::try_from(location.column().saturating_sub(1)).unwrap_or(0);
    let skip = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    Span { start: begin + skip, end: begin + line.trim_end().len().max(skip) }
}

/// Keeps of a message what stands before its first line end, without the place it names.
fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or("the file is no YAML");
    let cut = line.find(" at line ").unwrap_or(line.len());
    line.get(..cut).unwrap_or(line).trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile { name: "f.yaml".into(), text: text.into() }
    }

    fn walk<'n>(node: &'n Node, visit: &mut dyn FnMut(&'n Node)) {
        visit(node);
        match &node.value {
            Value::Null | Value::Text(_) => {}
            Value::List(items) => items.iter().for_each(|item| walk(item, visit)),
            Value::Map(entries) => entries.iter().for_each(|(_, item)| walk(item, visit)),
        }
    }

    #[test]
    fn every_node_and_key_stands_where_its_span_says() {
        let file = file(
            "version: 1\nrules:\n  - name: ünit\n    when: ['a=\"b\"', \"c='d'\"]\n    topology: {follow: [powers, hosts], max_hops: 4}\n    text: |\n      long\n      text\n    ~x: 007\n",
        );
        let root = parse(&file).unwrap();
        let mut seen = Vec::new();
        walk(&root, &mut |node| {
            if let Value::Text(text) = &node.value {
                seen.push((text.to_string(), node.span.of(&file.text).to_owned()));
            }
            if let Value::Map(entries) = &node.value {
                for (key, _) in entries {
                    assert_eq!(key.span.of(&file.text), &*key.name);
                }
            }
        });
        for (value, written) in [
            ("1", "1"),
            ("ünit", "ünit"),
            ("a=\"b\"", "'a=\"b\"'"),
            ("c='d'", "\"c='d'\""),
            ("powers", "powers"),
            ("007", "007"),
        ] {
            assert!(seen.contains(&(value.into(), written.into())), "{value} in {seen:?}");
        }
        assert!(seen.iter().all(|(_, written)| !written.is_empty()), "{seen:?}");
    }

    #[test]
    fn a_scalar_keeps_its_spelling() {
        let file = file("[no, 1e3, 0x1F, 007, true, 1_000, ~, null, '', \"~\", 5m, 1.50, .nan]");
        let Value::List(items) = parse(&file).unwrap().value else { panic!("no list") };
        let texts: Vec<_> = items
            .iter()
            .map(|item| match &item.value {
                Value::Text(text) => &**text,
                Value::Null => "(nothing)",
                Value::List(_) | Value::Map(_) => "?",
            })
            .collect();
        assert_eq!(
            texts,
            [
                "no",
                "1e3",
                "0x1F",
                "007",
                "true",
                "1_000",
                "(nothing)",
                "(nothing)",
                "",
                "~",
                "5m",
                "1.50",
                ".nan"
            ]
        );
    }

    #[test]
    fn an_alias_stands_where_its_anchor_does() {
        let file = file("a: &x 'one'\nb: *x\n");
        let Value::Map(entries) = parse(&file).unwrap().value else { panic!("no mapping") };
        assert_eq!(entries[1].1.span.of(&file.text), "'one'");
    }

    #[test]
    fn a_file_of_comments_is_nothing() {
        assert_eq!(parse(&file("# only\n\n  # words\n")).unwrap().value, Value::Null);
        assert_eq!(parse(&file("")).unwrap().value, Value::Null);
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..8 {
            let items = [format!("*a{}", i - 1).as_str(); 9].join(", ");
            bomb.extend([format!("a{i}: &a{i} [{items}]\n")]);
        }
        let keys: String = (0..NODES_MAX).flat_map(|i| [i.to_string(), ":\n".into()]).collect();
        let indented = |i: usize| format!("{}a:\n", " ".repeat(i));
        let deep: String = (0..=DEPTH_MAX).map(indented).collect();
        for (text, limit) in [
            (bomb, "more than 20000 values"),
            ("[".repeat(100_000), "nested more than 32 levels"),
            ("- ".repeat(100_000), "nested more than 32 levels"),
            (deep, "nested more than 32 levels"),
            (keys, "more than 20000 values"),
            ("x".repeat(FILE_BYTES_MAX + 1), "must be at most 4194304"),
        ] {
            let refused = parse(&file(&text)).unwrap_err();
            assert_eq!(refused.code, codes::SYNTAX);
            assert!(refused.message.contains(limit), "{}", refused.message);
        }
    }

    #[test]
    fn a_template_without_quotes_ends_with_its_value() {
        for (line, expected) in [
            ("title: {{ a }} on {{ b }}  # x", "{{ a }} on {{ b }}"),
            ("title: {{ a }} on b", "{{ a }} on b"),
            ("{title: {{ a }} on {{ b }}, c: d}", "{{ a }} on {{ b }}"),
            ("{title: {{ labels.a }}}", "{{ labels.a }}"),
        ] {
            assert_eq!(template(line, line.find(": {{").unwrap() + 2), expected, "{line}");
        }
    }

    #[test]
    fn a_key_that_was_given_before_is_found() {
        for (text, line) in [
            ("a: 1\nb: 2\na: 3\n", Some(1)),
            ("x:\n  - a: 1\n    b:\n      a: 5\n    a: 3\n", Some(2)),
            ("{a: 1, a: 2}\n", None),
        ] {
            let problem = parse(&file(text)).unwrap_err();
            assert_eq!(problem.code, codes::REPEATED_KEY);
            let first = problem.related.map(|first| {
                assert_eq!(first.span.of(text), "a");
                text.get(..first.span.start).unwrap().matches('\n').count() + 1
            });
            assert_eq!(first, line, "{text}");
        }
    }
}
