//! What Prometheus posts to Alertmanager's `/api/v2/alerts`, answered as Alertmanager does
//! (`api/v2/api.go`, `api/v2/models`, `alert/alert.go`).
//!
//! Two layers refuse: the web framework, which for one mistake refuses the whole body in English of
//! its own, and the handler, which keeps the other alerts. Its words are kept here to the letter,
//! because clients match them; only what our limits refuse is worded by us.

use super::batch::{Batch, Dialect, JsonError, Refusal};
use super::check::{Content, Problem, Short};
use super::item::{Field, Item, Unknown};
use super::time::UNSET;
use super::uri::is_request_uri;
use super::{Reject, Terms};
use crate::model::alert::{Occurrence, Signal};
use crate::model::time::Timestamp;

pub(super) const DIALECT: Dialect = Dialect {
    body,
    depth: 2,
    field,
    unknown: Unknown::Skipped,
    occurrence,
    unreadable,
    list: None,
};

/// `InvalidTypeCode` and `RequiredFailCode` of go-openapi/errors.
const INVALID_TYPE: u16 = 601;
const REQUIRED: u16 = 602;

fn body<'de>(text: &'de str, batch: &mut Batch<'de, '_>) -> Result<(), JsonError> {
    batch.list(text)
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "labels" => Field::Labels,
        "annotations" => Field::Annotations,
        "startsAt" => Field::StartsAt,
        "endsAt" => Field::EndsAt,
        "generatorURL" => Field::GeneratorUrl,
        _ => return None,
    })
}

fn unreadable(index: u32, Problem(what): Problem) -> Refusal {
    Refusal::Body(Reject::Json { reason: format!("[{index}]{what}") })
}

fn occurrence(index: u32, item: &mut Item<'_>, terms: &Terms<'_>) -> Result<Occurrence, Refusal> {
    let ends_at = date_time(index, "endsAt", item.ends_at.as_deref())?;
    let starts_at = date_time(index, "startsAt", item.starts_at.as_deref())?;
    validate(index, item).map_err(Refusal::Body)?;

    let until = ends_at.unwrap_or_else(|| terms.received.plus(terms.lease));
    if starts_at.is_some_and(|starts_at| until < starts_at) {
        return Err(handler("start time must be before end time"));
    }
    // A label with an empty value does not exist, not even to be found fault with.
    if item.labels.list.iter().all(|(_, value)| value.is_empty()) {
        return Err(handler("at least one label pair required"));
    }
    if item.labels.list.iter().any(|(name, value)| name.is_empty() && !value.is_empty()) {
        return Err(handler("invalid label set: invalid name \"\""));
    }
    if item.annotations.list.iter().any(|(name, _)| name.is_empty()) {
        return Err(handler("invalid annotations: invalid name \"\""));
    }
    let mut problems = Vec::new();
    let content = Content::take(item, terms.limits, &mut problems);
    if let Some(Problem(what)) = problems.first() {
        return Err(handler(format!("invalid alert{what}")));
    }
    let signal = if until <= terms.received {
        Signal::Resolved { at: until }
    } else {
        Signal::Firing { until, explicit: ends_at.is_some() }
    };
    // As there: what is still to end and names no beginning begins with its end. An end that names none
    // means what fires now, whenever that began.
    let unnamed = match signal {
        Signal::Firing { .. } => ends_at.unwrap_or(terms.received),
        Signal::Resolved { .. } => terms.received,
    };
    Ok(content.with(signal, starts_at.unwrap_or(unnamed), None))
}

/// Reads a time; missing, null and Go's zero time are `None`, the empty text is 1970
/// (`strfmt.ParseDateTime`).
fn date_time(index: u32, field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let time = super::date_time(text).ok_or_else(|| {
        let what = format_args!("{} is no date-time, expected RFC 3339", Short(text));
        unreadable(index, Problem::at(field, what))
    })?;
    Ok(Some(time).filter(|time| *time != UNSET))
}

/// What the framework asks of an alert that it could read.
fn validate(index: u32, item: &Item<'_>) -> Result<(), Reject> {
    let url = item.generator_url.as_deref().unwrap_or_default();
    if !url.is_empty() && !is_request_uri(url) {
        let url = Short(url);
        let message = format!("{index}.generatorURL in body must be of type uri: {url}");
        return Err(Reject::Schema { code: INVALID_TYPE, message });
    }
    if !item.labels.given {
        let message = format!("{index}.labels in body is required");
        return Err(Reject::Schema { code: REQUIRED, message });
    }
    Ok(())
}

fn handler(words: impl Into<String>) -> Refusal {
    Refusal::Item(vec![Problem(words.into())])
}
