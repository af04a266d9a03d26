//! The token that shows brokers who we are (OAUTHBEARER): read from a file that somebody else renews.
//!
//! Never verified here: that is the broker's work. Only its end is looked at, for librdkafka asks for
//! the next one when four fifths of the time until then are over.

use core::time::Duration;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;

use super::client::CLIENT_ID;
use crate::model::time::Timestamp;

/// How long a token counts that does not say when it ends.
const USUAL: Duration = Duration::from_mins(5);

/// The file that a token is in.
#[derive(Clone, Debug)]
pub(super) struct TokenFile(pub(super) PathBuf);

/// Why there is no token to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    #[error("token_file {file}: {error}")]
    Unreadable { file: String, error: std::io::Error },
    #[error("token_file {file} is empty, expected a token")]
    Empty { file: String },
    #[error("the token in token_file {file} ended at {at}")]
    Ended { file: String, at: Timestamp },
}

impl TokenFile {
    /// Reads it, anew each time.
    ///
    /// # Errors
    /// When the file cannot be read or is empty, or the token has ended by `now`.
    pub(super) fn read(&self, now: Timestamp) -> Result<OAuthToken, Wrong> {
        let file = self.0.display().to_string();
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) => return Err(Wrong::Unreadable { file, error }),
        };
        let token = text.trim().to_owned();
        if token.is_empty() {
            return Err(Wrong::Empty { file });
        }
        let claims = claims(&token);
        let said = |claim: &str| claims.as_ref()?.get(claim);
        let end = said("exp").and_then(serde_json::Value::as_i64);
        let end = end.and_then(|end_s| end_s.checked_mul(1_000)).map(Timestamp::from_millis);
        if let Some(at) = end.filter(|end| *end <= now) {
            return Err(Wrong::Ended { file, at });
        }
        let principal_name = said("sub").and_then(|sub| sub.as_str()).unwrap_or(CLIENT_ID);
        let lifetime_ms = end.unwrap_or_else(|| now.plus(USUAL)).millis();
        Ok(OAuthToken { token, principal_name: principal_name.to_owned(), lifetime_ms })
    }
}

/// Returns the claims of a JSON Web Token (RFC 7519).
fn claims(token: &str) -> Option<serde_json::Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_anew_each_time_and_counts_until_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenFile(dir.path().join("token"));
        let said = |at_s: i64| {
            let read = file.read(Timestamp::from_millis(at_s * 1_000));
            read.map(|it| (it.token, it.principal_name, it.lifetime_ms / 1_000))
                .map_err(|wrong| wrong.to_string())
        };
        assert!(said(0).unwrap_err().contains("No such file"), "{:?}", said(0));
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp": 1700000000, "sub": "pager"}"#);
        let signed = format!("e30.{claims}.x");
        let opaque = || ("opaque".to_owned(), CLIENT_ID.to_owned(), 1_700_000_300);
        for (content, at_s, expected) in [
            ("\n", 0, Err("is empty, expected a token")),
            (&*signed, 1_699_999_999, Ok((signed.clone(), "pager".to_owned(), 1_700_000_000))),
            (&*signed, 1_700_000_000, Err("ended at 2023-11-14T22:13:20")),
            ("opaque\n", 1_700_000_000, Ok(opaque())),
        ] {
            std::fs::write(&file.0, content).unwrap();
            match (said(at_s), expected) {
                (Err(wrong), Err(words)) => assert!(wrong.contains(words), "{wrong}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned)),
            }
        }
    }
}
