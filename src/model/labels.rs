//! Label sets and the fingerprint that is an alert's identity.
//!
//! A million alerts are held in memory, so a label set is one allocation: its pairs lie in one
//! string, each name and value behind a character whose code is its length in bytes. What many of
//! them have in common can be shared between them; see [`super::shapes`].

use core::fmt;
use core::hash::{Hash, Hasher};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// The longest name or value a label set can hold, in bytes. A length is stored as one `char`, and
/// 0xD800 is the first code that is none; the limits that senders meet are far lower (settings).
pub const TEXT_LEN_MAX: usize = 0xD7FF;

/// Identifies an alert whoever sends it: FNV-1a 64 over each label's name and value, every one
/// followed by the byte 0xFF, in byte order of the names. Annotations do not count.
///
/// The same number as Alertmanager's (`common/model/signature.go`), so that what an engineer sees
/// there can be pasted here. Prints as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl core::str::FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Reads 16 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        if text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAFingerprint(text.into()))
        } else {
            Err(NotAFingerprint(text.into()))
        }
    }
}

/// The text is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fingerprint, expected 16 hexadecimal digits")]
pub struct NotAFingerprint(pub String);

/// A set of names with values, sorted by the bytes of the names; each name occurs once.
///
/// Holds an alert's labels and, in the same form, its annotations. Cloning shares the text.
#[derive(Clone)]
pub struct Labels(Text);

/// Two forms of the same; nobody outside can tell one from the other.
#[derive(Clone)]
enum Text {
    /// All pairs, packed.
    Whole(Arc<str>),
    /// A shape, and the values of its own.
    Folded(Arc<Folded>),
}

/// A label set of which part is shared with others.
struct Folded {
    shape: Arc<Shape>,
    /// The values that the shape does not have, in the order of their names, packed.
    own: Box<str>,
}

/// What label sets have in common: their names, and the values of some of them.
#[derive(Debug)]
pub(super) struct Shape(Box<[ShapePair]>);

/// A name, and the value if it is shared.
type ShapePair = (Box<str>, Option<Box<str>>);

impl Shape {
    /// Takes the names of a set, and those of its values of whose places this is true.
    pub(super) fn of(labels: &Labels, is_shared: impl Fn(usize) -> bool) -> Self {
        let pairs = labels.iter().enumerate().map(|(at, (name, value))| {
            let value = is_shared(at).then(|| value.into());
            (name.into(), value)
        });
        Self(pairs.collect())
    }
}

/// A pair cannot be held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// Two pairs share a name.
    #[error("label `{0}` is given twice")]
    Duplicate(String),
    /// A name or value is longer than [`TEXT_LEN_MAX`].
    #[error("label `{name}` is {len} bytes long, must be at most {TEXT_LEN_MAX}")]
    TooLong {
        /// The label's name, or its beginning.
        name: String,
        /// Length of the name or value, in bytes.
        len: usize,
    },
}

impl Labels {
    /// The empty set.
    pub fn empty() -> Self {
        static EMPTY: LazyLock<Labels> = LazyLock::new(|| Labels(Text::Whole(Arc::from(""))));
        EMPTY.clone()
    }

    /// Builds a set from pairs in any order, which it sorts in place.
    ///
    /// # Errors
    /// When a name occurs twice or a text is longer than [`TEXT_LEN_MAX`].
    pub fn build(pairs: &mut [(&str, &str)]) -> Result<Self, LabelsError> {
        pairs.sort_unstable();
        let size = pairs.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
        Self::of_sorted(pairs.iter().copied(), &mut String::with_capacity(size))
    }

    /// Builds a set from pairs in order; `room` is where it is put together, so that whoever builds
    /// many makes it once. What was in it is gone.
    ///
    /// # Errors
    /// As for [`Labels::build`].
    pub fn of_sorted<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        room: &mut String,
    ) -> Result<Self, LabelsError> {
        room.clear();
        let mut last: Option<&str> = None;
        for (name, value) in pairs {
            if last == Some(name) {
                return Err(LabelsError::Duplicate(name.into()));
            }
            last = Some(name);
            for text in [name, value] {
                if !pack(room, text) {
                    let name = name.chars().take(64).collect();
                    return Err(LabelsError::TooLong { name, len: text.len() });
                }
            }
        }
        Ok(Self::hold(room))
    }

    /// Empty sets are one: most CIs and many alerts have one, and each would be an allocation.
    fn hold(packed: &str) -> Self {
        if packed.is_empty() { Self::empty() } else { Self(Text::Whole(packed.into())) }
    }

    /// Returns the same set with what it shares with the shape taken from there; nothing where it does
    /// not have the shape's names and values.
    pub(super) fn folded(&self, shape: &Arc<Shape>) -> Option<Self> {
        let mut own = String::with_capacity(self.size());
        let mut pairs = self.iter();
        for (name, value) in &shape.0 {
            let (own_name, own_value) = pairs.next()?;
            let fits = match value {
                Some(value) => **value == *own_value,
                None => pack(&mut own, own_value),
            };
            if **name != *own_name || !fits {
                return None;
            }
        }
        let folded = Folded { shape: Arc::clone(shape), own: own.into() };
        pairs.next().is_none().then(|| Self(Text::Folded(Arc::new(folded))))
    }

    /// Returns the set in the form in which it is stored, and mostly lies in memory: per name and per
    /// value one character whose code is the length in bytes, then the text.
    pub fn packed(&self) -> Cow<'_, str> {
        match &self.0 {
            Text::Whole(packed) => Cow::Borrowed(packed),
            Text::Folded(_) => {
                let mut packed = String::new();
                for text in self.iter().flat_map(|(name, value)| [name, value]) {
                    // Cannot fail: it was packed before.
                    pack(&mut packed, text);
                }
                Cow::Owned(packed)
            }
        }
    }

    /// Adds what [`Labels::packed`] gives to bytes, without a text of its own in between.
    pub fn pack_into(&self, into: &mut Vec<u8>) {
        if let Text::Whole(packed) = &self.0 {
            into.extend_from_slice(packed.as_bytes());
            return;
        }
        for text in self.iter().flat_map(|(name, value)| [name, value]) {
            // Cannot fail: it was packed before.
            let length = u32::try_from(text.len()).ok().and_then(char::from_u32);
            into.extend_from_slice(length.unwrap_or_default().encode_utf8(&mut [0; 4]).as_bytes());
            into.extend_from_slice(text.as_bytes());
        }
    }

    /// Returns the packed text to share it, where it lies in one place.
    pub fn whole(&self) -> Option<Arc<str>> {
        match &self.0 {
            Text::Whole(packed) => Some(Arc::clone(packed)),
            Text::Folded(_) => None,
        }
    }

    /// Takes back what [`Labels::packed`] gave; `None` when it is no such text.
    pub fn from_packed(packed: &str) -> Option<Self> {
        let mut rest = packed;
        let mut last: Option<&str> = None;
        while !rest.is_empty() {
            let name = unpack(&mut rest)?;
            unpack(&mut rest)?;
            if last.is_some_and(|last| last >= name) {
                return None;
            }
            last = Some(name);
        }
        Some(Self::hold(packed))
    }

    /// Returns the value of `name`, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Yields the pairs in byte order of their names.
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Text::Whole(packed) => Iter(Rest::Whole(packed)),
            Text::Folded(folded) => Iter(Rest::Folded(folded.shape.0.iter(), &folded.own)),
        }
    }

    /// Returns how many pairs there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// True for the empty set.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Text::Whole(packed) => packed.is_empty(),
            Text::Folded(folded) => folded.shape.0.is_empty(),
        }
    }

    /// Returns the size of the packed text, in bytes.
    pub fn size(&self) -> usize {
        self.packed().len()
    }

    /// Computes the identity of an alert with these labels.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = FNV_OFFSET;
        for (name, value) in self {
            for text in [name, value] {
                hash = fnv_step(fnv(hash, text.as_bytes()), 0xFF);
            }
        }
        Fingerprint(hash)
    }
}

/// Puts a text behind a character whose code is its length; false when it is too long.
fn pack(packed: &mut String, text: &str) -> bool {
    let length = u32::try_from(text.len()).ok().and_then(char::from_u32);
    let Some(length) = length.filter(|_| text.len() <= TEXT_LEN_MAX) else { return false };
    packed.push(length);
    packed.push_str(text);
    true
}

/// Takes the first text out of those that are packed.
fn unpack<'a>(packed: &mut &'a str) -> Option<&'a str> {
    let mut rest = packed.chars();
    let length = rest.next()? as usize;
    let (text, rest) = rest.as_str().split_at_checked(length)?;
    *packed = rest;
    Some(text)
}

/// Two are equal when their pairs are, whatever they share with others.
impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Text::Whole(one), Text::Whole(other)) => one == other,
            (Text::Folded(one), Text::Folded(other)) if Arc::ptr_eq(&one.shape, &other.shape) => {
                one.own == other.own
            }
            _ => self.iter().eq(other),
        }
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.packed().hash(state);
    }
}

/// Where an FNV-1a 64 hash begins.
pub const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues an FNV-1a 64 hash; the hash for everything that is stored, because it never changes.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().copied().fold(hash, fnv_step)
}

fn fnv_step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Writes the set as a matcher that selects exactly it: `alertname="X", severity="critical"`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// The pairs of a label set; made by [`Labels::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(Rest<'a>);

/// What is still to come, in either form.
#[derive(Clone, Debug)]
enum Rest<'a> {
    Whole(&'a str),
    Folded(core::slice::Iter<'a, ShapePair>, &'a str),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Rest::Whole(packed) => Some((unpack(packed)?, unpack(packed)?)),
            Rest::Folded(shape, own) => {
                let (name, value) = shape.next()?;
                Some((&**name, value.as_deref().or_else(|| unpack(own))?))
            }
        }
    }
}

#[cfg(test)]
impl Labels {
    /// Returns the bytes that it shares with no other set.
    pub(super) fn own_bytes(&self) -> usize {
        match &self.0 {
            Text::Whole(packed) => packed.len(),
            Text::Folded(folded) => folded.own.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::build(&mut pairs.to_vec()).unwrap()
    }

    #[test]
    fn the_fingerprint_is_alertmanagers() {
        // Vectors of Alertmanager: api/v2/api_test.go and the empty set of common/model.
        for (pairs, digits) in [
            (&[("severity", "critical"), ("alertname", "alert1")][..], "0223b772b51c29e1"),
            (&[], "cbf29ce484222325"),
        ] {
            assert_eq!(labels(pairs).fingerprint().to_string(), digits);
            assert_eq!(digits.parse(), Ok(labels(pairs).fingerprint()));
        }
    }

    #[test]
    fn a_fingerprint_needs_sixteen_hexadecimal_digits() {
        for bad in ["", "12", "0223b772b51c29e1f", "+223b772b51c29e1", "0223b772b51c29eg"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint(bad.into())));
        }
    }

    #[test]
    fn what_cannot_be_held_is_refused_by_name() {
        let twice = Labels::build(&mut [("a", "1"), ("b", ""), ("a", "2")]);
        assert_eq!(twice, Err(LabelsError::Duplicate("a".into())));
        let long = "x".repeat(TEXT_LEN_MAX + 1);
        let error = Labels::build(&mut [("a", &long)]).unwrap_err();
        assert_eq!(error, LabelsError::TooLong { name: "a".into(), len: TEXT_LEN_MAX + 1 });
        let longest = "x".repeat(TEXT_LEN_MAX);
        assert_eq!(labels(&[("a", &longest)]).get("a"), Some(&*longest));
    }

    #[test]
    fn a_packed_text_is_taken_back_only_whole_and_sorted() {
        let packed = labels(&[("a", "1"), ("bc", ""), ("d", "long")]).packed().into_owned();
        assert_eq!(Labels::from_packed(&packed).unwrap().packed(), packed);
        assert_eq!(Labels::from_packed(""), Some(Labels::empty()));
        let ends = [4, 8, packed.len()];
        for cut in (1..packed.len()).filter(|cut| !ends.contains(cut)) {
            let part = packed.get(..cut).unwrap();
            assert_eq!(Labels::from_packed(part), None, "cut at {cut}");
        }
        for bad in ["\u{1}b\u{0}\u{1}a\u{0}", "\u{1}a\u{0}\u{1}a\u{0}", "\u{1}é\u{0}"] {
            assert_eq!(Labels::from_packed(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_pair_comes_back_in_order(map in proptest::collection::btree_map(".{0,40}", ".{0,300}", 0..12)) {
            let mut pairs: Vec<(&str, &str)> = map.iter().map(|(n, v)| (&**n, &**v)).rev().collect();
            let set = Labels::build(&mut pairs).unwrap();
            let back: Vec<_> = set.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(back, map.clone().into_iter().collect::<Vec<_>>());
            for (name, value) in &map {
                prop_assert_eq!(set.get(name), Some(&**value));
            }
        }
    }
}
