//! Keys by which webhooks are signed: a file of one or two, the second for as long as receivers are
//! given another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::secret::Secret;

/// Keys at a time: the old one and the new one.
pub(super) const KEYS_MAX: usize = 2;

/// What is expected of a file of keys.
pub(super) const EXPECTED: &str = "1 or 2 lines such as whsec_…: a base64 text of 24 to 64 bytes";

/// A key of HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey(pub Secret<Vec<u8>>);

impl SigningKey {
    /// Reads a key as Standard Webhooks writes it; the prefix may be left out.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
        (24..=64).contains(&key.len()).then(|| Self(Secret::new(key)))
    }
}

/// Reads all keys of a file.
pub(super) fn read(content: &str) -> Option<Vec<SigningKey>> {
    let lines = content.lines().filter(|line| !line.trim().is_empty());
    let keys: Vec<SigningKey> = lines.map(SigningKey::read).collect::<Option<_>>()?;
    (1..=KEYS_MAX).contains(&keys.len()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_keys_of_enough_bytes_are_taken() {
        let (key, bare) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "AAAA".repeat(8));
        for (content, keys) in [
            (key.to_owned(), Some(1)),
            (format!("{key}\n\n  {bare}\n"), Some(2)),
            (format!("{key}\n{key}\n{key}"), None),
            (String::new(), None),
            ("whsec_".into(), None),
            ("whsec_AAAA".into(), None),
            ("s3cret".into(), None),
            ("AAAA".repeat(22), None),
        ] {
            assert_eq!(read(&content).map(|keys| keys.len()), keys, "{content}");
        }
    }
}
