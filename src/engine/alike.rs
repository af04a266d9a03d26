//! What rules add to many alerts is held once: a team, a city, a link are the same for thousands.
//!
//! Forgets: it knows only what was asked for lately, so that it need not be told what is not held any
//! more. Whoever has something of it keeps it.

use core::hash::BuildHasher;
use std::sync::Arc;

use crate::rules::Added;

/// How many are known at a time.
const KNOWN_MAX: usize = 1_024;

/// What rules added lately, each at the place that its hash says.
#[derive(Debug, Default)]
pub(super) struct Alike(Vec<Option<Arc<Added>>>);

impl Alike {
    /// Returns the one that is like it, or it.
    pub(super) fn one(&mut self, added: Added) -> Arc<Added> {
        if self.0.is_empty() {
            self.0.resize(KNOWN_MAX, None);
        }
        let hash = foldhash::fast::FixedState::default().hash_one(&added);
        let at = usize::try_from(hash % KNOWN_MAX as u64).unwrap_or(0);
        let Some(place) = self.0.get_mut(at) else { return Arc::new(added) };
        if let Some(known) = place.as_ref().filter(|known| ***known == added) {
            return Arc::clone(known);
        }
        Arc::clone(place.insert(Arc::new(added)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_held_once_and_what_is_not_stays_what_it_is() {
        let mut alike = Alike::default();
        let added = |n: usize| {
            let labels = vec![("team".into(), n.to_string().into())];
            Added { labels, ..Added::default() }
        };
        let first = alike.one(added(0));
        assert!(Arc::ptr_eq(&first, &alike.one(added(0))));
        // More than are known at a time.
        let all: Vec<_> = (0..3 * KNOWN_MAX).map(|n| alike.one(added(n))).collect();
        for (n, one) in all.iter().enumerate() {
            assert_eq!(**one, added(n));
        }
    }
}
