//! Alerts that were recorded once, to be played again: a JSON object a line.
//!
//! ```json
//! {"at": "2026-11-21T03:12:07.120Z", "source": "am", "status": "firing", "labels": {"alertname": "X"}, "starts_at": "2026-11-21T03:12:00Z"}
//! ```
//! That is a line of the journal, as [`write()`] writes it. One alert as Alertmanager writes it
//! (`startsAt`, `endsAt`) and a whole webhook message of Alertmanager are lines, too. A line without
//! `at` happened when its newest alert began or ended. An alert fires until a line says that it is
//! over: there are no heartbeats among what was recorded.

use core::time::Duration;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::alertmanager::status_expected;
use super::batch::{self, Dialect, Refusal};
use super::check::{Content, Problem, Short};
use super::item::{Field, Item, Unknown};
use super::write::pairs;
use super::{Decoded, Format, Limits, Terms, decode, time};
use crate::model::alert::{Occurrence, Signal};
use crate::model::journal::JournalEntry;
use crate::model::time::Timestamp;

/// Stands for a time that a line does not name, and for the end of a lease: never.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// What a line may hold: more than any door takes, because it came through one.
const LIMITS: Limits = Limits {
    body_bytes: 64 << 20,
    alerts: 100_000,
    labels: 1_000,
    name_bytes: 16 << 10,
    value_bytes: 48 << 10,
    alert_bytes: 1 << 20,
    depth: 64,
};

const TERMS: Terms<'static> = Terms { received: NEVER, lease: Duration::ZERO, limits: &LIMITS };

const DIALECT: Dialect = Dialect {
    body: |text, batch| batch.single(text),
    depth: 1,
    field,
    unknown: Unknown::Skipped,
    occurrence,
    unreadable: |_, problem| Refusal::Item(vec![problem]),
    list: None,
};

/// What was recorded in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it was heard.
    pub at: Timestamp,
    /// Who said so, where the line tells.
    pub source: Option<Box<str>>,
    /// Its alerts in their order; at least one.
    pub occurrences: Vec<Occurrence>,
}

/// The fields that say what a line is; they are no alert's.
#[derive(Deserialize)]
struct Head<'a> {
    alerts: Option<IgnoredAny>,
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
}

/// Reads a line, without the space around it.
///
/// # Errors
/// With all that is wrong with it: field, value, remedy.
pub fn read(line: &str) -> Result<Recorded, String> {
    if !line.starts_with('{') {
        return Err("is no JSON object; write each alert on a line of its own: jq -c '.[]'".into());
    }
    let head: Head<'_> = serde_json::from_str(line).map_err(|error| unplaced(&error))?;
    let decoded = if head.alerts.is_some() {
        decode(Format::Alertmanager, line.as_bytes(), &TERMS)
    } else {
        batch::read(line, &DIALECT, &TERMS)
    };
    let Decoded { mut occurrences, rejects, .. } = decoded.map_err(|reject| reject.to_string())?;
    let mut problems: Vec<String> = rejects.into_iter().map(|reject| reject.reason).collect();
    let at = match head.at.as_deref() {
        Some(text) => given(text, &mut problems),
        None => occurrences.iter().map(heard_at).max(),
    };
    if at.is_none() && problems.is_empty() {
        problems.push("alerts: is empty, expected one at least".into());
    }
    if at == Some(NEVER) {
        problems.push(UNTIMED.into());
    }
    match at {
        Some(at) if problems.is_empty() => {
            for it in &mut occurrences {
                date(it, at);
            }
            Ok(Recorded { at, source: head.source.map(Box::from), occurrences })
        }
        _ => Err(problems.join("; ")),
    }
}

/// Says what a line without a time misses.
const UNTIMED: &str = "an alert that fires needs startsAt, one that is resolved endsAt; or say with \
    `at` when it was heard";

fn given(at: &str, problems: &mut Vec<String>) -> Option<Timestamp> {
    let parsed = time::parse(at, time::Form::Rfc3339);
    if parsed.is_none() {
        let given = Short(at);
        problems.push(format!("at: {given} is no time, expected one like 2026-11-21T10:00:00Z"));
    }
    parsed
}

/// Puts the time of its line where an alert names none.
fn date(it: &mut Occurrence, at: Timestamp) {
    if it.starts_at == NEVER {
        it.starts_at = at;
    }
    if it.signal == (Signal::Resolved { at: NEVER }) {
        it.signal = Signal::Resolved { at };
    }
}

/// Writes an entry of the journal as [`read`] reads it, without the line's end.
pub fn write(entry: &JournalEntry) -> String {
    let JournalEntry { seq: _, at, source, labels, severity, starts_at, ended_at } = entry;
    let mut line = json!({
        "at": at.to_string(),
        "source": &**source,
        "status": if ended_at.is_some() { "resolved" } else { "firing" },
        "labels": pairs(labels),
        "starts_at": starts_at.to_string(),
    });
    if let Some(fields) = line.as_object_mut() {
        if let Some(severity) = severity {
            fields.insert("severity".into(), json!(severity));
        }
        if let Some(ended_at) = ended_at {
            fields.insert("ends_at".into(), json!(ended_at.to_string()));
        }
    }
    line.to_string()
}

/// What went wrong, without the line: there is but one, and whoever reads the file knows which.
fn unplaced(error: &serde_json::Error) -> String {
    let column = error.column();
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    format!("is no JSON object: {text} at column {column}")
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "status" => Field::Status,
        "labels" => Field::Labels,
        "severity" => Field::Severity,
        "starts_at" | "startsAt" => Field::StartsAt,
        "ends_at" | "endsAt" => Field::EndsAt,
        "annotations" => Field::Annotations,
        "generator_url" | "generatorURL" => Field::GeneratorUrl,
        _ => return None,
    })
}

fn occurrence(_index: u32, item: &mut Item<'_>, terms: &Terms<'_>) -> Result<Occurrence, Refusal> {
    let mut problems = Vec::new();
    let content = Content::take(item, terms.limits, &mut problems);
    let starts_at = time::optional("starts_at", item.starts_at.as_deref(), &mut problems);
    let ends_at = time::optional("ends_at", item.ends_at.as_deref(), &mut problems);
    let over = match item.status.as_deref() {
        Some("firing") => false,
        Some("resolved") => true,
        None => ends_at.is_some(),
        other => {
            problems.push(Problem::at("status", status_expected(other)));
            false
        }
    };
    let signal = if over {
        Signal::Resolved { at: ends_at.unwrap_or(NEVER) }
    } else {
        Signal::Firing { until: NEVER, explicit: false }
    };
    let severity = item.severity.take().filter(|severity| !severity.is_empty());
    if problems.is_empty() {
        Ok(content.with(signal, starts_at.unwrap_or(NEVER), severity.map(Box::from)))
    } else {
        Err(Refusal::Item(problems))
    }
}

/// When an alert was heard of, as far as it says itself.
fn heard_at(it: &Occurrence) -> Timestamp {
    match it.signal {
        Signal::Firing { .. } => it.starts_at,
        Signal::Resolved { at } => at,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::labels::Labels;

    fn millis(text: &str) -> i64 {
        time::parse(text, time::Form::Rfc3339).unwrap().millis()
    }

    #[test]
    fn an_entry_of_the_journal_comes_back_as_it_was() {
        for (severity, ended_at) in [(None, None), (Some("major"), Some(Timestamp::from_millis(9)))]
        {
            let entry = JournalEntry {
                seq: 7,
                at: Timestamp::from_millis(1_700_000_000_001),
                source: Arc::from("am"),
                labels: Labels::build(&mut [("alertname", "X"), ("path", "/a\n\"b\"")]).unwrap(),
                severity: severity.map(Box::from),
                starts_at: Timestamp::from_millis(2),
                ended_at,
            };
            let line = read(&write(&entry)).unwrap();
            assert_eq!((line.at, line.source.as_deref()), (entry.at, Some("am")));
            let [it] = &*line.occurrences else { panic!("{line:?}") };
            assert_eq!((&it.labels, it.starts_at), (&entry.labels, entry.starts_at));
            assert_eq!(it.severity, entry.severity);
            let signal = ended_at.map_or(Signal::Firing { until: NEVER, explicit: false }, |at| {
                Signal::Resolved { at }
            });
            assert_eq!(it.signal, signal);
        }
    }

    #[test]
    fn a_line_without_a_time_happened_when_its_newest_alert_did() {
        let fires = r#"{"labels":{"a":"1"},"status":"firing","startsAt":"2022-08-22T03:54:19Z","endsAt":"0001-01-01T00:00:00Z"}"#;
        let over = r#"{"labels":{"a":"2"},"status":"resolved","startsAt":"2022-08-22T03:54:19Z","endsAt":"2022-08-22T03:59:19Z"}"#;
        let bare = r#"{"labels":{"a":"3"},"starts_at":"2022-08-22T03:50:00Z","ends_at":"2022-08-22T03:58:00Z"}"#;
        let message = format!(r#"{{"version":"4","receiver":"x","alerts":[{fires},{over}]}}"#);
        let heard = fires.replacen('{', r#"{"at":"2022-08-22T04:00:00Z","#, 1);
        for (line, at, alerts) in [
            (fires, "2022-08-22T03:54:19Z", 1),
            (over, "2022-08-22T03:59:19Z", 1),
            (bare, "2022-08-22T03:58:00Z", 1),
            (&message, "2022-08-22T03:59:19Z", 2),
            (&heard, "2022-08-22T04:00:00Z", 1),
        ] {
            let read = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!((read.at.millis(), read.occurrences.len()), (millis(at), alerts), "{line}");
        }
        let at = r#"{"at":"2022-08-22T04:00:00Z","labels":{"a":"1"},"status":"resolved"}"#;
        let it = read(at).unwrap().occurrences.remove(0);
        let expected = Timestamp::from_millis(millis("2022-08-22T04:00:00Z"));
        assert_eq!((it.signal, it.starts_at), (Signal::Resolved { at: expected }, expected));
    }

    #[test]
    fn a_bad_line_names_field_value_and_remedy() {
        for (line, says) in [
            ("{", "is no JSON object: EOF while parsing an object at column 1"),
            ("[]", "is no JSON object; write each alert on a line of its own"),
            (r#"{"at":"noon","labels":{"a":"1"}}"#, r#"at: "noon" is no time, expected one like"#),
            (r#"{"labels":{"a":"1"}}"#, "an alert that fires needs startsAt, one that is resolved"),
            (r#"{"labels":{"a":"1"},"status":"gone"}"#, r#"status: "gone" is no status, expected"#),
            (r#"{"labels":{"a":1},"startsAt":"2022-08-22T03:54:19Z"}"#, "labels.\"a\": "),
            (r#"{"startsAt":"2022-08-22T03:54:19Z"}"#, "labels: "),
            (r#"{"alerts":[]}"#, "alerts: is empty, expected one at least"),
            (r#"{"alerts":[{"status":"firing"}]}"#, "alerts[0].labels: "),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}\n  {error}\n  {says}");
        }
    }
}
