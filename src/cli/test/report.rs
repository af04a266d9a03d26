//! What came of the tests, for people: only what is not as expected, field by field, with the reason.

use std::path::PathBuf;

use crate::lab::rule_tests::coverage::Gap;
use crate::lab::rule_tests::{Finding, Mismatch, Outcome};
use crate::model::time::Brief;
use crate::rules::SourceFile;
use crate::rules::lines::Lines;

use super::super::print::{self, Table};
use super::Report;

/// What was expected and what came stand in one line up to so many characters.
const LINE_CHARS_MAX: usize = 64;

/// Writes what came of one test; `paths` are those it was loaded from.
pub(super) fn lines(outcome: &Outcome, took_ms: u128, paths: &[PathBuf]) -> Vec<String> {
    let mark = if outcome.passed() { '✓' } else { '✗' };
    let head = format!("{mark} {}  {}  {took_ms} ms", outcome.file, outcome.name);
    let mut lines = vec![print::clean(&head)];
    for found in &outcome.findings {
        lines.extend(finding(&outcome.file, found).into_iter().map(|line| format!("    {line}")));
        lines.push(format!("    replay it:  {}", replay(&outcome.file, found.line, paths)));
    }
    lines
}

/// Returns the command that shows how it came to this.
fn replay(file: &str, line: u32, paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.display().to_string());
    let others = names.filter(|name| name != file).map(|name| format!(" --rules {name}"));
    format!("incidentd explain --test {file}:{line}{}", others.collect::<String>())
}

/// Writes what differs, without an indent.
pub(in crate::cli) fn finding(file: &str, found: &Finding) -> Vec<String> {
    let Finding { line, column, at, about, mismatches, as_expected, unmendable: _ } = found;
    let mut lines = vec![format!("{file}:{line}:{column}  at {}  {about}", Brief(*at))];
    lines.extend(mismatches.iter().flat_map(mismatch));
    if !as_expected.is_empty() {
        lines.push(format!("rest as expected ({})", as_expected.join(", ")));
    }
    lines.iter().map(|line| print::clean(line)).collect()
}

fn mismatch(it: &Mismatch) -> Vec<String> {
    let Mismatch { field, expected, got, because } = it;
    let head = |word: &str, text: &str| format!("    {word:<13}{text}");
    let mut lines = if expected.chars().count() + got.chars().count() <= LINE_CHARS_MAX {
        vec![head(field, &format!("expected {expected}    got {got}"))]
    } else {
        vec![head(field, &format!("expected {expected}")), head("", &format!("got      {got}"))]
    };
    for (n, reason) in because.iter().enumerate() {
        let place = reason.place.as_ref().map(|place| format!("  ← {place}")).unwrap_or_default();
        let word = if n == 0 { "because" } else { "" };
        lines.push(head(word, &format!("{}{place}", reason.text)));
    }
    lines
}

/// Lists the matchers that were not put to the test both ways.
pub(super) fn gaps(report: &Report, files: &[SourceFile]) -> Vec<String> {
    let mut table = Table::bare();
    for gap in report.coverage.gaps(&report.rules) {
        let verdict = match (gap.never_true, gap.never_false) {
            (true, true) => "never asked",
            (true, false) => "never true",
            (false, _) => "never false",
        };
        let rule = gap.rule.to_string();
        table.row([place(&gap, files), verdict.into(), rule, gap.list.into(), gap.matcher]);
    }
    table.lines("")
}

fn place(gap: &Gap, files: &[SourceFile]) -> String {
    let file = files.iter().find(|file| *file.name == *gap.file);
    let line = file.map_or(0, |file| Lines::of(&file.text).position(gap.span.start).0);
    format!("{}:{line}", gap.file)
}

/// Writes the last line.
pub(super) fn summary(report: &Report, files: &[SourceFile]) -> String {
    let failed = report.failed();
    let (passed, skipped) = (report.results.len() - failed, report.skipped);
    let counts = format!("{passed} passed, {failed} failed, {skipped} skipped");
    let (seen, all) = report.coverage.count(&report.rules);
    let Some(percent) = (seen * 100).checked_div(all) else { return counts };
    let gaps = report.coverage.gaps(&report.rules);
    let mut never = gaps.iter().filter(|gap| gap.never_true);
    let example = match (never.next(), never.count()) {
        (None, _) => String::new(),
        (Some(gap), 0) => format!(" ({} never true)", place(gap, files)),
        (Some(gap), more) => format!(" ({} never true, and {more} more)", place(gap, files)),
    };
    format!("{counts} · matcher coverage {percent} %{example}")
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Arc;

    use super::*;
    use crate::lab::rule_tests::{self, coverage::Coverage};
    use crate::rules::{SourceFile, load};

    const RULES: &str = r#"
version: 1
namespace: t
rules:
  - name: site
    owner: noc
    when:
      - 'alertname=~"X|Y"'
      - 'site!=""'
    unless: 'site="lab"'
    group: {by: [site]}
tests:
  - name: a warning is a page
    timeline: [{at: 0s, fire: 'alertname="X", severity="warning"'}]
    expect:
      - at: 1m
        incidents: [{root: X, priority: P1, state: new}]
priorities:
  matrix:
    low: {high: P3}
"#;

    fn report() -> (Report, Vec<SourceFile>) {
        let files = vec![SourceFile { name: "t.yaml".into(), text: RULES.into() }];
        let loaded = load(&files);
        let rules = Arc::new(loaded.set.unwrap());
        let mut coverage = Coverage::default();
        let outcome = rule_tests::run(&loaded.tests[0], &rules, &mut coverage);
        let results = vec![(outcome, Duration::from_millis(2))];
        (Report { rules, results, skipped: 0, coverage }, files)
    }

    #[test]
    fn a_failed_expectation_names_its_place_the_field_and_the_reason() {
        let (report, _) = report();
        let (outcome, took) = &report.results[0];
        for (paths, rest) in [(vec!["t.yaml"], ""), (vec!["rules"], " --rules rules")] {
            let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
            assert_eq!(
                lines(outcome, took.as_millis(), &paths),
                [
                    "✗ t.yaml  a warning is a page  2 ms",
                    "    t.yaml:17:41  at 1m  INC-1 (X)",
                    "        priority     expected P1    got P4",
                    "        because      P4 = impact low (no service reached) × urgency medium  ← t.yaml:20",
                    "    rest as expected (root, state)",
                    &format!("    replay it:  incidentd explain --test t.yaml:17{rest}"),
                ]
            );
        }
    }

    #[test]
    fn matchers_that_were_not_put_to_the_test_are_listed_with_their_places() {
        let (report, files) = report();
        assert_eq!(
            gaps(&report, &files),
            [
                "t.yaml:8   never false  t/site  when    alertname=~\"X|Y\"",
                "t.yaml:9   never true   t/site  when    site!=\"\"",
                "t.yaml:10  never true   t/site  unless  site=\"lab\"",
            ]
        );
        assert_eq!(
            summary(&report, &files),
            "0 passed, 1 failed, 0 skipped · matcher coverage 50 % (t.yaml:9 never true, and 1 more)"
        );
    }
}
