//! Kind `absence`: something that is expected is not heard of, and an alert of our own says so.

use core::time::Duration;
use std::collections::BTreeMap;

use super::group::fields;
use super::storm::joined;
use crate::model::alert::SEVERITY;
use crate::rules::codes;
use crate::rules::diagnostics::Span;
use crate::rules::reader::{DAY, Reader};
use crate::rules::subject::{Field, Subject};
use crate::rules::yaml::{Node, Value};

/// The label of our alert that names the rule.
pub const RULE: &str = "rule";
/// Its name, where the rule gives none.
const ALERTNAME: &str = "ExpectedAlertMissing";
/// Its severity, where the rule gives none.
const DEFAULT_SEVERITY: &str = "critical";
/// Labels of our alert that no field may be named like.
const OWN: [&str; 4] = ["alertname", RULE, SEVERITY, SOURCE];
/// The label that names the source that is not heard of.
const SOURCE: &str = "source";
/// Keys that a rule may expect from the beginning.
const EXPECTED_MAX: usize = 10_000;

/// Says so when something expected is not heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// How long nothing may be heard; half-open.
    pub silence: Duration,
    /// What is expected for each combination of values.
    pub per: Vec<Field>,
    /// The values that must be there from the beginning, in the order of `per`.
    pub expected: Vec<Vec<Box<str>>>,
    /// The source of which anything at all is expected; otherwise the alerts of the rule's `when`.
    pub source: Option<Box<str>>,
    /// The name of our alert.
    pub alertname: Box<str>,
    /// Its severity.
    pub severity: Box<str>,
}

impl Absence {
    /// Returns the values by which an alert is expected, in the order of `per`.
    pub fn values(&self, subject: &Subject<'_>) -> Vec<Box<str>> {
        self.per.iter().map(|field| field.value(subject).into()).collect()
    }

    /// Returns the key of a watch: `ops/watchdog/fra1`.
    pub fn key(&self, rule: &str, values: &[Box<str>]) -> String {
        joined(rule, values.iter().map(|value| &**value))
    }

    /// Returns the labels of our alert for a key of the rule `rule`.
    pub fn labels<'a>(&'a self, rule: &'a str, values: &'a [Box<str>]) -> Vec<(&'a str, &'a str)> {
        let own = [("alertname", &*self.alertname), (RULE, rule), (SEVERITY, &*self.severity)];
        let source = self.source.iter().map(|source| (SOURCE, &**source));
        let shared = self.per.iter().map(Field::key).zip(values.iter().map(|value| &**value));
        own.into_iter().chain(source).chain(shared).filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// Reads the value of `absence:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Absence> {
    let mut entries = reader.map(node, "`absence`")?;
    let second = Duration::from_secs(1);
    let silence = entries.need(reader, "for").and_then(|n| reader.duration(n, second..=7 * DAY));
    let source = entries.read(reader, "source", |r, n| {
        let text = r.text(n)?;
        r.name(text, n.span)
    });
    let per_node = entries.get("per");
    let per = per_node.map_or(Some(Vec::new()), |n| fields(reader, n));
    let expected_node = entries.get("expected");
    for node in [per_node, expected_node].into_iter().flatten().filter(|_| source.is_some()) {
        reader
            .error(codes::ABSENCE, node.span, "a source has no labels")
            .help("leave `per` and `expected` out, or `source`");
    }
    if let Some((node, per)) = per_node.zip(per.as_ref()) {
        check_names(reader, node.span, per);
    }
    let expected = expected_node.zip(per.as_deref()).map(|(n, per)| expected(reader, n, per));
    let alertname = entries.read(reader, "alertname", |r, n| r.text(n)).unwrap_or(ALERTNAME);
    let severity = entries.read(reader, "severity", |r, n| r.text(n)).unwrap_or(DEFAULT_SEVERITY);
    entries.finish(reader);
    Some(Absence {
        silence: silence?,
        per: per?,
        expected: expected.unwrap_or_default(),
        source,
        alertname: alertname.into(),
        severity: severity.into(),
    })
}

fn check_names(reader: &mut Reader<'_>, span: Span, per: &[Field]) {
    for name in per.iter().map(Field::key).filter(|name| OWN.contains(name)) {
        reader
            .error(codes::ABSENCE, span, format!("`{name}` is a label of the alert that is raised"))
            .help("tell the alerts apart by other labels; `when` can pick one name");
    }
}

/// Reads the keys that must be there from the beginning: a mapping of all fields each.
fn expected(reader: &mut Reader<'_>, node: &Node, per: &[Field]) -> Vec<Vec<Box<str>>> {
    let items = reader.list(node).unwrap_or_default();
    if items.len() > EXPECTED_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} keys", items.len()))
            .label(format!("expected at most {EXPECTED_MAX}"));
        return Vec::new();
    }
    items.iter().filter_map(|item| key(reader, item, per)).collect()
}

fn key(reader: &mut Reader<'_>, node: &Node, per: &[Field]) -> Option<Vec<Box<str>>> {
    let Value::Map(entries) = &node.value else {
        reader.expected(node, "a mapping of the fields of `per`, `{cluster: fra1}`");
        return None;
    };
    let given: BTreeMap<&str, &Node> = entries.iter().map(|(k, n)| (&*k.name, n)).collect();
    let names: Vec<&str> = per.iter().map(Field::key).collect();
    if given.len() != names.len() || !names.iter().all(|name| given.contains_key(name)) {
        let wanted = if names.is_empty() { "none".into() } else { names.join(", ") };
        reader
            .error(codes::ABSENCE, node.span, "its fields are not those of `per`")
            .label(format!("expected {wanted}"))
            .help("give each field of `per` one value, and no other");
        return None;
    }
    names.iter().map(|name| reader.text(given.get(name)?).map(Into::into)).collect()
}
