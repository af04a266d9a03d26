//! How `timeline:` and `generate:` of a test are read.

use core::time::Duration;

use super::codes;
use super::condition::Condition;
use super::diagnostics::Span;
use super::matcher::{Matcher, Test};
use super::parser;
use super::reader::{MINUTE, Reader};
use super::rule::{flawed, matchers, refused};
use super::subject::Field;
use super::template::Templates;
use super::testcase::{Cleared, LENGTH_MAX, STEPS_MAX, TestAction, TestStep, at, line};
use super::wish;
use super::yaml::Node;
use crate::model::change::{Change, ChangeState};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// Reads `timeline:`; each step with its place.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<(Span, TestStep)>> {
    let items = reader.list(node)?;
    Some(items.iter().filter_map(|item| step(reader, item)).collect())
}

fn step(reader: &mut Reader<'_>, node: &Node) -> Option<(Span, TestStep)> {
    let mut fields = reader.map(node, "a step of a timeline")?;
    let at = at(reader, &mut fields);
    let severity = fields.read(reader, "severity", |r, n| r.text(n)).map(Into::into);
    let fire = fields.read(reader, "fire", labels);
    let clear = fields.read(reader, "clear", matchers);
    let silence = fields.read(reader, "silence", wish::silence);
    let report = fields.read(reader, "report", wish::report);
    let change = fields.read(reader, "change", |r, n| change(r, n, at.unwrap_or_default()));
    let handle = wish::read(reader, &mut fields);
    let names =
        || ["fire", "clear", "report", "silence", "change"].into_iter().chain(wish::names());
    let given = names().filter(|name| fields.has(name)).count();
    let span = fields.span;
    fields.finish(reader);
    if given != 1 {
        let names: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        reader
            .error(codes::VALUE, span, format!("a step does {given} things"))
            .label(format!("expected exactly one of {}", names.join(", ")));
        return None;
    }
    let fire = fire.map(|labels| TestAction::Fire { labels, severity });
    let clear = clear.map(|m| TestAction::Clear(Cleared::Matching(Condition::new(m))));
    let report = report.map(TestAction::Report);
    let said = report.or(silence.map(TestAction::Silence));
    let action = fire.or(clear).or(said).or(handle).or(change)?;
    Some((span, TestStep { at: at?, line: line(reader, span), action }))
}

/// Reads a change that begins at its step and lasts `for` so long.
fn change(reader: &mut Reader<'_>, node: &Node, at: Duration) -> Option<TestAction> {
    let mut fields = reader.map(node, "`change`")?;
    let number = fields.need(reader, "number").and_then(|n| reader.text(n));
    let cis = fields.need(reader, "cis").and_then(|n| {
        let items = reader.one_or_many(n)?;
        Some(items.iter().filter_map(|item| reader.text(item).map(Into::into)).collect())
    });
    let lasts = fields.need(reader, "for").and_then(|n| reader.duration(n, MINUTE..=LENGTH_MAX));
    let state = fields.read(reader, "state", Reader::word).unwrap_or(ChangeState::Approved);
    fields.finish(reader);
    let starts_at = Timestamp::EPOCH.plus(at);
    let mut cis: Vec<Box<str>> = cis?;
    cis.sort_unstable();
    Some(TestAction::Change(Change {
        number: number?.into(),
        cis,
        starts_at,
        ends_at: starts_at.plus(lasts?),
        state,
        owner: "".into(),
        summary: "".into(),
        source: "".into(),
    }))
}

/// Reads the labels of an alert, written as matchers with `=`.
/// Reads the labels of an alert, written like matchers: `alertname="DiskFull", ci="db-3"`.
///
/// # Errors
/// In words, when it is anything else.
pub fn alert_labels(text: &str) -> Result<Labels, String> {
    let matchers = parser::parse(text).map_err(|error| error.message)?;
    let pairs: Option<Vec<_>> = matchers.iter().map(pair).collect();
    let Some(mut pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
        return Err("expected `name=\"value\"` for each label, and nothing but `=`".into());
    };
    pairs.retain(|(_, value)| !value.is_empty());
    Labels::build(&mut pairs).map_err(|error| error.to_string())
}

fn labels(reader: &mut Reader<'_>, node: &Node) -> Option<Labels> {
    let text = reader.text(node)?;
    alert(reader, node, text)
}

fn alert(reader: &mut Reader<'_>, node: &Node, text: &str) -> Option<Labels> {
    let matchers = match parser::parse(text) {
        Ok(matchers) => matchers,
        Err(error) => {
            refused(reader, node.span, text, error);
            return None;
        }
    };
    let pairs: Option<Vec<_>> = matchers.iter().map(pair).collect();
    let Some(mut pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
        reader
            .error(codes::VALUE, node.span, "an alert that fires needs its labels")
            .label("expected `name=\"value\"` for each label, and nothing but `=`");
        return None;
    };
    pairs.retain(|(_, value)| !value.is_empty());
    match Labels::build(&mut pairs) {
        Ok(labels) => Some(labels),
        Err(error) => {
            reader.error(codes::VALUE, node.span, error.to_string());
            None
        }
    }
}

fn pair(matcher: &Matcher) -> Option<(&str, &str)> {
    match (matcher.field(), matcher.test()) {
        (Field::Label(name), Test::Equal(value)) => Some((name, value)),
        (Field::Label(_) | Field::Ci(_) | Field::Service(_), _) => None,
    }
}

/// Reads `generate:` and writes it out.
pub(super) fn generate(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<TestStep>> {
    let items = reader.list(node)?;
    Some(items.iter().flat_map(|item| repeated(reader, item).unwrap_or_default()).collect())
}

/// Writes out alerts that fire again and again: the first, `n` = 1, at `at` or the start.
fn repeated(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<TestStep>> {
    let mut fields = reader.map(node, "an entry of `generate`")?;
    let span = |r: &mut Reader<'_>, n| r.duration(n, Duration::ZERO..=LENGTH_MAX);
    let begin = fields.read(reader, "at", span).unwrap_or_default();
    let every = fields.need(reader, "every").and_then(|n| span(reader, n));
    let times_max = u32::try_from(STEPS_MAX).unwrap_or(u32::MAX);
    let times = fields.need(reader, "times").and_then(|n| reader.number(n, 1..=times_max));
    let clear_after = fields.read(reader, "clear_after", span);
    let fire = fields.need(reader, "fire");
    let line = line(reader, fields.span);
    fields.finish(reader);
    let (every, times, fire) = (every?, times?, fire?);
    let source = reader.text(fire)?;
    let mut steps = Vec::new();
    for n in 1..=times {
        let text = match Templates::number(source, n) {
            Ok(text) => text,
            Err(flaw) => {
                flawed(reader, fire.span, source, flaw);
                return None;
            }
        };
        let labels = alert(reader, fire, &text)?;
        let at = begin.saturating_add(every.saturating_mul(n - 1));
        if let Some(after) = clear_after {
            let action = TestAction::Clear(Cleared::Exactly(labels.clone()));
            steps.push(TestStep { at: at.saturating_add(after), line, action });
        }
        steps.push(TestStep { at, line, action: TestAction::Fire { labels, severity: None } });
    }
    Some(steps)
}
