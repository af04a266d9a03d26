//! Takes items out of lists and puts others in, in brackets or on lines of their own.

use super::spelling::{plain, respelt};
use super::{Found, Piece, behind, extent, is_flow};
use crate::rules::diagnostics::Span;
use crate::rules::yaml::{Node, Value};

/// What is to become of a list.
pub(super) struct Plan {
    /// For each item, whether it stays.
    pub(super) kept: Vec<bool>,
    /// Changes within items that stay.
    pub(super) pieces: Vec<Piece>,
    /// Items to come behind them, as written.
    pub(super) add: Vec<String>,
}

/// Makes a list of texts hold these, in any order: those that are right stay where they are, wrong
/// ones become missing ones, and only then the list grows or shrinks.
pub(super) fn names(
    text: &str,
    found: &Found<'_>,
    items: &[Node],
    names: &[Box<str>],
) -> Result<Vec<Piece>, String> {
    let mut missing = names.to_vec();
    let mut plan = Plan { kept: Vec::new(), pieces: Vec::new(), add: Vec::new() };
    for item in items {
        let Value::Text(old) = &item.value else { return Err("it is no list of texts".into()) };
        let right = missing.iter().position(|name| name == old);
        right.map(|at| missing.remove(at));
        plan.kept.push(right.is_some());
    }
    let mut missing = missing.into_iter();
    for (item, kept) in items.iter().zip(&mut plan.kept).filter(|(_, kept)| !**kept) {
        let Some(name) = missing.next() else { break };
        let span = super::written(text, item)?;
        plan.pieces.push((span, respelt(span.of(text), &name)));
        *kept = true;
    }
    plan.add = missing.map(|name| plain(&name)).collect();
    edit(text, found, items, plan)
}

/// Carries out a plan.
pub(super) fn edit(
    text: &str,
    found: &Found<'_>,
    items: &[Node],
    plan: Plan,
) -> Result<Vec<Piece>, String> {
    if plan.add.is_empty() && plan.kept.iter().all(|kept| *kept) {
        return Ok(plan.pieces);
    }
    let spans: Result<Vec<Span>, String> = items.iter().map(|item| extent(text, item)).collect();
    let spans = spans?;
    if is_flow(text, found.node) {
        let whole = extent(text, found.node)?;
        let inside = Span { start: whole.start + 1, end: whole.end - 1 };
        Ok(in_brackets(inside, &spans, plan))
    } else {
        on_lines(text, found, &spans, plan)
    }
}

fn in_brackets(inside: Span, spans: &[Span], plan: Plan) -> Vec<Piece> {
    let Plan { kept, mut pieces, add } = plan;
    let Some(last) = kept.iter().rposition(|kept| *kept).and_then(|at| spans.get(at)) else {
        return vec![(inside, add.join(", "))];
    };
    let mut before: Option<Span> = None;
    let mut any_kept = false;
    for (at, (span, kept)) in spans.iter().zip(kept).enumerate() {
        match (kept, any_kept, before, spans.get(at + 1)) {
            (true, ..) => any_kept = true,
            (false, true, Some(before), _) => {
                pieces.push((Span { start: before.end, end: span.end }, String::new()));
            }
            (false, _, _, Some(next)) => {
                pieces.push((Span { start: span.start, end: next.start }, String::new()));
            }
            (false, ..) => {}
        }
        before = Some(*span);
    }
    let end = Span { start: last.end, end: last.end };
    pieces.extend(add.iter().map(|item| (end, format!(", {item}"))));
    pieces
}

fn on_lines(
    text: &str,
    found: &Found<'_>,
    spans: &[Span],
    plan: Plan,
) -> Result<Vec<Piece>, String> {
    let Plan { kept, mut pieces, add } = plan;
    let lines: Result<Vec<Line<'_>>, String> = spans.iter().map(|span| line(text, *span)).collect();
    let lines = lines?;
    for (line, _) in lines.iter().zip(&kept).filter(|(_, kept)| !**kept) {
        pieces.push((line.span, String::new()));
    }
    let last = kept.iter().rposition(|kept| *kept);
    if last.is_none() && add.is_empty() {
        pieces.push((behind(text, found)?, " []".into()));
    }
    // Where nothing stays, what comes takes the place of the first.
    let at = match (last.and_then(|at| lines.get(at)), lines.first()) {
        (Some(line), _) => line.span.end,
        (None, Some(line)) => line.span.start,
        (None, None) => return Err("the list is empty".into()),
    };
    let indent = lines.first().map_or("", |line| line.indent);
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let first = if at == text.len() && !text.ends_with('\n') { end } else { "" };
    for (n, item) in add.iter().enumerate() {
        let before = if n == 0 { first } else { "" };
        let at = Span { start: at, end: at };
        pieces.push((at, format!("{before}{indent}- {item}{end}")));
    }
    Ok(pieces)
}

/// An item on lines of its own.
struct Line<'t> {
    /// From the beginning of its first line to that of the line behind its last.
    span: Span,
    /// The blanks before its dash.
    indent: &'t str,
}

fn line(text: &str, item: Span) -> Result<Line<'_>, String> {
    let unusual = || "an item does not begin on a line of its own".to_owned();
    let before = text.get(..item.start).ok_or_else(unusual)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let head = before.get(start..).unwrap_or("").trim_end();
    let indent = head.strip_suffix('-').ok_or_else(unusual)?;
    if !indent.trim().is_empty() {
        return Err(unusual());
    }
    let rest = text.get(item.end..).unwrap_or("");
    let end = rest.find('\n').map_or(text.len(), |at| item.end + at + 1);
    Ok(Line { span: Span { start, end }, indent })
}
