//! Silences and windows: what is recorded and correlated as ever, but opens nothing and pages nobody.

use core::fmt;
use std::sync::Arc;

use super::labels::Labels;
use super::time::Timestamp;

/// Identifies a silence for ever: a UUID (RFC 9562), because Alertmanager's clients expect one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceId(pub u128);

/// Writes `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`.
impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, bits: u32| (self.0 >> shift) & ((1 << bits) - 1);
        let [low, mid, high] = [part(96, 32), part(80, 16), part(64, 16)];
        let [clock, node] = [part(48, 16), part(0, 48)];
        f.pad(&format!("{low:08x}-{mid:04x}-{high:04x}-{clock:04x}-{node:012x}"))
    }
}

impl core::str::FromStr for SilenceId {
    type Err = NotASilence;

    /// Reads a UUID in any case, with all of its hyphens or none.
    fn from_str(text: &str) -> Result<Self, NotASilence> {
        let refused = || NotASilence(text.into());
        let digits: String = match text.len() {
            32 => text.into(),
            36 if [8, 13, 18, 23].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-')) => {
                text.replace('-', "")
            }
            _ => return Err(refused()),
        };
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        u128::from_str_radix(&digits, 16).map(Self).map_err(|_| refused())
    }
}

/// The text is no silence's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no silence id, expected a UUID like f81d4fae-7dec-11d0-a765-00a0c91e6bf6")]
pub struct NotASilence(pub String);

/// One comparison of a silence, as Alertmanager's API spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceMatcher {
    /// Name of the label; a missing label has the value `""`.
    pub name: Box<str>,
    /// The value, or the pattern.
    pub value: Box<str>,
    /// True for `=~` and `!~`.
    pub is_regex: bool,
    /// True for `=` and `=~`.
    pub is_equal: bool,
}

/// Keeps what matches from opening incidents and from paging while it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// All must hold for an alert to be silenced.
    pub matchers: Vec<SilenceMatcher>,
    /// A maintenance window on these CIs, sorted: covers alerts of the CIs and of what suffers when
    /// they fail. With matchers, too, both must hold.
    pub cis: Vec<Box<str>>,
    /// Name of the rule whose conditions must hold, instead of matchers.
    pub rule: Option<Arc<str>>,
    /// Only what nobody but this source says.
    pub source: Option<Arc<str>>,
    /// When it begins to hold, inclusive.
    pub starts_at: Timestamp,
    /// When it ends, exclusive.
    pub ends_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it; may be empty.
    pub created_by: Box<str>,
    /// Why; may be empty.
    pub comment: Box<str>,
    /// Anything else a client keeps with it.
    pub annotations: Labels,
}

/// Where a silence is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceState {
    /// It holds.
    Active,
    /// It has not begun.
    Pending,
    /// It is over.
    Expired,
}

super::priority::words!(SilenceState, Active = "active", Pending = "pending", Expired = "expired");

impl Silence {
    /// Returns where it is in its life.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now >= self.ends_at {
            SilenceState::Expired
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_id_is_a_uuid_and_reads_back() {
        let id = SilenceId(0xf81d_4fae_7dec_11d0_a765_00a0_c91e_6bf6);
        assert_eq!(id.to_string(), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
        assert_eq!(SilenceId(0).to_string(), "00000000-0000-0000-0000-000000000000");
        for text in ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE7DEC11D0A76500A0C91E6BF6"] {
            assert_eq!(text.parse(), Ok(id));
        }
        for bad in [
            "",
            "f81d4fae",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
            "INC-1",
            "f81d4fae7-dec-11d0-a765-00a0c91e6bf6",
            "+81d4fae7dec11d0a76500a0c91e6bf6",
        ] {
            assert!(bad.parse::<SilenceId>().is_err(), "{bad}");
        }
    }
}
