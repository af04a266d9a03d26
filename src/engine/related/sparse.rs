//! A map that is mostly asked for keys which it does not have.
//!
//! Around every alert a few hundred places are asked for incidents, and nearly all have none. A bit
//! for each of the low places of the hash answers for those from a table that the processor keeps
//! near, however many incidents are open elsewhere; only the others are looked up.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Bits, as a power of two: 32 KiB. With so many keys that most bits are set it is a map like any.
const BITS: u32 = 18;

/// Spreads keys that differ in a few bits only (Knuth, multiplicative hashing).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Values by hash. Only asked, never iterated.
#[derive(Debug)]
pub(super) struct Sparse<V> {
    values: HashMap<u64, V, FixedState>,
    /// Set for each key that was ever put in since the last [`Sparse::clear`].
    known: Box<[u64]>,
}

impl<V> Default for Sparse<V> {
    fn default() -> Self {
        let words = 1 << (BITS - u64::BITS.ilog2());
        Self { values: HashMap::default(), known: vec![0; words].into() }
    }
}

impl<V> Sparse<V> {
    /// Returns the word and the bit of a key.
    fn place(key: u64) -> (usize, u64) {
        let hash = key.wrapping_mul(SPREAD) >> (u64::BITS - BITS);
        let word = usize::try_from(hash / u64::from(u64::BITS)).unwrap_or(0);
        (word, 1 << (hash % u64::from(u64::BITS)))
    }

    fn note(&mut self, key: u64) {
        let (word, bit) = Self::place(key);
        if let Some(word) = self.known.get_mut(word) {
            *word |= bit;
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        let (word, bit) = Self::place(key);
        let known = self.known.get(word).is_some_and(|word| word & bit != 0);
        if known { self.values.get(&key) } else { None }
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.values.get_mut(&key)
    }

    pub(super) fn insert(&mut self, key: u64, value: V) {
        self.note(key);
        self.values.insert(key, value);
    }

    pub(super) fn or_default(&mut self, key: u64) -> &mut V
    where
        V: Default,
    {
        self.note(key);
        self.values.entry(key).or_default()
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        self.values.remove(&key)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0_u64..64, any::<Option<u8>>()), 0..200)) {
            let (mut sparse, mut map) = (Sparse::default(), HashMap::<u64, u8>::new());
            for (key, value) in steps {
                if let Some(value) = value {
                    if value % 2 == 0 {
                        sparse.insert(key, value);
                    } else {
                        *sparse.or_default(key) = value;
                    }
                    map.insert(key, value);
                } else {
                    prop_assert_eq!(sparse.remove(key), map.remove(&key));
                }
                for key in 0..64 {
                    prop_assert_eq!(sparse.get(key), map.get(&key));
                    prop_assert_eq!(sparse.get_mut(key), map.get_mut(&key));
                }
            }
            sparse.clear();
            prop_assert_eq!(sparse.get(0), None);
        }
    }
}
