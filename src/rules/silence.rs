//! What a silence matches: compiled with Alertmanager's meaning, on labels alone, and written out.

use super::condition::Condition;
use super::matcher::{Comparison, Matcher, Test};
use super::pattern::{Pattern, PatternError};
use super::subject::Field;
use crate::model::silence::SilenceMatcher;

impl Condition {
    /// Compiles the matchers of a silence. Every name is a label's, whatever it looks like.
    ///
    /// # Errors
    /// The first pattern that is none, with its matcher's place in the list.
    pub fn of_silence(matchers: &[SilenceMatcher]) -> Result<Self, (usize, PatternError)> {
        let compile = |(at, it): (usize, &SilenceMatcher)| {
            let pattern = || Pattern::new(&it.value).map_err(|error| (at, error));
            let test = match (it.is_regex, it.is_equal) {
                (false, true) => Test::Equal(it.value.clone()),
                (false, false) => Test::NotEqual(it.value.clone()),
                (true, true) => Test::Matches(pattern()?),
                (true, false) => Test::NotMatches(pattern()?),
            };
            Ok(Matcher::new(Field::Label(it.name.clone()), test))
        };
        matchers.iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self::new)
    }
}

/// Returns a matcher as a silence keeps it; `None` for one of a CI's attribute, and for what only
/// rules can ask.
pub fn in_silence(matcher: &Matcher) -> Option<SilenceMatcher> {
    let Field::Label(name) = matcher.field() else { return None };
    let (value, is_regex, is_equal) = match matcher.test() {
        Test::In(_) | Test::NotIn(_) | Test::Number(..) => return None,
        Test::Equal(value) => (&**value, false, true),
        Test::NotEqual(value) => (&**value, false, false),
        Test::Matches(pattern) => (pattern.as_str(), true, true),
        Test::NotMatches(pattern) => (pattern.as_str(), true, false),
    };
    Some(SilenceMatcher { name: name.clone(), value: value.into(), is_regex, is_equal })
}

/// Writes a matcher of a silence so that it reads back as the same one.
pub fn spell(matcher: &SilenceMatcher) -> String {
    let operator = match (matcher.is_regex, matcher.is_equal) {
        (false, true) => "=",
        (false, false) => "!=",
        (true, true) => "=~",
        (true, false) => "!~",
    };
    Comparison { name: &matcher.name, operator, operand: &matcher.value }.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::parser::{parse, parse_rules};
    use super::*;

    #[test]
    fn a_matcher_of_a_silence_is_spelt_as_it_is_read() {
        for text in [r#"a="b""#, r#"a!="""#, r#"a=~"b.*""#, r#""ci.x"!~"\"|é""#] {
            let matcher = in_silence(&parse(text).unwrap()[0]).unwrap();
            assert_eq!(spell(&matcher), text);
        }
        assert_eq!(in_silence(&parse("ci.class=pdu").unwrap()[0]), None);
        for text in ["a in (b)", "a not in (b)", "a > 1", "service.tier=1"] {
            assert_eq!(in_silence(&parse_rules(text).unwrap()[0]), None, "{text}");
        }
    }
}
