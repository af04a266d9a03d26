//! Major incidents: those that management hears of first, and that are not closed without a review.

use super::time::Timestamp;

/// Who is named where the rules declared it.
pub const RULES: &str = "rules";

/// That an incident is, or was, a major one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Major {
    /// When it was declared last.
    pub declared_at: Timestamp,
    /// Who declared it; [`RULES`] for the rules.
    pub by: Box<str>,
    /// Why.
    pub because: Box<str>,
    /// When somebody said that it is none any more. No rule declares it again.
    pub stood_down_at: Option<Timestamp>,
}

impl Major {
    /// True while it is one.
    pub fn stands(&self) -> bool {
        self.stood_down_at.is_none()
    }
}
