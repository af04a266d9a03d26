//! Reads what rules add to Alertmanager's matchers: `ci.users >= 1000`, `region in ("eu", "us")`.
//!
//! Silences and Alertmanager's API never come here. Read `parser` for who calls.

use super::cursor::Cursor;
use super::lexer::{self, Kind, SyntaxError, Token};
use super::matcher::Test;
use super::number::{Number, Order};

/// Values of one list; longer ones belong into the CMDB.
const VALUES_MAX: usize = 256;

/// Reads such a comparison behind a name, with the text of what the name is compared to; nothing
/// when another operator stands there.
///
/// # Errors
/// With the first mistake and its place.
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    name: &Token<'a>,
) -> Result<Option<(Test, Token<'a>)>, SyntaxError> {
    let mut ahead = *cursor;
    ahead.eat_while(char::is_whitespace);
    let start = ahead.at();
    let read = if let Some(order) = order(&mut ahead) {
        number(&mut ahead, name, order)?
    } else if word(&mut ahead, "in") {
        let (values, token) = list(&mut ahead, name, start)?;
        (Test::In(values), token)
    } else if word(&mut ahead, "not") && word(&mut ahead, "in") {
        let (values, token) = list(&mut ahead, name, start)?;
        (Test::NotIn(values), token)
    } else {
        return Ok(None);
    };
    *cursor = ahead;
    Ok(Some(read))
}

fn order(cursor: &mut Cursor<'_>) -> Option<Order> {
    let orders = [Order::AtMost, Order::AtLeast, Order::Less, Order::More];
    orders.into_iter().find(|order| cursor.eat(order.sign()))
}

/// Reads a word that stands for itself.
fn word(cursor: &mut Cursor<'_>, wanted: &str) -> bool {
    cursor.eat_while(char::is_whitespace);
    let mut ahead = *cursor;
    let found = ahead.eat_while(|c| !ends_value(c)) == wanted;
    if found {
        *cursor = ahead;
    }
    found
}

/// True for a character that ends an unquoted value of a list.
fn ends_value(c: char) -> bool {
    lexer::is_reserved(c) || c == '(' || c == ')'
}

fn number<'a>(
    cursor: &mut Cursor<'a>,
    name: &Token<'a>,
    order: Order,
) -> Result<(Test, Token<'a>), SyntaxError> {
    let token = lexer::scan(cursor)?;
    let text = match token.kind {
        Kind::Bare => token.text.to_owned(),
        Kind::Quoted => lexer::unquote(&token)?,
        Kind::Open | Kind::Close | Kind::Comma | Kind::Operator(_) | Kind::End => String::new(),
    };
    if let Some(bound) = Number::read(&text) {
        return Ok((Test::Number(order, bound), token));
    }
    let sign = order.sign();
    let found = if token.kind == Kind::End { "the end" } else { token.text };
    let message = format!("found `{found}` behind `{sign}`, expected a number");
    let help = format!("write a number without a unit, for example   {} {sign} 1000", name.text);
    Err(SyntaxError::new(token.span(), message, help))
}

type Values<'a> = (Box<[Box<str>]>, Token<'a>);

/// Reads `("a", b)`; `start` is where the operator before it begins.
fn list<'a>(
    cursor: &mut Cursor<'a>,
    name: &Token<'a>,
    start: usize,
) -> Result<Values<'a>, SyntaxError> {
    let help = || format!("write   {} in (\"one\", \"other\")", name.text);
    cursor.eat_while(char::is_whitespace);
    let open = cursor.at();
    if !cursor.eat("(") {
        let message = "a list of values in parentheses is missing".into();
        return Err(SyntaxError::new(start..open, message, help()));
    }
    let mut values: Vec<Box<str>> = Vec::new();
    loop {
        cursor.eat_while(char::is_whitespace);
        let offset = cursor.at();
        let bare = cursor.eat_while(|c| !ends_value(c));
        if !bare.is_empty() {
            values.push(bare.into());
        } else if cursor.peek() == Some('"') {
            values.push(lexer::unquote(&lexer::scan(cursor)?)?.into());
        } else if cursor.peek() != Some(')') || values.is_empty() {
            return Err(odd(cursor, "a value", help()));
        }
        cursor.eat_while(char::is_whitespace);
        if cursor.eat(")") {
            break;
        }
        if !cursor.eat(",") {
            return Err(odd(cursor, "`,` or `)`", help()));
        }
        if values.len() == VALUES_MAX {
            let message = format!("a list of more than {VALUES_MAX} values");
            let help = "give the CIs an attribute and match it, as in ci.role=\"database\"";
            return Err(SyntaxError::new(offset..cursor.at(), message, help));
        }
    }
    let token = Token { kind: Kind::Quoted, offset: open, text: cursor.since(open) };
    Ok((values.into(), token))
}

/// Says that something else was expected at the next character of a list.
fn odd(cursor: &Cursor<'_>, expected: &str, help: String) -> SyntaxError {
    let at = cursor.at();
    let (found, len) = match cursor.peek() {
        Some(c) => (format!("`{c}`"), c.len_utf8()),
        None => ("the end".into(), 0),
    };
    let message = format!("found {found} in a list of values, expected {expected}");
    SyntaxError::new(at..at + len, message, help)
}

#[cfg(test)]
mod tests {
    use super::super::matcher::Matcher;
    use super::super::parser::{parse, parse_rules};

    #[test]
    fn numbers_and_lists_are_read_as_they_are_printed() {
        for (text, expected) in [
            ("ci.users >= 1000", "ci.users >= 1000"),
            ("a<5,b<=-1.5e3, c>\"0\"", "a < 5 b <= -1.5e3 c > 0"),
            ("{severity_score<3}", "severity_score < 3"),
            ("\"a<b\" < 3", "\"a<b\" < 3"),
            ("service.tier in(1,2)", r#"service.tier in ("1", "2")"#),
            ("a in ( \"x, y\" , b , )", r#"a in ("x, y", "b")"#),
            ("a not  in (b), c=d", r#"a not in ("b") c="d""#),
            ("in in (in), not not in (not)", r#"in in ("in") not not in ("not")"#),
            ("a in (\"\")", r#"a in ("")"#),
            // What was a matcher before still is the same one.
            ("a=>b", r#"a=">b""#),
            ("a=~(b|c)", r#"a=~"(b|c)""#),
            ("in=a, not=b", r#"in="a" not="b""#),
        ] {
            let matchers = parse_rules(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let printed: Vec<_> = matchers.iter().map(Matcher::to_string).collect();
            assert_eq!(printed.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_shown_in_its_place_with_a_remedy() {
        for (text, found, message, help) in [
            ("a > b", "b", "found `b` behind `>`, expected a number", "a > 1000"),
            ("a >= 10%", "10%", "expected a number", "without a unit"),
            ("a <", "", "found `the end` behind `<`, expected a number", "a < 1000"),
            ("a >", "", "expected a number", ""),
            ("a <> 5", ">", "expected a number", ""),
            ("a >== 5", "=", "found `=` behind `>=`", ""),
            ("a => 5", "=>", "unknown operator `=>`", "did you mean `>=`?"),
            ("a =< 5", "=<", "unknown operator `=<`", "did you mean `<=`?"),
            ("a => \"x\"", "=>", "unknown operator `=>`", "did you mean `=`?"),
            ("<= 5", "<", "expected the name of a label", "write name=\"value\""),
            ("a > 5 b=c", "b", "found `b` behind the value `5`", "write a comma"),
            ("a in b", "in ", "a list of values in parentheses is missing", "a in (\"one\""),
            ("a in", "in", "in parentheses is missing", ""),
            ("a in ()", ")", "found `)` in a list of values, expected a value", ""),
            ("a in (b c)", "c", "expected `,` or `)`", ""),
            ("a in (b", "", "found the end in a list", ""),
            ("a in (,)", ",", "expected a value", ""),
            ("a in (b) c", "c", "found `c` behind the value `(b)`", "write a comma"),
            ("a not b", "not", "unknown operator `not`, expected one of `=`", "`not in (…)`"),
            (r#"a in ("\d")"#, r"\d", "is no escape", ""),
        ] {
            let error = parse_rules(text).unwrap_err();
            let marked = text.get(error.offset..error.offset + error.len);
            assert_eq!(marked, Some(found), "{text}: {error:?}");
            assert!(error.message.contains(message), "{text}: {error:?}");
            let both = format!("{} {}", error.message, error.help);
            assert!(both.contains(help), "{text}: {error:?}");
        }
        let long = format!("a in ({})", ["b"; 257].join(","));
        assert!(parse_rules(&long).unwrap_err().message.contains("more than 256 values"));
    }

    #[test]
    fn silences_keep_to_alertmanagers_grammar() {
        for text in ["a > 5", "a in (b)", "a not in (b)", "service.tier=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
        // There these are parts of names.
        assert_eq!(parse("a>=5").unwrap()[0].to_string(), r#""a>"="5""#);
    }
}
