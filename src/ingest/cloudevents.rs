//! Takes the envelope of `CloudEvents` 1.0 off: who sent what under which id. What is inside is then
//! read by the source's own format.
//!
//! Structured mode is one JSON object (JSON Event Format 1.0); in binary mode the attributes are
//! headers and the record is the data (Kafka Protocol Binding 1.0.2). Attributes other than `id`,
//! `source`, `specversion`, `type` and `datacontenttype` are passed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::{Limits, Reject, text_of};

/// The only version there is.
const VERSION: &str = "1.0";

/// What was in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosed<'a> {
    /// `source` and `id`: the same pair is the same event, however often it is sent.
    pub identity: String,
    /// The data.
    pub data: Cow<'a, [u8]>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    datacontenttype: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
}

/// Takes a structured event apart.
///
/// # Errors
/// When it is no such event, or its data are no JSON.
pub fn structured<'a>(body: &'a [u8], limits: &Limits) -> Result<Enclosed<'a>, Reject> {
    let text = text_of(body, limits)?;
    let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|error| Reject::Json {
        reason: format!("it is no structured CloudEvent: {error}"),
    })?;
    let Envelope { specversion, id, source, kind, datacontenttype, data, data_base64 } = envelope;
    let attributes = [
        ("specversion", specversion.as_deref()),
        ("id", id.as_deref()),
        ("source", source.as_deref()),
        ("type", kind.as_deref()),
    ];
    let identity = identity(attributes, datacontenttype.as_deref())?;
    let data = match (data, data_base64) {
        (Some(data), None) => Cow::Borrowed(data.get().as_bytes()),
        (None, Some(packed)) => {
            let unpacked = STANDARD.decode(packed.as_bytes());
            Cow::Owned(unpacked.map_err(|_| schema("data_base64 is not base64"))?)
        }
        (Some(_), Some(_)) => {
            return Err(schema("has both data and data_base64, expected one of them"));
        }
        (None, None) => return Err(schema("has no data, expected alerts in it")),
    };
    Ok(Enclosed { identity, data })
}

/// Takes a binary event apart: `header` returns the value of a header by its name.
///
/// # Errors
/// When an attribute is missing or wrong, or its data are no JSON.
pub fn binary<'a, 'h>(
    body: &'a [u8],
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<Enclosed<'a>, Reject> {
    let attributes = [
        ("specversion", header("ce_specversion")),
        ("id", header("ce_id")),
        ("source", header("ce_source")),
        ("type", header("ce_type")),
    ];
    let identity = identity(attributes, header("content-type"))?;
    Ok(Enclosed { identity, data: Cow::Borrowed(body) })
}

/// Checks what every event must have, and returns who it is.
fn identity(
    attributes: [(&str, Option<&str>); 4],
    content_type: Option<&str>,
) -> Result<String, Reject> {
    let missing: Vec<&str> = attributes
        .iter()
        .filter(|(_, value)| value.is_none_or(str::is_empty))
        .map(|a| a.0)
        .collect();
    if !missing.is_empty() {
        return Err(schema(&format!("misses {}", missing.join(", "))));
    }
    let [(_, version), (_, id), (_, source), _] = attributes.map(|(n, v)| (n, v.unwrap_or("")));
    if version != VERSION {
        return Err(schema(&format!("has specversion `{version}`, expected {VERSION}")));
    }
    if let Some(kind) = content_type.filter(|kind| !is_json(kind)) {
        return Err(schema(&format!("has data of type `{kind}`, expected application/json")));
    }
    Ok(format!("{source}\n{id}"))
}

/// True for `application/json`, `text/json` and what ends in `+json` (RFC 6839), with parameters or
/// not.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or(kind).trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

fn schema(what: &str) -> Reject {
    Reject::Schema { code: 422, message: format!("CloudEvent {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#""specversion": "1.0", "id": "7", "source": "/a", "type": "t""#;

    #[test]
    fn a_structured_event_gives_its_data_as_they_are() {
        for (rest, data) in [
            (r#""data": {"labels": {}}"#, r#"{"labels": {}}"#),
            (r#""datacontenttype": "application/json; charset=utf-8", "data": [1]"#, "[1]"),
            (r#""datacontenttype": "application/vnd.x+json", "data": [1]"#, "[1]"),
            (r#""data_base64": "e30=""#, "{}"),
            (r#""traceparent": "00-1-2-3", "subject": "x", "data": {}"#, "{}"),
        ] {
            let body = format!("{{{HEAD}, {rest}}}");
            let enclosed = structured(body.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(enclosed.identity, "/a\n7", "{rest}");
            assert_eq!(&*enclosed.data, data.as_bytes(), "{rest}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused_by_name() {
        for (body, says) in [
            (String::new(), "body is empty"),
            ("[]".into(), "no structured CloudEvent"),
            ("{}".into(), "misses specversion, id, source, type"),
            (format!("{{{HEAD}}}"), "has no data"),
            (format!("{{{HEAD}, \"data\": 1, \"data_base64\": \"\"}}"), "has both"),
            (format!("{{{HEAD}, \"data_base64\": \"*\"}}"), "not base64"),
            (format!("{{{HEAD}, \"id\": \"8\", \"data\": 1}}"), "duplicate field"),
            (format!("{{{HEAD}, \"data\": 1}}").replace("1.0", "0.3"), "specversion `0.3`"),
            (format!("{{{HEAD}, \"datacontenttype\": \"text/xml\", \"data\": 1}}"), "`text/xml`"),
            (format!("{{{HEAD}, \"data\": 1}}").replace("\"7\"", "\"\""), "misses id"),
        ] {
            let told = structured(body.as_bytes(), &Limits::default()).unwrap_err().to_string();
            assert!(told.contains(says), "{body}: {told}");
        }
    }

    #[test]
    fn a_binary_event_has_its_attributes_in_headers() {
        let all = [
            ("ce_specversion", "1.0"),
            ("ce_id", "7"),
            ("ce_source", "/a"),
            ("ce_type", "t"),
            ("content-type", "application/json"),
        ];
        let without = |left_out: &str| {
            let left_out = left_out.to_owned();
            move |name: &str| {
                all.iter().find(|(it, _)| *it == name && *it != left_out).map(|(_, value)| *value)
            }
        };
        let enclosed = binary(b"{}", without("content-type")).unwrap();
        assert_eq!((&*enclosed.identity, &*enclosed.data), ("/a\n7", &b"{}"[..]));
        for missing in ["ce_specversion", "ce_id", "ce_source", "ce_type"] {
            let told = binary(b"{}", without(missing)).unwrap_err().to_string();
            assert_eq!(told, format!("CloudEvent misses {}", missing.strip_prefix("ce_").unwrap()));
        }
    }
}
