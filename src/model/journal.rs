//! The journal: what changed the state of an alert, kept for a while so that it can be played again.

use std::sync::Arc;

use super::labels::Labels;
use super::time::Timestamp;

/// A change of an alert's state: an episode began or ended, or its severity is another. Heartbeats
/// are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Counted from 1 without a gap.
    pub seq: u64,
    /// When it was heard or fell due.
    pub at: Timestamp,
    /// The source that said so, or that had said nothing for too long.
    pub source: Arc<str>,
    /// The alert's labels.
    pub labels: Labels,
    /// The severity given beside the labels, if any.
    pub severity: Option<Box<str>>,
    /// When the episode began, as that source said.
    pub starts_at: Timestamp,
    /// When it ended; `None` while it fires.
    pub ended_at: Option<Timestamp>,
}
