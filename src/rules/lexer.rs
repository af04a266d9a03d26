//! Cuts the text of matchers into tokens and takes the quotes off values.
//!
//! The lexical half of Alertmanager's UTF-8 grammar (`matcher/parse/lexer.go`); it never judges the
//! order of tokens, which is `parser`'s business.

use core::ops::Range;

use super::cursor::Cursor;

/// The text is no list of matchers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Where the mistake begins, in bytes from the beginning of the text.
    pub offset: usize,
    /// Length of the mistake in bytes; 0 at the end of the text.
    pub len: usize,
    /// Which part of the language was misused.
    pub part: Part,
    /// What was found and what was expected.
    pub message: String,
    /// How to mend it, in words.
    pub help: String,
    /// What to write in the place of the mistake, where that is certain.
    pub instead: Option<&'static str>,
}

/// A part of the language of matchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Names, operators, values, commas and braces.
    Matcher,
    /// The regular expression in a value.
    Pattern,
}

impl SyntaxError {
    /// A mistake against the grammar of matchers.
    pub(super) fn new(span: Range<usize>, message: String, help: impl Into<String>) -> Self {
        let (offset, len) = (span.start, span.len());
        Self { offset, len, part: Part::Matcher, message, help: help.into(), instead: None }
    }

    /// Says what to write in the place of the mistake.
    #[must_use]
    pub(super) fn instead(mut self, text: &'static str) -> Self {
        self.instead = Some(text);
        self
    }
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    Operator(Operator),
    /// In double quotes, which are part of its text.
    Quoted,
    /// One or more characters none of which is reserved.
    Bare,
    End,
}

/// A token with its place and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

impl Token<'_> {
    /// Its place in the text.
    pub(super) fn span(&self) -> Range<usize> {
        self.offset..self.offset + self.text.len()
    }
}

/// True for a character that an unquoted name or value cannot hold.
pub(super) fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

/// True for a character that ends an unquoted name in a condition of a rule, because it begins a
/// comparison of numbers.
pub(super) fn is_sign(c: char) -> bool {
    c == '<' || c == '>'
}

/// Reads a name in a condition of a rule: as [`scan`], but an unquoted one ends where a comparison
/// of numbers begins.
pub(super) fn scan_name<'a>(cursor: &mut Cursor<'a>) -> Result<Token<'a>, SyntaxError> {
    cursor.eat_while(char::is_whitespace);
    let offset = cursor.at();
    let text = cursor.eat_while(|c| !is_reserved(c) && !is_sign(c));
    if text.is_empty() { scan(cursor) } else { Ok(Token { kind: Kind::Bare, offset, text }) }
}

/// Reads the next token; white space before it is skipped.
pub(super) fn scan<'a>(cursor: &mut Cursor<'a>) -> Result<Token<'a>, SyntaxError> {
    cursor.eat_while(char::is_whitespace);
    let offset = cursor.at();
    let kind = match cursor.bump() {
        None => Kind::End,
        Some('{') => Kind::Open,
        Some('}') => Kind::Close,
        Some(',') => Kind::Comma,
        Some('=') if cursor.eat("~") => Kind::Operator(Operator::Matches),
        Some('=') => Kind::Operator(Operator::Equal),
        Some('!') if cursor.eat("=") => Kind::Operator(Operator::NotEqual),
        Some('!') if cursor.eat("~") => Kind::Operator(Operator::NotMatches),
        Some('"') => quoted(cursor, offset)?,
        Some(c) if is_reserved(c) => return Err(misplaced(c, offset)),
        Some(_) => {
            cursor.eat_while(|c| !is_reserved(c));
            Kind::Bare
        }
    };
    Ok(Token { kind, offset, text: cursor.since(offset) })
}

/// Reads up to the closing quote; the opening one is read.
fn quoted(cursor: &mut Cursor<'_>, offset: usize) -> Result<Kind, SyntaxError> {
    loop {
        match cursor.bump() {
            Some('"') => return Ok(Kind::Quoted),
            Some('\\') => {
                cursor.bump();
            }
            Some(_) => {}
            None => {
                let message = "the quote opened here is never closed".into();
                return Err(SyntaxError::new(offset..cursor.at(), message, "add a `\"`"));
            }
        }
    }
}

fn misplaced(c: char, offset: usize) -> SyntaxError {
    let (message, help) = match c {
        '\'' => ("`'` quotes nothing here".into(), "quote with double quotes: \"…\""),
        '`' => ("a back-tick quotes nothing here".into(), "quote with double quotes: \"…\""),
        '\\' => (
            "`\\` outside of quotes".into(),
            "quote the value; inside quotes write `\\\\` for a backslash",
        ),
        _ => (format!("`{c}` is no operator"), "the operators are `=`, `!=`, `=~` and `!~`"),
    };
    SyntaxError::new(offset..offset + c.len_utf8(), message, help)
}

/// Returns what a quoted token stands for, by the rules of Go's `strconv.Unquote`.
pub(super) fn unquote(token: &Token<'_>) -> Result<String, SyntaxError> {
    let mut bytes = Vec::with_capacity(token.text.len());
    let mut inside = inside(token);
    while decode(&mut inside, token.offset, &mut bytes)? {}
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not valid UTF-8", token.text);
        SyntaxError::new(
            token.span(),
            message,
            "write the character itself, or `\\u` with four digits",
        )
    })
}

/// Returns the place in the text of the byte at `index` of what a quoted token stands for.
pub(super) fn locate(token: &Token<'_>, index: usize) -> usize {
    let mut bytes = Vec::new();
    let mut inside = inside(token);
    loop {
        let place = token.offset + inside.at();
        let more = decode(&mut inside, token.offset, &mut bytes);
        if more != Ok(true) || bytes.len() > index {
            return place;
        }
    }
}

/// A cursor behind the opening quote that ends before the closing one; counts from the opening one.
fn inside<'a>(token: &Token<'a>) -> Cursor<'a> {
    Cursor::new(token.text.strip_suffix('"').unwrap_or(token.text), 1)
}

/// Appends what the next character or escape stands for; false at the end.
fn decode(inside: &mut Cursor<'_>, base: usize, bytes: &mut Vec<u8>) -> Result<bool, SyntaxError> {
    let start = inside.at();
    let piece = match inside.bump() {
        None => return Ok(false),
        Some('\n') => None,
        Some('\\') => escape(inside),
        Some(c) => Some(Piece::Char(c)),
    };
    match piece {
        Some(Piece::Char(c)) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Some(Piece::Byte(byte)) => bytes.push(byte),
        None => return Err(undecodable(inside.since(start), base + start)),
    }
    Ok(true)
}

enum Piece {
    Char(char),
    Byte(u8),
}

/// Reads an escape behind its backslash; none if there is no such escape.
fn escape(inside: &mut Cursor<'_>) -> Option<Piece> {
    let c = match inside.bump()? {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        c @ ('\\' | '"') => c,
        'u' => char::from_u32(digits(inside, 0, 4, 16)?)?,
        'U' => char::from_u32(digits(inside, 0, 8, 16)?)?,
        'x' => return u8::try_from(digits(inside, 0, 2, 16)?).ok().map(Piece::Byte),
        first => {
            let octal = digits(inside, first.to_digit(8)?, 2, 8)?;
            return u8::try_from(octal).ok().map(Piece::Byte);
        }
    };
    Some(Piece::Char(c))
}

/// Reads exactly `count` further digits of a number that begins with `first`.
fn digits(inside: &mut Cursor<'_>, first: u32, count: u32, radix: u32) -> Option<u32> {
    (0..count).try_fold(first, |n, _| Some(n * radix + inside.bump()?.to_digit(radix)?))
}

fn undecodable(found: &str, offset: usize) -> SyntaxError {
    let (message, help) = match found {
        "\n" => ("a line break inside quotes".into(), "write `\\n`".into()),
        "\\'" => ("`\\'` is no escape".into(), "write `'` without a backslash".into()),
        _ => {
            let help = format!(
                "write `\\{found}` if the value holds a backslash, as in a regular expression"
            );
            (format!("`{found}` is no escape"), help)
        }
    };
    SyntaxError::new(offset..offset + found.len(), message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<(Kind, &str)>, SyntaxError> {
        let mut cursor = Cursor::new(text, 0);
        let mut all = Vec::new();
        loop {
            let token = scan(&mut cursor)?;
            assert_eq!(text.get(token.span()), Some(token.text), "{text}");
            if token.kind == Kind::End {
                return Ok(all);
            }
            all.push((token.kind, token.text));
        }
    }

    fn value(quoted: &str) -> Result<String, SyntaxError> {
        unquote(&scan(&mut Cursor::new(quoted, 0)).unwrap())
    }

    #[test]
    fn a_text_falls_into_tokens() {
        use Operator::{Equal, Matches, NotEqual, NotMatches};
        let sign = Kind::Operator;
        let (open, close, comma) = ((Kind::Open, "{"), (Kind::Close, "}"), (Kind::Comma, ","));
        for (text, expected) in [
            ("", vec![]),
            (" \t\r\n\u{b}\u{85}\u{a0}\u{202f}\u{3000}", vec![]),
            ("{ },", vec![open, close, comma]),
            (
                "==~!=!~",
                vec![
                    (sign(Equal), "="),
                    (sign(Matches), "=~"),
                    (sign(NotEqual), "!="),
                    (sign(NotMatches), "!~"),
                ],
            ),
            ("a:b-1.c", vec![(Kind::Bare, "a:b-1.c")]),
            ("größe=🙂", vec![(Kind::Bare, "größe"), (sign(Equal), "="), (Kind::Bare, "🙂")]),
            ("a\u{2009}b", vec![(Kind::Bare, "a"), (Kind::Bare, "b")]),
            // A space of no width is no white space.
            ("a\u{200b}b", vec![(Kind::Bare, "a\u{200b}b")]),
            (r#""a\"b\\"c"#, vec![(Kind::Quoted, r#""a\"b\\""#), (Kind::Bare, "c")]),
            ("[a-z]+$|^", vec![(Kind::Bare, "[a-z]+$|^")]),
        ] {
            assert_eq!(tokens(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_where_it_stands() {
        for (text, offset, len) in [
            ("é~", 2, 1),
            ("a!", 1, 1),
            ("a=!", 2, 1),
            ("a='b'", 2, 1),
            ("`a`", 0, 1),
            (r"a=\n", 2, 1),
            (r#"a="b"#, 2, 2),
            (r#"a="é\""#, 2, 5),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.offset, error.len), (offset, len), "{text}: {error}");
        }
    }

    #[test]
    fn escapes_are_gos() {
        for (quoted, expected) in [
            (r#""""#, ""),
            (r#""\a\b\f\n\r\t\v\\\"""#, "\x07\x08\x0c\n\r\t\x0b\\\""),
            ("\"a\tb'c`d\"", "a\tb'c`d"),
            (r#""\x41\x7e""#, "A~"),
            (r#""\101\000""#, "A\0"),
            (r#""\u00e9\U0001F642""#, "é🙂"),
            // Bytes make characters together.
            (r#""\xf0\x9f\x99\x82\303\251""#, "🙂é"),
        ] {
            assert_eq!(value(quoted).as_deref(), Ok(expected), "{quoted}");
        }
    }

    #[test]
    fn what_is_no_escape_is_refused_where_it_stands() {
        for (quoted, found) in [
            (r#""a\d+""#, r"\d"),
            (r#""\'""#, r"\'"),
            (r#""\x4""#, r"\x4"),
            (r#""\xg1""#, r"\xg"),
            (r#""\x+1""#, r"\x+"),
            (r#""\08""#, r"\08"),
            (r#""\400""#, r"\400"),
            (r#""\8""#, r"\8"),
            (r#""é\u12x4""#, r"\u12x"),
            (r#""\ud800""#, r"\ud800"),
            (r#""\U00110000""#, r"\U00110000"),
            ("\"a\nb\"", "\n"),
            ("\"\\\n\"", "\\\n"),
            // These bytes are no characters.
            (r#""\xf0\x9f""#, r#""\xf0\x9f""#),
            (r#""a\xff""#, r#""a\xff""#),
        ] {
            let error = value(quoted).unwrap_err();
            assert_eq!(quoted.get(error.offset..error.offset + error.len), Some(found), "{error}");
        }
    }

    #[test]
    fn a_place_in_a_value_is_found_in_its_quotes() {
        let text = r#"a="é\\x\u00e9(""#;
        let mut cursor = Cursor::new(text, 2);
        let token = scan(&mut cursor).unwrap();
        let value = unquote(&token).unwrap();
        assert_eq!(value, "é\\xé(");
        for (part, found) in [("é", "é\\"), ("\\", r"\\x"), ("x", r"x\u"), ("(", "(\"")] {
            let place = locate(&token, value.find(part).unwrap());
            let rest = text.get(place..).unwrap();
            assert!(rest.starts_with(found), "{part} at {place}");
        }
        assert_eq!(locate(&token, value.len()), text.len() - 1);
    }
}
