//! Which values matchers that must hold together let pass, as far as that can be told for certain.
//!
//! Values can be told of matchers that list them. Two regular expressions are never compared: what
//! is not known is taken for possible. See `advice` and `shadow` for what is made of it.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::matcher::{Matcher, Test};
use super::subject::Field;

/// Matchers that are thought about together; the work is their square.
pub(super) const MATCHERS_MAX: usize = 128;

/// What some matchers let pass, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach<'m> {
    fields: BTreeMap<&'m Field, Held<'m>>,
}

/// What is asked of one field.
#[derive(Clone, Debug, Default)]
struct Held<'m> {
    /// The values that pass all matchers, if they can be listed.
    values: Option<Vec<&'m str>>,
    /// The matchers, each with its number.
    matchers: Vec<(usize, &'m Matcher)>,
}

impl<'m> Reach<'m> {
    /// Thinks all matchers together; `None` when nothing passes, or there are too many of them.
    pub(super) fn of(matchers: impl Iterator<Item = &'m Matcher>) -> Option<Self> {
        let mut reach = Self::default();
        for (number, matcher) in matchers.enumerate() {
            if number == MATCHERS_MAX {
                return None;
            }
            reach.add(number, matcher).ok()?;
        }
        Some(reach)
    }

    /// Adds a matcher that must hold as well.
    ///
    /// # Errors
    /// With the number of an earlier one when nothing passes both, or all so far.
    pub(super) fn add(&mut self, number: usize, matcher: &'m Matcher) -> Result<(), usize> {
        if matches!(matcher.field(), Field::Service(_)) {
            // One service may pass this matcher and another that one.
            return Ok(());
        }
        let held = self.fields.entry(matcher.field()).or_default();
        let passes_all =
            |value: &&str| held.matchers.iter().all(|(_, other)| other.test().passes(value));
        let left: Option<Vec<&str>> = match (&held.values, matcher.test().values()) {
            (Some(values), _) => {
                Some(values.iter().copied().filter(|v| matcher.test().passes(v)).collect())
            }
            (None, Some(values)) => Some(values.into_iter().filter(passes_all).collect()),
            (None, None) => None,
        };
        if left.as_ref().is_some_and(Vec::is_empty) {
            let alone = held.matchers.iter().find(|(_, other)| exclude(other, matcher));
            return Err(alone.or(held.matchers.first()).map_or(number, |(number, _)| *number));
        }
        held.values = left;
        held.matchers.push((number, matcher));
        Ok(())
    }

    /// True when it is certain that `matcher` holds wherever these do.
    pub(super) fn implies(&self, matcher: &Matcher) -> bool {
        let Some(held) = self.fields.get(matcher.field()) else { return false };
        let test = matcher.test();
        if let Some(values) = &held.values {
            return values.iter().all(|value| test.passes(value));
        }
        let refused =
            |value: &&str| held.matchers.iter().any(|(_, other)| !other.test().passes(value));
        held.matchers.iter().any(|(_, other)| *other == matcher)
            || refusals(test).is_some_and(|values| values.iter().all(refused))
    }

    /// True when it is certain that a whole line holds wherever these do.
    pub(super) fn implies_all(&self, line: &Condition) -> bool {
        line.matchers().iter().all(|matcher| self.implies(matcher))
    }

    /// True when it is certain that a line never holds where these do.
    pub(super) fn excludes(&self, line: &Condition) -> bool {
        let mut both = self.clone();
        line.matchers().iter().any(|matcher| both.add(0, matcher).is_err())
    }

    /// Yields each field with the values that pass, if they can be listed.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'m Field, Option<&[&'m str]>)> {
        self.fields.iter().map(|(field, held)| (*field, held.values.as_deref()))
    }
}

/// True when no value passes both, and that can be told.
fn exclude(a: &Matcher, b: &Matcher) -> bool {
    let refused = |values: Option<Vec<&str>>, by: &Test| {
        values.is_some_and(|v| !v.iter().any(|v| by.passes(v)))
    };
    refused(a.test().values(), b.test()) || refused(b.test().values(), a.test())
}

/// Returns all values that do not pass, if they can be listed.
fn refusals(test: &Test) -> Option<Vec<&str>> {
    match test {
        Test::NotEqual(value) => Some(vec![value]),
        Test::NotMatches(pattern) => {
            pattern.literals().map(|all| all.iter().map(|v| &**v).collect())
        }
        Test::NotIn(values) => Some(values.iter().map(|v| &**v).collect()),
        Test::Equal(_) | Test::Matches(_) | Test::In(_) | Test::Number(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse_rules as parse;
    use super::super::subject::Subject;
    use super::*;
    use crate::model::labels::Labels;
    use proptest::prelude::*;

    #[test]
    fn what_can_never_hold_together_is_known_with_its_counterpart() {
        for (text, clash) in [
            (r#"a="x", a="y""#, Some(0)),
            (r#"b="x", a="x", a!="x""#, Some(1)),
            (r#"a="", a!="""#, Some(0)),
            (r#"a!="", a=~"""#, Some(0)),
            (r#"a=~"x|y", a="z""#, Some(0)),
            (r#"a=~"x|y", a!="x", a!="y""#, Some(0)),
            (r#"a=~".+", a="""#, Some(0)),
            (r#"a!~"x.*", a=~"x1|x2""#, Some(0)),
            (r#"a=~"x|y", a=~"y|z", a="x""#, Some(1)),
            (r#"a=~"x|y", a=~"y|z", a="y""#, None),
            (r#"a="x", b="y""#, None),
            (r#"a=~"x.*", a=~"y.*""#, None),
            (r#"a!="x", a!="y""#, None),
            (r#"ci.a="x", a="y""#, None),
            (r#"service.a="x", service.a="y""#, None),
            (r#"a in ("x", "y"), a not in ("y", "x")"#, Some(0)),
            (r#"a > 5, a in ("3", "x")"#, Some(0)),
            (r#"a > 5, a in ("3", "7")"#, None),
        ] {
            let matchers = parse(text).unwrap();
            let mut reach = Reach::default();
            let found = matchers.iter().enumerate().find_map(|(at, m)| reach.add(at, m).err());
            assert_eq!(found, clash, "{text}");
        }
    }

    #[test]
    fn what_must_hold_as_well_is_known() {
        for (text, other, implied) in [
            (r#"a="x""#, r#"a=~"x|y""#, true),
            (r#"a="x""#, r#"a=~"x.*""#, true),
            (r#"a="x", b="y""#, r#"b!="""#, true),
            (r#"a=~"x|y""#, r#"a="x""#, false),
            (r#"a=~"x.*""#, r#"a=~"x.*""#, true),
            (r#"a=~"x.*""#, r#"a!="""#, true),
            (r#"a=~"x.*""#, r#"a!~"y|z""#, true),
            (r#"a=~"x.*""#, r#"a!~"xy|z""#, false),
            (r#"a=~"x.*""#, r#"a=~".*""#, false),
            (r#"a="x""#, r#"b!="y""#, false),
        ] {
            let matchers = parse(text).unwrap();
            let reach = Reach::of(matchers.iter()).unwrap();
            assert_eq!(reach.implies(&parse(other).unwrap()[0]), implied, "{text} → {other}");
        }
    }

    #[test]
    fn of_too_many_matchers_nothing_is_said() {
        let some = |count| parse(&"a!=\"x\",".repeat(count)).unwrap();
        assert!(Reach::of(some(MATCHERS_MAX).iter()).is_some());
        assert!(Reach::of(some(MATCHERS_MAX + 1).iter()).is_none());
    }

    fn any_line() -> impl Strategy<Value = String> {
        let one = (
            "[ab]",
            prop::sample::select(vec!["=", "!=", "=~", "!~"]),
            prop::sample::select(vec!["", "x", "y", "xy", "x|y", "x.*", ".+", "|y", "(x|y)y?"]),
        );
        prop::collection::vec(one.prop_map(|(n, o, v)| format!("{n}{o}\"{v}\"")), 1..5)
            .prop_map(|all| all.join(","))
    }

    proptest! {
        /// The model: all alerts with these few values.
        #[test]
        fn nothing_is_claimed_that_an_alert_disproves(line in any_line(), other in any_line()) {
            let (line, other) = (Condition::new(parse(&line).unwrap()), Condition::new(parse(&other).unwrap()));
            let reach = Reach::of(line.matchers().iter());
            for a in ["", "x", "y", "xy", "xx", "z"] {
                for b in ["", "x", "y", "xy", "yy", "z"] {
                    let labels = Labels::build(&mut [("a", a), ("b", b)]).unwrap();
                    let subject = Subject::new(&labels, "", None);
                    if line.holds(&subject) {
                        let reach = reach.as_ref().expect("an alert passes");
                        prop_assert!(!reach.implies_all(&other) || other.holds(&subject));
                        prop_assert!(!reach.excludes(&other) || !other.holds(&subject));
                    }
                }
            }
        }
    }
}
