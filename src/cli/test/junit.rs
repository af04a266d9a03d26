//! Writes results as the XML of `JUnit`, which CI servers read: a suite for each file.
//!
//! The elements and attributes are those of the Jenkins schema (`testsuites`, `testsuite`, `testcase`,
//! `failure`), which others read as well.

use core::fmt::Write as _;
use core::time::Duration;

use crate::lab::rule_tests::Outcome;

use super::report;

/// Writes the whole document. Results of one file must come one after the other.
pub(super) fn write(results: &[(Outcome, Duration)]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(out, "<testsuites {}>", counts(results));
    for suite in results.chunk_by(|(a, _), (b, _)| a.file == b.file) {
        let Some((first, _)) = suite.first() else { continue };
        let name = escaped(&first.file);
        let _infallible = writeln!(out, "  <testsuite name=\"{name}\" {}>", counts(suite));
        for (outcome, took) in suite {
            case(&mut out, outcome, *took);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts(results: &[(Outcome, Duration)]) -> String {
    let failures = results.iter().filter(|(outcome, _)| !outcome.passed()).count();
    let took: Duration = results.iter().map(|(_, took)| *took).sum();
    let (tests, time) = (results.len(), took.as_secs_f64());
    format!("tests=\"{tests}\" failures=\"{failures}\" time=\"{time:.3}\"")
}

fn case(out: &mut String, outcome: &Outcome, took: Duration) {
    let (name, file) = (escaped(&outcome.name), escaped(&outcome.file));
    let (line, time) = (outcome.line, took.as_secs_f64());
    let head = format!("classname=\"{file}\" file=\"{file}\" line=\"{line}\" time=\"{time:.3}\"");
    let _infallible = write!(out, "    <testcase name=\"{name}\" {head}");
    if outcome.passed() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for found in &outcome.findings {
        let wrong = found.mismatches.iter();
        let wrong = wrong.map(|it| format!("{} expected {} got {}", it.field, it.expected, it.got));
        let message = format!("{}: {}", found.about, wrong.collect::<Vec<_>>().join("; "));
        let text = report::finding(&outcome.file, found).join("\n");
        let (message, text) = (escaped(&message), escaped(&text));
        let _infallible = writeln!(
            out,
            "      <failure type=\"expectation\" message=\"{message}\">{text}</failure>"
        );
    }
    out.push_str("    </testcase>\n");
}

/// Writes a text as XML's content or attribute. What XML 1.0 has no character for is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::rule_tests::{Finding, Mismatch, Reason};

    #[test]
    fn what_means_something_in_xml_is_escaped_and_what_it_cannot_hold_is_dropped() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\n\te\u{0}\u{1b}\u{fffe}\u{85}ü"),
            "a&lt;b&gt; &amp; &quot;c&quot; 'd'&#10;&#9;eü"
        );
    }

    #[test]
    fn each_file_is_a_suite_and_each_failure_says_what_and_why() {
        let outcome = |file: &str, name: &str, findings| Outcome {
            name: name.into(),
            file: file.into(),
            line: 3,
            findings,
            edits: Vec::new(),
        };
        let because = vec![Reason { text: "it is <low>".into(), place: None }];
        let mismatch =
            Mismatch { field: "priority", expected: "P1".into(), got: "P4".into(), because };
        let found = Finding {
            line: 9,
            column: 4,
            at: Duration::from_mins(1),
            about: "INC-1 (x)".into(),
            mismatches: vec![mismatch],
            as_expected: vec!["root"],
            unmendable: "",
        };
        let took = Duration::from_millis(1_500);
        let results = [
            (outcome("a.yaml", "one & all", vec![]), took),
            (outcome("a.yaml", "two", vec![found]), took),
            (outcome("b.yaml", "three", vec![]), took),
        ];
        assert_eq!(
            write(&results),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" time="4.500">
  <testsuite name="a.yaml" tests="2" failures="1" time="3.000">
    <testcase name="one &amp; all" classname="a.yaml" file="a.yaml" line="3" time="1.500"/>
    <testcase name="two" classname="a.yaml" file="a.yaml" line="3" time="1.500">
      <failure type="expectation" message="INC-1 (x): priority expected P1 got P4">a.yaml:9:4  at 1m  INC-1 (x)&#10;    priority     expected P1    got P4&#10;    because      it is &lt;low&gt;&#10;rest as expected (root)</failure>
    </testcase>
  </testsuite>
  <testsuite name="b.yaml" tests="1" failures="0" time="1.500">
    <testcase name="three" classname="b.yaml" file="b.yaml" line="3" time="1.500"/>
  </testsuite>
</testsuites>
"#
        );
    }
}
