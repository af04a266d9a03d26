//! `incidentd test`: plays the tests inside rule files on the production engine.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock;
use crate::lab::rule_tests::{self, Outcome};
use crate::rules::render::{Form, render};
use crate::rules::{Severity, TestCase, load};

use super::failure::Failure;
use super::{Session, files, print};

/// The arguments of `test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Rule files and folders of them; tests are played with all their rules together
    #[arg(default_value = "rules/base", value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Play only tests whose name has this in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Plays the tests.
///
/// # Errors
/// When rules are invalid or a test fails.
pub fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let files = files::read(&args.paths)?;
    let mut loaded = load(&files);
    let Some(rules) = loaded.set else {
        loaded.diagnostics.retain(|found| found.severity == Severity::Error);
        print::talk(render(Form::Human, &loaded.diagnostics, &files).trim_end());
        let message =
            format!("{} errors in the rules; no test was played", loaded.diagnostics.len());
        return Err(Failure::Configuration(message));
    };
    let rules = Arc::new(rules);
    let wanted =
        |test: &&TestCase| args.filter.as_deref().is_none_or(|filter| test.name.contains(filter));
    let (mut passed, mut failed) = (0, 0);
    for test in loaded.tests.iter().filter(wanted) {
        let began = clock::monotonic();
        let outcome = rule_tests::run(test, &rules);
        let took = clock::monotonic().saturating_sub(began);
        match outcome.mismatches.len() {
            0 => passed += 1,
            _ => failed += 1,
        }
        for line in lines(&outcome, took.as_millis()) {
            print::data(line);
        }
    }
    let skipped = loaded.tests.len() - passed - failed;
    session.say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
    if failed > 0 { Err(Failure::Findings(String::new())) } else { Ok(()) }
}

fn lines(outcome: &Outcome, took_ms: u128) -> Vec<String> {
    let mark = if outcome.mismatches.is_empty() { '✓' } else { '✗' };
    let mut lines = vec![format!("{mark} {}  {}  {took_ms} ms", outcome.file, outcome.name)];
    for mismatch in &outcome.mismatches {
        let place = format!("{}:{}:{}", outcome.file, mismatch.line, mismatch.column);
        let mut text = mismatch.to_string().lines().map(str::to_owned).collect::<Vec<_>>();
        if let Some(first) = text.first_mut() {
            *first = format!("{place}  {first}");
        }
        lines.extend(text.into_iter().map(|line| format!("    {line}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::SourceFile;

    #[test]
    fn a_failed_expectation_names_its_place_the_field_and_the_reason() {
        let text = r#"
version: 1
namespace: t
tests:
  - name: a warning is a page
    timeline: [{at: 0s, fire: 'alertname="X", severity="warning"'}]
    expect:
      - at: 1m
        incidents: [{root: X, priority: P1}]
"#;
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
        let rules = Arc::new(loaded.set.unwrap());
        let outcome = rule_tests::run(&loaded.tests[0], &rules);
        assert_eq!(
            lines(&outcome, 2),
            [
                "✗ t.yaml  a warning is a page  2 ms",
                "    t.yaml:9:41  at 1m  INC-1 (X)",
                "        priority     expected P1",
                "                     got      P4",
                "                     because  P4 = impact low (no service reached) × urgency medium",
            ]
        );
    }
}
