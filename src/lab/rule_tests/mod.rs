//! Plays the tests inside rule files on the engine and compares what came of it, field by field.
//!
//! What a test can say is in `rules::testcase`, how time passes in `world`. Reading order: `play`
//! lets things happen, `actual` says what an incident became, `compare` finds what differs, `reasons`
//! says why; `coverage` counts which matchers were put to the test.

mod actual;
mod compare;
pub mod coverage;
mod play;
mod reasons;
mod storms;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::sync::Arc;

use crate::rules::edit::Edit;
use crate::rules::{Place, RuleSet, TestCase};
use coverage::Coverage;
pub use play::{Fired, Played, name, play};
pub use reasons::kept_out;

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The test's name.
    pub name: Box<str>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line it stands in.
    pub line: u32,
    /// What was not as expected; nothing when the test passed.
    pub findings: Vec<Finding>,
    /// What would make the expectations right.
    pub edits: Vec<Edit>,
}

impl Outcome {
    /// True when everything was as expected.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something that was not as expected, with all fields of it that were not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line of the first value that is wrong, counted from 1.
    pub line: u32,
    /// Its column, counted from 1.
    pub column: u32,
    /// When, from the start of the test.
    pub at: Duration,
    /// What it is about, as in `INC-1 (srv-0412)`.
    pub about: String,
    /// The fields that were not as expected; at least one.
    pub mismatches: Vec<Mismatch>,
    /// Names of the fields that were.
    pub as_expected: Vec<&'static str>,
    /// Why no other value would make it right; empty when one would.
    pub unmendable: &'static str,
}

/// One field that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Name of the field.
    pub field: &'static str,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub got: String,
    /// Why it was so, in the engine's words; nothing where it has none.
    pub because: Vec<Reason>,
}

/// Why something is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// Where the rule or section stands that decided it, if one did.
    pub place: Option<Place>,
}

impl Finding {
    /// Says that something about the test itself is not as it has to be.
    fn of_test(at: Duration, line: u32, about: &str, mismatch: Mismatch) -> Self {
        Self {
            line,
            column: 1,
            at,
            about: about.into(),
            mismatches: vec![mismatch],
            as_expected: Vec::new(),
            unmendable: "it is no expectation",
        }
    }
}

/// Plays one test with these rules, and lets `coverage` see every alert that fires.
pub fn run(test: &TestCase, rules: &Arc<RuleSet>, coverage: &mut Coverage) -> Outcome {
    let mut findings = Vec::new();
    let mut edits = Vec::new();
    match Played::begin(test, rules) {
        Ok(mut played) => {
            let mut steps = test.timeline.iter().peekable();
            for expectation in &test.expect {
                while let Some(step) = steps.next_if(|step| step.at <= expectation.at) {
                    findings.extend(played.step(step, coverage));
                }
                played.wait(expectation.at);
                compare::compare(&played, expectation, &mut findings, &mut edits);
            }
        }
        Err(found) => findings.extend(found),
    }
    let (name, file) = (test.name.clone(), Arc::clone(&test.place.file));
    Outcome { name, file, line: test.place.line, findings, edits }
}
