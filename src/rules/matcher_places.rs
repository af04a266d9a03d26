//! Where the matchers of a rule stand, for findings about what they mean together.

use super::cursor::Cursor;
use super::diagnostics::Span;
use super::lexer::{self, Kind};
use super::rule::LINE_BYTES_MAX;
use super::source::SourceFile;
use super::text::locate;
use super::yaml::{Node, Value};

/// Where one line of matchers stands. Its matchers are looked for only when one has a finding.
#[derive(Clone, Debug, Default)]
pub(super) struct LinePlace {
    line: Span,
    /// The line itself; empty where it is too long to be read.
    text: Box<str>,
}

impl LinePlace {
    /// Returns where one of the `count` matchers of this line stands; the whole line where commas
    /// do not tell.
    pub(super) fn matcher(&self, file: &SourceFile, number: usize, count: usize) -> Span {
        let parts = parts(&self.text);
        let part = parts.get(number).filter(|_| parts.len() == count);
        part.map_or(self.line, |part| locate(&file.text, self.line, &self.text, *part))
    }

    /// Returns where the whole line stands.
    pub(super) fn line(&self) -> Span {
        self.line
    }
}

/// Returns where each line of a list of lines, or of one line, stands.
pub(super) fn lines(node: &Node) -> Vec<LinePlace> {
    match &node.value {
        Value::List(items) => items.iter().map(line).collect(),
        Value::Null | Value::Text(_) | Value::Map(_) => vec![line(node)],
    }
}

/// Returns where each line of a field stands whose mapping this is.
pub(super) fn lines_under(node: &Node, field: &str) -> Vec<LinePlace> {
    let Value::Map(entries) = &node.value else { return Vec::new() };
    let found = entries.iter().find(|(key, _)| &*key.name == field);
    found.map_or(Vec::new(), |(_, node)| lines(node))
}

fn line(node: &Node) -> LinePlace {
    let text = match &node.value {
        Value::Text(text) if text.len() <= LINE_BYTES_MAX => text.clone(),
        Value::Null | Value::Text(_) | Value::List(_) | Value::Map(_) => "".into(),
    };
    LinePlace { line: node.span, text }
}

/// Splits a line at its commas.
fn parts(text: &str) -> Vec<Span> {
    let mut cursor = Cursor::new(text, 0);
    let mut parts: Vec<Span> = Vec::new();
    let mut part: Option<Span> = None;
    while let Ok(token) = lexer::scan(&mut cursor) {
        match token.kind {
            Kind::End => break,
            Kind::Comma => parts.extend(part.take()),
            Kind::Open | Kind::Close => {}
            Kind::Bare | Kind::Quoted | Kind::Operator(_) => {
                let span = token.span();
                let start = part.map_or(span.start, |part| part.start);
                part = Some(Span { start, end: span.end });
            }
        }
    }
    parts.extend(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_its_commas() {
        for (text, expected) in [
            ("a=b", &["a=b"][..]),
            (r#"a=b, c="d"#, &["a=b", "c="]),
            (r#"{a = "b, c" , "d e"!~x,}"#, &[r#"a = "b, c""#, r#""d e"!~x"#]),
            ("", &[]),
        ] {
            let found: Vec<&str> = parts(text).into_iter().map(|part| part.of(text)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
