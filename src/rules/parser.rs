//! Reads matchers: Alertmanager's UTF-8 grammar in its strict mode (`matcher/parse/parse.go`).
//!
//! Extension: a name written without quotes that begins with `ci.` is an attribute of the CI.
//! Conditions of rules have more of them: `service.`, numbers and lists (`comparison`).
//! Not: the classic grammar, which gives another meaning to some of the same texts. An empty name is
//! refused here; Alertmanager refuses it one step later.

use super::comparison;
use super::cursor::Cursor;
use super::lexer::{self, Kind, Operator, Part, SyntaxError, Token};
use super::matcher::{Matcher, Test};
use super::number::Number;
use super::pattern::{Pattern, PatternError};
use super::subject::{Field, NotAField};

/// Memory that the compiled patterns of one list may take, in bytes.
const PATTERNS_SIZE_MAX: usize = 1 << 20;

/// What is expected where an operator belongs.
const OPERATORS: &str = "expected one of `=`, `!=`, `=~`, `!~`";

/// Which grammar is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grammar {
    /// That of silences, filters and Alertmanager's API.
    Alertmanager,
    /// That of the conditions of rules, which holds the other.
    Rules,
}

/// Reads a list of matchers, `a="b", c=~"d"`, with or without braces around it.
///
/// # Errors
/// With the first mistake and its place.
pub fn parse(text: &str) -> Result<Vec<Matcher>, SyntaxError> {
    read(text, Grammar::Alertmanager)
}

/// Reads a list of matchers in a condition of a rule, where they can ask for more.
///
/// # Errors
/// With the first mistake and its place.
pub fn parse_rules(text: &str) -> Result<Vec<Matcher>, SyntaxError> {
    read(text, Grammar::Rules)
}

fn read(text: &str, grammar: Grammar) -> Result<Vec<Matcher>, SyntaxError> {
    let mut parser = Parser { cursor: Cursor::new(text, 0), grammar, weight: 0 };
    let open = parser.accept(Kind::Open)?;
    let mut matchers = Vec::new();
    while ![Kind::Close, Kind::End].contains(&parser.peek()?.kind) {
        matchers.push(parser.matcher()?);
        if parser.accept(Kind::Comma)?.is_none() {
            break;
        }
    }
    parser.end(open.as_ref())?;
    Ok(matchers)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    grammar: Grammar,
    /// What the patterns so far take, in bytes.
    weight: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<Token<'a>, SyntaxError> {
        lexer::scan(&mut self.cursor)
    }

    fn peek(&self) -> Result<Token<'a>, SyntaxError> {
        lexer::scan(&mut { self.cursor })
    }

    /// Reads the next token if it is of this kind.
    fn accept(&mut self, kind: Kind) -> Result<Option<Token<'a>>, SyntaxError> {
        if self.peek()?.kind == kind { self.next().map(Some) } else { Ok(None) }
    }

    fn matcher(&mut self) -> Result<Matcher, SyntaxError> {
        let (name, field) = self.field()?;
        if self.grammar == Grammar::Rules
            && let Some((test, value)) = comparison::read(&mut self.cursor, &name)?
        {
            let next = self.peek()?;
            if ![Kind::Comma, Kind::Close, Kind::End].contains(&next.kind) {
                return Err(self.too_much(&name, &value, &next));
            }
            return Ok(Matcher::new(field, test));
        }
        let sign = self.next()?;
        let Kind::Operator(operator) = sign.kind else {
            return Err(self.no_operator(&name, &sign));
        };
        let token = self.next()?;
        let value = match token.kind {
            Kind::Quoted => lexer::unquote(&token)?,
            Kind::Bare => token.text.to_owned(),
            Kind::Operator(_) => return Err(strange_operator(&sign, &token)),
            Kind::Open | Kind::Close | Kind::Comma | Kind::End => {
                return Err(no_value(&name, &sign, &token));
            }
        };
        let next = self.peek()?;
        match next.kind {
            Kind::Comma | Kind::Close | Kind::End => {}
            Kind::Bare | Kind::Quoted if [">", "<"].contains(&token.text) => {
                return Err(self.no_order(&sign, &token, &next));
            }
            Kind::Bare | Kind::Quoted | Kind::Operator(_) | Kind::Open => {
                return Err(self.too_much(&name, &token, &next));
            }
        }
        let test = test(operator, &value).map_err(|e| in_pattern(&token, e))?;
        self.weight += test.weight();
        if self.weight > PATTERNS_SIZE_MAX {
            let message = format!(
                "the patterns up to here take more than {PATTERNS_SIZE_MAX} bytes when compiled"
            );
            let help = "give the CIs an attribute and match it, as in ci.role=\"database\"";
            let error = SyntaxError::new(token.span(), message, help);
            return Err(SyntaxError { part: Part::Pattern, ..error });
        }
        Ok(Matcher::new(field, test))
    }

    /// Reads the name with which a matcher begins.
    fn field(&mut self) -> Result<(Token<'a>, Field), SyntaxError> {
        if self.grammar == Grammar::Alertmanager {
            let name = self.next()?;
            return field(&name, Field::parse).map(|field| (name, field));
        }
        let name = lexer::scan_name(&mut self.cursor)?;
        if name.kind == Kind::Bare && name.text.starts_with(lexer::is_sign) {
            return Err(no_name(&name));
        }
        field(&name, Field::in_rule).map(|field| (name, field))
    }

    fn no_operator(&self, name: &Token<'_>, next: &Token<'_>) -> SyntaxError {
        let mut error = no_operator(name, next);
        if self.grammar == Grammar::Rules {
            error.message += ", `<`, `<=`, `>`, `>=`, `in (…)`, `not in (…)`";
        }
        error
    }

    /// Explains `=>` and `=<`: in a rule, before a number, they are meant to compare with it.
    fn no_order(&self, sign: &Token<'_>, order: &Token<'_>, next: &Token<'_>) -> SyntaxError {
        let mut error = strange_operator(sign, order);
        let compares = self.grammar == Grammar::Rules && sign.text == "=";
        if compares && Number::read(next.text).is_some() {
            error.help = format!("did you mean `{}=`?", order.text);
        }
        error
    }

    /// Explains `next` behind a value.
    fn too_much(&self, name: &Token<'_>, value: &Token<'_>, next: &Token<'_>) -> SyntaxError {
        let mut ahead = self.cursor;
        let behind = lexer::scan(&mut ahead).and_then(|_| lexer::scan(&mut ahead));
        let begins_another = behind.is_ok_and(|token| matches!(token.kind, Kind::Operator(_)));
        let help = match next.text {
            "and" | "AND" | "&&" => "write a comma: all matchers of a list must hold".into(),
            "or" | "OR" | "||" => {
                format!("for alternatives write a pattern: {}=~\"one|other\"", name.text)
            }
            _ if next.kind == Kind::Bare && value.kind == Kind::Bare && !begins_another => {
                format!("a value with a blank needs quotes: \"{} {}\"", value.text, next.text)
            }
            _ => "write a comma between matchers, and quotes around a whole value".into(),
        };
        let message = format!(
            "found {} behind the value {}, expected `,` or the end",
            found(next),
            found(value)
        );
        let error = SyntaxError::new(next.span(), message, help);
        if ["and", "AND", "&&"].contains(&next.text) { error.instead(",") } else { error }
    }

    /// Reads the closing brace, if there was an opening one, and makes sure that nothing follows.
    fn end(&mut self, open: Option<&Token<'_>>) -> Result<(), SyntaxError> {
        let close = self.accept(Kind::Close)?;
        match (open, close) {
            (Some(open), None) => {
                Err(SyntaxError::new(open.span(), "`{` is never closed".into(), "end with `}`"))
            }
            (None, Some(close)) => {
                let message = "`}` closes nothing".into();
                Err(SyntaxError::new(close.span(), message, "remove it, or begin with `{`"))
            }
            (Some(_), Some(_)) | (None, None) => {
                let rest = self.next()?;
                if rest.kind == Kind::End {
                    return Ok(());
                }
                let message =
                    format!("found {} behind the matchers, expected the end", found(&rest));
                Err(SyntaxError::new(
                    rest.span(),
                    message,
                    "put all matchers between one `{` and one `}`",
                ))
            }
        }
    }
}

fn field(
    name: &Token<'_>,
    read: fn(&str) -> Result<Field, NotAField>,
) -> Result<Field, SyntaxError> {
    match name.kind {
        Kind::Bare => read(name.text).map_err(|e| SyntaxError::new(name.span(), e.message, e.help)),
        Kind::Quoted if name.text == "\"\"" => {
            let message = "the name is empty, and no label has an empty name".into();
            Err(SyntaxError::new(name.span(), message, "write the label's name"))
        }
        Kind::Quoted => Ok(Field::Label(lexer::unquote(name)?.into())),
        Kind::Open | Kind::Close | Kind::Comma | Kind::Operator(_) | Kind::End => {
            Err(no_name(name))
        }
    }
}

fn no_name(found_instead: &Token<'_>) -> SyntaxError {
    let message = format!("found {}, expected the name of a label", found(found_instead));
    let help = "write name=\"value\", for example severity=\"critical\"";
    SyntaxError::new(found_instead.span(), message, help)
}

fn test(operator: Operator, value: &str) -> Result<Test, PatternError> {
    Ok(match operator {
        Operator::Equal => Test::Equal(value.into()),
        Operator::NotEqual => Test::NotEqual(value.into()),
        Operator::Matches => Test::Matches(Pattern::new(value)?),
        Operator::NotMatches => Test::NotMatches(Pattern::new(value)?),
    })
}

/// Names a token in a message.
fn found(token: &Token<'_>) -> String {
    if token.kind == Kind::End { "the end".into() } else { format!("`{}`", token.text) }
}

fn no_operator(name: &Token<'_>, next: &Token<'_>) -> SyntaxError {
    let message = if next.kind == Kind::Bare {
        format!("unknown operator `{}`, {OPERATORS}", next.text)
    } else {
        format!("found {} behind {}, {OPERATORS}", found(next), found(name))
    };
    let help = if next.kind == Kind::Open {
        format!("no name stands before the braces: {{alertname=\"{}\"}}", name.text)
    } else {
        format!("write {}=\"value\"", name.text)
    };
    SyntaxError::new(next.span(), message, help)
}

/// `=>`, `==` and their kind: what follows the operator belongs to it in the writer's mind.
fn strange_operator(sign: &Token<'_>, more: &Token<'_>) -> SyntaxError {
    let whole = format!("{}{}", sign.text, more.text);
    let meant = match (whole.starts_with('!'), whole.contains('~')) {
        (false, false) => "=",
        (true, false) => "!=",
        (false, true) => "=~",
        (true, true) => "!~",
    };
    let message = format!("unknown operator `{whole}`, {OPERATORS}");
    let span = sign.offset..more.span().end;
    SyntaxError::new(span, message, format!("did you mean `{meant}`?")).instead(meant)
}

fn no_value(name: &Token<'_>, sign: &Token<'_>, next: &Token<'_>) -> SyntaxError {
    let message = format!("found {} behind `{}`, expected a value", found(next), sign.text);
    let help =
        format!("write {0}{1}\"value\", or {0}{1}\"\" for the empty value", name.text, sign.text);
    SyntaxError::new(next.span(), message, help)
}

/// Finds the place of a mistake in a pattern in the text of the matchers.
fn in_pattern(value: &Token<'_>, error: PatternError) -> SyntaxError {
    let place = |index: usize| match value.kind {
        Kind::Quoted => lexer::locate(value, index),
        Kind::Bare | Kind::Open | Kind::Close | Kind::Comma | Kind::Operator(_) | Kind::End => {
            value.offset + index
        }
    };
    let span = place(error.offset)..place(error.offset + error.len);
    SyntaxError { part: Part::Pattern, ..SyntaxError::new(span, error.message, error.help) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        let matchers = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        matchers.iter().map(Matcher::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_are_read_with_and_without_braces() {
        for (text, expected) in [
            ("", ""),
            (" \n", ""),
            ("{}", ""),
            (" { } ", ""),
            ("foo=bar", r#"foo="bar""#),
            ("foo=bar,", r#"foo="bar""#),
            ("{foo=bar,}", r#"foo="bar""#),
            (" { foo\t= \n bar , } ", r#"foo="bar""#),
            ("a=b,c!=d,e=~f,g!~h", r#"a="b" c!="d" e=~"f" g!~"h""#),
            (r#"{"a"="b","c"!~"d.*"}"#, r#"a="b" c!~"d.*""#),
            (r#""a b"="", "c"="\"\n\\""#, r#""a b"="" c="\"\n\\""#),
            ("foo=~[a-z]+", r#"foo=~"[a-z]+""#),
            (r#"foo=~"\\d+""#, r#"foo=~"\\d+""#),
            ("größe=🙂bar", r#"größe="🙂bar""#),
            (r#"a="\U0001f642""#, r#"a="🙂""#),
            // Unquoted texts hold more than one would think.
            ("a:=b", r#"a:="b""#),
            ("a=>b", r#"a=">b""#),
            ("1=2", r#"1="2""#),
        ] {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn an_unquoted_ci_prefix_asks_the_cmdb_and_a_quoted_one_a_label() {
        for (text, expected) in [
            ("ci.class=pdu", Field::Ci("class".into())),
            ("ci.owner.team=x", Field::Ci("owner.team".into())),
            ("\"ci.class\"=pdu", Field::Label("ci.class".into())),
            ("ci=x", Field::Label("ci".into())),
            ("cid.x=y", Field::Label("cid.x".into())),
            ("\"root.rack\"=R12", Field::Label("root.rack".into())),
            ("rooted.x=y", Field::Label("rooted.x".into())),
            ("service=x", Field::Label("service".into())),
        ] {
            let matchers = parse(text).unwrap();
            assert_eq!(
                matchers.iter().map(Matcher::field).collect::<Vec<_>>(),
                [&expected],
                "{text}"
            );
        }
    }

    /// Reads a text with a mistake, which must be shown under `found`.
    #[track_caller]
    fn mistake(text: &str, found: &str) -> SyntaxError {
        let error = parse(text).unwrap_err();
        let marked = text.get(error.offset..error.offset + error.len);
        assert_eq!(marked, Some(found), "{text}: {error:?}");
        error
    }

    #[test]
    fn a_mistake_in_a_matcher_is_shown_in_its_place_with_a_remedy() {
        for (text, found, message, help) in [
            ("=b", "=", "found `=`, expected the name of a label", "write name=\"value\""),
            (r#"""=x"#, r#""""#, "the name is empty", "write the label's name"),
            ("foo", "", "the end behind `foo`, expected one of `=`, `!=`", "write foo=\"value\""),
            ("é in (a)", "in", "unknown operator `in`", "write é=\"value\""),
            (r#"a => "x""#, "=>", "unknown operator `=>`, expected one of", "did you mean `=`?"),
            ("a == x", "==", "unknown operator `==`", "did you mean `=`?"),
            ("a !== x", "!==", "unknown operator `!==`", "did you mean `!=`?"),
            ("a=~=x", "=~=", "unknown operator `=~=`", "did you mean `=~`?"),
            ("a!~=x", "!~=", "unknown operator `!~=`", "did you mean `!~`?"),
            ("a ~ x", "~", "`~` is no operator", "the operators are"),
            ("a=", "", "found the end behind `=`, expected a value", "or a=\"\" for the empty"),
            ("a!=,b=c", ",", "found `,` behind `!=`, expected a value", "or a!=\"\""),
            ("a='b'", "'", "`'` quotes nothing here", "double quotes"),
            (r"a=b\n", r"\", r"`\` outside of quotes", "quote the value"),
            (r#"a="b\w""#, r"\w", r"`\w` is no escape", r"write `\\w`"),
            (r#"a="b"#, r#""b"#, "never closed", "add a"),
            ("ci.=x", "ci.", "`ci.` names no attribute", "ci.class"),
            ("root.rack=x", "root.rack", "has no value yet when an alert is matched", "ci.rack"),
            (
                "a=b, service.x=1",
                "service.x",
                "only conditions of rules",
                "quote it: \"service.x\"",
            ),
        ] {
            let error = mistake(text, found);
            assert!(error.message.contains(message), "{text}: {error:?}");
            assert!(error.help.contains(help), "{text}: {error:?}");
            assert_eq!(error.part, Part::Matcher, "{text}");
        }
    }

    #[test]
    fn a_mistake_in_a_list_is_shown_in_its_place_with_a_remedy() {
        for (text, found, message, help) in [
            (",", ",", "found `,`, expected the name of a label", "write name=\"value\""),
            ("{,}", ",", "found `,`, expected the name", "write name"),
            ("a=b,,", ",", "found `,`, expected the name", "write name"),
            ("a=disk full", "full", "found `full` behind the value `disk`", "\"disk full\""),
            ("a=b c=d", "c", "behind the value `b`, expected `,` or the end", "write a comma"),
            ("a=b and c=d", "and", "found `and`", "write a comma"),
            ("a=b or a=c", "or", "found `or`", "write a pattern: a=~"),
            ("a=b=c", "=", "found `=` behind the value `b`", "quotes around a whole value"),
            (r#"a=:"b""#, r#""b""#, "behind the value `:`", "quotes around a whole value"),
            ("{", "{", "`{` is never closed", "end with `}`"),
            ("{a=b", "{", "`{` is never closed", "end with `}`"),
            ("}", "}", "`}` closes nothing", "begin with `{`"),
            ("a=b}", "}", "`}` closes nothing", "begin with `{`"),
            ("{a=b}}", "}", "found `}` behind the matchers", "between one"),
            ("{a=b}c=d", "c", "found `c` behind the matchers, expected the end", "between one"),
            (r#"up{a="b"}"#, "{", "found `{` behind `up`", "{alertname=\"up\"}"),
        ] {
            let error = mistake(text, found);
            assert!(error.message.contains(message), "{text}: {error:?}");
            assert!(error.help.contains(help), "{text}: {error:?}");
        }
    }

    #[test]
    fn patterns_that_are_small_one_by_one_may_be_too_much_together() {
        let list = |count| parse(&r#"a=~"\\w{999}","#.repeat(count));
        assert!(list(8).is_ok());
        let error = list(9).unwrap_err();
        assert_eq!((error.part, error.offset), (Part::Pattern, 8 * 14 + 3), "{error:?}");
        assert!(error.message.contains("more than 1048576 bytes"), "{error:?}");
    }

    #[test]
    fn a_mistake_in_a_pattern_is_shown_inside_of_the_pattern() {
        for (text, found) in [
            ("a=~x(", "("),
            (r#"é=~"\u00e9\\d**""#, "**"),
            (r#"a!~"x\\""#, r"\\"),
            (r#"a=~"[z-\u0061]""#, r"z-\u0061"),
            (r#"a="b", c=~"(d""#, "("),
        ] {
            assert_eq!(mistake(text, found).part, Part::Pattern, "{text}");
        }
    }
}
