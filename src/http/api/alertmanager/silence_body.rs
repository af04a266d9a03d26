//! Reads the body of `POST /api/v2/silences` as Alertmanager's framework does: what is missing is
//! asked for in the order of its generated code, one thing at a time (`api/v2/models/silence.go`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Refused;
use crate::http::api::silencing::Wish;
use crate::ingest::date_time;
use crate::model::silence::SilenceMatcher;
use crate::model::time::Timestamp;

/// Codes of go-openapi/errors: `RequiredFailCode` and `minItemsFail`.
const REQUIRED: u16 = 602;
const TOO_FEW: u16 = 612;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    id: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
    comment: Option<String>,
    created_by: Option<String>,
    ends_at: Option<String>,
    matchers: Option<Vec<Option<BodyMatcher>>>,
    starts_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BodyMatcher {
    is_equal: Option<bool>,
    is_regex: Option<bool>,
    name: Option<String>,
    value: Option<String>,
}

/// Reads a silence and the id it names, which may be empty.
///
/// # Errors
/// 400 when it cannot be read, 422 when something is missing.
pub(super) fn read(body: &[u8]) -> Result<(String, Wish), Refused> {
    if body.trim_ascii().is_empty() {
        return Err(Refused::Framework(REQUIRED, "silence in body is required".into()));
    }
    let unreadable = |reason: &dyn core::fmt::Display| {
        let message = format!("parsing silence body from \"\" failed, because {reason}");
        Refused::Framework(400, message)
    };
    // An object first: a struct would be read from a list as well.
    let fields: Option<Map<String, Value>> =
        serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let fields = Value::from(fields.unwrap_or_default());
    let body: Body = serde_json::from_value(fields).map_err(|error| unreadable(&error))?;
    // All that cannot be read goes before anything that is missing.
    let time = |name: &str, text: Option<&str>| -> Result<Option<Timestamp>, Refused> {
        let Some(text) = text else { return Ok(None) };
        let time = date_time(text).ok_or_else(|| {
            unreadable(&format_args!("{name} is {text:?}, expected a time in RFC 3339"))
        });
        time.map(Some)
    };
    let ends_at = time("endsAt", body.ends_at.as_deref())?;
    let starts_at = time("startsAt", body.starts_at.as_deref())?;
    let wish = Wish {
        replaces: None,
        cis: Vec::new(),
        rule: None,
        comment: required("comment", body.comment)?,
        created_by: required("createdBy", body.created_by)?,
        ends_at: required("endsAt", ends_at)?,
        matchers: matchers(required("matchers", body.matchers)?)?,
        starts_at: required("startsAt", starts_at)?,
        annotations: body.annotations.unwrap_or_default(),
    };
    Ok((body.id.unwrap_or_default(), wish))
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Refused> {
    value.ok_or_else(|| Refused::Framework(REQUIRED, format!("{name} in body is required")))
}

fn matchers(given: Vec<Option<BodyMatcher>>) -> Result<Vec<SilenceMatcher>, Refused> {
    if given.is_empty() {
        let message = "matchers in body should have at least 1 items";
        return Err(Refused::Framework(TOO_FEW, message.into()));
    }
    let read = |(at, it): (usize, Option<BodyMatcher>)| {
        let it = it.unwrap_or_default();
        Ok(SilenceMatcher {
            is_regex: required(&format!("matchers.{at}.isRegex"), it.is_regex)?,
            name: required(&format!("matchers.{at}.name"), it.name)?.into(),
            value: required(&format!("matchers.{at}.value"), it.value)?.into(),
            is_equal: it.is_equal.unwrap_or(true),
        })
    };
    given.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of Alertmanager 0.25.0, but for the words of Go's parser.
    #[test]
    fn what_is_missing_or_unreadable_is_named_as_by_alertmanager() {
        let times = r#""startsAt":"2026-11-21T00:00:00Z","endsAt":"2026-11-22T00:00:00Z""#;
        let people = r#""createdBy":"","comment":"""#;
        for (body, code, message) in [
            (String::new(), 602, "silence in body is required"),
            ("null".into(), 602, "comment in body is required"),
            ("{}".into(), 602, "comment in body is required"),
            (r#"{"comment":""}"#.into(), 602, "createdBy in body is required"),
            (format!("{{{people}}}"), 602, "endsAt in body is required"),
            (format!("{{{people},{times}}}"), 602, "matchers in body is required"),
            (
                format!(r#"{{{people},{times},"matchers":[]}}"#),
                612,
                "matchers in body should have at least 1 items",
            ),
            (
                format!(r#"{{{people},{times},"matchers":[{{"name":"a"}}]}}"#),
                602,
                "matchers.0.isRegex in body is required",
            ),
            (
                format!(r#"{{{people},{times},"matchers":[{{"name":"a","isRegex":true}}]}}"#),
                602,
                "matchers.0.value in body is required",
            ),
            ("{".into(), 400, "parsing silence body from \"\" failed, because EOF while"),
            ("[]".into(), 400, "parsing silence body from \"\" failed, because"),
            (r#"{"matchers":[{"isRegex":"no"}]}"#.into(), 400, "parsing silence body"),
            (
                r#"{"startsAt":"soon"}"#.into(),
                400,
                "parsing silence body from \"\" failed, because startsAt is \"soon\", expected",
            ),
        ] {
            let Err(Refused::Framework(found, words)) = read(body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!(found, code, "{body}: {words}");
            assert!(words.starts_with(message), "{body}: {words}");
        }
    }

    #[test]
    fn a_silence_is_read_with_what_may_be_left_out() {
        let body = r#"{"id":"x","matchers":[{"name":"a","value":"b","isRegex":true}],
            "startsAt":"2026-11-21","endsAt":"2026-11-22 01:00:00","createdBy":"","comment":"c","extra":1}"#;
        let (id, wish) = read(body.as_bytes()).unwrap_or_else(|refused| panic!("{refused:?}"));
        assert_eq!((&*id, &*wish.comment), ("x", "c"));
        assert_eq!(wish.starts_at.to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(wish.ends_at.to_string(), "2026-11-22T01:00:00.000Z");
        let matcher = &wish.matchers[0];
        assert_eq!((&*matcher.name, matcher.is_regex, matcher.is_equal), ("a", true, true));
    }
}
