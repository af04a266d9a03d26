//! A map that is mostly asked for keys which it does not have.
//!
//! Around every alert a few hundred places are asked for incidents, and nearly all have none. A bit
//! for each of the low places of the hash answers for those from a table that the processor keeps
//! near, however many incidents are open elsewhere; only the others are looked up.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Bits, as a power of two: 256 KiB. With 30,000 keys one bit in seventy is set; with so many that
/// most are it is a map like any.
const BITS: u32 = 21;

/// Keys that may have gone before the bits are set anew, beyond as many as there are.
const GONE_MIN: usize = 4_096;

/// Spreads keys that differ in a few bits only (Knuth, multiplicative hashing).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Values by hash. Only asked, never iterated where the order could be seen.
#[derive(Debug)]
pub(super) struct Sparse<V> {
    values: HashMap<u64, V, FixedState>,
    /// Set for each key that there is, and for some that went since they were set anew.
    known: Box<[u64]>,
    /// How many went.
    gone: usize,
}

impl<V> Default for Sparse<V> {
    fn default() -> Self {
        Self { values: HashMap::default(), known: no_bits(), gone: 0 }
    }
}

/// The bit that is set for a key: less than `1 << BITS`. Whoever asks for many keys again and again
/// keeps these instead of the keys, in half the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bit(u32);

impl Bit {
    /// Bits of its number.
    pub(super) const BITS: u32 = BITS;

    pub(super) fn of(key: u64) -> Self {
        // Cannot be more: that many bits are left of the hash.
        Self(u32::try_from(key.wrapping_mul(SPREAD) >> (u64::BITS - BITS)).unwrap_or(0))
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Takes back what [`Bit::number`] gave.
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Returns its word, and the mask for it there.
    fn place(self) -> (usize, u64) {
        ((self.0 / u64::BITS) as usize, 1 << (self.0 % u64::BITS))
    }
}

fn no_bits() -> Box<[u64]> {
    vec![0; 1 << (BITS - u64::BITS.ilog2())].into()
}

impl<V> Sparse<V> {
    fn note(&mut self, key: u64) {
        let (word, mask) = Bit::of(key).place();
        if let Some(word) = self.known.get_mut(word) {
            *word |= mask;
        }
    }

    /// True when it may have a key with this bit; false when it has none.
    pub(super) fn may_have(&self, bit: Bit) -> bool {
        let (word, mask) = bit.place();
        self.known.get(word).is_some_and(|word| word & mask != 0)
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        if self.may_have(Bit::of(key)) { self.values.get(&key) } else { None }
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.values.get_mut(&key)
    }

    pub(super) fn or_default(&mut self, key: u64) -> &mut V
    where
        V: Default,
    {
        self.note(key);
        self.values.entry(key).or_default()
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let removed = self.values.remove(&key);
        self.gone += usize::from(removed.is_some());
        if self.gone > self.values.len() + GONE_MIN {
            (self.known, self.gone) = (no_bits(), 0);
            let keys: Vec<u64> = self.values.keys().copied().collect();
            for key in keys {
                self.note(key);
            }
        }
        removed
    }

    /// Yields all in no particular order.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.values.iter().map(|(key, value)| (*key, value))
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
                    *sparse.or_default(key) = value;
                    map.insert(key, value);
                } else {
                    prop_assert_eq!(sparse.remove(key), map.remove(&key));
                }
                for key in 0..64 {
                    prop_assert_eq!(sparse.get(key), map.get(&key));
                    let bit = Bit::from_number(Bit::of(key).number());
                    prop_assert!(sparse.may_have(bit) || !map.contains_key(&key));
                    prop_assert_eq!(sparse.get_mut(key), map.get_mut(&key));
                }
            }
            sparse.clear();
            prop_assert_eq!(sparse.get(0), None);
        }
    }

    #[test]
    fn of_keys_that_went_no_bit_stays_for_long() {
        let mut sparse = Sparse::<u8>::default();
        for key in 0..100_000 {
            *sparse.or_default(key) = 1;
            *sparse.or_default(key + 1_000_000) = 1;
            sparse.remove(key);
            assert_eq!(sparse.get(key), None);
            if key >= 100 {
                sparse.remove(key + 1_000_000 - 100);
            }
        }
        let bits: u32 = sparse.known.iter().map(|word| word.count_ones()).sum();
        assert!(bits as usize <= 2 * (GONE_MIN + 100), "{bits}");
        assert!((99_901..100_000).all(|key| sparse.get(key + 1_000_000) == Some(&1)));
    }
}
