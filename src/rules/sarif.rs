//! Writes findings in SARIF 2.1.0 (OASIS, 27 March 2020), which code hosts show beside the change.

use serde_json::{Value, json};

use super::codes::{ALL, Code};
use super::diagnostics::{Diagnostic, Fix, Severity, Span};
use super::render::Sources;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// Returns one run with all findings, and every code as a rule.
pub(super) fn document(diagnostics: &[Diagnostic], sources: &Sources<'_>) -> Value {
    let rules: Vec<Value> = ALL.iter().map(rule).collect();
    let results: Vec<Value> = diagnostics.iter().map(|d| result(d, sources)).collect();
    let driver = json!({
        "name": "incidentd",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    });
    // Columns count characters, as everywhere in incidentd; SARIF's default is UTF-16.
    let run = json!({
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})
}

fn rule(code: &Code) -> Value {
    let (_, markdown) = code.explanation.split_once("\n\n").unwrap_or(("", code.explanation));
    json!({
        "id": code.id,
        "shortDescription": {"text": code.meaning},
        "help": {"text": markdown, "markdown": markdown},
    })
}

fn result(d: &Diagnostic, sources: &Sources<'_>) -> Value {
    let text: Vec<&str> =
        [&*d.message, &*d.label, &*d.help].into_iter().filter(|part| !part.is_empty()).collect();
    let level = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut result = json!({
        "ruleId": d.code.id,
        "level": level,
        "message": {"text": text.join("; ")},
        "locations": [{"physicalLocation": place(&d.file, d.span, sources)}],
    });
    let parts = [
        ("ruleIndex", ALL.iter().position(|code| code == &d.code).map(Value::from)),
        (
            "relatedLocations",
            d.related.as_ref().map(|other| {
                let place = place(&other.file, other.span, sources);
                json!([{"physicalLocation": place, "message": {"text": other.label}}])
            }),
        ),
        ("fixes", d.fix.as_ref().map(|fix| json!([self::fix(d, fix, sources)]))),
    ];
    if let Some(fields) = result.as_object_mut() {
        for (name, part) in parts {
            fields.extend(part.map(|part| (name.to_owned(), part)));
        }
    }
    result
}

fn fix(d: &Diagnostic, fix: &Fix, sources: &Sources<'_>) -> Value {
    let region = region(&d.file, fix.span, sources);
    json!({
        "description": {"text": d.help},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(&d.file)},
            "replacements": [{
                "deletedRegion": region,
                "insertedContent": {"text": fix.replacement},
            }],
        }],
    })
}

fn place(file: &str, span: Span, sources: &Sources<'_>) -> Value {
    json!({"artifactLocation": {"uri": uri(file)}, "region": region(file, span, sources)})
}

/// Returns a stretch; its end is the column behind it (SARIF 3.30.8).
fn region(file: &str, span: Span, sources: &Sources<'_>) -> Value {
    let Some((_, lines)) = sources.get(file) else { return json!({"startLine": 1}) };
    let (line, column) = lines.position(span.start);
    let (end_line, end_column) = lines.position(span.end);
    json!({
        "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
    })
}

/// Writes a path as a URI reference (RFC 3986): relative paths stay relative to where the command
/// ran, which is what code hosts expect.
fn uri(path: &str) -> String {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let spelt = path.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    core::iter::once(scheme.to_owned()).chain(spelt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::render::{Form, render};
    use crate::rules::{SourceFile, load};

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile { name: name.into(), text: text.into() }
    }

    #[test]
    fn a_finding_has_its_place_its_rule_the_other_place_and_the_fix() {
        let rule = "{name: a, owner: x, when: 'ü=>\"1\"', group: {by: [a]}}";
        let text = format!("version: 1\nnamespace: n\nrules:\n  - {rule}\n");
        let files = [file("my rules/ü.yaml", &text), file("z.yaml", "teams: {}\nversoin: 1\n")];
        let twice = [
            file("a.yaml", "version: 1\nlifecycle: {}\n"),
            file("b.yaml", "version: 1\nlifecycle: {}\n"),
        ];
        let read = |files: &[SourceFile]| -> Value {
            serde_json::from_str(&render(Form::Sarif, &load(files).diagnostics, files)).unwrap()
        };
        let document = read(&files);
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let result = &run["results"][0];
        assert_eq!((&result["ruleId"], &result["level"]), (&"R0103".into(), &"error".into()));
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "R0103");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20rules/%C3%BC.yaml");
        assert_eq!(
            place["region"],
            json!({"startLine": 4, "startColumn": 33, "endLine": 4, "endColumn": 35})
        );
        let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(change["insertedContent"]["text"], "=");
        assert_eq!(change["deletedRegion"], place["region"]);
        let twice = read(&twice);
        let other = &twice["runs"][0]["results"][0]["relatedLocations"][0];
        assert_eq!(other["physicalLocation"]["artifactLocation"]["uri"], "a.yaml");
        assert_eq!(other["message"]["text"], "first given here");
        assert!(twice["runs"][0]["results"][0].get("fixes").is_none());
    }

    #[test]
    fn a_path_is_a_uri() {
        for (path, expected) in
            [("a/b.yaml", "a/b.yaml"), ("/a b%", "file:///a%20b%25"), ("./x", "./x")]
        {
            assert_eq!(uri(path), expected);
        }
    }
}
