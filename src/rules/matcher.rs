//! Matchers: one comparison of one field, held, tested and printed in Alertmanager's UTF-8 syntax
//! and in what rules add to it.
//!
//! Never reads text: that is `parser`. Read `condition` next.

use core::fmt::{self, Write as _};

use super::lexer;
use super::number::{Number, Order};
use super::pattern::Pattern;
use super::subject::{Field, Subject};

/// A comparison of one field of an alert: `severity="critical"`, `ci.class=~"pdu|ups"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    field: Field,
    test: Test,
}

/// What a matcher asks of its field's value; a missing field has the value `""`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `=`: the value is this.
    Equal(Box<str>),
    /// `!=`: the value is anything else.
    NotEqual(Box<str>),
    /// `=~`: the pattern matches the whole value.
    Matches(Pattern),
    /// `!~`: it does not.
    NotMatches(Pattern),
    /// `in (…)`: the value is one of these, in the order they were written in. Of rules only.
    In(Box<[Box<str>]>),
    /// `not in (…)`: it is none of them. Of rules only.
    NotIn(Box<[Box<str>]>),
    /// `<`, `<=`, `>`, `>=`: the value is a number and compares so. Of rules only.
    Number(Order, Number),
}

impl Matcher {
    /// Makes a matcher.
    pub fn new(field: Field, test: Test) -> Self {
        Self { field, test }
    }

    /// Returns what it compares.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Returns what it asks.
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// True when the subject's value passes; where several services suffer, that of any of them.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        match &self.field {
            Field::Service(name) => subject.services(name).any(|value| self.test.passes(value)),
            field @ (Field::Label(_) | Field::Ci(_)) => self.test.passes(field.value(subject)),
        }
    }
}

impl Test {
    /// True when `value` passes.
    pub fn passes(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == &**wanted,
            Self::NotEqual(unwanted) => value != &**unwanted,
            Self::Matches(pattern) => pattern.matches(value),
            Self::NotMatches(pattern) => !pattern.matches(value),
            Self::In(wanted) => wanted.iter().any(|one| **one == *value),
            Self::NotIn(unwanted) => !unwanted.iter().any(|one| **one == *value),
            Self::Number(order, bound) => bound.admits(*order, value),
        }
    }

    /// Returns all values that pass, if they can be listed.
    pub fn values(&self) -> Option<Vec<&str>> {
        match self {
            Self::Equal(value) => Some(vec![value]),
            Self::Matches(pattern) => {
                pattern.literals().map(|all| all.iter().map(|v| &**v).collect())
            }
            Self::In(values) => Some(values.iter().map(|v| &**v).collect()),
            Self::NotEqual(_) | Self::NotMatches(_) | Self::NotIn(_) | Self::Number(..) => None,
        }
    }

    /// Returns the memory its pattern takes, in bytes; nothing without one.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Matches(pattern) | Self::NotMatches(pattern) => pattern.weight(),
            Self::Equal(_)
            | Self::NotEqual(_)
            | Self::In(_)
            | Self::NotIn(_)
            | Self::Number(..) => 0,
        }
    }
}

/// Writes its operator and what stands behind it.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, operand) = match self {
            Self::Equal(value) => ("=", &**value),
            Self::NotEqual(value) => ("!=", &**value),
            Self::Matches(pattern) => ("=~", pattern.as_str()),
            Self::NotMatches(pattern) => ("!~", pattern.as_str()),
            Self::In(values) => return list(" in (", values, f),
            Self::NotIn(values) => return list(" not in (", values, f),
            Self::Number(order, bound) => return write!(f, " {} {bound}", order.sign()),
        };
        f.write_str(operator)?;
        quote(operand, f)
    }
}

fn list(begin: &str, values: &[Box<str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(begin)?;
    for (at, value) in values.iter().enumerate() {
        f.write_str(if at > 0 { ", " } else { "" })?;
        quote(value, f)?;
    }
    f.write_str(")")
}

/// Writes the matcher so that it reads back as the same one.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Field::Label(name) => label(name, f)?,
            field @ (Field::Ci(_) | Field::Service(_)) => field.fmt(f)?,
        }
        self.test.fmt(f)
    }
}

/// A comparison of a label, to be written so that it reads back as the same one.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) name: &'a str,
    pub(super) operator: &'static str,
    pub(super) operand: &'a str,
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        label(self.name, f)?;
        f.write_str(self.operator)?;
        quote(self.operand, f)
    }
}

/// Writes a label's name, in quotes where it needs them.
fn label(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if needs_quotes(name) { quote(name, f) } else { f.write_str(name) }
}

/// True for a label's name that would not be read as itself without quotes.
fn needs_quotes(name: &str) -> bool {
    let itself = matches!(Field::parse(name), Ok(Field::Label(read)) if &*read == name);
    let reserved = |c| lexer::is_reserved(c) || lexer::is_sign(c);
    name.is_empty() || name.contains(reserved) || !itself
}

/// Writes a text in double quotes with Go's escapes.
fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\x07' => f.write_str("\\a")?,
            '\x08' => f.write_str("\\b")?,
            '\x0c' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\x0b' => f.write_str("\\v")?,
            ' '..='~' => f.write_char(c)?,
            '\0'..='\x7f' => write!(f, "\\x{:02x}", u32::from(c))?,
            _ if is_visible(c) => f.write_char(c)?,
            '\0'..='\u{ffff}' => write!(f, "\\u{:04x}", u32::from(c))?,
            _ => write!(f, "\\U{:08x}", u32::from(c))?,
        }
    }
    f.write_char('"')
}

/// True for a character that a reader can see. The standard library tells so only by escaping, and
/// shows a combining mark only behind a letter.
fn is_visible(c: char) -> bool {
    format!("a{c}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::super::parser::{parse, parse_rules};
    use super::*;
    use crate::model::labels::Labels;
    use proptest::prelude::*;

    #[test]
    fn a_missing_label_has_the_empty_value() {
        let labels = Labels::build(&mut [("here", "x")]).unwrap();
        let subject = Subject::new(&labels, "", None);
        for (text, holds) in [
            ("here=x", true),
            ("here=X", false),
            ("here!=x", false),
            ("here=~x|y", true),
            ("here=~.", true),
            ("here=~\"\"", false),
            ("here!~.+", false),
            ("gone=\"\"", true),
            ("gone!=\"\"", false),
            ("gone!=x", true),
            ("gone=~.*", true),
            ("gone=~\"x|\"", true),
            ("gone=~.+", false),
            ("gone!~.+", true),
        ] {
            assert_eq!(parse(text).unwrap()[0].holds(&subject), holds, "{text}");
        }
    }

    #[test]
    fn rules_can_ask_for_numbers_and_lists() {
        let labels = Labels::build(&mut [("here", "x"), ("n", "1500")]).unwrap();
        let subject = Subject::new(&labels, "", None);
        for (text, holds) in [
            ("n >= 1000", true),
            ("n<1000", false),
            ("n > 1500", false),
            ("n <= \"1500\"", true),
            ("here > 0", false),
            ("here <= 0", false),
            ("gone < 5", false),
            ("gone >= 0", false),
            ("here in (y, x)", true),
            ("here in (y)", false),
            ("here not in (y)", true),
            ("here not in (\"x\")", false),
            ("gone in (\"\")", true),
            ("gone in (x)", false),
            ("gone not in (x)", true),
        ] {
            assert_eq!(parse_rules(text).unwrap()[0].holds(&subject), holds, "{text}");
        }
    }

    #[test]
    fn a_matcher_is_printed_as_go_would() {
        let printed = |name: &str, value: &str| {
            Matcher::new(Field::Label(name.into()), Test::Equal(value.into())).to_string()
        };
        for (name, value, expected) in [
            ("a", "", r#"a="""#),
            ("größe", "é🙂", r#"größe="é🙂""#),
            ("a b", "\"\\'", r#""a b"="\"\\'""#),
            ("ci.class", "x", r#""ci.class"="x""#),
            ("root.x", "x", r#""root.x"="x""#),
            ("ci", "\x07\x08\x0c\n\r\t\x0b\0\x7f", r#"ci="\a\b\f\n\r\t\v\x00\x7f""#),
            // What cannot be seen is spelt; a mark on its letter can be seen.
            ("a", "\u{a0}\u{200b}\u{202e}\u{e0001}", r#"a="\u00a0\u200b\u202e\U000e0001""#),
            ("a", "e\u{301}", "a=\"e\u{301}\""),
        ] {
            assert_eq!(printed(name, value), expected);
        }
    }

    fn test(kind: u8, value: &str) -> Test {
        match (kind, Pattern::new(value)) {
            (0, _) => Test::Equal(value.into()),
            (1, Ok(pattern)) => Test::Matches(pattern),
            (2, Ok(pattern)) => Test::NotMatches(pattern),
            (4, _) => Test::In([value, "x"].map(Into::into).into()),
            (5, _) => Test::NotIn([value].map(Into::into).into()),
            (6, _) => Test::Number(Order::AtMost, Number::read("-1.5e3").unwrap()),
            (7, _) => Test::Number(Order::More, Number::read("7").unwrap()),
            _ => Test::NotEqual(value.into()),
        }
    }

    /// Matchers of silences, which use the first four tests and no services, or of rules.
    fn any_matcher(prefixes: &'static str, tests: u8) -> impl Strategy<Value = Matcher> {
        let text = prop_oneof![any::<String>(), "[ -~]{0,12}", "[\\\\\"a-c\\PC]{0,6}"];
        let label = prop_oneof![text.clone(), "(ci|root|service)\\.?[a-z]{0,2}"];
        let label = label.prop_filter("a label has a name", |name| !name.is_empty());
        let field = prop_oneof![
            label.prop_map(|name| Field::Label(name.into())),
            prefixes.prop_map(|name| Field::in_rule(&name).unwrap()),
        ];
        (field, 0..tests, text)
            .prop_map(|(field, kind, value)| Matcher::new(field, test(kind, &value)))
    }

    proptest! {
        #[test]
        fn every_matcher_of_a_rule_reads_back_as_it_was_printed(matchers in prop::collection::vec(any_matcher("(ci|service)\\.[a-z._é-]{1,6}", 8), 0..4)) {
            let printed: Vec<_> = matchers.iter().map(Matcher::to_string).collect();
            prop_assert_eq!(parse_rules(&printed.join(",")), Ok(matchers));
        }

        #[test]
        fn every_matcher_reads_back_as_it_was_printed(matchers in prop::collection::vec(any_matcher("ci\\.[a-z._é-]{1,6}", 4), 0..4)) {
            let printed: Vec<_> = matchers.iter().map(Matcher::to_string).collect();
            prop_assert_eq!(parse(&printed.join(",")), Ok(matchers.clone()));
            prop_assert_eq!(parse(&format!("{{{},}}", printed.join(" ,\n"))).ok(), (!matchers.is_empty()).then_some(matchers));
        }

        #[test]
        fn any_text_is_read_or_refused_within_itself(text in "([{}=!~<>,\"'`\\\\ab .ci()é1-]| in | not in \\(){0,24}") {
            for error in [parse(&text).err(), parse_rules(&text).err()].into_iter().flatten() {
                prop_assert!(text.get(error.offset..error.offset + error.len).is_some(), "{:?}", error);
            }
        }
    }
}
