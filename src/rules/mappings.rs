//! How mappings of foreign JSON are written in rule files. What a mapping does with a body is
//! `ingest::mapping`'s business.

use std::collections::BTreeMap;

use super::codes;
use super::diagnostics::{Span, nearest};
use super::reader::{Fields, Reader};
use super::text::{locate, shortened};
use super::yaml::{Key, Node, Value};
use crate::ingest::mapping::path::Path;
use crate::ingest::mapping::{Mapping, Pick, Severity, Status};

/// Labels, annotations or words of a mapping; an alert may have so many labels.
const ENTRIES_MAX: usize = 64;

type Picks = Vec<(Box<str>, Pick)>;

/// Reads one entry of `mappings`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Mapping> {
    let mut fields = reader.map(node, "a mapping of JSON")?;
    let alerts = fields.read(reader, "alerts", path);
    let given = fields.has("alerts");
    let labels = fields.need(reader, "labels").and_then(|n| picks(reader, n, "labels"));
    let required = fields.read(reader, "required", |r, n| required(r, n, labels.as_deref()));
    let annotations = fields.read(reader, "annotations", |r, n| picks(r, n, "annotations"));
    let status = fields.read(reader, "status", status);
    let severity = fields.read(reader, "severity", severity);
    let starts_at = fields.read(reader, "starts_at", pick);
    let ends_at = fields.read(reader, "ends_at", pick);
    let generator_url = fields.read(reader, "generator_url", pick);
    let span = fields.span;
    fields.finish(reader);
    let labels = labels?;
    if labels.is_empty() {
        reader
            .error(codes::MISSING, span, "a mapping without a label")
            .help("give it one, for example   labels: {alertname: title}");
        return None;
    }
    Some(Mapping {
        alerts: if given { alerts? } else { Path::document() },
        labels,
        required: required.unwrap_or_default(),
        annotations: annotations.unwrap_or_default(),
        status,
        severity,
        starts_at,
        ends_at,
        generator_url,
    })
}

fn picks(reader: &mut Reader<'_>, node: &Node, what: &'static str) -> Option<Picks> {
    let fields = reader.map(node, what)?;
    let entries: Vec<_> = fields.all().collect();
    if entries.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} {what}", entries.len()))
            .label(format!("expected at most {ENTRIES_MAX}"));
    }
    let mut read = Vec::with_capacity(entries.len());
    for (Key { name, span }, node) in entries {
        if name.is_empty() {
            reader.error(codes::VALUE, *span, "a name is empty");
        }
        read.push(pick(reader, node).map(|pick| (name.clone(), pick)));
    }
    read.into_iter().collect()
}

fn required(
    reader: &mut Reader<'_>,
    node: &Node,
    labels: Option<&[(Box<str>, Pick)]>,
) -> Option<Vec<Box<str>>> {
    let mut names = Vec::new();
    for item in reader.one_or_many(node)? {
        let Some(name) = reader.text(item) else { continue };
        let known = || labels.unwrap_or_default().iter().map(|(name, _)| &**name);
        if labels.is_some() && !known().any(|label| label == name) {
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name one of `labels`".into(),
            };
            let message = format!("the mapping has no label `{}`", shortened(name));
            reader.error(codes::REFERENCE, item.span, message).help(help);
        }
        names.push(name.into());
    }
    Some(names)
}

/// Reads a path, `{path, default}` or `{value}`.
fn pick(reader: &mut Reader<'_>, node: &Node) -> Option<Pick> {
    if let Value::Text(_) = node.value {
        let path = alert_path(reader, node)?;
        return Some(Pick::At { path, default: None });
    }
    let mut fields = reader.map(node, "a path, or `{path, default}` or `{value}`,")?;
    let value = fields.read(reader, "value", text);
    if fields.has("value") {
        fields.finish(reader);
        return value.map(Pick::Always);
    }
    let pick = at(reader, &mut fields);
    fields.finish(reader);
    pick
}

/// Reads the fields `path` and `default`.
fn at(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Pick> {
    let path = fields.need(reader, "path").and_then(|n| alert_path(reader, n));
    let default = fields.read(reader, "default", text);
    Some(Pick::At { path: path?, default })
}

/// Reads a path that is followed once for each alert.
fn alert_path(reader: &mut Reader<'_>, node: &Node) -> Option<Path> {
    let read = path(reader, node)?;
    if read.spans_document() {
        reader
            .error(
                codes::PATH,
                node.span,
                format!("`{}` would be followed for each alert", read.text()),
            )
            .label("expected no `[*]` in a path from `$`")
            .help("begin at the alert, without `$`, or take one element, `[0]`");
        return None;
    }
    Some(read)
}

fn path(reader: &mut Reader<'_>, node: &Node) -> Option<Path> {
    let text = reader.text(node)?;
    match Path::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            let part = Span { start: error.at, end: error.at + 1 };
            let span = locate(&reader.file.text, node.span, text, part);
            reader
                .error(codes::PATH, span, format!("`{}` is no path", shortened(text)))
                .label(error.to_string())
                .help(
                    "paths are like   title, tags.host, hosts[0].name, tags[*], $.org, [\"a.b\"]",
                );
            None
        }
    }
}

fn status(reader: &mut Reader<'_>, node: &Node) -> Option<Status> {
    let mut fields = reader.map(node, "`status`")?;
    let pick = at(reader, &mut fields);
    let firing = fields.need(reader, "firing").and_then(|n| words(reader, n));
    let resolved = fields.need(reader, "resolved").and_then(|n| words(reader, n));
    let span = fields.span;
    fields.finish(reader);
    let (firing, resolved) = (firing?, resolved?);
    if let Some(both) = firing.iter().find(|word| resolved.contains(word)) {
        let message = format!("`{}` is both firing and resolved", shortened(both));
        reader.error(codes::VALUE, span, message).help("take it out of one of them");
    }
    Some(Status { pick: pick?, firing, resolved })
}

fn severity(reader: &mut Reader<'_>, node: &Node) -> Option<Severity> {
    if let Value::Text(_) = node.value {
        let pick = pick(reader, node)?;
        return Some(Severity { pick, map: BTreeMap::new(), other: None });
    }
    let mut fields = reader.map(node, "`severity`")?;
    let pick = at(reader, &mut fields);
    let map = fields.read(reader, "map", map).unwrap_or_default();
    let other = fields.read(reader, "other", text);
    let span = fields.span;
    fields.finish(reader);
    if other.is_some() && map.is_empty() {
        reader
            .error(codes::VALUE, span, "`other` without `map`")
            .help("say what `other` is other than, `map: {CRIT: critical}`, or write `default`");
    }
    Some(Severity { pick: pick?, map, other })
}

fn map(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<Box<str>, Box<str>>> {
    let fields = reader.map(node, "`map`")?;
    let mut words = BTreeMap::new();
    for (key, node) in fields.all() {
        if let Some(word) = text(reader, node) {
            words.insert(key.name.clone(), word);
        }
    }
    Some(words)
}

fn words(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let items = reader.one_or_many(node)?;
    if items.is_empty() || items.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} words", items.len()))
            .label(format!("expected 1 to {ENTRIES_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| text(reader, item)).collect())
}

fn text(reader: &mut Reader<'_>, node: &Node) -> Option<Box<str>> {
    reader.text(node).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    fn loaded(mapping: &str) -> crate::rules::Loaded {
        let text = format!("version: 1\nmappings: {{m: {mapping}}}\n");
        load(&[SourceFile { name: "m.yaml".into(), text }])
    }

    #[test]
    fn a_mapping_is_what_its_file_says() {
        let loaded = loaded(
            "{alerts: $.alerts, labels: {alertname: title, 'host name': {path: 'tags[\"h.n\"]', \
             default: none}, from: {value: grafana}}, required: alertname, annotations: {text: m}, \
             status: {path: state, firing: [ALARM, alerting], resolved: OK}, \
             severity: {path: level, map: {CRIT: critical}, other: minor}, starts_at: t}",
        );
        let set = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let at = |path: &str, default: Option<&str>| Pick::At {
            path: Path::parse(path).unwrap(),
            default: default.map(Into::into),
        };
        let words = |words: &[&str]| words.iter().map(|word| Box::from(*word)).collect();
        let expected = Mapping {
            alerts: Path::parse("$.alerts").unwrap(),
            labels: vec![
                ("alertname".into(), at("title", None)),
                ("host name".into(), at("tags[\"h.n\"]", Some("none"))),
                ("from".into(), Pick::Always("grafana".into())),
            ],
            required: words(&["alertname"]),
            annotations: vec![("text".into(), at("m", None))],
            status: Some(Status {
                pick: at("state", None),
                firing: words(&["ALARM", "alerting"]),
                resolved: words(&["OK"]),
            }),
            severity: Some(Severity {
                pick: at("level", None),
                map: [("CRIT".into(), "critical".into())].into(),
                other: Some("minor".into()),
            }),
            starts_at: Some(at("t", None)),
            ends_at: None,
            generator_url: None,
        };
        assert_eq!(set.mappings["m"], expected);
    }

    #[test]
    fn a_mistake_is_told_at_its_place_with_the_remedy() {
        for (mapping, code, part, says) in [
            ("{labels: {a: 'b..c'}}", "R0215", ".c'", "expected the name of a field"),
            ("{labels: {a: '$.x[*]'}}", "R0215", "'$", "expected no `[*]` in a path from `$`"),
            ("{labels: {}}", "R0102", "labels", "labels: {alertname: title}"),
            ("{alerts: x}", "R0102", "alerts", "needs `labels`"),
            ("{labels: {host: b}, required: hots}", "R0202", "hots", "did you mean `host`?"),
            ("{labels: {a: {pth: b}}}", "R0102", "pth", "needs `path`"),
            ("{labels: {a: b}, status: {path: s, firing: x}}", "R0102", "path", "needs `resolved`"),
            (
                "{labels: {a: b}, status: {path: s, firing: x, resolved: x}}",
                "R0107",
                "path",
                "both firing and resolved",
            ),
            (
                "{labels: {a: b}, severity: {path: s, other: x}}",
                "R0107",
                "path",
                "or write `default`",
            ),
            ("{labels: {a: b}, end_at: x}", "R0101", "end_at", "did you mean `ends_at`?"),
        ] {
            let found = loaded(mapping);
            assert!(found.set.is_none(), "{mapping}");
            let column = u32::try_from("mappings: {m: ".len() + mapping.find(part).unwrap() + 1);
            let column = column.unwrap();
            let told =
                |d: &crate::rules::Diagnostic| format!("{} {} {}", d.message, d.label, d.help);
            let hit = |d: &crate::rules::Diagnostic| {
                (d.code.id, d.column) == (code, column) && told(d).contains(says)
            };
            assert!(found.diagnostics.iter().any(hit), "{mapping}: {:#?}", found.diagnostics);
        }
    }
}
