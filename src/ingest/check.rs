//! Holds an alert to the limits and words what is wrong with it.

use core::fmt;
use core::fmt::Display;
use std::borrow::Cow;
use std::sync::Arc;

use super::Limits;
use super::batch::JsonError;
use super::item::{Item, Pairs};
use crate::model::alert::{Details, Occurrence, Signal};
use crate::model::labels::{Labels, LabelsError};
use crate::model::time::Timestamp;

/// What is wrong with an alert, to be put behind what the alert is called: `.field: …` or `: …`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem(pub(super) String);

impl Problem {
    /// Words a problem of one field.
    pub(super) fn at(field: impl Display, what: impl Display) -> Self {
        Self(format!(".{field}: {what}"))
    }

    /// Words a problem that `item` met; where in the alert's own text is left out, because the
    /// field is named and the text is cut from its body.
    pub(super) fn of_json(error: &JsonError) -> Self {
        let whole = error.to_string();
        let text = whole.rsplit_once(" at line ").map_or(&*whole, |(text, _)| text);
        let text = shortened(text);
        Self(if text.starts_with(['.', ':']) { text } else { format!(": {text}") })
    }
}

/// Cuts a message that may quote the sender to a length fit for an answer.
pub(super) fn shortened(message: &str) -> String {
    const CHARS_MAX: usize = 300;
    if message.chars().nth(CHARS_MAX).is_none() {
        return message.to_owned();
    }
    message.chars().take(CHARS_MAX).chain(['…']).collect()
}

/// Writes a sender's text in quotes, and only the beginning of a long one.
#[derive(Debug)]
pub(super) struct Short<'a>(pub(super) &'a str);

impl Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 64;
        match self.0.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Returns the known name that `given` is most likely a slip of, if any is near.
pub(super) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let given = plain(given.get(..32).unwrap_or(given)).to_ascii_lowercase();
    let ranked = known.iter().map(|name| (distance(&given, &plain(name)), *name));
    ranked.min().filter(|(steps, name)| *steps * 3 <= name.len()).map(|(_, name)| name)
}

/// Counts the characters to insert, drop or change to get from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let here = (diagonal + usize::from(a != b)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// What is kept of an alert besides its times.
#[derive(Debug)]
pub(super) struct Content {
    labels: Labels,
    details: Details,
}

impl Content {
    /// Takes labels, annotations and generator URL, and says what is wrong with them.
    pub(super) fn take(item: &mut Item<'_>, limits: &Limits, problems: &mut Vec<Problem>) -> Self {
        let labels = labels((&mut item.labels, &mut item.room), limits, problems);
        let annotations = annotations((&mut item.annotations, &mut item.room), problems);
        let generator_url = Box::from(item.generator_url.take().unwrap_or_default());
        let content = Self { labels, details: Details { annotations, generator_url } };
        let (size, limit) = (content.size(), limits.alert_bytes);
        if size > limit {
            problems.push(Problem(format!(
                ": is {size} bytes long, must be at most {limit}; shorten its annotations or raise limits.alert_bytes"
            )));
        }
        content
    }

    fn size(&self) -> usize {
        self.labels.size() + self.details.annotations.size() + self.details.generator_url.len()
    }

    /// Completes an occurrence.
    pub(super) fn with(
        self,
        signal: Signal,
        starts_at: Timestamp,
        severity: Option<Box<str>>,
    ) -> Occurrence {
        let fingerprint = self.labels.fingerprint();
        let details = Arc::new(self.details);
        Occurrence { labels: self.labels, fingerprint, signal, starts_at, severity, details }
    }
}

/// Pairs as they were sent, and where to put them together.
type Sent<'p, 'a> = (&'p mut Pairs<'a>, &'p mut String);

/// Builds the labels; those with an empty value do not exist.
fn labels((pairs, room): Sent<'_, '_>, limits: &Limits, problems: &mut Vec<Problem>) -> Labels {
    let before = problems.len();
    once_each("labels", pairs, problems);
    pairs.list.retain(|(_, value)| !value.is_empty());
    for (name, value) in &pairs.list {
        named("labels", name, value, problems);
        let place = || format!("labels.{}", Short(name));
        if name.len() > limits.name_bytes {
            problems.push(too_long(place(), "name", name, limits.name_bytes));
        }
        if value.len() > limits.value_bytes {
            problems.push(too_long(place(), "value", value, limits.value_bytes));
        }
    }
    let (count, limit) = (pairs.list.len(), limits.labels);
    if count == 0 {
        let what = if pairs.given { "has no value" } else { "is missing" };
        let remedy = "give at least one label, as in {\"alertname\":\"X\"}";
        problems.push(Problem::at("labels", format_args!("{what}; {remedy}")));
    }
    if count > limit {
        let remedy = "drop some or raise limits.labels";
        let what = format_args!("has {count} labels, must have at most {limit}; {remedy}");
        problems.push(Problem::at("labels", what));
    }
    if problems.len() > before { Labels::empty() } else { build("labels", (pairs, room), problems) }
}

fn annotations((pairs, room): Sent<'_, '_>, problems: &mut Vec<Problem>) -> Labels {
    let before = problems.len();
    once_each("annotations", pairs, problems);
    for (name, value) in &pairs.list {
        named("annotations", name, value, problems);
    }
    if problems.len() > before {
        Labels::empty()
    } else {
        build("annotations", (pairs, room), problems)
    }
}

/// Sorts the pairs and finds names that are given twice, be it with an empty value.
fn once_each(field: &str, pairs: &mut Pairs<'_>, problems: &mut Vec<Problem>) {
    pairs.list.sort_unstable();
    let mut last: Option<&Cow<'_, str>> = None;
    for (name, _) in &pairs.list {
        if last == Some(name) {
            let place = format_args!("{field}.{}", Short(name));
            problems.push(Problem::at(place, "is given twice, send it once"));
        }
        last = Some(name);
    }
}

fn named(field: &str, name: &str, value: &str, problems: &mut Vec<Problem>) {
    if name.is_empty() {
        let what = format_args!("the name of {} is empty; name it or drop it", Short(value));
        problems.push(Problem::at(field, what));
    }
}

/// Puts pairs together that are in order.
fn build(field: &str, (pairs, room): Sent<'_, '_>, problems: &mut Vec<Problem>) -> Labels {
    let pairs = pairs.list.iter().map(|(name, value)| (&**name, &**value));
    Labels::of_sorted(pairs, room).unwrap_or_else(|error| {
        problems.push(match error {
            LabelsError::Duplicate(_) | LabelsError::TooLong { .. } => Problem::at(field, error),
        });
        Labels::empty()
    })
}

/// Words that a part of a field is over a limit, which is named as in the settings.
pub(super) fn too_long(place: impl Display, part: &str, text: &str, limit: usize) -> Problem {
    let len = text.len();
    let remedy = format_args!("shorten it or raise limits.{part}_bytes");
    Problem::at(
        place,
        format_args!("{part} is {len} bytes long, must be at most {limit}; {remedy}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant_and_nonsense_finds_none() {
        let known = ["labels", "annotations", "starts_at", "generator_url", "lease"];
        for (given, near) in [
            ("label", Some("labels")),
            ("Labels", Some("labels")),
            ("startsAt", Some("starts_at")),
            ("generatorURL", Some("generator_url")),
            ("anotations", Some("annotations")),
            ("release", None),
            ("fingerprint", None),
            ("", None),
            ("ééééééééééééééééééééééééé", None),
        ] {
            assert_eq!(nearest(given, &known), near, "{given}");
        }
    }

    #[test]
    fn long_texts_are_quoted_by_their_beginning() {
        assert_eq!(Short("a\"b").to_string(), r#""a\"b""#);
        assert_eq!(Short(&"é".repeat(65)).to_string(), format!("\"{}\"…", "é".repeat(64)));
        assert_eq!(shortened(&"x".repeat(301)), "x".repeat(300) + "…");
        assert_eq!(shortened(&"é".repeat(300)), "é".repeat(300));
    }
}
