//! Alertmanager's webhook message, version "4" (`notify/webhook/webhook.go`,
//! `template/template.go`).
//!
//! Only its alerts count. The message's own `status`, `groupKey` and common labels say nothing of
//! an alert (after truncation the status may even be wrong), the fingerprint is computed here, and
//! fields of newer senders are passed over. The message repeats every alert of its group, so what
//! it says of one is a heartbeat more often than news.

use core::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::batch::{Batch, Dialect, Json, JsonError, Refusal};
use super::check::{Content, Problem, Short, shortened};
use super::item::{Field, Item, Skip, Text, Unknown};
use super::{Reject, Terms, time};
use crate::model::alert::{Occurrence, Signal};

pub(super) const DIALECT: Dialect = Dialect {
    body,
    depth: 3,
    field,
    unknown: Unknown::Skipped,
    occurrence,
    unreadable: |_, problem| Refusal::Item(vec![problem]),
    list: Some("alerts"),
};

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "status" => Field::Status,
        "labels" => Field::Labels,
        "annotations" => Field::Annotations,
        "startsAt" => Field::StartsAt,
        "endsAt" => Field::EndsAt,
        "generatorURL" => Field::GeneratorUrl,
        _ => return None,
    })
}

fn occurrence(_index: u32, item: &mut Item<'_>, terms: &Terms<'_>) -> Result<Occurrence, Refusal> {
    let mut problems = Vec::new();
    let content = Content::take(item, terms.limits, &mut problems);
    let starts_at = time::optional("startsAt", item.starts_at.as_deref(), &mut problems);
    let ends_at = time::optional("endsAt", item.ends_at.as_deref(), &mut problems);
    let signal = match item.status.as_deref() {
        // A firing alert has no end here: Alertmanager writes 0001-01-01.
        Some("firing") => {
            Signal::Firing { until: terms.received.plus(terms.lease), explicit: false }
        }
        Some("resolved") => Signal::Resolved { at: ends_at.unwrap_or(terms.received) },
        other => {
            problems.push(Problem::at("status", status_expected(other)));
            Signal::Resolved { at: terms.received }
        }
    };
    if problems.is_empty() {
        Ok(content.with(signal, starts_at.unwrap_or(terms.received), None))
    } else {
        Err(Refusal::Item(problems))
    }
}

/// Words that a status is none.
pub(super) fn status_expected(given: Option<&str>) -> String {
    match given {
        Some(given) => format!("{} is no status, expected firing or resolved", Short(given)),
        None => "is missing, expected firing or resolved".to_owned(),
    }
}

fn body<'de>(text: &'de str, batch: &mut Batch<'de, '_>) -> Result<(), JsonError> {
    let mut json = Json::from_str(text);
    json.deserialize_map(Message(batch))?;
    json.end()
}

struct Message<'b, 'de, 't>(&'b mut Batch<'de, 't>);

impl<'de> Visitor<'de> for Message<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of alerts in `alerts`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let batch = self.0;
        while let Some(Text(name)) = map.next_key()? {
            match name.as_deref().unwrap_or_default() {
                "alerts" if batch.given => {
                    return Err(A::Error::custom("alerts: is given twice, send it once"));
                }
                "alerts" => map.next_value_seed(&mut *batch)?,
                "version" => {
                    let given = map
                        .next_value()
                        .map_err(|e| A::Error::custom(format_args!("version: {e}")))?;
                    version(&given, batch);
                }
                "truncatedAlerts" => {
                    let count: Option<u64> = map
                        .next_value()
                        .map_err(|e| A::Error::custom(format_args!("truncatedAlerts: {e}")))?;
                    batch.decoded.truncated = count.unwrap_or(0);
                }
                _ => map.next_value_seed(Skip(batch.depth_below(1)))?,
            }
        }
        if !batch.given {
            let message = "alerts: is missing, expected the list of alerts; is this an Alertmanager webhook without a payload of its own?";
            batch.fail(Reject::Schema { code: 422, message: message.to_owned() });
        }
        Ok(())
    }
}

/// Refuses versions with other fields. Hand-made messages tend to leave the version out.
fn version(Text(given): &Text<'_>, batch: &mut Batch<'_, '_>) {
    if let Some(other) = given.as_deref().filter(|given| *given != "4") {
        let message = format!("version: {} is not supported, expected \"4\"", Short(other));
        batch.fail(Reject::Schema { code: 422, message: shortened(&message) });
    }
}
