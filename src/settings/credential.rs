//! References to secrets: `file:/path` or `credential:name`, never the secret itself.
//!
//! A settings file is shown, copied and committed; what it names is not. `credential:` is a file that
//! systemd hands to the service (`LoadCredential=`, systemd.exec(5)).

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::secret::Secret;
use super::section::Section;

/// Secrets that are valid at a time: the present one and the one that replaces it.
const ACTIVE_MAX: usize = 2;

/// The shortest token, in bytes: 16 random ones cannot be guessed. 32 are better.
const TOKEN_LEN_MIN: usize = 16;

const HELP: &str = "write secrets = [\"file:/run/secrets/name\"] or [\"credential:name\"], and put the secret there";

/// Takes a token.
pub(super) fn token(text: &str) -> Result<Box<[u8]>, String> {
    if text.len() < TOKEN_LEN_MIN {
        return Err(format!(
            "holds {} bytes, must hold {TOKEN_LEN_MIN} or more, such as `openssl rand -hex 32` makes",
            text.len()
        ));
    }
    Ok(text.as_bytes().into())
}

/// Takes what another system chose.
#[expect(clippy::unnecessary_wraps, reason = "one of several ways to take a secret")]
pub(super) fn any(text: &str) -> Result<Box<[u8]>, String> {
    Ok(text.as_bytes().into())
}

/// Takes a key of Standard Webhooks: base64, behind `whsec_` or not.
pub(super) fn standard(text: &str) -> Result<Box<[u8]>, String> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let key = STANDARD.decode(text).map_err(|_| "is not base64, expected whsec_…".to_owned())?;
    if key.is_empty() { Err("is empty".into()) } else { Ok(key.into()) }
}

/// Reads a list of references, and takes what each names by `take`.
pub(super) fn read(
    section: &mut Section<'_>,
    key: &'static str,
    take: fn(&str) -> Result<Box<[u8]>, String>,
) -> Vec<Secret<Box<[u8]>>> {
    let Some(references) = section.list(key) else { return Vec::new() };
    if references.is_empty() || references.len() > ACTIVE_MAX {
        let message = format!("found {} secrets, expected 1 or {ACTIVE_MAX}", references.len());
        section.refuse("K004", key, message, HELP);
    }
    let dir = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let mut secrets = Vec::new();
    for reference in references {
        match fetch(&reference, dir.as_deref()).and_then(|text| take_from(&reference, &text, take))
        {
            Ok(secret) => secrets.push(secret),
            Err((code, message)) => section.refuse(code, key, message, HELP),
        }
    }
    secrets
}

type Refused = (&'static str, String);

fn take_from(
    reference: &str,
    text: &str,
    take: fn(&str) -> Result<Box<[u8]>, String>,
) -> Result<Secret<Box<[u8]>>, Refused> {
    let text = text.trim();
    let taken = if text.is_empty() { Err("is empty".into()) } else { take(text) };
    taken.map(Secret::new).map_err(|why| ("K004", format!("`{reference}` {why}")))
}

/// Returns what a reference names; `dir` is where systemd put the credentials.
fn fetch(reference: &str, dir: Option<&Path>) -> Result<String, Refused> {
    let path = match reference.split_once(':') {
        Some(("file", path)) if path.starts_with('/') => PathBuf::from(path),
        Some(("file", _)) => {
            return Err(("K004", format!("`{reference}` is relative, expected file:/path")));
        }
        Some(("credential", name)) if is_name(name) => {
            let missing =
                "but systemd gave this process no credentials; add LoadCredential= to the unit";
            let refused = || ("K005", format!("found `{reference}`, {missing}"));
            dir.ok_or_else(refused)?.join(name)
        }
        // Not: the text. It may be the secret.
        Some(_) | None => {
            let message =
                "found a secret or another text `***`, expected file:/path or credential:name";
            return Err(("K004", message.into()));
        }
    };
    std::fs::read_to_string(&path)
        .map_err(|error| ("K004", format!("`{reference}` cannot be read: {error}")))
}

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_looked_for_where_systemd_put_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("shop"), "s3cret\n").unwrap();
        assert_eq!(fetch("credential:shop", Some(dir.path())), Ok("s3cret\n".into()));
        for (reference, dir, says) in [
            ("credential:shop", None, "LoadCredential="),
            ("credential:nobody", Some(dir.path()), "cannot be read"),
            ("credential:../shop", Some(dir.path()), "expected file:/path or credential:name"),
            ("file:shop", None, "is relative"),
        ] {
            let (_, message) = fetch(reference, dir).unwrap_err();
            assert!(message.contains(says), "{reference}: {message}");
        }
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_shown() {
        for literal in ["hunter2hunter2hunter2", "Bearer:hunter2", ""] {
            let (_, message) = fetch(literal, None).unwrap_err();
            assert!(message.contains("expected file:/path") && !message.contains("hunter2"));
        }
    }

    #[test]
    fn an_empty_or_weak_secret_is_refused() {
        for (text, take, taken) in [
            (" \n", any as fn(&str) -> _, false),
            ("x", any, true),
            ("0123456789abcde", token, false),
            ("0123456789abcdef\n", token, true),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", standard, true),
            ("whsec_", standard, false),
            ("no base 64!", standard, false),
        ] {
            assert_eq!(take_from("file:/x", text, take).is_ok(), taken, "{text:?}");
        }
    }
}
