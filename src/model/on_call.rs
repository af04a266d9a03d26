//! Overrides: who has a team's shift by a person's word, whatever its rotation says.

use super::time::Timestamp;

/// A person who stands in for whoever would be called for a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Its number: the place of its entry in the audit trail, so that none is used twice.
    pub number: u64,
    /// The team.
    pub team: Box<str>,
    /// When it begins, inclusive.
    pub from: Timestamp,
    /// When it ends, exclusive.
    pub until: Timestamp,
    /// Who is called; a contact.
    pub contact: Box<str>,
    /// Who said so.
    pub by: Box<str>,
    /// When.
    pub made_at: Timestamp,
    /// Why, in words; may be empty.
    pub note: Box<str>,
}

impl Override {
    /// True while it is in force. Half-open: at `until` it is not.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}
