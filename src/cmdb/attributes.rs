//! The attributes of a CI as one text: a million CIs are held in memory.
//!
//! Pairs lie sorted by name; name and value each behind their length. Never more than a few dozen, so
//! that looking for one reads them from the beginning. Like [`crate::model::labels::Labels`], but any
//! length can be held: too long a value is found by the check, which shows the CI it is of.

use core::fmt;
use core::hint::black_box;

/// Bits of a length in one character: all of its codes are characters.
const LENGTH_BITS: u32 = 14;

/// Marks a character behind which the higher bits of the length follow.
const LENGTH_GOES_ON: u32 = 1 << LENGTH_BITS;

/// Names with values, sorted by the bytes of the names; each name occurs once.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes(Box<str>);

impl Attributes {
    /// Returns the value of `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Yields the pairs in byte order of their names.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// Reads where they lie, before one is asked for.
    pub(super) fn read_ahead(&self) {
        black_box(self.0.as_bytes().first().copied());
    }

    /// Returns how many pairs there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Puts pairs together, in any order; of several with one name the last one counts.
impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        // Stable: the last of one name stays the last of them.
        pairs.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let mut packed = String::new();
        let mut rest = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).peekable();
        while let Some((name, value)) = rest.next() {
            if rest.peek().is_some_and(|(next, _)| *next == name) {
                continue;
            }
            for text in [name, value] {
                push_length(&mut packed, text.len());
                packed.push_str(text);
            }
        }
        Self(packed.into())
    }
}

fn push_length(packed: &mut String, length: usize) {
    let mut rest = length;
    loop {
        let low = u32::try_from(rest % (1 << LENGTH_BITS)).unwrap_or_default();
        rest >>= LENGTH_BITS;
        let code = if rest > 0 { LENGTH_GOES_ON | low } else { low };
        // Cannot fail: the code is below 0x8000, and the first that is no character is 0xD800.
        packed.extend(char::from_u32(code));
        if rest == 0 {
            return;
        }
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// The pairs of a CI's attributes; made by [`Attributes::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(&'a str);

impl<'a> Iter<'a> {
    fn text(&mut self) -> Option<&'a str> {
        // Nearly all are so short that their length is one byte.
        if let Some(length) = self.0.as_bytes().first().filter(|byte| byte.is_ascii()) {
            let (text, rest) = self.0.get(1..)?.split_at_checked(usize::from(*length))?;
            self.0 = rest;
            return Some(text);
        }
        let (mut length, mut shift) = (0, 0);
        loop {
            let code = self.0.chars().next()?;
            self.0 = self.0.get(code.len_utf8()..)?;
            length |= (code as usize % (1 << LENGTH_BITS)) << shift;
            if u32::from(code) < LENGTH_GOES_ON {
                break;
            }
            shift += LENGTH_BITS;
        }
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn attributes_are_a_map_of_the_last_values(
            pairs in vec(("[a-c]{0,2}", "\\PC{0,5}"), 0..9),
            sought in "[a-d]{0,2}",
        ) {
            let model: BTreeMap<&str, &str> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
            let attributes: Attributes = pairs.iter().map(|(n, v)| (n, v)).collect();
            prop_assert!(attributes.iter().eq(model.iter().map(|(n, v)| (*n, *v))));
            prop_assert_eq!(attributes.len(), model.len());
            prop_assert_eq!(attributes.is_empty(), model.is_empty());
            prop_assert_eq!(attributes.get(&sought), model.get(&*sought).copied());
        }
    }

    #[test]
    fn a_text_of_any_length_is_held() {
        for length in [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x4001, 0x7FFF, 0x8000, 1 << 20] {
            let long = "x".repeat(length);
            let attributes: Attributes = [("a", &*long), ("b", "short")].into_iter().collect();
            assert_eq!(attributes.get("a"), Some(&*long), "{length}");
            assert_eq!(attributes.get("b"), Some("short"), "behind {length}");
        }
    }

    #[test]
    fn attributes_print_as_a_map() {
        let attributes: Attributes = [("rack", "R1"), ("owner", "dc")].into_iter().collect();
        assert_eq!(format!("{attributes:?}"), r#"{"owner": "dc", "rack": "R1"}"#);
    }
}
