//! Any JSON, read as a mapping says that people wrote in the rule files.
//!
//! The mapping names paths; see `path` for how these are written. What a path finds is a text, a
//! number or a boolean; several values are joined with commas; nothing, `null` and the empty text are
//! the same. One bad alert does not cost the others. Unlike the formats beside it the whole body is
//! held as a tree while it is read.

pub mod path;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::batch::is_deeper;
use super::check::{Content, Problem, Short, shortened, too_long};
use super::item::Item;
use super::{Decoded, ItemReject, Reject, Terms, text_of, time};
use crate::model::alert::{Occurrence, Signal};
use crate::model::time::Timestamp;
use path::Path;

/// Values that one path may find.
const FOUND_MAX: usize = 64;

/// Numbers below are seconds since 1970, others milliseconds: in seconds it is the year 5138.
const SECONDS_BELOW: f64 = 1e11;

/// How foreign JSON becomes alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where the alerts are: a list of objects, or one object, which is then one alert.
    pub alerts: Path,
    /// Labels by name; at least one.
    pub labels: Vec<(Box<str>, Pick)>,
    /// Names of labels without which an alert is refused.
    pub required: Vec<Box<str>>,
    /// Annotations by name.
    pub annotations: Vec<(Box<str>, Pick)>,
    /// Whether it fires; without it, it does until its end.
    pub status: Option<Status>,
    /// Its severity.
    pub severity: Option<Severity>,
    /// When it began.
    pub starts_at: Option<Pick>,
    /// When it ended, or will.
    pub ends_at: Option<Pick>,
    /// Where it was made.
    pub generator_url: Option<Pick>,
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// It is always the same.
    Always(Box<str>),
    /// From the document.
    At {
        /// Where it stands.
        path: Path,
        /// What it is where nothing is found.
        default: Option<Box<str>>,
    },
}

/// Which words say that an alert fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where the word stands.
    pub pick: Pick,
    /// Words for firing; at least one.
    pub firing: Vec<Box<str>>,
    /// Words for over.
    pub resolved: Vec<Box<str>>,
}

/// What severities are called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severity {
    /// Where it stands.
    pub pick: Pick,
    /// Our words for theirs; theirs are taken as they are when there are none.
    pub map: BTreeMap<Box<str>, Box<str>>,
    /// Our word for those that are not in `map`; without it these are refused.
    pub other: Option<Box<str>>,
}

impl Mapping {
    /// Reads a body.
    ///
    /// # Errors
    /// When nothing of it can be read, or there are no alerts where they should be.
    pub fn decode(&self, body: &[u8], terms: &Terms<'_>) -> Result<Decoded, Reject> {
        let text = text_of(body, terms.limits)?;
        let limit = terms.limits.depth;
        if is_deeper(text, limit) {
            return Err(Reject::TooDeep { limit });
        }
        let document: Value = serde_json::from_str(text)
            .map_err(|error| Reject::Json { reason: shortened(&error.to_string()) })?;
        let alerts = self.alerts(&document, terms.limits.alerts)?;
        let single = matches!(alerts[..], [alert] if core::ptr::eq(alert, &raw const document));
        let mut decoded = Decoded::default();
        for (index, alert) in (0_u32..).zip(alerts) {
            match self.alert(&document, alert, terms) {
                Ok(occurrence) => {
                    decoded.occurrences.push(occurrence);
                    decoded.indexes.push(index);
                }
                Err(problems) => {
                    let place = if single { String::new() } else { format!("[{index}]") };
                    let lines = problems.into_iter().map(|Problem(what)| format!("{place}{what}"));
                    let reason = lines.collect::<Vec<_>>().join("; ");
                    let reason = reason.trim_start_matches(['.', ':', ' ']).to_owned();
                    decoded.rejects.push(ItemReject { index, reason });
                }
            }
        }
        Ok(decoded)
    }

    /// Finds the alerts; a list stands for what is in it.
    fn alerts<'v>(&self, document: &'v Value, limit: usize) -> Result<Vec<&'v Value>, Reject> {
        let found = self.alerts.find(document, document, limit + 1);
        let path = self.alerts.text();
        if found.iter().all(|value| value.is_null()) {
            let message = format!("`{path}` finds nothing, expected a list of alerts");
            return Err(Reject::Schema { code: 422, message });
        }
        let mut alerts = Vec::new();
        for value in found {
            match value.as_array() {
                Some(list) => alerts.extend(list),
                None => alerts.push(value),
            }
            if alerts.len() > limit {
                return Err(Reject::TooMany { limit });
            }
        }
        Ok(alerts)
    }

    fn alert(
        &self,
        document: &Value,
        alert: &Value,
        terms: &Terms<'_>,
    ) -> Result<Occurrence, Vec<Problem>> {
        if !alert.is_object() {
            let what = format!(": is {}, expected an object", kind_of(alert));
            return Err(vec![Problem(what)]);
        }
        let mut found = Found { document, alert, problems: Vec::new() };
        let mut item = Item::default();
        item.labels.given = true;
        for (name, pick) in &self.labels {
            let text = found.text(&format!("labels.{}", Short(name)), pick);
            let needed = self.required.contains(name);
            if let Some(text) = text {
                item.labels.list.push((Cow::Borrowed(name), Cow::Owned(text)));
            } else if needed {
                found.missing(&format!("labels.{}", Short(name)), pick);
            }
        }
        for (name, pick) in &self.annotations {
            let text = found.text(&format!("annotations.{}", Short(name)), pick);
            let pair = text.map(|text| (Cow::Borrowed(&**name), Cow::Owned(text)));
            item.annotations.list.extend(pair);
        }
        let url = self.generator_url.as_ref().and_then(|pick| found.text("generator_url", pick));
        item.generator_url = url.map(Cow::Owned);
        let severity = self.severity.as_ref().and_then(|it| found.severity(it));
        let limit = terms.limits.value_bytes;
        if let Some(severity) = severity.as_deref().filter(|severity| severity.len() > limit) {
            found.problems.push(too_long("severity", "value", severity, limit));
        }
        let starts_at = self.starts_at.as_ref().and_then(|pick| found.time("starts_at", pick));
        let ends_at = self.ends_at.as_ref().and_then(|pick| found.time("ends_at", pick));
        let signal = found.signal(self.status.as_ref(), ends_at, terms);
        let mut problems = found.problems;
        // Not: looked at further. What could not be found would be told again, as a missing label.
        if !problems.is_empty() {
            return Err(problems);
        }
        let content = Content::take(&mut item, terms.limits, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let starts_at = starts_at.unwrap_or(terms.received);
        Ok(content.with(signal, starts_at, severity.map(Box::from)))
    }
}

/// One alert while it is read.
struct Found<'v> {
    document: &'v Value,
    alert: &'v Value,
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// Returns the text that a pick means; what cannot be a text is a problem.
    fn text(&mut self, field: &str, pick: &Pick) -> Option<String> {
        let (path, default) = match pick {
            Pick::Always(text) => return Some(text.to_string()),
            Pick::At { path, default } => (path, default),
        };
        let values = path.find(self.document, self.alert, FOUND_MAX + 1);
        if values.len() > FOUND_MAX {
            let what = format!("`{}` finds more than {FOUND_MAX} values", path.text());
            self.problems.push(Problem::at(field, what));
            return None;
        }
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::Null => {}
                Value::String(text) => texts.push(text.clone()),
                Value::Bool(_) | Value::Number(_) => texts.push(value.to_string()),
                Value::Array(_) | Value::Object(_) => {
                    let what = format!(
                        "`{}` is {}, expected a text, a number or a boolean",
                        path.text(),
                        kind_of(value)
                    );
                    self.problems.push(Problem::at(field, what));
                    return None;
                }
            }
        }
        let text = Some(texts.join(",")).filter(|text| !text.is_empty());
        text.or_else(|| default.as_deref().map(Into::into))
    }

    fn missing(&mut self, field: &str, pick: &Pick) {
        if let Pick::At { path, .. } = pick
            && self.problems.is_empty()
        {
            let what = format!("`{}` finds nothing, and the label is required", path.text());
            self.problems.push(Problem::at(field, what));
        }
    }

    fn severity(&mut self, it: &Severity) -> Option<String> {
        let theirs = self.text("severity", &it.pick)?;
        if it.map.is_empty() {
            return Some(theirs);
        }
        let ours = it.map.get(&*theirs).or(it.other.as_ref()).map(ToString::to_string);
        if ours.is_none() {
            let known: Vec<&str> = it.map.keys().map(|word| &**word).collect();
            self.wrong_word("severity", &it.pick, &theirs, &known);
        }
        ours
    }

    fn wrong_word(&mut self, field: &str, pick: &Pick, given: &str, known: &[&str]) {
        let known = shortened(&known.join(", "));
        let what = format!("{}{}, the mapping has {known}", place(pick), Short(given));
        self.problems.push(Problem::at(field, what));
    }

    /// Reads RFC 3339, or a number of seconds or milliseconds since 1970; zero is no time.
    fn time(&mut self, field: &str, pick: &Pick) -> Option<Timestamp> {
        let text = self.text(field, pick)?;
        let time = match text.parse::<f64>() {
            Ok(number) => epoch(number),
            Err(_) => time::parse(&text, time::Form::Rfc3339),
        };
        if time.is_none() {
            let what = format!(
                "{}{}, expected a time such as 2026-11-21T10:00:00Z, or seconds or ms since 1970",
                place(pick),
                Short(&text)
            );
            self.problems.push(Problem::at(field, what));
        }
        time.filter(|time| *time != time::UNSET && *time != Timestamp::EPOCH)
    }

    /// Says whether the alert fires. Where a status is mapped it decides: foreign senders repeat old
    /// ends.
    fn signal(
        &mut self,
        status: Option<&Status>,
        ends_at: Option<Timestamp>,
        terms: &Terms<'_>,
    ) -> Signal {
        let received = terms.received;
        let past = ends_at.filter(|end| *end <= received);
        let fires = match status {
            None => past.is_none(),
            Some(status) => self.fires(status),
        };
        match ends_at.filter(|end| *end > received) {
            _ if !fires => Signal::Resolved { at: ends_at.unwrap_or(received) },
            Some(until) => Signal::Firing { until, explicit: true },
            None => Signal::Firing { until: received.plus(terms.lease), explicit: false },
        }
    }

    fn fires(&mut self, status: &Status) -> bool {
        let before = self.problems.len();
        let Some(word) = self.text("status", &status.pick) else {
            if let (Pick::At { path, .. }, true) = (&status.pick, self.problems.len() == before) {
                let what = format!("`{}` finds nothing, expected a status", path.text());
                self.problems.push(Problem::at("status", what));
            }
            return true;
        };
        let is = |words: &[Box<str>]| words.iter().any(|known| **known == *word);
        if !is(&status.firing) && !is(&status.resolved) {
            let words = status.firing.iter().chain(&status.resolved);
            let known: Vec<&str> = words.map(|word| &**word).collect();
            self.wrong_word("status", &status.pick, &word, &known);
        }
        !is(&status.resolved)
    }
}

/// Reads a number of seconds or milliseconds since 1970, until the year 9999.
fn epoch(number: f64) -> Option<Timestamp> {
    let ms = if number < SECONDS_BELOW { number * 1e3 } else { number };
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds just looked at")]
    (0.0..253_402_300_800_000.0).contains(&ms).then(|| Timestamp::from_millis(ms as i64))
}

/// Says where a text comes from, to be put before it.
fn place(pick: &Pick) -> String {
    match pick {
        Pick::Always(_) => String::new(),
        Pick::At { path, .. } => format!("`{}` is ", path.text()),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
