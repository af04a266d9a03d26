//! Puts other values into a rule file and leaves every other byte as it is: comments, order, quotes.
//!
//! Never writes a whole file anew: each change becomes stretches of the text that are replaced. What
//! cannot be said so is refused with the reason. `lists` has the part about lists, `spelling` how a
//! value is written.

mod lists;
mod spelling;
#[cfg(test)]
mod tests;

use super::diagnostics::Span;
use super::lines::Lines;
use super::source::SourceFile;
use super::yaml::{self, Key, Node, Value};
use spelling::{plain, respelt};

/// A value that is to be another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where the value stands, as the file was read.
    pub span: Span,
    /// What it is to be.
    pub change: Change,
}

/// What a value is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This text; `null` when there is none.
    Text(Option<Box<str>>),
    /// A list of these texts, in any order.
    Names(Vec<Box<str>>),
    /// The list without some of its items, and with others behind them.
    Items {
        /// Where those stand that go.
        drop: Vec<Span>,
        /// Mappings that are added.
        add: Vec<Item>,
    },
}

/// A mapping that becomes an item of a list.
pub type Item = Vec<(&'static str, Entry)>;

/// A value of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A text.
    Text(Box<str>),
    /// A list of texts.
    Names(Vec<Box<str>>),
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// Its new text.
    pub text: String,
    /// How many edits were made.
    pub made: usize,
    /// Those that were not: line, column and why.
    pub refused: Vec<(u32, u32, String)>,
}

/// Makes the edits, as many as can be made.
///
/// # Errors
/// In words, when the file is no YAML, or would be none afterwards; then it is to stay as it is.
pub fn rewrite(file: &SourceFile, edits: &[Edit]) -> Result<Edited, String> {
    let root = yaml::parse(file).map_err(|problem| problem.message)?;
    let text = &*file.text;
    let mut pieces = Vec::new();
    let (mut made, mut refused) = (0, Vec::new());
    for edit in edits {
        match find(&root, edit).and_then(|found| changed(text, &found, &edit.change)) {
            Ok(new) => {
                made += 1;
                pieces.extend(new);
            }
            Err(why) => {
                let (line, column) = Lines::of(text).position(edit.span.start);
                refused.push((line, column, why));
            }
        }
    }
    let text = replaced(text, pieces)?;
    let after = SourceFile { name: file.name.clone(), text };
    yaml::parse(&after)
        .map_err(|problem| format!("it would be no YAML afterwards: {}", problem.message))?;
    Ok(Edited { text: after.text, made, refused })
}

/// A stretch of the text, and what is to stand there.
type Piece = (Span, String);

/// A value that was found, with its key where it is a mapping's.
struct Found<'n> {
    node: &'n Node,
    key: Option<&'n Key>,
}

/// Finds the value that an edit means. What stands behind an alias is found where its anchor is, and
/// so several times.
fn find<'n>(root: &'n Node, edit: &Edit) -> Result<Found<'n>, String> {
    let fits = |node: &Node| match (&edit.change, &node.value) {
        (Change::Text(_), Value::Text(_) | Value::Null)
        | (Change::Names(_) | Change::Items { .. }, Value::List(_)) => node.span == edit.span,
        _ => false,
    };
    let mut found = Vec::new();
    let mut left = vec![Found { node: root, key: None }];
    while let Some(next) = left.pop() {
        match &next.node.value {
            Value::Null | Value::Text(_) => {}
            Value::List(items) => left.extend(items.iter().map(|node| Found { node, key: None })),
            Value::Map(entries) => {
                left.extend(entries.iter().map(|(key, node)| Found { node, key: Some(key) }));
            }
        }
        if fits(next.node) {
            found.push(next);
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err("the value is no longer where it was".into()),
        (Some(_), false) => Err("the value is an anchor that other places share".into()),
    }
}

fn changed(text: &str, found: &Found<'_>, change: &Change) -> Result<Vec<Piece>, String> {
    match (change, &found.node.value) {
        (Change::Text(new), _) => scalar(text, found, new.as_deref()).map(|piece| vec![piece]),
        (Change::Names(names), Value::List(items)) => lists::names(text, found, items, names),
        (Change::Items { drop, add }, Value::List(items)) => {
            let gone = |item: &&Node| drop.contains(&item.span);
            if items.iter().filter(gone).count() != drop.len() {
                return Err("an item is no longer where it was".into());
            }
            let kept = items.iter().map(|item| !drop.contains(&item.span)).collect();
            let add = add.iter().map(spelling::item).collect();
            lists::edit(text, found, items, lists::Plan { kept, pieces: Vec::new(), add })
        }
        (Change::Names(_) | Change::Items { .. }, _) => Err("it is no list".into()),
    }
}

fn scalar(text: &str, found: &Found<'_>, new: Option<&str>) -> Result<Piece, String> {
    let span = written(text, found.node)?;
    let old = span.of(text);
    let new = match new {
        None => "null".into(),
        Some(new) if found.node.value == Value::Null => plain(new),
        Some(new) => respelt(old, new),
    };
    if !old.is_empty() {
        return Ok((span, new));
    }
    Ok((behind(text, found)?, format!(" {new}")))
}

/// Finds the place right behind the colon of a value's key.
fn behind(text: &str, found: &Found<'_>) -> Result<Span, String> {
    let key = found.key.ok_or("it is empty and has no key")?;
    let rest = text.get(key.span.end..).unwrap_or("");
    let colon = rest.find(':').filter(|at| rest.get(..*at).is_some_and(|s| s.trim().is_empty()));
    let at = key.span.end + colon.ok_or("its key is written in an unusual way")? + 1;
    Ok(Span { start: at, end: at })
}

/// Returns the stretch of a scalar on one line.
fn written(text: &str, node: &Node) -> Result<Span, String> {
    let old = node.span.of(text).trim_end();
    let head = text.get(..node.span.start).unwrap_or("").trim_end();
    let is_block = [">", "|", ">-", "|-", ">+", "|+"].iter().any(|sign| head.ends_with(sign));
    if is_block || old.contains('\n') || old.starts_with(['|', '>', '&', '!', '*']) {
        return Err("it is not written as a text on one line".into());
    }
    Ok(Span { start: node.span.start, end: node.span.start + old.len() })
}

/// Returns the whole stretch of a value with all that is in it.
fn extent(text: &str, node: &Node) -> Result<Span, String> {
    let start = node.span.start;
    let (first, last, close) = match &node.value {
        Value::Null | Value::Text(_) => return written(text, node),
        Value::List(items) => {
            let ends: Result<Vec<Span>, _> = items.iter().map(|item| extent(text, item)).collect();
            let ends = ends?;
            (ends.first().map(|s| s.start), ends.last().map(|s| s.end), ']')
        }
        Value::Map(entries) => {
            let last = match entries.last() {
                Some((key, node)) => Some(extent(text, node)?.end.max(key.span.end)),
                None => None,
            };
            (entries.first().map(|(key, _)| key.span.start), last, '}')
        }
    };
    if !is_flow(text, node) {
        let (first, last) = first.zip(last).ok_or("it is written in an unusual way")?;
        return Ok(Span { start: first, end: last });
    }
    let end = closing(text, last.unwrap_or(start + 1), close)?;
    Ok(Span { start, end })
}

/// True for a list or mapping in brackets.
fn is_flow(text: &str, node: &Node) -> bool {
    text.get(node.span.start..).is_some_and(|rest| rest.starts_with(['[', '{']))
}

/// Finds the end of a bracket behind its last item: only commas, blanks and comments come between.
fn closing(text: &str, from: usize, close: char) -> Result<usize, String> {
    let mut rest = text.get(from..).unwrap_or("").chars();
    let mut at = from;
    while let Some(c) = rest.next() {
        at += c.len_utf8();
        match c {
            c if c == close => return Ok(at),
            ',' | ':' => {}
            '#' => {
                let skipped = rest.as_str().find('\n').unwrap_or(rest.as_str().len());
                at += skipped;
                rest = rest.as_str().get(skipped..).unwrap_or("").chars();
            }
            c if c.is_whitespace() => {}
            _ => break,
        }
    }
    Err("its end was not found".into())
}

fn replaced(text: &str, mut pieces: Vec<Piece>) -> Result<String, String> {
    pieces.sort_by_key(|(span, _)| (span.start, span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, new) in pieces {
        out.push_str(text.get(at..span.start).ok_or("two edits of the same place")?);
        out.push_str(&new);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    Ok(out)
}
