//! Conditions: matchers that must hold together, and lists of them.
//!
//! Says whether and why; never what follows from it. Read `index` next.

use super::diagnostics::Span;
use super::matcher::Matcher;
use super::subject::{Field, Subject};
use crate::cmdb::CiRow;

/// Matchers all of which must hold; one line of a rule. Without matchers it always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition(Box<[Matcher]>);

/// How one matcher was answered, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The matcher as it reads in a rule.
    pub matcher: String,
    /// The value it looked at; `""` when there was none.
    pub value: String,
    /// Whether it held.
    pub holds: bool,
}

impl Condition {
    /// Makes a condition of the matchers of one line.
    pub fn new(matchers: Vec<Matcher>) -> Self {
        Self(matchers.into())
    }

    /// Returns its matchers in the order they were written in.
    pub fn matchers(&self) -> &[Matcher] {
        &self.0
    }

    /// True when all matchers hold.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().all(|matcher| matcher.holds(subject))
    }

    /// Yields the verdict of each matcher, in the order they were written in.
    pub fn verdicts(&self, subject: &Subject<'_>) -> impl Iterator<Item = Verdict> {
        self.0.iter().map(|matcher| Verdict {
            matcher: matcher.to_string(),
            value: matcher.field().value(subject).to_owned(),
            holds: matcher.holds(subject),
        })
    }
}

/// A list of conditions. Whether all of them must hold (`when`) or one suffices (`unless`,
/// `never_absorb`) is up to the question asked.
///
/// The second part tells where each of them stands in its file, where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Box<[Condition]>, Box<[Span]>);

impl Conditions {
    /// Makes a list of conditions.
    pub fn new(conditions: Vec<Condition>) -> Self {
        Self(conditions.into(), Box::default())
    }

    /// Says where each of them stands in its file.
    #[must_use]
    pub fn at(self, spans: Vec<Span>) -> Self {
        Self(self.0, spans.into())
    }

    /// Yields the conditions in the order they were written in, each with its place in its file.
    pub fn placed(&self) -> impl Iterator<Item = (Span, &Condition)> {
        let spans = self.1.iter().copied().chain(core::iter::repeat(Span::default()));
        spans.zip(&self.0)
    }

    /// Returns the conditions.
    pub(super) fn lines(&self) -> &[Condition] {
        &self.0
    }

    /// Yields the matchers of all conditions in the order they were written in.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.0.iter().flat_map(Condition::matchers)
    }

    /// True when every condition holds; so also when there is none.
    pub fn all_hold(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(subject))
    }

    /// True when at least one condition holds; so not when there is none.
    pub fn any_holds(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().any(|condition| condition.holds(subject))
    }

    /// Yields the verdict of each matcher of each condition.
    pub fn verdicts(&self, subject: &Subject<'_>) -> impl Iterator<Item = Verdict> {
        self.0.iter().flat_map(|condition| condition.verdicts(subject))
    }

    /// True when an alert on `ci` could make every condition hold, as far as the CI itself can tell:
    /// only matchers of its attributes count. The CI of an alert to come is known from the
    /// topology, its labels are not.
    pub fn could_hold_on(&self, ci: &CiRow) -> bool {
        self.matchers().all(|matcher| match matcher.field() {
            Field::Ci(name) => matcher.test().passes(ci.attribute(name).unwrap_or("")),
            Field::Label(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::super::subject::tests::pdu;
    use super::*;
    use crate::model::labels::Labels;

    fn conditions(lines: &[&str]) -> Conditions {
        Conditions::new(lines.iter().map(|line| Condition::new(parse(line).unwrap())).collect())
    }

    #[test]
    fn matchers_of_a_line_hold_together_and_lines_together_or_alone() {
        let labels = Labels::build(&mut [("a", "1"), ("b", "2")]).unwrap();
        let subject = Subject::new(&labels, "", None);
        for (lines, all, any) in [
            (&[][..], true, false),
            (&[""], true, true),
            (&["a=1, b=2"], true, true),
            (&["a=1, b=3"], false, false),
            (&["a=1", "b=2"], true, true),
            (&["a=1", "b=3"], false, true),
            (&["a=2", "b=3"], false, false),
        ] {
            let conditions = conditions(lines);
            assert_eq!(
                (conditions.all_hold(&subject), conditions.any_holds(&subject)),
                (all, any),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn each_matcher_gives_a_verdict_with_the_value_it_saw() {
        let labels = Labels::build(&mut [("severity", "minor")]).unwrap();
        let ci = pdu(&[("rack", "R12")]);
        let subject = Subject::new(&labels, "critical", Some(&ci));
        let lines = conditions(&["severity=~critical|major, alertname!=\"\"", "ci.rack=R13"]);
        let verdicts: Vec<_> =
            lines.verdicts(&subject).map(|v| (v.matcher, v.value, v.holds)).collect();
        let verdict =
            |matcher: &str, value: &str, holds| (matcher.to_owned(), value.to_owned(), holds);
        assert_eq!(
            verdicts,
            [
                verdict("severity=~\"critical|major\"", "critical", true),
                verdict("alertname!=\"\"", "", false),
                verdict("ci.rack=\"R13\"", "R12", false),
            ]
        );
    }

    #[test]
    fn any_ci_could_be_a_root_of_which_no_attribute_is_asked() {
        let ci = pdu(&[("rack", "R12")]);
        for (lines, could) in [
            (&[][..], true),
            (&["alertname=PduOutputOff, ci=other"], true),
            (&["alertname=PduOutputOff", "ci.class=pdu"], true),
            (&["alertname=PduOutputOff", "ci.class=server"], false),
            (&["ci.class=pdu, ci.rack=~\"R1.\""], true),
            (&["ci.class=pdu, ci.rack=R13"], false),
            (&["ci.class=pdu", "ci.owner=x"], false),
            (&["ci.owner!=x"], true),
        ] {
            assert_eq!(conditions(lines).could_hold_on(&ci), could, "{lines:?}");
        }
    }
}
