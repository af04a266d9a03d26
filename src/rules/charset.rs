//! The characters and sets of characters of a pattern: escapes, `[…]`, `\d`, `\p{…}`.
//!
//! Reads Go's syntax and returns the `regex` crate's, each set in brackets of its own, so that it
//! means the same alone and within another. Knows nothing of flags, groups and repetitions: they are
//! `translate`'s business.

use core::ops::Range;

use regex::RegexBuilder;

use super::cursor::Cursor;

/// Names of ASCII classes, `[[:alpha:]]`; the crate's are the same.
const ASCII_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A mistake by its place in the pasted pattern.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Mistake {
    pub(super) fn new(
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { span, message: message.into(), help: help.into() }
    }

    /// A mistake of one ASCII character.
    pub(super) fn at(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(at..at + 1, message, help)
    }
}

/// Returns an expression for the character itself.
pub(super) fn escaped(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

/// Reads a set behind its `[`, which stands at `at`.
pub(super) fn class(cursor: &mut Cursor<'_>, at: usize) -> Result<String, Mistake> {
    let mut out = String::from(if cursor.eat("^") { "[^" } else { "[" });
    // A bracket in first place is a member.
    let mut first = true;
    while first || !cursor.eat("]") {
        first = false;
        let item = match ascii_class(cursor)? {
            Some(class) => class,
            None => member(cursor, at)?,
        };
        out.push_str(&item);
    }
    out.push(']');
    Ok(out)
}

/// Reads `[:alpha:]` or `[:^alpha:]`; nothing if no `:]` follows.
fn ascii_class(cursor: &mut Cursor<'_>) -> Result<Option<String>, Mistake> {
    let mut ahead = *cursor;
    let start = ahead.at();
    let Some(name) = ahead.eat("[:").then(|| ahead.eat_until(":]")).flatten() else {
        return Ok(None);
    };
    *cursor = ahead;
    let item = cursor.since(start);
    if ASCII_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Ok(Some(item.into()));
    }
    let message = format!("`{item}` is no set of characters");
    let help = format!("the sets are {}", ASCII_CLASSES.join(", "));
    Err(Mistake::new(start..cursor.at(), message, help))
}

/// Reads a character, a range or an escape within brackets, the first of which stands at `at`.
fn member(cursor: &mut Cursor<'_>, at: usize) -> Result<String, Mistake> {
    let start = cursor.at();
    let mut ahead = *cursor;
    if ahead.eat("\\")
        && let Some(class) = class_escape(&mut ahead, start)?
    {
        *cursor = ahead;
        return Ok(class);
    }
    let low = class_char(cursor, at)?;
    let mut ahead = *cursor;
    if !ahead.eat("-") || matches!(ahead.peek(), None | Some(']')) {
        return Ok(escaped(low));
    }
    *cursor = ahead;
    let high = class_char(cursor, at)?;
    if low <= high {
        return Ok(format!("{}-{}", escaped(low), escaped(high)));
    }
    let message = format!("the range `{}` runs backwards", cursor.since(start));
    Err(Mistake::new(start..cursor.at(), message, format!("write `{high}-{low}`")))
}

/// Reads one character within brackets, the first of which stands at `at`.
fn class_char(cursor: &mut Cursor<'_>, at: usize) -> Result<char, Mistake> {
    let start = cursor.at();
    match cursor.bump() {
        Some('\\') => char_escape(cursor, start),
        Some(c) => Ok(c),
        None => Err(Mistake::at(
            at,
            "`[` is never closed",
            "add `]`; for the character itself write `\\[`",
        )),
    }
}

/// Reads a set behind its backslash, which stands at `at`: `d`, `pN`, `P{Greek}`. Reads nothing of
/// anything else.
pub(super) fn class_escape(cursor: &mut Cursor<'_>, at: usize) -> Result<Option<String>, Mistake> {
    let class = match cursor.peek() {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => r"[\t\n\f\r ]",
        Some('S') => r"[^\t\n\f\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some(letter @ ('p' | 'P')) => {
            cursor.bump();
            return property(cursor, at, letter).map(Some);
        }
        _ => return Ok(None),
    };
    cursor.bump();
    Ok(Some(class.into()))
}

/// Reads the name of a Unicode category or script, alone or in braces, behind its `letter`, a `P`
/// for all other characters.
fn property(cursor: &mut Cursor<'_>, at: usize, letter: char) -> Result<String, Mistake> {
    let start = cursor.at();
    let name = if cursor.eat("{") {
        cursor.eat_until("}")
    } else {
        cursor.bump();
        Some(cursor.since(start))
    };
    let (letter, name) = match name.and_then(|name| name.strip_prefix('^')) {
        Some(rest) => (if letter == 'p' { 'P' } else { 'p' }, Some(rest)),
        None => (letter, name),
    };
    let is_plain =
        |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    let known = name.filter(|name| is_plain(name)).and_then(|name| {
        let expressions = ["gc", "sc"].map(|kind| format!(r"\{letter}{{{kind}={name}}}"));
        expressions.into_iter().find(|expression| is_known(expression))
    });
    known.ok_or_else(|| {
        let message = format!("`{}` is no category or script of Unicode", cursor.since(at));
        Mistake::new(
            at..cursor.at(),
            message,
            r"for example \pL is any letter, \p{Greek} the Greek ones",
        )
    })
}

/// True if the `regex` crate knows the name in this expression. Without room it does not go on to
/// compile it.
fn is_known(expression: &str) -> bool {
    let built = RegexBuilder::new(expression).size_limit(0).build();
    !matches!(built, Err(regex::Error::Syntax(_)))
}

/// Reads one character behind its backslash, which stands at `at`.
pub(super) fn char_escape(cursor: &mut Cursor<'_>, at: usize) -> Result<char, Mistake> {
    let code = match cursor.bump() {
        Some('a') => Some(0x07),
        Some('f') => Some(0x0c),
        Some('n') => Some(0x0a),
        Some('r') => Some(0x0d),
        Some('t') => Some(0x09),
        Some('v') => Some(0x0b),
        Some('x') => hexadecimal(cursor),
        Some('0') => Some(octal(cursor, 0)),
        // A digit alone would refer to a group.
        Some(c @ '1'..='7') if matches!(cursor.peek(), Some('0'..='7')) => {
            c.to_digit(8).map(|digit| octal(cursor, digit))
        }
        Some(c) if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
        _ => None,
    };
    code.and_then(char::from_u32).ok_or_else(|| {
        let message = format!("`{}` is no escape of a regular expression", cursor.since(at));
        Mistake::new(at..cursor.at(), message, "for a backslash itself write `\\\\`")
    })
}

/// Reads at most two more octal digits.
fn octal(cursor: &mut Cursor<'_>, first: u32) -> u32 {
    let mut code = first;
    for _ in 0..2 {
        let Some(digit) = cursor.peek().and_then(|c| c.to_digit(8)) else { break };
        cursor.bump();
        code = code * 8 + digit;
    }
    code
}

/// Reads two hexadecimal digits, or any number of them in braces.
fn hexadecimal(cursor: &mut Cursor<'_>) -> Option<u32> {
    if cursor.eat("{") {
        let digits = cursor.eat_until("}")?;
        let all = digits.chars().all(|c| c.is_ascii_hexdigit());
        return all.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    }
    let high = cursor.bump()?.to_digit(16)?;
    Some(high * 16 + cursor.bump()?.to_digit(16)?)
}
