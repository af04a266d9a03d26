//! The alerts that are held, found by their fingerprints.
//!
//! Each has a place in memory of its own, so that the table beside them is small: a table is at times
//! hardly more than half full, and doubles all at once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::state::Held;
use crate::model::alert::AlertState;
use crate::model::labels::{Fingerprint, Labels};

/// Alerts by fingerprint. Their order is not determined: who depends on one sorts.
#[derive(Debug, Default)]
pub(super) struct Alerts(HashMap<Fingerprint, Box<Held>, RandomState>);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "asked as maps are")]
impl Alerts {
    pub(super) fn get(&self, alert: &Fingerprint) -> Option<&Held> {
        self.0.get(alert).map(|held| &**held)
    }

    pub(super) fn get_mut(&mut self, alert: &Fingerprint) -> Option<&mut Held> {
        self.0.get_mut(alert).map(|held| &mut **held)
    }

    pub(super) fn contains_key(&self, alert: &Fingerprint) -> bool {
        self.0.contains_key(alert)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, alert: Fingerprint, held: Held) {
        self.0.insert(alert, Box::new(held));
    }

    /// Goes on holding a stored one.
    pub(super) fn hold(&mut self, SavedAlert { fingerprint, held }: SavedAlert) {
        self.0.insert(fingerprint, held);
    }

    pub(super) fn remove(&mut self, alert: &Fingerprint) {
        self.0.remove(alert);
    }

    /// Makes room for so many more at once.
    pub(super) fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Fingerprint> {
        self.0.keys()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Fingerprint, &Held)> {
        self.0.iter().map(|(alert, held)| (alert, &**held))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Fingerprint, &mut Held)> {
        self.0.iter_mut().map(|(alert, held)| (alert, &mut **held))
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &Held> {
        self.0.values().map(|held| &**held)
    }
}

/// An alert as it is stored, where the engine will hold it: a million of them are not moved about.
#[derive(Clone, Debug)]
pub struct SavedAlert {
    pub(super) fingerprint: Fingerprint,
    pub(super) held: Box<Held>,
}

impl SavedAlert {
    /// Takes it from its stored parts; `fingerprint` is that of `labels`.
    pub fn new(fingerprint: Fingerprint, labels: Labels, state: AlertState) -> Self {
        Self { fingerprint, held: Box::new(Held::of(labels, state)) }
    }

    /// Returns its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns its labels as they were sent.
    pub fn labels(&self) -> &Labels {
        &self.held.labels
    }

    /// Returns what changes of it.
    pub fn state(&self) -> &AlertState {
        &self.held.state
    }
}

/// Two are equal when what is stored of them is.
impl PartialEq for SavedAlert {
    fn eq(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.fingerprint, it.held.labels.clone());
        of(self) == of(other) && self.held.state == other.held.state
    }
}

impl Eq for SavedAlert {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Case;

    /// There may be a million alerts, and a hundred thousand incidents.
    #[test]
    fn what_there_is_many_of_does_not_grow_unseen() {
        assert_eq!(size_of::<Held>(), 256, "an alert; 32 bytes less would be a smaller size class");
        assert_eq!(size_of::<crate::engine::suppress::inhibit::Filed>(), 24);
        assert!(size_of::<Case>() <= 2_048, "an incident has {} bytes", size_of::<Case>());
    }
}
