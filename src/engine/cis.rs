//! On how many CIs an incident's members are, kept by counting up and down.
//!
//! Counts the members whose alert is held, those of its subordinates included; so it can be made
//! anew from the records. A storm must not look at all members for its title.

use core::hash::BuildHasher;
use core::num::NonZeroU64;
use std::collections::BTreeMap;

use super::State;
use super::state::Held;
use crate::cmdb::CiRow;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::labels::{Fingerprint, Labels};
use crate::rules::Subject;

/// Members by the hash of their CI's name.
#[derive(Clone, Debug, Default)]
pub(super) struct Cis(BTreeMap<NonZeroU64, u32>);

impl Cis {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, ci: NonZeroU64, more: u32) {
        *self.0.entry(ci).or_default() += more;
    }

    fn remove(&mut self, ci: NonZeroU64, less: u32) {
        if let Some(count) = self.0.get_mut(&ci) {
            *count = count.saturating_sub(less);
            if *count == 0 {
                self.0.remove(&ci);
            }
        }
    }

    /// Reads where the first is counted, before one is.
    pub(super) fn read_ahead(&self) -> Option<(NonZeroU64, u32)> {
        self.0.first_key_value().map(|(ci, count)| (*ci, *count))
    }

    /// Adds what another incident counts.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (ci, count) in &other.0 {
            self.add(*ci, *count);
        }
    }

    /// Takes away what another incident counts.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (ci, count) in &other.0 {
            self.remove(*ci, *count);
        }
    }
}

/// Returns the hash of the name of the CI that an alert is bound to or, unbound, speaks of.
pub(super) fn ci_hash(labels: &Labels, ci: Option<&CiRow>) -> Option<NonZeroU64> {
    hash_of(Subject::new(labels, "", ci).label("ci"))
}

/// Returns the hash of a value; nothing for the missing one, and for the one in 2⁶⁴ that has none.
pub(super) fn hash_of(value: &str) -> Option<NonZeroU64> {
    if value.is_empty() {
        return None;
    }
    NonZeroU64::new(foldhash::quality::FixedState::with_seed(0).hash_one(value))
}

impl State {
    /// Notes an alert as a live member of an incident.
    pub(super) fn enlist(&mut self, id: IncidentId, record: RecordId, alert: Fingerprint) {
        let ci = self.alerts.get(&alert).and_then(|held| held.ci_hash);
        let Some(case) = self.incidents.get_mut(&id) else { return };
        case.live.insert(record, alert);
        let Some(ci) = ci else { return };
        case.cis.add(ci, 1);
        let mut above = case.record.parent;
        while let Some(case) = above.and_then(|id| self.incidents.get_mut(&id)) {
            case.cis.add(ci, 1);
            above = case.record.parent;
        }
    }

    /// Forgets a live member of an incident; while its alert is still held.
    pub(super) fn delist(&mut self, id: IncidentId, record: RecordId) {
        let Some(case) = self.incidents.get_mut(&id) else { return };
        let alert = case.live.remove(record);
        let held = alert.and_then(|alert| self.alerts.get(&alert));
        let Some(ci) = held.and_then(|held: &Held| held.ci_hash) else { return };
        for id in self.chain(Some(id)) {
            if let Some(case) = self.incidents.get_mut(&id) {
                case.cis.remove(ci, 1);
            }
        }
    }

    /// Counts the CI of an alert under another name; by the hashes of the name before and of this.
    pub(super) fn rename_ci(&mut self, alert: Fingerprint, [before, now]: [Option<NonZeroU64>; 2]) {
        let Some(held) = self.alerts.get(&alert) else { return };
        let Some((id, record)) = held.state.incident.zip(held.state.record) else { return };
        let own = self.incidents.get(&id);
        if own.is_none_or(|case| case.live.get(record) != Some(alert)) {
            return;
        }
        for id in self.chain(Some(id)) {
            let Some(case) = self.incidents.get_mut(&id) else { continue };
            if let Some(before) = before {
                case.cis.remove(before, 1);
            }
            if let Some(now) = now {
                case.cis.add(now, 1);
            }
        }
    }

    /// Counts the CIs of all incidents anew: alerts are bound otherwise.
    pub(super) fn recount_cis(&mut self) {
        let alerts = &self.alerts;
        let mut below = Vec::new();
        self.incidents.for_each_mut(|case| {
            case.cis = Cis::default();
            let hashes = case.live.alerts().filter_map(|alert| alerts.get(&alert)?.ci_hash);
            hashes.for_each(|ci| case.cis.add(ci, 1));
            below.extend(case.record.parent.map(|above| (above, case.cis.clone())));
        });
        for (above, cis) in below {
            for id in self.chain(Some(above)) {
                if let Some(case) = self.incidents.get_mut(&id) {
                    case.cis.absorb(&cis);
                }
            }
        }
    }
}
