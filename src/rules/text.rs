//! Small things about texts: spans of time, places within scalars, words for messages.

use core::time::Duration;

use super::diagnostics::Span;
use crate::model::few::few;

/// Reads a span of time: numbers with the units ms, s, m, h, d, w, as in `1h30m`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        let part = Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(ms)?);
        total = total.checked_add(part)?;
        rest = tail;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// Finds where a stretch of a scalar's value stands in the file; the whole scalar where that cannot
/// be told.
pub(super) fn locate(text: &str, scalar: Span, value: &str, part: Span) -> Span {
    in_block(text, scalar, value, part)
        .or_else(|| in_line(text, scalar, value, part))
        .unwrap_or(scalar)
}

/// Finds a stretch of a plain, quoted or folded scalar by reading value and file side by side.
fn in_line(text: &str, scalar: Span, value: &str, part: Span) -> Option<Span> {
    let written = scalar.of(text);
    let quote = written.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let quotes = usize::from(quote.is_some());
    let mut rest = written.get(quotes..)?;
    let mut map = Span { start: scalar.end, end: scalar.end };
    for (at, c) in value.char_indices().chain([(value.len(), '\0')]) {
        if !c.is_whitespace() {
            rest = unfolded(rest, quote);
        }
        let here = scalar.start + written.len() - rest.len();
        if at <= part.start {
            map.start = here;
        }
        if at <= part.end {
            map.end = here;
        }
        if at < value.len() {
            rest = rest.get(width(rest, quote, c)?..)?;
        }
    }
    Some(map)
}

/// Returns how many bytes stand for a character of the value; nothing if others do.
fn width(rest: &str, quote: Option<char>, c: char) -> Option<usize> {
    let escaped = match (quote, rest.get(..2)) {
        (Some('\''), Some("''")) => Some(2),
        (Some('"'), Some("\\x")) => Some(4),
        (Some('"'), Some("\\u")) => Some(6),
        (Some('"'), Some("\\U")) => Some(10),
        (Some('"'), Some(two)) if two.starts_with('\\') => {
            rest.chars().nth(1).map(|second| 1 + second.len_utf8())
        }
        _ => None,
    };
    if escaped.is_some() {
        return escaped;
    }
    // A line's end with the blanks around it is one blank of the value, further ones are its ends.
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    if matches!(c, ' ' | '\n') && rest.get(blanks..)?.starts_with('\n') {
        return Some(blanks + 1);
    }
    rest.starts_with(c).then(|| c.len_utf8())
}

/// Skips what stands for nothing before a character that is no blank: ends of lines, and in double
/// quotes those that are escaped.
fn unfolded(rest: &str, quote: Option<char>) -> &str {
    let joined = rest.strip_prefix("\\\n").filter(|_| quote == Some('"'));
    let rest = joined.unwrap_or(rest);
    let next = rest.trim_start();
    // Blanks within a line are part of the value.
    let skipped = rest.get(..rest.len() - next.len()).unwrap_or("");
    if joined.is_some() || skipped.contains('\n') || skipped.len() > 1 { next } else { rest }
}

/// Cuts a text that is only quoted in a message.
pub(super) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    // A message is one line, whatever was written.
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(CHARS_MAX).map(visible).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Writes `a, b, c`, and how many more there are.
pub(super) fn listed(names: &[&str]) -> String {
    const NAMES_MAX: usize = 24;
    let shown: Vec<&str> = names.iter().copied().take(NAMES_MAX).collect();
    few(&shown, names.len())
}

/// Writes `a, b or c`.
pub(super) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).into(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Finds a stretch of a literal block, `|`, whose lines stand in the file as they are, indented.
fn in_block(text: &str, scalar: Span, value: &str, part: Span) -> Option<Span> {
    let head = text.get(..scalar.start)?.trim_end();
    if !["|", "|-", "|+"].iter().any(|sign| head.ends_with(sign)) {
        return None;
    }
    let before = value.get(..part.start)?;
    let number = before.matches('\n').count();
    let mut lines = text.get(scalar.start..)?.split_inclusive('\n');
    let above: usize = lines.by_ref().take(number).map(str::len).sum();
    let wanted = value.lines().nth(number)?;
    let indent = lines.next()?.find(wanted)?;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    let start = scalar.start + above + indent + column;
    let len = part.end.saturating_sub(part.start);
    Some(Span { start, end: start + len.clamp(1, (wanted.len() - column).max(1)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_numbers_with_units() {
        for (text, ms) in [
            ("0s", Some(0)),
            ("250ms", Some(250)),
            ("45s", Some(45_000)),
            ("1h30m", Some(5_400_000)),
            ("7d", Some(604_800_000)),
            ("2w", Some(1_209_600_000)),
            ("", None),
            ("5", None),
            ("m", None),
            ("-5m", None),
            ("5 m", None),
            ("5M", None),
            ("5m3", None),
            ("1.5h", None),
            ("99999999999999999999s", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(duration(text), ms.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_scalar_is_found_whatever_its_quotes() {
        for (text, value, part, expected) in [
            ("a: 'it''s x'", "it's x", (5, 6), "x"),
            ("a: 'it''s x'", "it's x", (2, 3), "''"),
            (r#"a: "b=\"c\" => d""#, r#"b="c" => d"#, (6, 8), "=>"),
            (r#"a: "\u00e9\x41 z""#, "éA z", (4, 5), "z"),
            ("a: plain => x", "plain => x", (6, 8), "=>"),
            ("a: ü=>x", "ü=>x", (2, 4), "=>"),
            // Over several lines.
            ("a: 'it''s\n   folded => x'", "it's folded => x", (12, 14), "=>"),
            ("a: 'one\n\n   two => x'", "one\ntwo => x", (8, 10), "=>"),
            ("a: \"it \\\"is\\\" \\\n   joined => x\"", "it \"is\" joined => x", (15, 17), "=>"),
            ("a: plain\n  folded => x", "plain folded => x", (13, 15), "=>"),
            ("a: \"\\tb => x\"", "\tb => x", (3, 5), "=>"),
            // What does not stand there as it is is shown as a whole.
            ("a: *other", "x => y", (2, 4), "*other"),
        ] {
            let scalar = Span { start: 3, end: text.len() };
            let part = Span { start: part.0, end: part.1 };
            assert_eq!(locate(text, scalar, value, part).of(text), expected, "{text}");
        }
    }
}
