//! A few names in order, in one place of memory: records hold many of them and are copied with every
//! change, and in a list of texts each would be an allocation and a place of its own.

use core::cmp::Ordering;
use core::fmt;

/// Names, sorted by their bytes; each occurs once.
///
/// How many there are, where each of them ends behind all these numbers, and their text; nothing where
/// there is none. A number is four bytes, the lowest first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names(Box<[u8]>);

/// Bytes of a number.
const NUMBER: usize = size_of::<u32>();

impl Names {
    /// Adds a name where it belongs, as long as there are fewer than `most`; true when it was added.
    pub fn add(&mut self, name: &str, most: usize) -> bool {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(name.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return false,
                Ordering::Greater => high = middle,
            }
        }
        if self.len() >= most {
            return false;
        }
        let mut names: Vec<&[u8]> = (0..self.len()).map(|place| self.at(place)).collect();
        names.insert(low, name.as_bytes());
        *self = Self::packed(&names);
        true
    }

    fn packed(names: &[&[u8]]) -> Self {
        // Names are far too few and short for more.
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let text: usize = names.iter().map(|name| name.len()).sum();
        let mut packed = Vec::with_capacity((names.len() + 1) * NUMBER + text);
        packed.extend(number(names.len()));
        let mut end = 0;
        for name in names {
            end += name.len();
            packed.extend(number(end));
        }
        packed.extend(names.iter().copied().flatten());
        Self(packed.into())
    }

    /// Yields them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // Cannot fail: they were texts before.
        (0..self.len()).map(|place| core::str::from_utf8(self.at(place)).unwrap_or_default())
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.number(0)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one of the numbers; 0 where there is none.
    fn number(&self, at: usize) -> usize {
        let bytes = self.0.get(at * NUMBER..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }

    fn at(&self, place: usize) -> &[u8] {
        let text = (self.len() + 1) * NUMBER;
        let begin = if place == 0 { 0 } else { self.number(place) };
        self.0.get(text + begin..text + self.number(place + 1)).unwrap_or_default()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let names: Vec<T> = names.into_iter().collect();
        let mut all: Vec<&[u8]> = names.iter().map(|name| name.as_ref().as_bytes()).collect();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() { Self::default() } else { Self::packed(&all) }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_set_in_order(names in prop::collection::vec("[aé]{0,3}", 0..30)) {
            let (mut all, mut set) = (Names::default(), BTreeSet::new());
            for name in &names {
                prop_assert_eq!(all.add(name, 8), set.len() < 8 && !set.contains(name));
                if set.len() < 8 {
                    set.insert(name.clone());
                }
                prop_assert!(all.iter().eq(set.iter().map(String::as_str)));
                prop_assert_eq!((all.len(), all.is_empty()), (set.len(), set.is_empty()));
            }
            let again: Vec<&str> = all.iter().chain(all.iter()).collect();
            prop_assert_eq!(again.iter().rev().collect::<Names>(), all.clone());
            prop_assert_eq!(format!("{all:?}"), format!("{:?}", set.iter().collect::<Vec<_>>()));
        }
    }
}
