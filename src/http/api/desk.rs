//! The record of an incident: reads what people write on it, and shows what is there.

use std::collections::BTreeMap;

use core::time::Duration;

use crate::engine::order::{Command, Ending};
use crate::model::closure::{self, Disagreement};
use crate::model::incident::Incident;
use crate::model::progress::Progress;
use crate::model::report;
use crate::model::sheet::{self, Edit, Field, SPENT_MAX};
use crate::model::time::Timestamp;
use crate::rules::duration;

use super::super::error::Problem;
use super::super::wire::Time;
use super::super::wire::desk::{
    Classify, Confirm, Confirmation, Disagreement as Said, Reclassified, Report, Resolve, Set,
    Sheet, Spend, Spent,
};
use super::major;
use super::order::{NAME_BYTES_MAX, Parts};

/// Reads fields by their names.
pub(super) fn edits(fields: &BTreeMap<String, String>) -> Result<Vec<Edit>, Problem> {
    let mut read = Vec::with_capacity(fields.len());
    let mut wrong = Vec::new();
    for (name, value) in fields {
        match Edit::read(name, value) {
            Ok(edit) => read.push(edit),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() {
        return Ok(read);
    }
    Err(Problem::bad_request(format!("fields: {}", wrong.join("; "))))
}

pub(super) fn resolve(it: Resolve) -> Result<Parts, Problem> {
    let spent = it.spent.as_deref().map(span).transpose()?;
    let command = Command::Resolve(Ending { edits: edits(&it.fields)?, spent });
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn set(it: Set) -> Result<Parts, Problem> {
    let command = Command::Set(edits(&it.fields)?);
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn classify(it: Classify) -> Result<Parts, Problem> {
    let command = Command::Classify { category: name("category", &it.category)? };
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn spend(it: Spend) -> Result<Parts, Problem> {
    let who = it.who.as_deref().map(|who| name("who", who)).transpose()?;
    let command = Command::Spend { who, time: span(&it.spent)? };
    Ok((it.by, it.note, it.expected_version, command))
}

pub(super) fn confirm(it: Confirm) -> Result<Parts, Problem> {
    let edit = |given: u8| {
        let value = Field::Satisfaction.read(&given.to_string());
        let value = value.map_err(|error| Problem::bad_request(error.to_string()))?;
        Ok(Edit { field: Field::Satisfaction, value })
    };
    let edits: Result<Vec<Edit>, Problem> = it.satisfaction.into_iter().map(edit).collect();
    Ok((it.by, it.note, it.expected_version, Command::Confirm(edits?)))
}

/// Reads a name: one line, not too long.
pub(super) fn name(what: &str, text: &str) -> Result<Box<str>, Problem> {
    let text = text.trim();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(char::is_control) {
        let message = format!("{what} must be one line of 1 to {NAME_BYTES_MAX} bytes");
        return Err(Problem::bad_request(message));
    }
    Ok(text.into())
}

fn span(text: &str) -> Result<Duration, Problem> {
    let span = duration(text).filter(|span| !span.is_zero() && *span <= SPENT_MAX);
    span.ok_or_else(|| {
        let days = SPENT_MAX.as_secs() / 86_400;
        let message = format!("spent is `{text}`, must be a time such as 45m, at most {days}d");
        Problem::bad_request(message)
    })
}

/// Shows what is on the record of an incident.
pub(super) fn sheet(incident: &Incident, now: Timestamp) -> Sheet {
    let of = &incident.sheet;
    let cancelled_by = if let Progress::Cancelled { by, .. } = &incident.progress {
        Some(by.to_string())
    } else {
        None
    };
    Sheet {
        nature: of.nature().to_string(),
        fields: of.fields().map(|(field, value)| (field.to_string(), value.into())).collect(),
        reclassified: of.reclassified.iter().map(reclassified).collect(),
        spent: of.spent.iter().map(spent).collect(),
        spent_ms: u64::try_from(of.spent_in_all().as_millis()).unwrap_or(u64::MAX),
        cis: incident.affected.cis.iter().map(str::to_owned).collect(),
        services: incident.affected.services.iter().map(str::to_owned).collect(),
        users: incident.affected.users,
        reports: incident.reports.iter().map(report).collect(),
        verify_at: incident.closure.verify_at.map(Time),
        confirmation: incident.closure.confirmation.as_ref().map(confirmation),
        cancelled_by,
        major: incident.major.as_ref().map(major::major),
        actions: major::actions(incident, now),
    }
}

fn texts(names: &[Box<str>]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn reclassified(it: &sheet::Reclassified) -> Reclassified {
    Reclassified {
        at: Time(it.at),
        by: it.by.to_string(),
        from: it.from.as_deref().map(Into::into),
        to: it.to.to_string(),
        because: it.because.to_string(),
    }
}

fn spent(it: &sheet::Spent) -> Spent {
    Spent { by: it.by.to_string(), line: Some(it.line).filter(|line| *line > 0), ms: it.ms }
}

fn report(it: &report::Report) -> Report {
    Report {
        at: Time(it.at),
        alert: it.alert.to_string(),
        title: it.title.to_string(),
        reporter: it.reporter.name.to_string(),
        place: it.reporter.place.as_deref().map(Into::into),
        contact: it.reporter.contact.as_deref().map(Into::into),
        by: it.by.to_string(),
        channel: it.channel.to_string(),
    }
}

fn confirmation(it: &closure::Confirmation) -> Confirmation {
    let said = |it: &Disagreement| Said {
        at: Time(it.at),
        by: it.by.to_string(),
        because: it.because.to_string(),
    };
    Confirmation {
        asked_at: Time(it.asked_at),
        due_at: it.due_at.map(Time),
        asked: texts(&it.asked),
        confirmed: texts(&it.confirmed),
        disagreement: it.disagreement.as_ref().map(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let fields = [("nature", "bug"), ("colour", "red"), ("solution", "x")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let message = edits(&fields).unwrap_err().message;
        assert!(message.contains("no field `colour`"), "{message}");
        assert!(message.contains("nature is `bug`"), "{message}");
    }

    #[test]
    fn time_and_satisfaction_are_bounded() {
        assert_eq!(span("45m"), Ok(Duration::from_mins(45)));
        for bad in ["0s", "31d", "an hour", ""] {
            assert!(span(bad).is_err(), "{bad}");
        }
        let content = |satisfaction| {
            let (by, note) = (String::new(), String::new());
            confirm(Confirm { by, satisfaction, note, expected_version: None }).map(|parts| parts.3)
        };
        assert_eq!(content(None), Ok(Command::Confirm(Vec::new())));
        assert!(content(Some(5)).is_ok());
        for bad in [0, 6] {
            assert!(content(Some(bad)).is_err(), "{bad}");
        }
    }
}
