//! Our own JSON: one alert, or a list of them.
//!
//! ```json
//! {"labels": {"alertname": "DiskFull", "host": "db-7"}, "severity": "critical", "lease": "10m"}
//! ```
//! Only `labels` is needed. An alert fires until it is resolved or its lease runs out; `ends_at`
//! names the end instead, and one that is past resolves. Whoever writes this format writes it for
//! us, so a field that is not ours is a mistake and is refused.

use core::time::Duration;

use super::alertmanager::status_expected;
use super::batch::{Batch, Dialect, JsonError, Refusal};
use super::check::{Content, Problem, Short, too_long};
use super::item::{Field, Item, Unknown};
use super::{Reject, Terms, time};
use crate::model::alert::{Occurrence, Signal};
use crate::model::time::Timestamp;

pub(super) const DIALECT: Dialect = Dialect {
    body,
    depth: 2,
    field,
    unknown: Unknown::Refused(&[
        "labels",
        "annotations",
        "status",
        "starts_at",
        "ends_at",
        "severity",
        "generator_url",
        "lease",
    ]),
    occurrence,
    unreadable: |_, problem| Refusal::Item(vec![problem]),
    list: Some(""),
};

/// The bounds of a lease: below a second it would end before it is stored, and one of months holds
/// an incident open that everybody has forgotten.
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_hours(30 * 24);

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "labels" => Field::Labels,
        "annotations" => Field::Annotations,
        "status" => Field::Status,
        "starts_at" => Field::StartsAt,
        "ends_at" => Field::EndsAt,
        "severity" => Field::Severity,
        "generator_url" => Field::GeneratorUrl,
        "lease" => Field::Lease,
        _ => return None,
    })
}

fn body<'de>(text: &'de str, batch: &mut Batch<'de, '_>) -> Result<(), JsonError> {
    if text.trim_ascii_start().starts_with('{') {
        return batch.single(text);
    }
    batch.list(text)?;
    if !batch.given {
        let message = "body is null, expected an alert or a list of them".to_owned();
        batch.fail(Reject::Schema { code: 422, message });
    }
    Ok(())
}

fn occurrence(_index: u32, item: &mut Item<'_>, terms: &Terms<'_>) -> Result<Occurrence, Refusal> {
    let mut problems = Vec::new();
    let content = Content::take(item, terms.limits, &mut problems);
    let starts_at = time::optional("starts_at", item.starts_at.as_deref(), &mut problems);
    let ends_at = time::optional("ends_at", item.ends_at.as_deref(), &mut problems);
    if let (Some(start), Some(end)) = (starts_at, ends_at)
        && end < start
    {
        let what = format_args!("{end} is before starts_at {start}; swap or correct them");
        problems.push(Problem::at("ends_at", what));
    }
    let severity = item.severity.take().filter(|severity| !severity.is_empty());
    let limit = terms.limits.value_bytes;
    if let Some(severity) = severity.as_deref().filter(|severity| severity.len() > limit) {
        problems.push(too_long("severity", "value", severity, limit));
    }
    let signal = signal(item, ends_at, terms, &mut problems);
    if problems.is_empty() {
        let starts_at = starts_at.unwrap_or(terms.received);
        Ok(content.with(signal, starts_at, severity.map(Box::from)))
    } else {
        Err(Refusal::Item(problems))
    }
}

fn signal(
    item: &Item<'_>,
    ends_at: Option<Timestamp>,
    terms: &Terms<'_>,
    problems: &mut Vec<Problem>,
) -> Signal {
    let received = terms.received;
    let lease = item.lease.as_deref().map(|text| lease(text, problems));
    let past = ends_at.filter(|end| *end <= received);
    match (item.status.as_deref(), past) {
        (Some("firing"), Some(end)) => {
            let what = format_args!("{end} is past, but status is firing; leave one of them out");
            problems.push(Problem::at("ends_at", what));
        }
        (Some("resolved"), _) | (None, Some(_)) => {
            if lease.is_some() {
                let what = "means nothing for an alert that is over, leave it out";
                problems.push(Problem::at("lease", what));
            }
            return Signal::Resolved { at: ends_at.unwrap_or(received) };
        }
        (Some("firing") | None, None) => {}
        (Some(other), _) => problems.push(Problem::at("status", status_expected(Some(other)))),
    }
    match (ends_at, lease) {
        (Some(_), Some(_)) => {
            problems.push(Problem::at("lease", "is given beside ends_at; leave one of them out"));
            Signal::Firing { until: received, explicit: true }
        }
        (Some(until), None) => Signal::Firing { until, explicit: true },
        (None, lease) => {
            Signal::Firing { until: received.plus(lease.unwrap_or(terms.lease)), explicit: false }
        }
    }
}

fn lease(text: &str, problems: &mut Vec<Problem>) -> Duration {
    time::span(text).filter(|span| (LEASE_MIN..=LEASE_MAX).contains(span)).unwrap_or_else(|| {
        let what = format_args!("{} is no lease, expected 1s to 30d as in 10m", Short(text));
        problems.push(Problem::at("lease", what));
        LEASE_MIN
    })
}
