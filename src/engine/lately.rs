//! Keeps what was worked out lately, in bounded memory.

use core::hash::Hash;
use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Values by what they were worked out for. Those that were asked for lately weigh at most `MOST` and
/// one value; those that were asked for before them are kept until as many are asked for again.
///
/// Only asked, never iterated: the order of its maps does not matter.
#[derive(Debug)]
pub(super) struct Lately<K, V, const MOST: usize> {
    recent: HashMap<K, V, FixedState>,
    before: HashMap<K, V, FixedState>,
    /// What those of `recent` weigh.
    weight: usize,
}

impl<K, V, const MOST: usize> Default for Lately<K, V, MOST> {
    fn default() -> Self {
        Self { recent: HashMap::default(), before: HashMap::default(), weight: 0 }
    }
}

impl<K: Eq + Hash, V: Clone, const MOST: usize> Lately<K, V, MOST> {
    /// Returns what was asked for lately; nothing where it would have to be looked for.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.recent.get(key)
    }

    /// Returns what is kept, or what `make` works out and how much that weighs.
    pub(super) fn get_or(&mut self, key: K, make: impl FnOnce() -> V, weigh: fn(&V) -> usize) -> V {
        if let Some(known) = self.recent.get(&key) {
            return known.clone();
        }
        let value = self.before.remove(&key).unwrap_or_else(make);
        if self.weight >= MOST {
            // What was not asked for since the last time goes.
            self.before = core::mem::take(&mut self.recent);
            self.weight = 0;
        }
        self.weight += weigh(&value);
        self.recent.insert(key, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_again_is_kept_and_what_is_not_goes() {
        let mut lately = Lately::<u32, u32, 10>::default();
        let mut asked = Vec::new();
        let mut ask = |lately: &mut Lately<u32, u32, 10>, key: u32| {
            let make = || {
                asked.push(key);
                key * 2
            };
            assert_eq!(lately.get_or(key, make, |_| 4), key * 2);
            assert!(lately.recent.len() + lately.before.len() <= 6, "{lately:?}");
        };
        for key in [1, 2, 1, 3, 4, 1, 5, 6, 1, 2] {
            ask(&mut lately, key);
        }
        assert_eq!((lately.peek(&1), lately.peek(&9)), (Some(&2), None));
        assert_eq!(asked, [1, 2, 3, 4, 5, 6, 2]);
    }
}
