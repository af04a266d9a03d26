//! Conditions: matchers that must hold together, and lists of lines.
//!
//! Says whether and why; never what follows from it. Read `line` and `index` next.

use core::fmt;

use super::diagnostics::Span;
use super::line::Line;
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

impl Verdict {
    /// True when it speaks against the rule: a matcher that does not hold, or one below `unless` or
    /// `not` that does.
    pub fn hinders(&self) -> bool {
        let (mut rest, mut hinders) = (&*self.matcher, !self.holds);
        loop {
            let turned = ["unless ", "not: "].iter().find_map(|word| rest.strip_prefix(word));
            let kept = ["any: ", "all: "].iter().find_map(|word| rest.strip_prefix(word));
            hinders ^= turned.is_some();
            match turned.or(kept) {
                Some(inner) => rest = inner,
                None => return hinders,
            }
        }
    }
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
            value: seen(matcher.field(), subject),
            holds: matcher.holds(subject),
        })
    }

    pub(super) fn outlook(&self, ci: &CiRow) -> Outlook {
        Outlook::of_all(self.0.iter().map(|matcher| match matcher.field() {
            Field::Ci(name) if matcher.test().passes(ci.attribute(name).unwrap_or("")) => {
                Outlook::HOLDS
            }
            Field::Ci(_) => Outlook::FAILS,
            Field::Label(_) | Field::Service(_) => Outlook::OPEN,
        }))
    }

    pub(super) fn asks_around(&self) -> bool {
        self.0.iter().any(|matcher| matches!(matcher.field(), Field::Service(_)))
    }
}

/// Writes the matchers so that they read back as the same ones.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, matcher) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            matcher.fmt(f)?;
        }
        Ok(())
    }
}

/// Values of services that a verdict shows.
const SEEN_MAX: usize = 5;

/// Returns the value of a field for people: of several services each value once.
fn seen(field: &Field, subject: &Subject<'_>) -> String {
    let Field::Service(name) = field else { return field.value(subject).to_owned() };
    let mut values: Vec<&str> = subject.services(name).collect();
    values.sort_unstable();
    values.dedup();
    let more = if values.len() > SEEN_MAX { ", …" } else { "" };
    values.truncate(SEEN_MAX);
    values.join(", ") + more
}

/// What can become of a condition when only part of an alert is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    can_hold: bool,
    can_fail: bool,
}

impl Outlook {
    /// Nothing is known.
    pub(super) const OPEN: Self = Self { can_hold: true, can_fail: true };

    const HOLDS: Self = Self { can_hold: true, can_fail: false };

    const FAILS: Self = Self { can_hold: false, can_fail: true };

    fn of_all(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::HOLDS, |sum, one| Self {
            can_hold: sum.can_hold && one.can_hold,
            can_fail: sum.can_fail || one.can_fail,
        })
    }

    /// That of its opposite.
    pub(super) fn turned(self) -> Self {
        Self { can_hold: self.can_fail, can_fail: self.can_hold }
    }
}

/// A list of lines. Whether all of them must hold (`when`) or one suffices (`unless`,
/// `never_absorb`) is up to the question asked.
///
/// The second part tells where each of them stands in its file, where that is known.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Box<[Line]>, Box<[Span]>);

impl Conditions {
    /// Makes a list of lines.
    pub fn new<T: Into<Line>>(lines: Vec<T>) -> Self {
        Self(lines.into_iter().map(Into::into).collect(), Box::default())
    }

    /// Says where each of them stands in its file.
    #[must_use]
    pub fn at(self, spans: Vec<Span>) -> Self {
        Self(self.0, spans.into())
    }

    /// Yields the lines in the order they were written in, each with its place in its file.
    pub fn placed(&self) -> impl Iterator<Item = (Span, &Line)> {
        let spans = self.1.iter().copied().chain(core::iter::repeat(Span::default()));
        spans.zip(&self.0)
    }

    /// Returns its lines in the order they were written in.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// True when there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Yields the matchers of the lines that are nothing but matchers, in the order they were
    /// written in: when every line holds, so does each of them. Those below `any`, `all` and `not`
    /// are left out.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.0.iter().filter_map(Line::plain).flat_map(Condition::matchers)
    }

    /// True when every line holds; so also when there is none.
    pub fn all_hold(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().all(|line| line.holds(subject))
    }

    /// True when at least one line holds; so not when there is none.
    pub fn any_holds(&self, subject: &Subject<'_>) -> bool {
        self.0.iter().any(|line| line.holds(subject))
    }

    /// Yields the verdict of each matcher, count and time of each line. Where it stands below `any`,
    /// `all` or `not`, that is written before it, and the verdict is still its own.
    pub fn verdicts(&self, subject: &Subject<'_>) -> impl Iterator<Item = Verdict> {
        let mut all = Vec::new();
        self.tell(subject, "", &mut all);
        all.into_iter()
    }

    pub(super) fn tell(&self, subject: &Subject<'_>, path: &str, into: &mut Vec<Verdict>) {
        for line in &self.0 {
            line.tell(subject, path, into);
        }
    }

    /// True when an alert on `ci` could make every line hold, as far as the CI itself can tell: only
    /// matchers of its attributes count. The CI of an alert to come is known from the topology, its
    /// labels and what will be around it are not.
    pub fn could_hold_on(&self, ci: &CiRow) -> bool {
        self.every(ci).can_hold
    }

    /// True when an answer depends on more than the alert and its CI: on what else fires, the time,
    /// or the services that suffer.
    pub fn asks_around(&self) -> bool {
        self.0.iter().any(Line::asks_around)
    }

    /// What can become of all lines together.
    pub(super) fn every(&self, ci: &CiRow) -> Outlook {
        Outlook::of_all(self.0.iter().map(|line| line.outlook(ci)))
    }

    /// What can become of "one of them holds": the opposite of "all of them fail".
    pub(super) fn one(&self, ci: &CiRow) -> Outlook {
        Outlook::of_all(self.0.iter().map(|line| line.outlook(ci).turned())).turned()
    }
}

/// Lists are equal when they ask the same, wherever they stand.
impl PartialEq for Conditions {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Conditions {}

/// Writes a list as it reads in a rule file: `['a="1"', {any: ['b="2"']}]`.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, line) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            match line {
                Line::Matchers(condition) => {
                    write!(f, "'{}'", condition.to_string().replace('\'', "''"))?;
                }
                Line::Any(_) | Line::All(_) | Line::Not(_) | Line::Count(_) | Line::Time(_) => {
                    write!(f, "{{{line}}}")?;
                }
            }
        }
        f.write_str("]")
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

    /// A list of lines as it is written in a rule file.
    fn written(text: &str) -> Conditions {
        super::super::compound::tests::read(text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn lines_hold_alone_together_or_not_at_all() {
        let labels = Labels::build(&mut [("a", "1"), ("b", "2")]).unwrap();
        let subject = Subject::new(&labels, "", None);
        for (text, holds) in [
            ("{any: ['a=1', 'b=3']}", true),
            ("{any: ['a=2', 'b=3']}", false),
            ("{any: ['a=1, b=3', {all: ['a=1', 'b=2']}]}", true),
            ("{all: ['a=1', 'b=3']}", false),
            ("{not: 'a=1'}", false),
            ("{not: 'a=1, b=3'}", true),
            ("{not: ['a=2', 'b=2']}", false),
            ("{not: ['a=2', 'b=3']}", true),
            ("{not: {not: 'a=1'}}", true),
            ("['a=1', {not: 'b=3'}]", true),
            ("['a=1', {not: 'b=2'}]", false),
            // An alert that is alone: it counts if it fits, and nobody knows the time.
            ("{count: {of: alerts, at_least: 1}}", true),
            ("{count: {of: alerts, at_least: 2}}", false),
            ("{count: {of: alerts, below: 2}}", true),
            ("{count: {of: alerts, where: 'a=2', at_least: 1}}", false),
            ("{count: {of: c, at_least: 1}}", false),
            ("{time: {zone: UTC, between: ['00:00', '24:00']}}", false),
        ] {
            assert_eq!(written(text).all_hold(&subject), holds, "{text}");
        }
    }

    #[test]
    fn a_line_is_written_as_it_is_read() {
        for text in [
            r#"['a="1"']"#,
            r#"['a="it''s", ci.b > 5', 'service.tier in ("1", "2")']"#,
            r#"[{any: ['a="1"', {not: ['b!="2"']}]}, {all: ['c=~"x.*"']}]"#,
            "[{count: {of: alerts, at_least: 3}}]",
            "[{count: {of: ci, where: ['a=\"1\"', {not: ['b=\"1\"']}], same: [ci.rack, b], below: 7}}]",
            "[{time: office}]",
        ] {
            assert_eq!(written(text).to_string(), text);
        }
        let hours = written("[{time: {zone: UTC, days: [mon], between: ['08:00', '17:00']}}]");
        assert_eq!(hours.to_string(), "[{time: {mon 08:00-17:00 UTC}}]");
    }

    #[test]
    fn each_leaf_gives_a_verdict_with_the_way_to_it() {
        let labels = Labels::build(&mut [("a", "1")]).unwrap();
        let services = ["2", "1", "2"].map(|tier| pdu(&[("tier", tier)]));
        let services = super::super::subject::tests::Hurt(services.each_ref());
        let subject = Subject::new(&labels, "", None).amid(&services);
        let text = "['a=1', service.tier=1, {any: [a=2, {not: a < 2}]}, \
                    {count: {of: alerts, at_least: 2}}, {time: office}]";
        let lines = written(text);
        let verdicts: Vec<_> =
            lines.verdicts(&subject).map(|v| (v.matcher, v.value, v.holds)).collect();
        let expected = [
            ("a=\"1\"", "1", true),
            ("service.tier=\"1\"", "1, 2", true),
            ("any: a=\"2\"", "1", false),
            ("any: not: a < 2", "1", true),
            ("count: {of: alerts, at_least: 2}", "1", false),
            ("time: office", "", false),
        ];
        let expected = expected.map(|(m, v, holds)| (m.to_owned(), v.to_owned(), holds));
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn a_verdict_speaks_against_a_rule_by_the_way_to_it() {
        for (matcher, holds, hinders) in [
            ("a=\"1\"", true, false),
            ("a=\"1\"", false, true),
            ("unless a=\"1\"", true, true),
            ("any: not: a=\"1\"", true, true),
            ("unless all: not: a=\"not: \"", true, false),
            ("unless not: a=\"1\"", false, true),
        ] {
            let verdict = Verdict { matcher: matcher.into(), value: String::new(), holds };
            assert_eq!(verdict.hinders(), hinders, "{matcher} {holds}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_ci_rules_nothing_out() {
        let ci = pdu(&[("rack", "R12")]);
        for (text, could) in [
            ("{any: [ci.class=server, a=1]}", true),
            ("{any: [ci.class=server, ci.rack=R13]}", false),
            ("{all: [ci.class=server, a=1]}", false),
            ("{not: ci.class=pdu}", false),
            ("{not: [ci.class=server, a=1]}", true),
            ("{not: [ci.class=pdu, a=1]}", false),
            ("{not: 'ci.class=pdu, a=1'}", true),
            ("{not: {any: [ci.class=server, ci.rack=R12]}}", false),
            ("service.tier=1", true),
            ("{not: service.tier=1}", true),
            ("{count: {of: ci, at_least: 3}}", true),
            ("{time: office}", true),
            ("ci.rack > 5", false),
        ] {
            assert_eq!(written(text).could_hold_on(&ci), could, "{text}");
        }
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
