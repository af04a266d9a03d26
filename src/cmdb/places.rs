//! Where the parts of a CMDB file are written, for findings about a file that is in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::Draft;
use super::problem::{Place, Problem};
use super::rows::CiRow;

/// The place of each CI of a file.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<Box<str>, Place>);

impl Places {
    pub(super) fn of(draft: &Draft) -> Self {
        let place = |(place, ci): &(Place, Arc<CiRow>)| (ci.name.clone(), *place);
        Self(draft.cis.iter().map(place).collect())
    }

    /// Says of findings that name a CI where that is written in `file`, and sorts them by it.
    pub fn put(&self, findings: &mut [Problem], file: &str) {
        for finding in &mut *findings {
            file.clone_into(&mut finding.file);
            if let Some(place) = self.0.get(&*finding.item) {
                (finding.line, finding.column) = (place.line, place.column);
            }
        }
        findings.sort();
    }
}
