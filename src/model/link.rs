//! Links by which a person answers a notice without a login: what they say, and how they are signed.
//!
//! A link is good for one incident, one action and one person, for a while, and once; who may use it
//! is whoever has it. It is signed with HMAC-SHA-256 by a key of this installation. A token in an
//! address is against OWASP ASVS 5.0, 14.2.1; hence the short life and the single use, and that no
//! log shows it.

use core::fmt;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::incident::RecordId;
use super::notice::NoticeId;
use super::priority::words;
use super::time::Timestamp;

/// Bytes of a key.
pub const KEY_LEN: usize = 32;

/// The path below which links lie.
pub const PATH: &str = "/l/";

/// Bytes of a token; a person's name has at most 128.
const TOKEN_MAX: usize = 512;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Says that somebody has it.
    Acknowledge,
    /// Hands it to the next line.
    Escalate,
    /// Says that service is restored.
    Resolve,
    /// Says that it is over for whoever was asked.
    Confirm,
    /// Says that it is not.
    Reject,
}

words!(
    Action,
    Acknowledge = "acknowledge",
    Escalate = "escalate",
    Resolve = "resolve",
    Confirm = "confirm",
    Reject = "reject"
);

/// All of them.
pub const ACTIONS: [Action; 5] =
    [Action::Acknowledge, Action::Escalate, Action::Resolve, Action::Confirm, Action::Reject];

impl Action {
    /// Returns what an incident is afterwards.
    pub fn done(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Escalate => "escalated",
            Self::Resolve => "resolved",
            Self::Confirm => "confirmed",
            Self::Reject => "reopened",
        }
    }
}

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The notice it came with.
    pub notice: NoticeId,
    /// What it does.
    pub action: Action,
    /// The person it was sent to.
    pub contact: Box<str>,
    /// Until when it is good, exclusive; to the second.
    pub until: Timestamp,
}

/// Why a link cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// It was changed on the way, cut off, or made by another installation.
    #[error("this link was not made here, or not all of it was copied")]
    Forged,
    /// It is too old.
    #[error("this link expired at {0}")]
    Expired(Timestamp),
}

/// Makes links and knows them again.
#[derive(Clone, PartialEq, Eq)]
pub struct Links {
    /// Where people reach this daemon, without a slash at its end.
    base: String,
    key: [u8; KEY_LEN],
    good_for: Duration,
}

/// Not: the key.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Links {
    /// Makes links to `base`, each good for so long after its notice was planned.
    pub fn new(base: &str, key: [u8; KEY_LEN], good_for: Duration) -> Self {
        Self { base: base.trim_end_matches('/').into(), key, good_for }
    }

    /// Makes links that are good for at least so long: as long as their answer is waited for.
    #[must_use]
    pub fn lasting(&self, at_least: Duration) -> Self {
        Self { good_for: self.good_for.max(at_least), ..self.clone() }
    }

    /// Returns the address by which a person answers a notice. The same notice gives the same one.
    pub fn url(
        &self,
        notice: NoticeId,
        sent_at: Timestamp,
        action: Action,
        contact: &str,
    ) -> String {
        let until_s = sent_at.plus(self.good_for).millis().div_euclid(1_000);
        let NoticeId { incident, seq } = notice;
        let said = format!("1|{}|{seq}|{action}|{until_s}|{contact}", incident.0);
        let seal = URL_SAFE_NO_PAD.encode(self.mac(said.as_bytes()).finalize().into_bytes());
        format!("{}{PATH}{}.{seal}", self.base, URL_SAFE_NO_PAD.encode(said))
    }

    /// Reads the last part of a link's path.
    ///
    /// # Errors
    /// When it was not made with this key, or is over.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Link, LinkFault> {
        let link = self.known(token).ok_or(LinkFault::Forged)?;
        if now < link.until { Ok(link) } else { Err(LinkFault::Expired(link.until)) }
    }

    fn known(&self, token: &str) -> Option<Link> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let (said, seal) = token.split_once('.')?;
        let (said, seal) = (URL_SAFE_NO_PAD.decode(said).ok()?, URL_SAFE_NO_PAD.decode(seal).ok()?);
        // In constant time.
        self.mac(&said).verify_slice(&seal).ok()?;
        let said = String::from_utf8(said).ok()?;
        let mut parts = said.splitn(6, '|');
        let version = parts.next()?;
        let (incident, seq) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (action, until_s) = (parts.next()?.parse().ok()?, parts.next()?.parse::<i64>().ok()?);
        let until = Timestamp::from_millis(until_s.checked_mul(1_000)?);
        let notice = NoticeId { incident: RecordId(incident), seq };
        (version == "1").then_some(Link { notice, action, contact: parts.next()?.into(), until })
    }

    fn mac(&self, said: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac = Hmac::new_from_slice(&self.key).expect("a key of any length is taken");
        // No other use of the key can be taken for a link.
        mac.update(b"incidentd link\0");
        mac.update(said);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: NoticeId = NoticeId { incident: RecordId(1042), seq: 3 };

    fn links() -> Links {
        Links::new("https://i.example/x/", [7; KEY_LEN], Duration::from_hours(1))
    }

    fn token(action: Action) -> String {
        let url = links().url(NOTICE, Timestamp::EPOCH, action, "m|ito");
        url.strip_prefix("https://i.example/x/l/").unwrap().to_owned()
    }

    #[test]
    fn a_link_says_what_it_was_made_for_until_it_expires() {
        for action in ACTIONS {
            let until = Timestamp::from_millis(3_600_000);
            let link = Link { notice: NOTICE, action, contact: "m|ito".into(), until };
            for (at_ms, expected) in [
                (0, Ok(link.clone())),
                (3_599_999, Ok(link)),
                (3_600_000, Err(LinkFault::Expired(until))),
            ] {
                let found = links().read(&token(action), Timestamp::from_millis(at_ms));
                assert_eq!(found, expected, "at {at_ms}");
            }
        }
    }

    #[test]
    fn a_link_lasts_as_long_as_its_answer_is_waited_for() {
        for (at_least, until_h) in [(Duration::from_hours(72), 72), (Duration::from_secs(1), 1)] {
            let lasting = links().lasting(at_least);
            let url = lasting.url(NOTICE, Timestamp::EPOCH, Action::Confirm, "ann");
            let token = url.strip_prefix("https://i.example/x/l/").unwrap();
            let link = links().read(token, Timestamp::EPOCH).unwrap();
            assert_eq!(link.until, Timestamp::from_millis(until_h * 3_600_000));
        }
    }

    #[test]
    fn a_link_with_any_byte_changed_or_of_another_key_is_forged() {
        let token = token(Action::Acknowledge);
        let now = Timestamp::EPOCH;
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(links().read(&changed, now), Err(LinkFault::Forged), "{changed}");
        }
        let mut cut = token.clone();
        cut.pop();
        for wrong in ["", ".", "a.b", &cut, &"A".repeat(10_000)] {
            assert_eq!(links().read(wrong, now), Err(LinkFault::Forged), "{wrong}");
        }
        let other = Links::new("https://i.example", [8; KEY_LEN], Duration::from_hours(1));
        assert_eq!(other.read(&token, now), Err(LinkFault::Forged));
        assert!(!format!("{:?}", links()).contains('7'), "the key is shown");
    }
}
