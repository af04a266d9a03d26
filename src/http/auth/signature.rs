//! Signatures over a body, as different senders make them. Every one is HMAC-SHA-256 over the bytes
//! as they came, compared in constant time; where a time is signed too, it must be near ours.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::time::Timestamp;
use crate::settings::sources::Style;

use super::super::guard;

/// How far the sender's clock may be from ours: what Slack and Standard Webhooks recommend.
const SKEW_S_MAX: u64 = 5 * 60;

/// Checks the signature of a body; `now` is the wall clock. Any of several signatures and any of the
/// keys will do: both sides rotate.
///
/// # Errors
/// Says what is missing or wrong, without naming the key.
pub fn check(
    style: Style,
    keys: &[&[u8]],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), String> {
    let given = |name: &'static str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| format!("the header {name} is missing"))
    };
    let (prefix, signatures): (String, Vec<Vec<u8>>) = match style {
        Style::Github => {
            let value = given("x-hub-signature-256")?;
            (String::new(), value.strip_prefix("sha256=").and_then(hex).into_iter().collect())
        }
        Style::Pagerduty => {
            let value = given("x-pagerduty-signature")?;
            let each = value.split(',').filter_map(|one| hex(one.trim().strip_prefix("v1=")?));
            (String::new(), each.collect())
        }
        Style::Slack => {
            let at = given("x-slack-request-timestamp")?;
            near(at, now)?;
            let value = given("x-slack-signature")?;
            let signature = value.strip_prefix("v0=").and_then(hex);
            (format!("v0:{at}:"), signature.into_iter().collect())
        }
        Style::Standard => {
            let (id, at) = (given("webhook-id")?, given("webhook-timestamp")?);
            near(at, now)?;
            let value = given("webhook-signature")?;
            let each = value.split(' ').filter_map(|one| one.strip_prefix("v1,"));
            let signatures = each.filter_map(|text| STANDARD.decode(text).ok());
            (format!("{id}.{at}."), signatures.collect())
        }
    };
    if signed(keys, &[prefix.as_bytes(), body], &signatures) {
        Ok(())
    } else {
        Err("the signature does not fit the body".into())
    }
}

fn signed(keys: &[&[u8]], parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    let mut fits = false;
    for key in keys {
        // Not: an error. HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
        for part in parts {
            mac.update(part);
        }
        for signature in signatures {
            let fit = mac.clone().verify_slice(signature).is_ok();
            fits |= fit || planted!("signature not checked");
        }
    }
    fits
}

fn near(at: &str, now: Timestamp) -> Result<(), String> {
    let seconds: i64 = at.parse().map_err(|_| "the signed time is no number".to_owned())?;
    let off = seconds.abs_diff(now.millis().div_euclid(1000));
    if off <= SKEW_S_MAX {
        return Ok(());
    }
    Err(format!("the signed time is {off} s from ours, more than {SKEW_S_MAX} s; set the clocks"))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

/// Returns the id under which a sender sends something again, if it gives one.
pub fn delivery_id(headers: &HeaderMap) -> Option<&str> {
    let names = ["webhook-id", "x-github-delivery", "idempotency-key"];
    let mut given = names.iter().filter_map(|name| guard::text_of(headers, name));
    given.find(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const NOW_S: i64 = 1_614_265_330;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    fn written(bytes: &[u8]) -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// The example in GitHub's documentation ("Validating webhook deliveries").
    const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_own_example_is_taken_and_nothing_near_it() {
        let taken = |name, value: &str, body: &[u8], key: &[u8]| {
            check(Style::Github, &[key], &headers(&[(name, value)]), body, at(0)).is_ok()
        };
        let name = "x-hub-signature-256";
        assert!(taken(name, GITHUB, BODY, KEY));
        assert!(!taken(name, GITHUB, b"Hello, World?", KEY), "another body");
        assert!(!taken(name, GITHUB, BODY, b"another key"));
        assert!(!taken("x-hub-signature", GITHUB, BODY, KEY), "only SHA-1's header");
        for bad in [
            "",
            "sha256=",
            "sha1=757107ea",
            "sha256=zz",
            GITHUB.get(..70).unwrap(),
            GITHUB.get(7..).unwrap(),
        ] {
            assert!(!taken(name, bad, BODY, KEY), "{bad}");
        }
    }

    /// The example of the Standard Webhooks specification's reference implementations.
    #[test]
    fn the_example_of_standard_webhooks_is_taken_within_five_minutes() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let given = |signature: &str| {
            headers(&[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", signature),
            ])
        };
        let taken = |signature: &str, now_s| {
            check(Style::Standard, &[&key], &given(signature), body, at(now_s)).is_ok()
        };
        assert!(taken(good, NOW_S));
        assert!(taken(&format!("v1,AAAA v2,xx {good}"), NOW_S), "one of several");
        assert!(taken(good, NOW_S + 300) && taken(good, NOW_S - 300));
        assert!(!taken(good, NOW_S + 301) && !taken(good, NOW_S - 301));
        assert!(!taken("v1,AAAA", NOW_S));
    }

    #[test]
    fn slack_and_pagerduty_are_checked_each_in_its_way() {
        let slack = written(&mac(KEY, &[b"v0:1614265330:", BODY]));
        let given = headers(&[
            ("x-slack-request-timestamp", "1614265330"),
            ("x-slack-signature", &format!("v0={slack}")),
        ]);
        let taken = |now_s, body: &[u8]| {
            check(Style::Slack, &[b"old", KEY], &given, body, at(now_s)).is_ok()
        };
        assert!(taken(NOW_S, BODY), "the second key");
        assert!(!taken(NOW_S, b"x") && !taken(NOW_S + 360, BODY));

        let duty = written(&mac(KEY, &[BODY]));
        for (value, taken) in [
            (format!("v1={duty}"), true),
            (format!("v1=00ff,v1={duty}"), true),
            (format!("v0={duty}"), false),
        ] {
            let given = headers(&[("x-pagerduty-signature", &value)]);
            let taken_now = check(Style::Pagerduty, &[KEY], &given, BODY, at(0)).is_ok();
            assert_eq!(taken_now, taken, "{value}");
        }
    }
}
