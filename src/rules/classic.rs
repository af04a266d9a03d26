//! Reads one matcher as Alertmanager's API and tools do by default: in the classic grammar, else in
//! the UTF-8 one (`matcher/compat/parse.go`, fallback mode; `pkg/labels/parse.go`).
//!
//! The two disagree on some texts, and the classic one wins: `a=b,c=d` is the label `a` with the
//! value `b,c=d`, and `a="\x41"` has four characters. Rule files are read by `parser` alone.

use super::matcher::{Matcher, Test};
use super::parser;
use super::pattern::Pattern;
use super::subject::Field;

/// The longest operators first, so that `=~` is not taken for `=`.
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

/// Reads one matcher without braces.
///
/// Extension: a name without quotes that begins with `ci.`, which the classic grammar does not know,
/// is an attribute of the CI.
///
/// # Errors
/// In Alertmanager's words, where it has them.
pub fn parse_one(text: &str) -> Result<Matcher, String> {
    if text.starts_with('{') || text.ends_with('}') {
        return Err(format!("unexpected open or close brace: {text}"));
    }
    let refused = match classic(text) {
        Ok(matcher) => return Ok(matcher),
        Err(refused) => refused,
    };
    match parser::parse(text).map(<[Matcher; 1]>::try_from) {
        Ok(Ok([matcher])) => Ok(matcher),
        Ok(Err(_)) | Err(_) => Err(refused),
    }
}

fn classic(text: &str) -> Result<Matcher, String> {
    let (name, operator, raw) = split(text).ok_or_else(|| format!("bad matcher format: {text}"))?;
    let value = unescape(raw)
        .ok_or_else(|| format!("matcher value contains unescaped double quote: {raw}"))?;
    let pattern = || {
        Pattern::new(&value).map_err(|error| format!("error parsing regexp: {error}: `{value}`"))
    };
    let compared = match operator {
        "=" => Test::Equal(value.into()),
        "!=" => Test::NotEqual(value.into()),
        "=~" => Test::Matches(pattern()?),
        _ => Test::NotMatches(pattern()?),
    };
    Ok(Matcher::new(Field::Label(name.into()), compared))
}

/// Cuts a matcher into name, operator and value as written.
fn split(text: &str) -> Option<(&str, &'static str, &str)> {
    let text = text.trim_matches(is_space);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)))?;
    let (name, rest) = text.split_at_checked(end)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start_matches(is_space);
    OPERATORS.iter().find_map(|operator| {
        let value = rest.strip_prefix(operator)?;
        Some((name, *operator, value.trim_start_matches(is_space)))
    })
}

/// What `\s` means in Go.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// Takes quotes and escapes away; `None` when a quote is missing or stands in the middle. A
/// backslash that escapes nothing is itself.
fn unescape(raw: &str) -> Option<String> {
    let (mut rest, quoted) = match raw.strip_prefix('"') {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    let mut value = String::with_capacity(rest.len());
    let mut open = quoted;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match (c, rest.chars().next()) {
            ('\\', Some(next)) => {
                match next {
                    'n' => value.push('\n'),
                    '"' | '\\' => value.push(next),
                    other => value.extend(['\\', other]),
                }
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
            ('"', None) if open => open = false,
            ('"', _) => return None,
            (other, _) => value.push(other),
        }
    }
    (!open).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> Result<String, String> {
        parse_one(text).map(|matcher| matcher.to_string())
    }

    /// Rows of `pkg/labels/parse_test.go`, `matcher/compat/parse_test.go`, and what 0.25.0 answered.
    #[test]
    fn one_matcher_is_read_as_alertmanager_reads_it() {
        for (text, expected) in [
            ("foo=bar", r#"foo="bar""#),
            (" foo\t= bar ", r#"foo="bar""#),
            (r#"foo = "bar""#, r#"foo="bar""#),
            ("a=~b|c", r#"a=~"b|c""#),
            ("a!~b", r#"a!~"b""#),
            ("a!=", r#"a!="""#),
            ("a=b,c=d", r#"a="b,c=d""#),
            ("a==b", r#"a="=b""#),
            (r#"a="\x41""#, r#"a="\\x41""#),
            (r#"a="say: \"hi\"""#, r#"a="say: \"hi\"""#),
            (r"a=b\", r#"a="b\\""#),
            (r#"a="b\nc""#, r#"a="b\nc""#),
            ("a=b\nc", r#"a="b\nc""#),
            (r"a=~\d+", r#"a=~"\\d+""#),
            (r#"a="b"  "#, r#"a="b""#),
            ("a_:1=é", r#"a_:1="é""#),
            // Only the UTF-8 grammar knows these.
            ("1=b", r#"1="b""#),
            ("größe=1", r#"größe="1""#),
            (r#""a b"="c""#, r#""a b"="c""#),
            ("ci.class=pdu", r#"ci.class="pdu""#),
        ] {
            assert_eq!(printed(text), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_in_alertmanagers_words() {
        for (text, message) in [
            ("", "bad matcher format: "),
            ("a", "bad matcher format: a"),
            ("=b", "bad matcher format: =b"),
            ("{a=b}", "unexpected open or close brace: {a=b}"),
            ("{a=b", "unexpected open or close brace: {a=b"),
            ("a=b}", "unexpected open or close brace: a=b}"),
            (r#"a="b"#, r#"matcher value contains unescaped double quote: "b"#),
            (r#"a=b"c"#, "matcher value contains unescaped double quote"),
            ("a=~(", "error parsing regexp: `(` is never closed: `(`"),
            (r#""a b"="c", d="e""#, "bad matcher format"),
        ] {
            let refused = printed(text).unwrap_err();
            assert!(refused.starts_with(message), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn every_value_can_be_written(value in prop_oneof![any::<String>(), "[\n\\\\\"n a]{0,8}"]) {
            let escaped = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            let matcher = parse_one(&format!("a=\"{escaped}\""));
            prop_assert_eq!(matcher, Ok(Matcher::new(Field::Label("a".into()), Test::Equal(value.into()))));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[{}=!~,\"'`\\\\ab .ci(é1]{0,24}") {
            drop(parse_one(&text));
        }
    }
}
