//! Reads the parameters of Alertmanager's API as its framework does: unknown ones are ignored, of a
//! switch that is given twice the last counts, and what is no word for true means false.

use axum::extract::Query;
use axum::http::Uri;

use super::super::filter::MATCHERS_MAX;
use super::Refused;
use crate::http::error::Problem;
use crate::rules::classic::parse_one;
use crate::rules::matcher::Matcher;
use crate::rules::pattern::Pattern;

/// `evaluatesAsTrue` of go-openapi/swag.
const TRUE: [&str; 10] =
    ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];

/// The names and values of a query, in order.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query of `uri`.
    ///
    /// # Errors
    /// 400 when it cannot be decoded.
    pub(super) fn read(uri: &Uri) -> Result<Self, Refused> {
        let Query(pairs) =
            Query::try_from_uri(uri).map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(pairs))
    }

    /// Returns the last value of a parameter that is not empty.
    fn last(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rfind(|(given, _)| given == name)?;
        Some(&**value).filter(|value| !value.is_empty())
    }

    /// True unless a switch is given as something that does not mean true.
    pub(super) fn wants(&self, name: &str) -> bool {
        let is_true = |value: &str| TRUE.iter().any(|word| value.eq_ignore_ascii_case(word));
        self.last(name).is_none_or(is_true)
    }

    /// Reads matchers, one for each time a parameter is given; all must hold.
    ///
    /// # Errors
    /// 400 with the first that is none; `prefix` begins the message.
    pub(super) fn matchers(&self, name: &str, prefix: &str) -> Result<Vec<Matcher>, Refused> {
        let given = self.0.iter().filter(|(given, _)| given == name);
        let read = |text: &str| {
            parse_one(text).map_err(|error| Refused::bad_request(format!("{prefix}{error}")))
        };
        if given.clone().count() > MATCHERS_MAX {
            let message = format!("{prefix}more than {MATCHERS_MAX} matchers, expected fewer");
            return Err(Refused::bad_request(message));
        }
        given.map(|(_, text)| read(text)).collect()
    }

    /// Reads which receivers are asked for.
    ///
    /// # Errors
    /// 400 when that cannot be understood.
    pub(super) fn receivers(&self) -> Result<Receivers, Refused> {
        let pattern = self.last("receiver").map(|text| {
            Pattern::new(text).map_err(|error| {
                let what = format!("error parsing regexp: {error}: `{text}`");
                Refused::bad_request(format!("failed to parse receiver param: {what}"))
            })
        });
        let matchers =
            self.matchers("receiver_matchers", "failed to parse receiver_matchers param: ")?;
        Ok(Receivers { pattern: pattern.transpose()?, matchers })
    }
}

/// Which receivers are asked for. A receiver has one label here, `name`.
#[derive(Debug)]
pub(super) struct Receivers {
    pattern: Option<Pattern>,
    matchers: Vec<Matcher>,
}

impl Receivers {
    /// True when this one is asked for.
    pub(super) fn takes(&self, name: &str) -> bool {
        let value = |matcher: &Matcher| match matcher.field().to_string().as_str() {
            "name" => matcher.test().passes(name),
            _ => matcher.test().passes(""),
        };
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(name))
            && self.matchers.iter().all(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &str) -> Parameters {
        Parameters::read(&format!("/x?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn a_switch_is_on_unless_it_is_said_to_be_off() {
        for (query, on) in [
            ("", true),
            ("active=", true),
            ("active", true),
            ("active=true", true),
            ("active=YES", true),
            ("active=1", true),
            ("active=false", false),
            ("active=maybe", false),
            ("active=true&active=false", false),
            ("active=false&active=true", true),
            ("inactive=false", true),
        ] {
            assert_eq!(read(query).wants("active"), on, "{query}");
        }
    }

    #[test]
    fn a_receiver_is_asked_for_by_a_whole_pattern_and_by_its_name() {
        for (query, takes) in [
            ("", [true, true]),
            ("receiver=", [true, true]),
            ("receiver=db", [false, true]),
            ("receiver=d", [false, false]),
            ("receiver=.*b", [true, true]),
            ("receiver=web%7Cnone", [true, false]),
            ("receiver_matchers=name%3Ddb", [false, true]),
            ("receiver_matchers=name!%3Ddb&receiver=w.*", [true, false]),
            ("receiver_matchers=team%3Dx", [false, false]),
            ("receiver_matchers=team%3D", [true, true]),
        ] {
            let receivers = read(query).receivers().unwrap();
            assert_eq!(["web", "db"].map(|name| receivers.takes(name)), takes, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused_as_by_alertmanager() {
        for (query, message) in [
            ("receiver=(", "failed to parse receiver param: error parsing regexp: "),
            ("receiver_matchers=x", "failed to parse receiver_matchers param: bad matcher format"),
        ] {
            let Err(Refused::Handler(status, refused)) = read(query).receivers() else {
                panic!("{query}")
            };
            assert_eq!(status.as_u16(), 400);
            assert!(refused.starts_with(message), "{query}: {refused}");
        }
        let Err(Refused::Handler(_, refused)) = read("filter=a").matchers("filter", "") else {
            panic!("a")
        };
        assert_eq!(refused, "bad matcher format: a");
    }

    #[test]
    fn a_request_has_so_many_matchers_and_no_more() {
        for (count, is_taken) in [(MATCHERS_MAX, true), (MATCHERS_MAX + 1, false)] {
            let query = vec!["filter=a%3D~%22b.*%22"; count].join("&");
            assert_eq!(read(&query).matchers("filter", "").is_ok(), is_taken, "{count}");
        }
    }

    proptest! {
        #[test]
        fn every_matcher_arrives_as_it_was_sent(value in "[ -~é]{0,12}", more in 0..3_usize) {
            let text = format!("a=\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""));
            let encoded: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let query = vec![format!("filter={}", encoded.concat()); more + 1].join("&active=true&");
            let matchers = read(&query).matchers("filter", "").unwrap_or_default();
            prop_assert_eq!(matchers.len(), more + 1);
            prop_assert!(matchers.iter().all(|matcher| matcher.test().passes(&value)));
        }
    }
}
