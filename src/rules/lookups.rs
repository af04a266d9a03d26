//! Section `lookups`: tables of what is known of a site, a team, a product, for templates.
//!
//! `lookup("sites", labels.site)` gives a row, `lookup("sites", labels.site).city` a field of it.
//! What is not there is empty, as everywhere in templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;

use super::codes;
use super::diagnostics::Span;
use super::reader::{Noun, Reader};
use super::scope::open;
use super::text::locate;
use super::yaml::{self, Key, Node};

/// Rows of one table.
const ROWS_MAX: usize = 10_000;

/// The name of the function in templates.
pub(super) const FUNCTION: &str = "lookup";

/// Tables by name.
pub(super) type Tables = BTreeMap<Box<str>, Table>;

/// Rows by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table(BTreeMap<Box<str>, Row>);

/// What stands under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// The row as a text; empty where it has fields.
    text: Box<str>,
    fields: Vec<(Box<str>, Box<str>)>,
}

/// Reads one table.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Table> {
    let fields = reader.map(node, "a table")?;
    let mut rows = BTreeMap::new();
    for (Key { name, .. }, node) in fields.all() {
        let row = match &node.value {
            yaml::Value::Text(text) => Some(Row { text: text.clone(), fields: Vec::new() }),
            yaml::Value::Map(_) => row(reader, node),
            yaml::Value::Null | yaml::Value::List(_) => {
                reader.expected(node, "a text or a mapping of texts");
                None
            }
        };
        rows.extend(row.map(|row| (Box::from(&**name), row)));
    }
    if rows.len() > ROWS_MAX {
        reader
            .error(codes::VALUE, fields.span, format!("a table of {} rows", rows.len()))
            .label(format!("expected at most {ROWS_MAX}"))
            .help("keep what changes often in the CMDB: its attributes are `ci.NAME`");
    }
    Some(Table(rows))
}

fn row(reader: &mut Reader<'_>, node: &Node) -> Option<Row> {
    let fields = reader.map(node, "a row")?;
    let mut pairs = Vec::new();
    for (Key { name, .. }, node) in fields.all() {
        pairs.extend(reader.text(node).map(|text| (Box::from(&**name), text.into())));
    }
    Some(Row { text: "".into(), fields: pairs })
}

/// Finds a row; one that is not there is empty.
pub(super) fn find(tables: &Tables, table: &str, key: &Value) -> Value {
    let key = key.to_string();
    let row = tables.get(table).and_then(|table| table.0.get(&*key));
    match row {
        Some(row) if row.fields.is_empty() => Value::from(&*row.text),
        Some(row) => open(row.fields.clone(), Some("".into())),
        None => open(Vec::new(), Some("".into())),
    }
}

/// Returns the function that templates call.
pub(super) fn function(tables: Tables) -> impl Fn(&str, Value) -> Value + Send + Sync + 'static {
    let tables = Arc::new(tables);
    move |table, key| find(&tables, table, &key)
}

/// Notes the tables that a template in a scalar asks for: each must be there, so each has to be
/// written out.
pub(super) fn refer(reader: &mut Reader<'_>, scalar: Span, source: &str) {
    for (start, _) in source.match_indices(FUNCTION) {
        let before = source.get(..start).unwrap_or("");
        let code = before.rfind("{{").max(before.rfind("{%"));
        let is_code = code > before.rfind("}}").max(before.rfind("%}"));
        let part_of_name = before.ends_with(|c: char| c.is_alphanumeric() || "_.'\"".contains(c));
        let rest = source.get(start + FUNCTION.len()..).unwrap_or("").trim_start();
        let Some(argument) = rest.strip_prefix('(').filter(|_| is_code && !part_of_name) else {
            continue;
        };
        let argument = argument.trim_start();
        let begin = source.len() - argument.len();
        let quoted = argument.strip_prefix(['"', '\'']);
        let name = quoted.and_then(|rest| Some(rest.split_once(['"', '\''])?.0));
        let part = match name {
            Some(name) => Span { start: begin + 1, end: begin + 1 + name.len() },
            None => Span { start, end: start + FUNCTION.len() },
        };
        let span = locate(&reader.file.text, scalar, source, part);
        match name {
            Some(name) => reader.refer(Noun::Table, name, span),
            None => reader
                .error(codes::LOOKUP, span, "the table of a lookup is not written out")
                .help("write its name in quotes, for example   lookup('sites', labels.site)"),
        }
    }
}
