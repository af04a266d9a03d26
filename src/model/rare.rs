//! A list that is empty for nearly all who have one, and takes them one word.

use core::fmt;
use core::ops::Deref;

/// Read as a slice; changed as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Rare<T>(Option<Box<Box<[T]>>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Rare<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |list| list)
    }
}

impl<T: fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> From<Vec<T>> for Rare<T> {
    fn from(list: Vec<T>) -> Self {
        Self((!list.is_empty()).then(|| Box::new(list.into())))
    }
}

impl<T> FromIterator<T> for Rare<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        all.into_iter().collect::<Vec<T>>().into()
    }
}

impl<'a, T> IntoIterator for &'a Rare<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_and_an_empty_one_takes_one_word() {
        for list in [vec![], vec![7], vec![7, 7, 9]] {
            let rare: Rare<u64> = list.iter().copied().collect();
            assert_eq!(*rare, *list);
            assert_eq!(rare, list.clone().into());
            assert_eq!(rare == Rare::default(), list.is_empty());
        }
        assert_eq!(size_of::<Rare<u64>>(), size_of::<usize>());
    }
}
