//! What was around a stored alert, for rules whose conditions ask for it.
//!
//! The time is that at which the alert began, as it was when the engine decided; what fires is what
//! fires now. Only looked for when a rule asks.

use core::cell::OnceCell;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::cmdb::{CiId, CiRow};
use crate::engine::changes::AlertRow;
use crate::model::alert::severity;
use crate::model::time::Timestamp;
use crate::rules::{Around, CounterId, Subject, Times};
use crate::store::StoreError;

use super::super::Reading;

/// The different values by counter and key.
type Counts = BTreeMap<(CounterId, Box<str>), BTreeSet<Box<str>>>;

/// A stored alert amid what is stored.
pub(super) struct Surroundings<'a> {
    reading: &'a Reading<'a>,
    ci: Option<CiId>,
    began: Timestamp,
    services: OnceCell<Vec<&'a CiRow>>,
    counts: OnceCell<Option<Counts>>,
}

impl<'a> Surroundings<'a> {
    /// Of an alert that is stored.
    pub(super) fn of(reading: &'a Reading<'a>, row: &AlertRow) -> Self {
        let ci = row.ci.as_deref().and_then(|name| reading.context.topology.find(name));
        Self::new(reading, ci, row.state.first_seen)
    }

    fn new(reading: &'a Reading<'a>, ci: Option<CiId>, began: Timestamp) -> Self {
        Self { reading, ci, began, services: OnceCell::new(), counts: OnceCell::new() }
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("ci", &self.ci).finish_non_exhaustive()
    }
}

impl Around for Surroundings<'_> {
    fn covers(&self, times: &Times) -> Option<bool> {
        let calendar = self.reading.context.rules.calendar(times);
        calendar.map(|calendar| calendar.covers(self.began))
    }

    fn services(&self) -> &[&CiRow] {
        self.services.get_or_init(|| {
            let topology = &self.reading.context.topology;
            let services = self.ci.map(|ci| topology.services_hit(ci)).unwrap_or_default();
            services.into_iter().map(|ci| topology.ci(ci)).collect()
        })
    }

    fn count(&self, counter: CounterId, key: &str) -> Option<usize> {
        let counts = self.counts.get_or_init(|| counts(self.reading).ok()).as_ref()?;
        Some(counts.get(&(counter, key.into())).map_or(0, BTreeSet::len))
    }
}

/// Counts all that fires.
fn counts(reading: &Reading<'_>) -> Result<Counts, StoreError> {
    let context = &reading.context;
    let mut counts = Counts::new();
    reading.view.each_alert(&mut |labels, state| {
        if !state.fires() {
            return;
        }
        let bound = context.binder.bind(&context.topology, labels);
        let ci = bound.map(|bound| bound.ci);
        let around = Surroundings::new(reading, ci, state.first_seen);
        let severity = severity(state.severity.as_deref(), labels);
        let subject = Subject::new(labels, severity, ci.map(|ci| context.topology.ci(ci)));
        for one in context.rules.counters().tally(&subject.amid(&around)) {
            counts.entry((one.counter, one.key)).or_default().insert(one.value);
        }
    })?;
    Ok(counts)
}
