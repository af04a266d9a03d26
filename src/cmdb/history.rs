//! Who changed the CMDB when: one entry for each version, the newest of which are kept.

use super::delta::Delta;
use super::diff::Difference;
use crate::model::time::Timestamp;

/// Entries kept.
pub const HISTORY_MAX: usize = 100;

/// One change of the CMDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub by: Box<str>,
    /// What was done, in words: `replace shop.yaml`, `remove srv-1`.
    pub what: Box<str>,
    /// CIs that were new.
    pub cis_added: u64,
    /// CIs that were gone.
    pub cis_removed: u64,
    /// Attributes that changed, classes and label sets included.
    pub attributes: u64,
    /// Relations that were new.
    pub relations_added: u64,
    /// Relations that were gone.
    pub relations_removed: u64,
    /// Relations whose source or validity changed.
    pub relations_changed: u64,
    /// Relations that were only confirmed.
    pub confirmed: u64,
}

impl Change {
    /// Counts a difference; the other fields say what it is the difference of.
    #[must_use]
    pub fn count(mut self, difference: &Difference) -> Self {
        let count = |side: &super::Side| side.count as u64;
        self.cis_added = count(&difference.cis_added);
        self.cis_removed = count(&difference.cis_removed);
        self.attributes = count(&difference.attributes);
        self.relations_added = count(&difference.relations_added);
        self.relations_removed = count(&difference.relations_removed);
        self.relations_changed = count(&difference.facts);
        self.confirmed = difference.confirmed as u64;
        self
    }

    /// Begins an entry without counts.
    pub fn new(version: u64, at: Timestamp, by: &str, what: &str) -> Self {
        let (by, what) = (by.into(), what.into());
        let (cis_added, cis_removed, attributes) = (0, 0, 0);
        let (relations_added, relations_removed, relations_changed, confirmed) = (0, 0, 0, 0);
        Self {
            version,
            at,
            by,
            what,
            cis_added,
            cis_removed,
            attributes,
            relations_added,
            relations_removed,
            relations_changed,
            confirmed,
        }
    }
}

/// A version of the CMDB to be stored: what to write, and its entry in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The rows by which it differs from the version before.
    pub delta: Delta,
    /// Who, when, and the version's number.
    pub change: Change,
}
