//! A map that is mostly asked for keys which it does not have.
//!
//! Around every alert a few hundred places are asked for incidents, and above it some for causes, and
//! nearly all have none. A bit for each key answers for those from a table that the processor keeps near, however many incidents
//! are open elsewhere; a second bit in another table is asked for the few that are left, and only for
//! what is left then the key itself, which has to be made of the name of a CI far away (a Bloom
//! filter, whose two tables are asked one after the other).

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Bits of the first table, as a power of two: 64 KiB, which stay near. With 30,000 keys one bit in
/// eighteen is set; with so many that most are it is a map like any.
const FIRST_BITS: u32 = 19;

/// Bits of the second: 256 KiB, of which one in seventy is set then.
const SECOND_BITS: u32 = 21;

/// Bits of a mark that the first table leaves to the second.
const MORE_BITS: u32 = 5;

/// Keys that may have gone before the bits are set anew, beyond as many as there are.
const GONE_MIN: usize = 4_096;

/// Spreads keys that differ in a few bits only (Knuth, multiplicative hashing).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Likewise for marks, so that two that share their first bit seldom share the second.
const SPREAD_MARK: u32 = 0x9E37_79B1;

/// Values by hash. Only asked, never iterated where the order could be seen.
#[derive(Debug)]
pub(super) struct Sparse<V> {
    values: HashMap<u64, V, FixedState>,
    /// Set for each key that there is, and for some that went since they were set anew.
    first: Bits,
    second: Bits,
    /// How many went.
    gone: usize,
}

impl<V> Default for Sparse<V> {
    fn default() -> Self {
        let (first, second) = (Bits::none(FIRST_BITS), Bits::none(SECOND_BITS));
        Self { values: HashMap::default(), first, second, gone: 0 }
    }
}

/// One table of bits.
#[derive(Debug)]
struct Bits(Box<[u64]>);

impl Bits {
    /// A table of `1 << bits` bits.
    fn none(bits: u32) -> Self {
        Self(vec![0; 1 << (bits - u64::BITS.ilog2())].into())
    }

    /// `bit` is one of those that the table has.
    fn has(&self, bit: u32) -> bool {
        let word = self.0.get((bit / u64::BITS) as usize);
        word.is_some_and(|word| word >> (bit % u64::BITS) & 1 != 0)
    }

    fn set(&mut self, bit: u32) {
        if let Some(word) = self.0.get_mut((bit / u64::BITS) as usize) {
            *word |= 1 << (bit % u64::BITS);
        }
    }
}

/// What of a key says which bits are set for it. Whoever asks for many keys again and again keeps
/// these instead of the keys, in half the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u32);

impl Mark {
    /// Bits of its number.
    pub(super) const BITS: u32 = FIRST_BITS + MORE_BITS;

    pub(super) fn of(key: u64) -> Self {
        // Cannot be more: that many bits are left of the hash.
        Self(u32::try_from(key.wrapping_mul(SPREAD) >> (u64::BITS - Self::BITS)).unwrap_or(0))
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Takes back what [`Mark::number`] gave.
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Its bit in the first table.
    fn first(self) -> u32 {
        self.0 >> MORE_BITS
    }

    /// Its bit in the second.
    fn second(self) -> u32 {
        self.0.wrapping_mul(SPREAD_MARK) >> (u32::BITS - SECOND_BITS)
    }
}

impl<V> Sparse<V> {
    fn note(&mut self, key: u64) {
        let mark = Mark::of(key);
        self.first.set(mark.first());
        self.second.set(mark.second());
    }

    /// True when it may have a key with this mark; false when it has none.
    pub(super) fn may_have(&self, mark: Mark) -> bool {
        self.first.has(mark.first()) && self.second.has(mark.second())
    }

    pub(super) fn has(&self, key: u64) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        if self.may_have(Mark::of(key)) { self.values.get(&key) } else { None }
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
            (self.first, self.second) = (Bits::none(FIRST_BITS), Bits::none(SECOND_BITS));
            self.gone = 0;
            let keys: Vec<u64> = self.values.keys().copied().collect();
            for key in keys {
                self.note(key);
            }
        }
        removed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
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
    use core::hash::BuildHasher;

    use proptest::prelude::*;

    use super::*;

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
                    let mark = Mark::from_number(Mark::of(key).number());
                    prop_assert!(sparse.may_have(mark) || !map.contains_key(&key));
                    prop_assert_eq!(sparse.get_mut(key), map.get_mut(&key));
                }
            }
            sparse.clear();
            prop_assert_eq!(sparse.get(0), None);
        }
    }

    #[test]
    fn few_keys_that_there_are_not_look_as_if_they_were() {
        let mut sparse = Sparse::<u8>::default();
        let key = |n: u32| FixedState::with_seed(0).hash_one(n);
        (0..30_000).for_each(|n| *sparse.or_default(key(n)) = 1);
        let others = (30_000..130_000).filter(|n| sparse.may_have(Mark::of(key(*n)))).count();
        assert!(others < 300, "{others} of 100000");
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
        let bits: u32 = sparse.first.0.iter().map(|word| word.count_ones()).sum();
        assert!(bits as usize <= 2 * (GONE_MIN + 100), "{bits}");
        assert!((99_901..100_000).all(|key| sparse.get(key + 1_000_000) == Some(&1)));
    }
}
