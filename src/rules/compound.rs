//! Reads a line of a condition: a text of matchers, or a mapping that puts lines together, counts
//! what fires, or asks the time.
//!
//! See `rule.rs` for lists of lines, `line.rs` and `counter.rs` for what comes out.

use super::calendar;
use super::codes;
use super::condition::{Condition, Conditions};
use super::counter::{Bound, Count, Counter, Of};
use super::kinds::group::fields;
use super::line::Line;
use super::parser;
use super::reader::{Fields, Reader};
use super::rule::{conditions, matchers_by};
use super::subject::{CI, Field};
use super::text::{alternatives, shortened};
use super::yaml::{Node, Value};

/// Keys of a line that is a mapping.
const KEYS: [&str; 5] = ["any", "all", "not", "count", "time"];
/// Highest number a count can be compared with.
const COUNT_MAX: usize = 1_000_000;

/// Reads one line.
pub(super) fn line(reader: &mut Reader<'_>, node: &Node) -> Option<Line> {
    if !matches!(node.value, Value::Map(_)) {
        let matchers = matchers_by(parser::parse_rules, reader, node)?;
        return Some(Line::Matchers(Condition::new(matchers)));
    }
    let mut entries = reader.map(node, "a line of a condition")?;
    let given: Vec<(&str, &Node)> =
        KEYS.into_iter().filter_map(|key| Some((key, entries.get(key)?))).collect();
    let span = entries.span;
    entries.finish(reader);
    let [(key, value)] = given[..] else {
        let known = KEYS.map(|key| format!("`{key}:`"));
        let known = alternatives(&known.each_ref().map(|key| &**key));
        let message = match given[..] {
            [] => "line says nothing".to_owned(),
            _ => format!("line has {} conditions", given.len()),
        };
        reader
            .error(codes::LINE, span, message)
            .label(format!("expected one of {known}"))
            .help("write a line for each, as in   [{any: […]}, {time: office}]");
        return None;
    };
    match key {
        "any" => conditions(reader, value).map(Line::Any),
        "all" => conditions(reader, value).map(Line::All),
        "not" => conditions(reader, value).map(Line::Not),
        "count" => count(reader, value).map(Line::Count),
        _ => calendar::read::hours(reader, value).map(Line::Time),
    }
}

fn count(reader: &mut Reader<'_>, node: &Node) -> Option<Count> {
    let mut entries = reader.map(node, "`count`")?;
    let span = entries.span;
    let of = entries.need(reader, "of").and_then(|n| of(reader, n));
    let among = match entries.get("where") {
        Some(node) => {
            refuse_moving(reader, node);
            conditions(reader, node)
        }
        None => Some(Conditions::default()),
    };
    let same = match entries.get("same") {
        Some(node) => fields(reader, node),
        None => Some(Vec::new()),
    };
    let bound = bound(reader, &mut entries);
    entries.finish(reader);
    let counter = Counter { of: of?, among: among?, same: same?.into() };
    let (id, counter) = reader.counter(counter, span)?;
    Some(Count { id, counter, bound: bound? })
}

fn of(reader: &mut Reader<'_>, node: &Node) -> Option<Of> {
    let text = reader.text(node)?;
    match text {
        "alerts" => return Some(Of::Alerts),
        CI => return Some(Of::Values(Field::Ci("name".into()))),
        _ => {}
    }
    reader.name(text, node.span)?;
    match Field::parse(text) {
        Ok(field) => Some(Of::Values(field)),
        Err(error) => {
            reader.error(codes::VALUE, node.span, error.message).help(error.help);
            None
        }
    }
}

fn bound(reader: &mut Reader<'_>, entries: &mut Fields<'_>) -> Option<Bound> {
    let mut number = |name| entries.read(reader, name, |r, n| r.number(n, 1..=COUNT_MAX));
    let (least, limit) = (number("at_least"), number("below"));
    match (least, limit, entries.has("at_least"), entries.has("below")) {
        (Some(least), _, true, false) => Some(Bound::AtLeast(least)),
        (_, Some(limit), false, true) => Some(Bound::Below(limit)),
        (_, _, false, false) => {
            reader
                .error(codes::MISSING, entries.span, "`count` needs `at_least` or `below`")
                .help("say how many, for example   at_least: 3");
            None
        }
        (_, _, true, true) => {
            reader
                .error(codes::LINE, entries.span, "`count` has both `at_least` and `below`")
                .help("make it two lines, one with each");
            None
        }
        (None, _, true, false) | (_, None, false, true) => None,
    }
}

/// Notes counts and times below `where`: what an alert counts as must not change while it fires.
fn refuse_moving(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| refuse_moving(reader, item)),
        Value::Map(entries) => {
            for (key, node) in entries {
                if ["count", "time"].contains(&&*key.name) {
                    let message = format!(
                        "`{}` cannot stand in the `where` of a count",
                        shortened(&key.name)
                    );
                    reader
                        .error(codes::LINE, key.span, message)
                        .help("make it a line of its own, beside the count");
                } else {
                    refuse_moving(reader, node);
                }
            }
        }
        Value::Null | Value::Text(_) => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::source::SourceFile;
    use super::super::yaml;
    use super::*;

    /// Reads lines as they stand in a rule file, with the code and text of each problem.
    pub(in super::super) fn read(text: &str) -> Result<Conditions, Vec<(String, String)>> {
        let file = SourceFile { name: "t.yaml".into(), text: text.into() };
        let node = yaml::parse(&file).map_err(|problem| vec![(String::new(), problem.message)])?;
        let mut reader = Reader::new(&file);
        let read = conditions(&mut reader, &node);
        let problem = |d: &super::super::diagnostics::Diagnostic| {
            (format!("{} {}", d.code.id, d.span.of(text)), d.message.clone())
        };
        let problems: Vec<_> = reader.diagnostics.iter().map(problem).collect();
        read.filter(|_| problems.is_empty()).ok_or(problems)
    }

    #[test]
    fn a_mistake_in_a_line_is_shown_in_its_place() {
        for (text, place, message) in [
            ("{}", "R0109 {", "line says nothing"),
            ("{any: null}", "R0109 any", "line says nothing"),
            ("{any: [a=1], time: office}", "R0109 any", "line has 2 conditions"),
            ("{any: []}", "R0107 [", "list of 0 lines"),
            ("{ally: [a=1]}", "R0101 ally", "unknown field `ally`"),
            ("{any: ['a > b']}", "R0103 b", "expected a number"),
            ("{not: 'a=~\"(\"'}", "R0104 (", "never closed"),
            ("{count: {of: ci}}", "R0102 of", "needs `at_least` or `below`"),
            ("{count: {at_least: 1}}", "R0102 at_least", "needs `of`"),
            ("{count: {of: ci, at_least: 1, below: 2}}", "R0109 of", "has both"),
            ("{count: {of: ci, at_least: 0}}", "R0107 0", "out of range"),
            ("{count: {of: service.tier, at_least: 1}}", "R0107 service.tier", "several values"),
            ("{count: {of: ci, same: service.tier, at_least: 1}}", "R0107 service.tier", "several"),
            ("{count: {of: ci, same: [ci, ci], at_least: 1}}", "R0201 ci", "given twice"),
            (
                "{count: {of: ci, where: [{any: [{time: x}]}], at_least: 1}}",
                "R0109 time",
                "`time` cannot stand in the `where`",
            ),
            (
                "{count: {of: ci, where: {count: {of: ci, at_least: 1}}, at_least: 1}}",
                "R0109 count",
                "`count` cannot stand in the `where`",
            ),
        ] {
            let problems = read(text).err().unwrap_or_default();
            let found = problems.iter().any(|(p, m)| p == place && m.contains(message));
            assert!(found, "{text}: {problems:?}");
        }
    }

    #[test]
    fn rules_count_only_so_many_different_things() {
        let count = |n: usize| format!("{{count: {{of: l{n}, at_least: 2}}}}");
        let lists: Vec<String> = (0..5)
            .map(|list| {
                let lines: Vec<String> = (0..64).map(|n| count((list * 64 + n) % 257)).collect();
                format!("{{any: [{}]}}", lines.join(", "))
            })
            .collect();
        // The first 256 may be asked as often as one likes.
        assert!(read(&format!("[{0}, {0}]", lists[..4].join(", "))).is_ok());
        let problems = read(&format!("[{}]", lists.join(", "))).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].1.contains("more than 256 different counts"));
    }
}
